use super::*;

/// That compiling `document` is refused with a sentence that has all of `parts`.
fn check_refused(document: Value, parts: &[&str]) {
    let error = refused(&document);
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
}

#[test]
fn what_is_no_schema_is_refused_with_its_place() {
    check_refused(json!([]), &["an object, or true or false"]);
    check_refused(json!({ "type": "strng" }), &["at /type:", "\"string\""]);
    check_refused(
        json!({ "properties": { "a/b": { "minLength": "5" } } }),
        &["at /properties/a~1b/minLength:", "an integer"],
    );
    check_refused(
        json!({ "$schema": DRAFT_4, "exclusiveMinimum": 3 }),
        &["at /exclusiveMinimum:", "true or false"],
    );
    check_refused(json!({ "items": [true] }), &["at /items:"]);
}

#[test]
fn an_unknown_dialect_is_refused_with_those_that_are_known() {
    let known = "https://json-schema.org/draft/2020-12/schema";
    check_refused(
        json!({ "$schema": "http://json-schema.org/draft-03/schema#" }),
        &["draft-03", known],
    );
    check_refused(json!({ "$schema": 7 }), &["7", known]);
    check_refused(
        json!({ "$defs": { "a": { "$id": "a", "$schema": "https://example.com/mine" } } }),
        &["/mine", known],
    );
    // Where it is data it means nothing.
    compile(
        &json!({ "const": { "$schema": "https://example.com/mine" }, "properties": { "$schema": {} } }),
    );
}

#[test]
fn a_reference_to_the_network_is_refused_with_what_to_do() {
    let document = json!({ "properties": { "a": { "$ref": "https://example.com/a.json" } } });
    check_refused(
        document,
        &[
            "at /properties/a/$ref: \"https://example.com/a.json\"",
            "put the file beside this one",
        ],
    );
    check_refused(
        json!({ "$ref": "urn:example:a" }),
        &["at /$ref:", "never fetched"],
    );
}

#[test]
fn a_reference_to_nothing_is_refused_with_its_place() {
    check_refused(
        json!({ "items": { "$ref": "#/$defs/a" } }),
        &["at /items/$ref: \"#/$defs/a\"", "not there"],
    );
    check_refused(json!({ "$ref": "#a" }), &["at /$ref: \"#a\"", "anchor"]);
    check_refused(
        json!({ "$ref": "other.json" }),
        &[
            "at /$ref: \"other.json\"",
            "there is no file /nonexistent/other.json",
        ],
    );
    check_refused(
        json!({ "$id": "https://example.com/a/b.json", "$ref": "c.json" }),
        &["at /$ref: \"c.json\"", "no file /nonexistent/c.json"],
    );
    check_refused(
        json!({ "$ref": DRAFT_7 }),
        &["metaschema of another dialect"],
    );
    check_refused(json!({ "$ref": "http://[" }), &["at /$ref: \"http://[\""]);
}

#[test]
fn what_is_wrong_in_another_file_names_the_file() {
    let directory = directory(&[
        ("a.json", json!({ "items": { "$ref": "wrong.json" } })),
        (
            "wrong.json",
            json!({ "properties": { "x": { "type": "strng" } } }),
        ),
        (
            "b.json",
            json!({ "$ref": "pattern.json", "properties": { "x": { "pattern": "^fine$" } } }),
        ),
        (
            "pattern.json",
            json!({ "properties": { "x": { "pattern": "(?=a)" } } }),
        ),
        ("c.json", json!({ "$ref": "missing.json" })),
        ("missing.json", json!({ "items": { "$ref": "none.json" } })),
        ("d.json", json!({ "$ref": "dialect.json" })),
        ("e.json", json!({ "$ref": "names.json" })),
        (
            "names.json",
            json!({ "patternProperties": { "(?=a)": true } }),
        ),
        (
            "dialect.json",
            json!({ "$schema": "https://example.com/mine" }),
        ),
    ]);
    for (name, parts) in [
        (
            "a.json",
            ["at /items/$ref:", "wrong.json: at /properties/x/type"],
        ),
        (
            "b.json",
            ["pattern.json: at /properties/x/pattern", "look-around"],
        ),
        (
            "c.json",
            [
                "missing.json: at /items/$ref: \"none.json\"",
                "there is no file",
            ],
        ),
        ("d.json", ["dialect.json: \"$schema\"", "2020-12"]),
        (
            "e.json",
            ["names.json: at /patternProperties/(?=a)", "look-around"],
        ),
    ] {
        let error = load(&directory, name).unwrap_err().to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let directory = directory(&[
        ("a.json", json!({ "$ref": "b.json" })),
        ("c.json", json!({ "$ref": "folder" })),
    ]);
    fs::create_dir(directory.path().join("folder")).unwrap();
    assert!(
        load(&directory, "c.json")
            .unwrap_err()
            .to_string()
            .contains("there is no file")
    );
    fs::write(
        directory.path().join("b.json"),
        r#"{"type":"string","type":"object"}"#,
    )
    .unwrap();
    let error = load(&directory, "a.json").unwrap_err().to_string();
    assert!(
        error
            .contains("b.json cannot be used. There is a second member of the same name at /type."),
        "{error}"
    );
    fs::write(directory.path().join("b.json"), "{secret").unwrap();
    let error = load(&directory, "a.json").unwrap_err().to_string();
    assert!(
        error.contains("b.json cannot be used") && !error.contains("secret"),
        "{error}"
    );
}

#[test]
fn a_regular_expression_that_could_backtrack_is_refused_with_its_place() {
    for pattern in [
        "(?=a)b",
        "^(?!a)",
        "(?<=a)b",
        "(?<!a)b",
        "(a)\\1",
        "(?<n>a)\\k<n>",
    ] {
        check_refused(
            json!({ "items": { "pattern": pattern } }),
            &["at /items/pattern:", "linear time"],
        );
        check_refused(
            json!({ "patternProperties": { pattern: true } }),
            &["at /patternProperties/", "linear time"],
        );
    }
    check_refused(
        json!({ "patternProperties": { "(?=a)": true }, "additionalProperties": false }),
        &["linear time"],
    );
    check_refused(
        json!({ "patternProperties": { "(?=a)": true }, "unevaluatedProperties": false }),
        &["linear time"],
    );
    check_refused(
        json!({ "propertyNames": { "pattern": "(?=a)" } }),
        &["at /propertyNames/pattern:"],
    );
    check_refused(json!({ "pattern": "(a{1000}){1000}" }), &["too large"]);
}

#[test]
fn what_is_no_regular_expression_is_called_so() {
    check_refused(
        json!({ "pattern": "[a" }),
        &["at /pattern:", "not a regular expression"],
    );
    check_refused(
        json!({ "patternProperties": { "a/(": true } }),
        &["at /patternProperties/a~1(:", "not a regular expression"],
    );
}
