//! What is looked up when somebody asks.

use prometheus::{Gauge, IntGauge, IntGaugeVec, Opts, Registry};

use super::registered;
use crate::hub::Hub;

/// What is looked up when somebody asks.
pub(super) struct Scraped {
    ready: IntGauge,
    connections: IntGauge,
    connections_limit: IntGauge,
    rooms: IntGauge,
    rooms_limit: IntGauge,
    parked: IntGauge,
    resume_window: Gauge,
    queued_envelopes: IntGauge,
    longest_queue: IntGauge,
    queue_limit: IntGauge,
    queued_bytes: IntGauge,
    queued_bytes_limit: IntGauge,
    certificates: IntGaugeVec,
}

impl Scraped {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let gauge = |name: &str, help: &str| registered(registry, IntGauge::new(name, help)?);
        Ok(Self {
            ready: gauge(
                "intercessor_ready",
                "1 while peers are taken, 0 while the relay starts or drains",
            )?,
            connections: gauge(
                "intercessor_connections",
                "Connections of peers, parked sessions included, as limits.connections counts them",
            )?,
            connections_limit: gauge(
                "intercessor_connections_limit",
                "How many connections may be there: limits.connections",
            )?,
            rooms: gauge("intercessor_rooms", "Rooms: servers, connected or parked")?,
            rooms_limit: gauge(
                "intercessor_rooms_limit",
                "How many rooms may be there: limits.servers",
            )?,
            parked: gauge(
                "intercessor_parked_sessions",
                "Sessions whose connection broke, and that wait to be resumed",
            )?,
            resume_window: registered(
                registry,
                Gauge::new(
                    "intercessor_resume_window_seconds",
                    "How long a parked session waits; 0: resume is off",
                )?,
            )?,
            queued_envelopes: gauge(
                "intercessor_queued_envelopes",
                "Envelopes that wait in all outbound queues",
            )?,
            longest_queue: gauge(
                "intercessor_longest_queue_envelopes",
                "Envelopes that wait in the longest outbound queue",
            )?,
            queue_limit: gauge(
                "intercessor_queue_limit_envelopes",
                "How many envelopes may wait in one outbound queue: limits.outbound_queue.messages",
            )?,
            queued_bytes: gauge(
                "intercessor_queued_bytes",
                "Bytes in all outbound queues and resume buffers, as limits.queued_bytes counts them",
            )?,
            queued_bytes_limit: gauge(
                "intercessor_queued_limit_bytes",
                "How many bytes may wait in all of them: limits.queued_bytes",
            )?,
            certificates: registered(
                registry,
                IntGaugeVec::new(
                    Opts::new(
                        "intercessor_certificate_expiry_timestamp_seconds",
                        "When the certificate of a listener runs out",
                    ),
                    &["listener"],
                )?,
            )?,
        })
    }

    /// Takes the state as it is. `certificates`: when that of each listener runs out, in seconds since 1970.
    pub(super) fn look(&self, hub: &Hub, certificates: impl IntoIterator<Item = (String, i64)>) {
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let policy = hub.policy.load();
        let limits = &policy.limits;
        self.ready.set(hub.is_ready().into());
        self.connections.set(gauge(hub.gate.connections()));
        self.connections_limit.set(gauge(limits.connections));
        self.rooms.set(gauge(hub.rooms.len()));
        self.rooms_limit.set(gauge(limits.servers));
        self.parked.set(gauge(hub.parking.parked()));
        let window = policy.resume.map(|resume| resume.window);
        self.resume_window
            .set(window.unwrap_or_default().as_secs_f64());
        let (all, longest) = queued(hub);
        self.queued_envelopes.set(gauge(all));
        self.longest_queue.set(gauge(longest));
        self.queue_limit.set(gauge(limits.outbound_queue.messages));
        self.queued_bytes.set(gauge(hub.budget.queued()));
        self.queued_bytes_limit.set(gauge(limits.queued_bytes));
        for (listener, expiry) in certificates {
            let labels = [listener.as_str()];
            self.certificates.with_label_values(&labels).set(expiry);
        }
    }
}

/// How many envelopes wait in all queues, and in the longest.
fn queued(hub: &Hub) -> (usize, usize) {
    let (mut all, mut longest) = (0, 0);
    hub.rooms.visit(|peer| {
        let (envelopes, _) = peer.outbox.waiting();
        all += envelopes;
        longest = longest.max(envelopes);
    });
    (all, longest)
}
