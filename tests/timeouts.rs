//! How long a session may be idle, and how long a stopping relay waits for its peers.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::time::Duration;

use common::{EVERY_TRANSPORT, OPEN, PATIENCE, TestPeer, TestRelay, Via, every_pair};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    time::{interval, timeout},
};

async fn relay(timeouts: &str) -> TestRelay {
    let limits =
        "limits: { messages_per_second: off, outbound_queue: { messages: 1000, bytes: 64MiB } }\n";
    TestRelay::start(&format!("{OPEN}timeouts: {{ {timeouts} }}\n{limits}")).await
}

/// 32 KiB of which no system keeps many for a peer that does not read.
fn large(n: u64) -> Value {
    json!({ "n": n, "x": "x".repeat(32 * 1024) })
}

/// The relay has handled all that this peer has sent.
async fn handled(peer: &mut TestPeer) {
    peer.nothing_else().await;
}

#[tokio::test]
async fn an_idle_client_is_closed_and_an_idle_server_is_not_unless_configured() {
    let relay = relay("idle: { client: 100ms }").await;
    let each = every_pair().map(async |(of_server, of_client)| {
        let (mut server, mut client) = relay.pair(of_server, of_client).await;
        let bye = client.closed(4408).await;
        assert!(bye.get("reconnectIn").is_none(), "{bye}");
        assert_eq!(server.expect("PEER_GONE").await, json!({ "id": client.id }));
        // It has been idle for longer than that.
        server.nothing_else().await;
    });
    join_all(each).await;
}

#[tokio::test]
async fn an_idle_server_is_closed_where_that_is_configured_and_its_clients_with_it() {
    let relay = relay("idle: { server: 1s }").await;
    let each = EVERY_TRANSPORT.map(async |via| {
        let (mut server, mut client) = relay.pair(via, via).await;
        server.closed(4408).await;
        client.expect("PEER_GONE").await;
        client.closed(4410).await;
    });
    join_all(each).await;
}

/// Pings are answered all the while, which is no use.
#[tokio::test]
async fn an_envelope_in_either_direction_keeps_a_session_and_nothing_else_does() {
    let relay = relay("idle: { client: 2s }, ping: 100ms").await;
    let each = EVERY_TRANSPORT.map(async |via| {
        let mut server = relay.server(via).await;
        let mut told = relay.client(via, &mut server).await;
        let mut telling = relay.client(via, &mut server).await;
        // It comes last and is idle, so that the others have lasted longer than an idle one when it is closed.
        let mut idle = relay.client(via, &mut server).await;
        let gone = idle.id.clone();
        let in_use = async {
            let mut clock = interval(Duration::from_millis(100));
            loop {
                clock.tick().await;
                server.tell(&told.id, "T", json!({})).await;
                told.expect("T").await;
                telling.tell(&server.id, "T", json!({})).await;
                let envelope = server.next().await;
                if envelope["type"] == "PEER_GONE" {
                    return assert_eq!(envelope["message"]["id"], gone);
                }
                assert_eq!(envelope["type"], "T", "{envelope}");
            }
        };
        let both = async { tokio::join!(in_use, idle.closed(4408)) };
        timeout(PATIENCE, both).await.expect("idle at last");
        server.expect("T").await;
        told.nothing_else().await;
        telling.nothing_else().await;
        server.nothing_else().await;
    });
    join_all(each).await;
}

#[tokio::test]
async fn what_waits_for_a_peer_arrives_before_the_goodbye_of_a_stopping_relay() {
    const MANY: u64 = 300;
    for via in EVERY_TRANSPORT {
        let relay = relay("drain: 5m").await;
        let (mut server, mut client) = relay.pair(via, via).await;
        for n in 0..MANY {
            server.tell(&client.id, "T", large(n)).await;
        }
        handled(&mut server).await;
        let stop = relay.stop();
        let goodbyes = async {
            server.closed(1001).await;
            for n in 0..MANY {
                assert_eq!(client.expect("T").await["n"], n);
            }
            let bye = client.closed(1001).await;
            assert!(
                bye["reconnectIn"].as_f64().is_some_and(|after| after > 0.0),
                "{bye}"
            );
        };
        tokio::join!(stop, goodbyes);
    }
}

#[tokio::test]
async fn a_peer_that_reads_nothing_does_not_hold_up_a_stop_for_longer_than_configured() {
    for via in EVERY_TRANSPORT {
        // No other timeout is as short as a test's patience.
        let relay = relay("drain: 200ms, ping: off, pong: 5m").await;
        let (mut server, client) = relay.pair(via, via).await;
        for n in 0..500 {
            server.tell(&client.id, "T", large(n)).await;
        }
        handled(&mut server).await;
        tokio::join!(relay.stop(), server.closed(1001));
        drop(client);
    }
}

#[tokio::test]
async fn half_a_handshake_does_not_hold_up_a_stop() {
    let relay = relay("handshake: 5m, drain: 5m").await;
    let mut halves = Vec::new();
    for via in [Via::Ws, Via::Wss] {
        let connected = TcpStream::connect(relay.address(via)).await;
        halves.push(connected.expect("connects"));
    }
    while relay.hub.gate.connections() < halves.len() {
        tokio::task::yield_now().await;
    }
    relay.stop().await;
}

#[tokio::test]
async fn a_stopping_relay_tells_each_peer_a_time_of_its_own() {
    let relay = relay("drain: 5m").await;
    let mut peers = Vec::new();
    for via in EVERY_TRANSPORT {
        let mut server = relay.server(via).await;
        for _ in 0..5 {
            peers.push(relay.client(via, &mut server).await);
        }
        peers.push(server);
    }
    let goodbyes = join_all(peers.iter_mut().map(|peer| peer.closed(1001)));
    let ((), goodbyes) = tokio::join!(relay.stop(), goodbyes);
    let mut times: Vec<_> = goodbyes
        .iter()
        .map(|bye| bye["reconnectIn"].to_string())
        .collect();
    times.sort();
    times.dedup();
    assert!(times.len() > goodbyes.len() / 2, "{times:?}");
}
