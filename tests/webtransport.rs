//! The session stream of WebTransport: lines both ways, and every way to end.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use common::{
    EVERY_TRANSPORT, OPEN, PATIENCE, TestPeer, TestRelay, Via,
    webtransport::{RawPeer, envelope},
};
use serde_json::json;
use tokio::time::timeout;

/// Small, so that messages about as large stay handy; more than any envelope of these tests.
const LIMIT: usize = 200;

/// A server over WebSocket and a client of it over WebTransport, introduced.
async fn pair(relay: &TestRelay) -> (TestPeer, RawPeer) {
    let mut server = relay.server(Via::Ws).await;
    let client = client(relay, &mut server).await;
    (server, client)
}

async fn client(relay: &TestRelay, server: &mut TestPeer) -> RawPeer {
    let path = format!("/client/{}", server.id);
    let client = RawPeer::connect(relay, &path).await.greeted().await;
    assert_eq!(server.expect("PEER_JOINED").await["id"], client.id);
    client
}

/// An envelope of exactly this many bytes.
fn sized(to: &str, bytes: usize) -> String {
    let text = envelope(to, "SIZED", json!({}));
    let spaces = " ".repeat(bytes - text.len());
    format!("{}{spaces}}}", &text[..text.len() - 1])
}

#[tokio::test]
async fn hello_is_the_first_line_and_each_envelope_is_one() {
    let relay = TestRelay::start(OPEN).await;
    let mut peer = RawPeer::connect(&relay, "/server").await;
    let hello = peer.line().await.expect("a line");
    assert!(
        hello.starts_with(r#"{"from":"0","type":"HELLO","message":{"id":""#),
        "{hello}"
    );
}

#[tokio::test]
async fn lines_may_come_split_and_several_at_once() {
    let relay = TestRelay::start(OPEN).await;
    let (mut server, mut client) = pair(&relay).await;
    let line = |n: u32| {
        format!(
            "{}\n",
            envelope(&server.id, "N", json!({ "n": n, "é": "é" }))
        )
    };
    let texts = [line(0), line(1), line(2)];
    for byte in texts[0].bytes() {
        client.write([byte]).await;
        // Sent before the next is written, so that the relay gets them apart.
        tokio::task::yield_now().await;
    }
    client.write(texts[1..].concat()).await;
    let (whole, half) = (line(3), line(4));
    client.write(format!("{whole}{}", &half[..10])).await;
    client.write(&half[10..]).await;
    for n in 0..5 {
        assert_eq!(server.expect("N").await["n"], n);
    }
}

#[tokio::test]
async fn crlf_and_white_space_are_fine_and_empty_lines_are_ignored() {
    let relay = TestRelay::start(OPEN).await;
    let (mut server, mut client) = pair(&relay).await;
    let text = envelope(&server.id, "N", json!({}));
    client
        .write(format!("\n\r\n \t\r\n{text}\r\n\n\n \t{text} \t\n\r\n"))
        .await;
    server.expect("N").await;
    server.expect("N").await;
    // An empty line would have been answered by an ERROR before this one.
    client.tell("0", "NOTHING", json!({})).await;
    assert_eq!(client.expect("ERROR").await["type"], "NOTHING");
}

#[tokio::test]
async fn a_line_break_inside_a_message_never_reaches_the_stream_raw() {
    let relay = TestRelay::start(OPEN).await;
    for via in EVERY_TRANSPORT {
        let mut server = relay.server(via).await;
        let mut client = client(&relay, &mut server).await;
        let pretty = format!(
            "{{\r\n \"to\": \"{}\",\n \"type\": \"PRETTY\",\n \"message\": {{\r\n  \"a\":\n[1,\r2], \"s\": \"\\n\"\n }}\n}}",
            client.id
        );
        server.send_text(&pretty).await;
        let line = client.line().await.expect("a line");
        assert!(!line.contains('\r'), "{line:?}");
        let seen: serde_json::Value = serde_json::from_str(&line).expect("the whole of it");
        assert_eq!(seen["message"], json!({ "a": [1, 2], "s": "\n" }));
    }
}

#[tokio::test]
async fn every_clean_end_makes_peer_gone_at_once() {
    let relay = TestRelay::start(OPEN).await;
    let mut server = relay.server(Via::Ws).await;
    // Far sooner than a silent connection would be given up: that takes longer than a test waits.
    for end in [
        "fin",
        "session 0",
        "session 1000",
        "h3 no error",
        "quic 0",
        "quic 1000",
    ] {
        let mut client = client(&relay, &mut server).await;
        let quic = |code: u32| quinn::Connection::close(&client.session, code.into(), b"");
        match end {
            "fin" => client.send.finish().expect("finished"),
            "session 0" => client.session.close(0, b""),
            "session 1000" => client.session.close(1000, b"done"),
            "h3 no error" => quic(0x100),
            "quic 0" => quic(0),
            _ => quic(1000),
        }
        assert_eq!(server.expect("PEER_GONE").await["id"], client.id, "{end}");
    }
}

#[tokio::test]
async fn after_a_fin_the_relay_ends_its_side_and_closes_the_session() {
    let relay = TestRelay::start(OPEN).await;
    let mut peer = RawPeer::server(&relay).await;
    peer.send.finish().expect("finished");
    assert_eq!(peer.line().await, None);
    let closed = common::webtransport::closed_with(&peer.session).await;
    assert_eq!(closed, (1000, String::new()));
}

#[tokio::test]
async fn what_a_peer_sent_before_it_left_arrives_before_peer_gone() {
    // Held to a rate, its session is over before the last of it is read.
    let limits = "limits: { messages_per_second: { rate: 100, burst: 1 } }\n";
    let relay = TestRelay::start(&format!("{OPEN}{limits}")).await;
    let mut server = relay.server(Via::Ws).await;
    let text = "x".repeat(1000);
    // Several times, since chance decides what is looked at first where the relay does not.
    for end in ["fin", "session"].repeat(8) {
        let mut client = client(&relay, &mut server).await;
        for n in 0..5 {
            client
                .tell(&server.id, "LAST", json!({ "n": n, "text": text }))
                .await;
        }
        match end {
            "fin" => client.send.finish().expect("finished"),
            _ => client.session.close(0, b""),
        }
        for n in 0..5 {
            assert_eq!(server.expect("LAST").await["n"], n, "{end}");
        }
        server.expect("PEER_GONE").await;
    }
}

#[tokio::test]
async fn a_line_may_have_exactly_as_many_bytes_as_the_limit_and_no_more() {
    let relay = TestRelay::start(&format!("{OPEN}limits: {{ message_bytes: {LIMIT} }}\n")).await;
    let (mut server, mut client) = pair(&relay).await;
    client
        .write(format!("{}\n", sized(&server.id, LIMIT)))
        .await;
    server.expect("SIZED").await;
    // Its end may come later, when the relay has had all of it.
    client.write(sized(&server.id, LIMIT)).await;
    let between = envelope(&server.id, "BETWEEN", json!({}));
    client.independently(between).await;
    server.expect("BETWEEN").await;
    client.write("\n").await;
    server.expect("SIZED").await;
    client
        .write(format!("{}\n", sized(&server.id, LIMIT + 1)))
        .await;
    client.closed(1009).await;
    server.expect("PEER_GONE").await;
    // One without an end is not waited for.
    let (_server, mut client) = pair(&relay).await;
    client.write("x".repeat(LIMIT + 1)).await;
    client.closed(1009).await;
}

#[tokio::test]
async fn an_independent_envelope_or_a_datagram_over_the_limit_is_1009() {
    let relay = TestRelay::start(&format!("{OPEN}limits: {{ message_bytes: {LIMIT} }}\n")).await;
    for datagram in [false, true] {
        let (mut server, mut client) = pair(&relay).await;
        for bytes in [LIMIT, LIMIT + 1] {
            let text = sized(&server.id, bytes);
            if datagram {
                client.session.send_datagram(text.into()).expect("sent");
            } else {
                let mut stream = client.unfinished(text).await;
                stream.finish().expect("finished");
            }
            if bytes == LIMIT {
                server.expect("SIZED").await;
            }
        }
        client.closed(1009).await;
    }
}

#[tokio::test]
async fn text_that_is_not_utf_8_is_1007_on_every_lane() {
    let relay = TestRelay::start(OPEN).await;
    let bytes = b"{\"a\":\"\xff\"}";
    for lane in ["session stream", "independent", "datagram"] {
        let mut peer = RawPeer::server(&relay).await;
        match lane {
            "session stream" => peer.write([&bytes[..], b"\n"].concat()).await,
            "independent" => peer.unfinished(bytes).await.finish().expect("finished"),
            _ => peer.session.send_datagram(bytes[..].into()).expect("sent"),
        }
        eprintln!("{lane}");
        peer.closed(1007).await;
    }
}

#[tokio::test]
async fn a_second_bidirectional_stream_is_1002() {
    let relay = TestRelay::start(OPEN).await;
    let mut peer = RawPeer::server(&relay).await;
    let second = peer.session.open_bi().await.expect("a stream");
    peer.closed(1002).await;
    drop(second);
}

#[tokio::test]
async fn the_relay_ends_a_session_with_bye_fin_and_the_code() {
    let relay = TestRelay::start(OPEN).await;
    let (mut server, mut client) = pair(&relay).await;
    let reason = "é".repeat(100);
    server
        .tell("0", "KICK", json!({ "id": client.id, "reason": reason }))
        .await;
    let bye = client.closed(4403).await;
    let reason = bye["reason"].as_str().expect("a reason");
    assert!(reason.len() <= 123 && reason.len() > 100, "{reason}");
}

#[tokio::test]
async fn when_its_server_leaves_a_client_has_peer_gone_before_bye() {
    let relay = TestRelay::start(OPEN).await;
    let (server, mut client) = pair(&relay).await;
    let id = server.id.clone();
    server.leave().await;
    assert_eq!(client.expect("PEER_GONE").await["id"], id);
    client.closed(4410).await;
}

#[tokio::test]
async fn a_peer_that_reads_its_goodbye_late_gets_it_whole() {
    let relay = TestRelay::start(OPEN).await;
    let (mut server, mut client) = pair(&relay).await;
    let text = "x".repeat(1000);
    for _ in 0..100 {
        server
            .tell(&client.id, "MANY", json!({ "text": text }))
            .await;
    }
    server.tell("0", "KICK", json!({ "id": client.id })).await;
    server.expect("PEER_GONE").await;
    for _ in 0..100 {
        client.expect("MANY").await;
    }
    client.closed(4403).await;
}

#[tokio::test]
async fn a_peer_that_stops_the_session_stream_is_gone_for_its_room() {
    let relay = TestRelay::start(OPEN).await;
    let (mut server, mut client) = pair(&relay).await;
    client.receive.stop(0).expect("stopped");
    // The relay notices when it next writes.
    server.tell(&client.id, "ANY", json!({})).await;
    server.expect("PEER_GONE").await;
    timeout(PATIENCE, client.session.closed())
        .await
        .expect("closed in time");
}
