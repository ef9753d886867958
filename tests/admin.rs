//! The listener for operators: whether the relay lives and works, and its metrics.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use common::{OPEN, TestRelay, Via, process::Process, raw::Wire};
use intercessor::client::Options;
use serde_json::json;

const ADMIN: &str = "admin: { bind: localhost:0 }\n";

async fn relay(yaml: &str) -> TestRelay {
    TestRelay::start(&format!("{ADMIN}{yaml}")).await
}

#[tokio::test]
async fn the_relay_lives_and_is_ready() {
    let relay = relay(OPEN).await;
    for path in ["/healthz", "/readyz"] {
        let response = relay.admin(path).await;
        assert_eq!((response.status, response.body.as_str()), (200, "ok"));
    }
    assert_eq!(relay.admin("/nothing").await.status, 404);
    let post = "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    let response = relay.ask_admin(post).await;
    assert_eq!(response.status, 405);
    assert_eq!(response.header("allow"), Some("GET"));
}

#[tokio::test]
async fn it_answers_only_to_addresses_and_its_own_names() {
    let relay = relay(OPEN).await;
    let status = async |host: &str| {
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n");
        relay.ask_admin(&request).await.status
    };
    for own in ["localhost", "LOCALHOST:9180", "192.0.2.7", "[::1]:9180"] {
        assert_eq!(status(own).await, 200, "{own}");
    }
    for other in [
        "relay.example",
        "localhost.evil.example",
        "[::1].evil.example",
        "a b",
    ] {
        assert_eq!(status(other).await, 421, "{other}");
    }
    let hostless = relay.ask_admin("GET /metrics HTTP/1.0\r\n\r\n").await;
    assert_eq!(hostless.status, 421);
}

#[tokio::test]
async fn a_relay_that_drains_is_not_ready_and_still_lives() {
    let mut relay = relay(OPEN).await;
    // It never answers the Close, so that the drain waits for it.
    let mut lingering = Wire::socket(&relay, Via::Ws, "/server").await;
    lingering.hello().await;
    relay.begin_stop();
    lingering.closed(1001).await;
    assert_eq!(relay.admin("/readyz").await.status, 503);
    assert_eq!(relay.admin("/healthz").await.status, 200);
}

#[tokio::test]
async fn sessions_and_what_they_send_are_counted() {
    let relay = relay(OPEN).await;
    let (mut server, mut client) = relay.pair(Via::Wss, Via::WebTransport).await;
    let sessions = |role: &str, transport: &str| {
        format!("intercessor_sessions{{role=\"{role}\",transport=\"{transport}\"}}")
    };
    assert_eq!(relay.metric(&sessions("server", "websocket")).await, 1.0);
    assert_eq!(relay.metric(&sessions("client", "webtransport")).await, 1.0);
    assert_eq!(relay.metric("intercessor_rooms").await, 1.0);
    assert_eq!(relay.metric("intercessor_connections").await, 2.0);
    let text = json!({ "to": server.id, "type": "T", "message": {} }).to_string();
    client.send_text(&text).await;
    let forwarded = server.next_text().await;
    let labels = "{role=\"client\",transport=\"webtransport\"}";
    let count = async |name: &str| relay.metric(&format!("intercessor_{name}{labels}")).await;
    assert_eq!(count("received_envelopes_total").await, 1.0);
    assert_eq!(count("received_bytes_total").await, text.len() as f64);
    // HELLO is counted once it is written, which the client may know before the relay does.
    relay
        .wait_for_metric(&format!("intercessor_sent_envelopes_total{labels}"), 1.0)
        .await;
    let sent = "intercessor_sent_bytes_total{role=\"server\",transport=\"websocket\"}";
    assert!(relay.metric(sent).await >= forwarded.len() as f64);
    relay
        .wait_for_metric("intercessor_relay_duration_seconds_count", 1.0)
        .await;
    let handshakes = "intercessor_handshake_duration_seconds_count{transport=\"webtransport\"}";
    assert_eq!(relay.metric(handshakes).await, 1.0);
    client.leave().await;
    server.expect("PEER_GONE").await;
    relay
        .wait_for_metric(&sessions("client", "webtransport"), 0.0)
        .await;
    relay
        .wait_for_metric(
            "intercessor_session_disconnections_total{code=\"1000\",role=\"client\",transport=\"webtransport\"}",
            1.0,
        )
        .await;
}

