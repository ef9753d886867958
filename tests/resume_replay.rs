//! Breaks in the middle: of what the relay writes, and of a resume itself, after every datagram and every few bytes. The
//! next one begins where it did, until one comes through.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use common::{
    PATIENCE, TestPeer, TestRelay, Via,
    proxy::{ALL, Carries, Cut, DOWN, Proxy, Signals, Tcp, UP, Udp},
    resuming::{anything, peer_at, resume, token},
};
use intercessor::client::{Event, Peer};
use serde_json::{Value, json};
use tokio::time::timeout;

/// Numbered messages each way.
const MESSAGES: u64 = 40;
/// How many bytes one more connection carries than the last.
const STEP: i64 = 307;

#[tokio::test]
async fn a_resume_over_websocket_may_break_anywhere() {
    let relay = relay().await;
    let mut broken = Broken::default();
    for cut in [Cut::Ends, Cut::Resets, Cut::Stalls] {
        for direction in [UP, DOWN] {
            let signals = Signals::default();
            let mut carries = one_more(direction, STEP);
            let tcp = Tcp::start(&relay, &signals, move || (cut, carries())).await;
            break_until_through(&relay, tcp, signals, &mut broken).await;
        }
    }
    broken.everywhere();
}

#[tokio::test]
async fn a_resume_over_webtransport_may_break_anywhere() {
    let relay = relay().await;
    let mut broken = Broken::default();
    for direction in [UP, DOWN] {
        let signals = Signals::default();
        let udp = Udp::new(&relay, &signals, one_more(direction, 1));
        break_until_through(&relay, udp, signals, &mut broken).await;
    }
    broken.everywhere();
}

/// More than QUIC takes without an acknowledgement, so that the relay stands in the middle of a write when it is asked
/// for the session.
#[tokio::test]
async fn what_is_half_written_is_sent_again() {
    let relay = TestRelay::start(
        "servers: { open: true }\nlimits: { outbound_queue: { bytes: 4MiB } }\n\
         resume: { buffer: { bytes: 4MiB } }\n",
    )
    .await;
    for after in [Via::WebTransport, Via::Ws] {
        let mut udp = Udp::new(&relay, &Signals::default(), || [ALL, ALL]);
        let mut server = relay.server(Via::Ws).await;
        let mut old = peer_at(&format!("{}/client/{}?resume", udp.url().await, server.id)).await;
        let token = token(&old.hello().await);
        server.expect("PEER_JOINED").await;
        udp.stop(&[DOWN]);
        let padding = "x".repeat(10_000);
        for n in 0..MESSAGES {
            let message = json!({ "n": n, "padding": padding });
            server.tell(&old.id, "N", message).await;
        }
        server.nothing_else().await;
        let mut new = relay.peer(after, "/resume").await;
        resume(&mut new.peer, &token, 0).await.expect("HELLO");
        for n in 0..MESSAGES {
            assert_eq!(new.expect("N").await["n"], n);
        }
        new.nothing_else().await;
    }
}

async fn relay() -> TestRelay {
    TestRelay::start("servers: { open: true }\nlimits: { messages_per_second: off }\n").await
}

/// Each connection carries a little more in this direction than the last.
fn one_more(direction: usize, step: i64) -> impl FnMut() -> Carries + Send + 'static {
    let mut carries = [ALL, ALL];
    carries[direction] = 0;
    move || {
        carries[direction] += step;
        carries
    }
}

async fn break_until_through<P: Proxy>(
    relay: &TestRelay,
    proxy: P,
    signals: Signals,
    broken: &mut Broken,
) {
    let mut client = Client::join(relay, proxy, signals).await;
    let tries = async { while !client.try_once(broken).await {} };
    timeout(PATIENCE, tries).await.expect("one comes through");
    client.server.nothing_else().await;
}

/// How far the tries came that broke.
#[derive(Debug, Default)]
struct Broken {
    before_hello: u32,
    in_the_replay: u32,
    in_the_resend: u32,
}

