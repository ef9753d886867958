use std::{
    thread,
    time::{Duration, Instant},
};

use super::*;

/// Much longer than it takes, also in a build without optimization and on a busy machine.
const SOON: Duration = Duration::from_secs(2);

/// Runs `work` on a stack of the size that the threads of a server have.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(work)
        .unwrap()
        .join()
        .unwrap();
}

fn within_soon<T>(work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    result
}

/// A value of a tree, every level of which two branches look into.
fn tree() -> Schema {
    let branch = |more: Value| {
        let mut branch =
            json!({ "type": "object", "required": ["n"], "properties": { "n": { "$ref": "#" } } });
        branch
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        branch
    };
    let branches = ["maxProperties", "minProperties"].map(|keyword| branch(json!({ keyword: 1 })));
    compile(&json!({ "anyOf": [{ "type": "integer" }, branches[0], branches[1]] }))
}

fn nested(levels: usize, innermost: Value) -> Value {
    (0..levels).fold(innermost, |inner, _| json!({ "n": inner }))
}

#[test]
fn the_errors_of_nested_branches_do_not_multiply() {
    let schema = tree();
    let violations = within_soon(|| explained(&schema, &nested(120, json!("wrong"))));
    assert!(violations[0].path.starts_with("/n/n/n/"), "{violations:?}");
    assert_eq!(violations[0].detail.matches("nearest").count(), 1);
    assert!(within_soon(|| is_valid(&schema, &nested(120, json!(1)))));
}

#[test]
fn a_message_full_of_errors_is_explained_at_once() {
    let schema = compile(&json!({ "items": { "allOf": vec![json!({ "type": "string" }); 50] } }));
    let violations = within_soon(|| explained(&schema, &json!(vec![1; 100_000])));
    assert_eq!(violations.len(), 8);
    assert_eq!(violations[7].path, "/7");
}

#[test]
fn an_error_at_the_end_of_a_large_message_is_found() {
    let schema =
        compile(&json!({ "items": { "anyOf": [{ "type": "integer" }, { "type": "null" }] } }));
    let mut items = vec![json!(1); 300_000];
    assert!(within_soon(|| is_valid(&schema, &json!(items))));
    items.push(json!("wrong"));
    let violations = within_soon(|| explained(&schema, &json!(items)));
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].path, "/300000");
}

#[test]
fn many_unevaluated_items_are_one_violation() {
    let schema = compile(&json!({ "prefixItems": [true], "unevaluatedItems": false }));
    let violations = explained(&schema, &json!(vec![1; 10_000]));
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].keyword, "unevaluatedItems");
}

#[test]
fn a_regular_expression_takes_linear_time() {
    for pattern in ["^(a+)+$", "(x+x+)+y", "(.*a){20}$", "^(a|a)*$"] {
        let schema = compile(&json!({ "pattern": pattern }));
        assert!(
            !within_soon(|| is_valid(&schema, &json!("a".repeat(60_000) + "!"))),
            "{pattern}"
        );
    }
}

#[test]
fn no_format_takes_long() {
    let pieces = [
        "a", "a.", "xn--a.", "1", ":", "%20", "é", "{a}", "(", "(?<a>", "[", "/~0", "ß.", "a@",
    ];
    for format in [
        "regex",
        "email",
        "idn-email",
        "hostname",
        "idn-hostname",
        "uri",
        "iri",
        "uri-template",
        "ipv6",
        "duration",
    ] {
        let schema = compile(&json!({ "format": format }));
        for piece in pieces {
            let text = json!(piece.repeat(60_000 / piece.len()));
            within_soon(|| judge(&schema, &text));
        }
    }
}

#[test]
fn the_deepest_message_fits_on_a_small_stack() {
    on_a_small_stack(|| {
        let choice =
            json!({ "if": { "type": "integer" }, "then": false, "else": { "$ref": "#/$defs/b" } });
        let schema = compile(&json!({ "$ref": "#/$defs/a", "$defs": {
            "a": { "allOf": [{ "anyOf": [{ "oneOf": [choice] }] }] },
            "b": { "$ref": "#/$defs/c" },
            "c": {
                "properties": { "n": { "$ref": "#/$defs/a" } },
                "unevaluatedProperties": { "$ref": "#" },
            },
        } }));
        assert!(judge(&schema, &nested(128, json!("fine"))));
        assert!(!judge(&schema, &nested(128, json!(1))));
        assert!(!judge(&tree(), &nested(128, json!("wrong"))));
        let metaschema = compile(&json!({ "$ref": DRAFT_2020 }));
        let schema = |innermost| (0..127).fold(innermost, |inner, _| json!({ "not": inner }));
        assert!(judge(&metaschema, &schema(json!({ "type": "string" }))));
        assert!(!judge(&metaschema, &schema(json!({ "type": 1 }))));
    });
}

#[test]
fn a_long_chain_of_references_is_followed() {
    on_a_small_stack(|| {
        let mut definitions = json!({ "d500": { "type": "string" } });
        for index in 0..500 {
            definitions[format!("d{index}")] = json!({ "$ref": format!("#/$defs/d{}", index + 1) });
        }
        let schema = compile(&json!({ "$ref": "#/$defs/d0", "$defs": definitions }));
        assert!(judge(&schema, &json!("text")));
        assert!(!judge(&schema, &json!(1)));
    });
}

#[test]
fn a_schema_that_is_nested_too_deep_is_refused() {
    let deep = |levels| (0..levels).fold(json!(true), |inner, _| json!({ "not": inner }));
    on_a_small_stack(move || {
        compile(&deep(127));
        assert!(refused(&deep(1_000)).contains("128 levels"));
    });
}

#[test]
fn what_is_read_is_bounded() {
    let files: Vec<(String, Value)> = (0..70)
        .map(|index| {
            (
                format!("{index}.json"),
                json!({ "$ref": format!("{}.json", index + 1) }),
            )
        })
        .collect();
    let files: Vec<(&str, Value)> = files
        .iter()
        .map(|(name, contents)| (name.as_str(), contents.clone()))
        .collect();
    let chain = directory(&files);
    assert!(
        load(&chain, "0.json")
            .unwrap_err()
            .to_string()
            .contains("more than 64 files")
    );

    let directory = directory(&[("a.json", json!({ "$ref": "b.json" }))]);
    let of_size = |bytes: usize| format!("{{\"$comment\":\"{}\"}}", " ".repeat(bytes - 15));
    fs::write(directory.path().join("b.json"), of_size(1 << 20)).unwrap();
    load(&directory, "a.json").unwrap();
    fs::write(directory.path().join("b.json"), of_size((1 << 20) + 1)).unwrap();
    assert!(
        load(&directory, "a.json")
            .unwrap_err()
            .to_string()
            .contains("larger than 1 MiB")
    );
}
