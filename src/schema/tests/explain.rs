use super::*;

/// The one violation of `message`, as path, keyword and detail.
fn told(document: Value, message: Value) -> (String, String, String) {
    let mut violations = explain(&document, &message);
    assert_eq!(violations.len(), 1, "{violations:?}");
    let Violation {
        path,
        keyword,
        detail,
    } = violations.remove(0);
    (path, keyword, detail)
}

/// That `message` has one violation, which is this.
pub(super) fn check_told(document: Value, message: Value, path: &str, keyword: &str, detail: &str) {
    let expected = (path.to_owned(), keyword.to_owned(), detail.to_owned());
    assert_eq!(told(document.clone(), message), expected, "{document}");
}

#[test]
fn the_member_that_is_too_much_is_in_the_path() {
    let detail = "The schema does not allow this member.";
    let closed = json!({ "properties": { "a": true }, "additionalProperties": false });
    check_told(
        closed,
        json!({ "a": 1, "x/~\u{1b}": 2 }),
        "/x~1~0\u{1b}",
        "additionalProperties",
        detail,
    );
    let unevaluated = json!({ "properties": { "o": { "allOf": [{ "properties": { "a": true } }], "unevaluatedProperties": false } } });
    check_told(
        unevaluated,
        json!({ "o": { "a": 1, "b": 2 } }),
        "/o/b",
        "unevaluatedProperties",
        detail,
    );
    let names = json!({ "propertyNames": { "pattern": "^[a-z]$" } });
    check_told(
        names,
        json!({ "a": 1, "B": 2 }),
        "/B",
        "propertyNames",
        "The name of this member must match the regular expression \"^[a-z]$\".",
    );
    let never = json!({ "properties": { "additionalProperties": false } });
    check_told(
        never,
        json!({ "additionalProperties": 1 }),
        "/additionalProperties",
        "false",
        "This must not be there: the schema allows no value here.",
    );
}

#[test]
fn of_alternatives_the_one_that_is_meant_is_told() {
    let circle = json!({ "required": ["radius"], "properties": { "kind": { "const": "circle" }, "radius": { "type": "number" } } });
    let square = json!({ "required": ["side"], "properties": { "kind": { "const": "square" }, "side": { "type": "number" } } });
    for keyword in ["anyOf", "oneOf"] {
        let shape = json!({ "properties": { "shape": { keyword: [circle, square] } } });
        check_told(
            shape.clone(),
            json!({ "shape": { "kind": "square", "side": "x" } }),
            "/shape/side",
            "type",
            "This must be a number. (This is the nearest of several alternatives.)",
        );
        check_told(
            shape,
            json!({ "shape": { "kind": "triangle" } }),
            "/shape/kind",
            keyword,
            "This must be \"circle\" or \"square\".",
        );
    }
    let optional =
        json!({ "anyOf": [{ "type": "null" }, { "type": "object", "required": ["a"] }] });
    check_told(
        optional.clone(),
        json!({}),
        "",
        "required",
        "The member \"a\" is missing. (This is the nearest of several alternatives.)",
    );
    check_told(
        optional,
        json!(1),
        "",
        "anyOf",
        "This must be null or an object.",
    );
    let same =
        json!({ "anyOf": [{ "type": "string", "maxLength": 1 }, { "type": ["string", "null"] }] });
    check_told(
        same,
        json!(1),
        "",
        "anyOf",
        "This must be a string or null.",
    );
    let either = json!({ "anyOf": [{ "required": ["a"] }, { "required": ["b"] }] });
    check_told(
        either,
        json!({}),
        "",
        "anyOf",
        "One of these members must be there: \"a\" or \"b\".",
    );
    let unlike = json!({ "anyOf": [{ "minimum": 5 }, { "multipleOf": 2 }] });
    check_told(
        unlike,
        json!(1),
        "",
        "anyOf",
        "This fits none of the 2 alternatives that the schema has for it.",
    );
    check_told(
        json!({ "anyOf": [{ "minimum": 5 }] }),
        json!(1),
        "",
        "minimum",
        "This must be at least 5.",
    );
    let many = json!({ "oneOf": [{ "minimum": 1 }, { "type": "string" }, { "maximum": 5 }] });
    check_told(
        many,
        json!(3),
        "",
        "oneOf",
        "This must fit exactly one of the 3 alternatives of the schema, but fits several: 1 and 3.",
    );
}

