//! WebSocket (RFC 6455) to the letter, with frames made by hand.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use common::{
    OPEN, TestRelay, Via,
    raw::{BINARY, CLOSE, CONTINUATION, FIN, Frame, PING, PONG, TEXT, Wire, frame},
};
use serde_json::Value;

const BOTH: [Via; 2] = [Via::Ws, Via::Wss];

/// Small, so that messages about as large stay handy; more than any envelope of these tests.
const LIMIT: usize = 200;

async fn small(limit: usize) -> TestRelay {
    TestRelay::start(&format!("{OPEN}limits: {{ message_bytes: {limit} }}\n")).await
}

/// A server that has had its HELLO.
async fn greeted(relay: &TestRelay, via: Via) -> Wire {
    let mut wire = Wire::socket(relay, via, "/server").await;
    wire.hello().await;
    wire
}

/// An envelope of exactly this many bytes, which the relay answers with an ERROR.
fn sized(bytes: usize) -> String {
    let around = r#"{"to":"0","type":"SIZED","message":{},"ref":"sized"}"#;
    format!("{around}{}", " ".repeat(bytes - around.len()))
}

/// The relay has taken that envelope in, and this is still a session.
async fn answered(wire: &mut Wire) {
    let error: Value = wire.envelope().await;
    assert_eq!(error["message"]["ref"], "sized", "{error}");
}

/// What these bytes, sent after HELLO, close a session with.
async fn closed_by(relay: &TestRelay, via: Via, bytes: &[u8], code: u16) {
    let mut wire = greeted(relay, via).await;
    wire.write(bytes).await;
    wire.closed(code).await;
}

fn masked(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(first, payload.as_ref(), Some([1, 2, 3, 4]))
}

#[tokio::test]
async fn a_binary_message_is_1003() {
    let relay = TestRelay::start(OPEN).await;
    for via in BOTH {
        closed_by(&relay, via, &masked(FIN | BINARY, sized(100)), 1003).await;
        closed_by(&relay, via, &masked(FIN | BINARY, ""), 1003).await;
    }
}

#[tokio::test]
async fn text_that_is_not_utf_8_is_1007() {
    let relay = TestRelay::start(OPEN).await;
    for via in BOTH {
        closed_by(&relay, via, &masked(FIN | TEXT, b"{\"a\":\"\xff\"}"), 1007).await;
        // Half a character at the end; a surrogate; split so that each fragment is wrong by itself only.
        closed_by(&relay, via, &masked(FIN | TEXT, b"\xc3"), 1007).await;
        closed_by(&relay, via, &masked(FIN | TEXT, b"\xed\xa0\x80"), 1007).await;
        let split = [masked(TEXT, b"\xc3"), masked(FIN | CONTINUATION, b"\xc3")].concat();
        closed_by(&relay, via, &split, 1007).await;
    }
}

