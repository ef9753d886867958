//! A mapping whose keys are asked for one by one; a key that nobody asked for is a problem.

use super::{
    Location, problem,
    reader::Reader,
    shape::{Description, Kind, Member, Need, Place},
    value::Value,
    yaml::{Item, Key, Node},
};

/// A mapping while it is read.
pub(super) struct Section<'a> {
    reader: &'a Reader<'a>,
    at: Location,
    members: &'a [(Key, Item)],
    known: Vec<&'static str>,
    /// Keys that are understood only to be refused, and never suggested.
    refused: Vec<&'static str>,
    /// Gathers what is asked for where the file is only described.
    described: Option<Vec<Member>>,
}

impl<'a> Section<'a> {
    /// Lets `read` ask for the keys of a mapping, then tells which ones it did not ask for.
    pub(super) fn read<T>(
        reader: &'a Reader<'a>,
        at: Location,
        members: &'a [(Key, Item)],
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let mut section = Self::new(reader, at, members);
        let result = read(&mut section);
        section.refuse_unknown();
        result
    }

    /// Lets `read` ask for the keys of a mapping that is not there, and describes them.
    pub(super) fn describe<T>(
        reader: &'a Reader<'a>,
        description: &Description,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let mut section = Self::new(reader, Location::START, &[]);
        section.described = Some(Vec::new());
        let result = read(&mut section);
        description.is(Kind::Section(section.described.unwrap_or_default()));
        result
    }

    fn new(reader: &'a Reader<'a>, at: Location, members: &'a [(Key, Item)]) -> Self {
        Self {
            reader,
            at,
            members,
            known: Vec::new(),
            refused: Vec::new(),
            described: None,
        }
    }

    /// A key that may be left out.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(Value<'a>) -> Option<T>,
    ) -> Option<T> {
        self.ask(key, Need::Optional).and_then(read)
    }

    /// A key that has a default.
    pub(super) fn or<T: Clone + 'static>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl FnOnce(Value<'a>) -> Option<T>,
    ) -> T {
        let value = self.ask(key, Need::Optional);
        value
            .map(|it| it.with_default(&default))
            .and_then(read)
            .unwrap_or(default)
    }

    /// A key that must be there.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(Value<'a>) -> Option<T>,
    ) -> Option<T> {
        let value = self.ask(key, Need::Required);
        if value.is_none() {
            return self.refuse(format!(
                "`{key}` is missing; write for example `{key}: {example}`"
            ));
        }
        value.and_then(read)
    }

    /// A mapping whose keys all have defaults, so that it may be left out.
    pub(super) fn section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'a>) -> T,
    ) -> T {
        match self.ask(key, Need::Optional) {
            Some(value) => value.section_or_empty(read),
            None => Self::read(self.reader, self.at, &[], read),
        }
    }

    /// A key of the format that this version cannot honour. To switch it off is no harm.
    pub(super) fn unsupported(&mut self, key: &'static str) {
        self.refused.push(key);
        if let Some(value) = self.describe_member(key, Need::Unsupported) {
            value.or_off(|_| None::<()>);
        }
        if let Some((at, value)) = self.find(key)
            && !value.is_off()
        {
            self.reader
                .refuse(at, format!("`{key}` is not supported yet; remove it"));
        }
    }

    /// Does the file give `key` a value, be it a wrong one?
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.find(key).is_some()
    }

    /// A problem of the mapping as a whole.
    pub(super) fn refuse<T>(&self, text: impl Into<String>) -> Option<T> {
        self.reader.refuse(self.at, text);
        None
    }

    /// A doubt about the mapping as a whole.
    pub(super) fn warn(&self, text: impl Into<String>) {
        self.reader.warn(self.at, text);
    }

    pub(super) fn at(&self) -> Location {
        self.at
    }

    fn ask(&mut self, key: &'static str, need: Need) -> Option<Value<'a>> {
        self.known.push(key);
        self.describe_member(key, need)
            .or_else(|| self.find(key).map(|(_, value)| value))
    }

    /// Where the file is only described: a value that tells what it is asked for.
    fn describe_member(&mut self, key: &'static str, need: Need) -> Option<Value<'a>> {
        let members = self.described.as_mut()?;
        let place = Place::default();
        members.push(Member {
            key,
            place: Place::clone(&place),
            need,
        });
        Some(Value::described(self.reader, Description::new(place)))
    }

    /// A key without a value counts as left out: all that it had may be commented out.
    fn find(&self, key: &'static str) -> Option<(Location, Value<'a>)> {
        let (found, item) = self.members.iter().find(|(it, _)| it.text == key)?;
        let value = Value::new(self.reader, &found.text, item);
        (!matches!(item.node, Node::Null)).then_some((found.at, value))
    }

    fn refuse_unknown(&self) {
        for (key, _) in self.members {
            let text = key.text.as_str();
            if !self.known.contains(&text) && !self.refused.contains(&text) {
                let what = format!("unknown {}; {}", problem::key(text), self.suggest(text));
                self.reader.refuse(key.at, what);
            }
        }
    }

    fn suggest(&self, wrong: &str) -> String {
        let distance = |key: &&str| strsim::damerau_levenshtein(key, wrong);
        let nearest = self.known.iter().map(|key| (distance(key), key)).min();
        match nearest {
            Some((distance, key)) if distance <= 1 + key.len() / 4 => {
                format!("did you mean `{key}`?")
            }
            _ => format!("known here: {}", self.known.join(", ")),
        }
    }
}
