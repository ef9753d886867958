//! One value of a text that was read.

use std::{borrow::Cow, fmt};

use serde_json::{Map, Number, Value};

use super::{
    scan::Escapes,
    tape::{Entry, FEW, Tape},
    text::unescape,
};

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true`.
    True,
    /// `false`.
    False,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// One value of a text that was read.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    tape: &'a Tape,
    text: &'a str,
    at: u32,
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Node").field(&self.kind()).finish()
    }
}

impl<'a> Node<'a> {
    pub(super) fn new(tape: &'a Tape, text: &'a str, at: u32) -> Self {
        Self { tape, text, at }
    }

    fn entry(self) -> Entry {
        self.tape.entries[self.at as usize]
    }

    fn at(self, at: u32) -> Self {
        Self { at, ..self }
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        self.entry().kind
    }

    /// Tells it from all other values of its tape.
    pub fn index(self) -> u32 {
        self.at
    }

    /// What a string says.
    pub fn string(self) -> Option<Cow<'a, str>> {
        let raw = self.raw_string()?;
        Some(match self.escapes() {
            Escapes::None => Cow::Borrowed(raw),
            Escapes::Short | Escapes::Unicode => Cow::Owned(unescape(raw)),
        })
    }

    /// How a string is written.
    pub fn escapes(self) -> Escapes {
        self.entry().escapes
    }

    /// A string as it stands in the text.
    pub fn raw_string(self) -> Option<&'a str> {
        let entry = self.entry();
        (entry.kind == Kind::String).then(|| &self.text[entry.start as usize..entry.end as usize])
    }

    /// A number as it stands in the text.
    pub fn digits(self) -> Option<&'a str> {
        let entry = self.entry();
        (entry.kind == Kind::Number).then(|| &self.text[entry.start as usize..entry.end as usize])
    }

    /// A number: an integer where it is one that 64 bits hold, else the nearest double.
    pub fn number(self) -> Option<Number> {
        let digits = self.digits()?;
        // Short ones need no parser that knows all others.
        match digits.parse::<i64>() {
            Ok(integer) if digits != "-0" => Some(integer.into()),
            _ => serde_json::from_str(digits).ok(),
        }
    }

    /// How many items or members a container has.
    pub fn len(self) -> usize {
        self.entry().count as usize
    }

    /// Is it a container without anything in it, or no container?
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The items of an array.
    pub fn items(self) -> Items<'a> {
        Items {
            container: self,
            next: self.at + 1,
            left: self.len(),
        }
    }

    /// The members of an object, in the order of the text.
    pub fn members(self) -> Members<'a> {
        Members(self.items())
    }

    /// The member of this name.
    pub fn get(self, name: &str) -> Option<Self> {
        if self.len() <= FEW {
            return self
                .members()
                .find(|(found, _)| *found == name)
                .map(|(_, value)| value);
        }
        let start = self.entry().start as usize;
        let order = self.tape.order.get(start..start + self.len())?;
        let found = order.binary_search_by_key(&name, |at| self.name_at(*at));
        found.ok().map(|found| self.at(order[found] + 1))
    }

    /// The names of an object and the entries that they have.
    pub(super) fn names(self) -> impl Iterator<Item = (u32, &'a str)> + use<'a> {
        self.members().map(|(name, value)| (value.at - 1, name))
    }

    fn name_at(self, at: u32) -> &'a str {
        let entry = self.at(at).entry();
        let (start, end) = (entry.start as usize, entry.end as usize);
        match entry.escapes {
            Escapes::None => &self.text[start..end],
            Escapes::Short | Escapes::Unicode => &self.tape.names[start..end],
        }
    }

    /// How many values and names are in it, with itself.
    pub fn values(self) -> usize {
        (self.after() - self.at) as usize
    }

    /// How long the text is that it stands in, in bytes.
    pub fn text_bytes(self) -> usize {
        self.text.len()
    }

    /// The entry after this value and all that is in it.
    fn after(self) -> u32 {
        let entry = self.entry();
        match entry.kind {
            Kind::Array | Kind::Object => entry.end,
            _ => self.at + 1,
        }
    }

    /// The value as a tree of its own. It must not be deeper than the stack allows.
    pub fn to_value(self) -> Value {
        match self.kind() {
            Kind::Null => Value::Null,
            Kind::True => Value::Bool(true),
            Kind::False => Value::Bool(false),
            Kind::Number => self.number().map_or(Value::Null, Value::Number),
            Kind::String => Value::String(self.string().unwrap_or_default().into_owned()),
            Kind::Array => Value::Array(self.items().map(Self::to_value).collect()),
            Kind::Object => {
                let member = |(name, value): (&str, Self)| (name.to_owned(), value.to_value());
                Value::Object(self.members().map(member).collect::<Map<_, _>>())
            }
        }
    }

    /// The steps from here to the value of that entry.
    pub(super) fn path_to(self, entry: u32) -> Vec<Cow<'a, str>> {
        let mut path = Vec::new();
        let mut here = self;
        while here.at < entry {
            let step = match here.kind() {
                Kind::Array => {
                    let mut items = here.items().enumerate();
                    let found = items.find(|(_, item)| item.after() > entry);
                    found.map(|(index, item)| (Cow::Owned(index.to_string()), item))
                }
                _ => {
                    let found = here.members().find(|(_, value)| value.after() > entry);
                    found.map(|(name, value)| (Cow::Borrowed(name), value))
                }
            };
            let Some((step, next)) = step else { break };
            path.push(step);
            here = next;
        }
        path
    }
}

/// The items of an array.
pub struct Items<'a> {
    container: Node<'a>,
    next: u32,
    left: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        self.left = self.left.checked_sub(1)?;
        let item = self.container.at(self.next);
        self.next = item.after();
        Some(item)
    }
}

/// The members of an object, in the order of the text.
pub struct Members<'a>(Items<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, Node<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.left = self.0.left.checked_sub(1)?;
        let name = self.0.container.name_at(self.0.next);
        let value = self.0.container.at(self.0.next + 1);
        self.0.next = value.after();
        Some((name, value))
    }
}
