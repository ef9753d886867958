//! What the program does and says at a SIGHUP.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::{io::Read, path::Path};

use common::{
    OPEN,
    process::{Process, ask, session},
};
use serde_json::{Value, json};

const ADMIN: &str = "admin: { bind: localhost:0 }\n";
const PLAIN: &str = "listeners: [{ transport: websocket, bind: '127.0.0.1:0', tls: off }]\n";

fn write(dir: &Path, yaml: &str) {
    std::fs::write(dir.join("relay.yaml"), yaml).expect("written");
}

/// The program with this configuration, and its first URL.
fn program(dir: &Path, yaml: &str, environment: &[(&str, &str)]) -> (Process, String) {
    write(dir, yaml);
    let mut relay = Process::relay(dir, environment);
    let url = relay.listening_url();
    (relay, url)
}

#[test]
fn the_log_tells_what_came_of_a_sighup() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut relay, _) = program(dir.path(), &format!("{PLAIN}{OPEN}"), &[]);
    relay.signal("HUP");
    relay.line_with(" INFO the configuration was reloaded generation=2");
    write(dir.path(), &format!("{PLAIN}{OPEN}no: 1\nnor: 2\n"));
    relay.signal("HUP");
    relay.line_with("ERROR relay.yaml:3:1: ");
    relay.line_with("ERROR relay.yaml:4:1: ");
    relay.line_with(" WARN the configuration was not reloaded, and is as it was problems=2");
    write(dir.path(), &format!("{PLAIN}{OPEN}"));
    relay.signal("HUP");
    relay.line_with(" INFO the configuration was reloaded generation=3");
    relay.signal("TERM");
    assert_eq!(relay.wait().code(), Some(0));
    assert_eq!(relay.log().matches("reloaded").count(), 3);
}

#[test]
fn what_takes_a_restart_is_named_until_it_is_taken_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let listeners = "listeners:
  - { transport: websocket, bind: '127.0.0.1:0', tls: off }
  - { transport: websocket, bind: '127.0.0.2:0', tls: { self_signed: localhost } }
  - { transport: webtransport, bind: '127.0.0.1:0', tls: { self_signed: localhost } }
";
    let before = format!("{listeners}{OPEN}");
    let (mut relay, url) = program(dir.path(), &before, &[]);
    let changed = "listeners:
  - { transport: websocket, bind: '127.0.0.3:0', tls: { self_signed: localhost } }
  - { transport: websocket, bind: '127.0.0.2:0', tls: off, public_url: 'ws://relay.example', demo: true }
  - { transport: websocket, bind: '127.0.0.4:0', tls: off }
ids: { client: { length: 10 } }
resume: off
";
    write(
        dir.path(),
        &format!("{changed}{OPEN}{ADMIN}limits: {{ servers: 1 }}\n"),
    );
    relay.signal("HUP");
    relay.line_with("reloaded generation=2");
    for change in [
        "`bind` of the websocket listener on 127.0.0.1:0 has changed",
        "`tls` of the websocket listener on 127.0.0.1:0 has changed",
        "`public_url` of the websocket listener on 127.0.0.2:0 has changed",
        "`tls` of the websocket listener on 127.0.0.2:0 has changed",
        "`demo` of the websocket listener on 127.0.0.2:0 has changed",
        "the webtransport listener on 127.0.0.1:0 is to go",
        "the websocket listener on 127.0.0.4:0 is new",
        "`ids` has changed",
        "`resume` has changed",
        "`admin` has changed",
    ] {
        relay.line_with(&format!(" WARN {change}; that takes a restart"));
    }
    // It is where it was, as plain as it was.
    let _session = session(&url);
    write(dir.path(), &before);
    relay.signal("HUP");
    relay.line_with("reloaded generation=3");
    relay.signal("TERM");
    relay.wait();
    assert_eq!(relay.log().matches("restart").count(), 10);
}

#[test]
fn level_and_format_of_the_log_are_the_new_ones() {
    let dir = tempfile::tempdir().expect("a directory");
    let yaml = |log: &str| format!("{PLAIN}{OPEN}log: {{ {log} }}\n");
    let (mut relay, url) = program(dir.path(), &yaml("level: info"), &[]);
    write(dir.path(), &yaml("level: debug, format: json"));
    relay.signal("HUP");
    let line = relay.line_with("the configuration was reloaded");
    let event: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(
        (&event["level"], &event["generation"]),
        (&json!("INFO"), &json!(2))
    );
    ask_nonsense(&url);
    relay.line_with("\"DEBUG\"");
    write(dir.path(), &format!("{}resume: off\n", yaml("level: warn")));
    relay.signal("HUP");
    relay.line_with(" WARN `resume` has changed");
    relay.signal("TERM");
    relay.wait();
    let log = relay.log();
    assert!(
        !log.contains("generation=3") && !log.contains("told to stop"),
        "{log}"
    );
}

#[test]
fn rust_log_comes_before_a_reloaded_level_too() {
    let dir = tempfile::tempdir().expect("a directory");
    let yaml = format!("{PLAIN}{OPEN}log: {{ level: error }}\n");
    let (mut relay, _) = program(dir.path(), &yaml, &[("RUST_LOG", "info")]);
    relay.signal("HUP");
    relay.line_with("generation=2");
    relay.signal("HUP");
    relay.line_with("generation=3");
}

#[test]
fn a_sighup_during_the_drain_is_ignored() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut relay, url) = program(dir.path(), &format!("{PLAIN}{OPEN}"), &[]);
    // It never answers the Close, so that the drain waits for it.
    let lingering = session(&url);
    relay.signal("TERM");
    relay.line_with("shutting down");
    relay.signal("HUP");
    relay.line_with(" WARN SIGHUP is ignored while the relay shuts down");
    drop(lingering);
    assert_eq!(relay.wait().code(), Some(0));
}

/// What makes the relay say something at the level debug.
fn ask_nonsense(url: &str) {
    let mut answer = Vec::new();
    let mut stream = ask(url, "nonsense\r\n\r\n");
    _ = stream.read_to_end(&mut answer);
}
