//! The relay ends many sessions, and survives each.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use common::{EVERY_TRANSPORT, OPEN, TestRelay};
use serde_json::json;

/// A panic ends one task, and is seen from outside only as a connection that is cut off instead of closed.
#[tokio::test]
async fn the_end_of_a_session_never_panics() {
    let panics = Arc::new(AtomicUsize::new(0));
    let hook = std::panic::take_hook();
    let count = Arc::clone(&panics);
    std::panic::set_hook(Box::new(move |panic| {
        count.fetch_add(1, SeqCst);
        hook(panic);
    }));
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
    assert_eq!(panics.load(SeqCst), 0);
}
