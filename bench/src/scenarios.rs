//! What is measured, and with which systems.

use std::net::SocketAddr;

use crate::{
    Failure, growth,
    load::{
        Stretch, connects, memory, round_trip,
        shapes::{self, Pairs},
        traffic::Traffic,
        web,
    },
    message::{CHECKED, UNCHECKED},
    run::Pace,
    syscalls,
    systems::{
        Setting,
        System::{
            self, Bare, Bun, BunBatched, Envelope, Intercessor, Value as ByValue, Wtransport,
        },
    },
};

/// Figures of one measurement, by name.
pub type Measured = Vec<(&'static str, f64)>;

/// Something that is measured.
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub what: &'static str,
    /// The systems that it is measured with.
    pub systems: &'static [System],
    /// So many rounds are enough.
    pub rounds: usize,
    /// Starts the system and measures.
    pub measure: Measure,
}

/// How a system is measured.
pub type Measure = fn(&Setting, System, Pace) -> Result<Measured, Failure>;

/// Processor time for each message, in microseconds.
pub const CPU: &str = "µs of CPU per message";
/// Messages for each second of the clock.
pub const RATE: &str = "messages per second";
/// Deliveries for each second of processor time.
pub const PER_CPU_SECOND: &str = "per CPU second";
/// How much of its core the load generator used.
pub const BUSY: &str = "load generator busy";
/// System calls for each message.
pub const CALLS: &str = "system calls per message";
/// Percentiles of a round trip, in microseconds.
pub const ROUND_TRIPS: [&str; 3] = ["median µs", "p99 µs", "p99.9 µs"];
/// Memory for each peer, in KiB.
pub const IDLE: &str = "KiB per idle peer";
/// The same after traffic.
pub const AFTER: &str = "KiB per peer, idle again";
/// A small number of something that grows.
pub const FEW: &str = "µs of CPU per message, few";
/// A large one.
pub const MANY: &str = "µs of CPU per message, many";

const ALL_PLAIN: &[System] = &[Intercessor, Bare, Envelope, Bun];
const ALL_CHECKED: &[System] = &[Intercessor, Bare, Envelope, ByValue, Bun];
const THROUGHPUT: &[System] = &[Intercessor, Bare, Envelope, ByValue, Bun, BunBatched];
const THROUGHPUT_PLAIN: &[System] = &[Intercessor, Bare, Envelope, Bun, BunBatched];
const RELAYS: &[System] = &[Intercessor, Bun];
const WEB: &[System] = &[Intercessor, Wtransport];
const OURS: &[System] = &[Intercessor];
const GROWING: &[System] = &[Intercessor, Envelope];

const fn of(
    name: &'static str,
    what: &'static str,
    systems: &'static [System],
    measure: Measure,
) -> Scenario {
    Scenario {
        name,
        what,
        systems,
        rounds: usize::MAX,
        measure,
    }
}

/// What takes long, and hardly differs from round to round.
const fn few(rounds: usize, scenario: Scenario) -> Scenario {
    Scenario { rounds, ..scenario }
}

const CHECKED_256: Measure = |s, y, p| throughput(s, y, p, CHECKED, 256);
const CHECKED_4096: Measure = |s, y, p| throughput(s, y, p, CHECKED, 4096);
const UNCHECKED_256: Measure = |s, y, p| throughput(s, y, p, UNCHECKED, 256);
const UNCHECKED_4096: Measure = |s, y, p| throughput(s, y, p, UNCHECKED, 4096);
const CONNECT_WS: Measure = |s, y, p| connects::measure_plain(&s.start(y, &[])?, p);
const CONNECT_WSS: Measure =
    |s, y, p| connects::measure_secure(&s.start(y, &[])?, &s.certificate, p);
const CONNECT_WT: Measure = |s, y, p| web::connects(&s.start(y, &[])?, &s.certificate, p);
const MEMORY_WS: Measure = |s, y, p| memory::measure_plain(&s.start(y, &[])?, p);
const MEMORY_WSS: Measure = |s, y, p| memory::measure_secure(&s.start(y, &[])?, &s.certificate, p);
const MEMORY_WT: Measure = |s, y, p| web::memory(&s.start(y, &[])?, y, &s.certificate, p);
const WT_256: Measure = |s, y, p| web::throughput(&s.start(y, &[])?, y, &s.certificate, 256, p);
const WT_4096: Measure = |s, y, p| web::throughput(&s.start(y, &[])?, y, &s.certificate, 4096, p);

