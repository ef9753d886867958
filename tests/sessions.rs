//! `/sessions` of the listener for operators: who is here.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use common::{OPEN, TestRelay, Via, raw::Wire};
use serde_json::{Value, json};

async fn relay() -> TestRelay {
    TestRelay::start(&format!("admin: {{ bind: localhost:0 }}\n{OPEN}")).await
}

/// The page that a query gets.
async fn page(relay: &TestRelay, query: &str) -> Value {
    let answer = relay.admin(&format!("/sessions?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    serde_json::from_str(&answer.body).expect("JSON")
}

/// Some member of each session of a page.
fn each<'a>(page: &'a Value, member: &str) -> Vec<&'a Value> {
    let sessions = page["sessions"].as_array().expect("a list");
    sessions.iter().map(|session| &session[member]).collect()
}

#[tokio::test]
async fn each_session_is_told_without_its_whole_id_and_its_messages() {
    let relay = relay().await;
    let (mut server, mut client) = relay.pair(Via::Wss, Via::WebTransport).await;
    let text = json!({ "to": server.id, "type": "T", "message": { "text": "sesame" } }).to_string();
    client.send_text(&text).await;
    let forwarded = server.next_text().await;
    // HELLO, PEER_JOINED and the envelope are counted once they are written.
    let sent = "intercessor_sent_envelopes_total{role=\"server\",transport=\"websocket\"}";
    relay.wait_for_metric(sent, 3.0).await;
    let answer = relay.admin("/sessions").await;
    for secret in ["sesame", &*server.id, &*client.id] {
        assert!(!answer.body.contains(secret), "{}", answer.body);
    }
    let mut page: Value = serde_json::from_str(&answer.body).expect("JSON");
    for session in page["sessions"].as_array_mut().expect("a list") {
        assert!(session["age"].as_f64().is_some_and(|age| age < 30.0));
        session["age"].take();
    }
    let [hello, joined] = [
        json!({ "from": "0", "type": "HELLO", "message": { "id": server.id } }),
        json!({ "from": "0", "type": "PEER_JOINED", "message": { "id": client.id } }),
    ]
    .map(|envelope| envelope.to_string().len());
    let short = |id: &str| format!("{}…", &id[..4]);
    let numbers = each(&page, "session");
    let [first, second] = [0, 1].map(|at| numbers[at].clone());
    assert!(first.as_u64() < second.as_u64());
    assert_eq!(
        page,
        json!({
            "total": 2,
            "sessions": [
                {
                    "session": first, "role": "server", "id": short(&server.id), "room": short(&server.id),
                    "transport": "websocket", "address": "127.0.0.1", "age": null, "parked": false,
                    "received_envelopes": 0, "received_bytes": 0,
                    "sent_envelopes": 3, "sent_bytes": hello + joined + forwarded.len(),
                    "queued_envelopes": 0, "queued_bytes": 0
                },
                {
                    "session": second, "role": "client", "id": short(&client.id), "room": short(&server.id),
                    "transport": "webtransport", "address": "127.0.0.1", "age": null, "parked": false,
                    "received_envelopes": 1, "received_bytes": text.len(),
                    "sent_envelopes": 1, "sent_bytes": hello,
                    "queued_envelopes": 0, "queued_bytes": 0
                }
            ]
        })
    );
}

#[tokio::test]
async fn pages_follow_one_another_in_the_order_of_arrival() {
    let relay = relay().await;
    let mut server = relay.server(Via::Ws).await;
    let mut clients = Vec::new();
    for _ in 0..6 {
        clients.push(relay.client(Via::Ws, &mut server).await);
    }
    let all = page(&relay, "").await;
    assert_eq!((&all["total"], &all["next"]), (&json!(7), &Value::Null));
    let all = each(&all, "session");
    assert!(all.is_sorted_by_key(|number| number.as_u64()));
    let mut seen = Vec::new();
    let mut next = json!(0);
    while !next.is_null() {
        let mut page = page(&relay, &format!("limit=3&after={next}")).await;
        assert_eq!(page["total"], 7);
        seen.extend(each(&page, "session").into_iter().cloned());
        next = page["next"].take();
    }
    assert_eq!(seen.iter().collect::<Vec<_>>(), all);
    clients.pop().expect("a client").leave().await;
    server.expect("PEER_GONE").await;
    assert_eq!(page(&relay, "limit=1").await["total"], 6);
}

