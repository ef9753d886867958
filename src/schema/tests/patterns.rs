use jsonschema::{PatternOptions, Validator};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use super::{
    super::{fast::Patterns, pattern::Matcher},
    *,
};

/// One for each way to write a character in UTF-8, those beside a border of it, and what patterns and texts
/// are mostly about.
const CHARACTERS: [char; 22] = [
    'a',
    'b',
    'n',
    ',',
    ' ',
    '\r',
    '\n',
    '\t',
    '\u{1}',
    '"',
    '\\',
    '/',
    'é',
    '\u{301}',
    '\u{7ff}',
    '\u{800}',
    '\u{2028}',
    '\u{2030}',
    '\u{d7ff}',
    '你',
    '😀',
    '\u{10ffff}',
];

/// What jsonschema itself says.
fn judge_of(pattern: &str) -> Option<Validator> {
    jsonschema::options()
        .with_pattern_options(PatternOptions::regex())
        .build(&json!({ "pattern": pattern }))
        .ok()
}

fn compare(pattern: &str, texts: impl IntoIterator<Item = String>) -> usize {
    let Some(matcher) = Matcher::new(pattern) else {
        return 0;
    };
    let judge = judge_of(pattern).unwrap();
    let mut compared = 0;
    for text in texts {
        let expected = judge.is_valid(&Value::from(text.as_str()));
        assert_eq!(matcher.is_match(&text), expected, "{pattern:?} {text:?}");
        for raw in spellings(&text) {
            let found = matcher.is_match_escaped(&raw);
            assert_eq!(found, expected, "{pattern:?} {raw:?}");
        }
        compared += 1;
    }
    compared
}

/// The ways to write a text inside of a JSON string without `\u`, but that all slashes are written alike.
fn spellings(text: &str) -> Vec<String> {
    let quoted = Value::from(text).to_string();
    let raw = quoted[1..quoted.len() - 1].to_owned();
    if raw.contains("\\u00") {
        return Vec::new();
    }
    vec![raw.replace('/', r"\/"), raw]
}

/// All texts of up to `most` of these characters.
fn all_texts(characters: &[char], most: usize) -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut from = 0;
    for _ in 0..most {
        let last = texts.split_off(from);
        let longer = |text: &String| {
            let text = text.clone();
            characters.iter().map(move |it| format!("{text}{it}"))
        };
        let longer: Vec<String> = last.iter().flat_map(longer).collect();
        from += last.len();
        texts.extend(last);
        texts.extend(longer);
    }
    texts
}

#[test]
fn every_short_text_gets_the_verdict_of_jsonschema() {
    let plain = all_texts(&['a', ',', '\r', '\n', 'é', '\u{2028}', '😀'], 4);
    let escaped = all_texts(&['n', '/', '\\', '\n', '"', '\u{8}', '\u{c}', '\t'], 3);
    let texts = [plain, escaped].concat();
    for pattern in [
        r"^v=0\r\n(?:[a-z]=[^\r\n]*\r\n)+$",
        r"^[a,](?:[a-z][^\r\n]*\r\n)+$",
        r"^[^\r\n]*$",
        r"^[^\r\n]+$",
        r"^[^,]{2,}$",
        r"^[^,]{2,}[^a]{2,}$",
        r"^.+.+$",
        r"^.*?.+?,",
        r"^.*",
        r"^(.|\r)*$",
        r"^(?:[^,]+é)+$",
        r"^(?:[^,]*é){2}[^é]*$",
        r"^(?:[^,]|,a)*$",
        r"^(?:[^,]|,a)+$",
        r"^(?:(?:[^,]+|,a)+|[^a])+$",
        r"^(?:|[^a]+)(?:,|$)",
        r"^[^a]*.[^,]*$",
        r"^.*[é😀].*$",
        r"^[\s\S]*,[^a]+$",
        r"^(?:^[^a]*$|^.+a)$",
        r"^[^a]*[^\u0000-\u007f][^,]*$",
        r"^[^é]*$",
        r"^[^é]+[^\u2028]*$",
        r"^[^\n]*\n+$",
        r"^[^\\]*\\[^n]*$",
        r#"^[^"]+"?$"#,
        r#"^[^"\\/]*["\\/][^\n]*$"#,
        r"^[^/]*//?[^\x08\f\t]*$",
        r"^[^n]*n[^,]*$",
        r"^[^,]*[\f\x08].*$",
        r"^\s[^n]*$",
        r"^\\n[^,]*$",
    ] {
        assert_eq!(compare(pattern, texts.clone()), texts.len(), "{pattern}");
    }
}

