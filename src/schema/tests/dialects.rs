use super::*;

#[test]
fn without_a_dialect_it_is_the_newest() {
    let schema = compile(&json!({ "prefixItems": [{ "type": "string" }] }));
    assert!(judge(&schema, &json!(["a"])));
    assert!(!judge(&schema, &json!([1])));
}

#[test]
fn a_dialect_may_be_written_with_either_scheme_and_with_or_without_the_fragment() {
    for dialect in [
        "https://json-schema.org/draft-07/schema",
        "http://json-schema.org/draft-07/schema#",
    ] {
        check(dialect, json!({ "const": 1 }), &[json!(1)], &[json!(2)]);
    }
    for dialect in [
        "http://json-schema.org/draft/2020-12/schema",
        "https://json-schema.org/draft/2020-12/schema#",
    ] {
        check(dialect, json!({ "const": 1 }), &[json!(1)], &[json!(2)]);
    }
}

#[test]
fn each_dialect_has_its_own_keywords() {
    for draft in [DRAFT_6, DRAFT_7, DRAFT_2019, DRAFT_2020] {
        check(draft, json!({ "const": 1 }), &[json!(1)], &[json!(2)]);
        check(
            draft,
            json!({ "propertyNames": { "maxLength": 1 } }),
            &[json!({ "a": 1 })],
            &[json!({ "ab": 1 })],
        );
        check(
            draft,
            json!({ "exclusiveMinimum": 3 }),
            &[json!(4)],
            &[json!(3)],
        );
        check(
            draft,
            json!({ "properties": { "a": false } }),
            &[json!({})],
            &[json!({ "a": 1 })],
        );
    }
    check(
        DRAFT_4,
        json!({ "const": 1, "propertyNames": false }),
        &[json!(2), json!({ "a": 1 })],
        &[],
    );
    check(
        DRAFT_4,
        json!({ "minimum": 3, "exclusiveMinimum": true }),
        &[json!(4)],
        &[json!(3)],
    );
    let conditional =
        json!({ "if": { "type": "string" }, "then": { "maxLength": 1 }, "else": { "minimum": 5 } });
    for draft in [DRAFT_7, DRAFT_2019, DRAFT_2020] {
        check(
            draft,
            conditional.clone(),
            &[json!("a"), json!(5)],
            &[json!("ab"), json!(4)],
        );
    }
    check(DRAFT_6, conditional, &[json!("ab"), json!(4)], &[]);
}

#[test]
fn beside_a_reference_older_dialects_ignore_everything() {
    let old = json!({ "properties": { "a": { "$ref": "#/definitions/s", "maxLength": 1 } },
        "definitions": { "s": { "type": "string" } } });
    for draft in [DRAFT_4, DRAFT_6, DRAFT_7] {
        check(
            draft,
            old.clone(),
            &[json!({ "a": "long" })],
            &[json!({ "a": 1 })],
        );
    }
    for draft in [DRAFT_2019, DRAFT_2020] {
        check(
            draft,
            old.clone(),
            &[json!({ "a": "s" })],
            &[json!({ "a": "long" }), json!({ "a": 1 })],
        );
    }
}

#[test]
fn a_tuple_is_an_array_of_items_and_then_prefix_items() {
    let old =
        json!({ "items": [{ "type": "string" }, { "type": "integer" }], "additionalItems": false });
    for draft in [DRAFT_4, DRAFT_6, DRAFT_7, DRAFT_2019] {
        check(
            draft,
            old.clone(),
            &[json!(["a", 1]), json!(["a"])],
            &[json!([1]), json!(["a", 1, 2])],
        );
    }
    let new =
        json!({ "prefixItems": [{ "type": "string" }, { "type": "integer" }], "items": false });
    check(
        DRAFT_2020,
        new,
        &[json!(["a", 1]), json!(["a"])],
        &[json!([1]), json!(["a", 1, 2])],
    );
}

#[test]
fn additional_properties_are_those_that_no_name_and_no_pattern_covers() {
    let schema = json!({ "properties": { "a": {} }, "patternProperties": { "^x-": { "type": "integer" } },
        "additionalProperties": { "type": "boolean" } });
    let accepted = [json!({ "a": "any", "x-1": 1, "other": true })];
    for draft in ALL {
        check(
            draft,
            schema.clone(),
            &accepted,
            &[json!({ "x-1": true }), json!({ "other": 1 })],
        );
    }
}

#[test]
fn what_no_part_of_a_schema_evaluates_is_refused() {
    let schema = json!({ "properties": { "kind": true }, "unevaluatedProperties": false,
        "anyOf": [{ "properties": { "kind": { "const": "a" }, "a": true } },
            { "properties": { "kind": { "const": "b" }, "b": true } }] });
    for draft in [DRAFT_2019, DRAFT_2020] {
        let accepted = [
            json!({ "kind": "a", "a": 1 }),
            json!({ "kind": "b", "b": 1 }),
        ];
        check(
            draft,
            schema.clone(),
            &accepted,
            &[json!({ "kind": "a", "b": 1 }), json!({ "kind": "c" })],
        );
    }
    let items = json!({ "prefixItems": [true], "contains": { "type": "string" }, "unevaluatedItems": false });
    check(
        DRAFT_2020,
        items,
        &[json!([1, "a", "b"])],
        &[json!([1, "a", 2]), json!([1])],
    );
}

#[test]
fn dependencies_were_split_in_two() {
    let old = json!({ "dependencies": { "a": ["b"], "c": { "minProperties": 2 } } });
    for draft in [DRAFT_4, DRAFT_6, DRAFT_7] {
        check(
            draft,
            old.clone(),
            &[json!({ "b": 1 }), json!({ "a": 1, "b": 1 })],
            &[json!({ "a": 1 }), json!({ "c": 1 })],
        );
    }
    let new = json!({ "dependentRequired": { "a": ["b"] }, "dependentSchemas": { "c": { "minProperties": 2 } } });
    for draft in [DRAFT_2019, DRAFT_2020] {
        check(
            draft,
            new.clone(),
            &[json!({ "b": 1 }), json!({ "a": 1, "b": 1 })],
            &[json!({ "a": 1 }), json!({ "c": 1 })],
        );
    }
}

#[test]
fn a_boolean_is_a_schema() {
    assert!(judge(&compile(&json!(true)), &json!({})));
    assert!(!judge(&compile(&json!(false)), &json!({})));
}