impl Broken {
    fn everywhere(&self) {
        assert!(self.before_hello > 0, "{self:?}");
        assert!(self.in_the_replay > 0, "{self:?}");
        assert!(self.in_the_resend > 0, "{self:?}");
    }
}

/// A client that has forgotten all that its server has sent, so that each try begins at the beginning, and its server.
struct Client<P> {
    proxy: P,
    signals: Signals,
    server: TestPeer,
    id: String,
    token: String,
    /// How many of its messages the relay is known to have.
    told: u64,
    /// How many its server has.
    arrived: u64,
    /// The relay believes in each of these until the next one takes over.
    given_up: Vec<Peer>,
}

impl<P: Proxy> Client<P> {
    async fn join(relay: &TestRelay, proxy: P, signals: Signals) -> Self {
        let mut server = relay.server(Via::Ws).await;
        let path = format!("/client/{}?resume", server.id);
        let mut peer = relay.peer(Via::WebTransport, &path).await;
        let hello = peer.hello().await;
        server.expect("PEER_JOINED").await;
        for n in 0..MESSAGES {
            server.send(number("to", &peer.id, n)).await;
        }
        server.nothing_else().await;
        Self {
            proxy,
            signals,
            server,
            id: peer.id,
            token: token(&hello),
            told: 0,
            arrived: 0,
            given_up: vec![peer.peer],
        }
    }

    /// Resumes, as far as the connection goes. `true`: to the end.
    async fn try_once(&mut self, broken: &mut Broken) -> bool {
        let url = format!("{}/resume", self.proxy.url().await);
        let connected = tokio::select! {
            connected = Peer::connect(&url, anything()) => connected.ok(),
            () = self.signals.stopped.notified() => None,
        };
        let Some(mut peer) = connected else {
            broken.before_hello += 1;
            return false;
        };
        let hello = tokio::select! {
            hello = resume(&mut peer, &self.token, 0) => hello,
            () = self.signals.stopped.notified() => None,
        };
        let through = match hello {
            Some(hello) => self.go_on(&mut peer, &hello, broken).await,
            None => {
                broken.before_hello += 1;
                false
            }
        };
        self.given_up.push(peer);
        through
    }

    async fn go_on(&mut self, peer: &mut Peer, hello: &Value, broken: &mut Broken) -> bool {
        assert_eq!(hello["id"], self.id);
        self.token = token(hello);
        let told = hello["resume"]["received"].as_u64().expect("a count");
        assert!(told >= self.told.max(self.arrived), "{hello}");
        broken.in_the_resend += u32::from(told > self.told && told < MESSAGES);
        self.told = told;
        let mut heard = 0;
        let stopped = self.signals.stopped.clone();
        let through = tokio::select! {
            through = self.talk(peer, &mut heard) => through,
            () = stopped.notified() => false,
        };
        broken.in_the_replay += u32::from(heard > 0 && heard < MESSAGES);
        through
    }

    /// Sends again what the relay does not have, and hears everything again, until both sides have all.
    async fn talk(&mut self, peer: &mut Peer, heard: &mut u64) -> bool {
        for n in self.told..MESSAGES {
            let text = number("to", &self.server.id, n).to_string();
            if peer.send(&text).await.is_err() {
                // What has come before the end counts all the same.
                break;
            }
        }
        while *heard < MESSAGES || self.arrived < MESSAGES {
            tokio::select! {
                event = peer.receive() => {
                    let Event::Envelope(text) = event else { return false };
                    let envelope: Value = serde_json::from_str(&text).expect("JSON");
                    assert_eq!(envelope, number("from", &self.server.id, *heard));
                    *heard += 1;
                }
                envelope = self.server.next() => {
                    assert_eq!(envelope, number("from", &self.id, self.arrived));
                    self.arrived += 1;
                }
            }
        }
        true
    }
}

/// An envelope to or from a peer, long enough that a few fill a datagram.
fn number(way: &str, peer: &str, n: u64) -> Value {
    let message = json!({ "n": n, "padding": "x".repeat(600) });
    json!({ way: peer, "type": "N", "message": message })
}
