//! Finding the reference in a schema that cannot be followed, to name its place.

use serde_json::Value;
use url::Url;

use super::{files::Document, text};

/// A reference as written in a schema.
pub(super) struct Reference {
    /// Its place in the document, as a JSON pointer.
    pub(super) pointer: String,
    /// What is written there.
    pub(super) text: String,
    /// What it means there; `None` where it is no URL.
    pub(super) url: Option<Url>,
}

impl Reference {
    /// Whether it points to `fragment`, with or without the `#`.
    pub(super) fn fragment_is(&self, fragment: &str) -> bool {
        let own = self.text.split_once('#').map_or("", |(_, own)| own);
        own == fragment.trim_start_matches('#')
    }
}

/// The first reference in `document` that `is_wanted`.
///
/// It looks at every member of that name, also at one that is no keyword where it stands. That is
/// good enough for a sentence.
pub(super) fn find(
    document: &Document,
    is_wanted: impl Fn(&Reference) -> bool,
) -> Option<Reference> {
    let mut rest = vec![(
        &document.contents,
        String::new(),
        Some(document.url.clone()),
    )];
    while let Some((value, pointer, base)) = rest.pop() {
        let base = with_id(value, base);
        for (name, below) in children(value).into_iter().rev() {
            let mut pointer = pointer.clone();
            text::push_segment(&mut pointer, &name);
            match below.as_str() {
                Some(text) if is_keyword(&name) => {
                    let reference = Reference {
                        pointer,
                        text: text.to_owned(),
                        url: base.as_ref().and_then(|base| base.join(text).ok()),
                    };
                    if is_wanted(&reference) {
                        return Some(reference);
                    }
                }
                _ => rest.push((below, pointer, base.clone())),
            }
        }
    }
    None
}

fn is_keyword(name: &str) -> bool {
    matches!(
        name,
        "$ref" | "$dynamicRef" | "$recursiveRef" | "$schema" | "$id" | "id"
    )
}

/// The base of the references within `value`.
fn with_id(value: &Value, base: Option<Url>) -> Option<Url> {
    let id = value.get("$id").or_else(|| value.get("id"));
    match (id.and_then(Value::as_str), base) {
        (Some(id), Some(base)) => base.join(id).ok(),
        (Some(id), None) => Url::parse(id).ok(),
        (None, base) => base,
    }
}

fn children(value: &Value) -> Vec<(String, &Value)> {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), member))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| (index.to_string(), item))
            .collect(),
        _ => Vec::new(),
    }
}
