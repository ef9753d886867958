//! A view of a message that counts the work done on it, so that no message makes a check dear.
//!
//! The validator lists every error of a message, and the errors of every branch of a nested `anyOf`
//! multiply with the depth. Nothing in it can stop that, but it sees the message only through this
//! view: once the [`Meter`] has run out, every array and object in the view is empty, so that the
//! walk comes home at once.

use std::{borrow::Cow, cell::Cell, ops::ControlFlow, slice};

use jsonschema::{
    JsonType,
    json::{Array, Json, Node, NodeIdentity, Object},
};
use serde_json::{Map, Number, Value, map};

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
    type StringBuffer = Value;

    // Both hold for the map and the tree of `serde_json` that lie under this view.
    const KEYS_PER_LOOKUP: usize = 2;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>(
        buffer: &mut Value,
        string: &str,
        f: impl FnOnce(Metered<'_>) -> T,
    ) -> T {
        *buffer = Value::String(string.to_owned());
        f(Metered {
            value: buffer,
            meter: None,
            is_name: true,
        })
    }
}

/// A value of a message under a meter.
#[derive(Clone, Copy)]
pub(super) struct Metered<'a> {
    value: &'a Value,
    /// `None` only for a string that no message holds.
    meter: Option<&'a Meter>,
    /// It is the name of a member, as `propertyNames` judges it.
    is_name: bool,
}

impl<'a> Metered<'a> {
    /// `value`, all work on which is counted in `meter`.
    pub(super) fn new(value: &'a Value, meter: &'a Meter) -> Self {
        Self::within(value, Some(meter))
    }

    fn within(value: &'a Value, meter: Option<&'a Meter>) -> Self {
        Self {
            value,
            meter,
            is_name: false,
        }
    }

    fn is_spent(&self) -> bool {
        self.meter.is_some_and(Meter::is_spent)
    }
}

/// Whether an error was found while the meter still ran, by what stands in it for the value that it
/// is about.
pub(super) fn was_found_in_time(stand_in: &Value) -> bool {
    !stand_in.is_null()
}

impl<'a> Node<'a, MeteredJson> for Metered<'a> {
    type Object = MeteredObject<'a>;
    type Array = MeteredArray<'a>;
    type Number = &'a Number;

    fn as_object(&self) -> Option<MeteredObject<'a>> {
        self.value.as_object().map(|members| MeteredObject {
            members,
            meter: self.meter,
        })
    }

    fn as_array(&self) -> Option<MeteredArray<'a>> {
        self.value.as_array().map(|items| MeteredArray {
            items,
            meter: self.meter,
        })
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        let text = self.value.as_str()?;
        if let Some(meter) = self.meter {
            meter.spend(text.len() as u64 / 64);
        }
        Some(Cow::Borrowed(if self.is_spent() { "" } else { text }))
    }

    fn as_number(&self) -> Option<&'a Number> {
        self.value.as_number()
    }

    fn as_boolean(&self) -> Option<bool> {
        self.value.as_bool()
    }

    fn is_null(&self) -> bool {
        self.value.is_null()
    }

    fn json_type(&self) -> JsonType {
        match self.value {
            Value::Null => JsonType::Null,
            Value::Bool(_) => JsonType::Boolean,
            Value::Number(_) => JsonType::Number,
            Value::String(_) => JsonType::String,
            Value::Array(_) => JsonType::Array,
            Value::Object(_) => JsonType::Object,
        }
    }

    fn string_length(&self) -> Option<u64> {
        self.value.string_length()
    }

    fn string_length_within(&self, min: u64, max: u64) -> Option<bool> {
        self.value.string_length_within(min, max)
    }

    fn equals_value(&self, expected: &Value) -> bool {
        self.value.equals_value(expected)
    }

    /// What an error holds of the value: only whether the meter still ran, and the name of a
    /// member, which its path needs. So an error cannot tell a value, and costs no copy of one.
    fn to_value(&self) -> Cow<'a, Value> {
        let spent = self.is_spent();
        if let Some(meter) = self.meter {
            meter.errors.set(meter.errors.get().saturating_sub(1));
        }
        Cow::Owned(match (spent, self.is_name) {
            (true, _) => Value::Null,
            (false, true) => self.value.clone(),
            (false, false) => Value::Bool(true),
        })
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref(self.value) as usize))
    }
}

/// An object under a meter.
pub(super) struct MeteredObject<'a> {
    members: &'a Map<String, Value>,
    meter: Option<&'a Meter>,
}

impl<'a> Object<'a, MeteredJson> for MeteredObject<'a> {
    type Node = Metered<'a>;
    type MemberName = &'a str;
    type MembersIter = Members<'a>;

    fn len(&self) -> usize {
        self.members.len()
    }

    fn get(&self, key: &String) -> Option<Metered<'a>> {
        step(self.meter)?;
        let value = self.members.get(key)?;
        Some(Metered::within(value, self.meter))
    }

    fn members(&self) -> Members<'a> {
        Members {
            inner: self.members.iter(),
            meter: self.meter,
        }
    }

    fn try_for_each_name_node<B>(
        &self,
        buffer: &mut Value,
        mut f: impl FnMut(Metered<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        for (name, _) in self.members() {
            *buffer = Value::String(name.to_owned());
            f(Metered {
                value: buffer,
                meter: self.meter,
                is_name: true,
            })?;
        }
        ControlFlow::Continue(())
    }
}

/// The members of an object, until the meter has run out.
pub(super) struct Members<'a> {
    inner: map::Iter<'a>,
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
    items: &'a [Value],
    meter: Option<&'a Meter>,
}

impl<'a> Array<'a, MeteredJson> for MeteredArray<'a> {
    type Node = Metered<'a>;
    type ElementsIter = Elements<'a>;

    fn len(&self) -> usize {
        self.items.len()
    }

    fn elements(&self) -> Elements<'a> {
        Elements {
            inner: self.items.iter(),
            meter: self.meter,
        }
    }

    fn is_unique(&self) -> bool {
        self.items.is_unique()
    }
}

/// The items of an array, until the meter has run out.
pub(super) struct Elements<'a> {
    inner: slice::Iter<'a, Value>,
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
