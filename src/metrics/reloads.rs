//! Which configuration holds, and how it came to that.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{Gauge, IntCounterVec, IntGauge, Opts, Registry};

use super::registered;

/// What is counted of the configuration.
pub struct Reloads {
    generation: IntGauge,
    outcomes: IntCounterVec,
    successful: IntGauge,
    last_success: Gauge,
}

impl Reloads {
    /// The configuration of the start holds.
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let reloads = Self {
            generation: registered(
                registry,
                IntGauge::new(
                    "intercessor_config_generation",
                    "Which configuration since the start holds; every successful reload makes it one more",
                )?,
            )?,
            outcomes: registered(
                registry,
                IntCounterVec::new(
                    Opts::new(
                        "intercessor_config_reloads_total",
                        "Reloads of the configuration; bad: something was wrong with it, and nothing has changed",
                    ),
                    &["outcome"],
                )?,
            )?,
            successful: registered(
                registry,
                IntGauge::new(
                    "intercessor_config_last_reload_successful",
                    "1 unless the last reload was refused; the start counts as one",
                )?,
            )?,
            last_success: registered(
                registry,
                Gauge::new(
                    "intercessor_config_last_reload_success_timestamp_seconds",
                    "When the configuration that holds was read",
                )?,
            )?,
        };
        for outcome in ["ok", "bad"] {
            reloads.outcomes.with_label_values(&[outcome]);
        }
        reloads.next();
        Ok(reloads)
    }

    /// Another configuration holds. Returns its number.
    pub fn ok(&self) -> i64 {
        self.outcomes.with_label_values(&["ok"]).inc();
        self.next();
        self.generation.get()
    }

    /// One was refused.
    pub fn bad(&self) {
        self.successful.set(0);
        self.outcomes.with_label_values(&["bad"]).inc();
    }

    fn next(&self) {
        self.generation.inc();
        self.successful.set(1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.last_success.set(now.unwrap_or_default().as_secs_f64());
    }
}
