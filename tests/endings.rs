//! The relay ends many sessions, and survives each.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use common::{EVERY_TRANSPORT, OPEN, TestRelay};
use serde_json::json;

/// What is raced here, writing the last words against taking them, goes either way now and then.
#[tokio::test]
async fn the_end_of_a_session_is_told_every_time() {
    let limits = "limits: { messages_per_second: off }\n";
    let relay = TestRelay::start(&format!("{OPEN}{limits}")).await;
    for via in EVERY_TRANSPORT {
        let mut server = relay.server(via).await;
        for _ in 0..100 {
            let mut client = relay.client(via, &mut server).await;
            server.tell("0", "KICK", json!({ "id": client.id })).await;
            client.closed(4403).await;
            server.expect("PEER_GONE").await;
        }
    }
}
