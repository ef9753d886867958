use std::iter;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use super::*;

/// Deep enough for whatever is tried here.
const LEVELS: usize = 100;

fn read(text: &str) -> Result<(Value, Option<Fault>), SyntaxError> {
    let mut tape = Tape::default();
    let (node, fault) = tape.read(text, LEVELS)?;
    Ok((node.to_value(), fault))
}

fn fault(text: &str) -> (Option<Fault>, String) {
    let mut tape = Tape::default();
    let (_, fault) = tape.read(text, LEVELS).expect(text);
    (fault, tape.fault_path(text).join("/"))
}

#[test]
fn what_is_json_is_read_as_others_read_it() {
    for text in [
        "null",
        " true ",
        "false",
        "0",
        "-0",
        "-12.5e-3",
        "18446744073709551615",
        "123456789012345678901234567890",
        r#""""#,
        r#""a\"\\\/\b\f\n\r\tä\u00e4\uD83D\uDE00""#,
        r#""a text that is longer than one or two steps of the search, é""#,
        "[]",
        "[ ]",
        "[1,[2,[]],{}]",
        "{}",
        r#"{"a":{"b":[{"c":null}]},"d" : "e"}"#,
        "\t{\r\n\"a\" :\n[ 1 , 2 ] }\n",
        r#"{"\u0061":1,"b\n":2}"#,
    ] {
        let expected: Value = serde_json::from_str(text).expect(text);
        assert_eq!(read(text), Ok((expected, None)), "{text}");
    }
}

