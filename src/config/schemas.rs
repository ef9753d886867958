//! `schemas`: the message types. Files are read here, and compiled elsewhere.

use std::convert::identity;

use super::{
    Delivery, Location, MessageType, OnViolation, Schemas, Source, UnknownTypes,
    section::Section,
    shape::Kind,
    value::Value,
    yaml::{Key, Node},
};
use crate::envelope::{MAX_TYPE_BYTES, RESERVED_TYPES};

/// The whole section.
pub(super) fn read(s: &mut Section<'_>) -> Schemas {
    let default = s.or("on_violation", OnViolation::Reject, on_violation);
    Schemas {
        types: s.or("types", Vec::new(), |v| types(v, default)),
        unknown_types: s.or("unknown_types", UnknownTypes::Allow, |v| {
            v.choice(&[
                ("allow", UnknownTypes::Allow),
                ("reject", UnknownTypes::Reject),
            ])
        }),
        formats: s.or("formats", true, Value::boolean),
    }
}

fn types(value: Value<'_>, on_violation: OnViolation) -> Option<Vec<MessageType>> {
    let types: Vec<_> = value
        .named()?
        .into_iter()
        .map(|(key, value)| message_type(key, value, on_violation))
        .collect();
    types.into_iter().collect()
}

fn message_type(key: &Key, value: Value<'_>, on_violation: OnViolation) -> Option<MessageType> {
    check_name(key, &value);
    let plain = plain(key.text.clone(), key.at, on_violation);
    if value.is_left_out() {
        return Some(plain);
    }
    let short = |schema| MessageType {
        schema: Some(schema),
        ..plain.clone()
    };
    value.json_file_or(short, |v| {
        v.section_like("a schema file or a mapping", |s| full(s, plain.clone()))
    })
}

fn check_name(key: &Key, value: &Value<'_>) {
    if RESERVED_TYPES.contains(&key.text.as_str()) {
        value.refuse_at(
            key.at,
            format!(
                "`{}` is a type of the relay's own; choose another name",
                key.text
            ),
        );
    }
    if !(1..=MAX_TYPE_BYTES).contains(&key.text.len()) {
        value.refuse_at(key.at, "the name of a type has 1 to 128 bytes");
    }
}

/// A type without anything said about it.
fn plain(name: String, at: Location, on_violation: OnViolation) -> MessageType {
    MessageType {
        name,
        schema: None,
        from_server: true,
        from_client: true,
        max_bytes: None,
        delivery: Delivery::Ordered,
        on_violation,
        drop_on_full: false,
        valid: Vec::new(),
        invalid: Vec::new(),
        at,
    }
}

fn full(s: &mut Section<'_>, plain: MessageType) -> MessageType {
    let (from_server, from_client) = s.or("from", (true, true), from);
    let full = MessageType {
        schema: s.optional("schema", schema),
        from_server,
        from_client,
        max_bytes: s.optional("max_bytes", |v| v.size(1..=64 << 20)),
        delivery: s.or("delivery", plain.delivery, |v| {
            v.choice(&[
                ("ordered", Delivery::Ordered),
                ("independent", Delivery::Independent),
                ("datagram", Delivery::Datagram),
            ])
        }),
        on_violation: s
            .optional("on_violation", on_violation)
            .unwrap_or(plain.on_violation),
        drop_on_full: s.or("on_full", plain.drop_on_full, |v| {
            v.choice(&[("drop", true)])
        }),
        valid: s.or("valid", Vec::new(), |v| v.list_of(sample)),
        invalid: s.or("invalid", Vec::new(), |v| v.list_of(sample)),
        ..plain
    };
    if (s.has("valid") || s.has("invalid")) && !s.has("schema") {
        s.refuse::<()>("samples need a `schema` that judges them");
    }
    full
}

fn from(value: Value<'_>) -> Option<(bool, bool)> {
    let roles = value.one_or_more_of(|v| v.choice(&[("server", true), ("client", false)]))?;
    Some((roles.contains(&true), roles.contains(&false)))
}

fn on_violation(value: Value<'_>) -> Option<OnViolation> {
    value.choice(&[
        ("reject", OnViolation::Reject),
        ("drop", OnViolation::Drop),
        ("disconnect", OnViolation::Disconnect),
        ("observe", OnViolation::Observe),
    ])
}

fn schema(value: Value<'_>) -> Option<Source> {
    value.json_file_or(identity, |v| {
        v.may_be(|| Kind::Mapping);
        v.may_be(|| Kind::Boolean);
        match v.node() {
            Node::Map(_) | Node::Bool(_) => v.inline_json(),
            _ => v.wants("a file or an inline schema"),
        }
    })
}

/// A `message` is always an object, so that a text can only be a file.
fn sample(value: Value<'_>) -> Option<Source> {
    value.json_file_or(identity, |v| {
        v.may_be(|| Kind::Mapping);
        match v.node() {
            Node::Map(_) => v.inline_json(),
            _ => v.wants("a file or an inline message"),
        }
    })
}