#[test]
fn at_most_eight_violations_are_told_and_none_twice() {
    let twice = json!({ "allOf": [{ "type": "string" }, { "type": "string" }] });
    assert_eq!(explain(&twice, &json!(1)).len(), 1);
    let names: Value = (0..20)
        .map(|index| (format!("m{index}"), json!(1)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    assert_eq!(
        explain(
            &json!({ "properties": { "a": true }, "additionalProperties": false }),
            &names
        )
        .len(),
        8
    );
    assert_eq!(
        explain(
            &json!({ "additionalProperties": { "type": "string" } }),
            &names
        )
        .len(),
        8
    );
    assert_eq!(
        explain(&json!({ "propertyNames": { "maxLength": 1 } }), &names).len(),
        8
    );
}

#[test]
fn no_value_and_no_name_of_a_message_is_in_a_detail() {
    let secret = "the-secret";
    let schemas = [
        json!({ "type": "integer" }),
        json!({ "const": 1 }),
        json!({ "enum": [1, 2] }),
        json!({ "format": "ipv4" }),
        json!({ "pattern": "^a$" }),
        json!({ "anyOf": [{ "type": "integer" }, { "format": "uuid" }] }),
        json!({ "oneOf": [{ "type": "string" }, { "minLength": 1 }] }),
        json!({ "not": { "type": ["string", "object", "array"] } }),
        json!({ "additionalProperties": false }),
        json!({ "properties": { "a": true }, "additionalProperties": false }),
        json!({ "unevaluatedProperties": false }),
        json!({ "unevaluatedItems": false }),
        json!({ "propertyNames": { "maxLength": 1 } }),
        json!({ "propertyNames": { "anyOf": [{ "const": "a" }, { "maxLength": 1 }] } }),
        json!({ "contains": { "const": 1 } }),
        json!({ "uniqueItems": true }),
        json!({ "$schema": DRAFT_7, "contentMediaType": "application/json" }),
    ];
    for document in schemas {
        for message in [
            json!(secret),
            json!({ secret: secret }),
            json!([secret, secret]),
        ] {
            for violation in explain(&document, &message) {
                assert!(
                    !violation.detail.contains(secret)
                        && !violation.detail.contains("does not meet"),
                    "{violation:?}"
                );
            }
        }
    }
}

#[test]
fn what_is_told_is_bounded() {
    let schema = json!({ "additionalProperties": { "additionalProperties": { "enum": vec!["ü".repeat(100); 50] } } });
    let message =
        json!({ "a".repeat(600): { "b": 1 }, "c": { "é".repeat(400): 1 }, "d": { "e": 1 } });
    let violations = explain(&schema, &message);
    let paths: Vec<&str> = violations
        .iter()
        .map(|violation| violation.path.as_str())
        .collect();
    assert_eq!(paths, ["", "/c", "/d/e"]);
    for violation in &violations {
        assert!(violation.detail.len() <= 300, "{}", violation.detail.len());
    }
    assert!(
        violations[0]
            .detail
            .starts_with("At a place below, whose path is too long to tell: This must be \"ü")
    );
    assert!(
        violations[2].detail.ends_with("… (50 in all)."),
        "{}",
        violations[2].detail
    );
    let edge = json!({ "additionalProperties": { "type": "string" } });
    assert_eq!(
        explain(&edge, &json!({ "a".repeat(511): 1 }))[0].path.len(),
        512
    );
    assert_eq!(explain(&edge, &json!({ "a".repeat(512): 1 }))[0].path, "");
    let outer = "a".repeat(511);
    let deeper = json!({ "additionalProperties": edge });
    let violations = explain(&deeper, &json!({ &outer: { "b": 1 } }));
    assert_eq!(violations[0].path, format!("/{outer}"));
    let pattern = json!({ "pattern": format!("^{}$", "é".repeat(1000)) });
    let detail = &explain(&pattern, &json!("x"))[0].detail;
    assert!(detail.len() <= 300 && detail.contains('…'), "{detail}");
}

#[test]
fn a_violation_is_serialized_as_the_wire_has_it() {
    let violations = explain(
        &json!({ "properties": { "a": { "type": "string" } } }),
        &json!({ "a": 1 }),
    );
    let wire = json!([{ "path": "/a", "keyword": "type", "detail": "This must be a string." }]);
    assert_eq!(serde_json::to_value(violations).unwrap(), wire);
}
