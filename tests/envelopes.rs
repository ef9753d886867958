//! Every rule of the envelope and every code of an ERROR, over every transport.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use common::{EVERY_TRANSPORT, OPEN, TestRelay, every_pair};
use serde_json::{Value, json};

#[tokio::test]
async fn a_message_reaches_the_other_side_byte_for_byte() {
    let relay = TestRelay::start(OPEN).await;
    let message = r#"{"z":1.50E+2,"a":-0.0,"big":123456789012345678901234567890.10,"e":1e400,"s":"\u00e9\/\ud83d\ude00é","half":"\ud800","nul":"\u0000","o":{"":[ ]},"b" : [true,null]}"#;
    for (server, client) in every_pair() {
        let (mut server, mut client) = relay.pair(server, client).await;
        let to =
            |id: &str| format!(r#"{{"x":0,"message":{message},"to":"{id}","type":"T\u00df"}}"#);
        let seen = |id: &str| format!(r#"{{"from":"{id}","type":"Tß","message":{message}}}"#);
        client.send_text(&to(&server.id)).await;
        assert_eq!(server.next_text().await, seen(&client.id));
        server.send_text(&to(&client.id)).await;
        assert_eq!(client.next_text().await, seen(&server.id));
        server.send_text(&to("*")).await;
        assert_eq!(client.next_text().await, seen(&server.id));
    }
}

#[tokio::test]
async fn an_invalid_envelope_is_refused_and_costs_nothing_else() {
    let relay = TestRelay::start(OPEN).await;
    for via in EVERY_TRANSPORT {
        let (mut server, mut client) = relay.pair(via, via).await;
        let deep = format!(
            "{}{}",
            r#"{"a":"#.repeat(200),
            "1".to_owned() + &"}".repeat(200)
        );
        for bad in [
            "nonsense".to_owned(),
            "[]".to_owned(),
            r#"{"to":"a b","type":"T","message":{}}"#.to_owned(),
            format!(r#"{{"to":"{}","message":{{}}}}"#, server.id),
            format!(r#"{{"to":"{}","type":"T","message":3}}"#, server.id),
            format!(
                r#"{{"to":"{0}","type":"T","message":{{}},"from":"{0}"}}"#,
                server.id
            ),
            format!(
                r#"{{"to":"{0}","to":"{0}","type":"T","message":{{}}}}"#,
                server.id
            ),
            format!(r#"{{"to":"{}","type":"T","message":{deep}}}"#, server.id),
        ] {
            client.send_text(&bad).await;
            client.refused("INVALID_ENVELOPE").await;
        }
        client
            .send(json!({ "to": server.id, "type": "T", "message": {}, "from": client.id, "x": 1 }))
            .await;
        let arrived = server.next().await;
        assert_eq!(
            arrived,
            json!({ "from": client.id, "type": "T", "message": {} })
        );
        client.nothing_else().await;
    }
}

#[tokio::test]
async fn an_error_tells_which_envelope_it_is_about() {
    let relay = TestRelay::start(OPEN).await;
    for via in EVERY_TRANSPORT {
        let (_server, mut client) = relay.pair(via, via).await;
        client
            .send(json!({ "to": "nobody", "type": "T", "message": {}, "ref": "r-1" }))
            .await;
        let error = client.refused("UNKNOWN_PEER").await;
        assert_eq!(error["to"], "nobody");
        assert_eq!(error["type"], "T");
        assert_eq!(error["ref"], "r-1");
        client
            .send(json!({ "to": "nobody", "type": "T", "ref": "r-2" }))
            .await;
        let error = client.refused("INVALID_ENVELOPE").await;
        assert_eq!(error["to"], "nobody");
        assert_eq!(error["type"], "T");
        assert_eq!(error["ref"], "r-2");
    }
}

#[tokio::test]
async fn types_of_the_relays_own_are_refused_between_peers() {
    let relay = TestRelay::start(OPEN).await;
    for via in EVERY_TRANSPORT {
        let (mut server, mut client) = relay.pair(via, via).await;
        for kind in [
            "HELLO",
            "PEER_JOINED",
            "PEER_GONE",
            "ERROR",
            "ICE_SERVERS",
            "ACK",
            "BYE",
            "LOGIN",
            "RESUME",
            "KICK",
        ] {
            client.tell(&server.id, kind, json!({})).await;
            client.refused("RESERVED_TYPE").await;
            server.tell("*", kind, json!({})).await;
            server.refused("RESERVED_TYPE").await;
        }
        client.nothing_else().await;
        server.nothing_else().await;
    }
}

#[tokio::test]
async fn the_relay_refuses_what_it_does_not_know_and_what_is_not_for_this_role() {
    let relay = TestRelay::start(OPEN).await;
    for via in EVERY_TRANSPORT {
        let (mut server, mut client) = relay.pair(via, via).await;
        for kind in ["HELLO", "CHAT", "BYE"] {
            client.tell("0", kind, json!({})).await;
            client.refused("UNKNOWN_TYPE").await;
        }
        for kind in ["LOGIN", "KICK", "RESUME", "ACK"] {
            client
                .tell("0", kind, json!({ "id": "x", "passphrase": "x" }))
                .await;
            client.refused("FORBIDDEN_TYPE").await;
        }
        for kind in ["LOGIN", "RESUME", "ACK"] {
            server.tell("0", kind, json!({ "passphrase": "x" })).await;
            server.refused("FORBIDDEN_TYPE").await;
        }
    }
}

#[tokio::test]
async fn a_message_crosses_only_inside_its_room() {
    let relay = TestRelay::start(OPEN).await;
    for via in EVERY_TRANSPORT {
        let (mut server, mut client) = relay.pair(via, via).await;
        let mut second = relay.client(via, &mut server).await;
        let (mut stranger, mut other) = relay.pair(via, via).await;
        let own = client.id.clone();
        for to in [&second.id, &stranger.id, &other.id, &own, "*"] {
            client.tell(to, "T", json!({})).await;
            client.refused("UNKNOWN_PEER").await;
        }
        let own = server.id.clone();
        for to in [&stranger.id, &other.id, &own, "nobody"] {
            server.tell(to, "T", json!({})).await;
            server.refused("UNKNOWN_PEER").await;
        }
        for peer in [&mut stranger, &mut other, &mut second] {
            peer.nothing_else().await;
        }
        let gone = second.id.clone();
        second.leave().await;
        server.expect("PEER_GONE").await;
        server.tell(&gone, "T", json!({})).await;
        server.refused("UNKNOWN_PEER").await;
    }
}

#[tokio::test]
async fn a_broadcast_reaches_every_client_and_none_is_no_error() {
    let relay = TestRelay::start(OPEN).await;
    for via in EVERY_TRANSPORT {
        let mut server = relay.server(via).await;
        server.tell("*", "T", json!({})).await;
        server.nothing_else().await;
        let mut clients = Vec::new();
        for via in EVERY_TRANSPORT {
            clients.push(relay.client(via, &mut server).await);
        }
        server.tell("*", "T", json!({ "n": 1 })).await;
        for client in &mut clients {
            assert_eq!(
                client.next().await,
                json!({ "from": server.id, "type": "T", "message": { "n": 1 } })
            );
        }
        server.nothing_else().await;
    }
}

#[tokio::test]
async fn messages_of_one_sender_arrive_in_the_order_sent() {
    const MESSAGES: usize = 500;
    let relay =
        TestRelay::start("servers: { open: true }\nlimits: { messages_per_second: off }\n").await;
    for (server, client) in every_pair() {
        let (mut server, mut client) = relay.pair(server, client).await;
        let (server_id, client_id) = (server.id.clone(), client.id.clone());
        let numbers =
            |from: &str, n: usize| json!({ "from": from, "type": "N", "message": { "n": n } });
        for n in 0..MESSAGES {
            client.tell(&server_id, "N", json!({ "n": n })).await;
            server.tell(&client_id, "N", json!({ "n": n })).await;
        }
        for n in 0..MESSAGES {
            assert_eq!(server.next().await, numbers(&client_id, n));
            assert_eq!(client.next().await, numbers(&server_id, n));
        }
    }
}

#[tokio::test]
async fn an_invalid_envelope_ends_the_session_where_the_configuration_says_so() {
    let relay =
        TestRelay::start("servers: { open: true }\nlimits: { on_invalid: disconnect }\n").await;
    for via in EVERY_TRANSPORT {
        let (mut server, mut client) = relay.pair(via, via).await;
        client.tell("nobody", "T", json!({})).await;
        client.refused("UNKNOWN_PEER").await;
        client.send_text("nonsense").await;
        client.closed(4400).await;
        assert_eq!(server.expect("PEER_GONE").await, json!({ "id": client.id }));
    }
}

#[tokio::test]
async fn hello_tells_server_info_and_ice_servers_as_they_are_configured() {
    let relay = TestRelay::start(
        "\
servers: { open: true }
server_info: { z: 1, a: [two, 3.50] }
ice_servers:
  - { urls: [ 'stun:stun.example:3478' ] }
  - { urls: 'turn:turn.example:3478', username: u, credential: c }
  - { urls: [ 'turns:turn.example' ], secret: s, ttl: 1h }
",
    )
    .await;
    for via in EVERY_TRANSPORT {
        let mut server = relay.peer(via, "/server").await;
        let hello = server.next_text().await;
        assert!(
            hello.contains(r#""serverInfo":{"z":1,"a":["two",3.5"#),
            "{hello}"
        );
        let hello: Value = serde_json::from_str(&hello).expect("JSON");
        let ice = &hello["message"]["iceServers"];
        assert_eq!(ice[0], json!({ "urls": ["stun:stun.example:3478"] }));
        assert_eq!(ice[1]["username"], "u");
        assert_eq!(ice[1]["credential"], "c");
        let username = ice[2]["username"].as_str().expect("a username");
        let id = hello["message"]["id"].as_str().expect("an id");
        assert!(username.ends_with(&format!(":{id}")), "{username}");
        assert!(hello["message"].get("resume").is_none());
    }
    let plain = TestRelay::start(OPEN).await;
    let mut server = plain.peer(common::Via::Ws, "/server").await;
    let hello = server.hello().await;
    assert_eq!(hello, json!({ "id": server.id }));
}
