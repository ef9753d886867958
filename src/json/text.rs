//! The inside of strings.

use wide::u8x16;

/// How many bytes come before one that ends a string or is special in it: a quote, a backslash, or a control
/// character.
pub(super) fn plain_run(bytes: &[u8]) -> usize {
    let (quote, backslash) = (u8x16::splat(b'"'), u8x16::splat(b'\\'));
    let last_control = u8x16::splat(0x1f);
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk() {
        let lanes = u8x16::new(*chunk);
        let control = lanes.min(last_control).simd_eq(lanes);
        let special = (lanes.simd_eq(quote) | lanes.simd_eq(backslash) | control).to_bitmask();
        if special != 0 {
            return at + special.trailing_zeros() as usize;
        }
        at += chunk.len();
    }
    let rest = &bytes[at..];
    let special = rest.iter().position(|byte| is_special(*byte));
    at + special.unwrap_or(rest.len())
}

/// How many bytes there are of escapes that have one letter: several often come in a row, as the end of a line does.
pub(super) fn short_escapes(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(
        [
            b'\\',
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
        ],
    ) = bytes.get(at..at + 2)
    {
        at += 2;
    }
    at
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
