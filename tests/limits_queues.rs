//! What may wait for a peer that is slow to read, and who pays for more.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use common::{
    EVERY_TRANSPORT, OPEN, PATIENCE, TestPeer, TestRelay, Via,
    raw::{FIN, TEXT, Wire, frame},
    webtransport::RawPeer,
};
use intercessor::client::Event;
use quinn::TransportConfig;
use serde_json::{Value, json};
use tokio::time::timeout;

/// A few of the large messages that these tests send.
const SHORT_QUEUE: &str = "outbound_queue: { messages: 32, bytes: 256KiB }";
/// More large messages than any system keeps for a peer that does not read.
const TOO_MANY: u64 = 2000;
/// One of these may get lost.
const TYPES: &str = "schemas: { types: { DROP: { on_full: drop } } }\n";

async fn relay(limits: &str) -> TestRelay {
    let limits = format!("limits: {{ messages_per_second: off, {limits} }}\n");
    // Nobody is given up before the test reads what it has to.
    let timeouts = "timeouts: { drain: 5m, pong: 5m }\n";
    TestRelay::start(&format!("{OPEN}{limits}{timeouts}{TYPES}")).await
}

/// A message of 32 KiB. No system keeps many of these for a peer that does not read.
fn large(n: u64) -> Value {
    json!({ "n": n, "x": "x".repeat(32 * 1024) })
}

/// What comes before the relay has handled all that was sent until now.
async fn handled(peer: &mut TestPeer) -> Vec<Value> {
    peer.send(json!({ "to": "0", "type": "HANDLED", "message": {} }))
        .await;
    let mut before = Vec::new();
    loop {
        let envelope = peer.next().await;
        if envelope["message"]["type"] == "HANDLED" {
            return before;
        }
        before.push(envelope);
    }
}

/// Sends large messages until the relay says something about it; how many, and what it said.
async fn flood(peer: &mut TestPeer, to: &str, kind: &str) -> (u64, Value) {
    for n in 0..TOO_MANY {
        peer.tell(to, kind, large(n)).await;
        if let Some(told) = handled(peer).await.into_iter().next() {
            return (n, told);
        }
    }
    panic!("a queue without a bound")
}

