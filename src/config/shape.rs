//! What may stand at each place of the file, as told by the code that reads it.
//!
//! A file is described by reading one that is not there: each reader of a [`Value`](super::value::Value) says what it
//! would take, and every key is asked for as if the file had it. So a description cannot differ from the reading.

use std::{any::Any, cell::RefCell, collections::BTreeSet, rc::Rc, time::Duration};

use super::units;

/// A place that is being described.
pub(super) type Place = Rc<RefCell<Shape>>;

/// What may stand at a place.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// One of these.
    pub(super) kinds: Vec<Kind>,
    /// What it is without the key, as the file would say it.
    pub(super) default: Option<serde_json::Value>,
}

/// One of the things that may stand at a place.
#[derive(Debug)]
pub(super) enum Kind {
    /// `off`.
    Off,
    /// A text that is not empty.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A whole number from the first to the last.
    Count(i128, i128),
    /// Bytes, from the first to the last.
    Size(u64, u64),
    /// A time with its unit.
    Duration,
    /// One of these words.
    Choice(Vec<String>),
    /// A list of at least so many of what is described.
    List(u64, Place),
    /// A mapping with these keys and no others.
    Section(Vec<Member>),
    /// A mapping with keys of the user's own.
    Named(Place),
    /// A mapping of which nothing is known here.
    Mapping,
    /// Whatever YAML can say.
    Anything,
}

/// A key of a section.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) key: &'static str,
    pub(super) place: Place,
    pub(super) need: Need,
}

/// Must a key be there?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// It must.
    Required,
    /// It may be left out, or have no value.
    Optional,
    /// It is of no use yet, and may only be switched off.
    Unsupported,
}

impl Shape {
    /// Adds every key below this place, as [`Config::keys`](super::Config::keys) writes them.
    pub(super) fn keys(&self, path: &str, keys: &mut BTreeSet<String>) {
        for kind in &self.kinds {
            match kind {
                Kind::List(_, item) => item.borrow().keys(path, keys),
                Kind::Named(each) => each.borrow().keys(&below(path, "*"), keys),
                Kind::Section(members) => {
                    for member in members.iter().filter(|it| it.need != Need::Unsupported) {
                        let path = below(path, member.key);
                        member.place.borrow().keys(&path, keys);
                        keys.insert(path);
                    }
                }
                _ => {}
            }
        }
    }
}

/// The path of a key of the mapping at `path`.
pub(super) fn below(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    }
}

/// A description while a value is read: where it goes, and the default that the key has in the code.
#[derive(Debug, Clone)]
pub(super) struct Description {
    place: Place,
    default: Option<Rc<dyn Any>>,
}

impl Description {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            default: None,
        }
    }

    pub(super) fn with_default(self, default: impl Any) -> Self {
        Self {
            default: Some(Rc::new(default)),
            ..self
        }
    }

    /// With the default of what may also be `off`.
    pub(super) fn or_off<T: Any + Clone>(self) -> Self {
        match self.default::<Option<T>>() {
            None => self,
            Some(None) => {
                self.is_by_default("off");
                self
            }
            Some(Some(default)) => self.with_default(default),
        }
    }

    /// This may stand here.
    pub(super) fn is(&self, kind: Kind) {
        let number = || {
            let wide = self.default::<usize>().map(|it| it as u64);
            wide.or_else(|| self.default::<u32>().map(u64::from))
        };
        let default: Option<serde_json::Value> = match kind {
            Kind::Boolean => self.default::<bool>().map(Into::into),
            Kind::Count(..) => number().map(Into::into),
            Kind::Size(..) => number().map(units::show_size).map(Into::into),
            Kind::Duration => {
                let duration = self.default::<Duration>();
                duration.map(units::show_duration).map(Into::into)
            }
            _ => None,
        };
        if let Some(default) = default {
            self.is_by_default(default);
        }
        self.place.borrow_mut().kinds.push(kind);
    }

    /// One of these words may stand here.
    pub(super) fn is_one_of<T: Any + Clone + PartialEq>(&self, choices: &[(&str, T)]) {
        let default = self.default::<T>();
        for (name, choice) in choices {
            if Some(choice) == default.as_ref() {
                self.is_by_default(*name);
            }
        }
        let names = choices.iter().map(|(name, _)| (*name).to_owned());
        self.is(Kind::Choice(names.collect()));
    }

    fn is_by_default(&self, default: impl Into<serde_json::Value>) {
        self.place.borrow_mut().default = Some(default.into());
    }

    /// The default, where the code has it in this form.
    fn default<T: Any + Clone>(&self) -> Option<T> {
        let default = self.default.as_ref()?;
        default.downcast_ref().cloned()
    }
}