#[tokio::test]
async fn refusals_are_counted_by_code_and_configured_type() {
    let types = "schemas:\n  types:\n    CHAT: { schema: { type: object, required: [text] } }\n    \
        SEEN: { schema: { type: object, required: [text] }, on_violation: observe }\n";
    let relay = relay(&format!("{OPEN}{types}")).await;
    let (mut server, mut client) = relay.pair(Via::Ws, Via::Ws).await;
    client.tell(&server.id, "CHAT", json!({})).await;
    client.refused("SCHEMA_VIOLATION").await;
    client.tell(&server.id, "SEEN", json!({})).await;
    server.expect("SEEN").await;
    client.tell("nobody", "MADE_UP", json!({})).await;
    client.refused("UNKNOWN_PEER").await;
    client.send_text("no envelope").await;
    client.refused("INVALID_ENVELOPE").await;
    for (code, kind) in [
        ("SCHEMA_VIOLATION", "CHAT"),
        ("UNKNOWN_PEER", "other"),
        ("INVALID_ENVELOPE", "other"),
    ] {
        let name =
            format!("intercessor_refused_envelopes_total{{code=\"{code}\",type=\"{kind}\"}}");
        assert_eq!(relay.metric(&name).await, 1.0, "{name}");
    }
    for (action, kind) in [("reject", "CHAT"), ("observe", "SEEN")] {
        let name =
            format!("intercessor_schema_violations_total{{action=\"{action}\",type=\"{kind}\"}}");
        assert_eq!(relay.metric(&name).await, 1.0, "{name}");
    }
    assert_eq!(
        relay
            .metric("intercessor_schema_duration_seconds_count")
            .await,
        1.0
    );
    assert!(!relay.admin("/metrics").await.body.contains("MADE_UP"));
}

#[tokio::test]
async fn logins_and_refused_handshakes_are_counted() {
    let hash = intercessor::passphrase::Hash::make("open sesame").expect("a hash");
    let servers = format!(
        "servers: {{ passphrases: [{{ name: door, hash: {:?} }}] }}\n",
        hash.as_str()
    );
    let relay = relay(&servers).await;
    for (passphrase, outcome) in [("open sesame", "ok"), ("sesame", "wrong")] {
        let mut server = relay.peer(Via::Ws, "/server").await;
        server
            .tell("0", "LOGIN", json!({ "passphrase": passphrase }))
            .await;
        server.event().await;
        let name = format!("intercessor_logins_total{{outcome=\"{outcome}\"}}");
        assert_eq!(relay.metric(&name).await, 1.0, "{name}");
    }
    let mut wire = Wire::connect(&relay, Via::Ws).await;
    let upgrade = common::raw::UPGRADE;
    wire.write(format!(
        "GET /server HTTP/1.1\r\n{upgrade}Authorization: Bearer no\r\n\r\n"
    ))
    .await;
    assert_eq!(wire.response().await.status, 401);
    let wrong = Options {
        passphrase: Some("no".into()),
        ..Options::default()
    };
    let refused = relay.peer_with(Via::WebTransport, "/server", wrong).await;
    assert!(refused.is_err());
    for transport in ["websocket", "webtransport"] {
        let name = format!(
            "intercessor_refused_handshakes_total{{reason=\"login\",transport=\"{transport}\"}}"
        );
        assert_eq!(relay.metric(&name).await, 1.0, "{name}");
    }
}

