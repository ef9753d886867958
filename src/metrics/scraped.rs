//! What is looked up when somebody asks.

use prometheus::{Gauge, IntGauge, IntGaugeVec, Opts, Registry};

use super::registered;
use crate::hub::Hub;

/// What is looked up when somebody asks.
pub(super) struct Scraped {
    connections: IntGauge,
    rooms: IntGauge,
    parked: IntGauge,
    resume_window: Gauge,
    queued: IntGauge,
    certificates: IntGaugeVec,
}

impl Scraped {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let gauge = |name: &str, help: &str| registered(registry, IntGauge::new(name, help)?);
        Ok(Self {
            connections: gauge(
                "intercessor_connections",
                "Connections of peers, parked sessions included, as limits.connections counts them",
            )?,
            rooms: gauge("intercessor_rooms", "Rooms: servers, connected or parked")?,
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
            queued: gauge(
                "intercessor_queued_bytes",
                "Bytes in all outbound queues and resume buffers, as limits.queued_bytes counts them",
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
        self.connections.set(gauge(hub.gate.connections()));
        self.rooms.set(gauge(hub.rooms.len()));
        self.parked.set(gauge(hub.parking.parked()));
        self.queued.set(gauge(hub.budget.queued()));
        let window = hub.policy.load().resume.map(|resume| resume.window);
        self.resume_window
            .set(window.unwrap_or_default().as_secs_f64());
        for (listener, expiry) in certificates {
            let labels = [listener.as_str()];
            self.certificates.with_label_values(&labels).set(expiry);
        }
    }
}