#[test]
fn what_is_not_json_is_told_with_its_place() {
    for (text, ended, column) in [
        ("", true, 1),
        (" ", true, 2),
        ("[", true, 2),
        ("{", true, 2),
        (r#"{"a""#, true, 5),
        (r#""abc"#, true, 5),
        (r#""\"#, true, 3),
        (r#""\u12"#, true, 6),
        ("tru", true, 4),
        ("1.", true, 3),
        ("-", true, 2),
        ("01", false, 2),
        ("+1", false, 1),
        (".5", false, 1),
        ("1.e5", false, 3),
        ("[1,]", false, 4),
        ("[1 2]", false, 4),
        ("[1}", false, 3),
        (r#"{"a":1,}"#, false, 8),
        ("{1:2}", false, 2),
        (r#"{"a" 1}"#, false, 6),
        (r#"{"a":1]"#, false, 7),
        ("nulL", false, 4),
        ("null x", false, 6),
        (r#""\x""#, false, 3),
        (r#""\u12g4""#, false, 6),
        ("\"\u{1}\"", false, 2),
        ("\"\n\"", false, 2),
        ("\u{feff}{}", false, 1),
        ("'a'", false, 1),
        ("[1]]", false, 4),
    ] {
        let wrong = SyntaxError {
            ended,
            line: 1,
            column,
        };
        assert_eq!(read(text), Err(wrong), "{text}");
        assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
    }
    let second_line = read("[\n 1,\n x]").expect_err("no JSON");
    assert_eq!((second_line.line, second_line.column), (3, 2));
}

#[test]
fn what_parsers_could_read_differently_is_a_fault() {
    for (text, what, path) in [
        (r#"{"a":1,"b":2,"a":3}"#, Fault::Duplicate, "a"),
        (
            r#"{"x":[0,{"a":1,"\u0061":[]}]}"#,
            Fault::Duplicate,
            "x/1/a",
        ),
        (r#"{"b\n":1,"b\u000a":1}"#, Fault::Duplicate, "b\n"),
        ("[0,1e999]", Fault::Range, "1"),
        (r#"{"a":"\ud800"}"#, Fault::HalfSurrogate, "a"),
        (r#"["\ud800\ud800\udc00"]"#, Fault::HalfSurrogate, "0"),
        (r#"["\udc00"]"#, Fault::HalfSurrogate, "0"),
        (r#"{"\ud800":1}"#, Fault::HalfSurrogate, "\u{fffd}"),
    ] {
        assert_eq!(fault(text), (Some(what), path.to_owned()), "{text}");
    }
    let digits = "9".repeat(400);
    assert_eq!(fault(&digits).0, Some(Fault::Range));
    assert_eq!(fault(&format!("0.{digits}")).0, None);
    for text in [
        "1e-999",
        r#"["\ud83d\ude00"]"#,
        r#"{"a":{"a":1},"b":{"a":1}}"#,
    ] {
        assert_eq!(fault(text).0, None, "{text}");
    }
}

#[test]
fn depth_is_counted_in_levels_of_containers() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(fault(&nested(LEVELS)).0, None);
    assert_eq!(fault(&nested(LEVELS + 1)).0, Some(Fault::TooDeep));
    // However deep it is, it costs no stack.
    let mut tape = Tape::default();
    let deep = nested(1_000_000);
    let (_, fault) = tape.read(&deep, LEVELS).expect("JSON");
    assert_eq!(fault, Some(Fault::TooDeep));
}

/// Objects of few and of many members, names with escapes among them.
#[test]
fn members_are_found_by_their_names() {
    for members in [1, 2, 15, 16, 17, 18, 100, 1000] {
        let name = |n: usize| match n % 3 {
            0 => format!("\\u00{:02x}{n}", b'a' + (n % 26) as u8),
            _ => format!("n{n}"),
        };
        let texts = (0..members).map(|n| format!("\"{}\":{n}", name(n)));
        let text = format!("{{{}}}", texts.collect::<Vec<_>>().join(","));
        let mut tape = Tape::default();
        let (object, fault) = tape.read(&text, LEVELS).expect("JSON");
        assert_eq!((object.len(), fault), (members, None));
        for n in 0..members {
            let found = object.get(&unescape(&name(n))).expect("a member");
            assert_eq!(found.to_value(), json!(n));
        }
        assert!(object.get("absent").is_none());
        let order: Vec<_> = object
            .members()
            .map(|(_, value)| value.to_value())
            .collect();
        assert_eq!(order, (0..members).map(|n| json!(n)).collect::<Vec<_>>());
        let twice = format!("{},\"{}\":0}}", &text[..text.len() - 1], name(members / 2));
        let (_, fault) = tape.read(&twice, LEVELS).expect("JSON");
        assert_eq!(fault, Some(Fault::Duplicate), "{members}");
    }
}

#[test]
fn a_tape_is_used_again_and_keeps_little() {
    let mut tape = Tape::default();
    let large = format!("[{}0]", "0,".repeat(100_000));
    tape.read(&large, LEVELS).expect("JSON");
    assert!(tape.read("[", LEVELS).is_err());
    let (node, fault) = tape.read("[1]", LEVELS).expect("JSON");
    assert_eq!((node.to_value(), fault), (json!([1]), None));
    assert!(tape.entries.capacity() < 10_000);
}

/// Random texts, most of them nearly JSON: whatever `serde_json` says of one is what is said here.
#[test]
fn random_texts_are_judged_as_others_judge_them() {
    const PIECES: [&str; 28] = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\",
        "\"a\"",
        "\"b\\u0061\"",
        "\\u00e9",
        "\\n",
        "1",
        "-",
        "0",
        ".5",
        "e",
        "E+2",
        "true",
        "false",
        "null",
        " ",
        "\n",
        "ä",
        "\u{7f}",
        "\u{1}",
        "\"a\":",
        "a long plain run of text in a string",
    ];
    let mut random = StdRng::seed_from_u64(7);
    let mut valid = 0;
    for _ in 0..200_000 {
        let pieces = random.random_range(1..12);
        let text: String = iter::repeat_with(|| PIECES[random.random_range(0..PIECES.len())])
            .take(pieces)
            .collect();
        // A member that is there twice is no error of the other's, which takes the last one.
        match (read(&text), serde_json::from_str::<Value>(&text)) {
            (Ok((value, None)), Ok(expected)) => {
                valid += 1;
                assert_eq!(value, expected, "{text}");
            }
            (Ok((_, Some(Fault::Duplicate))), Ok(_)) | (Err(_), Err(_)) => {}
            other => panic!("{text}: {other:?}"),
        }
    }
    assert!(valid > 1000, "{valid} were JSON");
}

/// Strings are looked at in blocks: wherever in one something is that is special, it is seen, and what is not right is
/// told at its place.
#[test]
fn what_is_special_is_seen_at_every_place_of_a_long_string() {
    for piece in [
        "",
        r"\n",
        r"\r\n",
        r"\\",
        r"\\\\",
        r#"\""#,
        r"\u00e9",
        r"\ud83d\ude00\n",
        r"\\u00e9",
        "é",
        r"\x",
        r"\",
        "\u{1}",
        "\n",
        "\"",
    ] {
        for before in 0..140 {
            for after in [0, 1, 70] {
                let (before, after) = ("a".repeat(before), "z".repeat(after));
                let text = format!("\"{before}{piece}{after}\"");
                let found = read(&text);
                match serde_json::from_str::<Value>(&text) {
                    Ok(expected) => assert_eq!(found, Ok((expected, None)), "{text}"),
                    Err(_) => {
                        let place = found.expect_err(&text).column;
                        let earliest = before.len() + 2;
                        let latest = earliest + piece.len() + after.len() + 1;
                        assert!((earliest..=latest).contains(&place), "{text}: {place}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_string_tells_how_it_is_written() {
    let long = "a".repeat(100);
    for (inside, escapes) in [
        ("", Escapes::None),
        ("é", Escapes::None),
        (r"\n", Escapes::Short),
        (r"\\u00e9", Escapes::Short),
        (r"\u00e9", Escapes::Unicode),
        (r"\n\u00e9\n", Escapes::Unicode),
    ] {
        for text in [
            format!("\"{inside}\""),
            format!("\"{long}{inside}\""),
            format!("\"{inside}{long}\""),
        ] {
            let mut tape = Tape::default();
            let (string, _) = tape.read(&text, LEVELS).expect(&text);
            assert_eq!(string.escapes(), escapes, "{text}");
        }
    }
}

#[test]
fn random_values_come_back_as_they_were() {
    let mut random = StdRng::seed_from_u64(11);
    for _ in 0..5_000 {
        let value = any(&mut random, 4);
        let text = match random.random_bool(0.5) {
            true => value.to_string(),
            false => serde_json::to_string_pretty(&value).expect("JSON"),
        };
        assert_eq!(read(&text), Ok((value, None)), "{text}");
    }
}

fn any(random: &mut StdRng, levels: usize) -> Value {
    let kinds = if levels == 0 { 5 } else { 7 };
    match random.random_range(0..kinds) {
        0 => Value::Null,
        1 => json!(random.random::<bool>()),
        2 => json!(random.random::<i64>()),
        3 => json!(random.random_range(-1e9..1e9)),
        4 => json!(string(random)),
        5 => iter::repeat_with(|| any(random, levels - 1))
            .take(3)
            .collect(),
        _ => (0..20)
            .map(|n| {
                (
                    format!("{}{n}", string(random)),
                    any(random, levels - 3.min(levels)),
                )
            })
            .collect(),
    }
}

fn string(random: &mut StdRng) -> String {
    let length = random.random_range(0..40) * random.random_range(0..10);
    let character = || char::from_u32(random.random_range(0..0x300)).unwrap_or('x');
    iter::repeat_with(character).take(length).collect()
}
