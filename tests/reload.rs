//! A reload: what is new afterwards, and that it is all or nothing.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::process::Command;

use common::{
    EVERY_TRANSPORT, LISTENERS, OPEN, PATIENCE, TestRelay, Via, every_pair,
    login::{HASH, PASSPHRASE, entries, header, one_door, right, server_with},
    raw::{UPGRADE, Wire},
    webtransport::request,
};
use hyper::http::header::ORIGIN;
use intercessor::{
    client::{Options, Peer, Trust},
    passphrase::Hash,
    relay::reload::NotReloaded,
};
use serde_json::json;
use tokio::{runtime::Builder, task::spawn_blocking};

const ADMIN: &str = "admin: { bind: localhost:0 }\n";
/// Wants `text` in every CHAT.
const CHAT: &str = "schemas: { types: { CHAT: { schema: { type: object, required: [text] } } } }\n";

/// Starts with anyone as a server, and reloads with this as well.
async fn reloaded(relay: &TestRelay, yaml: &str) {
    let reloaded = relay.reload(&format!("{ADMIN}{OPEN}{yaml}")).await;
    reloaded.expect("nothing is wrong with it");
}

async fn relay(yaml: &str) -> TestRelay {
    TestRelay::start(&format!("{ADMIN}{OPEN}{yaml}")).await
}

async fn generation(relay: &TestRelay) -> f64 {
    relay.metric("intercessor_config_generation").await
}

#[tokio::test]
async fn a_removed_or_changed_passphrase_is_refused_at_once_and_its_sessions_go_on() {
    let other = Hash::make("another one").expect("a hash");
    let keep = ("keep", other.as_str(), "");
    let both = entries(&[("door", HASH, ""), keep]);
    for (via, gone) in every_pair().map(|(via, _)| via).zip([
        entries(&[keep]),
        entries(&[("door", other.as_str(), "")]),
        entries(&[
            ("renamed", other.as_str(), ""),
            ("door", other.as_str(), ""),
        ]),
    ]) {
        let relay = TestRelay::start(&both).await;
        let mut server = server_with(&relay, via, right()).await;
        server.hello().await;
        let log_in = async |name, passphrase| {
            let options = header(name, passphrase);
            relay.peer_with(via, "/server", options).await
        };
        log_in(Some("door"), PASSPHRASE)
            .await
            .expect("is remembered");
        relay.reload(&gone).await.expect("reloads");
        for name in [None, Some("door"), Some("keep")] {
            log_in(name, PASSPHRASE)
                .await
                .err()
                .expect("is not known any more");
        }
        log_in(None, "another one").await.expect("logs in");
        let mut client = relay.client(via, &mut server).await;
        client.tell(&server.id, "N", json!({})).await;
        server.expect("N").await;
        relay.reload(&both).await.expect("reloads");
        log_in(Some("door"), PASSPHRASE).await.expect("is back");
    }
}

#[tokio::test]
async fn new_sessions_are_told_and_held_to_what_is_new() {
    let relay = relay("server_info: before\n").await;
    for via in EVERY_TRANSPORT {
        let mut server = relay.peer(via, "/server").await;
        assert_eq!(server.hello().await["serverInfo"], "before");
        reloaded(&relay, "server_info: after\nlimits: { servers: 2 }\n").await;
        let mut second = relay.peer(via, "/server").await;
        assert_eq!(second.hello().await["serverInfo"], "after");
        relay.peer(via, "/server").await.closed(1013).await;
        reloaded(&relay, "limits: { connections: 2 }\n").await;
        let mut wire = Wire::connect(&relay, Via::Ws).await;
        let upgrade = format!("GET /server HTTP/1.1\r\n{UPGRADE}\r\n");
        wire.write(upgrade).await;
        assert_eq!(wire.response().await.status, 503);
        let login = format!("{ADMIN}{}timeouts: {{ login: 20ms }}\n", one_door());
        relay.reload(&login).await.expect("reloads");
        relay.peer(via, "/server").await.closed(4401).await;
        server.nothing_else().await;
        second.nothing_else().await;
        server.leave().await;
        second.leave().await;
        while !relay.hub.rooms.is_empty() {
            tokio::task::yield_now().await;
        }
        reloaded(&relay, "server_info: before\n").await;
    }
}

#[tokio::test]
async fn new_connections_over_quic_have_the_new_timeouts() {
    let relay = relay("").await;
    let mut server = relay.server(Via::Ws).await;
    reloaded(&relay, "timeouts: { ping: 200ms, pong: 200ms }\n").await;
    let url = relay.url(Via::WebTransport, &format!("/client/{}", server.id));
    // A runtime that nobody drives any more answers nothing.
    let frozen = spawn_blocking(move || {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let trust = Trust::Anything;
        let options = Options {
            trust,
            ..Options::default()
        };
        let peer = runtime.block_on(async {
            let mut peer = Peer::connect(&url, options).await.expect("connects");
            peer.receive().await;
            peer
        });
        (runtime, peer)
    });
    let (runtime, _peer) = frozen.await.expect("no panic");
    server.expect("PEER_JOINED").await;
    server.expect("PEER_GONE").await;
    runtime.shutdown_background();
}

