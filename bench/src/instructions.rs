//! Counts the relay's own instructions: the relay, whole as it is, and its peers share one thread, so that
//! nothing depends on who runs when. What the peers do is not counted: callgrind is told to count within
//! [`relay_runs`] only.
//!
//! The kernel's share is not in it; the sockets are real ones, whose loopback is done when a write returns.

use std::{
    hint::black_box,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
};

use intercessor::{
    listener::passed::Passed,
    relay::{self, Relay, reload::Requests},
};
use tokio::runtime::{Builder, Runtime};

use crate::{Failure, frame, message, peer};

/// How often each message is sent before anything is counted, so that buffers have their sizes.
const WARM_UP: usize = 4;
/// Turns of the relay after which something must have come.
const PATIENCE: usize = 10_000;

/// What is counted.
struct Figure {
    name: &'static str,
    kind: &'static str,
    bytes: usize,
    /// Messages that each peer sends at once.
    window: usize,
    rooms: usize,
    /// Clients in each room, to whom its server sends one message for all. 0: one client, and both sides send.
    fan_out: usize,
    rounds: usize,
}

impl Figure {
    const fn pairs(name: &'static str, kind: &'static str, bytes: usize, window: usize) -> Self {
        let rounds = if window == 1 { 32 } else { 8 };
        Self {
            name,
            kind,
            bytes,
            window,
            rooms: 10,
            fan_out: 0,
            rounds,
        }
    }
}

use message::{CHECKED, UNCHECKED};

const FIGURES: [Figure; 9] = [
    Figure::pairs("checked-256", CHECKED, 256, 8),
    Figure::pairs("checked-4096", CHECKED, 4096, 8),
    Figure::pairs("unchecked-256", UNCHECKED, 256, 8),
    Figure::pairs("unchecked-4096", UNCHECKED, 4096, 8),
    Figure::pairs("alone-checked-256", CHECKED, 256, 1),
    Figure::pairs("alone-checked-4096", CHECKED, 4096, 1),
    Figure::pairs("alone-unchecked-256", UNCHECKED, 256, 1),
    Figure::pairs("alone-unchecked-4096", UNCHECKED, 4096, 1),
    Figure {
        name: "fan-out-256",
        kind: CHECKED,
        bytes: 256,
        window: 1,
        rooms: 1,
        fan_out: 100,
        rounds: 16,
    },
];

/// Runs one figure, and prints how many messages were delivered while the relay was counted.
pub fn run(name: Option<&str>) -> Result<(), Failure> {
    let Some(name) = name else {
        for figure in &FIGURES {
            println!("{}", figure.name);
        }
        return Ok(());
    };
    let figure = FIGURES
        .iter()
        .find(|figure| figure.name == name)
        .ok_or_else(|| format!("there is no figure {name}"))?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let dir = tempfile::tempdir()?;
    let address = start_relay(&runtime, dir.path())?;
    let mut lines = connect(&runtime, address, figure)?;
    for _ in 0..WARM_UP {
        round(&mut lines, || relay_warms_up(&runtime))?;
    }
    let mut delivered = 0;
    let mut turns = 0;
    for _ in 0..figure.rounds {
        delivered += round(&mut lines, || relay_runs(&runtime, &mut turns))?;
    }
    println!("messages: {delivered}");
    eprintln!("{turns} turns of the relay");
    Ok(())
}

const CONFIG: &str = "\
listeners:
  - { transport: websocket, bind: 127.0.0.1:0, tls: off }
servers: { open: true }
limits: { messages_per_second: off }
log: { level: warn }
";

fn start_relay(runtime: &Runtime, dir: &Path) -> Result<SocketAddr, Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."));
    let schema = root.join("schemas/offer.json");
    let config = dir.join("relay.yaml");
    let types = format!(
        "schemas: {{ types: {{ {CHECKED}: '{}' }} }}\n",
        schema.display()
    );
    std::fs::write(&config, format!("{CONFIG}{types}"))?;
    let checked = relay::check(&config).map_err(|problems| problems.to_string())?;
    let relay = runtime.block_on(async { Relay::bind(checked, Passed::none()) })?;
    let url = relay.urls().into_iter().next().unwrap_or_default();
    let address = url.trim_start_matches("ws://").parse()?;
    runtime.spawn(relay.run(std::future::pending(), Requests::none()));
    Ok(address)
}

