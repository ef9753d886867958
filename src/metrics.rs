//! Metrics: what the relay counts of itself, as Prometheus reads it.
//!
//! The values of labels come from sets that the relay or its configuration fixes, so that no peer can make them grow.

pub mod counters;
mod reloads;
mod render;
mod scraped;

use std::{iter, sync::Arc, time::Duration};

use prometheus::{
    IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, core::Collector,
    process_collector::ProcessCollector,
};
use tokio::time::Instant;

use self::{
    counters::{Counters, Durations},
    reloads::Reloads,
    scraped::Scraped,
};
use crate::{
    account::{Account, Origin},
    auth::LoginError,
    config::Transport,
    envelope::Text,
    outbox::Outbox,
    policy::{Code, Role},
    transport::admission::Refused,
};

/// The `type` of everything that the configuration does not name.
const OTHER_TYPE: &str = "other";

/// All metrics of one relay.
pub struct Metrics {
    registry: Registry,
    flow: Arc<Flow>,
    connected: IntGaugeVec,
    started: IntCounterVec,
    ended: IntCounterVec,
    refused: IntCounterVec,
    violations: IntCounterVec,
    logins: IntCounterVec,
    handshakes_refused: IntCounterVec,
    accept_errors: IntCounterVec,
    /// Connections that were closed unheard, since even the reserve over the limit was used up.
    pub dropped: IntCounter,
    resumes: IntCounterVec,
    /// Envelopes that a resume had sent again.
    pub replayed: IntCounter,
    /// The configuration.
    pub reloads: Reloads,
    scraped: Scraped,
}

/// What is counted on the way of every message.
#[derive(Debug, Default)]
struct Flow {
    traffic: Counters<{ ROLES * TRANSPORTS * DIRECTIONS.len() }>,
    relay: Durations,
    schema: Durations,
    handshake: [Durations; TRANSPORTS],
}

const ROLES: usize = 2;
const TRANSPORTS: usize = 2;
/// What is counted for each role and transport; the first two come from peers, the others go to them.
const DIRECTIONS: [(&str, &str); 4] = [
    (
        "intercessor_received_envelopes_total",
        "Envelopes that came from peers, also those that were refused",
    ),
    (
        "intercessor_received_bytes_total",
        "Bytes of the envelopes that came from peers",
    ),
    (
        "intercessor_sent_envelopes_total",
        "Envelopes that were written to peers, also the relay's own",
    ),
    (
        "intercessor_sent_bytes_total",
        "Bytes of the envelopes that were written to peers",
    ),
];

/// What a RESUME came to, or a session that waited for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// The session was parked.
    Parked,
    /// Its old connection still seemed alive.
    TakenOver,
    /// The first envelope was no RESUME, or none came in time.
    NoResume,
    /// Its token is unknown, spent or expired.
    Unknown,
    /// What it has missed is no longer kept.
    Gap,
    /// Nobody came back in time.
    Expired,
}

impl Resumed {
    const ALL: [Self; 6] = [
        Self::Parked,
        Self::TakenOver,
        Self::NoResume,
        Self::Unknown,
        Self::Gap,
        Self::Expired,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Parked => "resumed",
            Self::TakenOver => "taken_over",
            Self::NoResume => "no_resume",
            Self::Unknown => "unknown_token",
            Self::Gap => "gap",
            Self::Expired => "expired",
        }
    }
}

