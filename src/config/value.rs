//! A value of the file on its way to what it means; each reader tells what is wrong and answers `None`.

mod compound;

use std::{ops::RangeInclusive, time::Duration};

use super::{
    Location, problem,
    reader::Reader,
    shape::{Description, Kind},
    units,
    yaml::{Item, Node},
};

/// The longest duration, so that adding it to a point in time is always possible.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

const TEXT: &str = "a text, in quotes where it looks like a number or a boolean";

/// A value, its place, and the key it belongs to.
#[derive(Clone)]
pub(super) struct Value<'a> {
    reader: &'a Reader<'a>,
    name: &'a str,
    item: &'a Item,
    /// The end of what is wanted, where `off` is taken too.
    or_off: &'static str,
    /// Where there is no value, and each reader only says what it would take.
    description: Option<Description>,
}

/// What stands at each place of a file that is only described.
static NOTHING: Item = Item {
    at: Location::START,
    node: Node::Null,
};

impl<'a> Value<'a> {
    pub(super) fn new(reader: &'a Reader<'a>, name: &'a str, item: &'a Item) -> Self {
        Self {
            reader,
            name,
            item,
            or_off: "",
            description: None,
        }
    }

    /// A value that is not there.
    pub(super) fn described(reader: &'a Reader<'a>, description: Description) -> Self {
        Self {
            description: Some(description),
            ..Self::new(reader, "", &NOTHING)
        }
    }

