//! The table of bars.

use crate::{
    run::Key,
    scenarios::{AFTER, CPU, FEW, IDLE, MANY, PER_CPU_SECOND, ROUND_TRIPS},
    systems::System::{self, Bare, Bun, Envelope, Intercessor, Value, Wtransport},
};

/// One bar.
pub struct Bar {
    /// What it is about.
    pub what: &'static str,
    /// The figure.
    pub figure: Key,
    /// What it is divided by, round for round; nothing for an amount.
    pub by: Option<Key>,
    /// Is less better?
    pub less: bool,
    /// What has to be reached.
    pub bar: f64,
    /// What would be better still.
    pub stretch: Option<f64>,
}

const fn ratio(
    what: &'static str,
    scenario: &'static str,
    name: &'static str,
    by: System,
    less: bool,
    bar: f64,
) -> Bar {
    Bar {
        what,
        figure: (scenario, Intercessor, name),
        by: Some((scenario, by, name)),
        less,
        bar,
        stretch: None,
    }
}

const fn within(
    what: &'static str,
    scenario: &'static str,
    name: &'static str,
    by: &'static str,
    bar: f64,
) -> Bar {
    Bar {
        what,
        figure: (scenario, Intercessor, name),
        by: Some((scenario, Intercessor, by)),
        less: true,
        bar,
        stretch: None,
    }
}

const fn amount(what: &'static str, scenario: &'static str, bar: f64, stretch: f64) -> Bar {
    Bar {
        what,
        figure: (scenario, Intercessor, IDLE),
        by: None,
        less: true,
        bar,
        stretch: Some(stretch),
    }
}

const fn stretched(bar: Bar, stretch: f64) -> Bar {
    Bar {
        stretch: Some(stretch),
        ..bar
    }
}

const MEDIAN: &str = ROUND_TRIPS[0];

/// All of them.
pub const BARS: &[Bar] = &[
    ratio("CPU, 256 B, to Bun", "checked-256", CPU, Bun, true, 0.30),
    ratio("CPU, 4 KiB, to Bun", "checked-4096", CPU, Bun, true, 0.25),
    stretched(
        ratio(
            "CPU, 4 KiB, to forwarder + Value schema",
            "checked-4096",
            CPU,
            Value,
            true,
            1.0,
        ),
        0.6,
    ),
    stretched(
        ratio(
            "CPU, 256 B without a schema, to forwarder + envelope",
            "unchecked-256",
            CPU,
            Envelope,
            true,
            1.1,
        ),
        1.0,
    ),
    stretched(
        ratio(
            "CPU, 4 KiB without a schema, to forwarder + envelope",
            "unchecked-4096",
            CPU,
            Envelope,
            true,
            1.1,
        ),
        1.0,
    ),
    stretched(
        ratio(
            "fan-out per CPU second, to Bun",
            "fan-out",
            PER_CPU_SECOND,
            Bun,
            false,
            1.0,
        ),
        1.3,
    ),
    ratio(
        "median round trip, to Bun",
        "round-trip",
        MEDIAN,
        Bun,
        true,
        0.9,
    ),
    ratio(
        "median round trip, to forwarder (stretch)",
        "round-trip",
        MEDIAN,
        Bare,
        true,
        1.05,
    ),
    ratio(
        "ws connects per CPU second, to Bun",
        "connect-ws",
        PER_CPU_SECOND,
        Bun,
        false,
        1.0,
    ),
    ratio(
        "wss connects per CPU second, to Bun",
        "connect-wss",
        PER_CPU_SECOND,
        Bun,
        false,
        1.0,
    ),
    ratio(
        "WebTransport connects per CPU second, to plain wtransport",
        "connect-wt",
        PER_CPU_SECOND,
        Wtransport,
        false,
        0.95,
    ),
    amount("KiB per idle ws peer", "memory-ws", 3.5, 2.3),
    amount("KiB per idle wss peer", "memory-wss", 10.0, 5.6),
    amount("KiB per idle WebTransport peer", "memory-wt", 65.0, 40.0),
    stretched(
        within(
            "ws memory after traffic, to idle",
            "memory-ws",
            AFTER,
            IDLE,
            1.2,
        ),
        1.0,
    ),
    stretched(
        within(
            "wss memory after traffic, to idle",
            "memory-wss",
            AFTER,
            IDLE,
            1.2,
        ),
        1.0,
    ),
    stretched(
        within(
            "WebTransport memory after traffic, to idle",
            "memory-wt",
            AFTER,
            IDLE,
            1.2,
        ),
        1.0,
    ),
    stretched(
        ratio(
            "WebTransport CPU, 256 B, to plain wtransport",
            "wt-256",
            CPU,
            Wtransport,
            true,
            1.2,
        ),
        1.0,
    ),
    stretched(
        ratio(
            "WebTransport CPU, 4 KiB, to plain wtransport",
            "wt-4096",
            CPU,
            Wtransport,
            true,
            1.2,
        ),
        1.0,
    ),
    within("CPU, 10,000 rooms to 10", "growth-rooms", MANY, FEW, 1.15),
    within("CPU, 19,000 clients to 64", "growth-peers", MANY, FEW, 1.15),
    within(
        "CPU, 8 schemas of 100 KiB to 1 of 1 KiB",
        "growth-schemas",
        MANY,
        FEW,
        1.15,
    ),
];