#[test]
fn a_character_outside_of_a_class_is_told_from_all_that_begin_like_it() {
    let begin = |it: char| it.encode_utf8(&mut [0; 4]).as_bytes()[0];
    let mut ends: Vec<char> = ('\u{80}'..=char::MAX).collect();
    ends.dedup_by_key(|it| begin(*it));
    let last: Vec<char> = ends[1..]
        .iter()
        .map(|first| char::from_u32(u32::from(*first) - 1).unwrap_or('\u{d7ff}'))
        .chain([char::MAX])
        .collect();
    ends.extend(last);
    assert_eq!(ends.len(), 2 * (30 + 16 + 5));
    for outside in &ends {
        let pattern = format!("^[^{outside}]*$");
        let texts = ends.iter().map(|it| format!("a{it}é"));
        assert_eq!(compare(&pattern, texts), ends.len(), "{pattern}");
    }
}

fn pattern(random: &mut StdRng, depth: usize) -> String {
    const ATOMS: [&str; 28] = [
        ".",
        "a",
        "b",
        ",",
        "é",
        "😀",
        "你",
        r"\r\n",
        r"\S",
        r"\w",
        r"\D",
        "[^,]",
        "[^a]",
        r"[^\r\n]",
        "[^é]",
        r"[^\u2028]",
        r"[\s\S]",
        "[^a-b😀]",
        "n",
        "\"",
        "/",
        r"\\",
        r"\s",
        r"\t",
        r"[^\\]",
        "[^\"]",
        "[^/]",
        r"[^\n]",
    ];
    const COUNTS: [&str; 11] = [
        "", "", "", "*", "+", "?", "*?", "+?", "{2,}", "{0,2}", "{1,2}",
    ];
    let parts = (0..random.random_range(1..4)).map(|_| {
        let atom = match random.random_range(0..4) {
            0 if depth > 0 => format!("({})", pattern(random, depth - 1)),
            1 if depth > 0 => {
                let [one, other] = [0; 2].map(|_| pattern(random, depth - 1));
                format!("(?:{one}|{other})")
            }
            _ => (*ATOMS.choose(random).unwrap()).to_owned(),
        };
        atom + COUNTS.choose(random).unwrap()
    });
    parts.collect()
}

#[test]
fn any_pattern_and_text_get_the_verdict_of_jsonschema() {
    let mut random = StdRng::seed_from_u64(1);
    let mut compared = 0;
    for _ in 0..300 {
        let end = ["", "$"].choose(&mut random).unwrap();
        let pattern = format!("^{}{end}", pattern(&mut random, 2));
        let texts: Vec<String> = (0..100)
            .map(|_| {
                let length = random.random_range(0..10);
                let characters = (0..length).map(|_| CHARACTERS.choose(&mut random).unwrap());
                characters.collect()
            })
            .collect();
        compared += compare(&pattern, texts);
    }
    assert!(compared > 5_000, "{compared}");
}

#[test]
fn what_is_not_faster_over_bytes_is_left_to_jsonschema() {
    for pattern in [
        // It finds the letters first.
        "[^a]*b",
        "a|^[^b]*$",
        // It has a way of its own for these.
        "^abc",
        "^(a|b)$",
        r"^\S*$",
        "^[^a]{0,9}$",
        // A place within a character is looked at.
        r"^[^a]*\b",
        r"^[^a]*\B",
        "^[^a]*(?m:$)",
        // No loop over what is beyond ASCII, or one that too many bytes end.
        "^[a-z]*$",
        "^[^a]{3}$",
        "^[^abcd]*$",
        "^[^ ]*$",
        r"^\S+$",
        r"^[\s\S]*$",
        r"^[\s\S]{3,}$",
        // Too large.
        "^[^a]{3000,}$",
        "^(?:[^a]{0,40}b){40}[^a]*$",
    ] {
        assert!(Matcher::new(pattern).is_none(), "{pattern}");
        assert!(judge_of(pattern).is_some(), "{pattern}");
    }
}

