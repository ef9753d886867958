//! What many logins at once may cost, and whom.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use common::{
    PATIENCE, TestRelay, Via,
    login::{HASH, entries, logged_in, login, named, socket_from},
    raw::Wire,
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;

/// A check of it costs as much as the relay lets one cost, and always fails.
const SLOW: &str =
    "$argon2id$v=19$m=8192,t=32,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
/// How many addresses log in at once, and how often each.
const ADDRESSES: u8 = 12;
const EACH: usize = 25;
/// Round trips of somebody else meanwhile.
const ROUNDS: usize = 50;

/// A relay with a cheap entry, `door`, and an expensive one, `storm`, where one failure is enough to be refused.
async fn relay() -> TestRelay {
    let servers = entries(&[("door", HASH, ""), ("storm", SLOW, "")]);
    let limits = "limits: { failed_logins: { per_address: 1, window: 1h } }\n";
    TestRelay::start(&format!(
        "{servers}{limits}timeouts: {{ login: 5m, handshake: 5m }}\n"
    ))
    .await
}

/// Connections that are ready to log in.
async fn gather(relay: &TestRelay) -> Vec<Wire> {
    let mut wires = Vec::new();
    // In turns, so that some of each have a place in the queue, and are checked.
    for _ in 0..EACH {
        for last in 0..ADDRESSES {
            let from = IpAddr::from([127, 0, 1, 1 + last]);
            wires.push(socket_from(relay, from, "/server").await);
        }
    }
    wires
}

/// The code of the BYE to a wrong login.
async fn code_of(mut wire: Wire, answered: Arc<AtomicUsize>) -> u64 {
    let shown = json!({ "passphrase": "open barley", "name": "storm" });
    wire.text(login(shown).to_string()).await;
    let bye: Value = wire.envelope().await;
    answered.fetch_add(1, SeqCst);
    assert_eq!(bye["type"], "BYE", "{bye}");
    let code = bye["message"]["code"].as_u64().expect("a code");
    let after = bye["message"]["reconnectIn"].as_f64();
    assert_eq!(after.is_some(), code != 4401, "{bye}");
    code
}

#[tokio::test]
async fn a_storm_of_wrong_logins_holds_up_nobody_else_and_its_queue_is_bounded() {
    let relay = relay().await;
    let mut server = logged_in(&relay, Via::Wss, named("door")).await;
    let mut client = relay.client(Via::WebTransport, &mut server).await;
    let wires = gather(&relay).await;
    let answered = Arc::new(AtomicUsize::new(0));
    let storm = wires
        .into_iter()
        .map(|wire| tokio::spawn(code_of(wire, Arc::clone(&answered))));
    let storm: Vec<_> = storm.collect();
    // Some are refused because too many wait, so all the others wait now.
    let begun = async {
        while answered.load(SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, begun).await.expect("the storm begins");
    for round in 0..ROUNDS {
        client
            .tell(&server.id, "PING", json!({ "round": round }))
            .await;
        assert_eq!(server.expect("PING").await["round"], round);
        server
            .tell(&client.id, "PONG", json!({ "round": round }))
            .await;
        assert_eq!(client.expect("PONG").await["round"], round);
    }
    assert!(
        answered.load(SeqCst) < storm.len(),
        "the storm was over before that"
    );

    let codes = timeout(4 * PATIENCE, join_all(storm))
        .await
        .expect("answered");
    let codes: Vec<_> = codes
        .into_iter()
        .map(|code| code.expect("answered"))
        .collect();
    let count = |wanted: u64| codes.iter().filter(|code| **code == wanted).count();
    let (wrong, refused, busy) = (count(4401), count(4429), count(1013));
    assert_eq!(wrong + refused + busy, codes.len(), "{codes:?}");
    assert!(busy > 0, "{codes:?}");
    // Hardly more is checked than one for each address.
    assert!(wrong <= 4 * usize::from(ADDRESSES), "{codes:?}");
    assert!(refused > 0, "{codes:?}");
    // There is a place for the next, who pays for none of that.
    logged_in(&relay, Via::WebTransport, named("door")).await;
}

#[tokio::test]
async fn logins_that_go_away_in_the_middle_of_their_check_count_all_the_same() {
    let relay = relay().await;
    let from = IpAddr::from([127, 0, 1, 1]);
    let basic = "Authorization: Basic c3Rvcm06b3BlbiBiYXJsZXk=\r\n";
    let request = format!(
        "GET /server HTTP/1.1\r\n{}{basic}\r\n",
        common::raw::UPGRADE
    );
    let mut impatient = common::login::plain_from(&relay, from).await;
    impatient.write(request).await;
    impatient.shut_down().await;
    drop(impatient);
    // Once that has failed the address is refused whatever it shows; until then the right one is let in.
    let refused = async {
        loop {
            let mut server = socket_from(&relay, from, "/server").await;
            server.text(named("door").to_string()).await;
            let answer = server.envelope().await;
            if answer["type"] == "BYE" {
                return assert_eq!(answer["message"]["code"], 4429, "{answer}");
            }
        }
    };
    timeout(PATIENCE, refused).await.expect("refused at last");
}
