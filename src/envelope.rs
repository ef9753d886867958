//! Envelopes: reading what a peer sent, writing what goes out.
//!
//! A message is never taken apart here. It is found, bounded in depth, and carried on as the sender
//! wrote it: numbers, escapes and the order of members stay what they were.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::ids::is_id;

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

impl<'a> Envelope<'a> {
    /// Reads the text of one envelope from the peer `sender`.
    pub fn parse(text: &'a str, sender: &str) -> Result<Self, Invalid> {
        let members: Members<'a> = serde_json::from_str(text).map_err(|error| Invalid {
            detail: syntax_detail(&error).into(),
            ..Invalid::default()
        })?;
        members.check(sender)
    }
}

/// What is wrong with a text that is not JSON, without a piece of it.
fn syntax_detail(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "the text ends before the JSON does",
        serde_json::error::Category::Data => "an envelope is a JSON object",
        _ => "the text is not JSON",
    };
    format!("{what}, at line {} column {}", error.line(), error.column())
}

/// The members of the envelope's object, not yet judged.
#[derive(Default)]
struct Members<'a> {
    to: Option<Member<'a>>,
    kind: Option<Member<'a>>,
    from: Option<Member<'a>>,
    reference: Option<Member<'a>>,
    message: Option<&'a RawValue>,
    others: HashSet<Cow<'a, str>>,
    duplicate: Option<&'static str>,
}

impl<'a> Members<'a> {
    fn check(self, sender: &str) -> Result<Envelope<'a>, Invalid> {
        match self.fault(sender) {
            Some(detail) => Err(self.invalid(detail)),
            None => self.envelope().ok_or_else(Invalid::default),
        }
    }

    /// The first rule that the members break.
    fn fault(&self, sender: &str) -> Option<&'static str> {
        if let Some(name) = self.duplicate {
            return Some(name);
        }
        match self.to.as_ref().map(Member::text) {
            None => return Some("`to` is missing: say which peer the message is for"),
            Some(None) => return Some("`to` must be a string: the id of a peer"),
            Some(Some(to)) if to != EVERYONE && !is_id(to) => {
                return Some("`to` is no id: 1 to 64 of A-Z a-z 0-9 _ -, or \"*\"");
            }
            _ => {}
        }
        match self.kind.as_ref().map(Member::text) {
            None => return Some("`type` is missing: name the type of the message"),
            Some(Some("")) | Some(None) => return Some("`type` must be a non-empty string"),
            Some(Some(kind)) if kind.len() > MAX_TYPE_BYTES => {
                return Some("`type` is longer than 128 bytes");
            }
            _ => {}
        }
        if let Some(from) = &self.from
            && from.text() != Some(sender)
        {
            return Some("`from` is not your own id: leave it out");
        }
        match self.reference.as_ref().map(Member::text) {
            Some(None) => return Some("`ref` must be a string"),
            Some(Some(reference)) if reference.len() > MAX_REF_BYTES => {
                return Some("`ref` is longer than 64 bytes");
            }
            _ => {}
        }
        match self.message.map(RawValue::get) {
            None => Some("`message` is missing: it must be an object, if only {}"),
            Some(message) => message_fault(message),
        }
    }

    /// The envelope, of whose members none is missing or of another kind.
    fn envelope(self) -> Option<Envelope<'a>> {
        let to = self.to?.into_text()?;
        Some(Envelope {
            to: match to.as_ref() {
                RELAY => Address::Relay,
                EVERYONE => Address::Everyone,
                _ => Address::Peer(to),
            },
            kind: self.kind?.into_text()?,
            message: self.message?.get(),
            reference: self.reference.and_then(Member::into_text),
        })
    }

    fn invalid(self, detail: &'static str) -> Invalid {
        let text = |member: Option<Member<'a>>, max: usize| {
            let text = member.and_then(Member::into_text)?;
            (text.len() <= max && !text.is_empty()).then(|| text.into_owned())
        };
        Invalid {
            detail: detail.into(),
            to: text(self.to, crate::ids::MAX_ID_BYTES).filter(|to| to == EVERYONE || is_id(to)),
            kind: text(self.kind, MAX_TYPE_BYTES),
            reference: text(self.reference, MAX_REF_BYTES),
        }
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an envelope")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some(Name(name)) = map.next_key()? {
            let twice = match name.as_ref() {
                "to" => members.to.replace(map.next_value()?).is_some(),
                "type" => members.kind.replace(map.next_value()?).is_some(),
                "from" => members.from.replace(map.next_value()?).is_some(),
                "ref" => members.reference.replace(map.next_value()?).is_some(),
                "message" => members.message.replace(map.next_value()?).is_some(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    !members.others.insert(name)
                }
            };
            if twice {
                members.duplicate = Some("a member of the envelope is there twice");
            }
        }
        Ok(members)
    }
}

