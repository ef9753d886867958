//! What a configuration says of message types, over every transport.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use common::{EVERY_TRANSPORT, TestPeer, TestRelay, every_pair};
use serde_json::{Value, json};

const CHAT: &str = r#"{ type: object, required: [text], properties: { text: { type: string, maxLength: 10 } }, additionalProperties: false }"#;

fn with_types(types: &str) -> String {
    format!("servers: {{ open: true }}\nschemas:\n{types}")
}

async fn delivered(from: &mut TestPeer, to: &mut TestPeer, kind: &str, message: Value) {
    from.tell(&to.id.clone(), kind, message.clone()).await;
    let seen = json!({ "from": from.id, "type": kind, "message": message });
    assert_eq!(to.next().await, seen);
}

#[tokio::test]
async fn a_violation_is_refused_with_where_it_is_and_what_to_mend() {
    let relay = TestRelay::start(&with_types(&format!(
        "  types: {{ CHAT: {{ schema: {CHAT} }} }}\n"
    )))
    .await;
    for (server, client) in every_pair() {
        let (mut server, mut client) = relay.pair(server, client).await;
        delivered(&mut client, &mut server, "CHAT", json!({ "text": "hello" })).await;
        delivered(&mut server, &mut client, "CHAT", json!({ "text": "hello" })).await;
        let secret = "do not repeat this";
        client
            .tell(&server.id, "CHAT", json!({ "text": secret }))
            .await;
        let error = client.refused("SCHEMA_VIOLATION").await;
        assert_eq!(error["errors"][0]["path"], "/text");
        assert_eq!(error["errors"][0]["keyword"], "maxLength");
        assert!(!error.to_string().contains(secret), "{error}");
        client.tell(&server.id, "CHAT", json!({})).await;
        let error = client.refused("SCHEMA_VIOLATION").await;
        assert_eq!(error["errors"][0]["path"], "");
        assert_eq!(error["errors"][0]["keyword"], "required");
        assert_eq!(error["type"], "CHAT");
        delivered(&mut client, &mut server, "OTHER", json!({ "text": 7 })).await;
        server.nothing_else().await;
    }
}

#[tokio::test]
async fn at_most_eight_violations_are_told() {
    let relay = TestRelay::start(&with_types(
        "  types: { LIST: { schema: { properties: { a: { items: { type: string } } } } } }\n",
    ))
    .await;
    for via in EVERY_TRANSPORT {
        let (server, mut client) = relay.pair(via, via).await;
        client
            .tell(&server.id, "LIST", json!({ "a": vec![1; 100] }))
            .await;
        let error = client.refused("SCHEMA_VIOLATION").await;
        assert_eq!(error["errors"].as_array().map(Vec::len), Some(8));
    }
}

