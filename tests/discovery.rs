//! The discovery document, as a browser gets it.
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
use intercessor::client::{Event, Options, Peer, Trust};
use rcgen::{CertificateParams, Issuer, KeyPair};
use serde_json::{Value, json};

async fn ask(relay: &TestRelay, via: Via, headers: &str) -> Response {
    let mut wire = Wire::connect(relay, via).await;
    wire.write(format!(
        "GET /.well-known/intercessor HTTP/1.1\r\n{headers}\r\n"
    ))
    .await;
    let response = wire.response().await;
    assert_eq!(response.status, 200);
    wire.ended().await;
    response
}

async fn document(relay: &TestRelay, via: Via, host: &str) -> Value {
    let response = ask(relay, via, &format!("Host: {host}\r\n")).await;
    serde_json::from_str(&response.body).expect("JSON")
}

fn urls(document: &Value) -> Vec<&str> {
    let transports = document["transports"].as_array().expect("a list");
    transports
        .iter()
        .map(|it| it["url"].as_str().expect("a URL"))
        .collect()
}

#[tokio::test]
async fn the_document_lists_every_listener_in_order_of_preference() {
    let relay = TestRelay::start(OPEN).await;
    let document = document(&relay, Via::Ws, "127.0.0.1").await;
    let hashes = &document["transports"][0]["certificateHashes"];
    assert_eq!(
        document,
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "transports": [
                { "kind": "webtransport", "url": relay.url(Via::WebTransport, ""), "certificateHashes": hashes },
                { "kind": "websocket", "url": relay.url(Via::Wss, "") },
                { "kind": "websocket", "url": relay.url(Via::Ws, "") },
            ]
        })
    );
}

