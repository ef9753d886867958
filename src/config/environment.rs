//! `${NAME}` and `${NAME:-default}` in the texts of a parsed file.
//!
//! It works on parsed text, never on YAML, so that what a variable holds cannot change the structure.

use super::{
    Location,
    yaml::{Item, Node},
};

/// Fills in every text below `item`. `tell` is called for a variable that is not set.
pub(super) fn fill(
    item: &mut Item,
    variable: &dyn Fn(&str) -> Option<String>,
    tell: &mut dyn FnMut(Location, String),
) {
    match &mut item.node {
        Node::List(items) => items.iter_mut().for_each(|item| fill(item, variable, tell)),
        Node::Map(members) => members
            .iter_mut()
            .for_each(|(_, item)| fill(item, variable, tell)),
        Node::Text(text) => match expand(text, variable) {
            Ok(None) => {}
            Ok(Some(filled)) => item.node = Node::Filled(filled),
            Err(name) => {
                item.node = Node::Broken;
                tell(
                    item.at,
                    format!(
                        "`${{{name}}}` is not set in the environment; set it, or write `${{{name}:-default}}`"
                    ),
                );
            }
        },
        _ => {}
    }
}

/// `text` with its variables replaced, `None` where it has none, or the name of one that is not set.
fn expand(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<String>, String> {
    let mut out = String::new();
    let mut found = false;
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, after) = rest.split_at(start);
        out.push_str(before);
        if let Some((reference, tail)) = reference(&after[2..]) {
            found = true;
            out.push_str(&reference.value(variable)?);
            rest = tail;
        } else {
            out.push_str("${");
            rest = &after[2..];
        }
    }
    out.push_str(rest);
    Ok(found.then_some(out))
}

/// What stands between the braces.
struct Reference<'a> {
    name: &'a str,
    default: Option<&'a str>,
}

impl Reference<'_> {
    /// As in a shell the default also stands in for an empty variable.
    fn value(&self, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
        match (variable(self.name), self.default) {
            (Some(value), Some(default)) if value.is_empty() => Ok(default.to_owned()),
            (Some(value), _) => Ok(value),
            (None, Some(default)) => Ok(default.to_owned()),
            (None, None) => Err(self.name.to_owned()),
        }
    }
}

/// Splits `NAME}…` or `NAME:-default}…`; anything else is ordinary text.
fn reference(text: &str) -> Option<(Reference<'_>, &str)> {
    let (inside, tail) = text.split_once('}')?;
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_name = name.chars().all(word) && name.starts_with(|c: char| !c.is_ascii_digit());
    is_name.then_some((Reference { name, default }, tail))
}
