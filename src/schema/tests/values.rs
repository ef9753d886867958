use super::*;

#[test]
fn numbers_are_compared_as_numbers() {
    for draft in [DRAFT_6, DRAFT_7, DRAFT_2019, DRAFT_2020] {
        check(
            draft,
            json!({ "const": 1 }),
            &[json!(1), json!(1.0)],
            &[json!(true), json!("1")],
        );
        check(
            draft,
            json!({ "type": "integer" }),
            &[json!(1.0), json!(-0.0), json!(1e300)],
            &[json!(1.5)],
        );
    }
    for draft in ALL {
        check(
            draft,
            json!({ "multipleOf": 0.01 }),
            &[json!(0.07), json!(4.35), json!(19.99)],
            &[json!(0.075)],
        );
        check(
            draft,
            json!({ "multipleOf": 0.0001 }),
            &[json!(0.0075)],
            &[json!(0.00751)],
        );
        check(
            draft,
            json!({ "type": "integer", "multipleOf": 0.123_456_789 }),
            &[],
            &[json!(1e308)],
        );
        check(
            draft,
            json!({ "maximum": 9_007_199_254_740_992_u64 }),
            &[],
            &[json!(9_007_199_254_740_993_u64)],
        );
        check(
            draft,
            json!({ "enum": [false] }),
            &[json!(false)],
            &[json!(0), json!(null)],
        );
    }
}

#[test]
fn an_enum_may_have_any_values() {
    let schema = json!({ "enum": [null, { "a": [1] }, [], "x"] });
    let accepted = [json!(null), json!({ "a": [1.0] }), json!([]), json!("x")];
    for draft in ALL {
        check(
            draft,
            schema.clone(),
            &accepted,
            &[json!({}), json!([null]), json!({ "a": [1], "b": 2 })],
        );
    }
}

#[test]
fn a_string_is_as_long_as_it_has_code_points() {
    for draft in ALL {
        check(
            draft,
            json!({ "maxLength": 2 }),
            &[json!("💩💩"), json!("é"), json!("👨‍"), json!(100)],
            &[json!("💩💩💩")],
        );
        check(
            draft,
            json!({ "minLength": 2 }),
            &[json!("e\u{301}")],
            &[json!("💩")],
        );
    }
    let schema = compile(&json!({ "maxLength": 1 }));
    assert!(judge(&schema, &parse_message(r#""\ud83d\ude00""#).unwrap()));
}

#[test]
fn no_name_of_a_member_is_special() {
    let names = [
        "__proto__",
        "constructor",
        "$ref",
        "$id",
        "",
        "a/b",
        "~",
        "é\u{0}",
    ];
    for name in names {
        let schema = json!({ "properties": { name: { "type": "string" } }, "required": [name] });
        for draft in ALL {
            check(
                draft,
                schema.clone(),
                &[json!({ name: "x" })],
                &[json!({}), json!({ name: 1 })],
            );
        }
    }
}

#[test]
fn how_many_items_match_is_counted() {
    let schema = json!({ "contains": { "type": "string" }, "minContains": 2, "maxContains": 3 });
    for draft in [DRAFT_2019, DRAFT_2020] {
        let refused = [json!(["a"]), json!([]), json!(["a", "b", "c", "d"])];
        check(
            draft,
            schema.clone(),
            &[json!(["a", 1, "b"]), json!("no array")],
            &refused,
        );
    }
}

#[test]
fn unique_items_are_unique_as_json() {
    for draft in ALL {
        let refused = [
            json!([1, 1.0]),
            json!([{ "a": 1, "b": 2 }, { "b": 2, "a": 1 }]),
            json!([[null], [null]]),
        ];
        check(
            draft,
            json!({ "uniqueItems": true }),
            &[json!([1, true]), json!([0, false, "0", null])],
            &refused,
        );
    }
}

#[test]
fn a_pattern_is_found_anywhere_and_knows_unicode() {
    for draft in ALL {
        check(
            draft,
            json!({ "pattern": "b+" }),
            &[json!("abbc"), json!(5)],
            &[json!("ac")],
        );
        check(
            draft,
            json!({ "pattern": "^\\p{Letter}+$" }),
            &[json!("über")],
            &[json!("a1")],
        );
        check(
            draft,
            json!({ "pattern": "^\\d$" }),
            &[json!("1")],
            &[json!("߀")],
        );
        check(
            draft,
            json!({ "pattern": "^a$" }),
            &[json!("a")],
            &[json!("a\n")],
        );
    }
}