    pub(super) fn with_default<T: Clone + 'static>(self, default: &T) -> Self {
        let description = self.description;
        Self {
            description: description.map(|it| it.with_default(default.clone())),
            ..self
        }
    }

    /// Says what is taken here, where the file is only described.
    pub(super) fn may_be(&self, kind: impl FnOnce() -> Kind) {
        if let Some(description) = &self.description {
            description.is(kind());
        }
    }

    pub(super) fn reader(&self) -> &'a Reader<'a> {
        self.reader
    }

    pub(super) fn node(&self) -> &'a Node {
        &self.item.node
    }

    /// A name without anything said about it.
    pub(super) fn is_left_out(&self) -> bool {
        matches!(self.item.node, Node::Null) && self.description.is_none()
    }

    pub(super) fn at(&self) -> Location {
        self.item.at
    }

    /// A problem of this value.
    pub(super) fn refuse<T>(&self, text: impl Into<String>) -> Option<T> {
        self.reader.refuse(self.item.at, text);
        None
    }

    /// A problem of this value, with the key and the value in front: the value is no secret.
    pub(super) fn refuse_text<T>(&self, why: impl AsRef<str>) -> Option<T> {
        let (name, value) = (problem::shown(self.name), self.item.node.describe(true));
        self.refuse(format!("`{name}` cannot be {value}; {}", why.as_ref()))
    }

    /// A problem at another place than the value's own.
    pub(super) fn refuse_at(&self, at: Location, text: impl Into<String>) {
        self.reader.refuse(at, text);
    }

    pub(super) fn text(self) -> Option<&'a str> {
        self.may_be(|| Kind::Text);
        match &self.item.node {
            Node::Text(it) | Node::Filled(it) if !it.is_empty() => Some(it),
            _ => self.wants(TEXT),
        }
    }

    /// A text that no problem may repeat.
    pub(super) fn secret(self) -> Option<&'a str> {
        self.may_be(|| Kind::Text);
        match &self.item.node {
            Node::Text(it) | Node::Filled(it) if !it.is_empty() => Some(it),
            _ => self.wants_kind(TEXT),
        }
    }

    pub(super) fn boolean(self) -> Option<bool> {
        self.may_be(|| Kind::Boolean);
        match &self.item.node {
            Node::Bool(it) => Some(*it),
            Node::Filled(it) if it == "true" => Some(true),
            Node::Filled(it) if it == "false" => Some(false),
            _ => self.wants("true or false"),
        }
    }

    /// A whole number.
    pub(super) fn count<T: TryFrom<i128>>(self, range: RangeInclusive<i128>) -> Option<T> {
        self.may_be(|| Kind::Count(*range.start(), *range.end()));
        let number = match &self.item.node {
            Node::Int(it) => Some(*it),
            Node::Filled(it) => it.parse().ok(),
            _ => None,
        };
        let fitting = number
            .filter(|it| range.contains(it))
            .and_then(|it| T::try_from(it).ok());
        let (low, high) = range.into_inner();
        fitting.or_else(|| self.wants(&format!("a whole number from {low} to {high}")))
    }

    /// A size in bytes.
    pub(super) fn size(self, range: RangeInclusive<u64>) -> Option<usize> {
        self.may_be(|| Kind::Size(*range.start(), *range.end()));
        let size = match &self.item.node {
            Node::Int(it) => u64::try_from(*it).ok(),
            Node::Text(it) | Node::Filled(it) => units::size(it),
            _ => None,
        };
        let fitting = size
            .filter(|it| range.contains(it))
            .and_then(|it| it.try_into().ok());
        let (low, high) = range.into_inner();
        let (low, high) = (units::show_size(low), units::show_size(high));
        fitting.or_else(|| {
            self.wants(&format!(
                "a size from {low} to {high}, such as 64KiB, 1MiB or plain bytes"
            ))
        })
    }

    /// A duration of at least `least`.
    pub(super) fn duration(self, least: Duration) -> Option<Duration> {
        self.may_be(|| Kind::Duration);
        match &self.item.node {
            Node::Text(it) | Node::Filled(it) => match units::duration(it) {
                None => self.wants("a duration such as 500ms, 30s or 5m"),
                Some(it) if (least..=LONGEST).contains(&it) => Some(it),
                Some(_) => {
                    let (low, high) = (units::show_duration(least), units::show_duration(LONGEST));
                    self.wants(&format!("a duration from {low} to {high}"))
                }
            },
            _ => self.wants("a duration such as 500ms, 30s or 5m"),
        }
    }

    /// Does the file switch it off? Writers of YAML 1.1 make `false` of `off`.
    pub(super) fn is_off(&self) -> bool {
        match &self.item.node {
            Node::Bool(it) => !it,
            Node::Text(it) => it == "off",
            Node::Filled(it) => it == "off" || it == "false",
            _ => false,
        }
    }

    /// `off`, or what `read` makes of it.
    pub(super) fn or_off<T: Clone + 'static>(
        mut self,
        read: impl FnOnce(Self) -> Option<T>,
    ) -> Option<Option<T>> {
        self.may_be(|| Kind::Off);
        if let Some(description) = self.description.take() {
            self.description = Some(description.or_off::<T>());
        }
        if self.is_off() {
            return Some(None);
        }
        self.or_off = ", or off";
        read(self).map(Some)
    }

    /// One of several words.
    pub(super) fn choice<T: Copy + PartialEq + 'static>(self, choices: &[(&str, T)]) -> Option<T> {
        if let Some(description) = &self.description {
            description.is_one_of(choices);
        }
        let word = match &self.item.node {
            Node::Text(it) | Node::Filled(it) => it.as_str(),
            _ => "",
        };
        let chosen = choices.iter().find(|(name, _)| *name == word);
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        chosen
            .map(|(_, it)| *it)
            .or_else(|| self.wants(&problem::either(&names)))
    }

    /// A text that `parse` understands, or says what is wrong with it.
    pub(super) fn parsed<T>(
        self,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        match parse(self.clone().text()?) {
            Ok(it) => Some(it),
            Err(why) => self.refuse_text(why),
        }
    }

    /// Any value, as JSON.
    pub(super) fn json(self) -> Option<String> {
        self.may_be(|| Kind::Anything);
        match serde_json::to_string(self.item) {
            Ok(text) => Some(text),
            Err(error) => self.refuse(format!("`{}` has no JSON form: {error}", self.name)),
        }
    }

    /// The value is not what is wanted; it is shown.
    pub(super) fn wants<T>(&self, what: &str) -> Option<T> {
        self.mismatch(what, true)
    }

    /// As `wants`, but where a secret may have been put by mistake.
    pub(super) fn wants_kind<T>(&self, what: &str) -> Option<T> {
        self.mismatch(what, false)
    }

    fn mismatch<T>(&self, what: &str, value: bool) -> Option<T> {
        if matches!(self.item.node, Node::Broken) {
            return None;
        }
        let (name, or_off) = (problem::shown(self.name), self.or_off);
        self.refuse(format!(
            "`{name}` wants {what}{or_off}; here is {}",
            self.item.node.describe(value)
        ))
    }
}
