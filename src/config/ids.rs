//! `ids`: how ids are made, and whether that is enough randomness.

use super::{IdStyle, Ids, section::Section};
use crate::{
    envelope::RELAY,
    ids::{MAX_ID_BYTES, is_id},
};

/// What one word of the list gives: log2 of 2048 words.
const BITS_A_WORD: f64 = 11.0;
/// So many words of up to 8 letters, joined by `-`, are no longer than an id may be.
const MOST_WORDS: i128 = 7;
/// Knowing a server's id is the right to join it, so it must not be guessed.
const SERVER_BITS: f64 = 64.0;

/// Both kinds of ids, those of clients for rooms of `clients`.
pub(super) fn read(s: &mut Section<'_>, clients: usize) -> Ids {
    Ids {
        server: s.section("server", |s| {
            style(s, SERVER_BITS, "so that nobody can guess one")
        }),
        // Half of all possible ids stay free, so that a new one is soon found.
        client: s.section("client", |s| {
            style(
                s,
                (clients as f64).log2() + 1.0,
                "so that `limits.clients_per_server` can have one each",
            )
        }),
    }
}

fn style(s: &mut Section<'_>, least_bits: f64, why: &str) -> IdStyle {
    let in_words = s.or("style", false, |v| {
        v.choice(&[("nanoid", false), ("words", true)])
    });
    let length = s.or("length", 21, |v| v.count(1..=MAX_ID_BYTES as i128));
    let alphabet = s.or("alphabet", url_safe(), |v| v.parsed(alphabet));
    let words = s.or("words", 6, |v| v.count(1..=MOST_WORDS));
    for (key, style, fits) in [
        ("length", "nanoid", !in_words),
        ("alphabet", "nanoid", !in_words),
        ("words", "words", in_words),
    ] {
        if s.has(key) && !fits {
            s.refuse::<()>(format!(
                "`{key}` belongs to `style: {style}`; change the one or remove the other"
            ));
        }
    }
    let bits = if in_words {
        words as f64 * BITS_A_WORD
    } else {
        length as f64 * (alphabet.len() as f64).log2()
    };
    if bits < least_bits {
        let longer = if in_words { "words" } else { "length" };
        s.refuse::<()>(format!(
            "these ids have {bits:.0} bits of entropy and need {least_bits:.0} {why}; raise `{longer}`"
        ));
    }
    if in_words {
        IdStyle::Words { words }
    } else {
        IdStyle::Nanoid { length, alphabet }
    }
}

fn alphabet(text: &str) -> Result<Vec<char>, &'static str> {
    let mut once: Vec<char> = text.chars().collect();
    once.sort_unstable();
    once.dedup();
    if !text.chars().all(|c| is_id(c.encode_utf8(&mut [0; 4]))) {
        Err("an id is made of A-Z a-z 0-9 _ - only")
    } else if once.len() < text.chars().count() {
        Err("each character may be there once")
    } else if once.len() < 2 {
        Err("it needs at least two characters")
    } else {
        Ok(text.chars().collect())
    }
}

/// A fixed id.
pub(super) fn fixed(text: &str) -> Result<String, &'static str> {
    if text == RELAY {
        Err("0 is the relay itself; choose another id")
    } else if is_id(text) {
        Ok(text.to_owned())
    } else {
        Err("an id is 1 to 64 of A-Z a-z 0-9 _ -")
    }
}

fn url_safe() -> Vec<char> {
    ('A'..='Z')
        .chain('a'..='z')
        .chain('0'..='9')
        .chain(['_', '-'])
        .collect()
}
