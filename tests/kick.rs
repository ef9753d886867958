//! A server ends the session of a client, or says something else to the relay.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use common::{EVERY_TRANSPORT, OPEN, TestPeer, TestRelay, every_pair};
use serde_json::{Value, json};

async fn kick(server: &mut TestPeer, message: Value) {
    server.tell("0", "KICK", message).await;
}

#[tokio::test]
async fn a_kicked_client_is_told_why_and_its_server_that_it_has_gone() {
    let relay = TestRelay::start(OPEN).await;
    for (of_server, of_client) in every_pair() {
        let (mut server, mut client) = relay.pair(of_server, of_client).await;
        let mut other = relay.client(of_client, &mut server).await;
        server.tell(&client.id, "T", json!({})).await;
        kick(
            &mut server,
            json!({ "id": client.id, "reason": "no \"shouting\"" }),
        )
        .await;
        client.expect("T").await;
        let bye = client.closed(4403).await;
        assert_eq!(bye["reason"], "no \"shouting\"");
        assert!(bye.get("reconnectIn").is_none(), "{bye}");
        assert_eq!(server.expect("PEER_GONE").await, json!({ "id": client.id }));
        server.nothing_else().await;
        other.nothing_else().await;
        // It is no ban.
        relay.client(of_client, &mut server).await;
    }
}

#[tokio::test]
async fn a_kick_needs_no_reason() {
    let relay = TestRelay::start(OPEN).await;
    for via in EVERY_TRANSPORT {
        let (mut server, mut client) = relay.pair(via, via).await;
        kick(&mut server, json!({ "id": client.id })).await;
        let bye = client.closed(4403).await;
        assert!(
            bye["reason"]
                .as_str()
                .is_some_and(|reason| !reason.is_empty()),
            "{bye}"
        );
    }
}

#[tokio::test]
async fn a_reason_is_cut_to_123_bytes_of_whole_characters() {
    let relay = TestRelay::start(OPEN).await;
    for via in EVERY_TRANSPORT {
        for (reason, told) in [
            ("x".repeat(124), "x".repeat(123)),
            ("ä".repeat(100), "ä".repeat(61)),
            (
                format!("x{}", "🦀".repeat(40)),
                format!("x{}", "🦀".repeat(30)),
            ),
        ] {
            let (mut server, mut client) = relay.pair(via, via).await;
            kick(&mut server, json!({ "id": client.id, "reason": reason })).await;
            assert_eq!(client.closed(4403).await["reason"], told);
        }
    }
}

#[tokio::test]
async fn whoever_is_not_in_the_room_cannot_be_kicked() {
    let relay = TestRelay::start(OPEN).await;
    for via in EVERY_TRANSPORT {
        let (mut server, client) = relay.pair(via, via).await;
        let (_stranger_server, mut stranger) = relay.pair(via, via).await;
        let gone = client.id.clone();
        client.leave().await;
        server.expect("PEER_GONE").await;
        let own = server.id.clone();
        for nobody in ["nobody", "*", "0", "", &own, &gone, &stranger.id] {
            kick(&mut server, json!({ "id": nobody })).await;
            let error = server.refused("UNKNOWN_PEER").await;
            assert_eq!(
                (&error["to"], &error["type"]),
                (&json!("0"), &json!("KICK"))
            );
        }
        stranger.nothing_else().await;
    }
}

#[tokio::test]
async fn a_malformed_kick_is_an_invalid_envelope() {
    let relay = TestRelay::start(OPEN).await;
    for via in EVERY_TRANSPORT {
        let (mut server, mut client) = relay.pair(via, via).await;
        let id = &client.id.clone();
        for message in [
            "{}".to_owned(),
            r#"{"id":7}"#.to_owned(),
            r#"{"reason":"x"}"#.to_owned(),
            format!(r#"{{"id":"{id}","reason":7}}"#),
            format!(r#"{{"id":"{id}","id":"{id}"}}"#),
            format!(r#"{{"id":"{id}","reason":"x","reason":"y"}}"#),
        ] {
            let envelope = format!(r#"{{"to":"0","type":"KICK","message":{message},"ref":"r"}}"#);
            server.send_text(&envelope).await;
            assert_eq!(
                server.refused("INVALID_ENVELOPE").await["ref"],
                "r",
                "{message}"
            );
        }
        client.nothing_else().await;
    }
}

#[tokio::test]
async fn a_malformed_kick_costs_the_session_where_invalid_envelopes_do() {
    let limits = "limits: { on_invalid: disconnect }\n";
    let relay = TestRelay::start(&format!("{OPEN}{limits}")).await;
    for via in EVERY_TRANSPORT {
        let mut server = relay.server(via).await;
        kick(&mut server, json!({})).await;
        server.closed(4400).await;
    }
}

#[tokio::test]
async fn a_client_cannot_kick() {
    let relay = TestRelay::start(OPEN).await;
    for via in EVERY_TRANSPORT {
        let (mut server, mut client) = relay.pair(via, via).await;
        let other = relay.client(via, &mut server).await;
        for id in [&other.id, &server.id, &client.id.clone()] {
            kick(&mut client, json!({ "id": id })).await;
            client.refused("FORBIDDEN_TYPE").await;
        }
        // Sent to a peer instead of the relay it is a reserved type, for a server too.
        client
            .tell(&server.id, "KICK", json!({ "id": other.id }))
            .await;
        client.refused("RESERVED_TYPE").await;
        server
            .tell(&client.id, "KICK", json!({ "id": client.id }))
            .await;
        server.refused("RESERVED_TYPE").await;
        client.nothing_else().await;
    }
}

#[tokio::test]
async fn the_relay_knows_no_other_words() {
    let relay = TestRelay::start(OPEN).await;
    for via in EVERY_TRANSPORT {
        let (mut server, mut client) = relay.pair(via, via).await;
        for peer in [&mut server, &mut client] {
            for kind in [
                "HELLO",
                "PEER_JOINED",
                "PEER_GONE",
                "ERROR",
                "BYE",
                "ICE_SERVERS",
                "CHAT",
            ] {
                peer.tell("0", kind, json!({})).await;
                assert_eq!(peer.refused("UNKNOWN_TYPE").await["type"], kind);
            }
        }
    }
}
