//! The Rust client and `connect --resume` come back by themselves.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::{process::Stdio, sync::Arc};

use common::{
    PATIENCE, TestRelay, Via,
    process::command,
    proxy::{ALL, DOWN, Proxy as _, Signals, UP, Udp},
    resuming::anything,
};
use futures_util::FutureExt;
use intercessor::client::{Event, Options, Peer, ResumingPeer};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::Notify,
    task::yield_now,
    time::timeout,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const UNLIMITED: &str = "servers: { open: true }\nlimits: { messages_per_second: off }\n";

/// Stands between a peer and the relay, and can cut what goes through it.
struct Proxy {
    url: String,
    cut: Arc<Notify>,
}

impl Proxy {
    async fn before(relay: &TestRelay) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let url = format!("ws://{}", listener.local_addr().expect("an address"));
        let cut = Arc::new(Notify::new());
        let (to, cutting) = (relay.address(Via::Ws), Arc::clone(&cut));
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (to, cutting) = (to.clone(), Arc::clone(&cutting));
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(to).await.expect("connects");
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        () = cutting.notified() => {}
                    }
                });
            }
        });
        Self { url, cut }
    }

    fn cut(&self) {
        self.cut.notify_waiters();
    }
}

async fn next(peer: &mut ResumingPeer) -> Event {
    timeout(PATIENCE, peer.receive()).await.expect("in time")
}