#[test]
fn loops_within_loops_do_not_grow() {
    let levels = 60;
    let pattern = format!(
        "^{}[^a]{}$",
        "(?:".repeat(levels),
        "+|[^b])+".repeat(levels)
    );
    let Some(matcher) = Matcher::new(&pattern) else {
        return;
    };
    assert!(matcher.is_match("abc"));
}

#[test]
fn the_automata_of_one_schema_are_bounded() {
    let parts =
        (0..300).map(|index| json!({ "pattern": format!("^x{index}[^,]*(?:,[^;]{{20}})+$") }));
    let mut schema = json!({ "anyOf": parts.collect::<Vec<_>>() });
    let mut patterns = Patterns::default();
    patterns.take_from(&mut schema);
    assert!(patterns.bytes() > 900_000 && patterns.bytes() <= 1024 * 1024);
    let left = schema["anyOf"].as_array().unwrap().iter();
    let left = left.filter(|part| part.get("pattern").is_some()).count();
    assert!((1..300).contains(&left), "{left}");
}

#[test]
fn a_pattern_is_taken_wherever_a_schema_is() {
    let line = json!({ "pattern": "^[^,]+$" });
    let directory = directory(&[
        (
            "root.json",
            json!({ "properties": { "a": { "$ref": "other.json#/$defs/line" } } }),
        ),
        ("other.json", json!({ "$defs": { "line": line } })),
    ]);
    let referring = load(&directory, "root.json").unwrap();
    let within = |schema: Value| compile(&json!({ "properties": { "a": schema } }));
    let schemas = [
        referring,
        within(line.clone()),
        within(json!({ "anyOf": [{ "const": 1 }, line] })),
        within(json!({ "not": { "not": line } })),
        compile(&json!({ "$defs": { "b": line }, "properties": { "a": { "$ref": "#/$defs/b" } } })),
    ];
    for schema in schemas {
        assert!(schema.fast.is_some());
        for (good, text) in [(true, "x"), (true, "é"), (false, ""), (false, "x,")] {
            assert_eq!(judge(&schema, &json!({ "a": text })), good, "{text:?}");
        }
    }
    let names = compile(&json!({ "propertyNames": line }));
    assert!(names.fast.is_some());
    assert!(judge(&names, &json!({ "é": 1 })) && !judge(&names, &json!({ "é,": 1 })));
    assert!(
        compile(&json!({ "properties": { "a": { "pattern": "^a" } } }))
            .fast
            .is_none()
    );
}

#[test]
fn what_only_looks_like_a_pattern_stays() {
    let value = json!({ "pattern": "^[^,]+$" });
    let schema = compile(&json!({
        "properties": {
            "const": { "const": value },
            "enum": { "enum": [value] },
            "pattern": { "pattern": "^[^,]+$" },
        },
    }));
    assert!(schema.fast.is_some());
    let good = json!({ "const": value, "enum": value, "pattern": "x" });
    assert!(judge(&schema, &good));
    for (name, bad) in [
        ("const", json!({})),
        ("enum", json!({})),
        ("pattern", json!(",")),
    ] {
        let mut message = good.clone();
        message[name] = bad;
        assert!(!judge(&schema, &message), "{name}");
    }
}

#[test]
fn a_pattern_counts_as_work_on_its_text() {
    let schema = |count: usize| {
        let parts = (0..count).map(|index| json!({ "pattern": format!("^(?:[^,]|,{index})*$") }));
        compile(&json!({ "properties": { "a": { "allOf": parts.collect::<Vec<_>>() } } }))
    };
    let message = json!({ "a": "x".repeat(65_536) });
    assert!(is_valid(&schema(40), &message));
    assert!(is_valid(&schema(100), &message));
    assert!(!is_valid(&schema(300), &message));
}

#[test]
fn what_a_sender_is_told_comes_in_the_order_of_jsonschema() {
    let found = explain(
        &json!({ "properties": { "a": { "pattern": "^[^,]+$", "allOf": [{ "const": 1 }] } } }),
        &json!({ "a": "," }),
    );
    let told: Vec<_> = found
        .iter()
        .map(|it| (it.keyword.as_str(), it.path.as_str()))
        .collect();
    assert_eq!(told, [("pattern", "/a"), ("const", "/a")]);
    assert_eq!(
        found[0].detail,
        r#"This must match the regular expression "^[^,]+$"."#
    );
}
