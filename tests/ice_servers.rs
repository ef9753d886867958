//! What peers are told of ICE servers: in HELLO, before credentials run out, and when a reload has changed them.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::time::SystemTime;

use common::{
    EVERY_TRANSPORT, OPEN, TestPeer, TestRelay, Via,
    resuming::{resume, token},
};
use intercessor::client::Event;
use serde_json::{Value, json};

fn time_limited(secret: &str, ttl: &str) -> String {
    let server = format!("urls: turn:turn.example, secret: {secret}, ttl: {ttl}");
    format!("{OPEN}ice_servers: [{{ {server} }}]\n")
}

/// When the credentials of a HELLO or an ICE_SERVERS run out, in seconds since 1970, and the credential itself.
fn credentials(message: &Value) -> (u64, String) {
    let server = &message["iceServers"][0];
    let username = server["username"].as_str().expect("a user name");
    let (end, _) = username.split_once(':').expect("a time and a name");
    let credential = server["credential"].as_str().expect("a credential");
    (end.parse().expect("a time"), credential.to_owned())
}

fn now() -> f64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.expect("after 1970").as_secs_f64()
}

async fn peer_with_hello(relay: &TestRelay, via: Via, path: &str) -> (TestPeer, Value) {
    let mut peer = relay.peer(via, path).await;
    let hello = peer.hello().await;
    (peer, hello)
}

/// Fresh credentials come to this peer, each before those that it has run out.
async fn kept_fresh(peer: &mut TestPeer, hello: Value) {
    let (mut end, mut credential) = credentials(&hello);
    // Enough for a new second, and so for new credentials.
    for _ in 0..4 {
        let (fresh_end, fresh) = credentials(&peer.skip_to("ICE_SERVERS").await);
        assert!(now() < end as f64, "too late");
        assert!(fresh_end >= end);
        assert_eq!(fresh_end == end, fresh == credential);
        (end, credential) = (fresh_end, fresh);
    }
    assert!(end > credentials(&hello).0);
}

#[tokio::test]
async fn every_peer_gets_fresh_credentials_before_those_it_has_run_out() {
    let relay = TestRelay::start(&time_limited("north", "2s")).await;
    let room = async |via| {
        let (mut server, of_server) = peer_with_hello(&relay, via, "/server").await;
        let path = format!("/client/{}", server.id);
        let (mut client, of_client) = peer_with_hello(&relay, via, &path).await;
        tokio::join!(
            kept_fresh(&mut server, of_server),
            kept_fresh(&mut client, of_client)
        );
    };
    let [ws, wss, webtransport] = EVERY_TRANSPORT.map(room);
    tokio::join!(ws, wss, webtransport);
}

#[tokio::test]
async fn a_reload_that_changes_them_is_told_to_all_and_any_other_is_not() {
    let yaml = time_limited("north", "12h");
    let relay = TestRelay::start(&yaml).await;
    let mut peers = Vec::new();
    for via in EVERY_TRANSPORT {
        peers.push(relay.server(via).await);
    }
    let other = format!("{yaml}limits: {{ servers: 9 }}\n");
    relay.reload(&other).await.expect("reloads");
    let stun = "[{ urls: [stun:stun.example, 'stun:[::1]'] }]";
    let stun = format!("{OPEN}ice_servers: {stun}\n");
    relay.reload(&stun).await.expect("reloads");
    let wanted = json!([{ "urls": ["stun:stun.example", "stun:[::1]"] }]);
    let (newcomer, hello) = peer_with_hello(&relay, Via::Ws, "/server").await;
    assert_eq!(hello["iceServers"], wanted);
    newcomer.leave().await;
    for peer in &mut peers {
        let told = peer.expect("ICE_SERVERS").await;
        assert_eq!(told, json!({ "iceServers": wanted }));
    }
    relay.reload(OPEN).await.expect("reloads");
    for peer in &mut peers {
        assert_eq!(
            peer.expect("ICE_SERVERS").await,
            json!({ "iceServers": [] })
        );
    }
    relay.reload(&yaml).await.expect("reloads");
    for peer in &mut peers {
        credentials(&peer.expect("ICE_SERVERS").await);
    }
}

#[tokio::test]
async fn it_counts_for_a_resume_whose_hello_has_fresh_ones() {
    let relay = TestRelay::start(&time_limited("north", "12h")).await;
    let (mut peer, hello) = peer_with_hello(&relay, Via::WebTransport, "/server?resume").await;
    let yaml = time_limited("south", "12h");
    relay.reload(&yaml).await.expect("reloads");
    let told = peer.expect("ICE_SERVERS").await;
    peer.peer.abandon();
    while relay.hub.parking.parked() == 0 {
        tokio::task::yield_now().await;
    }
    // What it has not acknowledged is sent again.
    let mut peer = relay.peer(Via::Ws, "/resume").await;
    let hello = resume(&mut peer.peer, &token(&hello), 0)
        .await
        .expect("HELLO");
    assert_eq!(credentials(&hello).0 / 60, credentials(&told).0 / 60);
    assert_eq!(peer.expect("ICE_SERVERS").await, told);
    peer.peer.abandon();
    while relay.hub.parking.parked() == 0 {
        tokio::task::yield_now().await;
    }
    // What changes meanwhile is in HELLO, and comes after all that is sent again, so that the last word is the newest.
    let stun = format!("{OPEN}ice_servers: [{{ urls: stun:stun.example }}]\n");
    relay.reload(&stun).await.expect("reloads");
    let mut peer = relay.peer(Via::Wss, "/resume").await;
    let hello = resume(&mut peer.peer, &token(&hello), 0)
        .await
        .expect("HELLO");
    assert_eq!(hello["iceServers"][0]["urls"], json!(["stun:stun.example"]));
    assert_eq!(peer.expect("ICE_SERVERS").await, told);
    let told = peer.expect("ICE_SERVERS").await;
    assert_eq!(told["iceServers"], hello["iceServers"]);
    let again = resume(
        &mut relay.peer(Via::Ws, "/resume").await.peer,
        &token(&hello),
        2,
    )
    .await;
    assert!(again.is_some());
    assert!(matches!(peer.event().await, Event::Envelope(bye) if bye.contains("4409")));
}
