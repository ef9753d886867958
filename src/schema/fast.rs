//! A second validator of a schema, which gives the same verdicts sooner and explains none.
//!
//! It is made of a copy of the schema, in which the patterns that a [`Matcher`] is better at stand under a
//! keyword of our own. jsonschema holds such a keyword against a value after its own keywords, and tells
//! its errors after theirs; so that what a sender is told stays as it is, the validator of the schema
//! itself tells it.

use std::{collections::HashMap, error::Error, sync::Arc};

use jsonschema::{Keyword, Retrieve, Uri, ValidationError, ValidationOptions, Validator};
use serde_json::Value;
use url::Url;

use super::{
    files::Document,
    meter::{Metered, MeteredJson, Written},
    pattern::Matcher,
};

/// No schema has a member of this name.
const KEYWORD: &str = "intercessor: pattern over bytes";

/// What holds values and no schemas.
const VALUES: [&str; 4] = ["const", "enum", "default", "examples"];

/// Of the automata of one schema.
const MAX_BYTES: usize = 1024 * 1024;

pub(super) type Options = ValidationOptions<'static, Arc<dyn Retrieve>, MeteredJson>;

/// The second validator of the schema `root`, which refers to `files`. `None` where it would not be faster.
///
/// `options` are those of the first one, which has accepted them all.
pub(super) fn build(
    options: Options,
    root: &Value,
    files: Vec<Document>,
) -> Option<Validator<MeteredJson>> {
    let mut patterns = Patterns::default();
    let mut root = root.clone();
    patterns.take_from(&mut root);
    let files = files.into_iter().map(|mut file| {
        patterns.take_from(&mut file.contents);
        (file.url, file.contents)
    });
    let copies = Copies(files.collect());
    let matchers = patterns.matchers;
    if matchers.values().all(Option::is_none) {
        return None;
    }
    options
        .with_retriever(copies)
        .with_keyword(KEYWORD, move |_, pattern, _| {
            let matcher = pattern.as_str().and_then(|it| matchers.get(it)?.clone());
            let matcher = matcher.ok_or_else(|| ValidationError::schema("no such pattern"))?;
            Ok(Box::new(Pattern(matcher)))
        })
        .build(&root)
        .ok()
}

/// The patterns of a schema.
#[derive(Default)]
pub(super) struct Patterns {
    /// With what tells whether a text matches, where that is better than jsonschema.
    matchers: HashMap<String, Option<Arc<Matcher>>>,
    bytes: usize,
}

impl Patterns {
    /// Gives the patterns in `schema` that have a matcher the keyword of our own.
    pub(super) fn take_from(&mut self, schema: &mut Value) {
        match schema {
            Value::Array(items) => items.iter_mut().for_each(|item| self.take_from(item)),
            Value::Object(members) => {
                let pattern = members.get("pattern").and_then(Value::as_str);
                if pattern.is_some_and(|pattern| self.have(pattern))
                    && let Some(pattern) = members.remove("pattern")
                {
                    members.insert(KEYWORD.to_owned(), pattern);
                }
                for (name, below) in members {
                    if !VALUES.contains(&name.as_str()) {
                        self.take_from(below);
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether there is a matcher for `pattern`.
    fn have(&mut self, pattern: &str) -> bool {
        if let Some(known) = self.matchers.get(pattern) {
            return known.is_some();
        }
        let matcher = Matcher::new(pattern);
        let matcher = matcher.filter(|it| self.bytes + it.bytes() <= MAX_BYTES);
        self.bytes += matcher.as_ref().map_or(0, Matcher::bytes);
        let found = matcher.is_some();
        self.matchers
            .insert(pattern.to_owned(), matcher.map(Arc::new));
        found
    }
}

#[cfg(test)]
impl Patterns {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The files of a schema, as the second validator gets them.
struct Copies(HashMap<Url, Value>);

impl Retrieve for Copies {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let file = self.0.get(&Url::parse(uri.as_str())?);
        file.cloned().ok_or_else(|| "not read before".into())
    }
}

/// The keyword of our own.
struct Pattern(Arc<Matcher>);

impl<'a> Keyword<'a, MeteredJson> for Pattern {
    fn validate(&self, value: Metered<'a>) -> Result<(), ValidationError<'a>> {
        match Keyword::<MeteredJson>::is_valid(self, value) {
            true => Ok(()),
            false => Err(ValidationError::custom("does not match")),
        }
    }

    fn is_valid(&self, value: Metered<'a>) -> bool {
        match value.written() {
            None => true,
            Some(Written::Plainly(text)) => self.0.is_match(&text),
            Some(Written::Escaped(raw)) => self.0.is_match_escaped(raw),
        }
    }
}
