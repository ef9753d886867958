//! Reading an envelope: one pass over its text, no copy of its message.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    Address, EVERYONE, Envelope, Invalid, MAX_DEPTH, MAX_REF_BYTES, MAX_TYPE_BYTES, RELAY,
};
use crate::ids::is_id;

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

/// Does this text count as an envelope that was sent, where a session can be resumed? What cannot be read does.
pub fn counts(text: &str) -> bool {
    let members: Option<Members<'_>> = serde_json::from_str(text).ok();
    let kind = members.and_then(|members| members.kind);
    kind_counts(kind.as_ref().and_then(Member::text))
}

/// The same for an envelope that was read already, by its type.
pub fn kind_counts(kind: Option<&str>) -> bool {
    !matches!(kind, Some("HELLO" | "BYE" | "LOGIN" | "RESUME" | "ACK"))
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
