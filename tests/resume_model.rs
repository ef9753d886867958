//! Sessions against a simple model, without sockets: connections that break anywhere, thousands of random cases.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use intercessor::{
    config::{Config, Transport},
    envelope::Text,
    hub::Hub,
    outbox::Close,
    policy::Policy,
    session::{self, Arrival, Asked, Login, Path},
    transport::{Connection, End, Receive, Received, Transmit},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    task::yield_now,
    time::Instant,
};

const CASES: u64 = 2000;
/// More than ever is under way.
const PLENTY: usize = 4096;
/// Turns in which all tasks get to rest.
const TURNS: usize = 40;
const CONFIG: &str = "\
listeners: [{ transport: websocket, bind: '127.0.0.1:0', tls: off }]
servers: { open: true }
limits: { messages_per_second: off }
";

/// How many texts a direction still carries; those beyond are lost, and the relay sees a broken connection.
type Carries = Arc<AtomicUsize>;

fn carries_one(carries: &Carries) -> bool {
    carries
        .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1))
        .is_ok()
}

/// The relay's receive half.
struct In {
    texts: Receiver<Text>,
    carries: Carries,
}

impl Receive for In {
    async fn receive(&mut self) -> Received {
        match self.texts.recv().await {
            Some(text) if carries_one(&self.carries) => Received::Envelope {
                text,
                ordered: true,
            },
            _ => Received::End(End::Broken),
        }
    }

    fn heard(&self) -> Option<Instant> {
        None
    }

    fn open_lanes(&mut self) {}

    async fn discard(&mut self) {
        while self.texts.recv().await.is_some() {}
    }
}

/// The relay's send half.
struct Out {
    texts: Sender<Text>,
    carries: Carries,
}

impl Transmit for Out {
    async fn send(&mut self, batch: &[Text]) -> io::Result<()> {
        for text in batch {
            if !carries_one(&self.carries) || self.texts.try_send(text.clone()).is_err() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            // Something else may happen in the middle of a batch.
            yield_now().await;
        }
        Ok(())
    }

    async fn ping(&mut self) -> io::Result<()> {
        Ok(())
    }

    async fn goodbye(&mut self, bye: Text, _: &Close) -> io::Result<()> {
        self.send(&[bye]).await
    }

    async fn cut(&mut self, _: &Close) {}

