//! Connections that are cut at any byte, again and again: both peers come back by themselves, and each gets all that
//! the other has sent, once and in order.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::{collections::VecDeque, time::Duration};

use common::{PATIENCE, TestRelay, Via};
use futures_util::{FutureExt, future::join};
use intercessor::client::{Event, Options, Peer};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::timeout,
};

/// Numbered messages each way.
const MESSAGES: u64 = 300;
/// The most that a connection carries in one direction before it is cut.
const MOST_BYTES: usize = 20_000;
/// The patience of a peer with a connection that may have stalled.
const STALL: Duration = Duration::from_millis(250);
/// Each is a run of its own.
const SEEDS: [u64; 2] = [1, 2];

#[tokio::test]
async fn whatever_byte_a_connection_is_cut_at_nothing_is_lost_doubled_or_reordered() {
    let relay = TestRelay::start(
        "servers: { open: true }\nlimits: { messages_per_second: off, outbound_queue: { messages: 4096 } }\n\
         resume: { buffer: { messages: 4096, bytes: 4MiB } }\n",
    )
    .await;
    for seed in SEEDS {
        eprintln!("seed {seed}");
        timeout(4 * PATIENCE, one_run(&relay, seed))
            .await
            .unwrap_or_else(|_| panic!("seed {seed} hangs"));
    }
}

async fn one_run(relay: &TestRelay, seed: u64) {
    let proxy = Proxy::start(relay.address(Via::Ws), seed).await;
    let (mut server, _) = Resuming::begin(relay, &proxy, "/server").await;
    let (mut client, id) = Resuming::begin(relay, &proxy, &format!("/client/{}", server.id)).await;
    server.other.clone_from(&id);
    client.other.clone_from(&server.id);
    let joined = json!({ "from": "0", "type": "PEER_JOINED", "message": { "id": id } });
    let (arrived, both) = watch::channel(0);
    join(
        server.run(Some(joined), &arrived, both.clone()),
        client.run(None, &arrived, both),
    )
    .await;
    let resumed = server.resumed + client.resumed;
    eprintln!("resumed {resumed} times");
    assert!(resumed > 5, "the proxy does cut");
}

/// A proxy each of whose connections comes to an end of its own.
struct Proxy {
    url: String,
    task: JoinHandle<()>,
}

/// How a connection is cut.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// Both sides see an end.
    Ends,
    /// Both sides see a reset.
    Resets,
    /// Nothing more comes through, and nobody is told.
    Stalls,
}