#[tokio::test]
async fn origins_are_the_new_ones_and_a_page_reads_discovery_by_them() {
    let relay = relay("").await;
    let page = "https://app.example";
    let allowed =
        |origin: &str| LISTENERS.replace(" }\n", &format!(", origins: ['{origin}'] }}\n"));
    for (origin, upgraded, status) in [("https://other.example", 403, Some(403)), (page, 101, None)]
    {
        let yaml = format!("{}{OPEN}{ADMIN}", allowed(origin));
        relay.reload_exactly(&yaml).await.expect("reloads");
        for via in [Via::Ws, Via::Wss] {
            let mut wire = Wire::connect(&relay, via).await;
            let headers = format!("{UPGRADE}Origin: {page}\r\n");
            wire.write(format!("GET /server HTTP/1.1\r\n{headers}\r\n"))
                .await;
            assert_eq!(wire.response().await.status, upgraded, "{origin}");
        }
        let session = request(&relay, "/server", |it| {
            it.with_header(ORIGIN, page.parse().unwrap())
        });
        assert_eq!(session.await.err(), status, "{origin}");
        let mut wire = Wire::connect(&relay, Via::Ws).await;
        let path = "/.well-known/intercessor";
        wire.write(format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nOrigin: {page}\r\n\r\n"
        ))
        .await;
        let told = wire.response().await;
        let told = told.header("access-control-allow-origin").is_some();
        assert_eq!(told, origin == page);
    }
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_all_that_is_wrong_is_told() {
    let relay = relay("").await;
    let success = "intercessor_config_last_reload_success_timestamp_seconds";
    let count = async |outcome: &str| {
        let named = format!("intercessor_config_reloads_total{{outcome=\"{outcome}\"}}");
        relay.metric(&named).await
    };
    let (mut server, mut client) = relay.pair(Via::Ws, Via::WebTransport).await;
    let started = relay.metric(success).await;
    assert_eq!((generation(&relay).await, count("ok").await), (1.0, 0.0));
    for (bad, problems) in [
        (
            format!("{OPEN}{CHAT}nonsense: 1\ntimeouts: {{ login: soon }}\n"),
            2,
        ),
        (
            format!(
                "{OPEN}schemas: {{ types: {{ CHAT: {{ schema: {{ type: thing }} }}, B: {{ schema: {{ minimum: x }} }} }} }}\n"
            ),
            2,
        ),
        ("servers: { open: true".to_owned(), 1),
        (OPEN.to_owned().repeat(2), 1),
    ] {
        match relay.reload(&bad).await {
            Err(NotReloaded::Bad(found)) => assert_eq!(found.0.len(), problems, "{found}"),
            other => panic!("{other:?}"),
        }
        client.tell(&server.id, "CHAT", json!({})).await;
        server.expect("CHAT").await;
    }
    assert_eq!(count("bad").await, 4.0);
    assert_eq!(generation(&relay).await, 1.0);
    assert_eq!(relay.metric(success).await, started);
    reloaded(&relay, "").await;
    assert_eq!((generation(&relay).await, count("ok").await), (2.0, 1.0));
    assert!(relay.metric(success).await > started);
}

#[tokio::test]
async fn two_reloads_follow_each_other_and_none_is_taken_while_the_relay_drains() {
    let mut relay = relay("").await;
    let both = tokio::join!(relay.reload(OPEN), relay.reload(OPEN), relay.reload(OPEN));
    assert!(matches!(both, (Ok(()), Ok(()), Ok(()))));
    assert_eq!(generation(&relay).await, 4.0);
    // It never answers the Close, so that the drain waits for it.
    let mut lingering = Wire::socket(&relay, Via::Ws, "/server").await;
    lingering.hello().await;
    relay.begin_stop();
    lingering.closed(1001).await;
    let refused = relay.reload(OPEN).await;
    assert!(matches!(refused, Err(NotReloaded::Stopping)), "{refused:?}");
    assert_eq!(generation(&relay).await, 4.0);
}

#[tokio::test]
async fn files_are_read_beside_the_event_loop() {
    let relay = relay("").await;
    let (mut server, mut client) = relay.pair(Via::Ws, Via::WebTransport).await;
    // Whoever reads this waits until somebody writes it.
    let pipe = relay.dir.path().join("chat.json");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo runs").success());
    let yaml = format!("{ADMIN}{OPEN}schemas: {{ types: {{ CHAT: chat.json }} }}\n");
    let (exchanged, told) = std::sync::mpsc::channel();
    let writer = std::thread::spawn(move || {
        // Should the event loop wait for the pipe, the test ends all the same.
        let in_time = told.recv_timeout(PATIENCE / 2).is_ok();
        std::fs::write(pipe, r#"{ "required": ["text"] }"#).expect("written");
        in_time
    });
    let exchange = async {
        // The reload has begun: it is asked for first, and each of these takes a turn of the loop.
        for _ in 0..8 {
            client.tell(&server.id, "CHAT", json!({})).await;
            server.expect("CHAT").await;
        }
        _ = exchanged.send(());
    };
    let (reloaded, ()) = tokio::join!(relay.reload(&yaml), exchange);
    reloaded.expect("reloads");
    assert!(
        writer.join().expect("no panic"),
        "messages waited for a file"
    );
    client.tell(&server.id, "CHAT", json!({})).await;
    client.refused("SCHEMA_VIOLATION").await;
}
