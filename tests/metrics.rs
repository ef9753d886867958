//! What `/metrics` tells is what docs/metrics.md says, and as Prometheus wants it.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{TestRelay, Via, login};
use intercessor::client::Options;
use serde_json::json;

/// What is documented of one metric.
#[derive(Debug, Default, PartialEq, Eq)]
struct Described {
    kind: String,
    labels: BTreeSet<String>,
    help: String,
}

/// What a relay tells that has had traffic over both transports, logins, refusals and resumes.
async fn told() -> String {
    let schemas = "schemas: { types: { CHAT: { schema: { type: object, required: [text] } } } }\n";
    let yaml = format!(
        "admin: {{ bind: localhost:0 }}\n{}{schemas}",
        login::one_door()
    );
    let relay = TestRelay::start(&yaml).await;
    for (passphrase, path) in [(login::PASSPHRASE, "/client/none"), ("wrong", "/server")] {
        let options = Options {
            passphrase: Some(passphrase.into()),
            ..Options::default()
        };
        _ = relay.peer_with(Via::WebTransport, path, options).await;
    }
    let mut server = relay.peer(Via::Wss, "/server?resume").await;
    server.send(login::right()).await;
    let hello = server.hello().await;
    let mut client = relay.client(Via::WebTransport, &mut server).await;
    for message in [json!({ "text": "hello" }), json!({})] {
        client.tell(&server.id, "CHAT", message).await;
    }
    client.refused("SCHEMA_VIOLATION").await;
    client.tell("nobody", "MADE_UP", json!({})).await;
    client.refused("UNKNOWN_PEER").await;
    server.expect("CHAT").await;
    client.leave().await;
    server.expect("PEER_GONE").await;
    server.peer.abandon();
    let mut back = relay.peer(Via::Ws, "/resume").await;
    let token = &hello["resume"]["token"];
    back.tell("0", "RESUME", json!({ "token": token, "received": 0 }))
        .await;
    back.hello().await;
    relay
        .wait_for_metric(
            "intercessor_sessions{role=\"server\",transport=\"websocket\"}",
            1.0,
        )
        .await;
    relay.admin("/metrics").await.body
}

/// What the text says of each metric.
fn described(text: &str) -> BTreeMap<String, Described> {
    let mut found: BTreeMap<String, Described> = BTreeMap::new();
    let mut last = String::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("a name and a text");
            found.entry(name.to_owned()).or_default().help = help.to_owned();
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a name and a kind");
            found.entry(name.to_owned()).or_default().kind = kind.to_owned();
            last = name.to_owned();
        } else if let Some((name, labels)) = line.split_once('{') {
            assert!(name.starts_with(&last), "{line}");
            let labels = labels.rsplit_once('}').expect("an end").0;
            let names = labels
                .split("\",")
                .filter_map(|label| label.split_once('='));
            let names = names
                .map(|(name, _)| name.to_owned())
                .filter(|name| name != "le");
            found.entry(last.clone()).or_default().labels.extend(names);
        }
    }
    found
}

/// The row of a metric in docs/metrics.md.
fn row(name: &str, described: &Described) -> String {
    let Described { kind, labels, help } = described;
    let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
    format!("| `{name}` | {kind} | {} | {help} |", labels.join(", "))
}

#[tokio::test]
async fn every_metric_is_documented_and_none_that_is_not_there() {
    let rows: Vec<_> = described(&told().await)
        .iter()
        .map(|(name, described)| row(name, described))
        .collect();
    let documented: Vec<_> = include_str!("../docs/metrics.md")
        .lines()
        .filter(|line| line.starts_with("| `intercessor_") || line.starts_with("| `process_"))
        .collect();
    assert!(
        documented == rows,
        "the table in docs/metrics.md is to be:\n{}",
        rows.join("\n")
    );
}

#[test]
fn every_metric_of_an_alert_is_documented() {
    let documented = include_str!("../docs/metrics.md");
    let rules = include_str!("../docs/prometheus-rules.yml");
    let names = rules
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("intercessor_") || word.starts_with("process_"));
    for name in names {
        let name = name.trim_end_matches("_bucket");
        assert!(documented.contains(&format!("| `{name}` ")), "{name}");
    }
}

/// Debian's package prometheus has it.
#[cfg(feature = "prometheus-tests")]
mod promtool {
    use std::{
        io::Write,
        process::{Command, Stdio},
    };

    /// Runs promtool, which must have nothing to say against what it is given.
    fn promtool(arguments: &[&str], input: &str) {
        let mut promtool = Command::new("promtool")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool is installed; `cargo xtask test` does it");
        let mut stdin = promtool.stdin.take().expect("a pipe");
        stdin.write_all(input.as_bytes()).expect("written");
        drop(stdin);
        let output = promtool.wait_with_output().expect("ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.is_empty(),
            "{arguments:?}: {said}"
        );
    }

    #[tokio::test]
    async fn promtool_has_nothing_against_the_metrics() {
        promtool(&["check", "metrics"], &super::told().await);
    }

    #[test]
    fn promtool_has_nothing_against_the_alerts() {
        let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/prometheus-rules.yml");
        promtool(&["check", "rules", rules], "");
    }
}
