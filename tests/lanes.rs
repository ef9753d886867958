//! The lanes of WebTransport beside the session stream: envelopes in streams of their own, and in datagrams.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use common::{
    EVERY_TRANSPORT, PATIENCE, TestPeer, TestRelay, Via,
    login::one_door,
    webtransport::{RawPeer, envelope, request},
};
use futures_util::FutureExt;
use quinn::{TransportConfig, VarInt};
use serde_json::{Value, json};
use tokio::time::timeout;

/// Message types of each delivery.
const LANES: &str = "
schemas: { types: { ORD: { delivery: ordered }, IND: { delivery: independent }, DGRAM: { delivery: datagram } } }
";
const OPEN: &str = "servers: { open: true }";
async fn relay(more: &str) -> TestRelay {
    TestRelay::start(&format!("{OPEN}{LANES}{more}")).await
}

async fn client(relay: &TestRelay, server: &mut TestPeer, query: &str) -> RawPeer {
    client_with(relay, server, query, TransportConfig::default()).await
}

async fn client_with(
    relay: &TestRelay,
    server: &mut TestPeer,
    query: &str,
    transport: TransportConfig,
) -> RawPeer {
    let path = format!("/client/{}{query}", server.id);
    let client = RawPeer::connect_with(relay, &path, transport)
        .await
        .greeted()
        .await;
    assert_eq!(server.expect("PEER_JOINED").await["id"], client.id);
    client
}

fn from(peer: &str, kind: &str, message: Value) -> Value {
    json!({ "from": peer, "type": kind, "message": message })
}

#[tokio::test]
async fn the_type_says_by_which_lane_an_envelope_arrives() {
    let relay = relay("").await;
    for via in EVERY_TRANSPORT {
        let mut server = relay.server(via).await;
        let mut client = client(&relay, &mut server, "").await;
        for kind in ["ORD", "IND", "DGRAM", "OTHER"] {
            server.tell(&client.id, kind, json!({ "via": kind })).await;
            let seen = match kind {
                "IND" => client.independent().await,
                "DGRAM" => client.datagram().await,
                _ => client.next().await,
            };
            assert_eq!(seen, from(&server.id, kind, json!({ "via": kind })));
        }
    }
}

#[tokio::test]
async fn the_lane_that_an_envelope_came_in_on_does_not_matter() {
    let relay = relay("").await;
    for via in EVERY_TRANSPORT {
        let mut server = relay.server(via).await;
        let mut client = client(&relay, &mut server, "").await;
        for kind in ["ORD", "IND", "DGRAM"] {
            let text = envelope(&server.id, kind, json!({ "in": "any" }));
            let seen = from(&client.id, kind, json!({ "in": "any" }));
            client.write(format!("{text}\n")).await;
            assert_eq!(server.next().await, seen);
            client.independently(format!(" \r\n{text}\n\n")).await;
            assert_eq!(server.next().await, seen);
            client
                .session
                .send_datagram(format!("\n{text} ").into())
                .expect("sent");
            assert_eq!(server.next().await, seen);
        }
    }
}

#[tokio::test]
async fn an_envelope_of_a_lane_is_alone_and_has_no_line_break_in_it() {
    let relay = relay("").await;
    let mut server = relay.server(Via::Ws).await;
    let client = client(&relay, &mut server, "").await;
    let pretty = format!(
        "{{\n\"to\": \"{}\",\n\"type\": \"IND\",\n\"message\": {{\n}}\n}}",
        client.id
    );
    server.send_text(&pretty).await;
    let accepted = timeout(PATIENCE, client.session.accept_uni()).await;
    let mut stream = accepted.expect("in time").expect("a stream");
    let text = stream.read_to_end(1000).await.expect("all of it");
    assert!(!text.contains(&b'\n'), "{text:?}");
}

#[tokio::test]
async fn a_broadcast_takes_the_lane_of_its_type_to_each() {
    let relay = relay("").await;
    let mut server = relay.server(Via::Ws).await;
    let one = client(&relay, &mut server, "").await;
    let mut other = relay.client(Via::Wss, &mut server).await;
    server.tell("*", "IND", json!({})).await;
    let seen = from(&server.id, "IND", json!({}));
    assert_eq!(one.independent().await, seen);
    assert_eq!(other.next().await, seen);
}