impl Metrics {
    /// All at zero. The error would be a mistake in a name.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let flow = Arc::new(Flow::default());
        registry.register(Box::new(render::FlowCollector::new(&flow)?))?;
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let counters = |name: &str, help: &str, labels: &[&str]| {
            registered(
                &registry,
                IntCounterVec::new(Opts::new(name, help), labels)?,
            )
        };
        let counter = |name: &str, help: &str| registered(&registry, IntCounter::new(name, help)?);
        registered(&registry, build_info()?)?.set(1);
        let metrics = Self {
            connected: registered(
                &registry,
                IntGaugeVec::new(
                    Opts::new("intercessor_sessions", "Sessions that have a connection"),
                    &["role", "transport"],
                )?,
            )?,
            started: counters(
                "intercessor_session_connections_total",
                "Connections that got a session, a new one or their own again",
                &["role", "transport"],
            )?,
            ended: counters(
                "intercessor_session_disconnections_total",
                "Connections of sessions that ended, by close code; 1006: without one",
                &["role", "transport", "code"],
            )?,
            refused: counters(
                "intercessor_refused_envelopes_total",
                "Envelopes that were answered with an ERROR, by its code; type: one of the configuration, or other",
                &["code", "type"],
            )?,
            violations: counters(
                "intercessor_schema_violations_total",
                "Messages that do not meet their schema, by what became of them",
                &["type", "action"],
            )?,
            logins: counters(
                "intercessor_logins_total",
                "Logins of servers, by outcome",
                &["outcome"],
            )?,
            handshakes_refused: counters(
                "intercessor_refused_handshakes_total",
                "Handshakes of peers that were refused, by reason",
                &["transport", "reason"],
            )?,
            accept_errors: counters(
                "intercessor_accept_errors_total",
                "Connections that the system could not hand over, as when it is out of files",
                &["transport"],
            )?,
            dropped: counter(
                "intercessor_dropped_connections_total",
                "Connections over a limit that were closed unheard",
            )?,
            resumes: counters(
                "intercessor_resumes_total",
                "RESUMEs by outcome, and sessions that expired before one came",
                &["outcome"],
            )?,
            replayed: counter(
                "intercessor_replayed_envelopes_total",
                "Envelopes that were sent again at a resume",
            )?,
            reloads: Reloads::new(&registry)?,
            scraped: Scraped::new(&registry)?,
            registry,
            flow,
        };
        metrics.begin_at_zero();
        Ok(metrics)
    }

    /// Rates are only right where a counter is there before it counts.
    fn begin_at_zero(&self) {
        for (role, transport) in kinds() {
            let labels = [role.as_str(), transport.as_str()];
            self.connected.with_label_values(&labels);
            self.started.with_label_values(&labels);
        }
        for code in Code::ALL {
            let labels = [code.as_str(), OTHER_TYPE];
            self.refused.with_label_values(&labels);
        }
        for transport in Transport::ALL {
            for reason in Refused::NAMES {
                let labels = [transport.as_str(), reason];
                self.handshakes_refused.with_label_values(&labels);
            }
        }
        // QUIC accepts nothing of the system.
        let accepting = [Transport::WebSocket.as_str()];
        self.accept_errors.with_label_values(&accepting);
        for outcome in Resumed::ALL {
            self.resumes.with_label_values(&[outcome.as_str()]);
        }
        for outcome in iter::once("ok").chain(LoginError::NAMES) {
            self.logins.with_label_values(&[outcome]);
        }
    }

    /// Begins to count a session's connection, also on the session's own account.
    pub fn connect(self: &Arc<Self>, role: Role, origin: Origin, outbox: &Arc<Outbox>) -> Meter {
        outbox.account.connect(origin);
        let transport = origin.transport;
        let labels = [role.as_str(), transport.as_str()];
        let connected = self.connected.with_label_values(&labels);
        connected.inc();
        self.started.with_label_values(&labels).inc();
        Meter {
            metrics: Arc::clone(self),
            role,
            transport,
            connected,
            outbox: Arc::clone(outbox),
        }
    }

    /// An envelope was answered with an ERROR. `kind` is its type where the configuration names it.
    pub fn refused(&self, code: Code, kind: Option<&str>) {
        let labels = [code.as_str(), kind.unwrap_or(OTHER_TYPE)];
        self.refused.with_label_values(&labels).inc();
    }

    /// A message did not meet the schema of its type.
    pub fn violated(&self, kind: &str, action: &'static str) {
        self.violations.with_label_values(&[kind, action]).inc();
    }

    /// A login was checked.
    pub fn login(&self, outcome: &'static str) {
        self.logins.with_label_values(&[outcome]).inc();
    }

    /// A handshake was refused.
    pub fn handshake_refused(&self, transport: Transport, reason: &'static str) {
        let labels = [transport.as_str(), reason];
        self.handshakes_refused.with_label_values(&labels).inc();
    }

    /// A handshake was done, this long after its connection was accepted.
    pub fn handshake(&self, transport: Transport, took: Duration) {
        self.flow.handshake[transport as usize].observe(took);
    }

    /// A connection could not be accepted.
    pub fn accept_error(&self, transport: Transport) {
        let labels = [transport.as_str()];
        self.accept_errors.with_label_values(&labels).inc();
    }

    /// A RESUME came, or did not.
    pub fn resumed(&self, outcome: Resumed) {
        self.resumes.with_label_values(&[outcome.as_str()]).inc();
    }

    /// An envelope was judged by its schema.
    pub fn schema(&self, took: Duration) {
        self.flow.schema.observe(took);
    }
}

/// What is counted of one connection of a session.
pub struct Meter {
    metrics: Arc<Metrics>,
    role: Role,
    transport: Transport,
    connected: IntGauge,
    /// Whose account it is. While the connection serves it the outbox has this meter as well; what
    /// [`Outbox::attach`] returns ends that.
    outbox: Arc<Outbox>,
}

impl Meter {
    /// The account of the session.
    pub fn account(&self) -> &Account {
        &self.outbox.account
    }

    /// An envelope came.
    pub fn received(&self, bytes: usize) {
        self.account().received(bytes);
        self.count(0, 1, bytes);
    }

    /// Envelopes were written, of which the oldest had come at that time.
    pub fn sent(&self, batch: &[Text], oldest: Option<Instant>) {
        let bytes = batch.iter().map(|text| text.len()).sum();
        self.account().sent(batch.len(), bytes);
        self.count(2, batch.len() as u64, bytes);
        if let Some(oldest) = oldest {
            self.metrics.flow.relay.observe(oldest.elapsed());
        }
    }

    /// The connection ended with this code.
    pub fn ended(&self, code: u16) {
        let code = match code {
            // What a peer chose is one thing.
            1000..=1015 | 4400..=4599 => code.to_string(),
            _ => "other".to_owned(),
        };
        let labels = [self.role.as_str(), self.transport.as_str(), &code];
        self.metrics.ended.with_label_values(&labels).inc();
    }

    fn count(&self, direction: usize, envelopes: u64, bytes: usize) {
        let first = place(self.role, self.transport) + direction;
        let traffic = &self.metrics.flow.traffic;
        traffic.add(first, envelopes);
        traffic.add(first + 1, bytes as u64);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.connected.dec();
    }
}

/// Every role with every transport.
fn kinds() -> impl Iterator<Item = (Role, Transport)> {
    Role::ALL
        .into_iter()
        .flat_map(|role| Transport::ALL.map(|transport| (role, transport)))
}

/// Where the counters of a role and a transport begin.
fn place(role: Role, transport: Transport) -> usize {
    (role as usize * TRANSPORTS + transport as usize) * DIRECTIONS.len()
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> prometheus::Result<C> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn build_info() -> prometheus::Result<IntGauge> {
    let info = Opts::new("intercessor_build_info", "Which version runs; always 1");
    IntGauge::with_opts(info.const_label("version", env!("CARGO_PKG_VERSION")))
}
