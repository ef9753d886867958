//! The text of a message as a value, of which every parser would read the same.

use std::{cell::RefCell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, map::Entry};

use super::text;

/// Deeper than any message that may pass; it only keeps the stack safe should a caller not look.
const MAX_LEVELS: usize = 256;

/// Of a JSON pointer in a sentence.
const POINTER_BYTES: usize = 160;

/// Why a text was not read: one plain sentence that says where, and tells no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageError(String);

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for MessageError {}

/// Reads the JSON text of a `message`.
///
/// # Errors
/// What two parsers could read differently is refused: a member that is there twice, at any depth,
/// a number beyond the range of a double, and a `\u` escape that is half a surrogate pair; besides
/// what is not JSON. A number with more digits than a double holds is read as the nearest one, as
/// every browser does.
pub fn parse_message(text: &str) -> Result<Value, MessageError> {
    let parser = Parser::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    deserializer.disable_recursion_limit();
    let root = Place {
        parser: &parser,
        parent: None,
        step: Step::Root,
        level: 0,
    };
    root.deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| parser.explain(&error))
}

/// What the parts of one parse share.
#[derive(Default)]
struct Parser {
    /// Where it failed, as a JSON pointer. Set by the innermost place, then left alone.
    failed_at: RefCell<Option<String>>,
}

impl Parser {
    fn explain(&self, error: &serde_json::Error) -> MessageError {
        let reason = error.to_string();
        let what = match reason.as_str() {
            text if text.starts_with(DUPLICATE) => "There is a second member of the same name",
            text if text.starts_with(TOO_DEEP) => "Arrays and objects are nested too deep",
            text if text.starts_with("number out of range") => {
                "There is a number beyond the range of a double"
            }
            text if text.contains("surrogate")
                || text.starts_with("unexpected end of hex escape") =>
            {
                r"There is a \u escape that is only half of a surrogate pair"
            }
            _ => return MessageError(format!("This is not JSON: {}.", text::cut(&reason, 200))),
        };
        let pointer = self.failed_at.borrow();
        let place = text::place(pointer.as_deref().unwrap_or_default(), POINTER_BYTES);
        MessageError(format!("{what} at {place}."))
    }
}

const DUPLICATE: &str = "duplicate member";
const TOO_DEEP: &str = "too deep";

/// A place in the text. It knows the way back to the top, so that a path costs nothing until it is
/// told.
#[derive(Clone, Copy)]
struct Place<'a> {
    parser: &'a Parser,
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
    level: usize,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Item(usize),
    Member(&'a str),
}

impl Place<'_> {
    fn below<'b>(&'b self, step: Step<'b>) -> Place<'b> {
        Place {
            parser: self.parser,
            parent: Some(self),
            step,
            level: self.level + 1,
        }
    }

    /// Notes that the text is wrong here, unless it is known to be wrong at a place within.
    fn fail<E>(&self, error: E) -> E {
        let mut failed_at = self.parser.failed_at.borrow_mut();
        if failed_at.is_none() {
            *failed_at = Some(self.pointer());
        }
        error
    }

    fn pointer(&self) -> String {
        let mut pointer = self.parent.map(Place::pointer).unwrap_or_default();
        match self.step {
            Step::Root => {}
            Step::Item(index) => text::push_segment(&mut pointer, &index.to_string()),
            Step::Member(name) => text::push_segment(&mut pointer, name),
        }
        pointer
    }

    fn check_level<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.level > MAX_LEVELS {
            return Err(self.fail(E::custom(TOO_DEEP)));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer
            .deserialize_any(self)
            .map_err(|error| self.fail(error))
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        self.check_level()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self.below(Step::Item(items.len())))? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        self.check_level()?;
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            let value = access.next_value_seed(self.below(Step::Member(&name)))?;
            match members.entry(name) {
                Entry::Vacant(vacant) => drop(vacant.insert(value)),
                Entry::Occupied(twice) => {
                    return Err(self
                        .below(Step::Member(twice.key()))
                        .fail(A::Error::custom(DUPLICATE)));
                }
            }
        }
        Ok(Value::Object(members))
    }
}
