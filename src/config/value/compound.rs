//! Lists and mappings of the file.

use super::Value;
use crate::config::{
    Location,
    section::Section,
    shape::{Description, Kind, Place},
    yaml::{Item, Key, Node},
};

/// Stands for all names of a mapping that is only described.
static ANY_NAME: Key = Key {
    at: Location::START,
    text: String::new(),
};

impl<'a> Value<'a> {
    /// A list, each of whose items is read under the name of the list.
    pub(in crate::config) fn list_of<T>(
        self,
        mut read: impl FnMut(Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        if self.description.is_some() {
            self.describe_list(0, &mut read);
            return None;
        }
        let Node::List(items) = &self.item.node else {
            return self.wants_kind("a list");
        };
        // A wrong item does not keep those after it from being read.
        let read: Vec<_> = items
            .iter()
            .map(|item| Self {
                item,
                ..self.clone()
            })
            .map(read)
            .collect();
        read.into_iter().collect()
    }

    fn describe_list<T>(&self, least: u64, read: &mut impl FnMut(Self) -> Option<T>) {
        let item = Place::default();
        if self.description.is_some() {
            let description = Description::new(Place::clone(&item));
            read(Self::described(self.reader, description));
        }
        self.may_be(|| Kind::List(least, item));
    }

    /// A list with something in it, or one item that stands for a list of it.
    pub(in crate::config) fn one_or_more_of<T>(
        self,
        mut read: impl FnMut(Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.describe_list(1, &mut read);
        match &self.item.node {
            Node::List(items) if items.is_empty() => self.refuse(format!(
                "`{}` is an empty list; write at least one",
                self.name
            )),
            Node::List(_) => self.list_of(read),
            _ => Some(vec![read(self)?]),
        }
    }

    /// A mapping, read by its keys.
    pub(in crate::config) fn section<T>(
        self,
        read: impl FnOnce(&mut Section<'a>) -> T,
    ) -> Option<T> {
        if let Some(description) = &self.description {
            return Some(Section::describe(self.reader, description, read));
        }
        let members = self.members()?;
        Some(Section::read(self.reader, self.at(), members, read))
    }

    /// As `section`, where `what` tells better than "a mapping" what is wanted.
    pub(in crate::config) fn section_like<T>(
        self,
        what: &str,
        read: impl FnOnce(&mut Section<'a>) -> T,
    ) -> Option<T> {
        match &self.item.node {
            Node::Map(_) => self.section(read),
            _ if self.description.is_some() => self.section(read),
            _ => self.wants_kind(what),
        }
    }

    /// A mapping whose keys all have defaults, so that one that is none is read as an empty one.
    pub(in crate::config) fn section_or_empty<T>(
        self,
        read: impl FnOnce(&mut Section<'a>) -> T,
    ) -> T {
        if let Some(description) = &self.description {
            return Section::describe(self.reader, description, read);
        }
        // Nothing at all is an empty file.
        let members = match &self.item.node {
            Node::Null => &[],
            _ => self.members().unwrap_or_default(),
        };
        Section::read(self.reader, self.at(), members, read)
    }

    /// The whole file: an empty one is a mapping too.
    pub(in crate::config) fn root<T>(
        self,
        read: impl FnOnce(&mut Section<'a>) -> Option<T>,
    ) -> Option<T> {
        match &self.item.node {
            Node::Null | Node::Map(_) => self.section_or_empty(read),
            other => {
                let other = other.describe(false);
                self.refuse(format!("a configuration is a mapping; here is {other}"))
            }
        }
    }

    /// A mapping whose keys are the user's own.
    pub(in crate::config) fn named(self) -> Option<Vec<(&'a Key, Self)>> {
        if self.description.is_some() {
            let each = Place::default();
            let description = Description::new(Place::clone(&each));
            self.may_be(|| Kind::Named(each));
            return Some(vec![(&ANY_NAME, Self::described(self.reader, description))]);
        }
        let value = |(key, item): &'a (Key, Item)| (key, Self::new(self.reader, &key.text, item));
        Some(self.members()?.iter().map(value).collect())
    }

    fn members(&self) -> Option<&'a [(Key, Item)]> {
        match &self.item.node {
            Node::Map(members) => Some(members),
            _ => self.wants_kind("a mapping"),
        }
    }
}
