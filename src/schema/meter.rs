//! A view of a message that counts the work done on it, so that no message makes a check dear.
//!
//! The validator lists every error of a message, and the errors of every branch of a nested `anyOf`
//! multiply with the depth. Nothing in it can stop that, but it sees the message only through this
//! view: once the [`Meter`] has run out, every array and object in the view is empty, so that the
//! walk comes home at once.

use std::{borrow::Cow, cell::Cell, ops::ControlFlow};

use jsonschema::{
    JsonType,
    json::{Array, Json, Node, NodeIdentity, Object},
};
use serde_json::{Number, Value};

use crate::json::{self, Escapes, Kind};

/// How much work is left.
#[derive(Debug)]
pub(super) struct Meter {
    steps: Cell<u64>,
    errors: Cell<u32>,
}

impl Meter {
    /// For so many steps, of which one is a member or item visited, or 64 bytes of a string read;
    /// and so many errors.
    pub(super) fn new(steps: u64, errors: u32) -> Self {
        Self {
            steps: Cell::new(steps),
            errors: Cell::new(errors),
        }
    }

    /// Whether it has run out. What a validator says after that means nothing.
    pub(super) fn is_spent(&self) -> bool {
        self.steps.get() == 0 || self.errors.get() == 0
    }

    fn spend(&self, steps: u64) {
        self.steps.set(self.steps.get().saturating_sub(steps));
    }
}

/// The representation of JSON whose nodes are [`Metered`].
pub(super) struct MeteredJson;

impl Json for MeteredJson {
    type Node<'a> = Metered<'a>;
    type PreparedKey = String;
    type StringBuffer = String;

    // Both hold for the tape that lies under this view.
    const KEYS_PER_LOOKUP: usize = 4;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>(
        buffer: &mut String,
        string: &str,
        f: impl FnOnce(Metered<'_>) -> T,
    ) -> T {
        string.clone_into(buffer);
        f(Metered {
            what: What::Name(buffer),
            meter: None,
        })
    }
}

/// A value of a message under a meter.
#[derive(Clone, Copy)]
pub(super) struct Metered<'a> {
    what: What<'a>,
    /// `None` only for a string that no message holds.
    meter: Option<&'a Meter>,
}

#[derive(Clone, Copy)]
enum What<'a> {
    Value(json::Node<'a>),
    /// The name of a member, as `propertyNames` judges it.
    Name(&'a str),
}

impl<'a> Metered<'a> {
    /// `value`, all work on which is counted in `meter`.
    pub(super) fn new(value: json::Node<'a>, meter: &'a Meter) -> Self {
        Self::within(value, Some(meter))
    }

    fn within(value: json::Node<'a>, meter: Option<&'a Meter>) -> Self {
        Self {
            what: What::Value(value),
            meter,
        }
    }

    fn is_spent(&self) -> bool {
        self.meter.is_some_and(Meter::is_spent)
    }

    fn spend_on(&self, text: &str) {
        if let Some(meter) = self.meter {
            meter.spend(text.len() as u64 / 64);
        }
    }

    fn kind(&self) -> Kind {
        match self.what {
            What::Value(value) => value.kind(),
            What::Name(_) => Kind::String,
        }
    }

    /// The value, if it is of this kind.
    fn of_kind(&self, kind: Kind) -> Option<json::Node<'a>> {
        match self.what {
            What::Value(value) if value.kind() == kind => Some(value),
            _ => None,
        }
    }

    /// The value, if it is a string, in the way that takes the least work to get at.
    pub(super) fn written(&self) -> Option<Written<'a>> {
        match self.what {
            What::Value(value) if value.escapes() == Escapes::Short => {
                let raw = value.raw_string()?;
                self.spend_on(raw);
                Some(Written::Escaped(if self.is_spent() { "" } else { raw }))
            }
            _ => self.as_string().map(Written::Plainly),
        }
    }

    fn text(&self) -> Option<Cow<'a, str>> {
        match self.what {
            What::Value(value) => value.string(),
            What::Name(name) => Some(Cow::Borrowed(name)),
        }
    }
}

