//! What the forwarder does beyond forwarding: the envelope, and the schema by a tree of values.

use jsonschema::Validator;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::Mode;
use crate::{Failure, frame, message, systems};

/// Rewrites envelopes.
pub struct Rewriter {
    /// Of the type that has a schema.
    schema: Option<Validator>,
    /// The frame for the recipient; its header ends at [`HEADER`] and begins where its length needs it.
    pub frame: Vec<u8>,
}

/// The longest header of a frame.
const HEADER: usize = 10;

#[derive(Deserialize)]
struct Envelope<'a> {
    to: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    message: &'a RawValue,
}

impl Rewriter {
    /// What a mode needs.
    pub fn new(mode: Mode) -> Result<Option<Self>, Failure> {
        let schema = match mode {
            Mode::Bare => return Ok(None),
            Mode::Envelope => None,
            Mode::Value => Some(jsonschema::validator_for(&systems::schema()?)?),
        };
        Ok(Some(Self {
            schema,
            frame: Vec::new(),
        }))
    }

    /// Writes the frame for the recipient; returns who that is, and where in [`Self::frame`] it begins.
    pub fn rewrite<'a>(&mut self, text: &'a [u8], from: &str) -> Option<(&'a str, usize)> {
        let envelope: Envelope<'a> = serde_json::from_slice(text).ok()?;
        let message = envelope.message.get();
        if let Some(schema) = &self.schema
            && envelope.kind == message::CHECKED
        {
            let value: Value = serde_json::from_str(message).ok()?;
            if !schema.is_valid(&value) {
                return None;
            }
        }
        let frame = &mut self.frame;
        frame.clear();
        frame.extend_from_slice(&[0; HEADER]);
        for part in [
            r#"{"from":""#,
            from,
            r#"","type":""#,
            envelope.kind,
            r#"","message":"#,
            message,
            "}",
        ] {
            frame.extend_from_slice(part.as_bytes());
        }
        let mut header = Vec::with_capacity(HEADER);
        frame::push_header(&mut header, 0x81, frame.len() - HEADER, 0);
        let start = HEADER - header.len();
        frame[start..HEADER].copy_from_slice(&header);
        Some((envelope.to, start))
    }
}
