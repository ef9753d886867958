//! `schemas`, and the files that a configuration names.

use std::{fs, path::Path};

use tempfile::TempDir;

use super::{START, examine_at, more};
use crate::config::*;

fn write(directory: &TempDir, name: &str, text: &str) {
    let path = directory.path().join(name);
    let written = path
        .parent()
        .map(fs::create_dir_all)
        .and_then(|_| fs::write(path, text).ok());
    assert!(written.is_some(), "{name}");
}

fn directory() -> TempDir {
    let directory = TempDir::new().unwrap_or_else(|error| panic!("{error}"));
    write(&directory, "config/here", "");
    write(&directory, "schemas/offer.json", "{ \"type\": \"object\" }");
    write(&directory, "schemas/bad.json", "{\n  \"type\": object\n}");
    write(&directory, "schemas/half.json", "{\n");
    write(&directory, "relay.pem", "-----BEGIN CERTIFICATE-----");
    directory
}

/// Loads a text as `config/relay.yaml` of a directory with some files.
fn load(directory: &TempDir, text: &str) -> Result<Config, Vec<String>> {
    let root = format!("{}/", directory.path().display());
    let shown = |problem: &Problem| problem.to_string().replace(&root, "");
    match examine_at(&directory.path().join("config/relay.yaml"), text) {
        Examined {
            config: Some(config),
            problems,
            ..
        } if problems.is_empty() => Ok(config),
        Examined { problems, .. } => Err(problems.iter().map(shown).collect()),
    }
}

fn types(text: &str) -> Result<Vec<MessageType>, Vec<String>> {
    let text = format!("{START}schemas:\n  {text}\n");
    load(&directory(), &text).map(|config| config.schemas.types)
}

#[test]
fn a_type_may_be_a_file_or_nothing() {
    let types =
        types("types: { OFFER: ../schemas/offer.json, PLAIN: , 1: { } }").unwrap_or_default();
    let [offer, plain, one] = types.as_slice() else {
        panic!("{types:?}");
    };
    let Some(schema) = &offer.schema else {
        panic!("{offer:?}")
    };
    assert_eq!(schema.text, "{ \"type\": \"object\" }");
    assert!(
        schema
            .file
            .as_ref()
            .is_some_and(|it| it.ends_with("config/../schemas/offer.json"))
    );
    assert_eq!(
        schema.at,
        Location {
            line: 4,
            column: 19
        }
    );
    assert_eq!(
        offer.at,
        Location {
            line: 4,
            column: 12
        }
    );
    assert_eq!((plain.name.as_str(), one.name.as_str()), ("PLAIN", "1"));
    for kind in &types {
        assert!(kind.from_server && kind.from_client && !kind.drop_on_full);
        assert_eq!((kind.max_bytes, kind.delivery), (None, Delivery::Ordered));
        assert_eq!(kind.on_violation, OnViolation::Reject);
        assert!(kind.valid.is_empty() && kind.invalid.is_empty());
    }
    assert!(plain.schema.is_none() && one.schema.is_none());
}