#[tokio::test]
async fn sessions_are_found_by_what_an_operator_knows_of_them() {
    let relay = relay().await;
    let (server, client) = relay.pair(Via::Ws, Via::WebTransport).await;
    let _others = relay.pair(Via::Wss, Via::Wss).await;
    let total = async |query: &str| page(&relay, query).await["total"].clone();
    let short = &server.id[..4];
    for (query, count) in [
        ("", 4),
        ("role=server", 2),
        ("transport=webtransport", 1),
        ("transport=webtransport&role=server", 0),
        ("address=127.0.0.1", 4),
        ("address=::1", 0),
        ("parked=true", 0),
        (&*format!("room={}", server.id), 2),
        (&*format!("room={short}"), 2),
        (&*format!("room={short}%E2%80%A6&role=client"), 1),
        // A longer beginning must not tell whether it is right.
        (&*format!("room={}", &server.id[..5]), 0),
    ] {
        assert_eq!(total(query).await, count, "{query}");
    }
    for bad in ["limit=0", "limit=many", "role=admin", "offset=1"] {
        let answer = relay.admin(&format!("/sessions?{bad}")).await;
        assert_eq!(answer.status, 400, "{bad}");
        assert!(answer.body.ends_with('\n'), "{}", answer.body);
    }
    drop(client);
}

#[tokio::test]
async fn what_waits_for_a_parked_session_is_told_and_its_counts_go_on() {
    let relay = relay().await;
    let mut server = relay.server(Via::Ws).await;
    let path = format!("/client/{}?resume", server.id);
    let mut client = relay.peer(Via::Wss, &path).await;
    let hello = client.hello().await;
    server.expect("PEER_JOINED").await;
    client.peer.abandon();
    relay
        .wait_for_metric("intercessor_parked_sessions", 1.0)
        .await;
    for _ in 0..3 {
        server.tell(&client.id, "T", json!({})).await;
    }
    server.nothing_else().await;
    assert_eq!(relay.metric("intercessor_queued_envelopes").await, 3.0);
    assert_eq!(
        relay.metric("intercessor_longest_queue_envelopes").await,
        3.0
    );
    let parked = page(&relay, "parked=true").await;
    let session = &parked["sessions"][0];
    let waits = json!({ "from": server.id, "type": "T", "message": {} }).to_string();
    assert_eq!(session["transport"], "websocket");
    assert_eq!(session["queued_envelopes"], 3);
    assert_eq!(session["queued_bytes"], 3 * waits.len());
    assert_eq!(session["sent_envelopes"], 1);
    let mut back = relay.peer(Via::WebTransport, "/resume").await;
    let token = &hello["resume"]["token"];
    back.tell("0", "RESUME", json!({ "token": token, "received": 0 }))
        .await;
    back.hello().await;
    for _ in 0..3 {
        back.expect("T").await;
    }
    relay
        .wait_for_metric("intercessor_queued_envelopes", 0.0)
        .await;
    let resumed = page(&relay, "role=client").await;
    let again = &resumed["sessions"][0];
    assert_eq!(again["session"], session["session"]);
    assert_eq!(again["transport"], "webtransport");
    assert_eq!(again["parked"], false);
    // HELLO twice, and what had waited.
    assert_eq!(again["sent_envelopes"], 5);
    assert_eq!(again["received_envelopes"], 0);
}

#[tokio::test]
async fn what_waits_for_a_peer_that_does_not_read_is_told() {
    let relay = relay().await;
    let mut server = relay.server(Via::Ws).await;
    let path = format!("/client/{}", server.id);
    let slow = Wire::slow(&relay, Via::Ws).await;
    let _slow = slow.upgrade(&path).await;
    server.expect("PEER_JOINED").await;
    let text = "x".repeat(32 * 1024);
    let full = async {
        loop {
            server.tell("*", "T", json!({ "text": text })).await;
            server.nothing_else().await;
            if relay.metric("intercessor_longest_queue_envelopes").await > 2.0 {
                break;
            }
        }
    };
    tokio::time::timeout(common::PATIENCE, full)
        .await
        .expect("a queue grows");
    let clients = page(&relay, "role=client").await;
    let session = &clients["sessions"][0];
    let (envelopes, bytes) = (&session["queued_envelopes"], &session["queued_bytes"]);
    let (envelopes, bytes) = (envelopes.as_u64().unwrap(), bytes.as_u64().unwrap());
    assert!(envelopes > 2 && bytes > envelopes * 32 * 1024, "{session}");
}
