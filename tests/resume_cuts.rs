//! Connections that are cut at any byte or datagram, again and again: both peers come back by themselves, each time on
//! either transport, and each gets all that the other has sent, once and in order.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::collections::VecDeque;

use common::{
    PATIENCE, TestRelay, Via,
    proxy::{Proxy, Signals, Tcp, Udp, breaking},
    resuming::{anything, resume, token},
};
use futures_util::future::join;
use intercessor::client::{Event, Peer};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::{sync::watch, task::yield_now, time::timeout};

/// Numbered messages each way.
const MESSAGES: u64 = 300;
/// One in so many breaks takes everything with it: both ends of the room are gone at once.
const EVERYTHING: u32 = 6;

#[tokio::test]
async fn wherever_a_connection_is_cut_nothing_is_lost_doubled_or_reordered() {
    every_run([1, 2, 3]).await;
}

/// The same, and what happens at once does so on two processors.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_where_relay_and_peers_run_side_by_side() {
    every_run([4, 5, 6]).await;
}

async fn every_run(seeds: [u64; 3]) {
    let relay = TestRelay::start(
        "servers: { open: true }\nlimits: { messages_per_second: off, outbound_queue: { messages: 4096 } }\n\
         resume: { buffer: { messages: 4096, bytes: 4MiB } }\n",
    )
    .await;
    for seed in seeds {
        eprintln!("seed {seed}");
        timeout(2 * PATIENCE, one_run(&relay, seed))
            .await
            .unwrap_or_else(|_| panic!("seed {seed} hangs"));
    }
}

async fn one_run(relay: &TestRelay, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let (arrived, both) = watch::channel(0);
    // Each has proxies of its own, and whatever breaks everything breaks it in all of them.
    let signals = Signals::default();
    let other = Signals {
        cut: signals.cut.clone(),
        ..Signals::default()
    };
    let mut server = Resuming::begin(relay, "/server", signals, &mut rng, both.clone()).await;
    let path = format!("/client/{}", server.id);
    let mut client = Resuming::begin(relay, &path, other, &mut rng, both).await;
    server.other.clone_from(&client.id);
    client.other.clone_from(&server.id);
    let joined = json!({ "from": "0", "type": "PEER_JOINED", "message": { "id": client.id } });
    join(
        server.run(Some(joined), &arrived),
        client.run(None, &arrived),
    )
    .await;
    let resumed = server.resumed + client.resumed;
    let changed = server.changed + client.changed;
    eprintln!("resumed {resumed} times, {changed} of them on the other transport");
    assert!(resumed > 5 && changed > 0, "the proxies do cut");
    // Both stay until both are looked at: where its server leaves, a client's session ends.
    join(server.nothing_else(relay), client.nothing_else(relay)).await;
}

/// A peer that comes back by the rules, whatever happens to its connection.
struct Resuming {
    rng: StdRng,
    proxies: (Tcp, Udp),
    signals: Signals,
    /// How many peers have all that the other has sent.
    both: watch::Receiver<u32>,
    id: String,
    /// To whom it sends.
    other: String,
    peer: Option<Peer>,
    /// What its connection goes over, or its last one went.
    via: Via,
    /// Connections that it knows to be broken and has not closed, as the relay does not know it yet.
    given_up: Vec<Peer>,
    token: String,
    /// How many it has received that count.
    received: u64,
    /// What it has sent and the relay may not have, and how many came before.
    kept: VecDeque<String>,
    before: u64,
    resumed: u32,
    changed: u32,
}

impl Resuming {
    /// Begins without the proxies: a session whose HELLO is lost cannot come back.
    async fn begin(
        relay: &TestRelay,
        path: &str,
        signals: Signals,
        rng: &mut StdRng,
        both: watch::Receiver<u32>,
    ) -> Self {
        let mut rng = StdRng::from_rng(rng);
        let via = either(&mut rng);
        let mut peer = relay.peer(via, &format!("{path}?resume")).await;
        let hello = peer.hello().await;
        peer.peer.abandon();
        Self {
            proxies: breaking(relay, &signals, &mut rng).await,
            rng,
            signals,
            both,
            id: peer.id,
            other: String::new(),
            peer: None,
            via,
            given_up: Vec::new(),
            token: token(&hello),
            received: 0,
            kept: VecDeque::new(),
            before: 0,
            resumed: 0,
            changed: 0,
        }
    }

    /// Sends its messages and takes in the other's, until both have all. `first` comes before them.
    async fn run(&mut self, mut first: Option<Value>, arrived: &watch::Sender<u32>) {
        let (mut sent, mut taken) = (0, 0);
        while taken < MESSAGES || *self.both.borrow() < 2 {
            if sent < MESSAGES {
                self.tell(sent).await;
                sent += 1;
            }
            let Some(envelope) = self.step(sent == MESSAGES).await else {
                continue;
            };
            if let Some(first) = first.take() {
                assert_eq!(envelope, first);
                continue;
            }
            assert_eq!(envelope["type"], "N", "{envelope}");
            assert_eq!(envelope["from"], self.other, "{envelope}");
            assert_eq!(envelope["message"]["n"], taken, "in order");
            taken += 1;
            if taken == MESSAGES {
                arrived.send_modify(|peers| *peers += 1);
            }
        }
    }