#[test]
fn a_type_may_say_everything() {
    let types = types(
        "on_violation: observe
  unknown_types: reject
  formats: false
  types:
    CHAT:
      schema: { type: object, properties: { text: { type: string, maxLength: 1.5 } } }
      from: [client]
      max_bytes: 2KiB
      delivery: datagram
      on_violation: drop
      on_full: drop
      valid: [../schemas/offer.json, { text: hi }]
      invalid: [{ text: 7 }]
    MOVE: { schema: false, from: server, delivery: independent }
    LOOK: { from: [server, client], delivery: ordered }",
    )
    .unwrap_or_else(|problems| panic!("{problems:?}"));
    let [chat, motion, look] = types.as_slice() else {
        panic!("{types:?}");
    };
    let text = |source: Option<&Source>| source.map(|it| it.text.clone()).unwrap_or_default();
    assert_eq!(
        text(chat.schema.as_ref()),
        r#"{"type":"object","properties":{"text":{"type":"string","maxLength":1.5}}}"#
    );
    assert!((!chat.from_server) && chat.from_client && chat.drop_on_full);
    assert_eq!(
        (chat.max_bytes, chat.delivery),
        (Some(2048), Delivery::Datagram)
    );
    assert_eq!(chat.on_violation, OnViolation::Drop);
    assert_eq!(text(chat.valid.first()), "{ \"type\": \"object\" }");
    assert_eq!(text(chat.valid.last()), r#"{"text":"hi"}"#);
    assert_eq!(text(chat.invalid.first()), r#"{"text":7}"#);
    assert_eq!(text(motion.schema.as_ref()), "false");
    assert!(motion.from_server && !motion.from_client);
    assert_eq!(
        (motion.delivery, motion.on_violation),
        (Delivery::Independent, OnViolation::Observe)
    );
    assert!(look.from_server && look.from_client);
}

const EVERYTHING: &str = r#"
listeners:
  - transport: websocket
    bind: 0.0.0.0:8443                  # or a list
    tls: { cert: ../relay.pem, key: ../relay.pem }   # or `off`
    origins: ["https://app.example"]
    public_url: wss://relay.example
    demo: false
  - transport: webtransport
    bind: 0.0.0.0:8443                  # UDP: may share the port number
    tls: { self_signed: [localhost, 127.0.0.1] }

servers:
  passphrases:
    - name: front-door
      hash: ${HASH}
      id: front-door-camera
      on_conflict: replace
  open: false

server_info: any string (or any YAML value), given to every peer in HELLO

ids:
  server: { style: nanoid, length: 21 }
  client: { style: nanoid, length: 21 }

timeouts:
  handshake: 10s
  login: 10s
  idle: { server: off, client: off }
  ping: 25s
  pong: 20s
  drain: 10s

limits:
  message_bytes: 64KiB
  on_invalid: reject
  connections: 100000
  connections_per_address: off
  servers: 10000
  clients_per_server: 1000
  messages_per_second: { rate: 100, burst: 200, on_excess: wait }
  outbound_queue: { messages: 1024, bytes: 1MiB }
  queued_bytes: 1GiB
  failed_logins: { per_address: 10, window: 1m }

schemas:
  types:
    OFFER: ../schemas/offer.json
    CHAT:
      schema: ../schemas/offer.json
      from: [client]
      max_bytes: 2KiB
      delivery: datagram
      on_violation: drop
      on_full: drop
      valid: [../schemas/offer.json]
      invalid: [{ text: 7 }]
  unknown_types: allow
  on_violation: reject
  formats: true

ice_servers:
  - urls: [stun:stun.example:3478]
  - urls: [turn:turn.example:3478]
    secret: ${SECRET}
    ttl: 12h

log: { level: info, format: text }
"#;

#[test]
fn a_file_may_say_everything() {
    let said = load(&directory(), EVERYTHING).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!((said.listeners.len(), said.ice_servers.len()), (2, 2));
    assert_eq!(said.schemas.types.len(), 2);
    // Where the documented values are the defaults, saying them changes nothing.
    let silent = more("");
    assert_eq!(said.timeouts, silent.timeouts);
    assert_eq!(said.limits, silent.limits);
    assert_eq!(said.ids, silent.ids);
    assert_eq!(said.log, silent.log);
}

#[test]
fn what_is_wrong_with_types_is_told() {
    let long = "x".repeat(129);
    let found = types(&format!(
        "unknown_types: no
  types:
    HELLO:
    {long}:
    '':
    A: 5
    B: {{ schema: [], from: [], valid: [7] }}
    C: {{ from: [clients], on_full: keep, valid: [{{}}], max_bytes: 0, type: object }}
    D: nowhere.json
    E: {{ schema: ../schemas/bad.json, valid: [../schemas/half.json] }}
    F: {{ delivery: fast, on_violation: kill, invalid: {{}} }}"
    ))
    .err()
    .unwrap_or_default();
    assert_eq!(
        found,
        [
            "config/relay.yaml:4:18: `unknown_types` wants allow or reject; here is \"no\"",
            "config/relay.yaml:6:5: `HELLO` is a type of the relay's own; choose another name",
            "config/relay.yaml:7:5: the name of a type has 1 to 128 bytes",
            "config/relay.yaml:8:5: the name of a type has 1 to 128 bytes",
            "config/relay.yaml:9:8: `A` wants a schema file or a mapping; here is a number",
            "config/relay.yaml:10:18: `schema` wants a file or an inline schema; here is a list",
            "config/relay.yaml:10:28: `from` is an empty list; write at least one",
            "config/relay.yaml:10:40: `valid` wants a file or an inline message; here is 7",
            "config/relay.yaml:11:8: samples need a `schema` that judges them",
            "config/relay.yaml:11:17: `from` wants server or client; here is \"clients\"",
            "config/relay.yaml:11:36: `on_full` wants drop; here is \"keep\"",
            "config/relay.yaml:11:66: `max_bytes` wants a size from 1 byte to 64MiB, such as 64KiB, 1MiB or plain bytes; here is 0",
            "config/relay.yaml:11:69: unknown key `type`; known here: from, schema, max_bytes, delivery, on_violation, on_full, valid, invalid",
            "config/relay.yaml:12:8: cannot read config/nowhere.json: No such file or directory (os error 2)",
            "config/../schemas/bad.json:2:11: this is no JSON: expected value",
            "config/../schemas/half.json:2:1: this is no JSON: EOF while parsing an object",
            "config/relay.yaml:14:8: samples need a `schema` that judges them",
            "config/relay.yaml:14:20: `delivery` wants ordered, independent or datagram; here is \"fast\"",
            "config/relay.yaml:14:40: `on_violation` wants reject, drop, disconnect or observe; here is \"kill\"",
            "config/relay.yaml:14:55: `invalid` wants a list; here is a mapping",
        ]
    );
}

#[test]
fn certificates_are_files_that_can_be_read() {
    let directory = directory();
    let text = "servers: { open: true }\nlisteners:\n  - { transport: websocket, bind: x:1, tls: { cert: ../relay.pem, key: ../relay.key } }\n";
    let found = load(&directory, text).err().unwrap_or_default();
    assert_eq!(
        found,
        [
            "config/relay.yaml:3:72: cannot read config/../relay.key: No such file or directory (os error 2)"
        ]
    );
    write(&directory, "relay.key", "");
    let Ok(config) = load(&directory, text) else {
        panic!("both files are there now");
    };
    let Tls::Files { cert, key } = &config.listeners[0].tls else {
        panic!("{config:?}");
    };
    assert!(cert.ends_with("config/../relay.pem") && key.ends_with("config/../relay.key"));
    for pasted in ["-----BEGIN KEY-----hunter2", "MIIEhunter2\\nhunter2"] {
        let text = text.replace("../relay.key", &format!("\"{pasted}\""));
        let found = load(&directory, &text).err().unwrap_or_default();
        assert_eq!(
            found,
            ["config/relay.yaml:3:72: this wants the path of a file, not what is in it"]
        );
    }
}

#[test]
fn a_file_is_loaded_with_the_environment_of_the_process() {
    let directory = directory();
    write(
        &directory,
        "config/relay.yaml",
        &format!("{START}server_info: '${{NO_SUCH_VARIABLE:-x}}'\n"),
    );
    let examined = Config::examine(&directory.path().join("config/relay.yaml"));
    let info = examined.config.and_then(|config| config.server_info);
    assert_eq!(info.as_deref(), Some("\"x\""));
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem_too() {
    let examined = Config::examine(Path::new("/nowhere/relay.yaml"));
    assert!(examined.config.is_none());
    let found: Vec<_> = examined.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "/nowhere/relay.yaml:1:1: cannot read the configuration: No such file or directory (os error 2)"
        ]
    );
}
