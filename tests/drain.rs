//! What a relay that was told to stop does with those who are there, and with those who come.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::{io::ErrorKind, process::ExitStatus, time::Instant};

use common::{
    EVERY_TRANSPORT, OPEN, TestRelay, Via,
    process::{Process, ask, session},
    webtransport::{RawPeer, try_dial},
};
use intercessor::client::Options;
use quinn::{ConnectionError, TransportConfig, TransportErrorCode};
use serde_json::json;
use tempfile::TempDir;

const ADMIN: &str = "admin: { bind: 'localhost:0' }\n";

/// A relay with a peer that never answers its Close, so that the drain waits for it.
async fn draining(more: &str) -> (TestRelay, impl Sized) {
    let yaml = format!("timeouts: {{ drain: 5m, pong: 5m }}\n{ADMIN}{more}{OPEN}");
    let mut relay = TestRelay::start(&yaml).await;
    let mut reading = relay.server(Via::Ws).await;
    let mut deaf = RawPeer::connect(&relay, &format!("/client/{}", reading.id)).await;
    deaf.expect("HELLO").await;
    reading.expect("PEER_JOINED").await;
    // More than flows without being read.
    for _ in 0..400 {
        let text = "x".repeat(2000);
        reading.tell("*", "T", json!({ "text": text })).await;
    }
    reading.nothing_else().await;
    relay.begin_stop();
    reading.closed(1001).await;
    (relay, deaf)
}

#[tokio::test]
async fn who_comes_while_it_drains_is_refused_at_once() {
    let (relay, _deaf) = draining("").await;
    assert_eq!(relay.admin("/readyz").await.status, 503);
    assert_eq!(relay.admin("/healthz").await.status, 200);
    for via in [Via::Ws, Via::Wss] {
        let came = tokio::net::TcpStream::connect(relay.address(via)).await;
        let refused = came.err().map(|error| error.kind());
        assert_eq!(refused, Some(ErrorKind::ConnectionRefused), "{via:?}");
    }
    let began = Instant::now();
    let came = try_dial(&relay, TransportConfig::default()).await;
    let Err(ConnectionError::ConnectionClosed(close)) = came else {
        panic!("was to be refused: {came:?}");
    };
    assert_eq!(close.error_code, TransportErrorCode::CONNECTION_REFUSED);
    // Unanswered, it would have tried for this long.
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    // It is still there for those whom it has.
    assert_eq!(relay.admin("/readyz").await.status, 503);
}

#[tokio::test]
async fn who_has_shaken_hands_and_is_not_in_yet_is_told_1001_and_when_to_come_back() {
    for via in EVERY_TRANSPORT {
        let hash = intercessor::passphrase::Hash::make("open sesame").expect("a hash");
        let yaml = format!(
            "{ADMIN}timeouts: {{ login: 5m, drain: 5m }}\nservers: {{ passphrases: [{{ name: door, hash: '{}' }}] }}\n",
            hash.as_str()
        );
        let mut relay = TestRelay::start(&yaml).await;
        // It has a passphrase, and takes its time with it.
        let mut hesitating = relay.peer(via, "/server").await;
        let mut resuming = relay.peer(via, "/resume").await;
        let transport = match via {
            Via::WebTransport => "webtransport",
            Via::Ws | Via::Wss => "websocket",
        };
        let handshakes =
            format!("intercessor_handshake_duration_seconds_count{{transport=\"{transport}\"}}");
        relay.wait_for_metric(&handshakes, 2.0).await;
        relay.begin_stop();
        for peer in [&mut hesitating, &mut resuming] {
            let bye = peer.closed(1001).await;
            assert!(
                bye["reconnectIn"].as_f64().is_some_and(|after| after > 0.0),
                "{bye}"
            );
        }
    }
}

#[tokio::test]
async fn a_parked_session_ends_and_holds_up_nothing() {
    let relay = TestRelay::start(&format!("timeouts: {{ drain: 5m }}\n{OPEN}")).await;
    let options = || Options::default();
    let mut server = relay
        .peer_with(Via::Ws, "/server?resume", options())
        .await
        .expect("in");
    server.hello().await;
    let parked = async {
        while relay.hub.parking.parked() == 0 {
            tokio::task::yield_now().await;
        }
    };
    drop(server);
    parked.await;
    relay.stop().await;
}

/// A program, and its URL.
fn program(drain: &str) -> (Process, String, TempDir) {
    let dir = tempfile::tempdir().expect("a directory");
    let yaml = format!(
        "listeners: [{{ transport: websocket, bind: '127.0.0.1:0', tls: off }}]\n\
         timeouts: {{ drain: {drain}, ping: off }}\n{OPEN}"
    );
    std::fs::write(dir.path().join("relay.yaml"), yaml).expect("written");
    let mut relay = Process::relay(dir.path(), &[]);
    let url = relay.listening_url();
    (relay, url, dir)
}

#[test]
fn a_drain_that_runs_out_of_time_says_so_and_is_exit_0_all_the_same() {
    let (mut relay, url, _dir) = program("100ms");
    // It never answers the Close, and never goes.
    let _deaf = session(&url);
    relay.signal("TERM");
    relay.line_with(" WARN not everybody went in time; see timeouts.drain");
    assert_eq!(relay.wait().code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")] {
        let (mut relay, url, _dir) = program("5m");
        let _connections: Vec<_> = (0..4).map(|_| session(&url)).collect();
        relay.signal(first);
        relay.line_with("shutting down");
        relay.signal(second);
        let status: ExitStatus = relay.wait();
        assert_eq!(status.code(), Some(1), "{first} {second}");
        assert!(relay.log().contains(" WARN told to stop twice"));
    }
}

#[test]
fn a_signal_during_the_start_is_not_lost() {
    for _ in 0..10 {
        let (mut relay, _, _dir) = program("5m");
        relay.signal("TERM");
        assert_eq!(relay.wait().code(), Some(0));
    }
}

#[test]
fn a_request_that_is_under_way_does_not_hold_up_the_end() {
    let (mut relay, url, _dir) = program("5m");
    let _half = ask(&url, "GET /server HTTP/1.1\r\nHost: ");
    drop(session(&url));
    relay.signal("TERM");
    assert_eq!(relay.wait().code(), Some(0));
}
