//! The log, on standard error. A reload of the configuration may change its level and its format.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::filter_fn, layer::SubscriberExt, reload,
    util::SubscriberInitExt,
};

use crate::config::{Log, LogFormat};

/// How a line is written.
type Lines = Box<dyn Layer<Registry> + Send + Sync>;

/// The log of this process.
pub(super) struct Logging {
    level: reload::Handle<EnvFilter, Registry>,
    lines: reload::Handle<Lines, Registry>,
}

impl Logging {
    /// Begins to log. Only the relay's own events are logged: libraries would write headers and messages at their finer
    /// levels.
    pub(super) fn start(log: Log) -> Self {
        let own = filter_fn(|metadata| metadata.target().starts_with("intercessor"));
        let (filter, level) = reload::Layer::new(filter(log));
        let (layer, lines) = reload::Layer::new(lines(log));
        tracing_subscriber::registry()
            .with(layer.with_filter(own).with_filter(filter))
            .init();
        Self { level, lines }
    }

    /// Goes on with this level and format.
    pub(super) fn set(&self, log: Log) {
        // The log is there as long as the process.
        _ = self.level.reload(filter(log));
        _ = self.lines.reload(lines(log));
    }
}

/// RUST_LOG comes before the configuration.
fn filter(log: Log) -> EnvFilter {
    EnvFilter::builder()
        .with_default_directive(LevelFilter::from_level(log.level).into())
        .from_env_lossy()
}

fn lines(log: Log) -> Lines {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal());
    match log.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    }
}
