//! What each step of an envelope's way costs alone. `cargo bench` runs them; `cargo xtask bench` measures the whole.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "what fails here is the benchmark itself"
)]

use std::{
    fs,
    hint::black_box,
    io,
    net::Ipv4Addr,
    path::Path,
    sync::{Arc, Barrier, atomic::AtomicBool},
    thread,
    time::Duration,
};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::FutureExt;
use intercessor::{
    account::Origin,
    config::{Config, IdStyle, QueueBound, Transport},
    envelope::{self, Envelope, Text},
    hub::Hub,
    json::Tape,
    metrics::Meter,
    outbox::{Attached, Budget, Due, Lane, Outbox, Port, WriteNow, Writer},
    policy::{Policy, Role, Verdict},
    room::{Client, Delivery, Outbound, Room, Rooms, ServerId},
    schema::{Schema, read_message},
};
use parking_lot::Mutex;
use tokio::time::Instant;

const SIZES: [usize; 2] = [256, 4096];
const ID: &str = "V1StGXR8_Z5jdHi6B-myT";
/// Clients of a server that sends to all of them.
const CLIENTS: usize = 100;

/// The message of an envelope that is about this long: a session description.
fn message(bytes: usize) -> String {
    let mut sdp = String::from(r"v=0\r\no=- 3139561636 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n");
    while sdp.len() + 120 < bytes {
        sdp.push_str(r"a=rtpmap:111 opus/48000/2\r\na=ice-options:trickle\r\n");
    }
    format!(r#"{{"type":"offer","sdp":"{sdp}"}}"#)
}

fn envelope_of(bytes: usize) -> String {
    format!(
        r#"{{"to":"{ID}","type":"OFFER","message":{}}}"#,
        message(bytes)
    )
}

fn envelopes(c: &mut Criterion) {
    let mut group = c.benchmark_group("envelope");
    for bytes in SIZES {
        let text = envelope_of(bytes);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(BenchmarkId::new("read", bytes), &text, |b, text| {
            let mut tape = Tape::default();
            b.iter(|| _ = Envelope::parse(black_box(text), "sender", &mut tape).unwrap());
        });
        let message = message(bytes);
        group.bench_with_input(BenchmarkId::new("write", bytes), &message, |b, message| {
            b.iter(|| envelope::forward(ID, "OFFER", black_box(message)));
        });
    }
}

fn validation(c: &mut Criterion) {
    let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/offer.json"));
    let document = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let schema = Schema::compile(&document, file, true).unwrap();
    let mut group = c.benchmark_group("validation");
    for bytes in SIZES {
        let text = message(bytes);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(
            BenchmarkId::new("duplicate check", bytes),
            &text,
            |b, text| {
                let mut tape = Tape::default();
                b.iter(|| _ = read_message(black_box(text), &mut tape).unwrap());
            },
        );
        let mut tape = Tape::default();
        let message = read_message(&text, &mut tape).unwrap();
        group.bench_with_input(BenchmarkId::new("schema", bytes), &message, |b, message| {
            b.iter(|| assert!(schema.is_valid(black_box(*message))));
        });
    }
}

fn new_outbox(budget: &Arc<Budget>) -> Arc<Outbox> {
    let outbox = Outbox::new(Arc::clone(budget), false);
    drop(outbox.attach(false, None));
    Arc::new(outbox)
}

fn budget() -> Arc<Budget> {
    let each = QueueBound {
        messages: 1024,
        bytes: 1 << 20,
    };
    Arc::new(Budget::new(each, each, 1 << 30))
}

/// What a send loop does with what waits.
fn drain(outbox: &Outbox, batch: &mut Vec<Text>) {
    while outbox
        .next(Lane::Ordered, batch, 1 << 16)
        .now_or_never()
        .is_some()
    {
        outbox.sent(Lane::Ordered, batch);
    }
}

fn outboxes(c: &mut Criterion) {
    let outbox = new_outbox(&budget());
    let (left, came) = (AtomicBool::new(false), Instant::now());
    let mut due = Due::default();
    let mut batch = Vec::new();
    let mut group = c.benchmark_group("outbox");
    for bytes in SIZES {
        let text = Text::from(envelope_of(bytes));
        for count in [1, 16] {
            let id = BenchmarkId::new(format!("{count} in, {count} out"), bytes);
            group.throughput(Throughput::Elements(count));
            group.bench_with_input(id, &text, |b, text| {
                b.iter(|| {
                    for _ in 0..count {
                        outbox
                            .push(text.clone(), Lane::Ordered, 0, &left, came, &mut due)
                            .unwrap();
                    }
                    drain(&outbox, &mut batch);
                });
            });
        }
    }
}

struct Peers {
    room: Arc<Room>,
    server: Arc<Outbox>,
    clients: Vec<(Arc<Client>, Arc<Outbox>)>,
}

fn room(rooms: &Rooms, budget: &Arc<Budget>, clients: usize) -> Peers {
    let style = IdStyle::Nanoid {
        length: 21,
        alphabet: ('a'..='z').collect(),
    };
    let hello = |_: &_| Text::from_static("{}");
    let server = new_outbox(budget);
    let id = ServerId::Random(style.clone());
    let room = rooms.open(&id, Arc::clone(&server), 2, hello).unwrap();
    let clients = (0..clients).map(|_| {
        let outbox = new_outbox(budget);
        let own = Arc::clone(&outbox);
        let (_, client) = rooms
            .join(&room.id, |_| false, &style, own, CLIENTS, hello)
            .unwrap();
        drain(&outbox, &mut Vec::new());
        (client, outbox)
    });
    let clients = clients.collect();
    drain(&server, &mut Vec::new());
    Peers {
        room,
        server,
        clients,
    }
}

fn routing(c: &mut Criterion) {
    let Peers {
        room,
        server,
        clients,
    } = room(&Rooms::default(), &budget(), CLIENTS);
    let (client, outbox) = &clients[CLIENTS / 2];
    let mut due = Due::default();
    let mut batch = Vec::new();
    let mut group = c.benchmark_group("routing");
    for bytes in SIZES {
        let outbound = Outbound {
            text: Text::from(envelope_of(bytes)),
            lane: Lane::Ordered,
            drop_on_full: false,
            came: Instant::now(),
        };
        group.bench_function(BenchmarkId::new("to the server", bytes), |b| {
            b.iter(|| {
                room.to_server(client, outbound.clone(), &mut due);
                drain(&server, &mut batch);
            });
        });
        group.bench_function(BenchmarkId::new("to one client of 100", bytes), |b| {
            b.iter(|| {
                room.to_client(&client.id, outbound.clone(), &mut due);
                drain(outbox, &mut batch);
            });
        });
        group.bench_function(BenchmarkId::new("to all of 100 clients", bytes), |b| {
            b.iter(|| {
                room.to_everyone(&outbound, &mut due);
                for (_, outbox) in &clients {
                    drain(outbox, &mut batch);
                }
            });
        });
    }
}

/// A connection that takes everything at once.
#[derive(Default)]
struct Wire(Mutex<Sink>);

#[derive(Default)]
struct Sink;

impl Port for Wire {
    fn at_once(&self, write: &mut dyn FnMut(&mut dyn WriteNow)) -> bool {
        let Some(mut sink) = self.0.try_lock() else {
            return false;
        };
        write(&mut *sink);
        true
    }

    fn settle(&self) {
        drop(self.0.lock());
    }
}

impl WriteNow for Sink {
    fn write_now(&mut self, batch: &[Text]) -> io::Result<bool> {
        black_box(batch);
        Ok(true)
    }
}

fn meter(hub: &Hub, role: Role, outbox: &Arc<Outbox>) -> Meter {
    let origin = Origin {
        transport: Transport::WebSocket,
        address: Ipv4Addr::LOCALHOST.into(),
    };
    hub.metrics.connect(role, origin, outbox)
}

/// Has the server written to by those who send to it.
fn connect<'a>(hub: &Hub, server: &'a Arc<Outbox>) -> Attached<'a> {
    let writer = Writer {
        port: Arc::new(Wire::default()),
        meter: Arc::new(meter(hub, Role::Server, server)),
    };
    server.attach(false, Some(writer))
}

