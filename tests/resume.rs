//! A broken connection is resumed, on either transport, with nothing lost, doubled or reordered.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use common::{EVERY_TRANSPORT, TestPeer, TestRelay, Via, every_pair};
use serde_json::{Value, json};

const UNLIMITED: &str = "servers: { open: true }\nlimits: { messages_per_second: off }\n";

/// A peer that asked for resume, with its token.
async fn resumable(relay: &TestRelay, via: Via, path: &str) -> (TestPeer, String) {
    let mut peer = relay.peer(via, &format!("{path}?resume")).await;
    let hello = peer.hello().await;
    assert!(
        hello["resume"]["window"]
            .as_f64()
            .is_some_and(|window| window > 0.0),
        "{hello}"
    );
    assert!(hello["resume"].get("received").is_none(), "{hello}");
    let token = token(&hello);
    (peer, token)
}

fn token(hello: &Value) -> String {
    let token = hello["resume"]["token"].as_str().expect("a token");
    assert!(token.len() * 6 >= 128, "{token}");
    token.to_owned()
}

/// Comes back: the new connection, its HELLO and its token.
async fn come_back(relay: &TestRelay, via: Via, token: &str, received: u64) -> (TestPeer, Value) {
    let mut peer = relay.peer(via, "/resume").await;
    peer.tell(
        "0",
        "RESUME",
        json!({ "token": token, "received": received }),
    )
    .await;
    let hello = peer.hello().await;
    (peer, hello)
}

async fn refused(relay: &TestRelay, via: Via, token: &str, received: u64, code: u16) {
    let mut peer = relay.peer(via, "/resume").await;
    peer.tell(
        "0",
        "RESUME",
        json!({ "token": token, "received": received }),
    )
    .await;
    peer.closed(code).await;
}

fn number(from: &str, n: u64) -> Value {
    json!({ "from": from, "type": "N", "message": { "n": n } })
}

#[tokio::test]
async fn a_client_comes_back_on_any_transport_and_the_room_sees_only_a_pause() {
    let relay = TestRelay::start(UNLIMITED).await;
    for (before, after) in every_pair() {
        let mut server = relay.server(Via::Ws).await;
        let (mut client, old) = resumable(&relay, before, &format!("/client/{}", server.id)).await;
        let id = client.id.clone();
        server.expect("PEER_JOINED").await;
        client.tell(&server.id, "N", json!({ "n": 0 })).await;
        assert_eq!(server.next().await, number(&id, 0));
        server.tell(&id, "N", json!({ "n": 1 })).await;
        assert_eq!(client.next().await, number(&server.id, 1));
        client.peer.abandon();
        // These wait, whether the relay knows of the break already or not.
        for n in 2..5 {
            server.tell(&id, "N", json!({ "n": n })).await;
        }
        let (mut client, hello) = come_back(&relay, after, &old, 1).await;
        assert_eq!(client.id, id);
        assert_eq!(hello["resume"]["received"], 1);
        assert_ne!(token(&hello), old);
        for n in 2..5 {
            assert_eq!(client.next().await, number(&server.id, n));
        }
        client.tell(&server.id, "N", json!({ "n": 5 })).await;
        assert_eq!(server.next().await, number(&id, 5));
        server.nothing_else().await;
        client.nothing_else().await;
    }
}

