use std::path::PathBuf;

use super::*;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sample_schema(kind: &str) -> Schema {
    let path = repository().join("schemas").join(format!("{kind}.json"));
    let document = parse_message(&fs::read_to_string(&path).unwrap()).unwrap();
    Schema::compile(&document, &path, true).unwrap()
}

/// The JSON files of a directory whose name starts with `prefix`.
fn messages(directory: &str, prefix: &str) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(repository().join(directory)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with(prefix) && name.ends_with(".json") {
            found.push((
                name,
                parse_message(&fs::read_to_string(&path).unwrap()).unwrap(),
            ));
        }
    }
    found
}

#[test]
fn the_samples_are_what_their_names_say() {
    for kind in ["offer", "answer", "candidate"] {
        let schema = sample_schema(kind);
        let [good, bad] =
            ["ok", "bad"].map(|verdict| messages("schemas/samples", &format!("{kind}-{verdict}")));
        assert!(good.len() >= 2 && bad.len() >= 3, "{kind}");
        for (name, message) in good {
            assert!(
                judge(&schema, &message),
                "{name}: {:?}",
                explained(&schema, &message)
            );
        }
        for (name, message) in bad {
            assert!(!judge(&schema, &message), "{name}");
        }
    }
}

#[test]
fn what_a_browser_sends_is_accepted_as_what_it_is_only() {
    let kinds = ["offer", "answer", "candidate"];
    let mut seen = 0;
    for (name, message) in messages("tests/fixtures/webrtc", "") {
        seen += 1;
        let own = if name.contains("candidate") {
            "candidate"
        } else {
            name.trim_end_matches(".json")
        };
        for kind in kinds {
            let schema = sample_schema(kind);
            assert_eq!(
                judge(&schema, &message),
                kind == own,
                "{name} as {kind}: {:?}",
                explained(&schema, &message)
            );
        }
    }
    assert!(seen >= 6);
}

#[test]
fn a_trimmed_description_is_told_apart_from_a_good_one() {
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
    let schema = sample_schema("offer");
    assert!(judge(&schema, &json!({ "type": "offer", "sdp": sdp })));
    for wrong in [
        sdp.trim(),
        &sdp.replace("\r\n", "\n"),
        &sdp.replace("v=0", "v=1"),
        &sdp[5..],
        "",
        "v=0\r\n",
    ] {
        let violations = explained(&schema, &json!({ "type": "offer", "sdp": wrong }));
        assert_eq!(
            (violations[0].path.as_str(), violations[0].keyword.as_str()),
            ("/sdp", "pattern"),
            "{wrong:?}"
        );
    }
}
