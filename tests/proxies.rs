//! Behind proxies: whose address counts, and who may say so.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::{
    io::{Read, Write},
    net::{IpAddr, TcpStream},
};

use common::{
    OPEN, TestRelay, Via,
    login::{one_door, plain_from},
    process::Process,
    raw::{UPGRADE, Wire},
    webtransport::request,
};
use hyper::http::{HeaderName, HeaderValue};
use intercessor::client::Trust;
use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;

/// What a trusted proxy writes for a peer: before the request, and in it.
type Tell = fn(&str) -> (Vec<u8>, String);

const ADMIN: &str = "admin: { bind: localhost:0 }\n";
const PROXY: [u8; 4] = [127, 0, 0, 1];
const STRANGER: [u8; 4] = [127, 0, 0, 2];
/// Every way in which a proxy can tell an address.
const WAYS: [(&str, Tell); 4] = [
    ("x-forwarded-for", |peer| {
        (
            Vec::new(),
            format!("X-Forwarded-For: 198.51.100.9, {peer}\r\n"),
        )
    }),
    ("forwarded", |peer| {
        let header = format!("Forwarded: for=198.51.100.9\r\nForwarded: for=\"[{peer}]\"\r\n");
        let header = match peer.contains(':') {
            true => header,
            false => header.replace(['[', ']'], ""),
        };
        (Vec::new(), header)
    }),
    ("proxy_protocol", |peer| (version_1(peer), String::new())),
    ("proxy_protocol", |peer| (version_2(peer), String::new())),
];

fn version_1(peer: &str) -> Vec<u8> {
    match peer.contains(':') {
        true => format!("PROXY TCP6 {peer} ::1 4711 443\r\n").into(),
        false => format!("PROXY TCP4 {peer} 127.0.0.1 4711 443\r\n").into(),
    }
}

fn version_2(peer: &str) -> Vec<u8> {
    let signature = b"\r\n\r\n\0\r\nQUIT\n\x21";
    // An authority and a name of the proxy's own behind the addresses.
    let more = b"\x02\0\x05relay\xe0\0\x02ab";
    let addresses = match peer.parse().expect("an address") {
        IpAddr::V4(peer) => [&[0x11, 0, 25][..], &peer.octets(), &[0; 8]].concat(),
        IpAddr::V6(peer) => [&[0x21, 0, 49][..], &peer.octets(), &[0; 20]].concat(),
    };
    [&signature[..], &addresses, more].concat()
}

fn listeners(keys: &str) -> String {
    let more = format!("bind: '127.0.0.1:0', tls: off, {keys}");
    format!("listeners: [{{ transport: websocket, {more} }}]\n")
}

/// A relay that trusts [`PROXY`] alone to tell addresses in this way.
async fn relay(address_from: &str, yaml: &str) -> TestRelay {
    let keys = format!("address_from: {address_from}, trusted_proxies: [127.0.0.1]");
    TestRelay::start_exactly(&format!("{}{ADMIN}{yaml}", listeners(&keys)), &[]).await
}

/// Asks for a session at a path, as a proxy hands it on.
async fn ask(relay: &TestRelay, from: [u8; 4], tell: Tell, peer: &str, more: &str) -> Wire {
    let (before, headers) = tell(peer);
    let mut wire = plain_from(relay, from.into()).await;
    wire.write(before).await;
    wire.write(format!(
        "GET /server HTTP/1.1\r\n{UPGRADE}{headers}{more}\r\n"
    ))
    .await;
    wire
}

async fn status(wire: &mut Wire) -> u16 {
    wire.response().await.status
}

/// Waits until so many connections are left.
async fn wait_for_connections(relay: &TestRelay, left: usize) {
    while relay.hub.gate.connections() != left {
        tokio::task::yield_now().await;
    }
}

const ONE_EACH: &str = "limits: { connections_per_address: 1 }\n";

#[tokio::test]
async fn each_peer_behind_a_proxy_has_its_own_places() {
    for (way, tell) in WAYS {
        let relay = relay(way, &format!("{OPEN}{ONE_EACH}")).await;
        let mut kept = Vec::new();
        for peer in ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8:0:1::1"] {
            let mut wire = ask(&relay, PROXY, tell, peer, "").await;
            assert_eq!(status(&mut wire).await, 101, "{way} {peer}");
            kept.push(wire);
        }
        for peer in ["192.0.2.1", "::ffff:192.0.2.2", "2001:db8::2"] {
            let mut wire = ask(&relay, PROXY, tell, peer, "").await;
            assert_eq!(status(&mut wire).await, 503, "{way} {peer}");
        }
        drop(kept);
        wait_for_connections(&relay, 0).await;
        let mut wire = ask(&relay, PROXY, tell, "192.0.2.1", "").await;
        assert_eq!(status(&mut wire).await, 101, "{way}");
    }
}