#[tokio::test]
async fn a_peer_that_asks_for_ordered_gets_everything_on_its_session_stream() {
    let relay = relay("").await;
    let mut server = relay.server(Via::Ws).await;
    for query in ["?ordered", "?x=1&ordered=yes"] {
        let mut client = client(&relay, &mut server, query).await;
        for kind in ["DGRAM", "IND", "ORD"] {
            server.tell(&client.id, kind, json!({})).await;
        }
        for kind in ["DGRAM", "IND", "ORD"] {
            client.expect(kind).await;
        }
        // What it sends itself is read from every lane all the same.
        client
            .independently(envelope(&server.id, "ORD", json!({})))
            .await;
        server.expect("ORD").await;
        drop(client);
        server.expect("PEER_GONE").await;
    }
}

#[tokio::test]
async fn a_datagram_that_is_too_large_for_the_path_arrives_as_independent() {
    let relay = relay("").await;
    let mut server = relay.server(Via::Ws).await;
    let client = client(&relay, &mut server, "").await;
    let large = json!({ "text": "x".repeat(20_000) });
    server.tell(&client.id, "DGRAM", large.clone()).await;
    assert_eq!(client.independent().await, from(&server.id, "DGRAM", large));
}

#[tokio::test]
async fn a_peer_that_takes_no_datagrams_gets_them_as_independent() {
    let relay = relay("").await;
    let mut server = relay.server(Via::Ws).await;
    let mut transport = TransportConfig::default();
    transport.datagram_receive_buffer_size(None);
    let client = client_with(&relay, &mut server, "", transport).await;
    server.tell(&client.id, "DGRAM", json!({})).await;
    assert_eq!(
        client.independent().await,
        from(&server.id, "DGRAM", json!({}))
    );
}

#[tokio::test]
async fn only_sixteen_incoming_streams_are_open_at_once() {
    let relay = relay("").await;
    let mut server = relay.server(Via::Ws).await;
    let mut client = client(&relay, &mut server, "").await;
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(client.unfinished("{").await);
    }
    // Whole, but the seventeenth; and there is an end to what may be opened.
    client
        .independently(envelope(&server.id, "IND", json!({ "n": 17 })))
        .await;
    let mut unused = Vec::new();
    while let Some(stream) = quinn::Connection::open_uni(&client.session).now_or_never() {
        unused.push(stream.expect("a stream"));
        assert!(unused.len() < 3);
    }
    client.tell(&server.id, "ORD", json!({})).await;
    server.expect("ORD").await;
    let text = envelope(&server.id, "IND", json!({ "n": 1 }));
    let mut first = open.remove(0);
    first
        .write_all(&text.as_bytes()[1..])
        .await
        .expect("written");
    first.finish().expect("finished");
    assert_eq!(server.expect("IND").await["n"], 1);
    assert_eq!(server.expect("IND").await["n"], 17);
}

#[tokio::test]
async fn a_stream_that_stays_unfinished_is_stopped_and_nothing_else_suffers() {
    let relay = relay("timeouts: { handshake: 1s }\n").await;
    let mut server = relay.server(Via::Ws).await;
    let mut client = client(&relay, &mut server, "").await;
    let slow = client.unfinished(r#"{"to":"#).await;
    client
        .independently(envelope(&server.id, "IND", json!({})))
        .await;
    server.expect("IND").await;
    let stopped = timeout(PATIENCE, slow.stopped()).await;
    assert!(
        stopped
            .expect("stopped in time")
            .expect("no break")
            .is_some()
    );
    client
        .independently(envelope(&server.id, "IND", json!({})))
        .await;
    server.expect("IND").await;
    client.tell(&server.id, "ORD", json!({})).await;
    server.expect("ORD").await;
}

#[tokio::test]
async fn a_stream_that_its_sender_gives_up_costs_nothing() {
    let relay = relay("").await;
    let mut server = relay.server(Via::Ws).await;
    let mut client = client(&relay, &mut server, "").await;
    for _ in 0..40 {
        let mut stream = client.unfinished("{").await;
        stream.reset(7).expect("reset");
    }
    client
        .independently(envelope(&server.id, "IND", json!({})))
        .await;
    server.expect("IND").await;
    client.tell("0", "NOTHING", json!({})).await;
    client.expect("ERROR").await;
}

#[tokio::test]
async fn before_hello_only_the_session_stream_is_read() {
    let relay = TestRelay::start(&format!("{}{LANES}", one_door())).await;
    let session = request(&relay, "/server", |it| it)
        .await
        .expect("a session");
    let mut server = RawPeer::open(session).await;
    // Anything but a LOGIN would end it, if it were read.
    let early = r#"{"to":"0","type":"EARLY","message":{},"ref":"early"}"#;
    server.session.send_datagram(early.into()).expect("sent");
    server.independently(early).await;
    server
        .tell("0", "LOGIN", json!({ "passphrase": "open sesame" }))
        .await;
    let mut server = server.greeted().await;
    // The datagram was kept as well: nothing was lost here.
    for _ in 0..2 {
        assert_eq!(server.expect("ERROR").await["ref"], "early");
    }
}

/// QUIC of a peer that takes this much of a stream before it reads it.
fn narrow(stream: u32) -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport.stream_receive_window(VarInt::from_u32(stream));
    transport
}