    async fn hang_up(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A peer's end of a connection.
struct Link {
    up: Sender<Text>,
    down: Receiver<Text>,
    carries: [Carries; 2],
}

fn connect(hub: &Arc<Hub>, path: Path) -> Link {
    let (up, from_peer) = channel(PLENTY);
    let (to_peer, down) = channel(PLENTY);
    let carries: [Carries; 2] = std::array::from_fn(|_| Arc::new(AtomicUsize::new(usize::MAX)));
    let connection = Connection {
        receiver: In {
            texts: from_peer,
            carries: Arc::clone(&carries[0]),
        },
        transmitter: Out {
            texts: to_peer,
            carries: Arc::clone(&carries[1]),
        },
        port: None,
        lanes: None,
    };
    let address = IpAddr::from(Ipv4Addr::LOCALHOST);
    let arrival = Arrival {
        asked: Asked { path, resume: true },
        transport: Transport::WebSocket,
        caller: hub.enter(address, None).expect("a place"),
    };
    tokio::spawn(session::serve(connection, arrival, Arc::clone(hub)));
    Link { up, down, carries }
}

/// A peer that does what the protocol says, and what it must come to.
struct Peer {
    link: Option<Link>,
    id: String,
    token: String,
    /// What it has had, of what counts.
    received: u64,
    /// What it sent and does not know to be taken in, and how many came before that.
    kept: VecDeque<String>,
    acknowledged: u64,
    /// The next number that it sends, and that it must get.
    next: [u64; 2],
    to: String,
    /// The HELLO of a resume has not come yet: nothing is sent.
    waiting: bool,
}

impl Peer {
    fn new(hub: &Arc<Hub>, path: Path) -> Self {
        Self {
            link: Some(connect(hub, path)),
            id: String::new(),
            token: String::new(),
            received: 0,
            kept: VecDeque::new(),
            acknowledged: 0,
            next: [0, 0],
            to: String::new(),
            waiting: true,
        }
    }

    fn write(&mut self, text: String) {
        if let Some(link) = &self.link {
            // Whoever is gone has not had it.
            _ = link.up.try_send(text.into());
        }
    }

    fn send(&mut self) {
        let message = json!({ "n": self.next[0] });
        self.next[0] += 1;
        let text = json!({ "to": self.to, "type": "N", "message": message }).to_string();
        self.kept.push_back(text.clone());
        if !self.waiting {
            self.write(text);
        }
    }

    fn tell_relay(&mut self, kind: &str, message: &Value) {
        self.write(json!({ "to": "0", "type": kind, "message": message }).to_string());
    }

    fn let_go(&mut self, received: u64) {
        while self.acknowledged < received {
            self.kept
                .pop_front()
                .expect("the relay counts no more than was sent");
            self.acknowledged += 1;
        }
    }

    fn resume(&mut self, hub: &Arc<Hub>) {
        self.link = Some(connect(hub, Path::Resume));
        self.waiting = true;
        let resume = json!({ "token": self.token, "received": self.received });
        self.tell_relay("RESUME", &resume);
    }

    /// Takes in at most so many of what has come.
    fn hear(&mut self, most: usize) {
        for _ in 0..most {
            let Some(link) = &mut self.link else { return };
            let Ok(text) = link.down.try_recv() else {
                return;
            };
            let envelope: Value = serde_json::from_str(&text).expect("JSON");
            self.take_in(&envelope);
        }
    }

    fn take_in(&mut self, envelope: &Value) {
        let message = &envelope["message"];
        match envelope["type"].as_str() {
            Some("HELLO") => {
                self.id = message["id"].as_str().expect("an id").to_owned();
                let resume = &message["resume"];
                self.token = resume["token"].as_str().expect("a token").to_owned();
                self.waiting = false;
                if let Some(received) = resume["received"].as_u64() {
                    self.let_go(received);
                    let received = json!({ "received": self.received });
                    self.tell_relay("ACK", &received);
                }
                for text in self.kept.clone() {
                    self.write(text);
                }
            }
            Some("ACK") => self.let_go(message["received"].as_u64().expect("a count")),
            Some("BYE") => panic!("{envelope}"),
            Some("PEER_JOINED") => self.received += 1,
            Some("N") => {
                assert_eq!(message["n"], self.next[1], "lost, doubled or reordered");
                self.next[1] += 1;
                self.received += 1;
            }
            _ => panic!("{envelope}"),
        }
    }

    /// The connection is gone, for the peer at least.
    fn cut(&mut self) {
        self.link = None;
        self.waiting = true;
    }
}

async fn rest() {
    for _ in 0..TURNS {
        yield_now().await;
    }
}

fn hub() -> Arc<Hub> {
    let examined = Config::examine_text("relay.yaml".as_ref(), CONFIG, &|_| None);
    let policy = Policy::new(&examined.config.expect("a configuration")).expect("a policy");
    Arc::new(Hub::new(policy).expect("a hub"))
}

/// Returns how many envelopes the relay sent again.
async fn case(seed: u64) -> u64 {
    let mut random = StdRng::seed_from_u64(seed);
    let hub = hub();
    let style = hub.policy.load().ids.server.clone();
    let login = Login::Done(intercessor::room::ServerId::Random(style));
    let mut server = Peer::new(&hub, Path::Server(login));
    rest().await;
    server.hear(1);
    let mut client = Peer::new(&hub, Path::Client(server.id.clone()));
    rest().await;
    client.hear(1);
    client.to.clone_from(&server.id);
    server.to.clone_from(&client.id);
    let mut peers = [server, client];
    for _ in 0..random.random_range(10..60) {
        let which = random.random_range(0..2);
        let peer = &mut peers[which];
        match random.random_range(0..12) {
            0..5 => peer.send(),
            5..7 => peer.hear(random.random_range(0..8)),
            7 => rest().await,
            8 => yield_now().await,
            9 => {
                // From somewhere on nothing is carried any more, and the relay sees it.
                if let Some(link) = &peer.link {
                    link.carries[random.random_range(0..2)]
                        .store(random.random_range(0..4), Relaxed);
                }
            }
            10 => peer.cut(),
            // Also while the old connection is there: it is taken over.
            _ => peer.resume(&hub),
        }
    }
    // Everybody comes back on a good connection, and has everything.
    for peer in &mut peers {
        peer.resume(&hub);
    }
    for _ in 0..20 {
        rest().await;
        peers.iter_mut().for_each(|peer| peer.hear(usize::MAX));
    }
    let [server, client] = &peers;
    assert_eq!(server.next[1], client.next[0], "from the client");
    assert_eq!(client.next[1], server.next[0], "from the server");
    hub.metrics.replayed.get()
}

#[tokio::test(start_paused = true)]
async fn whatever_breaks_everything_arrives_once_and_in_order() {
    let mut replayed = 0;
    for seed in 0..CASES {
        println!("seed {seed}");
        replayed += case(seed).await;
    }
    assert!(replayed > CASES, "{replayed} were sent again");
}