#[tokio::test]
async fn resumes_and_parked_sessions_are_counted() {
    let relay = relay(&format!("{OPEN}resume: {{ window: 1ms }}\n")).await;
    assert_eq!(
        relay.metric("intercessor_resume_window_seconds").await,
        0.001
    );
    let mut server = relay.peer(Via::Ws, "/server?resume").await;
    server.hello().await;
    server.peer.abandon();
    relay
        .wait_for_metric("intercessor_resumes_total{outcome=\"expired\"}", 1.0)
        .await;
    for first in ["RESUME", "OTHER"] {
        let mut peer = relay.peer(Via::Ws, "/resume").await;
        peer.tell("0", first, json!({ "token": "none", "received": 0 }))
            .await;
        peer.expect("BYE").await;
    }
    for outcome in ["unknown_token", "no_resume"] {
        let name = format!("intercessor_resumes_total{{outcome=\"{outcome}\"}}");
        assert_eq!(relay.metric(&name).await, 1.0, "{name}");
    }
}

#[tokio::test]
async fn what_a_resume_sends_again_is_counted() {
    let relay = relay(OPEN).await;
    let mut server = relay.server(Via::Ws).await;
    let mut client = relay
        .peer(Via::Ws, &format!("/client/{}?resume", server.id))
        .await;
    let hello = client.hello().await;
    let token = hello["resume"]["token"]
        .as_str()
        .expect("a token")
        .to_owned();
    server.expect("PEER_JOINED").await;
    for n in 0..3 {
        server.tell(&client.id, "N", json!({ "n": n })).await;
    }
    for _ in 0..3 {
        client.expect("N").await;
    }
    client.peer.abandon();
    relay
        .wait_for_metric("intercessor_parked_sessions", 1.0)
        .await;
    for (received, outcome) in [(9, "gap"), (1, "resumed"), (1, "taken_over")] {
        let mut back = relay.peer(Via::WebTransport, "/resume").await;
        back.tell(
            "0",
            "RESUME",
            json!({ "token": token, "received": received }),
        )
        .await;
        back.event().await;
        let name = format!("intercessor_resumes_total{{outcome=\"{outcome}\"}}");
        assert_eq!(relay.metric(&name).await, 1.0, "{name}");
        if outcome == "resumed" {
            assert_eq!(
                relay.metric("intercessor_replayed_envelopes_total").await,
                2.0
            );
            assert_eq!(relay.metric("intercessor_parked_sessions").await, 0.0);
            // It seems alive while the next one takes the session over.
            std::mem::forget(back);
        }
    }
}

#[tokio::test]
async fn the_end_of_each_certificate_is_told() {
    let relay = relay(OPEN).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.expect("after 1970").as_secs_f64();
    let metrics = relay.admin("/metrics").await.body;
    for via in [Via::Wss, Via::WebTransport] {
        let url = relay.url(via, "");
        let name =
            format!("intercessor_certificate_expiry_timestamp_seconds{{listener=\"{url}\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
        let expiry: f64 = line.expect("a line").parse().expect("a number");
        let days = (expiry - now) / 86_400.0;
        assert!((10.0..=14.0).contains(&days), "{days}");
    }
    assert!(!metrics.contains("listener=\"ws://"), "{metrics}");
}

#[test]
fn the_log_tells_the_admin_address() {
    let dir = tempfile::tempdir().expect("a directory");
    let yaml = format!(
        "listeners: [{{ transport: websocket, bind: '127.0.0.1:0', tls: off }}]\n{OPEN}{ADMIN}"
    );
    std::fs::write(dir.path().join("relay.yaml"), yaml).expect("written");
    let mut relay = Process::relay(dir.path(), &[]);
    let line = relay.line_with(" listening transport=admin url=");
    let url = line.split("url=").nth(1).expect("a URL");
    assert!(
        url.starts_with("http://127.0.0.1:") && !url.ends_with(":0"),
        "{line}"
    );
}
