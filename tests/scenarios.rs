//! What the protocol promises, over every transport.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use common::{EVERY_TRANSPORT, OPEN, TestRelay, every_pair};
use serde_json::json;

#[tokio::test]
async fn a_server_and_a_client_exchange_messages_over_every_pair_of_transports() {
    let relay = TestRelay::start(OPEN).await;
    for (server, client) in every_pair() {
        let (mut server, mut client) = relay.pair(server, client).await;
        client.tell(&server.id, "PING", json!({ "n": 1 })).await;
        assert_eq!(
            server.next().await,
            json!({ "from": client.id, "type": "PING", "message": { "n": 1 } })
        );
        server.tell(&client.id, "PONG", json!({ "n": 2 })).await;
        assert_eq!(
            client.next().await,
            json!({ "from": server.id, "type": "PONG", "message": { "n": 2 } })
        );
        let gone = client.id.clone();
        client.leave().await;
        assert_eq!(server.expect("PEER_GONE").await, json!({ "id": gone }));
    }
}

#[tokio::test]
async fn when_a_server_leaves_its_clients_are_told_and_closed() {
    let relay = TestRelay::start(OPEN).await;
    for (server, client) in every_pair() {
        let (server, mut client) = relay.pair(server, client).await;
        let gone = server.id.clone();
        server.leave().await;
        assert_eq!(client.expect("PEER_GONE").await, json!({ "id": gone }));
        let bye = client.closed(4410).await;
        assert!(bye.get("reconnectIn").is_none(), "{bye}");
    }
}

#[tokio::test]
async fn a_stopping_relay_says_goodbye_with_1001_to_everybody() {
    for via in EVERY_TRANSPORT {
        let relay = TestRelay::start(OPEN).await;
        let (mut server, mut client) = relay.pair(via, via).await;
        let stop = relay.stop();
        let goodbyes = async {
            for peer in [&mut server, &mut client] {
                let bye = peer.closed(1001).await;
                assert!(bye["reconnectIn"].as_f64().is_some_and(|after| after > 0.0));
            }
        };
        tokio::join!(stop, goodbyes);
    }
}