impl Proxy {
    async fn start(relay: String, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("ws://{}", listener.local_addr().expect("an address"));
        let mut rng = StdRng::seed_from_u64(seed);
        let task = tokio::spawn(async move {
            // They end with the proxy, the stalled ones too.
            let mut connections = JoinSet::new();
            loop {
                let (near, _) = listener.accept().await.expect("accepts");
                let far = TcpStream::connect(&relay).await.expect("connects");
                let cut = [Cut::Ends, Cut::Resets, Cut::Stalls][rng.random_range(0..3)];
                let bytes = [(); 2].map(|()| rng.random_range(1..MOST_BYTES));
                connections.spawn(forward(near, far, cut, bytes));
            }
        });
        Self { url, task }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Forwards until either direction has carried its bytes, or one side ends.
async fn forward(mut near: TcpStream, mut far: TcpStream, cut: Cut, [up, down]: [usize; 2]) {
    let (near_reads, near_writes) = near.split();
    let (far_reads, far_writes) = far.split();
    let whole = tokio::select! {
        whole = carry(near_reads, far_writes, up) => whole,
        whole = carry(far_reads, near_writes, down) => whole,
    };
    match cut {
        _ if !whole => {}
        Cut::Ends => {}
        Cut::Resets => {
            for side in [&near, &far] {
                side.set_zero_linger().expect("a reset");
            }
        }
        Cut::Stalls => {
            std::future::pending::<()>().await;
        }
    }
}

/// `false`: the connection ended before it had carried so much.
async fn carry(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut bytes: usize) -> bool {
    let mut buffer = [0; 512];
    while bytes > 0 {
        let most = bytes.min(buffer.len());
        match from.read(&mut buffer[..most]).await {
            Ok(0) | Err(_) => return false,
            Ok(read) if to.write_all(&buffer[..read]).await.is_err() => return bytes == read,
            Ok(read) => bytes -= read,
        }
    }
    true
}

/// A peer that comes back by the rules, whatever happens to its connection.
struct Resuming {
    url: String,
    id: String,
    /// To whom it sends.
    other: String,
    peer: Option<Peer>,
    token: String,
    /// How many it has received that count.
    received: u64,
    /// What it has sent and the relay may not have, and how many came before.
    kept: VecDeque<String>,
    before: u64,
    resumed: u32,
}

impl Resuming {
    /// Begins without the proxy: a session whose HELLO is lost cannot come back.
    async fn begin(relay: &TestRelay, proxy: &Proxy, path: &str) -> (Self, String) {
        let (peer, token) = {
            let mut peer = relay.peer(Via::Ws, &format!("{path}?resume")).await;
            let hello = peer.hello().await;
            (peer, token(&hello))
        };
        let id = peer.id.clone();
        let resuming = Self {
            url: format!("{}/resume", proxy.url),
            id: id.clone(),
            other: String::new(),
            peer: None,
            token,
            received: 0,
            kept: VecDeque::new(),
            before: 0,
            resumed: 0,
        };
        peer.peer.abandon();
        (resuming, id)
    }

    /// Sends its messages and takes in the other's, until both have all. `first` comes before them.
    async fn run(
        &mut self,
        mut first: Option<Value>,
        arrived: &watch::Sender<u32>,
        mut both: watch::Receiver<u32>,
    ) {
        let (mut sent, mut taken) = (0, 0);
        while taken < MESSAGES || *both.borrow() < 2 {
            if sent < MESSAGES {
                self.tell(sent).await;
                sent += 1;
            }
            let event = if sent < MESSAGES && self.peer.is_some() {
                self.event().now_or_never().flatten()
            } else {
                tokio::select! {
                    event = self.event() => event,
                    _ = both.changed() => None,
                }
            };
            let Some(envelope) = event else { continue };
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
        if let Some(peer) = &mut self.peer
            && !matches!(timeout(STALL, peer.send(text)).await, Ok(Ok(())))
        {
            self.peer = None;
        }
    }

    /// The next that counts; `None`: something else came, or the connection ended, and the peer came back.
    async fn event(&mut self) -> Option<Value> {
        let Some(peer) = &mut self.peer else {
            self.come_back().await;
            return None;
        };
        let event = timeout(STALL, peer.receive()).await;
        let Ok(Event::Envelope(text)) = event else {
            self.peer = None;
            return None;
        };
        let mut envelope: Value = serde_json::from_str(&text).expect("JSON");
        match envelope["type"].as_str() {
            Some("ACK") => self.let_go(&envelope["message"]["received"]),
            Some("BYE") => assert_ne!(envelope["message"]["code"], 4404, "{envelope}"),
            _ => {
                self.received += 1;
                if self.received.is_multiple_of(20) {
                    self.acknowledge().await;
                }
                return Some(envelope.take());
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

    /// One try to come back.
    async fn come_back(&mut self) {
        let trying = self.try_to_come_back();
        if let Ok(Some((peer, hello))) = timeout(STALL, trying).await {
            assert_eq!(hello["id"], self.id);
            self.resumed += 1;
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
    }

    async fn try_to_come_back(&self) -> Option<(Peer, Value)> {
        let mut peer = Peer::connect(&self.url, Options::default()).await.ok()?;
        let message = json!({ "token": self.token, "received": self.received });
        let resume = json!({ "to": "0", "type": "RESUME", "message": message });
        peer.send(&resume.to_string()).await.ok()?;
        let Event::Envelope(text) = peer.receive().await else {
            return None;
        };
        let mut envelope: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(envelope["type"], "HELLO", "{envelope}");
        Some((peer, envelope["message"].take()))
    }
}

fn token(hello: &Value) -> String {
    let token = hello["resume"]["token"].as_str();
    token.expect("a token").to_owned()
}