/// A peer, what it sends in one round, and how much comes to it.
struct Line {
    stream: TcpStream,
    sends: Vec<u8>,
    expects: usize,
    /// Of messages; a frame is one.
    receives: usize,
}

fn connect(
    runtime: &Runtime,
    address: SocketAddr,
    figure: &'static Figure,
) -> Result<Vec<Line>, Failure> {
    let (done, connected) = tokio::sync::oneshot::channel();
    // A thread of its own, since a connect waits for the relay, which runs in this one.
    let thread = std::thread::spawn(move || {
        let lines = (0..figure.rooms)
            .map(|_| connect_room(address, figure))
            .collect::<Result<Vec<_>, _>>();
        _ = done.send(());
        lines
    });
    runtime.block_on(connected)?;
    let rooms = thread
        .join()
        .map_err(|_| "the connecting thread panicked")??;
    Ok(rooms.into_iter().flatten().collect())
}

fn connect_room(address: SocketAddr, figure: &Figure) -> Result<Vec<Line>, Failure> {
    let (server, clients) = peer::room(address, figure.fan_out.max(1))?;
    let to = match clients.first() {
        Some(client) if figure.fan_out == 0 => client.id.clone(),
        _ => "*".to_owned(),
    };
    let down = message::envelope(&to, figure.kind, figure.bytes);
    let up = message::envelope(&server.id, figure.kind, figure.bytes);
    let mut lines = Vec::new();
    for client in clients {
        client.stream.set_nonblocking(true)?;
        let length = message::relayed_len(down.len(), &to, &server.id);
        lines.push(Line {
            stream: client.stream,
            sends: if figure.fan_out > 0 {
                Vec::new()
            } else {
                frame::masked(&up).repeat(figure.window)
            },
            expects: frame::unmasked_len(length) * figure.window,
            receives: figure.window,
        });
    }
    let answers = if figure.fan_out > 0 { 0 } else { figure.window };
    server.stream.set_nonblocking(true)?;
    lines.push(Line {
        stream: server.stream,
        sends: frame::masked(&down).repeat(figure.window),
        expects: frame::unmasked_len(up.len() + "from".len() - "to".len()) * answers,
        receives: answers,
    });
    Ok(lines)
}

/// Everybody sends, and the relay runs until everybody has received. Returns how many messages were delivered.
fn round(lines: &mut [Line], mut turn: impl FnMut()) -> Result<usize, Failure> {
    for line in lines.iter_mut() {
        if line.stream.write(&line.sends)? < line.sends.len() {
            return Err("what is sent in one round does not fit into the socket".into());
        }
    }
    let mut left: Vec<usize> = lines.iter().map(|line| line.expects).collect();
    let mut scratch = vec![0; 1 << 16];
    for _ in 0..PATIENCE {
        turn();
        for (line, left) in lines
            .iter_mut()
            .zip(&mut left)
            .filter(|(_, left)| **left > 0)
        {
            match line.stream.read(&mut scratch[..]) {
                Ok(0) => return Err("the relay has hung up".into()),
                Ok(read) if read > *left => return Err("more came than was sent".into()),
                Ok(read) => *left -= read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        if left.iter().all(|left| *left == 0) {
            return Ok(lines.iter().map(|line| line.receives).sum());
        }
    }
    Err(format!(
        "what was sent does not arrive: {} bytes are missing",
        left.iter().sum::<usize>()
    )
    .into())
}

/// One turn of the relay: every task that can run does, once. Counted: callgrind knows it by its name.
#[inline(never)]
fn relay_runs(runtime: &Runtime, turns: &mut usize) {
    *turns += 1;
    runtime.block_on(tokio::task::yield_now());
    black_box(turns);
}

/// The same, not counted.
#[inline(never)]
fn relay_warms_up(runtime: &Runtime) {
    runtime.block_on(tokio::task::yield_now());
}
