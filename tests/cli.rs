//! The command line, run as the program that it is.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::{
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Output, Stdio},
};

use common::process::{Process, command};
use serde_json::Value;
use tempfile::TempDir;

const SMALLEST: &str = "\
listeners: [{ transport: websocket, bind: 127.0.0.1:0, tls: off }]
servers: { open: true }
";

fn directory(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).expect("written");
    }
    dir
}

fn run(dir: &Path, arguments: &[&str]) -> Output {
    run_with_input(dir, arguments, "")
}

fn run_with_input(dir: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = command()
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // The program may have ended without reading its input.
    _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("ends")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

#[test]
fn version_and_help_are_told() {
    let dir = directory(&[]);
    let version = run(dir.path(), &["--version"]);
    assert_eq!(
        stdout(&version),
        format!("intercessor {}\n", env!("CARGO_PKG_VERSION"))
    );
    let help = run(dir.path(), &["--help"]);
    assert!(help.status.success());
    for word in [
        "check",
        "hash",
        "cert",
        "connect",
        "completions",
        "--config",
        "Exit status",
    ] {
        assert!(stdout(&help).contains(word), "{word}");
    }
}

#[test]
fn wrong_usage_is_exit_2() {
    let dir = directory(&[]);
    for arguments in [
        &[][..],
        &["--nonsense"],
        &["nonsense"],
        &["check"],
        &["check", "-c", "x", "--type", "T"],
        &["cert", "--out", "x"],
        &["completions", "tcsh"],
        &["connect"],
        &["connect", "ws://x", "--insecure", "--ca", "x"],
        &["connect", "ws://x", "--linger", "soon"],
        &["connect", "wss://x", "--cert-hash", "abc"],
    ] {
        let output = run(dir.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_good_configuration_is_ok_with_a_summary() {
    let dir = directory(&[("relay.yaml", SMALLEST)]);
    let output = run(dir.path(), &["check", "-c", "relay.yaml"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).starts_with("ok"), "{}", stdout(&output));
    assert!(stderr(&output).is_empty());
}

#[test]
fn a_bad_configuration_is_exit_78_with_all_problems_at_their_places() {
    let bad = "\
listeners: [{ transport: websocket, bind: 127.0.0.1:0, tls: off }]
servers: { open: yes please }
timeout: { login: 5s }
limits: { message_bytes: lots }
schemas:
  types:
    A: missing.json
    B: { schema: { type: nonsense } }
    C: { schema: { pattern: '(?=a)' } }
    D: { schema: { type: string }, valid: [{}] }
    E: { schema: true, invalid: [{}] }
";
    let dir = directory(&[("relay.yaml", bad)]);
    for arguments in [&["check", "-c", "relay.yaml"][..], &["-c", "relay.yaml"]] {
        let output = run(dir.path(), arguments);
        assert_eq!(output.status.code(), Some(78));
        assert!(stdout(&output).is_empty());
        let problems = stderr(&output);
        for place in ["2:18", "3:1", "4:26"] {
            let found = problems.contains(&format!("relay.yaml:{place}: "));
            assert!(found, "{place} in\n{problems}");
        }
        assert!(problems.contains("did you mean `timeouts`?"), "{problems}");
    }
    let bad_schemas = bad
        .replace("yes please", "true")
        .replace("timeout: { login: 5s }", "")
        .replace("lots", "64KiB")
        .replace("missing.json", "{}");
    std::fs::write(dir.path().join("relay.yaml"), bad_schemas).expect("written");
    let output = run(dir.path(), &["check", "-c", "relay.yaml"]);
    assert_eq!(output.status.code(), Some(78));
    let problems = stderr(&output);
    for line in [8, 9, 10, 11] {
        let found = problems.contains(&format!("relay.yaml:{line}:"));
        assert!(found, "line {line} in\n{problems}");
    }
}

#[test]
fn problems_of_keys_and_of_schemas_come_together() {
    let bad = "\
listeners: [{ transport: websocket, bind: 127.0.0.1:0, tls: off }]
servers: { open: true }
timeout: { login: 5s }
schemas: { types: { B: { schema: { type: nonsense } } } }
";
    let dir = directory(&[("relay.yaml", bad)]);
    let problems = stderr(&run(dir.path(), &["check", "-c", "relay.yaml"]));
    assert!(problems.contains("relay.yaml:3:1: "), "{problems}");
    assert!(problems.contains("relay.yaml:4:"), "{problems}");
}

#[test]
fn a_certificate_that_does_not_fit_its_key_is_a_bad_configuration() {
    let dir = directory(&[]);
    for out in ["a", "b"] {
        assert!(
            run(dir.path(), &["cert", "--out", out, "--name", "localhost"])
                .status
                .success()
        );
    }
    let config = "\
listeners: [{ transport: websocket, bind: 127.0.0.1:0, tls: { cert: a/relay.pem, key: b/relay.key } }]
servers: { open: true }
";
    std::fs::write(dir.path().join("relay.yaml"), config).expect("written");
    let output = run(dir.path(), &["-c", "relay.yaml"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(
        stderr(&output).contains("does not belong to the certificate"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn keys_that_are_not_supported_yet_are_refused_and_not_ignored() {
    let config = format!("{SMALLEST}cluster: {{ nats: {{ url: 'nats://127.0.0.1:4222' }} }}\n");
    let dir = directory(&[("relay.yaml", &config)]);
    let output = run(dir.path(), &["check", "-c", "relay.yaml"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("`cluster` is not supported yet"));
}

#[test]
fn a_message_is_judged_with_an_explanation() {
    let config = format!(
        "{SMALLEST}schemas: {{ types: {{ CHAT: {{ schema: {{ properties: {{ text: {{ type: string }} }} }} }} }} }}\n"
    );
    let dir = directory(&[
        ("relay.yaml", &config),
        ("good.json", r#"{"text":"hello"}"#),
        ("bad.json", r#"{"text":7}"#),
        ("twice.json", r#"{"text":"a","text":"b"}"#),
        ("array.json", "[]"),
    ]);
    let judge = |kind: &str, file: &str| {
        run(
            dir.path(),
            &[
                "check",
                "-c",
                "relay.yaml",
                "--type",
                kind,
                "--message",
                file,
            ],
        )
    };
    let good = judge("CHAT", "good.json");
    assert_eq!(good.status.code(), Some(0));
    let bad = judge("CHAT", "bad.json");
    assert_eq!(bad.status.code(), Some(1));
    assert!(stdout(&bad).contains("/text"), "{}", stdout(&bad));
    assert!(stdout(&bad).contains("[type]"), "{}", stdout(&bad));
    for file in ["twice.json", "array.json"] {
        assert_eq!(judge("CHAT", file).status.code(), Some(1), "{file}");
    }
    assert_eq!(judge("OTHER", "bad.json").status.code(), Some(0));
    assert_eq!(judge("HELLO", "good.json").status.code(), Some(1));
    assert_eq!(judge("CHAT", "missing.json").status.code(), Some(1));
}

#[test]
fn a_hash_is_made_of_one_line_without_its_end() {
    let dir = directory(&[]);
    let output = run_with_input(dir.path(), &["hash"], "open sesame\nignored\n");
    let hash = stdout(&output);
    assert!(hash.starts_with("$argon2id$v=19$"), "{hash}");
    let hash = intercessor::passphrase::Hash::parse(hash.trim()).expect("a hash");
    assert!(hash.verify("open sesame"));
    assert!(!stderr(&output).contains("sesame"));
    assert_eq!(
        run_with_input(dir.path(), &["hash"], "\n").status.code(),
        Some(1)
    );
}

#[test]
fn a_certificate_is_written_once_and_its_hash_told() {
    let dir = directory(&[]);
    let make = |more: &[&str]| {
        let arguments = [
            "cert",
            "--out",
            "certs",
            "--name",
            "localhost",
            "--name",
            "127.0.0.1",
        ];
        run(dir.path(), &[&arguments[..], more].concat())
    };
    let first = make(&[]);
    assert!(first.status.success(), "{}", stderr(&first));
    let pem = dir.path().join("certs/relay.pem");
    let chain = intercessor::tls::read_chain(&pem).expect("a certificate");
    let told = stdout(&first);
    use base64::{Engine, prelude::BASE64_STANDARD};
    let hash = BASE64_STANDARD.encode(intercessor::tls::fingerprint(&chain[0]));
    assert_eq!(told.trim(), hash);
    let key = std::fs::metadata(dir.path().join("certs/relay.key")).expect("a key");
    assert_eq!(key.permissions().mode() & 0o777, 0o600);

    let again = make(&[]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("--force"), "{}", stderr(&again));
    assert_eq!(
        intercessor::tls::read_chain(&pem).expect("still there"),
        chain
    );
    assert!(make(&["--force"]).status.success());
    assert_ne!(
        intercessor::tls::read_chain(&pem).expect("a new one"),
        chain
    );
}

#[test]
fn a_port_that_is_taken_is_exit_1_and_says_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = taken.local_addr().expect("an address").to_string();
    let dir = directory(&[("relay.yaml", &SMALLEST.replace("127.0.0.1:0", &address))]);
    let output = run(dir.path(), &["-c", "relay.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("another program listens there"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_relay_says_where_it_listens_and_stops_at_a_signal() {
    let listeners = "\
listeners:
  - { transport: websocket, bind: [127.0.0.1:0, 127.0.0.2:0], tls: off }
  - { transport: websocket, bind: 127.0.0.1:0, tls: { self_signed: [localhost] } }
  - { transport: webtransport, bind: 127.0.0.1:0, tls: { self_signed: [localhost] } }
servers: { open: true }
";
    for signal in ["TERM", "INT"] {
        let dir = directory(&[("relay.yaml", listeners)]);
        let mut relay = Process::relay(dir.path(), &[]);
        let urls: Vec<String> = (0..4).map(|_| relay.listening()).collect();
        let port = |url: &str| url.rsplit(':').next().expect("a port").to_owned();
        assert!(
            urls[0].starts_with("transport=websocket url=ws://127.0.0.1:"),
            "{urls:?}"
        );
        assert!(
            urls[1].starts_with("transport=websocket url=ws://127.0.0.2:"),
            "{urls:?}"
        );
        assert_eq!(port(&urls[0]), port(&urls[1]));
        assert!(
            urls[2].starts_with("transport=websocket url=wss://"),
            "{urls:?}"
        );
        assert!(
            urls[3].starts_with("transport=webtransport url=https://"),
            "{urls:?}"
        );
        relay.signal("HUP");
        relay.line_with("the configuration was reloaded");
        relay.signal(signal);
        assert_eq!(relay.wait().code(), Some(0));
    }
}

#[test]
fn logs_are_json_where_asked_for_and_rust_log_overrides_the_level() {
    let config = format!("{SMALLEST}log: {{ level: error, format: json }}\n");
    let dir = directory(&[("relay.yaml", &config)]);
    let mut relay = Process::relay(dir.path(), &[("RUST_LOG", "info")]);
    let line = relay.line_with("listening");
    let event: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(event["level"], "INFO");
    assert_eq!(event["message"], "listening");
    assert_eq!(event["transport"], "websocket");
    assert!(
        event["url"]
            .as_str()
            .is_some_and(|url| url.starts_with("ws://127.0.0.1:"))
    );
}

#[test]
fn neither_passphrases_nor_messages_nor_whole_ids_reach_the_log() {
    let dir = directory(&[]);
    let hash = run_with_input(dir.path(), &["hash"], "open sesame\n");
    let config = format!(
        "listeners: [{{ transport: websocket, bind: 127.0.0.1:0, tls: off }}]\nservers: {{ passphrases: [ {{ name: a, hash: '{}' }} ] }}\n",
        stdout(&hash).trim()
    );
    std::fs::write(dir.path().join("relay.yaml"), config).expect("written");
    std::fs::write(dir.path().join("right"), "open sesame\n").expect("written");
    std::fs::write(dir.path().join("wrong"), "wrong sesame\n").expect("written");
    let mut relay = Process::relay(dir.path(), &[("RUST_LOG", "trace")]);
    let url = relay.listening_url();
    let server = format!("{url}/server");
    let wrong = run(
        dir.path(),
        &["connect", &server, "--passphrase-file", "wrong"],
    );
    assert_eq!(wrong.status.code(), Some(1));
    assert!(stderr(&wrong).contains("401"), "{}", stderr(&wrong));
    let envelope = r#"{"to":"0","type":"SECRET","message":{"text":"sesame"}}"#;
    let right = run_with_input(
        dir.path(),
        &[
            "connect",
            &server,
            "--passphrase-file",
            "right",
            "--linger",
            "200ms",
        ],
        &format!("{envelope}\nnot JSON, sesame\n"),
    );
    assert_eq!(right.status.code(), Some(0), "{}", stderr(&right));
    let hello: Value =
        serde_json::from_str(stdout(&right).lines().next().expect("HELLO")).expect("JSON");
    let id = hello["message"]["id"].as_str().expect("an id");
    relay.line_with("session ended");
    relay.signal("TERM");
    relay.wait();
    let log = relay.log();
    assert!(!log.contains("sesame"), "{log}");
    assert!(!log.contains(id), "{log}");
    assert!(log.contains(&id[..4]), "{log}");
}

#[test]
fn the_example_configuration_works_as_its_comments_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = run(root, &["check", "-c", "config/relay.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = std::fs::read_to_string(root.join("config/relay.yaml")).expect("readable");
    let after = |start: &str| {
        let rest = text.split(start).nth(1).expect(start);
        rest.lines().next().expect("a line").trim().to_owned()
    };
    let hash = intercessor::passphrase::Hash::parse(&after("hash: ")).expect("a hash");
    assert!(hash.verify(&after("The passphrase is: ")));
}
