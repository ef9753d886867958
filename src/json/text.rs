//! The inside of strings.

use wide::u8x16;

/// What is looked at at once.
const BLOCK: usize = 64;
/// What a vector of the machine holds.
const LANES: usize = 16;

/// How many bytes come before one that ends a string or is special in it: a quote, a backslash, or a control
/// character.
pub(super) fn plain_run(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(lanes) = bytes[at..].first_chunk() {
        let special = special_lanes(lanes);
        if special != 0 {
            return at + special.trailing_zeros() as usize;
        }
        at += LANES;
    }
    let rest = &bytes[at..];
    let special = rest.iter().position(|byte| is_special(*byte));
    at + special.unwrap_or(rest.len())
}

/// The same beyond escapes of one letter, of which several often come in a row, as the end of a line does. `true`: there
/// was one.
pub(super) fn short_run(bytes: &[u8]) -> (usize, bool) {
    // Most names and many values end soon.
    if let Some(lanes) = bytes.first_chunk() {
        let end = special_lanes(lanes).trailing_zeros() as usize;
        if bytes.get(end) == Some(&b'"') && end < LANES {
            return (end, false);
        }
    }
    let (mut at, mut escaped) = (0, false);
    while at < bytes.len() {
        let mut special = match bytes[at..].first_chunk() {
            Some(block) => special_in(block),
            None => special_in_rest(&bytes[at..]),
        };
        let mut last = 0;
        while special != 0 {
            last = special.trailing_zeros();
            let here = at + last as usize;
            if !is_short_escape(bytes, here) {
                return (here, escaped);
            }
            escaped = true;
            special &= !(0b11 << last);
        }
        // The second half of an escape may be in the next block.
        at += BLOCK + usize::from(last == u64::BITS - 1);
    }
    (bytes.len(), escaped)
}

fn is_short_escape(bytes: &[u8], at: usize) -> bool {
    const LETTERS: [bool; 256] = {
        let mut letters = [false; 256];
        let mut all: &[u8] = b"\"\\/bfnrt";
        while let [letter, others @ ..] = all {
            letters[*letter as usize] = true;
            all = others;
        }
        letters
    };
    bytes[at] == b'\\' && bytes.get(at + 1).is_some_and(|it| LETTERS[*it as usize])
}

/// Which bytes are special, the first one by the lowest bit.
fn special_in(block: &[u8; BLOCK]) -> u64 {
    let (vectors, _) = block.as_chunks();
    let masks = vectors.iter().map(|lanes| u64::from(special_lanes(lanes)));
    masks.rev().fold(0, |above, mask| above << LANES | mask)
}

/// The same of less than a block.
#[inline(never)]
fn special_in_rest(bytes: &[u8]) -> u64 {
    let mut block = [b' '; BLOCK];
    block[..bytes.len()].copy_from_slice(bytes);
    special_in(&block)
}

fn special_lanes(bytes: &[u8; LANES]) -> u32 {
    let lanes = u8x16::new(*bytes);
    let last_control = u8x16::splat(0x1f);
    let control = lanes.min(last_control).simd_eq(lanes);
    let quote = lanes.simd_eq(u8x16::splat(b'"'));
    (quote | lanes.simd_eq(u8x16::splat(b'\\')) | control).to_bitmask()
}

fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20)
}

/// May this text stand in a JSON string as it is?
pub fn is_plain(text: &str) -> bool {
    plain_run(text.as_bytes()) == text.len()
}

/// What the inside of a JSON string says. It must be valid; half of a surrogate pair becomes U+FFFD.
pub fn unescape(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    loop {
        // Escapes often come in a row, as the end of a line does.
        if !rest.starts_with('\\') {
            let (plain, special) = rest.split_at(plain_run(rest.as_bytes()));
            text.push_str(plain);
            rest = special;
        }
        let Some((escape, after)) = rest.split_at_checked(2) else {
            return text;
        };
        rest = after;
        match escape {
            "\\b" => text.push('\u{8}'),
            "\\f" => text.push('\u{c}'),
            "\\n" => text.push('\n'),
            "\\r" => text.push('\r'),
            "\\t" => text.push('\t'),
            "\\u" => text.push(code_point(&mut rest)),
            other => text.push_str(&other[1..]),
        }
    }
}

/// Takes the digits of a `\u` escape, and with them those of the second half of a pair.
fn code_point(rest: &mut &str) -> char {
    let unit = |text: &str| u32::from_str_radix(text.get(..4)?, 16).ok();
    let first = unit(rest).unwrap_or_default();
    *rest = rest.get(4..).unwrap_or_default();
    let second = rest.strip_prefix("\\u").and_then(unit);
    match (first, second) {
        (0xd800..0xdc00, Some(second @ 0xdc00..0xe000)) => {
            *rest = rest.get(6..).unwrap_or_default();
            let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            char::from_u32(code)
        }
        _ => char::from_u32(first),
    }
    .unwrap_or(char::REPLACEMENT_CHARACTER)
}
