use super::*;

#[test]
fn a_file_beside_the_schema_is_found() {
    let directory = directory(&[
        (
            "offer.json",
            json!({ "properties": { "sdp": { "$ref": "shared/sdp.json" }, "line": { "$ref": "shared/sdp.json#/$defs/line" } } }),
        ),
        (
            "shared/sdp.json",
            json!({ "type": "array", "items": { "$ref": "line.json" }, "$defs": { "line": { "$ref": "../base.json#line" } } }),
        ),
        ("shared/line.json", json!({ "$ref": "../base.json#line" })),
        (
            "base.json",
            json!({ "$defs": { "l": { "$anchor": "line", "type": "string" } } }),
        ),
    ]);
    let schema = load(&directory, "offer.json").unwrap();
    assert!(judge(&schema, &json!({ "sdp": ["a"], "line": "b" })));
    assert!(!judge(&schema, &json!({ "sdp": ["a", 1] })));
    assert!(!judge(&schema, &json!({ "line": 1 })));
}

#[test]
fn a_file_that_is_named_by_an_id_is_found_beside_the_schema() {
    let other = json!({ "$id": "https://example.com/schemas/other.json", "$ref": "nested/deep" });
    let directory = directory(&[
        (
            "a.json",
            json!({ "$id": "https://example.com/schemas/a.json", "$ref": "other.json" }),
        ),
        (
            "b.json",
            json!({ "$id": "https://example.com/schemas/b.json", "$ref": "https://example.com/schemas/other.json" }),
        ),
        (
            "c.json",
            json!({ "$id": "/schemas/c", "$ref": "other.json" }),
        ),
        ("d.json", json!({ "$ref": "a.json" })),
        ("other.json", other),
        (
            "nested/deep.json",
            json!({ "$id": "https://example.com/schemas/nested/deep", "type": "string" }),
        ),
        (
            "old.json",
            json!({ "$schema": DRAFT_4, "id": "https://example.com/schemas/old.json", "allOf": [{ "$ref": "nested/old.json" }] }),
        ),
        ("nested/old.json", json!({ "type": "string" })),
    ]);
    for name in ["a.json", "b.json", "c.json", "d.json", "old.json"] {
        let schema = load(&directory, name).unwrap();
        assert!(judge(&schema, &json!("text")), "{name}");
        assert!(!judge(&schema, &json!(1)), "{name}");
    }
}

#[test]
fn a_schema_of_another_origin_is_not_taken_from_beside() {
    let directory = directory(&[
        (
            "a.json",
            json!({ "$id": "https://example.com/a.json", "$ref": "https://example.org/b.json" }),
        ),
        ("b.json", json!(true)),
    ]);
    let error = load(&directory, "a.json").unwrap_err().to_string();
    assert!(
        error.contains("at /$ref: \"https://example.org/b.json\""),
        "{error}"
    );
}

#[test]
fn files_may_refer_to_each_other_in_a_circle() {
    let directory = directory(&[
        (
            "a.json",
            json!({ "type": "object", "properties": { "b": { "$ref": "b.json" } }, "additionalProperties": false }),
        ),
        (
            "b.json",
            json!({ "type": "object", "properties": { "a": { "$ref": "a.json" } }, "additionalProperties": false }),
        ),
        ("self.json", json!({ "$ref": "loop.json" })),
        ("loop.json", json!({ "$ref": "self.json" })),
    ]);
    let schema = load(&directory, "a.json").unwrap();
    assert!(judge(&schema, &json!({ "b": { "a": { "b": {} } } })));
    assert!(!judge(&schema, &json!({ "b": { "a": { "a": {} } } })));
    // Two that say nothing but each other ask for nothing.
    assert!(judge(&load(&directory, "self.json").unwrap(), &json!(1)));
    assert!(judge(&compile(&json!({ "$ref": "#" })), &json!(1)));
}

#[test]
fn a_file_has_a_dialect_of_its_own() {
    let directory = directory(&[
        (
            "new.json",
            json!({ "$schema": DRAFT_2020, "properties": { "a": { "$ref": "old.json" } }, "prefixItems": [{ "type": "string" }] }),
        ),
        (
            "old.json",
            json!({ "$schema": DRAFT_7, "items": [{ "type": "string" }] }),
        ),
        (
            "heir.json",
            json!({ "$schema": DRAFT_7, "properties": { "a": { "$ref": "silent.json" } } }),
        ),
        ("silent.json", json!({ "items": [{ "type": "string" }] })),
    ]);
    for name in ["new.json", "heir.json"] {
        let schema = load(&directory, name).unwrap();
        assert!(judge(&schema, &json!({ "a": ["x", 1] })), "{name}");
        assert!(!judge(&schema, &json!({ "a": [1] })), "{name}");
    }
}