/// A client that sends to its server.
struct Sender<'a> {
    hub: &'a Hub,
    room: &'a Room,
    server: &'a Outbox,
    client: &'a Client,
    meter: Meter,
    text: String,
}

impl<'a> Sender<'a> {
    fn new(hub: &'a Hub, peers: &'a Peers, client: usize, kind: &str, message: &str) -> Self {
        let (client, outbox) = &peers.clients[client];
        let to = &*peers.room.id;
        Self {
            hub,
            room: &peers.room,
            server: &peers.server,
            client,
            meter: meter(hub, Role::Client, outbox),
            text: format!(r#"{{"to":"{to}","type":"{kind}","message":{message}}}"#),
        }
    }

    /// What the receive loop does with one envelope, from its text to the recipient's connection.
    fn send(&self, tape: &mut Tape, due: &mut Due) {
        let came = Instant::now();
        self.meter.received(self.text.len());
        let envelope = Envelope::parse(&self.text, &self.client.id, tape).unwrap();
        let policy = self.hub.policy.load();
        let Verdict::Deliver(rule) = policy.judge(Role::Client, &envelope).verdict else {
            unreachable!("the message meets its schema");
        };
        let outbound = Outbound {
            text: envelope::forward(&self.client.id, &envelope.kind, envelope.message),
            lane: rule.map_or(Lane::Ordered, |rule| rule.delivery),
            drop_on_full: false,
            came,
        };
        // It becomes full only while another thread is stopped in the middle of writing.
        while self.room.to_server(self.client, outbound.clone(), due) == Delivery::TooSlow {
            thread::yield_now();
            drain(self.server, &mut Vec::new());
        }
        due.send(1);
    }
}

/// How long it takes until each of them, on a thread of its own, has sent so many envelopes.
fn all_at_once(senders: &[&Sender], envelopes: u64) -> Duration {
    let start = Barrier::new(senders.len());
    let run = |sender: &Sender| {
        let (mut tape, mut due) = (Tape::default(), Due::default());
        start.wait();
        let began = Instant::now();
        for _ in 0..envelopes {
            sender.send(&mut tape, &mut due);
        }
        began.elapsed()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = senders
            .iter()
            .map(|sender| scope.spawn(|| run(sender)))
            .collect();
        let times = threads.into_iter().map(|thread| thread.join().unwrap());
        times.max().unwrap()
    })
}

