//! The values of a text, flat: each knows where it stands, and each container where it ends.

use std::borrow::Cow;

use super::{
    node::{Kind, Node},
    scan::{Escapes, Scanner, Str, SyntaxError},
    text::unescape,
};

/// Objects with at most so many members are searched from one end to the other; larger ones by order.
pub(super) const FEW: usize = 16;
/// What a tape keeps for the next text, in values.
const KEPT: usize = 4096;
/// An object that has no order.
const UNORDERED: u32 = u32::MAX;

/// What two parsers could read differently, or few can read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An object has two members of one name.
    Duplicate,
    /// A number is beyond the range of a double.
    Range,
    /// A `\u` escape is half of a surrogate pair.
    HalfSurrogate,
    /// Arrays and objects are nested deeper than was allowed.
    TooDeep,
}

/// What was read of a text. Texts are at most 4 GiB long.
#[derive(Debug, Default)]
pub struct Tape {
    pub(super) entries: Vec<Entry>,
    /// The names of large objects, by order.
    pub(super) order: Vec<u32>,
    /// Names that have escapes, without them.
    pub(super) names: String,
    fault: Option<(Fault, u32)>,
    open: Vec<Open>,
}

/// A value, or the name of a member, whose value is the next one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    /// Of a string; a name with escapes stands in [`Tape::names`].
    pub(super) escapes: Escapes,
    /// Where it begins in the text; of a large object: where its order begins in [`Tape::order`].
    pub(super) start: u32,
    /// Where it ends in the text; of a container: the entry after all that is in it.
    pub(super) end: u32,
    /// How many items or members a container has.
    pub(super) count: u32,
}

/// A container that is not at its end yet.
#[derive(Debug, Clone, Copy)]
struct Open {
    entry: u32,
    count: u32,
    object: bool,
}

