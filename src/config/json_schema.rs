//! The JSON Schema of the file, for editors.

use serde_json::{Map, Value, json};

use super::{
    descriptions,
    shape::{Kind, Member, Need, Shape, below},
};
use crate::envelope::{MAX_TYPE_BYTES, RESERVED_TYPES};

/// `${NAME}` somewhere in a text: what it comes to is known to the relay alone.
const VARIABLE: &str = r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}";

/// The schema of a whole file.
pub(super) fn of(file: &Shape) -> Value {
    let mut schema = place(file, "", Need::Required);
    let head = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "description": "The configuration of Intercessor; intercessor.yaml(5) tells more of each key.",
        "definitions": {
            "variable": {
                "description": "`${NAME}` and `${NAME:-default}` are taken from the environment.",
                "type": "string",
                "pattern": VARIABLE,
            },
        },
    });
    if let (Some(schema), Value::Object(head)) = (schema.as_object_mut(), head) {
        schema.extend(head);
    }
    schema
}

/// What may stand at a place, with what is told about it.
fn place(shape: &Shape, path: &str, need: Need) -> Value {
    // Editors tell what is wrong by the first choice, so `off` comes after what it switches off.
    let (off, others): (Vec<_>, Vec<_>) = shape
        .kinds
        .iter()
        .partition(|kind| matches!(kind, Kind::Off));
    let kinds = others.into_iter().chain(off);
    let mut choices: Vec<_> = kinds.flat_map(|kind| alternatives(kind, path)).collect();
    if shape.kinds.iter().any(fills) {
        choices.push(json!({ "$ref": "#/definitions/variable" }));
    }
    let anything = shape.kinds.iter().any(|it| matches!(it, Kind::Anything));
    // A key without a value counts as left out.
    if need != Need::Required && !anything {
        choices.push(nothing());
    }
    let mut told = Map::new();
    if need == Need::Unsupported {
        told.insert("description".to_owned(), "Not supported yet.".into());
        // Not of JSON Schema, but of editors: what is of no use is not offered.
        told.insert("doNotSuggest".to_owned(), true.into());
    } else if let Some(text) = descriptions::of(path) {
        // Editors offer the default as the value, and few show it otherwise.
        let default = match &shape.default {
            Some(Value::String(default)) => format!(" Default: {default}."),
            Some(default) => format!(" Default: {default}."),
            None => String::new(),
        };
        told.insert("description".to_owned(), format!("{text}{default}").into());
    }
    if let Some(default) = &shape.default {
        told.insert("default".to_owned(), default.clone());
    }
    match choices.as_mut_slice() {
        [Value::Object(only)] => told.append(only),
        _ => _ = told.insert("anyOf".to_owned(), choices.into()),
    }
    Value::Object(told)
}

/// No value. Where it has `type: null`, editors offer `null` as one.
fn nothing() -> Value {
    json!({ "not": { "type": ["array", "boolean", "number", "object", "string"] } })
}

/// A text that follows a pattern, and what editors say where it does not; the latter is no part of JSON Schema.
fn pattern(pattern: &str, wanted: &str) -> Value {
    json!({ "type": "string", "pattern": pattern, "patternErrorMessage": wanted })
}

/// May a variable come to this? Of a text every part may be one.
fn fills(kind: &Kind) -> bool {
    use Kind::{Boolean, Choice, Count, Duration, Off, Size};
    matches!(
        kind,
        Off | Boolean | Count(..) | Size(..) | Duration | Choice(_)
    )
}

fn alternatives(kind: &Kind, path: &str) -> Vec<Value> {
    let only = match kind {
        // Writers of YAML 1.1 make `false` of `off`.
        Kind::Off => json!({ "enum": ["off", false] }),
        Kind::Text => json!({ "type": "string", "minLength": 1 }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Count(low, high) => count(*low, *high),
        Kind::Size(low, high) => {
            let text = pattern(
                "^[0-9]+(KiB|MiB|GiB)?$",
                "A size is written like 64KiB, 1MiB or plain bytes.",
            );
            return vec![text, count((*low).into(), (*high).into())];
        }
        // The longest, a year, has 11 digits in milliseconds.
        Kind::Duration => pattern(
            "^[0-9]{1,11}(ms|s|m|h)$",
            "A duration is written like 500ms, 30s or 5m.",
        ),
        Kind::Choice(names) => json!({ "enum": names }),
        Kind::List(least, item) => {
            let items = place(&item.borrow(), &format!("{path}[]"), Need::Required);
            json!({ "type": "array", "minItems": least, "items": items })
        }
        Kind::Section(members) => section(members, path),
        // Message types alone have names of the user's own.
        Kind::Named(each) => json!({
            "type": "object",
            "propertyNames": {
                "minLength": 1,
                "maxLength": MAX_TYPE_BYTES,
                "not": { "enum": RESERVED_TYPES },
            },
            "additionalProperties": place(&each.borrow(), &below(path, "*"), Need::Optional),
        }),
        Kind::Mapping => json!({ "type": "object" }),
        Kind::Anything => json!({}),
    };
    vec![only]
}

fn count(low: i128, high: i128) -> Value {
    // Both are far within what JSON numbers hold.
    json!({ "type": "integer", "minimum": low as i64, "maximum": high as i64 })
}

fn section(members: &[Member], path: &str) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    // The items of a list have the path of the list.
    let path = path.trim_end_matches("[]");
    for member in members {
        let path = below(path, member.key);
        let shape = member.place.borrow();
        properties.insert(member.key.to_owned(), place(&shape, &path, member.need));
        if member.need == Need::Required {
            required.push(member.key);
        }
    }
    let mut section = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        section["required"] = required.into();
    }
    section
}
