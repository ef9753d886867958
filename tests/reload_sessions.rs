//! What a reload means for sessions that are there.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use common::{EVERY_TRANSPORT, OPEN, TestPeer, TestRelay, Via, every_pair};
use serde_json::{Value, json};

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

#[tokio::test]
async fn live_sessions_go_on_and_are_held_to_the_new_schemas() {
    let relay = relay("").await;
    for (of_server, of_client) in every_pair() {
        let (mut server, mut client) = relay.pair(of_server, of_client).await;
        client.tell(&server.id, "CHAT", json!({})).await;
        server.expect("CHAT").await;
        reloaded(&relay, CHAT).await;
        client.tell(&server.id, "CHAT", json!({})).await;
        client.refused("SCHEMA_VIOLATION").await;
        server.tell(&client.id, "CHAT", json!({})).await;
        server.refused("SCHEMA_VIOLATION").await;
        client.tell(&server.id, "CHAT", json!({ "text": "" })).await;
        server.expect("CHAT").await;
        reloaded(&relay, "").await;
        server.tell(&client.id, "CHAT", json!({})).await;
        client.expect("CHAT").await;
        client.nothing_else().await;
    }
}

#[tokio::test]
async fn live_sessions_are_held_to_the_new_limits() {
    let relay = relay("").await;
    for via in EVERY_TRANSPORT {
        let (server, mut client) = relay.pair(Via::Ws, via).await;
        let slow = "messages_per_second: { rate: 1, burst: 1, on_excess: reject }";
        reloaded(&relay, &format!("limits: {{ {slow} }}\n")).await;
        let mut code = Value::Null;
        // The second one is over the rate, but for a machine that takes a second for each.
        for _ in 0..64 {
            client.tell(&server.id, "N", json!({})).await;
            client
                .send(json!({ "to": "0", "type": "X", "message": {} }))
                .await;
            code = client.expect("ERROR").await["code"].take();
            if code == "RATE_LIMITED" {
                break;
            }
        }
        assert_eq!(code, "RATE_LIMITED");
        reloaded(
            &relay,
            "limits: { messages_per_second: off, on_invalid: disconnect }\n",
        )
        .await;
        client.send_text("no envelope").await;
        client.closed_at_last(4400).await;
        server.leave().await;
        reloaded(&relay, "").await;
    }
}

/// A client of this server that is parked, and its token.
async fn parked(relay: &TestRelay, via: Via, server: &mut TestPeer) -> (String, String) {
    let path = format!("/client/{}?resume", server.id);
    let mut client = relay.peer(via, &path).await;
    let token = token(&client.hello().await);
    server.expect("PEER_JOINED").await;
    let id = client.id.clone();
    client.peer.abandon();
    while relay.hub.parking.parked() == 0 {
        tokio::task::yield_now().await;
    }
    (id, token)
}

fn token(hello: &Value) -> String {
    let token = hello["resume"]["token"].as_str();
    token.expect("a token").to_owned()
}

#[tokio::test]
async fn queues_that_are_there_already_have_the_new_bounds() {
    for (before, after, queued, fits) in [
        (
            "outbound_queue: { messages: 2 }",
            "outbound_queue: { messages: 5 }",
            2,
            3,
        ),
        (
            "outbound_queue: { messages: 5 }",
            "outbound_queue: { messages: 2 }",
            2,
            0,
        ),
        (
            "outbound_queue: { bytes: 256 }",
            "outbound_queue: { bytes: 512 }",
            4,
            4,
        ),
        ("queued_bytes: 1MiB", "queued_bytes: 128", 2, 0),
    ] {
        let relay = relay(&format!("limits: {{ {before} }}\n")).await;
        let mut server = relay.server(Via::Ws).await;
        let (id, _) = parked(&relay, Via::Ws, &mut server).await;
        let number = json!({ "to": id, "type": "N", "message": { "n": 1 } });
        for _ in 0..queued {
            server.send(number.clone()).await;
        }
        server.nothing_else().await;
        reloaded(&relay, &format!("limits: {{ {after} }}\n")).await;
        for _ in 0..fits {
            server.send(number.clone()).await;
            server.nothing_else().await;
        }
        server.send(number).await;
        assert_eq!(server.expect("PEER_GONE").await["id"], id, "{after}");
    }
}

#[tokio::test]
async fn a_parked_session_stays_and_what_takes_a_restart_is_as_it_was() {
    let ids = "ids: { client: { style: words, words: 3 } }\n";
    let relay = relay(ids).await;
    for via in EVERY_TRANSPORT {
        let mut server = relay.server(Via::Ws).await;
        let (id, token_before) = parked(&relay, via, &mut server).await;
        server.tell(&id, "N", json!({ "n": 1 })).await;
        server.nothing_else().await;
        reloaded(
            &relay,
            "resume: { window: 1ms }\nids: { client: { length: 10 } }\n",
        )
        .await;
        let mut client = relay.peer(via, "/resume").await;
        let resume = json!({ "token": token_before, "received": 0 });
        client.tell("0", "RESUME", resume).await;
        let hello = client.hello().await;
        assert_eq!(client.id, id);
        assert_eq!(hello["resume"]["window"], 120.0);
        assert_eq!(client.expect("N").await, json!({ "n": 1 }));
        client.leave().await;
        server.expect("PEER_GONE").await;
        let other = relay.client(via, &mut server).await;
        assert_eq!(other.id.split('-').count(), 3, "{}", other.id);
        assert_eq!(
            relay.metric("intercessor_resume_window_seconds").await,
            120.0
        );
        reloaded(&relay, "resume: off\n").await;
        let mut client = relay
            .peer(via, &format!("/client/{}?resume", server.id))
            .await;
        token(&client.hello().await);
        client.leave().await;
    }
}

#[tokio::test]
async fn a_live_session_is_held_to_the_new_size_of_messages() {
    for via in EVERY_TRANSPORT {
        let relay =
            TestRelay::start("servers: { open: true }\nlimits: { message_bytes: 1KiB }\n").await;
        let (mut server, mut client) = relay.pair(via, via).await;
        let text = "x".repeat(1500);
        relay
            .reload("servers: { open: true }\nlimits: { message_bytes: 2KiB }\n")
            .await
            .expect("reloaded");
        client.tell(&server.id, "T", json!({ "text": text })).await;
        assert_eq!(server.expect("T").await["text"], *text);
        relay
            .reload("servers: { open: true }\nlimits: { message_bytes: 1KiB }\n")
            .await
            .expect("reloaded");
        client.tell(&server.id, "T", json!({ "text": text })).await;
        client.closed(1009).await;
    }
}
