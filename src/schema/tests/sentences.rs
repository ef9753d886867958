use super::{explain::check_told, *};

type Row = (Value, Value, &'static str, &'static str);

/// For a schema and a message the keyword and the sentence, all about the message itself.
fn check_rows(rows: impl IntoIterator<Item = Row>) {
    for (document, message, keyword, detail) in rows {
        check_told(document, message, "", keyword, detail);
    }
}

#[test]
fn sentences_about_single_values() {
    check_rows([
        (
            json!({ "type": ["string", "null"] }),
            json!(1),
            "type",
            "This must be null or a string.",
        ),
        (
            json!({ "const": "a" }),
            json!(1),
            "const",
            "This must be \"a\".",
        ),
        (
            json!({ "enum": ["a", null] }),
            json!(1),
            "enum",
            "This must be \"a\" or null.",
        ),
        (
            json!({ "enum": [] }),
            json!(1),
            "enum",
            "This must not be there: the schema allows no value here.",
        ),
        (
            json!({ "pattern": "^\\d+\r$" }),
            json!("x"),
            "pattern",
            "This must match the regular expression \"^\\\\d+\\r$\".",
        ),
        (
            json!({ "format": "uuid" }),
            json!("x"),
            "format",
            "This must be a UUID such as 2eb8aa08-aa98-11ea-b4aa-73b441d16380.",
        ),
        (
            json!({ "minLength": 1 }),
            json!(""),
            "minLength",
            "This must have at least 1 character.",
        ),
        (
            json!({ "maxLength": 2 }),
            json!("abc"),
            "maxLength",
            "This must have at most 2 characters.",
        ),
        (
            json!({ "not": { "type": "string" } }),
            json!("x"),
            "not",
            "This must not match {\"type\":\"string\"}.",
        ),
        (
            json!({ "not": {} }),
            json!("x"),
            "not",
            "This must not be there: the schema allows no value here.",
        ),
        (
            json!(false),
            json!("x"),
            "false",
            "This must not be there: the schema allows no value here.",
        ),
        (
            json!({ "if": { "type": "string" }, "then": { "maxLength": 1 } }),
            json!("ab"),
            "maxLength",
            "This must have at most 1 character.",
        ),
        (
            json!({ "$ref": "#/$defs/a", "$defs": { "a": { "type": "object" } } }),
            json!(1),
            "type",
            "This must be an object.",
        ),
    ]);
}

#[test]
fn sentences_about_numbers() {
    check_rows([
        (
            json!({ "minimum": 2 }),
            json!(1),
            "minimum",
            "This must be at least 2.",
        ),
        (
            json!({ "maximum": 2.5 }),
            json!(3),
            "maximum",
            "This must be at most 2.5.",
        ),
        (
            json!({ "exclusiveMinimum": 2 }),
            json!(2),
            "exclusiveMinimum",
            "This must be more than 2.",
        ),
        (
            json!({ "exclusiveMaximum": 2 }),
            json!(2),
            "exclusiveMaximum",
            "This must be less than 2.",
        ),
        (
            json!({ "multipleOf": 0.5 }),
            json!(0.3),
            "multipleOf",
            "This must be a multiple of 0.5.",
        ),
    ]);
}

#[test]
fn sentences_about_arrays() {
    check_rows([
        (
            json!({ "minItems": 1 }),
            json!([]),
            "minItems",
            "This array must have at least 1 item.",
        ),
        (
            json!({ "maxItems": 0 }),
            json!([1]),
            "maxItems",
            "This array must have at most 0 items.",
        ),
        (
            json!({ "uniqueItems": true }),
            json!([1, 1]),
            "uniqueItems",
            "No two items of this array may be equal.",
        ),
        (
            json!({ "contains": { "const": 1 } }),
            json!([2]),
            "contains",
            "No item of this array matches what the schema says it must contain.",
        ),
        (
            json!({ "contains": { "const": 1 }, "minContains": 2 }),
            json!([1]),
            "minContains",
            "Too few items of this array match what the schema says they must contain.",
        ),
        (
            json!({ "contains": { "const": 1 }, "maxContains": 1 }),
            json!([1, 1]),
            "maxContains",
            "Too many items of this array match what the schema says they may contain.",
        ),
        (
            json!({ "unevaluatedItems": false }),
            json!([1]),
            "unevaluatedItems",
            "This array has items for which the schema has no place.",
        ),
    ]);
}

#[test]
fn sentences_about_objects() {
    check_rows([
        (
            json!({ "required": ["a"] }),
            json!({}),
            "required",
            "The member \"a\" is missing.",
        ),
        (
            json!({ "dependentRequired": { "b": ["a"] } }),
            json!({ "b": 1 }),
            "dependentRequired",
            "The member \"a\" is missing; another member of this object asks for it.",
        ),
        (
            json!({ "minProperties": 2 }),
            json!({}),
            "minProperties",
            "This object must have at least 2 members.",
        ),
        (
            json!({ "maxProperties": 0 }),
            json!({ "a": 1 }),
            "maxProperties",
            "This object must have at most 0 members.",
        ),
        (
            json!({ "additionalProperties": false }),
            json!({ "a": 1 }),
            "additionalProperties",
            "The schema does not allow any member in this object.",
        ),
    ]);
}

#[test]
fn sentences_of_older_dialects() {
    check_told(
        json!({ "$schema": DRAFT_7, "contentEncoding": "base64" }),
        json!("?"),
        "",
        "contentEncoding",
        "This must be encoded as \"base64\".",
    );
    check_told(
        json!({ "$schema": DRAFT_7, "items": [true], "additionalItems": false }),
        json!([1, 2]),
        "",
        "additionalItems",
        "This array must have at most 1 item.",
    );
    check_told(
        json!({ "$schema": DRAFT_7, "dependencies": { "b": ["a"] } }),
        json!({ "b": 1 }),
        "",
        "dependencies",
        "The member \"a\" is missing; another member of this object asks for it.",
    );
}
