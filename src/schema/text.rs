//! Pieces of what is said to people: bounded, on one line, and never cut within a character.

use std::borrow::Cow;

use serde_json::Value;

/// `text`, or its beginning and `…`, in at most `max` bytes (at least 3).
pub(super) fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(max.saturating_sub("…".len()));
    Cow::Owned(format!("{}…", &text[..end]))
}

/// The JSON pointer, or that of the innermost value around its place that has one of at most `max`
/// bytes.
pub(super) fn cut_pointer(pointer: &str, max: usize) -> &str {
    if pointer.len() <= max {
        return pointer;
    }
    let end = pointer.floor_char_boundary(max + 1);
    pointer[..end]
        .rfind('/')
        .map_or("", |border| &pointer[..border])
}

/// Puts one more step at the end of a JSON pointer.
pub(super) fn push_segment(pointer: &mut String, name: &str) {
    pointer.push('/');
    for character in name.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

/// The name at the end of a JSON pointer.
pub(super) fn last_segment(pointer: &str) -> String {
    let last = pointer.rsplit('/').next().unwrap_or_default();
    last.replace("~1", "/").replace("~0", "~")
}

/// A JSON pointer for a sentence: control characters escaped, and the document itself called by a
/// word.
pub(super) fn place(pointer: &str, max: usize) -> String {
    let cut = cut_pointer(pointer, max);
    if cut.is_empty() {
        return "the top".to_owned();
    }
    let mut place = String::with_capacity(cut.len());
    for character in cut.chars() {
        if character.is_control() {
            place.extend(character.escape_default());
        } else {
            place.push(character);
        }
    }
    place
}

/// A value of a schema as JSON, in at most `max` bytes.
pub(super) fn quote(value: &Value, max: usize) -> String {
    cut(&value.to_string(), max).into_owned()
}

/// A string of a schema as JSON, in at most `max` bytes.
pub(super) fn quote_str(text: &str, max: usize) -> String {
    quote(&Value::from(text), max)
}

/// `a`, `a or b`, `a, b or c`; as many as fit in `max` bytes.
pub(super) fn list(parts: impl IntoIterator<Item = String>, last: &str, max: usize) -> String {
    let parts: Vec<String> = parts.into_iter().collect();
    let mut text = String::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 && text.len() + part.len() > max {
            return format!("{text} … ({} in all)", parts.len());
        }
        text.push_str(match index {
            0 => "",
            _ if index + 1 == parts.len() => last,
            _ => ", ",
        });
        text.push_str(part);
    }
    text
}
