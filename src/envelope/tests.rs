use super::*;

fn parse(text: &str) -> Result<Envelope<'_>, Invalid> {
    Envelope::parse(text, "me", Box::leak(Box::default()))
}

fn detail(text: &str) -> String {
    parse(text).expect_err(text).detail.into_owned()
}

/// A message of so many levels.
fn nested(levels: usize) -> String {
    let inner = levels - 1;
    format!(r#"{{"a":{}1{}}}"#, "[".repeat(inner), "]".repeat(inner))
}

#[test]
fn an_envelope_is_read_without_touching_its_message() {
    let text =
        r#" {"ref":"r","message" : {"b":1.50e+1,"a":"\u00e9\/"},"type":"T\u0031","to":"you"} "#;
    let envelope = parse(text).expect("valid");
    assert_eq!(envelope.to, Address::Peer("you".into()));
    assert_eq!(envelope.kind, "T1");
    assert_eq!(envelope.message, r#"{"b":1.50e+1,"a":"\u00e9\/"}"#);
    assert_eq!(envelope.reference.as_deref(), Some("r"));
    let to = |id: &str| format!(r#"{{"to":"{id}","type":"T","message":{{}}}}"#);
    assert_eq!(parse(&to("0")).expect("valid").to, Address::Relay);
    assert_eq!(parse(&to("*")).expect("valid").to, Address::Everyone);
}

#[test]
fn members_that_nobody_knows_are_ignored_but_not_twice() {
    let many: String = (0..5000).map(|n| format!("\"x{n}\":[{n}],")).collect();
    parse(&format!(r#"{{{many}"to":"a","type":"T","message":{{}}}}"#)).expect("valid");
    for twice in [
        r#"{"to":"a","to":"a","type":"T","message":{}}"#,
        r#"{"to":"a","type":"T","type":"T","message":{}}"#,
        r#"{"to":"a","type":"T","message":{},"message":{}}"#,
        r#"{"to":"a","type":"T","message":{},"ref":"r","ref":"r"}"#,
        r#"{"to":"a","type":"T","message":{},"from":"me","from":"me"}"#,
        r#"{"to":"a","type":"T","message":{},"x":1,"\u0078":2}"#,
        r#"{"to":"a","t\u006f":"b","type":"T","message":{}}"#,
    ] {
        assert!(detail(twice).contains("twice"), "{twice}");
    }
}

#[test]
fn what_is_no_envelope_is_refused_with_a_sentence_that_helps() {
    for (text, says) in [
        ("", "ends before"),
        ("{", "ends before"),
        ("nonsense", "not JSON"),
        ("{}x", "not JSON"),
        ("\u{feff}{}", "not JSON"),
        ("[]", "is a JSON object"),
        ("null", "is a JSON object"),
        ("\"text\"", "is a JSON object"),
        ("{}", "`to` is missing"),
        (r#"{"to":1}"#, "`to` must be a string"),
        (r#"{"to":{"deep":[1]}}"#, "`to` must be a string"),
        (r#"{"to":"a b"}"#, "`to` is no id"),
        (r#"{"to":""}"#, "`to` is no id"),
        (r#"{"to":"a"}"#, "`type` is missing"),
        (r#"{"to":"a","type":""}"#, "non-empty"),
        (r#"{"to":"a","type":null}"#, "non-empty"),
        (r#"{"to":"a","type":"T"}"#, "`message` is missing"),
        (r#"{"to":"a","type":"T","message":[]}"#, "must be an object"),
        (
            r#"{"to":"a","type":"T","message":null}"#,
            "must be an object",
        ),
        (
            r#"{"to":"a","type":"T","message":{},"from":"you"}"#,
            "`from`",
        ),
        (r#"{"to":"a","type":"T","message":{},"from":7}"#, "`from`"),
        (
            r#"{"to":"a","type":"T","message":{},"ref":7}"#,
            "`ref` must be",
        ),
        (r#"{"to":"a","type":"T","message":{"a":01}}"#, "not JSON"),
        (r#"{"to":"a","type":"T","message":{"a":1,}}"#, "not JSON"),
        (
            "{\"to\":\"a\",\"type\":\"T\",\"message\":{\"a\":\"\n\"}}",
            "not JSON",
        ),
    ] {
        assert!(detail(text).contains(says), "{text}: {}", detail(text));
    }
}

#[test]
fn from_may_repeat_the_senders_own_id() {
    parse(r#"{"to":"a","type":"T","message":{},"from":"me"}"#).expect("valid");
}

#[test]
fn types_and_refs_are_bounded_in_bytes() {
    let typed = |kind: &str| format!(r#"{{"to":"a","type":"{kind}","message":{{}}}}"#);
    parse(&typed(&"ä".repeat(64))).expect("128 bytes");
    assert!(detail(&typed(&"ä".repeat(65))).contains("128 bytes"));
    let with_ref =
        |reference: &str| format!(r#"{{"to":"a","type":"T","message":{{}},"ref":"{reference}"}}"#);
    parse(&with_ref(&"r".repeat(64))).expect("64 bytes");
    assert!(detail(&with_ref(&"r".repeat(65))).contains("64 bytes"));
}

#[test]
fn a_message_is_at_most_128_levels_deep() {
    let with = |message: &str| format!(r#"{{"to":"a","type":"T","message":{message}}}"#);
    parse(&with(&nested(128))).expect("128 levels");
    assert!(detail(&with(&nested(129))).contains("128 levels"));
    assert!(detail(&with(&nested(30_000))).contains("128 levels"));
    // Brackets in strings are no levels, whatever is escaped there.
    let text = format!(r#"{{"a":"\\\"{}","b":[]}}"#, "[{".repeat(500));
    parse(&with(&text)).expect("two levels");
    let wide = format!(r#"{{"a":[{}0]}}"#, "[],".repeat(500));
    parse(&with(&wide)).expect("three levels");
    assert!(check_message(&nested(128)).is_ok());
    assert!(check_message(&nested(129)).is_err());
}

#[test]
fn a_refusal_knows_what_could_be_read_of_the_envelope() {
    let invalid = parse(r#"{"to":"you","type":"T","ref":"r"}"#).expect_err("no message");
    assert_eq!(invalid.to.as_deref(), Some("you"));
    assert_eq!(invalid.kind.as_deref(), Some("T"));
    assert_eq!(invalid.reference.as_deref(), Some("r"));
    let long = "x".repeat(500);
    let text = format!(r#"{{"to":"{long}","type":"{long}","ref":"{long}"}}"#);
    let invalid = parse(&text).expect_err("too long");
    assert_eq!(
        (invalid.to, invalid.kind, invalid.reference),
        (None, None, None)
    );
}

#[test]
fn a_message_goes_on_as_it_came_but_on_one_line() {
    let text = forward("me", "T\"\n", "{\"a\":\n1.0,\r\n\"b\":\"\\n\"}");
    assert_eq!(
        text.as_str(),
        r#"{"from":"me","type":"T\"\n","message":{"a": 1.0,  "b":"\n"}}"#
    );
}
