use super::*;

/// In every dialect that knows `format`, that these are of it and those are not.
fn check_format(drafts: &[&str], format: &str, good: &[&str], bad: &[&str]) {
    for draft in drafts {
        let good: Vec<Value> = good
            .iter()
            .map(|text| json!(text))
            .chain([json!(12), json!(null)])
            .collect();
        let bad: Vec<Value> = bad.iter().map(|text| json!(text)).collect();
        check(draft, json!({ "format": format }), &good, &bad);
    }
}

const SINCE_7: [&str; 3] = [DRAFT_7, DRAFT_2019, DRAFT_2020];
const SINCE_2019: [&str; 2] = [DRAFT_2019, DRAFT_2020];

#[test]
fn a_format_is_asserted_only_where_the_configuration_says_so() {
    for draft in ALL {
        let document = json!({ "$schema": draft, "format": "ipv4" });
        let path = Path::new("/nonexistent/schema.json");
        assert!(!judge(
            &Schema::compile(&document, path, true).unwrap(),
            &json!("x")
        ));
        assert!(judge(
            &Schema::compile(&document, path, false).unwrap(),
            &json!("x")
        ));
    }
}

#[test]
fn dates_and_times() {
    let good = [
        "1963-06-19T08:30:06.283185Z",
        "1998-12-31T23:59:60Z",
        "1998-12-31T15:59:60.123-08:00",
        "2020-02-29t00:00:00z",
    ];
    let bad = [
        "1998-12-31T22:59:60Z",
        "1998-12-31T23:59:61Z",
        "1990-02-31T15:59:59Z",
        "2021-02-29T00:00:00Z",
        "1963-06-19 08:30:06Z",
        "2013-350T01:01:01",
        "1963-06-1৪T00:00:00Z",
        "1990-12-31T15:59:59-24:00",
    ];
    check_format(&ALL, "date-time", &good, &bad);
    check_format(
        &SINCE_7,
        "date",
        &["2020-02-29"],
        &["2021-02-29", "1998-1-01", "2020-13-01", "20200229"],
    );
    check_format(
        &SINCE_7,
        "time",
        &["23:59:60Z", "08:30:06+01:00"],
        &["22:59:60Z", "08:30:06", "24:00:00Z", "8:30:06Z"],
    );
    check_format(
        &SINCE_2019,
        "duration",
        &["P4DT12H30M5S", "P1Y", "PT36H", "P4W"],
        &["PT1D", "P", "P1YT", "P2D1Y", "P1Y2W", "4D"],
    );
}

#[test]
fn addresses_and_names() {
    check_format(
        &ALL,
        "ipv4",
        &["192.168.0.1"],
        &[
            "127.0.0.0.1",
            "256.0.0.1",
            "087.10.0.1",
            "0x7f.1",
            "127.1",
            "192.168.0.0/24",
        ],
    );
    check_format(
        &ALL,
        "ipv6",
        &["::1", "::", "1:2:3:4:5:6:7:8", "::ffff:192.168.0.1"],
        &[
            "12345::",
            "1:2:3:4:5:6:7",
            ":2:3:4:5:6:7:8",
            "1::2::3",
            "fe80::a%eth1",
            "[::1]",
            "::/64",
        ],
    );
    check_format(
        &ALL,
        "hostname",
        &["www.example.com", "a-b.c", "1host"],
        &["-a.com", "a_b", "a..b", "", "a.b-"],
    );
    check_format(
        &SINCE_7,
        "idn-hostname",
        &["실례.테스트", "example.com"],
        &["〮실례.테스트", "-> $1.00", "a..b"],
    );
    check_format(
        &ALL,
        "email",
        &["joe.bloggs@example.com", "te~st@example.com"],
        &["2962", ".test@example.com", "a..b@example.com", "a@"],
    );
    check_format(
        &SINCE_7,
        "idn-email",
        &["실례@실례.테스트", "joe@example.com"],
        &["2962"],
    );
}

#[test]
fn references_and_pointers() {
    check_format(
        &ALL,
        "uri",
        &[
            "http://foo.bar/?baz=qux#quux",
            "urn:oasis:names",
            "mailto:a@b.example",
        ],
        &[
            "//foo.bar/",
            "/abc",
            "\\\\WINDOWS\\share",
            "http:// spaces",
            ":// ",
            "bar,baz;a:b c",
        ],
    );
    let since_6 = [DRAFT_6, DRAFT_7, DRAFT_2019, DRAFT_2020];
    check_format(
        &since_6,
        "uri-reference",
        &["/abc", "#frag", "", "http://a/"],
        &["\\\\WINDOWS", "#frag\\ment"],
    );
    check_format(
        &since_6,
        "uri-template",
        &["http://a/{b}/{c}"],
        &["http://a/{b/c"],
    );
    check_format(
        &since_6,
        "json-pointer",
        &["/a~1b/~0", "", "/"],
        &["/~", "a", "/~2", "#/a"],
    );
    check_format(
        &SINCE_7,
        "relative-json-pointer",
        &["1", "0/a", "120#"],
        &["/a", "-1/a", "01/a", "0##"],
    );
    check_format(
        &SINCE_7,
        "iri",
        &["http://ƒøø.ßår/?∂éœ=πîx"],
        &["/abc", "âππ"],
    );
    check_format(
        &SINCE_7,
        "iri-reference",
        &["/âππ", "#ƒrägmênt"],
        &["\\\\WINDOWS"],
    );
}

#[test]
fn identifiers_and_expressions() {
    check_format(
        &SINCE_2019,
        "uuid",
        &[
            "2EB8AA08-AA98-11EA-B4AA-73B441D16380",
            "00000000-0000-0000-0000-000000000000",
        ],
        &[
            "2eb8aa08-aa98-11ea-b4aa-73b441d1638",
            "2eb8aa08aa9811eab4aa73b441d16380",
            "2eb8-aa08-aa98-11ea-b4aa73b441d16380",
        ],
    );
    check_format(
        &ALL,
        "regex",
        &["([abc])+\\s+$", "(?=a)b", "(?<name>a)\\k<name>"],
        &["^(abc]", "^\\S(|(.|\\n)*\\S)\\Z", "[", "a{2,1}"],
    );
}

#[test]
fn a_format_that_nobody_knows_is_an_annotation() {
    for draft in ALL {
        check(
            draft,
            json!({ "format": "colour-of-the-sky" }),
            &[json!("x")],
            &[],
        );
    }
}

#[test]
fn a_regular_expression_of_very_many_groups_is_refused_soon() {
    let schema = compile(&json!({ "format": "regex" }));
    let groups = |count| {
        json!(
            (0..count)
                .map(|index| format!("(?<a{index}>b)"))
                .collect::<String>()
        )
    };
    assert!(judge(&schema, &groups(200)));
    assert!(!judge(&schema, &groups(201)));
}