/// A member's name, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Member::deserialize(deserializer)? {
            Member::Text(name) => Ok(Self(name)),
            Member::Other => Err(serde::de::Error::custom("a name is a string")),
        }
    }
}

/// A member that should be a string.
enum Member<'a> {
    Text(Cow<'a, str>),
    Other,
}

impl<'a> Member<'a> {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Other => None,
        }
    }

    fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Other => None,
        }
    }
}

impl<'de> Deserialize<'de> for Member<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MemberVisitor)
    }
}

struct MemberVisitor;

impl<'de> Visitor<'de> for MemberVisitor {
    type Value = Member<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Member::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Member::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Member::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Member::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Member::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Member::Other)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Member::Other)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Member::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Member::Other)
    }
}

/// Checks a message that comes without an envelope. The error is one sentence that says what to mend.
pub fn check_message(text: &str) -> Result<(), Cow<'static, str>> {
    let message: &RawValue = serde_json::from_str(text).map_err(|error| syntax_detail(&error))?;
    message_fault(message.get()).map_or(Ok(()), |fault| Err(fault.into()))
}

fn message_fault(message: &str) -> Option<&'static str> {
    if !message.starts_with('{') {
        return Some("`message` must be an object");
    }
    too_deep(message).then_some("`message` is nested more than 128 levels deep")
}

/// Is this JSON text nested deeper than [`MAX_DEPTH`]? It must be valid JSON already.
fn too_deep(json: &str) -> bool {
    // Every level needs two bytes of brackets.
    if json.len() <= 2 * MAX_DEPTH {
        return false;
    }
    let mut depth = 0_usize;
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => loop {
                match bytes.next() {
                    Some(b'\\') => _ = bytes.next(),
                    Some(b'"') | None => break,
                    Some(_) => {}
                }
            },
            _ => {}
        }
    }
    false
}

/// The envelope that the recipient sees: the sender's id, the type, and the message as it was sent.
pub fn forward(from: &str, kind: &str, message: &str) -> Text {
    let kind = json_string(kind);
    let mut text = String::with_capacity(from.len() + kind.len() + message.len() + 31);
    text.push_str("{\"from\":\"");
    text.push_str(from);
    text.push_str("\",\"type\":");
    text.push_str(&kind);
    text.push_str(",\"message\":");
    push_on_one_line(&mut text, message);
    text.push('}');
    text.into()
}

/// Line breaks between tokens become spaces: an envelope is one line of NDJSON. Inside a string they
/// cannot stand unescaped, so that every raw one is insignificant.
fn push_on_one_line(text: &mut String, message: &str) {
    let mut rest = message;
    while let Some(at) = rest.find(['\n', '\r']) {
        text.push_str(&rest[..at]);
        text.push(' ');
        rest = &rest[at + 1..];
    }
    text.push_str(rest);
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
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

/// Does this text count as an envelope that was sent, where a session can be resumed? What cannot be read does.
pub fn counts(text: &str) -> bool {
    let kind = serde_json::from_str::<Members<'_>>(text)
        .ok()
        .and_then(|members| members.kind);
    !matches!(
        kind.as_ref().and_then(Member::text),
        Some("HELLO" | "BYE" | "LOGIN" | "RESUME" | "ACK")
    )
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