/// Everything.
pub const ALL: &[Scenario] = &[
    of(
        "checked-256",
        "256 B with a schema, 50 rooms, both ways",
        THROUGHPUT,
        CHECKED_256,
    ),
    of(
        "checked-4096",
        "4 KiB with a schema, 50 rooms, both ways",
        THROUGHPUT,
        CHECKED_4096,
    ),
    of(
        "unchecked-256",
        "256 B without a schema, 50 rooms, both ways",
        THROUGHPUT_PLAIN,
        UNCHECKED_256,
    ),
    of(
        "unchecked-4096",
        "4 KiB without a schema, 50 rooms, both ways",
        THROUGHPUT_PLAIN,
        UNCHECKED_4096,
    ),
    of(
        "fan-out",
        "256 B with a schema from a server to 1000 clients, one at a time",
        ALL_CHECKED,
        fan_out,
    ),
    of(
        "round-trip",
        "256 B with a schema there and back, one at a time",
        ALL_CHECKED,
        round_trip,
    ),
    of(
        "connect-ws",
        "a server connects, has its HELLO and leaves",
        ALL_PLAIN,
        CONNECT_WS,
    ),
    of("connect-wss", "the same with TLS", RELAYS, CONNECT_WSS),
    of("connect-wt", "the same over WebTransport", WEB, CONNECT_WT),
    few(
        1,
        of(
            "memory-ws",
            "peers in rooms of two: idle, and idle again after 4 KiB messages",
            ALL_PLAIN,
            MEMORY_WS,
        ),
    ),
    few(1, of("memory-wss", "the same with TLS", RELAYS, MEMORY_WSS)),
    few(
        1,
        of("memory-wt", "the same over WebTransport", WEB, MEMORY_WT),
    ),
    of(
        "wt-256",
        "256 B with a schema over WebTransport, 20 rooms, both ways",
        WEB,
        WT_256,
    ),
    of(
        "wt-4096",
        "4 KiB with a schema over WebTransport, 20 rooms, both ways",
        WEB,
        WT_4096,
    ),
    few(
        3,
        of(
            "growth-rooms",
            "10 and 10,000 rooms, messages in ten of them at a time",
            GROWING,
            growth::rooms,
        ),
    ),
    few(
        3,
        of(
            "growth-peers",
            "64 and 19,000 clients of one server, 64 messages under way",
            GROWING,
            growth::peers,
        ),
    ),
    few(
        3,
        of(
            "growth-schemas",
            "1 schema of 1 KiB and 8 of 100 KiB",
            OURS,
            growth::schemas,
        ),
    ),
    few(
        1,
        of(
            "calls-256",
            "system calls of 256 B with a schema",
            ALL_CHECKED,
            syscalls::measure,
        ),
    ),
];

fn kinds(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// The figures of a stretch.
pub fn measured(stretch: Stretch) -> Measured {
    vec![
        (CPU, stretch.cpu),
        (RATE, stretch.rate),
        (BUSY, stretch.busy),
    ]
}

/// The usual load: 50 rooms, of which each peer has a window of messages under way.
pub fn usual(
    system: System,
    address: SocketAddr,
    kind: &str,
    bytes: usize,
    window: usize,
) -> Result<Traffic, Failure> {
    Pairs {
        rooms: 50,
        active: 50,
        window,
        whole: false,
        kinds: &kinds(&[kind]),
        bytes,
    }
    .connect(system, address)
}

fn throughput(
    setting: &Setting,
    system: System,
    pace: Pace,
    kind: &str,
    bytes: usize,
) -> Result<Measured, Failure> {
    let running = setting.start(system, &[])?;
    let mut traffic = usual(system, running.plain()?, kind, bytes, pace.window)?;
    Ok(measured(traffic.measure(
        running.pid(),
        pace.warm_up,
        pace.measured,
    )?))
}

fn fan_out(setting: &Setting, system: System, pace: Pace) -> Result<Measured, Failure> {
    let running = setting.start(system, &[])?;
    let mut traffic = shapes::fan_out(system, running.plain()?, 1000, 256)?;
    let stretch = traffic.measure(running.pid(), pace.warm_up, pace.measured)?;
    let mut figures = measured(stretch);
    figures.push((PER_CPU_SECOND, 1e6 / stretch.cpu));
    Ok(figures)
}

fn round_trip(setting: &Setting, system: System, pace: Pace) -> Result<Measured, Failure> {
    let running = setting.start(system, &[])?;
    let times = round_trip::measure(system, running.plain()?, 256, 20_000 / pace.share)?;
    let parts = [0.5, 0.99, 0.999];
    let at = |part: f64| {
        times
            .get((times.len() as f64 * part) as usize)
            .copied()
            .unwrap_or(f64::NAN)
    };
    Ok(ROUND_TRIPS.into_iter().zip(parts.map(at)).collect())
}
