//! `demo: true`: a page at `/`. What it does is tested in clients/js, in a real Chromium.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use base64::{Engine, prelude::BASE64_STANDARD};
use common::{
    OPEN, TestRelay, Via,
    raw::{Response, Wire},
};
use intercessor::passphrase::Hash;
use sha2::{Digest, Sha256};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// The demo is at the listener without TLS only.
fn yaml(more: &str) -> String {
    format!(
        "listeners:
  - {{ transport: websocket, bind: 127.0.0.1:0, tls: off, demo: true }}
  - {{ transport: websocket, bind: 127.0.0.1:0, tls: {{ self_signed: localhost }} }}
{more}"
    )
}

async fn ask(relay: &TestRelay, via: Via, request: &str) -> Response {
    let mut wire = Wire::connect(relay, via).await;
    wire.write(request).await;
    let response = wire.response().await;
    wire.ended().await;
    response
}

/// What is between these.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).expect(start);
    rest.split_once(end).expect(end).0
}

#[tokio::test]
async fn only_a_listener_that_has_it_answers_with_the_page() {
    let relay = TestRelay::start_exactly(&yaml(OPEN), &[]).await;
    let page = ask(&relay, Via::Ws, GET).await;
    assert_eq!(page.status, 200);
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(page.header(name), Some(value), "{name}");
    }
    assert!(page.body.starts_with("<!doctype html>"));
    assert_eq!(ask(&relay, Via::Wss, GET).await.status, 404);
    for (request, status) in [
        ("GET /?x HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        ("GET // HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        ("GET /index.html HTTP/1.1\r\nHost: a\r\n\r\n", 404),
        ("GET / HTTP/1.1\r\n\r\n", 400),
    ] {
        assert_eq!(
            ask(&relay, Via::Ws, request).await.status,
            status,
            "{request}"
        );
    }
}

#[tokio::test]
async fn it_is_read_and_not_written() {
    let relay = TestRelay::start_exactly(&yaml(OPEN), &[]).await;
    let page = ask(&relay, Via::Ws, GET).await;
    let mut wire = Wire::connect(&relay, Via::Ws).await;
    wire.write("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let head = wire.head().await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-length"), page.header("content-length"));
    wire.ended().await;
    for (via, status) in [(Via::Ws, 405), (Via::Wss, 404)] {
        let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
        let response = ask(&relay, via, post).await;
        assert_eq!(response.status, status);
        assert_eq!(response.header("allow"), (status == 405).then_some("GET"));
    }
}

#[tokio::test]
async fn its_policy_allows_what_is_in_it_and_nothing_else() {
    let relay = TestRelay::start_exactly(&yaml(OPEN), &[]).await;
    let page = ask(&relay, Via::Ws, GET).await;
    let policy = page.header("content-security-policy").expect("a policy");
    for (kind, start, end) in [
        ("script-src", "<script>", "</script>"),
        ("style-src", "<style>", "</style>"),
    ] {
        let hash = BASE64_STANDARD.encode(Sha256::digest(between(&page.body, start, end)));
        assert!(
            policy.contains(&format!("{kind} 'sha256-{hash}';")),
            "{policy}"
        );
        // What ends it early would be shown as text.
        assert_eq!(page.body.matches(end).count(), 1, "{end}");
    }
    for directive in [
        "default-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(directive), "{policy}");
    }
    for outside in [" src=", "<link rel=\"stylesheet\"", "@import", "url("] {
        let html = page
            .body
            .replace(between(&page.body, "<script>", "</script>"), "");
        assert!(!html.contains(outside), "{outside}");
    }
}

#[tokio::test]
async fn it_asks_for_a_passphrase_where_one_is_needed_also_after_a_reload() {
    let relay = TestRelay::start_exactly(&yaml(OPEN), &[]).await;
    let servers = async |relay: &TestRelay| {
        let page = ask(relay, Via::Ws, GET).await;
        between(&page.body, "data-servers=\"", "\"").to_owned()
    };
    assert_eq!(servers(&relay).await, "open");
    let hash = Hash::make("a passphrase").expect("made");
    let passphrases = format!(
        "servers: {{ passphrases: [{{ name: door, hash: '{}' }}] }}\n",
        hash.as_str()
    );
    relay
        .reload_exactly(&yaml(&passphrases))
        .await
        .expect("reloads");
    assert_eq!(servers(&relay).await, "passphrase");
}

#[tokio::test]
async fn a_reload_neither_adds_nor_removes_it() {
    let relay = TestRelay::start_exactly(&yaml(OPEN), &[]).await;
    let turned = yaml(OPEN)
        .replace(", demo: true", "")
        .replace("localhost } }", "localhost }, demo: true }");
    relay.reload_exactly(&turned).await.expect("reloads");
    assert_eq!(ask(&relay, Via::Ws, GET).await.status, 200);
    assert_eq!(ask(&relay, Via::Wss, GET).await.status, 404);
}

#[tokio::test]
async fn it_is_there_for_who_finds_no_place() {
    let relay =
        TestRelay::start_exactly(&yaml(&format!("{OPEN}limits: {{ connections: 1 }}\n")), &[])
            .await;
    let _only = relay.server(Via::Ws).await;
    let health = ask(&relay, Via::Ws, &GET.replace("/ ", "/healthz ")).await;
    assert_eq!(health.status, 200);
    assert_eq!(ask(&relay, Via::Ws, GET).await.status, 200);
}
