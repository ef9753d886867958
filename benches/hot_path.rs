//! What each step of an envelope's way costs alone. `cargo bench` runs them; `cargo xtask bench` measures the whole.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "what fails here is the benchmark itself"
)]

use std::{
    fs,
    hint::black_box,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::FutureExt;
use intercessor::{
    config::{IdStyle, QueueBound},
    envelope::{self, Envelope, Text},
    json::Tape,
    outbox::{Budget, Due, Lane, Outbox},
    room::{Client, Outbound, Room, Rooms, ServerId},
    schema::{Schema, read_message},
};
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

fn room(clients: usize) -> Peers {
    let (rooms, budget) = (Rooms::default(), budget());
    let style = IdStyle::Nanoid {
        length: 21,
        alphabet: ('a'..='z').collect(),
    };
    let hello = |_: &_| Text::from_static("{}");
    let server = new_outbox(&budget);
    let id = ServerId::Random(style.clone());
    let room = rooms.open(&id, Arc::clone(&server), 1, hello).unwrap();
    let clients = (0..clients).map(|_| {
        let outbox = new_outbox(&budget);
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
    } = room(CLIENTS);
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

criterion_group!(steps, envelopes, validation, outboxes, routing);
criterion_main!(steps);
