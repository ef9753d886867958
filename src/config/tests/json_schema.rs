//! The JSON Schema of the file, held against everything that the other tests let the relay read.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::START;
use crate::config::{Config, Problem, yaml};

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema = Config::schema();
    jsonschema::meta::validate(&schema).expect("a schema");
    Validator::new(&schema).expect("compiles")
});

/// What the relay takes the schema takes; what is wrong in a way that a schema can tell it refuses.
pub(super) fn agrees(text: &str, problems: &[Problem]) {
    let Ok(tree) = yaml::parse(text) else {
        return;
    };
    let json = serde_json::to_value(&tree).expect("JSON");
    let json = if json.is_null() { json!({}) } else { json };
    let errors: Vec<_> = SCHEMA.iter_errors(&json).map(|it| it.to_string()).collect();
    if problems.is_empty() {
        assert!(errors.is_empty(), "{errors:?}\n---\n{text}");
    }
    if let Some(problem) = problems.iter().find(|it| can_tell(&it.text)) {
        assert!(!errors.is_empty(), "{problem}\n---\n{text}");
    }
}

/// Is this the wrong type, an unknown key or one that is missing, whatever else the file says?
fn can_tell(problem: &str) -> bool {
    let wrong = [
        "unknown key",
        "` wants ",
        "` is missing; write ",
        "` is an empty list; write ",
        "` is not supported yet",
        "` is a type of the relay's own",
        "the name of a type has ",
    ];
    let beyond = [
        // What a variable holds, how long a duration is, and how large a size is that has a unit.
        "from the environment",
        " wants a duration from ",
        "; here is \"65MiB\"",
        // One key beside another.
        " wants both ",
    ];
    let any = |parts: &[&str]| parts.iter().any(|part| problem.contains(part));
    any(&wrong) && !any(&beyond)
}

fn at<'a>(schema: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(schema, |schema, key| {
        let in_section = |it: &'a Value| it.pointer(&format!("/properties/{key}"));
        let among = |it: &'a Value| it["anyOf"].as_array()?.iter().find_map(in_section);
        in_section(schema)
            .or_else(|| among(schema))
            .unwrap_or_else(|| panic!("{path} has no {key} in {schema}"))
    })
}

#[test]
fn an_editor_is_told_what_a_key_takes_and_what_it_is_without() {
    let schema = Config::schema();
    let default = |path: &str| at(&schema, path)["default"].clone();
    for (path, wanted) in [
        ("timeouts.handshake", json!("10s")),
        ("timeouts.ping", json!("25s")),
        ("timeouts.idle.client", json!("off")),
        ("resume.window", json!("2m")),
        ("limits.message_bytes", json!("64KiB")),
        ("limits.queued_bytes", json!("1GiB")),
        ("limits.connections", json!(100_000)),
        ("limits.connections_per_address", json!("off")),
        ("limits.messages_per_second.on_excess", json!("wait")),
        ("limits.failed_logins.per_address", json!(10)),
        ("ids.server.style", json!("nanoid")),
        ("schemas.formats", json!(true)),
        ("admin", json!("off")),
        ("log.level", json!("info")),
        ("server_info", Value::Null),
    ] {
        assert_eq!(default(path), wanted, "{path}");
    }
    let choices = &at(&schema, "limits.messages_per_second.on_excess")["anyOf"];
    assert_eq!(choices[0]["enum"], json!(["wait", "reject", "disconnect"]));
    assert_eq!(schema["required"], json!(["listeners", "servers"]));
    let described = at(&schema, "timeouts.pong")["description"].as_str();
    assert!(
        described.is_some_and(|it| it.contains("4408")),
        "{described:?}"
    );
}

#[test]
fn a_text_from_the_environment_passes_where_the_relay_fills_it_in() {
    let passes = |text: &str| {
        let tree = yaml::parse(&format!("{START}{text}")).expect("YAML");
        SCHEMA.is_valid(&serde_json::to_value(&tree).expect("JSON"))
    };
    assert!(passes("limits: { connections: '${MANY:-7}' }"));
    assert!(passes("timeouts: { ping: '${N}s' }"));
    assert!(!passes("timeouts: { ping: '$N' }"));
    assert!(!passes("timeouts: '${TIMEOUTS}'"));
}