fn id_of(hello: &str) -> String {
    let hello: Value = serde_json::from_str(hello).expect("JSON");
    hello["message"]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn the_client_comes_back_and_nothing_is_lost_in_either_direction() {
    let relay = TestRelay::start(UNLIMITED).await;
    let mut server = relay.server(Via::WebTransport).await;
    let proxy = Proxy::before(&relay).await;
    let url = format!("{}/client/{}", proxy.url, server.id);
    let connected = ResumingPeer::connect(&url, Options::default()).await;
    let (mut client, hello) = connected.expect("connects");
    let id = id_of(&hello);
    server.expect("PEER_JOINED").await;
    for round in 0..5 {
        for n in 0..50 {
            let n = round * 50 + n;
            server.tell(&id, "N", json!({ "n": n })).await;
            let text = json!({ "to": server.id, "type": "N", "message": { "n": n } });
            client.send(&text.to_string()).await.expect("sent or kept");
        }
        proxy.cut();
        let (mut seen, mut resumed) = (round * 50, false);
        while seen < (round + 1) * 50 || !resumed {
            match next(&mut client).await {
                Event::Resumed => resumed = true,
                Event::Envelope(text) => {
                    let envelope: Value = serde_json::from_str(&text).expect("JSON");
                    assert_eq!(envelope["message"]["n"], seen, "{text}");
                    seen += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        for n in 0..50 {
            assert_eq!(server.expect("N").await["n"], round * 50 + n);
        }
    }
    client.leave().await;
    server.expect("PEER_GONE").await;
}

#[tokio::test]
async fn the_client_gives_up_with_the_relays_word_when_its_session_has_ended() {
    let relay = TestRelay::start(UNLIMITED).await;
    let mut server = relay.server(Via::Ws).await;
    let proxy = Proxy::before(&relay).await;
    let url = format!("{}/client/{}", proxy.url, server.id);
    let connected = ResumingPeer::connect(&url, Options::default()).await;
    let (mut client, hello) = connected.expect("connects");
    server.expect("PEER_JOINED").await;
    proxy.cut();
    let kick = json!({ "to": "0", "type": "KICK", "message": { "id": id_of(&hello) } });
    server.send(kick).await;
    server.expect("PEER_GONE").await;
    let end = loop {
        match next(&mut client).await {
            Event::Envelope(_) | Event::Resumed => {}
            end => break end,
        }
    };
    assert!(
        matches!(
            end,
            Event::Closed {
                code: 4404 | 4403,
                ..
            }
        ),
        "{end:?}"
    );
}

#[tokio::test]
async fn a_relay_that_does_not_resume_is_an_error() {
    let relay = TestRelay::start("servers: { open: true }\nresume: off\n").await;
    let url = relay.url(Via::Ws, "/server");
    let refused = ResumingPeer::connect(&url, Options::default()).await;
    let error = refused.expect_err("no resume");
    assert!(error.to_string().contains("does not resume"), "{error}");
}

/// As where the terminal has a line to send while its connection is broken.
#[tokio::test]
async fn a_receive_that_is_dropped_while_it_comes_back_loses_nothing() {
    let relay =
        TestRelay::start("servers: { open: true }\ntimeouts: { ping: 1s, pong: 1s }\n").await;
    let mut proxy = Udp::new(&relay, &Signals::default(), || [ALL, ALL]);
    let mut server = relay.server(Via::WebTransport).await;
    let url = format!("{}/client/{}", proxy.url().await, server.id);
    let connected = ResumingPeer::connect(&url, anything()).await;
    let (mut client, hello) = connected.expect("connects");
    server.expect("PEER_JOINED").await;
    proxy.stop(&[UP, DOWN]);
    while relay.hub.parking.parked() == 0 {
        server.nothing_else().await;
    }
    // Until its RESUME has arrived, and no longer: the answer cannot have.
    let claimed = async {
        while relay.hub.parking.parked() > 0 {
            yield_now().await;
        }
    };
    let dropped = async {
        tokio::select! {
            biased;
            () = claimed => {}
            event = client.receive() => panic!("{event:?}"),
        }
    };
    timeout(PATIENCE, dropped).await.expect("in time");
    assert_eq!(next(&mut client).await, Event::Resumed);
    let id = id_of(&hello);
    server.tell(&id, "N", json!({ "n": 1 })).await;
    let Event::Envelope(text) = next(&mut client).await else {
        panic!("an envelope was to come");
    };
    assert!(text.contains(r#"{"n":1}"#), "{text}");
    server.nothing_else().await;
}

/// As where a program waits for a send and for something else, while the relay reads nothing more for a moment.
#[tokio::test]
async fn a_send_that_is_dropped_half_way_loses_nothing() {
    let relay = TestRelay::start(
        "servers: { open: true }\nlimits: { messages_per_second: { rate: 50, burst: 5 } }\n",
    )
    .await;
    let mut server = relay.server(Via::Ws).await;
    let url = relay.url(Via::WebTransport, &format!("/client/{}", server.id));
    let connected = ResumingPeer::connect(&url, anything()).await;
    let (mut client, _) = connected.expect("connects");
    server.expect("PEER_JOINED").await;
    let (to, padding) = (server.id.clone(), "x".repeat(40_000));
    let mut numbers = 0..;
    let mut text = || {
        let message = json!({ "n": numbers.next(), "padding": padding });
        json!({ "to": to, "type": "N", "message": message }).to_string()
    };
    while let Some(sent) = client.send(&text()).now_or_never() {
        sent.expect("sent or kept");
    }
    for _ in 0..3 {
        client.send(&text()).await.expect("sent or kept");
    }
    let hearing = async {
        for n in 0..numbers.start {
            assert_eq!(server.expect("N").await["n"], n);
        }
    };
    let receiving =
        async { while let Event::Envelope(_) | Event::Resumed = client.receive().await {} };
    tokio::select! {
        () = hearing => {}
        () = receiving => panic!("its session has ended"),
    }
}

/// As where the network goes away without a word: no end of the connection ever comes.
#[tokio::test]
async fn a_relay_that_answers_no_ping_is_a_broken_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("ws://{}/server", listener.local_addr().expect("an address"));
    let mute = async {
        let (stream, _) = listener.accept().await.expect("accepted");
        let mut stream = BufReader::new(stream);
        let mut key = String::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.expect("a line");
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("sec-websocket-key") => {
                    value.clone_into(&mut key);
                }
                Some(_) => {}
                None if line.trim_end().is_empty() => break,
                None => {}
            }
        }
        let accept = derive_accept_key(key.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: intercessor\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.expect("written");
        stream
    };
    let (peer, _open) = tokio::join!(Peer::connect(&url, Options::default()), mute);
    let mut peer = peer.expect("connects");
    // From now on time passes as soon as nothing else happens.
    tokio::time::pause();
    let Event::Broken(why) = peer.receive().await else {
        panic!("the connection was to break");
    };
    assert!(why.contains("ping"), "{why}");
}

#[tokio::test]
async fn a_terminal_comes_back() {
    let relay = TestRelay::start(UNLIMITED).await;
    let mut server = relay.server(Via::Ws).await;
    let proxy = Proxy::before(&relay).await;
    let mut child = Command::from(command())
        .args([
            "connect",
            "--resume",
            &format!("{}/client/{}", proxy.url, server.id),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("starts");
    let mut input = child.stdin.take().expect("a pipe");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut errors = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let hello = timeout(PATIENCE, output.next_line())
        .await
        .expect("in time");
    let id = id_of(&hello.expect("readable").expect("HELLO"));
    server.expect("PEER_JOINED").await;
    proxy.cut();
    let resumed = timeout(PATIENCE, errors.next_line())
        .await
        .expect("in time");
    assert!(
        resumed
            .expect("readable")
            .expect("a line")
            .contains("resumed")
    );
    server.tell(&id, "N", json!({ "n": 1 })).await;
    let line = timeout(PATIENCE, output.next_line())
        .await
        .expect("in time");
    assert!(
        line.expect("readable")
            .expect("a line")
            .contains(r#"{"n":1}"#)
    );
    let text = json!({ "to": server.id, "type": "N", "message": { "n": 2 } });
    let line = format!("{text}\n");
    input.write_all(line.as_bytes()).await.expect("written");
    assert_eq!(server.expect("N").await["n"], 2);
}