#[tokio::test]
async fn failed_logins_count_for_the_peer_and_not_for_the_proxy() {
    let limits = "limits: { failed_logins: { per_address: 2, window: 1h } }\n";
    for (way, tell) in WAYS {
        let relay = relay(way, &format!("{}{limits}", one_door())).await;
        let wrong = "Authorization: Bearer no\r\n";
        for (peer, wanted) in [
            ("192.0.2.1", 401),
            ("192.0.2.1", 401),
            ("192.0.2.1", 429),
            ("192.0.2.2", 401),
        ] {
            let mut wire = ask(&relay, PROXY, tell, peer, wrong).await;
            assert_eq!(status(&mut wire).await, wanted, "{way} {peer}");
        }
        // A LOGIN counts where the header does.
        let mut wire = ask(&relay, PROXY, tell, "192.0.2.1", "").await;
        assert_eq!(status(&mut wire).await, 101, "{way}");
        wire.text(common::login::right().to_string()).await;
        wire.closed(4429).await;
    }
}

#[tokio::test]
async fn what_anybody_else_says_is_not_read() {
    // The header that is not named, from the proxy; the one that is, from a stranger; and where none is named any.
    let x_forwarded_for: Tell = WAYS[0].1;
    let forwarded: Tell = WAYS[1].1;
    for (keys, from, tell, wanted) in [
        ("address_from: x-forwarded-for", PROXY, forwarded, 101),
        ("address_from: forwarded", PROXY, x_forwarded_for, 101),
        (
            "address_from: x-forwarded-for",
            STRANGER,
            x_forwarded_for,
            503,
        ),
        ("address_from: forwarded", STRANGER, forwarded, 503),
        ("demo: false", PROXY, x_forwarded_for, 503),
        ("demo: false", PROXY, forwarded, 503),
    ] {
        let trusted = keys.starts_with("address");
        let keys = format!(
            "{keys}{}",
            if trusted {
                ", trusted_proxies: [127.0.0.1]"
            } else {
                ""
            }
        );
        let yaml = format!("{}{OPEN}{ONE_EACH}", listeners(&keys));
        let relay = TestRelay::start_exactly(&yaml, &[]).await;
        let mut first = ask(&relay, from, tell, "192.0.2.1", "").await;
        assert_eq!(status(&mut first).await, 101, "{keys}");
        // Nobody is counted under what is not read; of a trusted proxy there may be many connections.
        let mut second = ask(&relay, from, tell, "192.0.2.2", "").await;
        assert_eq!(status(&mut second).await, wanted, "{keys} {from:?}");
    }
}

#[tokio::test]
async fn a_proxy_that_calls_for_itself_is_limited_by_no_address() {
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    for (way, before) in [
        ("x-forwarded-for", &b""[..]),
        ("forwarded", b""),
        ("proxy_protocol", local),
        ("proxy_protocol", b"PROXY UNKNOWN\r\n"),
    ] {
        let relay = relay(way, &format!("{OPEN}{ONE_EACH}")).await;
        let mut kept = Vec::new();
        for _ in 0..3 {
            let mut wire = plain_from(&relay, PROXY.into()).await;
            wire.write(before).await;
            kept.push(wire.upgrade("/server").await);
        }
    }
}