/// The relay that the repository has a configuration of.
fn relay() -> Hub {
    let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/config/relay.yaml"));
    let config = Config::examine(file).config.unwrap();
    Hub::new(Policy::new(&config).unwrap()).unwrap()
}

/// Rooms do not meet: two rooms on two cores take as long as one room on one. Where a machine's cores slow one another down,
/// two relays, which have nothing in common, tell by how much. Two senders to one recipient do meet, at its outbox, and
/// take longer than that.
fn rooms(c: &mut Criterion) {
    let [hub, another] = [(); 2].map(|()| relay());
    let [one, other] = [(); 2].map(|()| room(&hub.rooms, &hub.budget, 2));
    let far = room(&another.rooms, &another.budget, 1);
    let _connected = [(&hub, &one), (&hub, &other), (&another, &far)]
        .map(|(hub, peers)| connect(hub, &peers.server));
    let mut group = c.benchmark_group("rooms");
    // The less is done with an envelope alone, the more is seen of what is shared: one type has no schema.
    for (kind, message) in [("OFFER", message(SIZES[0])), ("NOTE", "{}".to_owned())] {
        let sender = |hub, peers, client| Sender::new(hub, peers, client, kind, &message);
        let [a, b] = [0, 1].map(|client| sender(&hub, &one, client));
        let (elsewhere, far) = (sender(&hub, &other, 0), sender(&another, &far, 0));
        for (name, senders) in [
            ("one room, one thread", &[&a][..]),
            ("two relays, a thread each", &[&a, &far]),
            ("two rooms, a thread each", &[&a, &elsewhere]),
            ("one recipient, two threads", &[&a, &b]),
        ] {
            group.bench_function(BenchmarkId::new(name, kind), |bencher| {
                bencher.iter_custom(|envelopes| all_at_once(senders, envelopes));
            });
        }
    }
}

criterion_group!(steps, envelopes, validation, outboxes, routing, rooms);
criterion_main!(steps);
