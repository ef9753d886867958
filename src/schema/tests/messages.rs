use super::*;

fn unreadable(text: &str) -> String {
    parse_message(text).unwrap_err().to_string()
}

#[test]
fn a_text_is_read_as_serde_json_reads_it() {
    for text in [
        r#"{"a":[1,-2,3.5,1e3,true,false,null,"x",{}],"b":{"a":[]},"":"\u00e9\ud83d\ude00\n"}"#,
        "[18446744073709551615, -9223372036854775808, 123456789012345678901234567890, 0.1, -0, 1e-400]",
        " \t\r\n7 ",
        "\"plain\"",
    ] {
        assert_eq!(
            parse_message(text).unwrap(),
            serde_json::from_str::<Value>(text).unwrap()
        );
    }
}

#[test]
fn a_member_that_is_there_twice_is_refused_at_any_depth() {
    assert_eq!(
        unreadable(r#"{"a":1,"a":1}"#),
        "There is a second member of the same name at /a."
    );
    assert_eq!(
        unreadable(r#"[0,{"b/c":[{"~":1,"x":2,"\u007e":3}]}]"#),
        "There is a second member of the same name at /1/b~1c/0/~0."
    );
    assert!(parse_message(r#"{"a":{"a":1},"b":{"a":1}}"#).is_ok());
}

#[test]
fn a_number_beyond_a_double_is_refused() {
    assert_eq!(
        unreadable(r#"{"a":[1,1e400]}"#),
        "There is a number beyond the range of a double at /a/1."
    );
    assert_eq!(
        unreadable("-1e999"),
        "There is a number beyond the range of a double at the top."
    );
    assert!(parse_message("1.7976931348623157e308").is_ok());
}

#[test]
fn half_a_surrogate_pair_is_refused() {
    for text in [
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\ud800x"}"#,
        r#"{"a":"\udc00\ud800"}"#,
        r#"{"a":"\ud800\u0061"}"#,
        r#"{"a":"\ud800\n"}"#,
    ] {
        assert_eq!(
            unreadable(text),
            r"There is a \u escape that is only half of a surrogate pair at /a.",
            "{text}"
        );
    }
    assert!(unreadable(r#"{"\udfff":1}"#).contains("surrogate"));
}

#[test]
fn what_is_no_json_is_refused_without_a_word_of_it() {
    for text in [
        "",
        "secret",
        "{\"secret\":1,}",
        "{secret:1}",
        "[1 secret]",
        "\"secret",
        "'secret'",
        "{} secret",
        "01",
        "NaN",
        "+1",
        "\"\t\"",
    ] {
        let error = unreadable(text);
        assert!(
            error.starts_with("This is not JSON: ") && !error.contains("secret"),
            "{error}"
        );
    }
}

#[test]
fn a_text_is_read_as_deep_as_a_message_may_be_and_not_forever() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse_message(&nested(200)).is_ok());
    assert!(unreadable(&nested(300)).contains("nested too deep"));
    let deep = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    assert!(unreadable(&deep).contains("nested too deep"));
}

#[test]
fn an_error_is_short_and_on_one_line() {
    let name = "n\n".repeat(10_000);
    let error = unreadable(
        &json!({ "a": { &name: [0] } })
            .to_string()
            .replace("[0]", r#"{"x":1,"x":1}"#),
    );
    assert_eq!(error, "There is a second member of the same name at /a.");
    let error = unreadable("{\"a\\n\u{7f}\":{\"x\":1,\"x\":1}}");
    assert_eq!(
        error,
        r"There is a second member of the same name at /a\n\u{7f}/x."
    );
}