impl Tape {
    /// Reads a text that is one value. The fault that was found first, if any, is with it.
    pub fn read<'a>(
        &'a mut self,
        text: &'a str,
        levels: usize,
    ) -> Result<(Node<'a>, Option<Fault>), SyntaxError> {
        self.clear();
        let mut scanner = Scanner::new(text);
        self.value(&mut scanner, levels)?;
        scanner.end()?;
        Ok((self.root(text), self.fault()))
    }

    /// Forgets the last text.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
        self.names.clear();
        self.open.clear();
        self.fault = None;
        self.entries.shrink_to(KEPT);
        self.order.shrink_to(KEPT);
        self.names.shrink_to(KEPT);
        self.open.shrink_to(KEPT);
    }

    /// The first value that was read of this text.
    pub fn root<'a>(&'a self, text: &'a str) -> Node<'a> {
        Node::new(self, text, 0)
    }

    /// The first fault that was found.
    pub fn fault(&self) -> Option<Fault> {
        self.fault.map(|(fault, _)| fault)
    }

    /// Where that is, as the steps of a JSON pointer.
    pub fn fault_path<'a>(&'a self, text: &'a str) -> Vec<Cow<'a, str>> {
        let Some((_, at)) = self.fault else {
            return Vec::new();
        };
        self.root(text).path_to(at)
    }

    /// Reads the next value of a text. Containers deeper than `levels` are a fault.
    pub fn value(&mut self, scanner: &mut Scanner<'_>, levels: usize) -> Result<(), SyntaxError> {
        let below = self.open.len();
        loop {
            if self.begin(scanner, below + levels)? {
                // A container with something in it.
                continue;
            }
            // A value has ended, and with it maybe what is around it.
            loop {
                if self.open.len() == below {
                    return Ok(());
                }
                if self.goes_on(scanner)? {
                    break;
                }
            }
        }
    }

    /// Reads the next value of a text, and forgets it.
    pub fn skip(&mut self, scanner: &mut Scanner<'_>) -> Result<(), SyntaxError> {
        let (entries, order, names) = (self.entries.len(), self.order.len(), self.names.len());
        let fault = self.fault;
        self.value(scanner, usize::MAX / 2)?;
        self.entries.truncate(entries);
        self.order.truncate(order);
        self.names.truncate(names);
        self.fault = fault;
        Ok(())
    }

    /// Reads a value as far as it has no others in it. `true`: its first one comes next.
    fn begin(&mut self, scanner: &mut Scanner<'_>, levels: usize) -> Result<bool, SyntaxError> {
        match scanner.peek() {
            Some(b'"') => {
                let string = scanner.string()?;
                self.string(string);
            }
            Some(b'{') => {
                self.open(true, levels);
                scanner.expect(b'{')?;
                if !scanner.take(b'}') {
                    self.name(scanner)?;
                    return Ok(true);
                }
                self.close(scanner.text());
            }
            Some(b'[') => {
                self.open(false, levels);
                scanner.expect(b'[')?;
                if !scanner.take(b']') {
                    return Ok(true);
                }
                self.close(scanner.text());
            }
            Some(b't') => self.word(scanner, "true", Kind::True)?,
            Some(b'f') => self.word(scanner, "false", Kind::False)?,
            Some(b'n') => self.word(scanner, "null", Kind::Null)?,
            Some(b'-' | b'0'..=b'9') => self.number(scanner)?,
            _ => return Err(scanner.error()),
        }
        Ok(false)
    }

    /// After a value in a container. `false`: that has ended as well.
    fn goes_on(&mut self, scanner: &mut Scanner<'_>) -> Result<bool, SyntaxError> {
        let Some(open) = self.open.last_mut() else {
            return Ok(false);
        };
        open.count += 1;
        let object = open.object;
        if scanner.take(b',') {
            if object {
                self.name(scanner)?;
            }
            return Ok(true);
        }
        scanner.expect(if object { b'}' } else { b']' })?;
        self.close(scanner.text());
        Ok(false)
    }

    fn open(&mut self, object: bool, levels: usize) {
        let entry = self.entries.len() as u32;
        if self.open.len() >= levels {
            self.note(Fault::TooDeep, entry);
        }
        self.open.push(Open {
            entry,
            count: 0,
            object,
        });
        let kind = if object { Kind::Object } else { Kind::Array };
        self.push(kind, UNORDERED as usize, 0);
    }

    fn close(&mut self, text: &str) {
        let Some(open) = self.open.pop() else {
            return;
        };
        let end = self.entries.len() as u32;
        let entry = &mut self.entries[open.entry as usize];
        entry.end = end;
        entry.count = open.count;
        if open.object && open.count > 1 {
            self.look_for_duplicates(text, open);
        }
    }

    fn look_for_duplicates(&mut self, text: &str, open: Open) {
        let object = Node::new(self, text, open.entry);
        if open.count as usize <= FEW {
            let mut names = [""; FEW];
            let mut twice = None;
            for (seen, (at, name)) in object.names().enumerate() {
                if names[..seen].contains(&name) {
                    twice = Some(at);
                    break;
                }
                names[seen] = name;
            }
            if let Some(at) = twice {
                self.note(Fault::Duplicate, at + 1);
            }
            return;
        }
        let mut names: Vec<_> = object.names().collect();
        names.sort_unstable_by_key(|(_, name)| *name);
        let twice = names.windows(2).find(|pair| pair[0].1 == pair[1].1);
        let twice = twice.map(|pair| pair[0].0.max(pair[1].0));
        let names: Vec<u32> = names.into_iter().map(|(at, _)| at).collect();
        self.entries[open.entry as usize].start = self.order.len() as u32;
        self.order.extend(names);
        if let Some(at) = twice {
            self.note(Fault::Duplicate, at + 1);
        }
    }

    /// Reads the name of a member and the colon behind it.
    fn name(&mut self, scanner: &mut Scanner<'_>) -> Result<(), SyntaxError> {
        let name = scanner.string()?;
        if name.half {
            // The value that comes next is told as the place.
            self.note(Fault::HalfSurrogate, self.entries.len() as u32 + 1);
        }
        if name.escapes != Escapes::None {
            let start = self.names.len();
            self.names
                .push_str(&unescape(&scanner.text()[name.start..name.end]));
            self.push(Kind::String, start, self.names.len());
        } else {
            self.push(Kind::String, name.start, name.end);
        }
        self.mark(name.escapes);
        scanner.expect(b':')
    }

    fn string(&mut self, string: Str) {
        if string.half {
            self.note(Fault::HalfSurrogate, self.entries.len() as u32);
        }
        self.push(Kind::String, string.start, string.end);
        self.mark(string.escapes);
    }

    fn number(&mut self, scanner: &mut Scanner<'_>) -> Result<(), SyntaxError> {
        let number = scanner.number()?;
        let text = &scanner.text()[number.start..number.end];
        if number.may_overflow && !text.parse().is_ok_and(f64::is_finite) {
            self.note(Fault::Range, self.entries.len() as u32);
        }
        self.push(Kind::Number, number.start, number.end);
        Ok(())
    }

    fn word(
        &mut self,
        scanner: &mut Scanner<'_>,
        word: &str,
        kind: Kind,
    ) -> Result<(), SyntaxError> {
        let start = scanner.at();
        scanner.word(word)?;
        self.push(kind, start, scanner.at());
        Ok(())
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize) {
        self.entries.push(Entry {
            kind,
            escapes: Escapes::None,
            start: start as u32,
            end: end as u32,
            count: 0,
        });
    }

    fn mark(&mut self, escapes: Escapes) {
        if let Some(last) = self.entries.last_mut() {
            last.escapes = escapes;
        }
    }

    /// The first fault counts, but for depth: that is one to whoever takes all others.
    #[cold]
    fn note(&mut self, fault: Fault, at: u32) {
        match self.fault {
            Some((Fault::TooDeep, _)) => {}
            Some(_) if fault != Fault::TooDeep => {}
            _ => self.fault = Some((fault, at)),
        }
    }
}