#[tokio::test]
async fn a_server_comes_back_and_its_room_worked_on() {
    let relay = TestRelay::start(UNLIMITED).await;
    for (before, after) in every_pair() {
        let (mut server, old) = resumable(&relay, before, "/server").await;
        let id = server.id.clone();
        let mut first = relay.client(Via::Ws, &mut server).await;
        server.peer.abandon();
        first.tell(&id, "N", json!({ "n": 1 })).await;
        first.nothing_else().await;
        let mut second = relay.peer(Via::Ws, &format!("/client/{id}")).await;
        second.hello().await;
        second.tell(&id, "N", json!({ "n": 2 })).await;
        second.nothing_else().await;
        let (mut server, _) = come_back(&relay, after, &old, 1).await;
        assert_eq!(server.id, id);
        assert_eq!(server.next().await, number(&first.id, 1));
        assert_eq!(
            server.expect("PEER_JOINED").await,
            json!({ "id": second.id })
        );
        assert_eq!(server.next().await, number(&second.id, 2));
        server.nothing_else().await;
        server.tell("*", "N", json!({ "n": 3 })).await;
        assert_eq!(first.next().await, number(&id, 3));
        assert_eq!(second.next().await, number(&id, 3));
    }
}

#[tokio::test]
async fn what_was_sent_and_not_received_is_sent_again_and_nothing_else() {
    let relay = TestRelay::start(UNLIMITED).await;
    for (before, after) in every_pair() {
        let mut server = relay.server(Via::Ws).await;
        let (mut client, old) = resumable(&relay, before, &format!("/client/{}", server.id)).await;
        server.expect("PEER_JOINED").await;
        for n in 0..10 {
            server.tell(&client.id, "N", json!({ "n": n })).await;
        }
        for n in 0..10 {
            assert_eq!(client.next().await, number(&server.id, n));
        }
        client.peer.abandon();
        // As if the last six had been lost on the way.
        let (mut client, hello) = come_back(&relay, after, &old, 4).await;
        for n in 4..10 {
            assert_eq!(client.next().await, number(&server.id, n));
        }
        client.nothing_else().await;
        // The refusal that `nothing_else` got counts as well; what came before is acknowledged and let go.
        client.tell("0", "ACK", json!({ "received": 11 })).await;
        client.peer.abandon();
        let (mut client, _) = come_back(&relay, before, &token(&hello), 11).await;
        client.nothing_else().await;
    }
}

#[tokio::test]
async fn a_connection_that_still_seems_alive_is_taken_over_and_closed_with_4409() {
    let relay = TestRelay::start(UNLIMITED).await;
    for (before, after) in every_pair() {
        let mut server = relay.server(Via::Ws).await;
        let (mut old, token) = resumable(&relay, before, &format!("/client/{}", server.id)).await;
        server.expect("PEER_JOINED").await;
        let (mut new, hello) = come_back(&relay, after, &token, 0).await;
        assert_eq!(hello["resume"]["received"], 0);
        old.closed(4409).await;
        new.tell(&server.id, "N", json!({ "n": 1 })).await;
        assert_eq!(server.next().await, number(&new.id, 1));
        server.nothing_else().await;
    }
}

#[tokio::test]
async fn a_wrong_count_is_not_the_end_of_a_session() {
    let relay = TestRelay::start(UNLIMITED).await;
    for via in EVERY_TRANSPORT {
        let mut server = relay.server(Via::Ws).await;
        let (mut old, token) = resumable(&relay, via, &format!("/client/{}", server.id)).await;
        server.expect("PEER_JOINED").await;
        refused(&relay, via, &token, 99, 4404).await;
        old.closed(4409).await;
        refused(&relay, via, &token, 99, 4404).await;
        let (mut client, _) = come_back(&relay, via, &token, 0).await;
        client.nothing_else().await;
        server.nothing_else().await;
    }
}

#[tokio::test]
async fn a_clean_end_is_no_break() {
    let relay = TestRelay::start(UNLIMITED).await;
    for via in EVERY_TRANSPORT {
        let mut server = relay.server(Via::Ws).await;
        let (client, token) = resumable(&relay, via, &format!("/client/{}", server.id)).await;
        server.expect("PEER_JOINED").await;
        client.leave().await;
        server.expect("PEER_GONE").await;
        refused(&relay, via, &token, 0, 4404).await;
    }
}

