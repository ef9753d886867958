//! Servers whose id is a fixed one of the configuration, and who meets whom under it.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use common::{
    EVERY_TRANSPORT, TestRelay, every_pair,
    login::{HASH, entries, logged_in, named, server_with},
};
use serde_json::{Value, json};

/// Two passphrases for one id, one of which keeps whoever is connected, and one without an id.
fn servers() -> String {
    entries(&[
        ("take", HASH, ", id: camera"),
        ("keep", HASH, ", id: camera, on_conflict: reject"),
        ("other", HASH, ""),
    ])
}

fn has_time_to_return(bye: &Value) {
    assert!(
        bye["reconnectIn"].as_f64().is_some_and(|after| after > 0.0),
        "{bye}"
    );
}

fn has_none(bye: &Value) {
    assert!(bye.get("reconnectIn").is_none(), "{bye}");
}

#[tokio::test]
async fn a_newer_login_with_a_fixed_id_ends_the_old_session_and_its_clients() {
    let relay = TestRelay::start(&servers()).await;
    for (older, newer) in every_pair() {
        // The newcomer's entry decides, so that the older one's does not matter.
        let mut old = logged_in(&relay, older, named("keep")).await;
        assert_eq!(old.id, "camera");
        let mut client = relay.client(newer, &mut old).await;
        let mut new = logged_in(&relay, newer, named("take")).await;
        assert_eq!(new.id, "camera");
        has_none(&old.closed(4409).await);
        assert_eq!(client.expect("PEER_GONE").await, json!({ "id": "camera" }));
        has_time_to_return(&client.closed(4410).await);
        let mut client = relay.client(older, &mut new).await;
        client.tell("camera", "T", json!({})).await;
        new.expect("T").await;
        new.leave().await;
    }
}

#[tokio::test]
async fn an_entry_that_rejects_leaves_the_connected_session_alone() {
    let relay = TestRelay::start(&servers()).await;
    for (older, newer) in every_pair() {
        let mut old = logged_in(&relay, older, named("take")).await;
        let mut client = relay.client(newer, &mut old).await;
        let mut new = server_with(&relay, newer, named("keep")).await;
        has_time_to_return(&new.closed(1013).await);
        client.tell("camera", "T", json!({})).await;
        old.expect("T").await;
        old.nothing_else().await;
        old.leave().await;
        client.expect("PEER_GONE").await;
        has_time_to_return(&client.closed(4410).await);
        // Nobody is connected any more.
        logged_in(&relay, newer, named("keep")).await.leave().await;
    }
}

#[tokio::test]
async fn an_unknown_server_is_worth_another_try_only_where_its_id_is_a_fixed_one() {
    let relay = TestRelay::start(&servers()).await;
    for via in EVERY_TRANSPORT {
        let mut client = relay.peer(via, "/client/camera").await;
        has_time_to_return(&client.closed(4404).await);
        // That is an entry's name and no id.
        for nobody in ["/client/take", "/client/0", "/client/a%20b"] {
            has_none(&relay.peer(via, nobody).await.closed(4404).await);
        }
        let left = logged_in(&relay, via, named("other")).await;
        let path = format!("/client/{}", left.id);
        left.leave().await;
        has_none(&relay.peer(via, &path).await.closed(4404).await);
    }
}

#[tokio::test]
async fn a_server_that_is_replaced_hears_no_more_of_its_clients() {
    let relay = TestRelay::start(&servers()).await;
    for via in EVERY_TRANSPORT {
        let mut old = logged_in(&relay, via, named("take")).await;
        let mut client = relay.client(via, &mut old).await;
        let new = logged_in(&relay, via, named("take")).await;
        client.expect("PEER_GONE").await;
        // BYE and the close are the next that it gets: no PEER_GONE of that client.
        old.closed(4409).await;
        client.closed(4410).await;
        new.leave().await;
    }
}

#[tokio::test]
async fn sessions_without_a_fixed_id_have_ids_of_their_own() {
    let relay = TestRelay::start(&servers()).await;
    for via in EVERY_TRANSPORT {
        let mut one = logged_in(&relay, via, named("other")).await;
        let mut two = logged_in(&relay, via, named("other")).await;
        assert_ne!(one.id, two.id);
        one.nothing_else().await;
        two.nothing_else().await;
    }
}
