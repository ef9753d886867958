//! Who gets a WebTransport session, who is refused one, and what becomes of one that is not used.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use common::{
    OPEN, PATIENCE, TestRelay, Via,
    login::one_door,
    webtransport::{RawPeer, closed_with, dial, request, try_dial},
};
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue, ORIGIN};
use intercessor::client::{Options, Peer, Trust};
use quinn::TransportConfig;
use tokio::{runtime::Builder, task::spawn_blocking, time::timeout};
use url::Url;
use web_transport_quinn::{Session, proto::ConnectRequest};

async fn with_header(
    relay: &TestRelay,
    path: &str,
    name: HeaderName,
    value: &str,
) -> Result<Session, u16> {
    let value = HeaderValue::from_str(value).expect("a value");
    request(relay, path, |request| request.with_header(name, value)).await
}

fn plain(request: ConnectRequest) -> ConnectRequest {
    request
}

#[tokio::test]
async fn any_other_path_is_404() {
    let relay = TestRelay::start(OPEN).await;
    for path in [
        "/",
        "/other",
        "/client/",
        "/client/a/b",
        "/healthz",
        "/.well-known/intercessor",
    ] {
        assert_eq!(
            request(&relay, path, plain).await.err(),
            Some(404),
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_origin_that_is_not_allowed_is_403() {
    let relay = TestRelay::start_exactly(
        &format!(
            "listeners: [{{ transport: webtransport, bind: 127.0.0.1:0, tls: {{ self_signed: localhost }}, \
             origins: [\"https://app.example\", \"https://*.wild.example\"] }}]\n{OPEN}"
        ),
        &[],
    )
    .await;
    for path in ["/server", "/client/abc"] {
        for origin in ["https://other.example", "https://wild.example", "null"] {
            let refused = with_header(&relay, path, ORIGIN, origin).await;
            assert_eq!(refused.err(), Some(403), "{origin}");
        }
        for origin in ["https://app.example", "https://a.wild.example"] {
            with_header(&relay, path, ORIGIN, origin)
                .await
                .expect("a session");
        }
        request(&relay, path, plain)
            .await
            .expect("no origin is allowed");
    }
}

#[tokio::test]
async fn a_wrong_authorization_is_403_and_too_many_are_429() {
    let limits = "limits: { failed_logins: { per_address: 2, window: 1h } }\n";
    let relay = TestRelay::start(&format!("{}{limits}", one_door())).await;
    let login = async |passphrase: &str| {
        let value = format!("Bearer {passphrase}");
        with_header(&relay, "/server", AUTHORIZATION, &value).await
    };
    for _ in 0..2 {
        assert_eq!(login("open barley").await.err(), Some(403));
    }
    for passphrase in ["open barley", "open sesame"] {
        assert_eq!(login(passphrase).await.err(), Some(429), "{passphrase}");
    }
    request(&relay, "/client/abc", plain)
        .await
        .expect("a session");
}

#[tokio::test]
async fn a_right_authorization_is_let_in_and_gets_hello_at_once() {
    let relay = TestRelay::start(&one_door()).await;
    let session = with_header(&relay, "/server", AUTHORIZATION, "Bearer open sesame").await;
    RawPeer::open(session.expect("a session"))
        .await
        .greeted()
        .await;
}

#[tokio::test]
async fn over_a_limit_of_connections_is_429_until_somebody_leaves() {
    for limit in ["connections", "connections_per_address"] {
        let relay = TestRelay::start(&format!("{OPEN}limits: {{ {limit}: 1 }}\n")).await;
        let server = relay.server(Via::WebTransport).await;
        assert_eq!(
            request(&relay, "/server", plain).await.err(),
            Some(429),
            "{limit}"
        );
        server.leave().await;
        // The relay takes note of the end in its own time.
        while request(&relay, "/server", plain).await.err() == Some(429) {}
    }
}

#[tokio::test]
async fn connections_over_the_reserve_are_refused_by_quic() {
    /// Over its limits the relay tells some connections so, and no more than that.
    const MORE_THAN_THE_RESERVE: usize = 100;
    let relay = TestRelay::start(&format!("{OPEN}limits: {{ connections: 1 }}\n")).await;
    let mut waiting = Vec::new();
    let refused = loop {
        match try_dial(&relay, TransportConfig::default()).await {
            Ok(connection) => waiting.push(connection),
            Err(error) => break error,
        }
        assert!(
            waiting.len() < MORE_THAN_THE_RESERVE,
            "the reserve has an end"
        );
    };
    assert!(
        matches!(refused, quinn::ConnectionError::ConnectionClosed(_)),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_subprotocol_is_selected_where_it_is_offered_and_none_is_required() {
    let relay = TestRelay::start(OPEN).await;
    for (offered, selected) in [
        (&[][..], None),
        (&["intercessor"], Some("intercessor")),
        (&["chat", "intercessor"], Some("intercessor")),
        (&["chat"], None),
    ] {
        let offered = offered.iter().map(ToString::to_string);
        let session = request(&relay, "/server", |it| it.with_protocols(offered)).await;
        assert_eq!(session.expect("a session").protocol(), selected);
    }
}

#[tokio::test]
async fn half_a_handshake_is_closed_after_its_timeout() {
    let relay = TestRelay::start(&format!("{OPEN}timeouts: {{ handshake: 1s }}\n")).await;
    let silent = dial(&relay, TransportConfig::default()).await;
    let half_done = dial(&relay, TransportConfig::default()).await;
    let mut control = half_done.open_uni().await.expect("a stream");
    control.write_all(&[0]).await.expect("written");
    for connection in [silent, half_done] {
        timeout(PATIENCE, connection.closed())
            .await
            .expect("closed in time");
    }
}

#[tokio::test]
async fn without_a_session_stream_in_time_a_session_is_closed_with_4408() {
    let relay = TestRelay::start(&format!("{OPEN}timeouts: {{ handshake: 1s }}\n")).await;
    for path in ["/server", "/client/abc"] {
        let session = request(&relay, path, plain).await.expect("a session");
        assert_eq!(closed_with(&session).await.0, 4408);
    }
}

#[tokio::test]
async fn a_session_without_its_stream_is_closed_with_1001_when_the_relay_stops() {
    let relay = TestRelay::start(OPEN).await;
    let session = request(&relay, "/server", plain).await.expect("a session");
    let (_, closed) = tokio::join!(relay.stop(), closed_with(&session));
    assert_eq!(closed.0, 1001);
}

#[tokio::test]
async fn headers_that_are_too_large_get_no_session() {
    let relay = TestRelay::start(OPEN).await;
    let connection = dial(&relay, TransportConfig::default()).await;
    let url: Url = relay
        .url(Via::WebTransport, "/server")
        .parse()
        .expect("a URL");
    let large = HeaderValue::from_str(&"x".repeat(1 << 20)).expect("a value");
    let asked = ConnectRequest::new(url).with_header(HeaderName::from_static("x"), large);
    let refused = timeout(PATIENCE, Session::connect(connection, asked)).await;
    refused.expect("refused in time").expect_err("refused");
}

#[tokio::test]
async fn a_stream_that_is_opened_and_not_announced_is_no_session_stream() {
    let relay = TestRelay::start(&format!("{OPEN}timeouts: {{ handshake: 1s }}\n")).await;
    let session = request(&relay, "/server", plain).await.expect("a session");
    let silent = quinn::Connection::open_bi(&session)
        .await
        .expect("a stream");
    assert_eq!(closed_with(&session).await.0, 4408);
    drop(silent);
}

#[tokio::test]
async fn a_peer_that_is_refused_after_the_handshake_is_told_on_its_session_stream() {
    let relay = TestRelay::start(&format!("{}timeouts: {{ login: 100ms }}\n", one_door())).await;
    RawPeer::connect(&relay, "/client/unknown")
        .await
        .closed(4404)
        .await;
    RawPeer::connect(&relay, "/server").await.closed(4401).await;
    let mut hasty = RawPeer::connect(&relay, "/server").await;
    hasty.write("not even JSON\n").await;
    hasty.closed(4401).await;
}

#[tokio::test]
async fn a_refused_peer_that_opens_its_stream_late_is_told_all_the_same() {
    let relay = TestRelay::start(OPEN).await;
    let session = request(&relay, "/client/unknown", plain)
        .await
        .expect("a session");
    // A round trip, so that the relay could have closed it already.
    let other = RawPeer::server(&relay).await;
    RawPeer::open(session).await.closed(4404).await;
    drop(other);
}

#[tokio::test]
async fn a_peer_that_falls_silent_is_given_up_after_ping_and_pong() {
    let relay = TestRelay::start(&format!("{OPEN}timeouts: {{ ping: 1s, pong: 1s }}\n")).await;
    let mut server = relay.server(Via::Ws).await;
    let url = relay.url(Via::WebTransport, &format!("/client/{}", server.id));
    // A runtime that nobody drives any more answers nothing.
    let frozen = spawn_blocking(move || {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let options = Options {
            trust: Trust::Anything,
            ..Options::default()
        };
        let peer = runtime.block_on(async {
            let mut peer = Peer::connect(&url, options).await.expect("connects");
            peer.receive().await;
            peer
        });
        (runtime, peer)
    });
    let (runtime, _peer) = frozen.await.expect("no panic");
    server.expect("PEER_JOINED").await;
    server.expect("PEER_GONE").await;
    runtime.shutdown_background();
}