#[tokio::test]
async fn with_proxy_protocol_everybody_else_is_refused() {
    let patient = format!("{OPEN}timeouts: {{ handshake: 1h }}\n");
    let relay = relay("proxy_protocol", &patient).await;
    let refused =
        "intercessor_refused_handshakes_total{reason=\"proxy_header\",transport=\"websocket\"}";
    let mut stranger = plain_from(&relay, STRANGER.into()).await;
    // It may be closed already.
    let request = format!("GET /server HTTP/1.1\r\n{UPGRADE}\r\n");
    let request = [version_1("192.0.2.1"), request.into()].concat();
    _ = stranger.try_write(request).await;
    stranger.ended_somehow().await;
    relay.wait_for_metric(refused, 1.0).await;
    for (count, garbage) in [
        (2.0, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"),
        (3.0, "PROXY TCP4\r\n   "),
    ] {
        let mut wire = plain_from(&relay, PROXY.into()).await;
        wire.write(garbage).await;
        wire.ended_somehow().await;
        relay.wait_for_metric(refused, count).await;
    }
    wait_for_connections(&relay, 0).await;
    let mut probe = plain_from(&relay, PROXY.into()).await;
    probe
        .write("PROXY UNKNOWN\r\nGET /healthz HTTP/1.0\r\n\r\n")
        .await;
    assert_eq!(status(&mut probe).await, 200);
}

#[tokio::test]
async fn waiting_for_a_proxy_header_is_bounded_as_a_handshake_is() {
    let limits = "timeouts: { handshake: 200ms }\nlimits: { connections: 1 }\n";
    let relay = relay("proxy_protocol", &format!("{OPEN}{limits}")).await;
    let mut slow = plain_from(&relay, PROXY.into()).await;
    slow.write("PROXY TCP4 192.0.2.1").await;
    wait_for_connections(&relay, 1).await;
    let mut second = ask(&relay, PROXY, WAYS[2].1, "192.0.2.2", "").await;
    assert_eq!(status(&mut second).await, 503);
    slow.ended_somehow().await;
    drop(second);
    wait_for_connections(&relay, 0).await;
}

#[tokio::test]
async fn the_proxy_header_comes_before_tls() {
    let keys = "bind: '127.0.0.1:0', tls: { self_signed: localhost }, address_from: proxy_protocol";
    let listeners = format!("listeners: [{{ transport: websocket, {keys} }}]\n");
    let relay = TestRelay::start_exactly(&format!("{listeners}{OPEN}{ONE_EACH}"), &[]).await;
    let mut kept = Vec::new();
    for (peer, wanted) in [("192.0.2.1", 101), ("192.0.2.1", 503), ("192.0.2.2", 101)] {
        let mut stream = tokio::net::TcpStream::connect(relay.address(Via::Wss))
            .await
            .expect("connects");
        tokio::io::AsyncWriteExt::write_all(&mut stream, &version_2(peer))
            .await
            .expect("written");
        let tls = Trust::Anything.client_config("http/1.1").expect("TLS");
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = TlsConnector::from(std::sync::Arc::new(tls)).connect(name, stream);
        let mut wire = Wire::over_any(stream.await.expect("TLS"));
        wire.write(format!("GET /server HTTP/1.1\r\n{UPGRADE}\r\n"))
            .await;
        assert_eq!(status(&mut wire).await, wanted, "{peer}");
        kept.push(wire);
    }
}

#[tokio::test]
async fn over_webtransport_headers_count_as_well() {
    let keys =
        "bind: '127.0.0.1:0', tls: { self_signed: localhost }, address_from: x-forwarded-for";
    let listeners = format!("listeners: [{{ transport: webtransport, {keys} }}]\n");
    let relay = TestRelay::start_exactly(&format!("{listeners}{OPEN}{ONE_EACH}"), &[]).await;
    let mut kept = Vec::new();
    for (peer, wanted) in [
        ("192.0.2.1", Ok(())),
        ("192.0.2.1", Err(429)),
        ("192.0.2.2", Ok(())),
    ] {
        let name = HeaderName::from_static("x-forwarded-for");
        let value = HeaderValue::from_static(peer);
        let asked = request(&relay, "/server", |it| it.with_header(name, value)).await;
        assert_eq!(
            asked.as_ref().map(|_| ()).map_err(|it| *it),
            wanted,
            "{peer}"
        );
        kept.push(asked);
    }
}

#[tokio::test]
async fn who_comes_through_a_proxy_on_loopback_is_not_told_of_loopback() {
    let relay = relay("x-forwarded-for", OPEN).await;
    for (header, listed) in [("", true), ("X-Forwarded-For: 192.0.2.1\r\n", false)] {
        let mut wire = plain_from(&relay, PROXY.into()).await;
        wire.write(format!(
            "GET /.well-known/intercessor HTTP/1.1\r\nHost: relay.example\r\n{header}\r\n"
        ))
        .await;
        let document = wire.response().await.body;
        assert_eq!(
            document.contains("ws://relay.example:"),
            listed,
            "{document}"
        );
    }
}

#[test]
fn the_log_names_the_peer_and_what_takes_a_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let write = |keys: &str| {
        let yaml = format!("{}{OPEN}", listeners(keys));
        std::fs::write(dir.path().join("relay.yaml"), yaml).expect("written");
    };
    write("address_from: forwarded");
    let mut relay = Process::relay(dir.path(), &[]);
    let url = relay.listening_url();
    let mut stream = TcpStream::connect(url.replace("ws://", "")).expect("connects");
    let request = format!("GET /server HTTP/1.1\r\n{UPGRADE}Forwarded: for=192.0.2.7\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("written");
    assert!(stream.read(&mut [0; 1024]).expect("answered") > 0);
    relay.line_with("session opened");
    drop(stream);
    assert!(
        relay
            .line_with("session ended")
            .contains(" address=192.0.2.7 ")
    );
    let named = "of the websocket listener on 127.0.0.1:0 has changed; that takes a restart";
    write("address_from: forwarded, trusted_proxies: [10.0.0.0/8]");
    relay.signal("HUP");
    relay.line_with(&format!("`trusted_proxies` {named}"));
    write("demo: false");
    relay.signal("HUP");
    relay.line_with(&format!("`address_from` {named}"));
    relay.signal("TERM");
    relay.wait();
}