#[tokio::test]
async fn a_member_that_is_there_twice_inside_a_message_with_a_schema_is_refused() {
    let relay = TestRelay::start(&with_types(
        "  types: { ANY: { schema: true }, FREE: {} }\n",
    ))
    .await;
    for via in EVERY_TRANSPORT {
        let (mut server, mut client) = relay.pair(via, via).await;
        let envelope = |kind: &str| {
            format!(
                r#"{{"to":"{}","type":"{kind}","message":{{"a":[{{"b":1,"b":2}}]}}}}"#,
                server.id
            )
        };
        let (any, free) = (envelope("ANY"), envelope("FREE"));
        client.send_text(&any).await;
        client.refused("INVALID_ENVELOPE").await;
        client.send_text(&free).await;
        assert!(server.next_text().await.contains(r#"{"b":1,"b":2}"#));
    }
}

#[tokio::test]
async fn a_type_says_who_may_send_it_and_how_much() {
    let relay = TestRelay::start(&with_types(
        "  types: { UP: { schema: true, from: [client] }, DOWN: { from: server, max_bytes: 20 } }\n",
    ))
    .await;
    for (server, client) in every_pair() {
        let (mut server, mut client) = relay.pair(server, client).await;
        delivered(&mut client, &mut server, "UP", json!({})).await;
        server.tell(&client.id, "UP", json!({})).await;
        server.refused("FORBIDDEN_TYPE").await;
        client.tell(&server.id, "DOWN", json!({})).await;
        client.refused("FORBIDDEN_TYPE").await;
        let fitting = json!({ "a": "x".repeat(12) });
        assert_eq!(fitting.to_string().len(), 20);
        delivered(&mut server, &mut client, "DOWN", fitting).await;
        server
            .tell(&client.id, "DOWN", json!({ "a": "x".repeat(13) }))
            .await;
        server.refused("TOO_LARGE").await;
        server
            .tell("*", "DOWN", json!({ "a": "x".repeat(13) }))
            .await;
        server.refused("TOO_LARGE").await;
        client.nothing_else().await;
    }
}

#[tokio::test]
async fn types_without_a_schema_are_refused_where_only_known_ones_are_allowed() {
    let relay = TestRelay::start(&with_types(
        "  unknown_types: reject\n  types: { KNOWN: { schema: true } }\n",
    ))
    .await;
    for via in EVERY_TRANSPORT {
        let (mut server, mut client) = relay.pair(via, via).await;
        client.tell(&server.id, "UNKNOWN", json!({})).await;
        client.refused("UNKNOWN_TYPE").await;
        delivered(&mut client, &mut server, "KNOWN", json!({})).await;
    }
}

#[tokio::test]
async fn a_violation_costs_what_the_type_or_else_the_configuration_says() {
    let relay = TestRelay::start(&with_types(
        "
  on_violation: observe
  types:
    DROP: { schema: false, on_violation: drop }
    REJECT: { schema: false, on_violation: reject }
    OBSERVE: { schema: false }
    DISCONNECT: { schema: false, on_violation: disconnect }
",
    ))
    .await;
    for via in EVERY_TRANSPORT {
        let (mut server, mut client) = relay.pair(via, via).await;
        client.tell(&server.id, "DROP", json!({})).await;
        client.nothing_else().await;
        client.tell(&server.id, "REJECT", json!({})).await;
        client.refused("SCHEMA_VIOLATION").await;
        delivered(&mut client, &mut server, "OBSERVE", json!({})).await;
        server.nothing_else().await;
        client.tell(&server.id, "DISCONNECT", json!({})).await;
        client.closed(4422).await;
        server.expect("PEER_GONE").await;
        server.tell("*", "DISCONNECT", json!({})).await;
        server.closed(4422).await;
    }
}

#[tokio::test]
async fn of_all_errors_that_apply_the_first_is_told() {
    let relay = TestRelay::start(&with_types(
        "
  unknown_types: reject
  types:
    T: { schema: { maxProperties: 1 }, from: [client], max_bytes: 30 }
",
    ))
    .await;
    for via in EVERY_TRANSPORT {
        let (mut server, mut client) = relay.pair(via, via).await;
        let envelope = |to: &str, kind: &str, message: &str| {
            format!(r#"{{"to":"{to}","type":"{kind}","message":{message}}}"#)
        };
        let twice_and_long = format!(r#"{{"a":1,"a":2,"b":"{}"}}"#, "x".repeat(30));
        let long = format!(r#"{{"a":1,"b":"{}"}}"#, "x".repeat(30));
        for (message, code) in [
            (envelope("nobody", "HELLO", "7"), "INVALID_ENVELOPE"),
            (envelope("nobody", "HELLO", "{}"), "RESERVED_TYPE"),
            (envelope("nobody", "X", "{}"), "UNKNOWN_TYPE"),
            (envelope("nobody", "T", &twice_and_long), "INVALID_ENVELOPE"),
            (envelope("nobody", "T", &long), "TOO_LARGE"),
            (
                envelope("nobody", "T", r#"{"a":1,"b":2}"#),
                "SCHEMA_VIOLATION",
            ),
            (envelope("nobody", "T", r#"{"a":1}"#), "UNKNOWN_PEER"),
        ] {
            client.send_text(&message).await;
            client.refused(code).await;
        }
        for (message, code) in [
            (envelope("nobody", "T", &twice_and_long), "INVALID_ENVELOPE"),
            (envelope("nobody", "T", &long), "FORBIDDEN_TYPE"),
        ] {
            server.send_text(&message).await;
            server.refused(code).await;
        }
    }
}

#[tokio::test]
async fn a_schema_may_refer_to_a_file_beside_it() {
    let relay = TestRelay::start_with(
        &with_types("  types: { POINT: schemas/point.json }\n"),
        &[
            (
                "schemas/point.json",
                r#"{ "properties": { "x": { "$ref": "parts/number.json#/$defs/small" } }, "required": ["x"] }"#,
            ),
            (
                "schemas/parts/number.json",
                r#"{ "$defs": { "small": { "type": "integer", "maximum": 9 } } }"#,
            ),
        ],
    )
    .await;
    for via in EVERY_TRANSPORT {
        let (mut server, mut client) = relay.pair(via, via).await;
        delivered(&mut client, &mut server, "POINT", json!({ "x": 9 })).await;
        client.tell(&server.id, "POINT", json!({ "x": 10 })).await;
        let error = client.refused("SCHEMA_VIOLATION").await;
        assert_eq!(error["errors"][0]["path"], "/x");
        assert_eq!(error["errors"][0]["keyword"], "maximum");
    }
}

#[tokio::test]
async fn formats_are_asserted_unless_the_configuration_says_otherwise() {
    let types = "  types: { T: { schema: { properties: { at: { format: date-time } } } } }\n";
    for (formats, code) in [("", Some("SCHEMA_VIOLATION")), ("  formats: false\n", None)] {
        let relay = TestRelay::start(&with_types(&format!("{formats}{types}"))).await;
        let (server, mut client) = relay.pair(common::Via::Ws, common::Via::Ws).await;
        client
            .tell(&server.id, "T", json!({ "at": "yesterday" }))
            .await;
        match code {
            Some(code) => _ = client.refused(code).await,
            None => client.nothing_else().await,
        }
    }
}

/// A pattern that makes a backtracking engine take minutes, and a message made for it.
#[tokio::test]
async fn a_regular_expression_takes_linear_time() {
    let relay = TestRelay::start(&with_types(
        "  types: { T: { schema: { properties: { a: { pattern: '^(a+)+$' } } } } }\n",
    ))
    .await;
    let (server, mut client) = relay.pair(common::Via::Ws, common::Via::Ws).await;
    let hostile = format!("{}!", "a".repeat(30_000));
    client.tell(&server.id, "T", json!({ "a": hostile })).await;
    client.refused("SCHEMA_VIOLATION").await;
}
