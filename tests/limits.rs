//! How many may come in, and that a place is given back.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use common::{
    EVERY_TRANSPORT, OPEN, TestRelay, Via, every_pair,
    login::{one_door, plain_from, right, server_with},
    raw::UPGRADE,
};
use serde_json::{Value, json};

async fn relay(limits: &str) -> TestRelay {
    TestRelay::start(&format!("{OPEN}limits: {{ {limits} }}\n")).await
}

fn has_time_to_return(bye: &Value) {
    assert!(
        bye["reconnectIn"].as_f64().is_some_and(|after| after > 0.0),
        "{bye}"
    );
}

#[tokio::test]
async fn over_the_limit_of_servers_is_1013_until_one_leaves() {
    for (first, second) in every_pair() {
        let relay = relay("servers: 1").await;
        let server = relay.server(first).await;
        has_time_to_return(&relay.peer(second, "/server").await.closed(1013).await);
        server.leave().await;
        // Its place is free as soon as it has left; the relay may not know yet that it has.
        while !relay.hub.rooms.is_empty() {
            tokio::task::yield_now().await;
        }
        relay.server(second).await;
    }
}

#[tokio::test]
async fn over_the_limit_of_servers_a_right_login_is_1013_too() {
    for via in EVERY_TRANSPORT {
        let relay = TestRelay::start(&format!("{}limits: {{ servers: 1 }}\n", one_door())).await;
        let mut server = server_with(&relay, via, right()).await;
        server.hello().await;
        let mut second = server_with(&relay, via, right()).await;
        has_time_to_return(&second.closed(1013).await);
        server.nothing_else().await;
    }
}

#[tokio::test]
async fn over_the_limit_of_clients_is_1013_until_one_leaves_and_other_rooms_are_none_of_it() {
    let relay = relay("clients_per_server: 2").await;
    for (of_server, of_client) in every_pair() {
        let mut server = relay.server(of_server).await;
        let mut other = relay.server(of_server).await;
        let client = relay.client(of_client, &mut server).await;
        let _second = relay.client(of_server, &mut server).await;
        let path = format!("/client/{}", server.id);
        has_time_to_return(&relay.peer(of_client, &path).await.closed(1013).await);
        // The server hears nothing of who did not come in.
        server.nothing_else().await;
        relay.client(of_client, &mut other).await;
        client.leave().await;
        server.expect("PEER_GONE").await;
        relay.client(of_client, &mut server).await;
    }
}

#[tokio::test]
async fn a_session_is_a_connection_for_as_long_as_it_lasts() {
    let relay = relay("connections: 2").await;
    for via in EVERY_TRANSPORT {
        let (mut server, client) = relay.pair(via, via).await;
        for refused in EVERY_TRANSPORT {
            let peer = relay
                .peer_with(refused, "/server", Default::default())
                .await;
            peer.map(|_| ()).expect_err("two are connected");
        }
        server.nothing_else().await;
        client.leave().await;
        server.leave().await;
        while relay.hub.gate.connections() > 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn one_address_at_its_limit_leaves_places_for_another() {
    let relay = relay("connections_per_address: 1").await;
    let _server = relay.server(Via::WebTransport).await;
    let request = format!("GET /server HTTP/1.1\r\n{UPGRADE}\r\n");
    for (from, status) in [([127, 0, 0, 1], 503), ([127, 0, 0, 2], 101)] {
        let mut wire = plain_from(&relay, from.into()).await;
        wire.write(&request).await;
        assert_eq!(wire.response().await.status, status, "{from:?}");
    }
}

#[tokio::test]
async fn a_message_may_have_as_many_bytes_as_the_limit_and_one_more_is_1009() {
    let relay = relay("message_bytes: 1KiB").await;
    for (of_server, of_client) in every_pair() {
        let (mut server, mut client) = relay.pair(of_server, of_client).await;
        let envelope = |id: &str, bytes: usize| {
            let empty = json!({ "to": id, "type": "T", "message": { "x": "" } }).to_string();
            empty.replace(
                r#""x":"""#,
                &format!(r#""x":"{}""#, "x".repeat(bytes - empty.len())),
            )
        };
        client.send_text(&envelope(&server.id, 1024)).await;
        server.expect("T").await;
        client.send_text(&envelope(&server.id, 1025)).await;
        client.closed(1009).await;
        assert_eq!(server.expect("PEER_GONE").await, json!({ "id": client.id }));
        server.nothing_else().await;
    }
}