/// Reads numbered messages for as long as they come, and returns what comes then.
async fn numbers(peer: &mut TestPeer) -> (u64, Value) {
    let mut count = 0;
    loop {
        let envelope = peer.next().await;
        if envelope["message"]["n"].is_null() {
            return (count, envelope);
        }
        assert_eq!(envelope["message"]["n"], count);
        count += 1;
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_closed_and_all_others_are_served() {
    let relay = relay(SHORT_QUEUE).await;
    for via in EVERY_TRANSPORT {
        let (mut server, mut slow) = relay.pair(Via::Ws, via).await;
        let mut quick = relay.client(Via::Ws, &mut server).await;
        let mut told = Vec::new();
        for n in 0..TOO_MANY {
            server.tell("*", "T", large(n)).await;
            assert_eq!(quick.expect("T").await["n"], n);
            told = handled(&mut server).await;
            if !told.is_empty() {
                break;
            }
        }
        let gone = told.first().expect("a bound");
        assert_eq!(
            (&gone["type"], &gone["message"]["id"]),
            (&json!("PEER_GONE"), &json!(slow.id))
        );
        server.tell(&slow.id, "T", json!({})).await;
        server.refused("UNKNOWN_PEER").await;
        server.tell("*", "LAST", json!({})).await;
        quick.expect("LAST").await;
        server.nothing_else().await;
        // What had its place still arrives.
        let bye = loop {
            let envelope = slow.next().await;
            if envelope["type"] != "T" {
                break envelope;
            }
        };
        assert_eq!(
            (&bye["type"], &bye["message"]["code"]),
            (&json!("BYE"), &json!(4508))
        );
    }
}

#[tokio::test]
async fn who_sends_to_a_client_that_is_too_slow_is_told_that_it_has_gone() {
    let relay = relay(SHORT_QUEUE).await;
    for via in EVERY_TRANSPORT {
        let (mut server, mut slow) = relay.pair(Via::Wss, via).await;
        let (sent, told) = flood(&mut server, &slow.id.clone(), "T").await;
        assert_eq!(told["type"], "PEER_GONE", "{told}");
        let (arrived, bye) = numbers(&mut slow).await;
        assert_eq!(bye["message"]["code"], 4508);
        // The one that was too much, and no other, did not arrive.
        assert_eq!(arrived, sent);
    }
}

#[tokio::test]
async fn a_server_that_reads_nothing_refuses_messages_and_clients_and_misses_nobodys_leaving() {
    let relay = relay(SHORT_QUEUE).await;
    for via in EVERY_TRANSPORT {
        let (mut server, mut client) = relay.pair(via, Via::Ws).await;
        let leaving = relay.client(Via::Ws, &mut server).await;
        let path = format!("/client/{}", server.id);
        // The system may take some more from the queue after it was full, so it is filled until one was turned away.
        let mut sent = Vec::new();
        let mut joined = Vec::new();
        loop {
            let to = server.id.clone();
            let (taken, told) = flood(&mut client, &to, "T").await;
            assert_eq!(told["message"]["code"], "TOO_SLOW", "{told}");
            sent.push(taken);
            let mut late = relay.peer(Via::WebTransport, &path).await;
            match late.event().await {
                Event::Envelope(hello) if hello.contains("HELLO") => {
                    joined.push(late);
                    assert!(joined.len() < 50, "whoever comes is let in");
                }
                Event::Envelope(bye) => {
                    assert!(bye.contains("1013") && bye.contains("reconnectIn"), "{bye}");
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        let left = leaving.id.clone();
        leaving.leave().await;
        // Now it reads: all that was taken, in order, and who left.
        let mut arrived = 0;
        let mut joins = 0;
        loop {
            let envelope = server.next().await;
            match envelope["type"].as_str() {
                Some("T") => arrived += 1,
                Some("PEER_JOINED") => joins += 1,
                Some("PEER_GONE") => break assert_eq!(envelope["message"]["id"], left),
                _ => panic!("{envelope}"),
            }
        }
        assert_eq!((arrived, joins), (sent.iter().sum(), joined.len()));
        client.tell(&server.id, "T", json!({})).await;
        server.expect("T").await;
    }
}

#[tokio::test]
async fn what_may_be_dropped_is_dropped_silently_where_the_queue_is_full() {
    // More than any system keeps for a peer that does not read.
    const MANY: u64 = 250;
    let relay = relay(SHORT_QUEUE).await;
    for via in EVERY_TRANSPORT {
        let (mut server, mut client) = relay.pair(via, via).await;
        for n in 0..MANY {
            client.tell(&server.id, "DROP", large(n)).await;
            let to = if n % 2 == 0 { &client.id } else { "*" };
            server.tell(to, "DROP", large(n)).await;
        }
        // Neither has read anything until now, and neither is told anything about it.
        for peer in [&mut client, &mut server] {
            let mut arrived = 0;
            for envelope in handled(peer).await {
                assert_eq!(envelope["type"], "DROP", "{envelope}");
                arrived += 1;
            }
            assert!((1..MANY).contains(&arrived), "{arrived}");
        }
    }
}

#[tokio::test]
async fn all_queues_together_are_bounded_too_and_what_they_took_is_given_back() {
    const ALL: usize = 1 << 20;
    let relay =
        relay("outbound_queue: { messages: 100000, bytes: 1GiB }, queued_bytes: 1MiB").await;
    for via in EVERY_TRANSPORT {
        let (mut server, slow) = relay.pair(via, via).await;
        let (mut other_server, mut other_client) = relay.pair(via, via).await;
        let (_, told) = flood(&mut server, &slow.id.clone(), "T").await;
        assert_eq!(told["type"], "PEER_GONE", "{told}");
        assert!(relay.hub.budget.queued() <= ALL);
        // Those who read are served as long as there is a little left, which there is.
        other_client.tell(&other_server.id, "T", json!({})).await;
        other_server.expect("T").await;
        drop(slow);
        let given_back = async {
            while relay.hub.budget.queued() > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, given_back).await.expect("given back");
        other_client.tell(&other_server.id, "T", large(0)).await;
        other_server.expect("T").await;
    }
}

/// A peer that never reads, and for which the system keeps little.
enum Deaf {
    Socket(Wire),
    Session(Box<RawPeer>),
}

impl Deaf {
    async fn connect(relay: &TestRelay, via: Via, path: &str) -> Self {
        if via == Via::WebTransport {
            let mut transport = TransportConfig::default();
            transport.stream_receive_window(4096_u32.into());
            let peer = RawPeer::connect_with(relay, path, transport).await;
            return Self::Session(Box::new(peer));
        }
        Self::Socket(Wire::slow(relay, via).await.upgrade(path).await)
    }

    /// Sends nonsense until it is not taken any more.
    async fn flood(mut self) {
        let frames = frame(FIN | TEXT, b"nonsense", Some([1, 2, 3, 4])).repeat(50);
        let lines = "nonsense\n".repeat(50);
        let mut taken = true;
        while taken {
            taken = match &mut self {
                Self::Socket(wire) => wire.try_write(&frames).await.is_ok(),
                Self::Session(peer) => peer.send.write_all(lines.as_bytes()).await.is_ok(),
            };
        }
    }
}

#[tokio::test]
async fn a_peer_that_sends_nonsense_and_never_reads_harms_nobody_and_is_closed() {
    const EACH: usize = 64 * 1024;
    let limits =
        "limits: { messages_per_second: off, outbound_queue: { messages: 10000, bytes: 64KiB } }\n";
    let timeouts = "timeouts: { pong: 500ms, drain: 500ms, ping: off }\n";
    let relay = TestRelay::start(&format!("{OPEN}{limits}{timeouts}")).await;
    for via in EVERY_TRANSPORT {
        let (mut server, mut client) = relay.pair(Via::Ws, Via::WebTransport).await;
        let deaf = Deaf::connect(&relay, via, &format!("/client/{}", server.id)).await;
        let gone = server.expect("PEER_JOINED").await;
        let flood = tokio::spawn(deaf.flood());
        // All the while others are served, until it is given up.
        let served = async {
            for round in 0.. {
                client
                    .tell(&server.id, "PING", json!({ "round": round }))
                    .await;
                let envelope = server.next().await;
                if envelope["type"] == "PEER_GONE" {
                    return assert_eq!(envelope["message"], gone);
                }
                assert_eq!(envelope["message"]["round"], round);
                server
                    .tell(&client.id, "PONG", json!({ "round": round }))
                    .await;
                assert_eq!(client.expect("PONG").await["round"], round);
                assert!(relay.hub.budget.queued() <= 3 * EACH);
            }
        };
        timeout(PATIENCE, served).await.expect("given up");
        timeout(PATIENCE, flood)
            .await
            .expect("cut off")
            .expect("no panic");
    }
}