#[tokio::test]
async fn it_is_json_that_no_cache_keeps() {
    let relay = TestRelay::start(OPEN).await;
    for via in [Via::Ws, Via::Wss] {
        let response = ask(&relay, via, "Host: a\r\n").await;
        assert_eq!(response.header("content-type"), Some("application/json"));
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn urls_use_the_host_that_was_asked_for() {
    let relay = TestRelay::start(OPEN).await;
    let port = |via| {
        relay
            .address(via)
            .rsplit(':')
            .next()
            .expect("a port")
            .to_owned()
    };
    for (host, name) in [
        ("relay.example", "relay.example"),
        ("relay.example:9999", "relay.example"),
        ("192.0.2.1:1", "192.0.2.1"),
        ("[2001:db8::1]:1", "[2001:db8::1]"),
        ("[2001:db8::1]", "[2001:db8::1]"),
    ] {
        assert_eq!(
            urls(&document(&relay, Via::Ws, host).await),
            [
                format!("https://{name}:{}", port(Via::WebTransport)),
                format!("wss://{name}:{}", port(Via::Wss)),
                format!("ws://{name}:{}", port(Via::Ws)),
            ]
        );
    }
}

#[tokio::test]
async fn where_a_whole_url_is_asked_for_its_host_counts() {
    let relay = TestRelay::start(OPEN).await;
    let mut wire = Wire::connect(&relay, Via::Ws).await;
    wire.write("GET http://relay.example:1/.well-known/intercessor HTTP/1.1\r\nHost: other.example\r\n\r\n")
        .await;
    let response = wire.response().await;
    assert!(
        response.body.contains("ws://relay.example:"),
        "{response:?}"
    );
    assert!(!response.body.contains("other.example"), "{response:?}");
}

#[tokio::test]
async fn over_tls_no_plain_websocket_is_listed() {
    let relay = TestRelay::start(OPEN).await;
    let document = document(&relay, Via::Wss, "127.0.0.1").await;
    let listed = [relay.url(Via::WebTransport, ""), relay.url(Via::Wss, "")];
    assert_eq!(urls(&document), listed);
}

#[tokio::test]
async fn a_public_url_stands_for_the_address_and_counts_as_what_it_says() {
    let relay = TestRelay::start_exactly(
        &format!(
            "listeners:
  - {{ transport: websocket, bind: 127.0.0.1:0, tls: off, public_url: 'wss://relay.example/behind' }}
  - {{ transport: websocket, bind: 127.0.0.1:0, tls: {{ self_signed: localhost }} }}
  - {{ transport: webtransport, bind: 127.0.0.1:0, tls: {{ self_signed: localhost }}, public_url: 'https://wt.example' }}
{OPEN}"
        ),
        &[],
    )
    .await;
    for via in [Via::Ws, Via::Wss] {
        let document = document(&relay, via, "127.0.0.1").await;
        let mut urls = urls(&document);
        assert_eq!(urls.remove(0), "https://wt.example");
        urls.sort_unstable();
        assert_eq!(
            urls,
            [&relay.url(Via::Wss, ""), "wss://relay.example/behind"]
        );
    }
}

#[tokio::test]
async fn the_first_hash_is_that_of_the_certificate_which_is_shown() {
    let relay = TestRelay::start(OPEN).await;
    let document = document(&relay, Via::Ws, "127.0.0.1").await;
    let hashes = document["transports"][0]["certificateHashes"]
        .as_array()
        .expect("a list");
    let [current, next] = &hashes[..] else {
        panic!("the current one and the next: {hashes:?}");
    };
    let trust = |hash: &Value| {
        assert_eq!(hash["algorithm"], "sha-256");
        let value = hash["value"].as_str().expect("base64");
        let value = BASE64_STANDARD.decode(value).expect("base64");
        Trust::Hash(value.try_into().expect("32 bytes"))
    };
    let connect = async |trust| {
        let options = Options {
            trust,
            ..Options::default()
        };
        Peer::connect(&relay.url(Via::WebTransport, "/server"), options).await
    };
    let mut peer = connect(trust(current)).await.expect("the right hash");
    assert!(matches!(peer.receive().await, Event::Envelope(hello) if hello.contains("HELLO")));
    connect(trust(next)).await.expect_err("its turn is later");
}

#[tokio::test]
async fn a_certificate_that_a_browser_can_verify_has_no_hash() {
    let (cert, key) = issued();
    let relay = TestRelay::start_exactly(
        &format!(
            "listeners:
  - {{ transport: webtransport, bind: 127.0.0.1:0, tls: {{ cert: c.pem, key: k.pem }} }}
  - {{ transport: websocket, bind: 127.0.0.1:0, tls: off }}
{OPEN}"
        ),
        &[("c.pem", &cert), ("k.pem", &key)],
    )
    .await;
    let document = document(&relay, Via::Ws, "localhost").await;
    let offer = document["transports"][0].as_object().expect("an object");
    assert_eq!(offer.keys().collect::<Vec<_>>(), ["kind", "url"]);
}

/// A certificate of an authority, and its key, as PEM.
fn issued() -> (String, String) {
    let names = || vec!["localhost".to_owned()];
    let authority = CertificateParams::new(names()).expect("names");
    let issuer = Issuer::new(authority, KeyPair::generate().expect("a key"));
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(names()).expect("names");
    let cert = params.signed_by(&key, &issuer).expect("a certificate");
    (cert.pem(), key.serialize_pem())
}

#[tokio::test]
async fn pages_of_the_allowed_origins_may_read_it_and_no_others() {
    let allowed = "origins: [\"https://app.example\", \"https://*.wild.example\", \"null\"]";
    for (origins, origin, told) in [
        ("", "", Some("*")),
        ("", "Origin: https://any.example\r\n", Some("*")),
        (
            allowed,
            "Origin: https://app.example\r\n",
            Some("https://app.example"),
        ),
        (
            allowed,
            "Origin: https://a.wild.example\r\n",
            Some("https://a.wild.example"),
        ),
        (allowed, "Origin: null\r\n", Some("null")),
        (allowed, "Origin: https://other.example\r\n", None),
        (allowed, "", None),
    ] {
        let relay = TestRelay::start_exactly(
            &format!("listeners: [{{ transport: websocket, bind: 127.0.0.1:0, tls: off, {origins} }}]\n{OPEN}"),
            &[],
        )
        .await;
        let response = ask(&relay, Via::Ws, &format!("Host: a\r\n{origin}")).await;
        assert_eq!(
            response.header("access-control-allow-origin"),
            told,
            "{origin}"
        );
        // What depends on the Origin says so, or a cache would give one page the answer to another.
        let varies = response
            .header("vary")
            .is_some_and(|it| it.eq_ignore_ascii_case("origin"));
        assert_eq!(varies, told != Some("*"), "{origin}");
    }
}
