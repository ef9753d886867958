//! The text of a message, of which every parser must read the same.

use std::fmt;

use serde_json::Value;

use super::text;
use crate::json::{Fault, Node, SyntaxError, Tape};

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

impl From<SyntaxError> for MessageError {
    fn from(error: SyntaxError) -> Self {
        Self(format!("This is not JSON: {error}."))
    }
}

/// Reads the JSON text of a `message`, or of another document.
///
/// # Errors
/// What two parsers could read differently is refused: a member that is there twice, at any depth,
/// a number beyond the range of a double, and a `\u` escape that is half a surrogate pair; besides
/// what is not JSON. A number with more digits than a double holds is read as the nearest one, as
/// every browser does.
pub fn read_message<'a>(text: &'a str, tape: &'a mut Tape) -> Result<Node<'a>, MessageError> {
    tape.read(text, MAX_LEVELS)?;
    checked(text, tape)
}

/// The same as a tree of its own.
///
/// # Errors
/// As [`read_message`].
pub fn parse_message(text: &str) -> Result<Value, MessageError> {
    let mut tape = Tape::default();
    Ok(read_message(text, &mut tape)?.to_value())
}

/// What was read of a text already, if nothing is wrong with it.
///
/// # Errors
/// As [`read_message`], but for what is not JSON.
pub fn checked<'a>(text: &'a str, tape: &'a Tape) -> Result<Node<'a>, MessageError> {
    match tape.fault() {
        None => Ok(tape.root(text)),
        Some(fault) => Err(refuse(fault, text, tape)),
    }
}

#[cold]
fn refuse(fault: Fault, text: &str, tape: &Tape) -> MessageError {
    let what = match fault {
        Fault::Duplicate => "There is a second member of the same name",
        Fault::Range => "There is a number beyond the range of a double",
        Fault::HalfSurrogate => r"There is a \u escape that is only half of a surrogate pair",
        Fault::TooDeep => "Arrays and objects are nested too deep",
    };
    let mut pointer = String::new();
    for step in tape.fault_path(text) {
        text::push_segment(&mut pointer, &step);
    }
    MessageError(format!(
        "{what} at {}.",
        text::place(&pointer, POINTER_BYTES)
    ))
}
