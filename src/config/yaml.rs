//! YAML as a tree that knows where each of its nodes stands.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{MessageFormatter, Spanned, UserMessageFormatter, options::DuplicateKeyPolicy};

use super::{Location, problem};

/// A node and its place.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) at: Location,
    pub(super) node: Node,
}

/// A key of a mapping and its place.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) at: Location,
    pub(super) text: String,
}

/// The members of a mapping, in the order of the file.
pub(super) type Members = Vec<(Key, Item)>;

/// What stands at a place.
#[derive(Debug)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    /// A text that `${NAME}` had a part in: it may as well mean a number or a boolean.
    Filled(String),
    /// A text that is wrong and has been reported.
    Broken,
    List(Vec<Item>),
    Map(Members),
}

impl Node {
    /// The node for people. With `value` a scalar is quoted, else only its kind is told.
    pub(super) fn describe(&self, value: bool) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Bool(it) if value => it.to_string(),
            Self::Int(it) if value => it.to_string(),
            Self::Float(it) if value => it.to_string(),
            Self::Text(it) if value => format!("\"{}\"", problem::shown(it)),
            Self::Bool(_) => "a boolean".to_owned(),
            Self::Int(_) | Self::Float(_) => "a number".to_owned(),
            Self::Text(_) | Self::Broken => "a text".to_owned(),
            Self::Filled(_) => "a text from the environment".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// Parses one document. What is wrong is told with its place.
pub(super) fn parse(text: &str) -> Result<Item, (Location, String)> {
    let options = serde_saphyr::options! {
        // All problems are told at once, so a repeated key must not end the parse.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // `off` and `no` stay the words that they are.
        strict_booleans: true,
        reject_unsupported_tags: true,
        // A snippet could show a hash.
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let at = error.location().map_or(Location::START, location);
        let what = UserMessageFormatter.format_message(error.without_snippet());
        let what = problem::escaped(&what);
        (
            at,
            format!("cannot read this YAML: {what}{}", hint(text, at)),
        )
    })
}

/// Help for two things that mean something else to YAML than to whoever wrote them.
fn hint(text: &str, at: Location) -> &'static str {
    let line = at.line.try_into().map_or("", |line: usize| {
        text.lines().nth(line.saturating_sub(1)).unwrap_or_default()
    });
    if line.contains("]:") {
        "; put an address with brackets in quotes, as in \"[::]:8080\""
    } else if line.contains("${") {
        "; between braces or brackets put ${NAME} in quotes, as in { secret: \"${NAME}\" }"
    } else {
        ""
    }
}

/// Calls `tell` for each key that its mapping has already, with the place of the first.
pub(super) fn repeated(item: &Item, tell: &mut impl FnMut(&Key, Location)) {
    match &item.node {
        Node::List(items) => items.iter().for_each(|item| repeated(item, tell)),
        Node::Map(members) => {
            let mut seen = std::collections::HashMap::new();
            for (key, item) in members {
                let first = *seen.entry(key.text.as_str()).or_insert(key.at);
                if first != key.at {
                    tell(key, first);
                }
                repeated(item, tell);
            }
        }
        _ => {}
    }
}

fn location(at: serde_saphyr::Location) -> Location {
    Location {
        line: at.line(),
        column: at.column(),
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(|it| Self {
            at: location(it.referenced),
            node: it.value,
        })
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(|it| Self {
            at: location(it.referenced),
            text: it.value,
        })
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNode)
    }
}

struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, it: bool) -> Result<Node, E> {
        Ok(Node::Bool(it))
    }

    fn visit_i64<E>(self, it: i64) -> Result<Node, E> {
        Ok(Node::Int(it.into()))
    }

    fn visit_u64<E>(self, it: u64) -> Result<Node, E> {
        Ok(Node::Int(it.into()))
    }

    fn visit_f64<E>(self, it: f64) -> Result<Node, E> {
        Ok(Node::Float(it))
    }

    fn visit_str<E>(self, it: &str) -> Result<Node, E> {
        Ok(Node::Text(it.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = entries.next_entry()? {
            members.push(member);
        }
        Ok(Node::Map(members))
    }
}

/// As JSON, members in their order.
impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.node {
            Node::Null | Node::Broken => serializer.serialize_unit(),
            Node::Bool(it) => serializer.serialize_bool(*it),
            Node::Int(it) => serializer.serialize_i128(*it),
            Node::Float(it) => serializer.serialize_f64(*it),
            Node::Text(it) | Node::Filled(it) => serializer.serialize_str(it),
            Node::List(items) => serializer.collect_seq(items),
            Node::Map(members) => {
                serializer.collect_map(members.iter().map(|(key, item)| (&key.text, item)))
            }
        }
    }
}