    async fn tell(&mut self, n: u64) {
        let padding = "x".repeat(n as usize * 37 % 200);
        let message = json!({ "n": n, "padding": padding });
        let text = json!({ "to": self.other, "type": "N", "message": message }).to_string();
        self.kept.push_back(text.clone());
        self.write(&text).await;
    }

    /// Writes where there is a connection. What counts is kept, and sent again on the next one.
    async fn write(&mut self, text: &str) {
        let Some(peer) = &mut self.peer else { return };
        let written = tokio::select! {
            sent = peer.send(text) => sent.is_ok(),
            () = self.signals.stopped.notified() => false,
        };
        if !written {
            self.give_up();
        }
    }

    /// The next that counts. `None`: nothing has come yet, or something else, or the peer had to come back.
    async fn step(&mut self, wait: bool) -> Option<Value> {
        let Some(peer) = &mut self.peer else {
            self.come_back().await;
            return None;
        };
        let event = tokio::select! {
            biased;
            event = peer.receive() => event,
            () = self.signals.stopped.notified() => Event::Broken("silence".to_owned()),
            _ = self.both.changed() => return None,
            () = yield_now(), if !wait => return None,
        };
        let Event::Envelope(text) = event else {
            self.give_up();
            return None;
        };
        let envelope: Value = serde_json::from_str(&text).expect("JSON");
        match envelope["type"].as_str() {
            Some("ACK") => self.let_go(&envelope["message"]["received"]),
            Some("BYE") => assert_ne!(envelope["message"]["code"], 4404, "{envelope}"),
            _ => {
                self.received += 1;
                if self.received.is_multiple_of(20) {
                    self.acknowledge().await;
                }
                return Some(envelope);
            }
        }
        None
    }

    async fn acknowledge(&mut self) {
        let ack = json!({ "to": "0", "type": "ACK", "message": { "received": self.received } });
        self.write(&ack.to_string()).await;
    }

    fn let_go(&mut self, received: &Value) {
        let received = received.as_u64().expect("a count");
        assert!(received <= self.before + self.kept.len() as u64);
        while self.before < received {
            self.kept.pop_front();
            self.before += 1;
        }
    }

    fn give_up(&mut self) {
        let peer = self.peer.take();
        self.let_it_be(peer);
    }

    /// A connection is of no use any more. The relay may see its end, or believe in it until it is told better.
    fn let_it_be(&mut self, peer: Option<Peer>) {
        match peer {
            Some(peer) if self.rng.random() => peer.abandon(),
            peer => self.given_up.extend(peer),
        }
        if self.rng.random_ratio(1, EVERYTHING) {
            self.signals.cut.notify_waiters();
        }
    }

    /// One try to come back, on either transport.
    async fn come_back(&mut self) {
        let via = either(&mut self.rng);
        let base = match via {
            Via::WebTransport => self.proxies.1.url().await,
            _ => self.proxies.0.url().await,
        };
        let url = format!("{base}/resume");
        let connected = tokio::select! {
            connected = Peer::connect(&url, anything()) => connected.ok(),
            () = self.signals.stopped.notified() => None,
        };
        let Some(mut peer) = connected else { return };
        let greeted = tokio::select! {
            greeted = resume(&mut peer, &self.token, self.received) => greeted,
            () = self.signals.stopped.notified() => None,
        };
        let Some(hello) = greeted else {
            return self.let_it_be(Some(peer));
        };
        assert_eq!(hello["id"], self.id);
        self.resumed += 1;
        self.changed += u32::from(self.via != via);
        self.via = via;
        self.token = token(&hello);
        let received = &hello["resume"]["received"];
        assert!(received.as_u64() >= Some(self.before), "{hello}");
        self.let_go(received);
        self.peer = Some(peer);
        self.acknowledge().await;
        for text in self.kept.clone() {
            self.write(&text).await;
        }
    }

    /// The relay has all that was sent, and nothing more to send.
    async fn nothing_else(&mut self, relay: &TestRelay) {
        let mut peer = relay.peer(self.via, "/resume").await;
        let hello = resume(&mut peer.peer, &self.token, self.received).await;
        let hello = hello.expect("HELLO");
        assert_eq!(hello["resume"]["received"], MESSAGES, "{hello}");
        peer.nothing_else().await;
        self.peer = Some(peer.peer);
    }
}

fn either(rng: &mut StdRng) -> Via {
    [Via::Ws, Via::WebTransport][rng.random_range(0..2)]
}