#[tokio::test]
async fn a_token_works_again_until_its_successor_is_known_to_have_arrived() {
    let relay = TestRelay::start(UNLIMITED).await;
    for via in EVERY_TRANSPORT {
        let mut server = relay.server(Via::Ws).await;
        let (client, first) = resumable(&relay, via, &format!("/client/{}", server.id)).await;
        server.expect("PEER_JOINED").await;
        client.peer.abandon();
        let (client, _) = come_back(&relay, via, &first, 0).await;
        client.peer.abandon();
        let (client, hello) = come_back(&relay, via, &first, 0).await;
        let second = token(&hello);
        client.peer.abandon();
        // Whoever shows the second has had it: the first is spent.
        let (mut client, hello) = come_back(&relay, via, &second, 0).await;
        refused(&relay, via, &first, 0, 4404).await;
        client.tell("0", "ACK", json!({ "received": 0 })).await;
        client.tell(&server.id, "N", json!({ "n": 1 })).await;
        server.expect("N").await;
        refused(&relay, via, &second, 0, 4404).await;
        client.peer.abandon();
        let (mut client, _) = come_back(&relay, via, &token(&hello), 0).await;
        client.nothing_else().await;
    }
}

#[tokio::test]
async fn a_late_resume_spends_no_token_that_the_peer_was_just_given() {
    let relay = TestRelay::start(UNLIMITED).await;
    for via in EVERY_TRANSPORT {
        let mut server = relay.server(Via::Ws).await;
        let (client, first) = resumable(&relay, via, &format!("/client/{}", server.id)).await;
        server.expect("PEER_JOINED").await;
        client.peer.abandon();
        let (mut quick, hello) = come_back(&relay, via, &first, 0).await;
        // Sent earlier, on a connection that was slower, and is given up by now.
        let (late, _) = come_back(&relay, via, &first, 0).await;
        quick.closed(4409).await;
        late.peer.abandon();
        let (mut client, _) = come_back(&relay, via, &token(&hello), 0).await;
        client.nothing_else().await;
        server.nothing_else().await;
    }
}

#[tokio::test]
async fn what_cannot_be_resumed_is_told_so() {
    let relay = TestRelay::start(
        "servers: { open: true }\nresume: { window: 2m, buffer: { messages: 3, bytes: 64KiB } }\n",
    )
    .await;
    for via in EVERY_TRANSPORT {
        let mut server = relay.server(Via::Ws).await;
        let (mut client, token) = resumable(&relay, via, &format!("/client/{}", server.id)).await;
        server.expect("PEER_JOINED").await;
        for wrong in ["", "nonsense", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            refused(&relay, via, wrong, 0, 4404).await;
        }
        for n in 0..5 {
            server.tell(&client.id, "N", json!({ "n": n })).await;
            assert_eq!(client.next().await, number(&server.id, n));
        }
        client.peer.abandon();
        refused(&relay, via, &token, 6, 4404).await;
        refused(&relay, via, &token, 1, 4404).await;
        let (mut client, _) = come_back(&relay, via, &token, 2).await;
        for n in 2..5 {
            assert_eq!(client.next().await, number(&server.id, n));
        }
    }
}

#[tokio::test]
async fn the_first_envelope_on_resume_must_be_a_resume_in_time() {
    let relay = TestRelay::start("servers: { open: true }\ntimeouts: { login: 300ms }\n").await;
    for via in EVERY_TRANSPORT {
        for first in [
            json!({ "to": "0", "type": "LOGIN", "message": { "passphrase": "x" } }),
            json!({ "to": "0", "type": "RESUME", "message": { "token": 7, "received": 0 } }),
            json!({ "to": "0", "type": "RESUME", "message": { "token": "x" } }),
            json!({ "to": "x", "type": "RESUME", "message": { "token": "x", "received": 0 } }),
        ] {
            let mut peer = relay.peer(via, "/resume").await;
            peer.send(first).await;
            peer.closed(4401).await;
        }
        let mut silent = relay.peer(via, "/resume").await;
        silent.closed(4401).await;
    }
}

