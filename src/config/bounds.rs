//! `timeouts`, `limits` and `resume`.

use std::{ops::RangeInclusive, time::Duration};

use super::{
    FailedLogins, Limits, OnExcess, OnInvalid, QueueBound, Rate, Resume, Timeouts,
    section::Section, units, value::Value,
};

const SHORTEST: Duration = Duration::from_millis(1);
const COUNT: RangeInclusive<i128> = 1..=10_000_000;
const MEMORY: RangeInclusive<u64> = 128..=1 << 40;
const MESSAGE: RangeInclusive<u64> = 128..=64 << 20;

const RATE: Rate = Rate {
    rate: 100,
    burst: 200,
    on_excess: OnExcess::Wait,
};
const FAILED_LOGINS: FailedLogins = FailedLogins {
    per_address: 10,
    window: Duration::from_secs(60),
};

const RESUME: Resume = Resume {
    window: Duration::from_secs(120),
    buffer: QueueBound {
        messages: 256,
        bytes: 256 << 10,
    },
};

/// How a broken connection is resumed.
pub(super) fn resume(s: &mut Section<'_>) -> Option<Resume> {
    s.or("resume", Some(RESUME), |v| {
        v.or_off(|v| {
            v.section(|s| Resume {
                window: s.or("window", RESUME.window, wait),
                buffer: s.section("buffer", |s| QueueBound {
                    messages: s.or("messages", RESUME.buffer.messages, |v| v.count(COUNT)),
                    bytes: s.or("bytes", RESUME.buffer.bytes, |v| v.size(MEMORY)),
                }),
            })
        })
    })
}

/// Every wait.
pub(super) fn timeouts(s: &mut Section<'_>) -> Timeouts {
    let seconds = Duration::from_secs;
    let (idle_server, idle_client) = s.section("idle", |s| {
        (
            s.or("server", None, wait_or_off),
            s.or("client", None, wait_or_off),
        )
    });
    Timeouts {
        handshake: s.or("handshake", seconds(10), wait),
        login: s.or("login", seconds(10), wait),
        idle_server,
        idle_client,
        ping: s.or("ping", Some(seconds(25)), wait_or_off),
        pong: s.or("pong", seconds(20), wait),
        drain: s.or("drain", seconds(10), |v| v.duration(Duration::ZERO)),
    }
}

/// Every other bound.
pub(super) fn limits(s: &mut Section<'_>) -> Limits {
    let limits = Limits {
        message_bytes: s.or("message_bytes", 64 << 10, |v| v.size(MESSAGE)),
        on_invalid: s.or("on_invalid", OnInvalid::Reject, |v| {
            v.choice(&[
                ("reject", OnInvalid::Reject),
                ("disconnect", OnInvalid::Disconnect),
            ])
        }),
        connections: s.or("connections", 100_000, |v| v.count(COUNT)),
        connections_per_address: s.or("connections_per_address", None, |v| {
            v.or_off(|v| v.count(COUNT))
        }),
        servers: s.or("servers", 10_000, |v| v.count(COUNT)),
        clients_per_server: s.or("clients_per_server", 1000, |v| v.count(COUNT)),
        messages_per_second: s.or("messages_per_second", Some(RATE), |v| {
            v.or_off(|v| v.section(rate))
        }),
        outbound_queue: s.section("outbound_queue", |s| QueueBound {
            messages: s.or("messages", 1024, |v| v.count(COUNT)),
            bytes: s.or("bytes", 1 << 20, |v| v.size(MEMORY)),
        }),
        queued_bytes: s.or("queued_bytes", 1 << 30, |v| v.size(MEMORY)),
        failed_logins: s.or("failed_logins", Some(FAILED_LOGINS), |v| {
            v.or_off(|v| v.section(failed_logins))
        }),
    };
    warn_of_small_queue(s, &limits);
    limits
}

fn rate(s: &mut Section<'_>) -> Rate {
    Rate {
        rate: s.or("rate", RATE.rate, |v| v.count(COUNT)),
        burst: s.or("burst", RATE.burst, |v| v.count(COUNT)),
        on_excess: s.or("on_excess", RATE.on_excess, |v| {
            v.choice(&[
                ("wait", OnExcess::Wait),
                ("reject", OnExcess::Reject),
                ("disconnect", OnExcess::Disconnect),
            ])
        }),
    }
}

fn failed_logins(s: &mut Section<'_>) -> FailedLogins {
    FailedLogins {
        per_address: s.or("per_address", FAILED_LOGINS.per_address, |v| v.count(COUNT)),
        window: s.or("window", FAILED_LOGINS.window, wait),
    }
}

fn warn_of_small_queue(s: &Section<'_>, limits: &Limits) {
    let (message, queue) = (limits.message_bytes, limits.outbound_queue.bytes);
    if message > queue {
        let (message, queue) = (
            units::show_size(message as u64),
            units::show_size(queue as u64),
        );
        s.warn(format!(
            "a message of up to {message} may not fit into `outbound_queue` with {queue}; raise its `bytes`"
        ));
    }
}

fn wait(value: Value<'_>) -> Option<Duration> {
    value.duration(SHORTEST)
}

fn wait_or_off(value: Value<'_>) -> Option<Option<Duration>> {
    value.or_off(wait)
}
