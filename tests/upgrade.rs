//! A handshake that succeeds, one that stays half done, and one that never ends.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::time::Duration;

use common::{
    EVERY_TRANSPORT, OPEN, TestRelay, Via,
    raw::{ACCEPT, Response, UPGRADE, Wire, frame},
};
use serde_json::json;
use tokio::{net::TcpStream, time::interval};

const BOTH: [Via; 2] = [Via::Ws, Via::Wss];

/// Far more than is read of a request.
const FLOOD: usize = 512 << 10;

async fn upgraded(relay: &TestRelay, via: Via, path: &str, headers: &str) -> Response {
    let mut wire = Wire::connect(relay, via).await;
    wire.write(format!("GET {path} HTTP/1.1\r\n{UPGRADE}{headers}\r\n"))
        .await;
    let response = wire.response().await;
    assert_eq!(response.status, 101, "{headers}");
    response
}

#[tokio::test]
async fn an_upgrade_is_answered_as_the_rfc_says() {
    let relay = TestRelay::start(OPEN).await;
    for via in BOTH {
        let response = upgraded(&relay, via, "/server", "").await;
        assert_eq!(response.header("sec-websocket-accept"), Some(ACCEPT));
        let header = |name| response.header(name).map(str::to_ascii_lowercase);
        assert_eq!(header("upgrade").as_deref(), Some("websocket"));
        assert_eq!(header("connection").as_deref(), Some("upgrade"));
        assert_eq!(response.header("sec-websocket-extensions"), None);
    }
}

#[tokio::test]
async fn the_subprotocol_is_selected_where_it_is_offered_and_none_is_required() {
    let relay = TestRelay::start(OPEN).await;
    for via in BOTH {
        for (offered, selected) in [
            ("", None),
            (
                "Sec-WebSocket-Protocol: intercessor\r\n",
                Some("intercessor"),
            ),
            (
                "Sec-WebSocket-Protocol: chat, intercessor\r\n",
                Some("intercessor"),
            ),
            (
                "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: intercessor\r\n",
                Some("intercessor"),
            ),
            ("Sec-WebSocket-Protocol: chat\r\n", None),
            (
                "Sec-WebSocket-Protocol: intercessor.v2, xintercessor\r\n",
                None,
            ),
        ] {
            let response = upgraded(&relay, via, "/server", offered).await;
            assert_eq!(
                response.header("sec-websocket-protocol"),
                selected,
                "{offered}"
            );
        }
    }
}

#[tokio::test]
async fn a_frame_right_behind_the_request_is_not_lost() {
    let relay = TestRelay::start(OPEN).await;
    for via in BOTH {
        let mut wire = Wire::connect(&relay, via).await;
        let mut bytes = format!("GET /server HTTP/1.1\r\n{UPGRADE}\r\n").into_bytes();
        let envelope = r#"{"to":"0","type":"EARLY","message":{},"ref":"early"}"#;
        bytes.extend(frame(0x81, envelope.as_bytes(), Some([1, 2, 3, 4])));
        wire.write(bytes).await;
        assert_eq!(wire.response().await.status, 101);
        wire.hello().await;
        assert_eq!(wire.envelope().await["message"]["ref"], "early");
    }
}

#[tokio::test]
async fn a_trailing_slash_and_a_query_are_accepted() {
    let relay = TestRelay::start(OPEN).await;
    for via in EVERY_TRANSPORT {
        for more in ["/", "?x=1&y", "/?x=%20", "?"] {
            let mut server = relay.peer(via, &format!("/server{more}")).await;
            server.hello().await;
            let mut client = relay
                .peer(via, &format!("/client/{}{more}", server.id))
                .await;
            client.hello().await;
            assert_eq!(
                server.expect("PEER_JOINED").await,
                json!({ "id": client.id })
            );
        }
    }
}