#[tokio::test]
async fn a_session_that_is_not_resumed_in_its_window_ends() {
    let relay = TestRelay::start("servers: { open: true }\nresume: { window: 300ms }\n").await;
    for via in EVERY_TRANSPORT {
        let mut server = relay.server(Via::Ws).await;
        let (client, token) = resumable(&relay, via, &format!("/client/{}", server.id)).await;
        server.expect("PEER_JOINED").await;
        client.peer.abandon();
        server.expect("PEER_GONE").await;
        refused(&relay, via, &token, 0, 4404).await;
    }
}

#[tokio::test]
async fn without_resume_the_parameter_is_ignored() {
    let relay = TestRelay::start("servers: { open: true }\nresume: off\n").await;
    for via in EVERY_TRANSPORT {
        let mut server = relay.server(Via::Ws).await;
        let mut client = relay
            .peer(via, &format!("/client/{}?resume", server.id))
            .await;
        assert!(client.hello().await.get("resume").is_none());
        server.expect("PEER_JOINED").await;
        client.tell("0", "ACK", json!({ "received": 0 })).await;
        client.refused("FORBIDDEN_TYPE").await;
        client.peer.abandon();
        server.expect("PEER_GONE").await;
    }
}

#[tokio::test]
async fn the_relay_acknowledges_after_64_envelopes_or_64_kib() {
    let relay = TestRelay::start(UNLIMITED).await;
    for via in EVERY_TRANSPORT {
        let mut server = relay.server(Via::Ws).await;
        let (mut client, _) = resumable(&relay, via, &format!("/client/{}", server.id)).await;
        server.expect("PEER_JOINED").await;
        for n in 0..64 {
            client.tell(&server.id, "N", json!({ "n": n })).await;
        }
        assert_eq!(client.expect("ACK").await, json!({ "received": 64 }));
        client
            .tell(&server.id, "N", json!({ "a": "x".repeat(40_000) }))
            .await;
        client
            .tell(&server.id, "N", json!({ "a": "x".repeat(40_000) }))
            .await;
        assert_eq!(client.expect("ACK").await, json!({ "received": 66 }));
        // ACKs do not count, and one that says too much is refused.
        client.tell("0", "ACK", json!({ "received": 1 })).await;
        client.refused("INVALID_ENVELOPE").await;
    }
}

#[tokio::test]
async fn a_parked_client_over_its_queue_ends_and_a_parked_server_over_it_refuses() {
    let relay =
        TestRelay::start("servers: { open: true }\nlimits: { outbound_queue: { messages: 4 } }\n")
            .await;
    for via in EVERY_TRANSPORT {
        let mut server = relay.server(Via::Ws).await;
        let (client, token) = resumable(&relay, via, &format!("/client/{}", server.id)).await;
        let id = client.id.clone();
        server.expect("PEER_JOINED").await;
        client.peer.abandon();
        let mut n = 0;
        // As many as it takes: the first may still go to the old connection.
        let gone = loop {
            server.tell(&id, "N", json!({ "n": n })).await;
            server
                .send(json!({ "to": "0", "type": "X", "message": {} }))
                .await;
            n += 1;
            let next = server.next().await;
            if next["type"] == "PEER_GONE" {
                break next;
            }
        };
        assert_eq!(gone["message"]["id"], id);
        refused(&relay, via, &token, 0, 4404).await;

        let (mut server, token) = resumable(&relay, via, "/server").await;
        let mut client = relay.client(Via::Ws, &mut server).await;
        let id = server.id.clone();
        server.peer.abandon();
        loop {
            client.tell(&id, "N", json!({})).await;
            client
                .send(json!({ "to": "0", "type": "X", "message": {} }))
                .await;
            if client.expect("ERROR").await["code"] == "TOO_SLOW" {
                break;
            }
        }
        let (mut server, _) = come_back(&relay, via, &token, 1).await;
        server.expect("N").await;
    }
}
