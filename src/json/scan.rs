//! The pieces of a JSON text: white space, strings, numbers and words.

use std::{borrow::Cow, fmt};

use super::text::{short_run, unescape};

/// Where a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntaxError {
    /// It ends before the JSON does.
    pub ended: bool,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in bytes.
    pub column: usize,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.ended {
            true => "the text ends before the JSON does",
            false => "the text is not JSON",
        };
        write!(f, "{what}, at line {} column {}", self.line, self.column)
    }
}

/// How a string is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Escapes {
    /// As what it says.
    None,
    /// With escapes of one letter, as `\n`.
    Short,
    /// With `\u` escapes, and maybe others.
    Unicode,
}

/// A string where it stands, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Str {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) escapes: Escapes,
    /// It has a `\u` escape that is half of a surrogate pair.
    pub(super) half: bool,
}

/// A number where it stands.
pub(super) struct Digits {
    pub(super) start: usize,
    pub(super) end: usize,
    /// It may be beyond the range of a double.
    pub(super) may_overflow: bool,
}

/// More digits than this may be beyond the range of a double.
const SAFE_DIGITS: usize = 300;

/// Reads a text from its beginning to its end.
#[derive(Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// At the beginning of `text`.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The whole text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// How much of the text is read.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The next byte that is no white space, which is not taken.
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            match self.byte()? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                other => return Some(other),
            }
        }
    }

    /// Takes `byte`, if it is the next one that is no white space.
    pub fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Takes `byte`, which must come next.
    pub fn expect(&mut self, byte: u8) -> Result<(), SyntaxError> {
        match self.take(byte) {
            true => Ok(()),
            false => Err(self.error()),
        }
    }

    /// Takes a string, which must come next.
    pub fn string(&mut self) -> Result<Str, SyntaxError> {
        self.expect(b'"')?;
        let mut string = Str {
            start: self.at,
            end: self.at,
            escapes: Escapes::None,
            half: false,
        };
        loop {
            let (plain, escaped) = short_run(&self.text.as_bytes()[self.at..]);
            self.at += plain;
            if escaped {
                string.escapes = string.escapes.max(Escapes::Short);
            }
            match self.byte() {
                Some(b'"') => {
                    string.end = self.at;
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => {
                    string.escapes = Escapes::Unicode;
                    string.half |= !self.escape()?;
                }
                // The end, or a control character.
                _ => return Err(self.error()),
            }
        }
    }

    /// What a string says; `None` where that cannot be told, since it has half of a surrogate pair.
    pub fn read(&self, string: Str) -> Option<Cow<'a, str>> {
        let raw = &self.text[string.start..string.end];
        match (string.escapes, string.half) {
            (Escapes::None, _) => Some(Cow::Borrowed(raw)),
            (_, false) => Some(Cow::Owned(unescape(raw))),
            (_, true) => None,
        }
    }

    /// Takes a `\u` escape, which must come next. `false`: it is half of a surrogate pair.
    fn escape(&mut self) -> Result<bool, SyntaxError> {
        self.at += 1;
        match self.byte() {
            Some(b'u') => {
                self.at += 1;
                match self.hex()? {
                    0xd800..0xdc00 => self.second_half(),
                    0xdc00..0xe000 => Ok(false),
                    _ => Ok(true),
                }
            }
            _ => Err(self.error()),
        }
    }

    /// Takes the second half of a surrogate pair, if it comes next.
    fn second_half(&mut self) -> Result<bool, SyntaxError> {
        if !self.text.as_bytes()[self.at..].starts_with(b"\\u") {
            return Ok(false);
        }
        let before = self.at;
        self.at += 2;
        if (0xdc00..0xe000).contains(&self.hex()?) {
            return Ok(true);
        }
        // It is a character of its own, or the first half of another pair.
        self.at = before;
        Ok(false)
    }

    fn hex(&mut self) -> Result<u32, SyntaxError> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.byte().and_then(|it| char::from(it).to_digit(16));
            value = value * 16 + digit.ok_or_else(|| self.error())?;
            self.at += 1;
        }
        Ok(value)
    }

    /// Takes a number.
    pub(super) fn number(&mut self) -> Result<Digits, SyntaxError> {
        let start = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        match self.byte() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        let mut exponent = false;
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            exponent = true;
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(Digits {
            start,
            end: self.at,
            may_overflow: exponent || self.at - start > SAFE_DIGITS,
        })
    }

    /// Takes digits, of which there must be one.
    fn digits(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        match self.at > start {
            true => Ok(()),
            false => Err(self.error()),
        }
    }

    /// Takes `true`, `false` or `null`.
    pub(super) fn word(&mut self, word: &str) -> Result<(), SyntaxError> {
        for byte in word.bytes() {
            if self.byte() != Some(byte) {
                return Err(self.error());
            }
            self.at += 1;
        }
        Ok(())
    }

    /// Nothing more may come.
    pub fn end(&mut self) -> Result<(), SyntaxError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.error()),
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The text is wrong here.
    #[cold]
    pub fn error(&self) -> SyntaxError {
        let read = &self.text.as_bytes()[..self.at];
        let line = memchr::memrchr(b'\n', read).map_or(0, |at| at + 1);
        SyntaxError {
            ended: self.at == self.text.len(),
            line: memchr::memchr_iter(b'\n', read).count() + 1,
            column: self.at - line + 1,
        }
    }
}