/// More than fits into a stream of [`narrow`].
const FLOOD: usize = 20;

fn kilobyte() -> Value {
    json!({ "text": "x".repeat(1000) })
}

#[tokio::test]
async fn a_session_stream_that_nobody_reads_holds_up_no_other_lane() {
    let relay = relay("").await;
    let mut server = relay.server(Via::Ws).await;
    let mut client = client_with(&relay, &mut server, "", narrow(4096)).await;
    for _ in 0..FLOOD {
        server.tell(&client.id, "ORD", kilobyte()).await;
    }
    server.tell(&client.id, "IND", json!({})).await;
    server.tell(&client.id, "DGRAM", json!({})).await;
    client.independent().await;
    client.datagram().await;
    for _ in 0..FLOOD {
        client.expect("ORD").await;
    }
}

#[tokio::test]
async fn independent_envelopes_that_nobody_reads_hold_up_no_other_lane() {
    let relay = relay("").await;
    let mut server = relay.server(Via::Ws).await;
    let mut transport = narrow(512);
    // Of these HTTP/3 takes one itself.
    transport.max_concurrent_uni_streams(VarInt::from_u32(4));
    let mut client = client_with(&relay, &mut server, "", transport).await;
    for _ in 0..FLOOD {
        server.tell(&client.id, "IND", kilobyte()).await;
    }
    server.tell(&client.id, "DGRAM", json!({})).await;
    client.datagram().await;
    server.tell(&client.id, "ORD", kilobyte()).await;
    client.expect("ORD").await;
    for _ in 0..FLOOD {
        client.independent().await;
    }
}

#[tokio::test]
async fn what_waits_on_any_lane_counts_in_the_queue() {
    let relay =
        relay("limits: { outbound_queue: { messages: 40 } }\ntimeouts: { drain: 100ms }\n").await;
    let mut server = relay.server(Via::Ws).await;
    let mut transport = TransportConfig::default();
    transport.max_concurrent_uni_streams(VarInt::from_u32(4));
    let client = client_with(&relay, &mut server, "", transport).await;
    for _ in 0..100 {
        server.tell(&client.id, "IND", kilobyte()).await;
    }
    server.expect("PEER_GONE").await;
}

#[tokio::test]
async fn no_envelope_on_another_lane_overtakes_its_clients_peer_joined() {
    let relay = relay("").await;
    let connected = RawPeer::connect_with(&relay, "/server", narrow(4096)).await;
    let mut server = connected.greeted().await;
    let path = format!("/client/{}", server.id);
    let mut early = RawPeer::connect(&relay, &path).await.greeted().await;
    // From here on the server does not read its session stream, until it is full.
    for _ in 0..FLOOD {
        early.tell(&server.id, "ORD", kilobyte()).await;
    }
    handled(&mut early).await;
    let mut late = RawPeer::connect(&relay, &path).await.greeted().await;
    late.tell(&server.id, "IND", json!({})).await;
    handled(&mut late).await;
    early.tell(&server.id, "IND", json!({})).await;
    assert_eq!(server.independent().await["from"], *early.id);
    assert_eq!(server.expect("PEER_JOINED").await["id"], early.id);
    for _ in 0..FLOOD {
        server.expect("ORD").await;
    }
    assert_eq!(server.expect("PEER_JOINED").await["id"], late.id);
    assert_eq!(server.independent().await["from"], *late.id);
}

/// The relay has taken in what this peer has sent.
async fn handled(peer: &mut RawPeer) {
    peer.tell("0", "NOTHING", json!({})).await;
    peer.expect("ERROR").await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_gets_the_close_code_all_the_same() {
    let relay =
        relay("limits: { outbound_queue: { messages: 10 } }\ntimeouts: { drain: 100ms }\n").await;
    let mut server = relay.server(Via::Ws).await;
    let client = client_with(&relay, &mut server, "", narrow(4096)).await;
    for _ in 0..100 {
        server.tell(&client.id, "ORD", kilobyte()).await;
    }
    server.expect("PEER_GONE").await;
    assert_eq!(
        common::webtransport::closed_with(&client.session).await.0,
        4508
    );
}
