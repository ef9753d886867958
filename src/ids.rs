//! Ids: what they look like and how new ones are made.

use std::{borrow::Borrow, fmt, ops::Deref, sync::Arc};

use crate::{config::IdStyle, envelope::RELAY};

/// The longest id, in bytes.
pub const MAX_ID_BYTES: usize = 64;

/// Which bytes an id is made of.
const IN_IDS: [bool; 256] = {
    let mut bytes = [false; 256];
    let mut at = 0;
    while at < bytes.len() {
        let byte = at as u8;
        bytes[at] = byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        at += 1;
    }
    bytes
};

/// Is this 1 to 64 of `A-Z a-z 0-9 _ -`?
pub fn is_id(text: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(|b| IN_IDS[usize::from(b)])
}

/// The id of a peer. Its `Debug` is shortened, as in every log line: a server's id is the right to join.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId(Arc<str>);

impl PeerId {
    /// Takes a text that [`is_id`] has accepted.
    pub fn new(id: &str) -> Self {
        debug_assert!(is_id(id));
        Self(id.into())
    }

    /// A new id. It is random, not unique: whoever hands it out looks whether it is free.
    pub fn random(style: &IdStyle) -> Self {
        loop {
            let id = match style {
                IdStyle::Nanoid { length, alphabet } => nanoid::nanoid!(*length, alphabet),
                IdStyle::Words { words } => random_words(*words),
            };
            if id != RELAY {
                return Self(id.into());
            }
        }
    }

    /// The first characters, and never more than half of them: what an operator may see.
    pub fn short(&self) -> &str {
        // An id is ASCII, so any cut is between characters.
        &self.0[..(self.0.len() / 2).min(4)]
    }
}

fn random_words(count: usize) -> String {
    let list = bip39::Language::English.word_list();
    let words: Vec<&str> = (0..count)
        .map(|_| list[rand::random_range(0..list.len())])
        .collect();
    words.join("-")
}

impl Deref for PeerId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for PeerId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", self.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_1_to_64_of_a_small_alphabet() {
        for good in ["a", "0", "A-Z_9", &"x".repeat(64)] {
            assert!(is_id(good), "{good}");
        }
        for bad in ["", "a b", "ä", "a/b", "*", &"x".repeat(65)] {
            assert!(!is_id(bad), "{bad}");
        }
    }

    #[test]
    fn every_style_makes_ids_and_never_the_relays_own() {
        let zero_or_one = IdStyle::Nanoid {
            length: 1,
            alphabet: vec!['0', '1'],
        };
        for _ in 0..64 {
            assert_eq!(&*PeerId::random(&zero_or_one), "1");
        }
        let words = PeerId::random(&IdStyle::Words { words: 6 });
        assert!(is_id(&words), "{}", &*words);
        assert!(words.matches('-').count() >= 5);
    }

    #[test]
    fn a_debugged_id_is_shortened() {
        assert_eq!(format!("{:?}", PeerId::new("abcdefghi")), "abcd…");
        assert_eq!(format!("{:?}", PeerId::new("cam")), "c…");
    }
}
