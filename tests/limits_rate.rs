//! How fast a peer may send, and what happens over that.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use common::{
    EVERY_TRANSPORT, OPEN, TestPeer, TestRelay, Via, every_pair,
    login::{logged_in, one_door, right},
};
use serde_json::json;

async fn relay(servers: &str, rate: &str) -> TestRelay {
    relay_with(servers, rate, "").await
}

async fn relay_with(servers: &str, rate: &str, more: &str) -> TestRelay {
    let limits = format!("limits: {{ messages_per_second: {rate} }}\n");
    TestRelay::start(&format!("{servers}{limits}{more}")).await
}

/// Sends so many numbered messages, whatever comes of them. A peer that has been closed cannot send.
async fn send_numbers(peer: &mut TestPeer, to: &str, count: u64) {
    for n in 0..count {
        let envelope =
            json!({ "to": to, "type": "T", "message": { "n": n }, "ref": n.to_string() });
        if peer.peer.send(&envelope.to_string()).await.is_err() {
            return;
        }
    }
}

async fn number(peer: &mut TestPeer) -> u64 {
    peer.expect("T").await["n"].as_u64().expect("a number")
}

#[tokio::test]
async fn a_client_over_its_rate_waits_and_loses_nothing() {
    let relay = relay(OPEN, "{ rate: 200, burst: 1 }").await;
    for (of_server, of_client) in every_pair() {
        let (mut server, mut client) = relay.pair(of_server, of_client).await;
        send_numbers(&mut client, &server.id, 50).await;
        for n in 0..50 {
            assert_eq!(number(&mut server).await, n);
        }
        client.nothing_else().await;
    }
}

#[tokio::test]
async fn while_a_peer_has_to_wait_its_silence_is_not_held_against_it() {
    // A wait takes up to a second, and so is longer than all patience with silence.
    let timeouts = "timeouts: { ping: 300ms, pong: 300ms, idle: { client: 900ms } }\n";
    let relay = relay_with(OPEN, "{ rate: 1, burst: 1 }", timeouts).await;
    // Over WebTransport it is QUIC that watches over silence, and it never waits.
    let each = [Via::Ws, Via::Wss].map(async |via| {
        let (mut server, mut client) = relay.pair(via, via).await;
        send_numbers(&mut client, &server.id, 4).await;
        let all = async {
            for n in 0..4 {
                assert_eq!(number(&mut server).await, n);
            }
        };
        tokio::select! {
            () = all => {}
            told = client.event() => panic!("{told:?}"),
        }
    });
    futures_util::future::join_all(each).await;
}

#[tokio::test]
async fn a_client_over_its_rate_is_told_so_where_that_is_rejected() {
    let relay = relay(OPEN, "{ rate: 5, burst: 5, on_excess: reject }").await;
    for (of_server, of_client) in every_pair() {
        let (mut server, mut client) = relay.pair(of_server, of_client).await;
        send_numbers(&mut client, &server.id, 20).await;
        client
            .send(json!({ "to": "0", "type": "END", "message": {} }))
            .await;
        // The last is over the rate too, unless this machine takes its time; it is asked again until it is not.
        let mut lost = Vec::new();
        loop {
            let error = client.expect("ERROR").await;
            match (error["code"].as_str(), error["type"].as_str()) {
                (Some("RATE_LIMITED"), Some("T")) => {
                    assert_eq!(error["to"], server.id);
                    lost.push(
                        error["ref"]
                            .as_str()
                            .expect("a ref")
                            .parse()
                            .expect("a number"),
                    );
                }
                (Some("RATE_LIMITED"), Some("END")) => {
                    client
                        .send(json!({ "to": "0", "type": "END", "message": {} }))
                        .await;
                }
                (Some("UNKNOWN_TYPE"), Some("END")) => break,
                _ => panic!("{error}"),
            }
        }
        assert!(!lost.is_empty() && lost[0] >= 5, "{lost:?}");
        // All others have arrived, in order.
        for n in (0..20).filter(|n| !lost.contains(n)) {
            assert_eq!(number(&mut server).await, n);
        }
        server.leave().await;
    }
}

#[tokio::test]
async fn being_over_the_rate_comes_before_whatever_else_is_wrong() {
    let relay = relay(OPEN, "{ rate: 1, burst: 1, on_excess: reject }").await;
    for via in EVERY_TRANSPORT {
        let (_server, mut client) = relay.pair(via, via).await;
        let mut codes = Vec::new();
        for _ in 0..10 {
            client.send_text("nonsense").await;
        }
        for _ in 0..10 {
            codes.push(client.expect("ERROR").await["code"].clone());
        }
        assert_eq!(codes[0], "INVALID_ENVELOPE");
        assert!(codes.contains(&json!("RATE_LIMITED")), "{codes:?}");
    }
}

#[tokio::test]
async fn a_client_over_its_rate_is_closed_where_that_is_configured() {
    let relay = relay(OPEN, "{ rate: 1, burst: 3, on_excess: disconnect }").await;
    for (of_server, of_client) in every_pair() {
        let (mut server, mut client) = relay.pair(of_server, of_client).await;
        send_numbers(&mut client, &server.id, 20).await;
        let bye = client.closed(4429).await;
        assert!(
            bye["reconnectIn"].as_f64().is_some_and(|after| after > 0.0),
            "{bye}"
        );
        let mut arrived = 0;
        let gone = loop {
            let envelope = server.next().await;
            if envelope["type"] == "PEER_GONE" {
                break envelope;
            }
            assert_eq!(envelope["message"]["n"], arrived);
            arrived += 1;
        };
        assert!((3..20).contains(&arrived), "{arrived}");
        assert_eq!(gone["message"]["id"], client.id);
    }
}

#[tokio::test]
async fn each_client_has_a_rate_of_its_own() {
    let relay = relay(OPEN, "{ rate: 1, burst: 1, on_excess: disconnect }").await;
    for via in EVERY_TRANSPORT {
        let mut server = relay.server(via).await;
        for _ in 0..3 {
            let mut client = relay.client(via, &mut server).await;
            send_numbers(&mut client, &server.id, 1).await;
            assert_eq!(number(&mut server).await, 0);
            client.leave().await;
            server.expect("PEER_GONE").await;
        }
    }
}

#[tokio::test]
async fn servers_are_held_to_the_rate_only_where_anyone_may_be_one() {
    let rate = "{ rate: 1, burst: 3, on_excess: disconnect }";
    let open = relay(OPEN, rate).await;
    let known = relay(&one_door(), rate).await;
    for (of_server, of_client) in every_pair() {
        let (mut server, client) = open.pair(of_server, of_client).await;
        send_numbers(&mut server, &client.id, 20).await;
        server.closed(4429).await;

        let mut server = logged_in(&known, of_server, right()).await;
        let mut client = known.client(of_client, &mut server).await;
        send_numbers(&mut server, &client.id, 50).await;
        for n in 0..50 {
            assert_eq!(number(&mut client).await, n);
        }
        server.nothing_else().await;
        // The client is held to it all the same.
        send_numbers(&mut client, &server.id, 20).await;
        client.closed(4429).await;
    }
}

#[tokio::test]
async fn without_a_rate_nobody_is_held_to_one() {
    let relay = relay(OPEN, "off").await;
    for via in EVERY_TRANSPORT {
        let (mut server, mut client) = relay.pair(via, via).await;
        send_numbers(&mut client, &server.id, 500).await;
        for n in 0..500 {
            assert_eq!(number(&mut server).await, n);
        }
        client.nothing_else().await;
    }
}