#[tokio::test]
async fn a_server_id_that_is_no_id_is_an_unknown_server() {
    let relay = TestRelay::start(OPEN).await;
    let too_long = "x".repeat(65);
    for via in EVERY_TRANSPORT {
        for id in [
            "a.b", "~", "%41", "%C3%BC", "a%2Fb", "0", &too_long, "unknown",
        ] {
            let mut client = relay.peer(via, &format!("/client/{id}")).await;
            let bye = client.closed(4404).await;
            assert!(bye.get("reconnectIn").is_none(), "{bye}");
        }
    }
}

#[tokio::test]
async fn half_a_handshake_is_closed_after_its_timeout() {
    let relay = TestRelay::start(&format!("{OPEN}timeouts: {{ handshake: 1s }}\n")).await;
    let mut half_done = Vec::new();
    for via in BOTH {
        for begun in ["", "G", "GET /server HTTP/1.1\r\nHost: a\r\n"] {
            let mut wire = Wire::connect(&relay, via).await;
            wire.write(begun).await;
            half_done.push(wire);
        }
    }
    for begun in [&b""[..], b"\x16", b"\x16\x03\x01\x01\x00"] {
        let stream = TcpStream::connect(relay.address(Via::Wss))
            .await
            .expect("connects");
        let mut wire = Wire::plain(stream);
        wire.write(begun).await;
        half_done.push(wire);
    }
    for mut wire in half_done {
        wire.ended_somehow().await;
    }
}

#[tokio::test]
async fn a_handshake_that_trickles_in_gets_no_more_time_than_any_other() {
    let relay = TestRelay::start(&format!("{OPEN}timeouts: {{ handshake: 300ms }}\n")).await;
    let mut wire = Wire::connect(&relay, Via::Ws).await;
    wire.write("GET /server HTTP/1.1\r\nHost: a\r\nX: ").await;
    let mut pace = interval(Duration::from_millis(20));
    while wire.try_write("x").await.is_ok() {
        pace.tick().await;
    }
}

#[tokio::test]
async fn a_peer_that_is_let_in_is_not_held_to_the_timeout_of_the_handshake() {
    let relay = TestRelay::start(&format!("{OPEN}timeouts: {{ handshake: 300ms }}\n")).await;
    for via in EVERY_TRANSPORT {
        // Under load a handshake may itself take too long, which is not what this is about.
        let mut peer = loop {
            if let Ok(peer) = relay.peer_with(via, "/server", Default::default()).await {
                break peer;
            }
        };
        peer.hello().await;
        // What the timeout takes from this one, the other has had as well.
        let mut later = Wire::connect(&relay, Via::Ws).await;
        later.ended_somehow().await;
        peer.nothing_else().await;
    }
}

#[tokio::test]
async fn headers_that_never_end_are_refused_and_the_refusal_arrives() {
    let relay = TestRelay::start(OPEN).await;
    let long = "x".repeat(FLOOD);
    for via in BOTH {
        for request in [
            format!("GET /server HTTP/1.1\r\nHost: a\r\nX: {long}"),
            format!(
                "GET /server HTTP/1.1\r\nHost: a\r\n{}\r\n",
                "X: y\r\n".repeat(100)
            ),
            format!("GET /{long}"),
        ] {
            let mut wire = Wire::connect(&relay, via).await;
            wire.write(request).await;
            let status = wire.response().await.status;
            assert!([414, 431].contains(&status), "{status}");
            wire.ended().await;
        }
    }
}

#[tokio::test]
async fn a_refusal_arrives_where_the_peer_is_still_writing() {
    let relay = TestRelay::start(OPEN).await;
    let body = vec![0; FLOOD];
    for via in BOTH {
        for (path, status) in [("/server", 426), ("/other", 404)] {
            let mut wire = Wire::slow(&relay, via).await;
            let length = body.len();
            wire.write(format!(
                "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
            ))
            .await;
            wire.write(&body).await;
            assert_eq!(wire.response().await.status, status);
            wire.ended().await;
        }
    }
}
