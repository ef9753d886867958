//! `intercessor -c FILE`: the relay in the foreground.

use std::{io::IsTerminal, path::Path, process::ExitCode};

use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, level_filters::LevelFilter, warn};
use tracing_subscriber::{
    EnvFilter, Layer, filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt,
};

use super::Failure;
use crate::{
    config::{Log, LogFormat},
    relay::{self, Checked, Relay},
};

/// Reads the configuration and runs the relay until it is told to stop.
pub fn run(config: &Path) -> Result<ExitCode, Failure> {
    let checked = relay::check(config).map_err(Failure::bad_configuration)?;
    start_log(checked.config.log);
    for warning in &checked.warnings.0 {
        warn!("{warning}");
    }
    raise_open_files(checked.policy.limits.connections);
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::new)?;
    runtime.block_on(serve(checked))?;
    // A login that is being checked must not hold up the end.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

async fn serve(checked: Checked) -> Result<(), Failure> {
    let signals = Signals::new().map_err(Failure::new)?;
    let relay = Relay::bind(checked).map_err(Failure::new)?;
    relay.run(signals.stop()).await.map_err(Failure::new)
}

/// The signals that mean something to the relay.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Done at the first signal to stop. A second one ends the process at once.
    async fn stop(mut self) {
        self.next_stop().await;
        tokio::spawn(async move {
            self.next_stop().await;
            warn!("told to stop twice");
            std::process::exit(1);
        });
    }

    async fn next_stop(&mut self) {
        loop {
            let name = tokio::select! {
                _ = self.terminate.recv() => "SIGTERM",
                _ = self.interrupt.recv() => "SIGINT",
                _ = self.hang_up.recv() => {
                    // Its default would end the process, which nobody means who sends it to a server.
                    warn!("SIGHUP: reload is not supported yet; restart to apply a changed configuration");
                    continue;
                }
            };
            info!(signal = name, "told to stop");
            return;
        }
    }
}

/// Logs go to standard error. Only the relay's own events are logged: libraries would write headers and
/// messages at their finer levels.
fn start_log(log: Log) {
    let level = LevelFilter::from_level(log.level);
    let filter = EnvFilter::builder()
        .with_default_directive(level.into())
        .from_env_lossy();
    let own = filter_fn(|metadata| metadata.target().starts_with("intercessor"));
    let terminal = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(terminal);
    let lines = match log.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(own).with_filter(filter))
        .init();
}

/// Each connection is an open file.
fn raise_open_files(connections: usize) {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) if limit < connections as u64 => warn!(
            limit,
            connections,
            "the limit of open files is lower than limits.connections; raise it, for example by LimitNOFILE in systemd"
        ),
        Ok(_) => {}
        Err(error) => warn!(%error, "the limit of open files could not be raised"),
    }
}
