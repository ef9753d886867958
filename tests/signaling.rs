//! The main job on real input: what a browser's WebRTC stack said, relayed with the example schemas.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::{path::PathBuf, process::Stdio};

use common::{TestPeer, TestRelay, every_pair, process::command};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// What each side sends, in order.
const OFFERER: [(&str, &str); 3] = [
    ("OFFER", "offer"),
    ("CANDIDATE", "offerer-candidate-1"),
    ("CANDIDATE", "offerer-candidate-2"),
];
const ANSWERER: [(&str, &str); 3] = [
    ("ANSWER", "answer"),
    ("CANDIDATE", "answerer-candidate-1"),
    ("CANDIDATE", "answerer-candidate-2"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A message as the browser serialized it.
fn fixture(name: &str) -> String {
    let file = root().join(format!("tests/fixtures/webrtc/{name}.json"));
    std::fs::read_to_string(file)
        .expect("a fixture")
        .trim()
        .to_owned()
}

fn envelope(to: &str, (kind, name): (&str, &str)) -> String {
    format!(
        r#"{{"to":"{to}","type":"{kind}","message":{}}}"#,
        fixture(name)
    )
}

fn seen(from: &str, (kind, name): (&str, &str)) -> String {
    format!(
        r#"{{"from":"{from}","type":"{kind}","message":{}}}"#,
        fixture(name)
    )
}

/// A relay with the schemas of the example configuration.
async fn relay() -> TestRelay {
    let schemas = root().join("schemas");
    let types: String = ["OFFER", "ANSWER", "CANDIDATE"]
        .map(|kind| {
            format!(
                "    {kind}: {}/{}.json\n",
                schemas.display(),
                kind.to_lowercase()
            )
        })
        .concat();
    TestRelay::start(&format!(
        "servers: {{ open: true }}\nschemas:\n  unknown_types: reject\n  types:\n{types}"
    ))
    .await
}

async fn exchange(from: &mut TestPeer, to: &mut TestPeer, messages: [(&str, &str); 3]) {
    for message in messages {
        from.send_text(&envelope(&to.id, message)).await;
    }
    for message in messages {
        assert_eq!(to.next_text().await, seen(&from.id, message));
    }
}

#[tokio::test]
async fn a_browsers_offer_answer_and_candidates_cross_every_pair_of_transports() {
    let relay = relay().await;
    for (server, client) in every_pair() {
        let (mut server, mut client) = relay.pair(server, client).await;
        exchange(&mut client, &mut server, OFFERER).await;
        exchange(&mut server, &mut client, ANSWERER).await;
        exchange(&mut server, &mut client, OFFERER).await;
        exchange(&mut client, &mut server, ANSWERER).await;
    }
}

/// `intercessor connect`, with its lines.
struct Terminal {
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    id: String,
}

impl Terminal {
    async fn connect(url: &str) -> Self {
        let mut child = Command::from(command())
            .args(["connect", url, "--insecure"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("starts");
        let output = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let input = child.stdin.take().expect("a pipe");
        let mut terminal = Self {
            _child: child,
            input,
            output,
            id: String::new(),
        };
        let hello: serde_json::Value = serde_json::from_str(&terminal.line().await).expect("JSON");
        terminal.id = hello["message"]["id"].as_str().expect("an id").to_owned();
        terminal
    }

    async fn line(&mut self) -> String {
        let line = timeout(common::PATIENCE, self.output.next_line()).await;
        line.expect("a line in time")
            .expect("readable")
            .expect("a line")
    }

    async fn send(&mut self, envelope: &str) {
        let line = format!("{envelope}\n");
        self.input
            .write_all(line.as_bytes())
            .await
            .expect("written");
    }
}

#[tokio::test]
async fn two_terminals_signal_over_secure_websocket_and_webtransport() {
    let relay = relay().await;
    let mut server = Terminal::connect(&relay.url(common::Via::Wss, "/server")).await;
    let path = format!("/client/{}", server.id);
    let mut client = Terminal::connect(&relay.url(common::Via::WebTransport, &path)).await;
    assert!(server.line().await.contains("PEER_JOINED"));
    for message in OFFERER {
        client.send(&envelope(&server.id, message)).await;
        assert_eq!(server.line().await, seen(&client.id, message));
    }
    for message in ANSWERER {
        server.send(&envelope(&client.id, message)).await;
        assert_eq!(client.line().await, seen(&server.id, message));
    }
    client
        .send(&envelope(&server.id, ("OFFER", "answer")))
        .await;
    let refusal = client.line().await;
    assert!(refusal.contains("SCHEMA_VIOLATION"), "{refusal}");
}
