//! Envelopes: reading what a peer sent, writing what goes out.
//!
//! A message is never taken apart here. It is found, bounded in depth, and carried on as the sender
//! wrote it: numbers, escapes and the order of members stay what they were.

mod read;

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{
    json::{self, Node, Tape},
    schema::{self, MessageError},
};

pub use self::read::{check_message, counts, kind_counts};

/// The text of one envelope: immutable, cheap to clone, so that a broadcast is encoded once.
pub type Text = Utf8Bytes;

/// The id of the relay itself.
pub const RELAY: &str = "0";
/// The address of all clients of a server.
pub const EVERYONE: &str = "*";
/// The types that only the relay may use towards a peer, and those that only it understands.
pub const RESERVED_TYPES: [&str; 10] = [
    "HELLO",
    "PEER_JOINED",
    "PEER_GONE",
    "ERROR",
    "ICE_SERVERS",
    "ACK",
    "BYE",
    "LOGIN",
    "RESUME",
    "KICK",
];

/// The longest `type`, in bytes.
pub const MAX_TYPE_BYTES: usize = 128;
/// The longest `ref`, in bytes.
pub const MAX_REF_BYTES: usize = 64;
/// The deepest `message`, in levels; the message itself is the first.
pub const MAX_DEPTH: usize = 128;

/// An envelope as a peer sent it, borrowed from its text.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// To whom.
    pub to: Address<'a>,
    /// The message type.
    pub kind: Cow<'a, str>,
    /// The message: JSON text of an object, as sent.
    pub message: &'a str,
    /// What the sender wants to see again in an ERROR about this envelope.
    pub reference: Option<Cow<'a, str>>,
    text: &'a str,
    tape: &'a Tape,
}

impl<'a> Envelope<'a> {
    /// The message for a schema, which must not be one that two parsers could read differently.
    pub fn checked_message(&self) -> Result<Node<'a>, MessageError> {
        schema::checked(self.text, self.tape)
    }
}

/// To whom an envelope goes.
#[derive(Debug, PartialEq, Eq)]
pub enum Address<'a> {
    /// The relay itself.
    Relay,
    /// Every client of the room.
    Everyone,
    /// One peer.
    Peer(Cow<'a, str>),
}

impl Address<'_> {
    /// The `to` that was written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Relay => RELAY,
            Self::Everyone => EVERYONE,
            Self::Peer(id) => id,
        }
    }
}

/// Why a text is no envelope, with what could be read of it all the same, so that the sender can tell
/// which one is meant.
#[derive(Debug, Default)]
pub struct Invalid {
    /// One sentence that says what to mend.
    pub detail: Cow<'static, str>,
    /// Its `to`, where that is an address.
    pub to: Option<String>,
    /// Its `type`, where that is one.
    pub kind: Option<String>,
    /// Its `ref`, where that is one.
    pub reference: Option<String>,
}

/// The envelope that the recipient sees: the sender's id, the type, and the message as it was sent.
pub fn forward(from: &str, kind: &str, message: &str) -> Text {
    const FROM: &str = "{\"from\":\"";
    const TYPE: &str = "\",\"type\":\"";
    const MESSAGE: &str = "\",\"message\":";
    let kind = match json::is_plain(kind) {
        true => Cow::Borrowed(kind),
        false => Cow::Owned(escaped(kind)),
    };
    let frame = FROM.len() + TYPE.len() + MESSAGE.len() + 1;
    let mut text = String::with_capacity(frame + from.len() + kind.len() + message.len());
    for part in [FROM, from, TYPE, &kind, MESSAGE] {
        text.push_str(part);
    }
    push_on_one_line(&mut text, message);
    text.push('}');
    text.into()
}

/// Line breaks between tokens become spaces: an envelope is one line of NDJSON. Inside a string they
/// cannot stand unescaped, so that every raw one is insignificant.
fn push_on_one_line(text: &mut String, message: &str) {
    let mut rest = message;
    while let Some(at) = memchr::memchr2(b'\n', b'\r', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        text.push(' ');
        rest = &rest[at + 1..];
    }
    text.push_str(rest);
}

/// A text as it stands between the quotes of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// An envelope from the relay itself.
pub fn from_relay(kind: &str, message: &impl Serialize) -> Text {
    // None of the relay's own messages has a map with other keys than strings, the one thing that
    // JSON cannot express.
    let message = serde_json::to_string(message).unwrap_or_else(|_| "{}".to_owned());
    forward(RELAY, kind, &message)
}

/// What HELLO tells a peer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hello<'a> {
    /// Its id.
    pub id: &'a str,
    /// `server_info` of the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_info: Option<&'a RawValue>,
    /// Its ICE servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ice_servers: Option<&'a RawValue>,
    /// How it comes back, where it asked for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume: Option<ResumeOffer>,
}

/// How a peer comes back after its connection broke.
#[derive(Debug, Serialize)]
pub struct ResumeOffer {
    /// What it shows then.
    pub token: String,
    /// For how long its session waits, in seconds.
    pub window: f64,
    /// How many of its envelopes were taken in, where it has just come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<u64>,
}

/// The first envelope of every connection.
pub fn hello(hello: &Hello<'_>) -> Text {
    from_relay("HELLO", hello)
}

/// Tells a peer how many of its envelopes are taken in.
pub fn ack(received: u64) -> Text {
    from_relay("ACK", &serde_json::json!({ "received": received }))
}

/// Tells a peer its ICE servers anew.
pub fn ice_servers(servers: Option<&RawValue>) -> Text {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Message<'a> {
        ice_servers: Option<&'a RawValue>,
    }
    let message = Message {
        ice_servers: servers,
    };
    from_relay("ICE_SERVERS", &message)
}

/// Tells a server of a new client.
pub fn peer_joined(id: &str) -> Text {
    from_relay("PEER_JOINED", &serde_json::json!({ "id": id }))
}

/// Tells a peer that another has left.
pub fn peer_gone(id: &str) -> Text {
    from_relay("PEER_GONE", &serde_json::json!({ "id": id }))
}

#[cfg(test)]
mod tests;