#[tokio::test]
async fn a_character_may_be_split_between_fragments() {
    let relay = TestRelay::start(OPEN).await;
    for via in BOTH {
        let mut wire = greeted(&relay, via).await;
        let text = sized(60).replace(r#""message":{}"#, r#""message":{"a":"é"}"#);
        let at = text.find('é').expect("it is there") + 1;
        wire.frame(TEXT, &text.as_bytes()[..at]).await;
        wire.frame(FIN | CONTINUATION, &text.as_bytes()[at..]).await;
        answered(&mut wire).await;
    }
}

#[tokio::test]
async fn a_message_may_have_exactly_as_many_bytes_as_the_limit() {
    let relay = small(LIMIT).await;
    for via in BOTH {
        let mut wire = greeted(&relay, via).await;
        let text = sized(LIMIT);
        wire.text(&text).await;
        answered(&mut wire).await;
        wire.frame(TEXT, &text[..LIMIT / 2]).await;
        wire.frame(CONTINUATION, "").await;
        wire.frame(FIN | CONTINUATION, &text[LIMIT / 2..]).await;
        answered(&mut wire).await;
    }
}

#[tokio::test]
async fn a_message_over_the_limit_is_1009_in_one_frame_or_in_many() {
    let relay = small(LIMIT).await;
    for via in BOTH {
        let text = sized(LIMIT + 1);
        closed_by(&relay, via, &masked(FIN | TEXT, &text), 1009).await;
        let halves = [
            masked(TEXT, &text[..LIMIT / 2]),
            masked(FIN | CONTINUATION, &text[LIMIT / 2..]),
        ];
        closed_by(&relay, via, &halves.concat(), 1009).await;
        // Fragments that never end, and a frame of which only the header has come.
        let endless = [masked(TEXT, &text[..LIMIT]), masked(CONTINUATION, "x")];
        closed_by(&relay, via, &endless.concat(), 1009).await;
        let header = &masked(FIN | TEXT, vec![b' '; 1 << 20])[..14];
        closed_by(&relay, via, header, 1009).await;
    }
}

#[tokio::test]
async fn a_protocol_violation_is_1002() {
    let relay = TestRelay::start(OPEN).await;
    let text = sized(60);
    let violations = [
        ("not masked", frame(FIN | TEXT, text.as_bytes(), None)),
        ("RSV1", masked(FIN | 0x40 | TEXT, &text)),
        ("RSV2", masked(FIN | 0x20 | TEXT, &text)),
        ("RSV3", masked(FIN | 0x10 | TEXT, &text)),
        ("opcode 3", masked(FIN | 0x3, &text)),
        ("opcode 7", masked(FIN | 0x7, &text)),
        ("opcode 11", masked(FIN | 0xb, "")),
        ("opcode 15", masked(FIN | 0xf, "")),
        ("a ping in fragments", masked(PING, "")),
        ("a pong in fragments", masked(PONG, "")),
        ("a close in fragments", masked(CLOSE, "")),
        ("a large ping", masked(FIN | PING, [0; 126])),
        (
            "a continuation of nothing",
            masked(FIN | CONTINUATION, &text),
        ),
        (
            "a message within another",
            [masked(TEXT, "{"), masked(FIN | TEXT, &text)].concat(),
        ),
        ("half a close code", masked(FIN | CLOSE, [3])),
    ];
    for via in BOTH {
        for (what, bytes) in &violations {
            eprintln!("{what}");
            closed_by(&relay, via, bytes, 1002).await;
        }
    }
}

#[tokio::test]
async fn a_fragmented_message_works_and_control_frames_may_come_in_between() {
    let relay = TestRelay::start(OPEN).await;
    for via in BOTH {
        let mut wire = greeted(&relay, via).await;
        let text = sized(60);
        wire.frame(TEXT, &text[..1]).await;
        for (at, byte) in text[1..].bytes().enumerate() {
            wire.frame(CONTINUATION, [byte]).await;
            if at == 20 {
                wire.frame(FIN | PING, "between").await;
                wire.frame(FIN | PONG, "unasked").await;
            }
        }
        wire.frame(FIN | CONTINUATION, "").await;
        assert_eq!(wire.next_frame().await, pong("between"));
        answered(&mut wire).await;
    }
}

fn pong(payload: &str) -> Frame {
    Frame {
        first: FIN | PONG,
        payload: payload.into(),
    }
}

#[tokio::test]
async fn pings_are_answered_with_what_they_carried() {
    let relay = TestRelay::start(OPEN).await;
    for via in BOTH {
        let mut wire = greeted(&relay, via).await;
        for payload in ["", "a", &"x".repeat(125)] {
            wire.frame(FIN | PING, payload).await;
            assert_eq!(wire.next_frame().await, pong(payload));
        }
    }
}

#[tokio::test]
async fn a_silent_peer_is_pinged_and_one_that_answers_stays() {
    let relay = TestRelay::start(&format!("{OPEN}timeouts: {{ ping: 50ms, pong: 1m }}\n")).await;
    for via in BOTH {
        let mut wire = greeted(&relay, via).await;
        for _ in 0..3 {
            let ping = wire.next_frame().await;
            assert_eq!(ping.first, FIN | PING);
            wire.frame(FIN | PONG, ping.payload).await;
        }
    }
}

#[tokio::test]
async fn a_peer_that_answers_no_ping_is_told_4408() {
    let relay = TestRelay::start(&format!("{OPEN}timeouts: {{ ping: 50ms, pong: 50ms }}\n")).await;
    for via in BOTH {
        let mut wire = greeted(&relay, via).await;
        assert_eq!(wire.next_frame().await.first, FIN | PING);
        wire.closed(4408).await;
    }
}

#[tokio::test]
async fn the_bytes_of_a_message_that_is_not_complete_are_a_sign_of_life() {
    let relay = TestRelay::start(&format!("{OPEN}timeouts: {{ ping: 100ms, pong: 2s }}\n")).await;
    for via in BOTH {
        let mut wire = greeted(&relay, via).await;
        // Were they none, no second ping would come, but the end.
        for byte in masked(FIN | TEXT, sized(100)).into_iter().take(10) {
            assert_eq!(wire.next_frame().await.first, FIN | PING);
            wire.write([byte]).await;
        }
    }
}

#[tokio::test]
async fn a_peers_close_is_answered_and_ends_the_connection() {
    let relay = TestRelay::start(OPEN).await;
    for via in BOTH {
        for close in [&b""[..], &[0x03, 0xe8], b"\x03\xe9going"] {
            answers_close(&relay, via, close).await;
        }
    }
}

#[tokio::test]
async fn a_peers_close_with_a_code_of_its_own_is_answered_as_well() {
    let relay = TestRelay::start(OPEN).await;
    for via in BOTH {
        answers_close(&relay, via, b"\x0f\xa0own code").await;
    }
}

async fn answers_close(relay: &TestRelay, via: Via, close: &[u8]) {
    let mut wire = greeted(relay, via).await;
    wire.frame(FIN | CLOSE, close).await;
    let answer = wire.next_frame().await;
    assert_eq!(answer.first, FIN | CLOSE);
    assert_eq!(answer.payload.get(..2), close.get(..2));
    wire.ended().await;
}

#[tokio::test]
async fn a_close_or_the_end_of_the_connection_makes_peer_gone() {
    let relay = TestRelay::start(OPEN).await;
    let mut server = relay.server(Via::Ws).await;
    let path = format!("/client/{}", server.id);
    for via in BOTH {
        for leaving in ["close", "end", "half a frame", "half a message"] {
            let mut wire = Wire::socket(&relay, via, &path).await;
            let id = wire.hello().await;
            assert_eq!(server.expect("PEER_JOINED").await["id"], id);
            match leaving {
                "close" => wire.frame(FIN | CLOSE, [0x03, 0xe8]).await,
                "half a frame" => wire.write(&masked(FIN | TEXT, "text")[..7]).await,
                "half a message" => wire.frame(TEXT, "text").await,
                _ => {}
            }
            drop(wire);
            assert_eq!(server.expect("PEER_GONE").await["id"], id, "{leaving}");
        }
    }
}

#[tokio::test]
async fn what_a_peer_sent_before_its_close_arrives_before_peer_gone() {
    let relay = TestRelay::start(OPEN).await;
    let mut server = relay.server(Via::Ws).await;
    let path = format!("/client/{}", server.id);
    for via in BOTH {
        let mut wire = Wire::socket(&relay, via, &path).await;
        wire.hello().await;
        server.expect("PEER_JOINED").await;
        let last = format!(r#"{{"to":"{}","type":"LAST","message":{{}}}}"#, server.id);
        wire.write([masked(FIN | TEXT, last), masked(FIN | CLOSE, "")].concat())
            .await;
        drop(wire);
        server.expect("LAST").await;
        server.expect("PEER_GONE").await;
    }
}

#[tokio::test]
async fn a_peer_that_goes_on_writing_still_gets_the_last_words() {
    let relay = TestRelay::start(OPEN).await;
    for via in BOTH {
        for (first, code) in [(FIN | BINARY, 1003), (FIN | 0x3, 1002)] {
            let mut wire = Wire::slow(&relay, via).await.upgrade("/server").await;
            wire.hello().await;
            wire.frame(first, "").await;
            flood(&mut wire).await;
            wire.closed(code).await;
        }
    }
}

#[tokio::test]
async fn a_peer_that_goes_on_writing_while_it_is_kicked_gets_the_last_words() {
    // Held to a rate, what it writes is not read.
    let limits = "limits: { messages_per_second: { rate: 1, burst: 1 } }\n";
    let relay = TestRelay::start(&format!("{OPEN}{limits}")).await;
    for via in BOTH {
        // The server is an open one, and held to the rate as well.
        let mut server = relay.server(Via::Ws).await;
        let path = format!("/client/{}", server.id);
        let mut wire = Wire::slow(&relay, via).await.upgrade(&path).await;
        let id = wire.hello().await;
        wire.text(sized(100)).await;
        answered(&mut wire).await;
        wire.text(sized(100)).await;
        server
            .tell("0", "KICK", serde_json::json!({ "id": id }))
            .await;
        server.expect("PEER_JOINED").await;
        server.expect("PEER_GONE").await;
        flood(&mut wire).await;
        wire.closed(4403).await;
    }
}

async fn flood(wire: &mut Wire) {
    for _ in 0..8 {
        wire.text(sized(60_000)).await;
    }
}