/// A string of a message.
pub(super) enum Written<'a> {
    /// What it says.
    Plainly(Cow<'a, str>),
    /// As it stands in the message, with [short](Escapes::Short) escapes.
    Escaped(&'a str),
}

/// Whether an error was found while the meter still ran, by what stands in it for the value that it
/// is about.
pub(super) fn was_found_in_time(stand_in: &Value) -> bool {
    !stand_in.is_null()
}

impl<'a> Node<'a, MeteredJson> for Metered<'a> {
    type Object = MeteredObject<'a>;
    type Array = MeteredArray<'a>;
    type Number = Number;

    fn as_object(&self) -> Option<MeteredObject<'a>> {
        let object = self.of_kind(Kind::Object)?;
        Some(MeteredObject {
            object,
            meter: self.meter,
        })
    }

    fn as_array(&self) -> Option<MeteredArray<'a>> {
        let array = self.of_kind(Kind::Array)?;
        Some(MeteredArray {
            array,
            meter: self.meter,
        })
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        if self.is_spent() {
            return self.is_string().then_some(Cow::Borrowed(""));
        }
        let text = self.text()?;
        self.spend_on(&text);
        Some(if self.is_spent() {
            Cow::Borrowed("")
        } else {
            text
        })
    }

    fn as_number(&self) -> Option<Number> {
        self.of_kind(Kind::Number)?.number()
    }

    fn as_boolean(&self) -> Option<bool> {
        match self.kind() {
            Kind::True => Some(true),
            Kind::False => Some(false),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    fn is_number(&self) -> bool {
        self.kind() == Kind::Number
    }

    fn json_type(&self) -> JsonType {
        match self.kind() {
            Kind::Null => JsonType::Null,
            Kind::True | Kind::False => JsonType::Boolean,
            Kind::Number => JsonType::Number,
            Kind::String => JsonType::String,
            Kind::Array => JsonType::Array,
            Kind::Object => JsonType::Object,
        }
    }

    fn string_length(&self) -> Option<u64> {
        self.text().map(|text| text.chars().count() as u64)
    }

    fn string_length_within(&self, min: u64, max: u64) -> Option<bool> {
        let raw = match self.what {
            What::Value(value) => value.raw_string()?,
            What::Name(name) => name,
        };
        // A character is at most twelve bytes where it is escaped, and at least one.
        let bytes = raw.len() as u64;
        if bytes <= max && bytes / 12 >= min {
            return Some(true);
        }
        self.string_length()
            .map(|length| (min..=max).contains(&length))
    }

    fn equals_value(&self, expected: &Value) -> bool {
        match expected {
            Value::Null => self.is_null(),
            Value::Bool(expected) => self.as_boolean() == Some(*expected),
            Value::String(expected) => self.text().is_some_and(|text| text == *expected),
            Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                let like = match expected {
                    Value::Number(_) => Kind::Number,
                    Value::Array(_) => Kind::Array,
                    _ => Kind::Object,
                };
                let value = self.of_kind(like);
                value.is_some_and(|value| (&value.to_value()).equals_value(expected))
            }
        }
    }

    /// What an error holds of the value: only whether the meter still ran, and the name of a
    /// member, which its path needs. So an error cannot tell a value, and costs no copy of one.
    fn to_value(&self) -> Cow<'a, Value> {
        let spent = self.is_spent();
        if let Some(meter) = self.meter {
            meter.errors.set(meter.errors.get().saturating_sub(1));
        }
        Cow::Owned(match (spent, self.what) {
            (true, _) => Value::Null,
            (false, What::Name(name)) => Value::String(name.to_owned()),
            (false, What::Value(_)) => Value::Bool(true),
        })
    }

    fn identity(&self) -> Option<NodeIdentity> {
        match self.what {
            // All values of one check are on one tape.
            What::Value(value) => Some(NodeIdentity::tagged(0, value.index())),
            What::Name(name) => Some(NodeIdentity::new(name.as_ptr() as usize)),
        }
    }
}

/// An object under a meter.
pub(super) struct MeteredObject<'a> {
    object: json::Node<'a>,
    meter: Option<&'a Meter>,
}

impl<'a> Object<'a, MeteredJson> for MeteredObject<'a> {
    type Node = Metered<'a>;
    type MemberName = &'a str;
    type MembersIter = Members<'a>;

    fn len(&self) -> usize {
        self.object.len()
    }

    fn get(&self, key: &String) -> Option<Metered<'a>> {
        step(self.meter)?;
        let value = self.object.get(key)?;
        Some(Metered::within(value, self.meter))
    }

    fn members(&self) -> Members<'a> {
        Members {
            inner: self.object.members(),
            meter: self.meter,
        }
    }

    fn try_for_each_name_node<B>(
        &self,
        _: &mut String,
        mut f: impl FnMut(Metered<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        for (name, _) in self.members() {
            f(Metered {
                what: What::Name(name),
                meter: self.meter,
            })?;
        }
        ControlFlow::Continue(())
    }
}

/// The members of an object, until the meter has run out.
pub(super) struct Members<'a> {
    inner: json::Members<'a>,
    meter: Option<&'a Meter>,
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, Metered<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        step(self.meter)?;
        let (name, value) = self.inner.next()?;
        Some((name, Metered::within(value, self.meter)))
    }
}

/// An array under a meter.
pub(super) struct MeteredArray<'a> {
    array: json::Node<'a>,
    meter: Option<&'a Meter>,
}

impl<'a> Array<'a, MeteredJson> for MeteredArray<'a> {
    type Node = Metered<'a>;
    type ElementsIter = Elements<'a>;

    fn len(&self) -> usize {
        self.array.len()
    }

    fn elements(&self) -> Elements<'a> {
        Elements {
            inner: self.array.items(),
            meter: self.meter,
        }
    }

    fn is_unique(&self) -> bool {
        let items: Vec<Value> = self.array.items().map(json::Node::to_value).collect();
        items.as_slice().is_unique()
    }
}

/// The items of an array, until the meter has run out.
pub(super) struct Elements<'a> {
    inner: json::Items<'a>,
    meter: Option<&'a Meter>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Metered<'a>;

    fn next(&mut self) -> Option<Metered<'a>> {
        step(self.meter)?;
        let value = self.inner.next()?;
        Some(Metered::within(value, self.meter))
    }
}

/// Takes one step, if there is one left to take.
fn step(meter: Option<&Meter>) -> Option<()> {
    let Some(meter) = meter else {
        return Some(());
    };
    if meter.is_spent() {
        return None;
    }
    meter.spend(1);
    Some(())
}