#[test]
fn an_id_within_a_schema_changes_the_base_of_what_is_below() {
    let directory = directory(&[
        (
            "a.json",
            json!({ "properties": { "x": { "$id": "sub/", "$ref": "b.json" } } }),
        ),
        ("sub/b.json", json!({ "type": "integer" })),
        ("b.json", json!({ "type": "string" })),
    ]);
    let schema = load(&directory, "a.json").unwrap();
    assert!(judge(&schema, &json!({ "x": 1 })));
    assert!(!judge(&schema, &json!({ "x": "text" })));
}

#[test]
fn references_within_a_document() {
    let anchors = json!({ "$ref": "#a", "$defs": { "x": { "$anchor": "a", "type": "integer" } } });
    for draft in [DRAFT_2019, DRAFT_2020] {
        check(draft, anchors.clone(), &[json!(1)], &[json!("x")]);
    }
    let ids = json!({ "properties": { "a": { "$ref": "#a" } }, "definitions": { "x": { "$id": "#a", "type": "integer" } } });
    for draft in [DRAFT_6, DRAFT_7] {
        check(
            draft,
            ids.clone(),
            &[json!({ "a": 1 })],
            &[json!({ "a": "x" })],
        );
    }
    let escaped = json!({ "properties": { "a": { "$ref": "#/definitions/a~1b%25c~0" } },
        "definitions": { "a/b%c~": { "type": "integer" } } });
    for draft in ALL {
        check(
            draft,
            escaped.clone(),
            &[json!({ "a": 1 })],
            &[json!({ "a": "x" })],
        );
    }
    let urn = json!({ "$ref": "urn:uuid:deadbeef-1234-00ff-ff00-4321feebdaed",
        "$defs": { "x": { "$id": "urn:uuid:deadbeef-1234-00ff-ff00-4321feebdaed", "type": "integer" } } });
    check(DRAFT_2020, urn, &[json!(1)], &[json!("x")]);
}

#[test]
fn a_dynamic_reference_leads_to_the_outermost_anchor() {
    let tree = json!({ "$id": "tree", "$dynamicAnchor": "node", "type": "object",
        "properties": { "data": true, "children": { "type": "array", "items": { "$dynamicRef": "#node" } } } });
    let strict = json!({ "$id": "strict", "$dynamicAnchor": "node", "$ref": "tree", "unevaluatedProperties": false,
        "$defs": { "tree": tree } });
    let good = json!({ "children": [{ "data": 1, "children": [] }] });
    check(
        DRAFT_2020,
        strict,
        &[good],
        &[json!({ "children": [{ "daat": 1 }] })],
    );
    let recursive = json!({ "$recursiveAnchor": true, "type": "object", "additionalProperties": { "$recursiveRef": "#" } });
    check(
        DRAFT_2019,
        recursive,
        &[json!({ "a": { "b": {} } })],
        &[json!({ "a": { "b": 1 } })],
    );
}

#[test]
fn a_metaschema_needs_no_network() {
    for draft in ALL {
        check(
            draft,
            json!({ "allOf": [{ "$ref": draft }] }),
            &[json!({ "type": "string" })],
            &[json!({ "type": 1 })],
        );
    }
}

#[test]
fn an_inline_schema_refers_to_files_beside_the_configuration() {
    let directory = directory(&[("shared.json", json!({ "type": "string" }))]);
    let inline = directory.path().join("relay.yaml");
    let schema = Schema::compile(&json!({ "$ref": "shared.json" }), &inline, true).unwrap();
    assert!(!judge(&schema, &json!(1)));
}

#[test]
fn a_path_may_have_any_characters() {
    let directory = directory(&[
        ("ü b%20/c#d?.json", json!({ "$ref": "other.json" })),
        ("ü b%20/other.json", json!({ "type": "string" })),
    ]);
    assert!(!judge(
        &load(&directory, "ü b%20/c#d?.json").unwrap(),
        &json!(1)
    ));
}
