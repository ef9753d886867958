//! JSON, read in one pass: where its values are, without a copy of them.
//!
//! A [`Tape`] holds what was read, flat, and is used again for the next text. It reads the grammar of RFC 8259 and nothing
//! else. What two parsers could read differently is noted as a [`Fault`], for whoever must not let it pass.

mod node;
mod scan;
mod tape;
mod text;

#[cfg(test)]
mod tests;

pub use self::{
    node::{Items, Kind, Members, Node},
    scan::{Escapes, Scanner, Str, SyntaxError},
    tape::{Fault, Tape},
    text::{is_plain, unescape},
};
