//! `intercessor -c FILE`: the relay in the foreground.

use std::{
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
};
use tracing::{info, warn};

use super::{Failure, log::Logging, systemd::Systemd};
use crate::{
    listener::passed::Passed,
    relay::{
        self, Relay,
        reload::{self, NotReloaded, Reloader, Requests},
    },
};

/// Reads the configuration and runs the relay until it is told to stop.
pub fn run(config: &Path) -> Result<ExitCode, Failure> {
    let passed = Passed::from_environment().map_err(Failure::new)?;
    let runtime = Runtime::new().map_err(Failure::new)?;
    // Its default would end the process, however early it comes.
    let hang_up = runtime.block_on(async { signal(SignalKind::hangup()) });
    let hang_up = hang_up.map_err(Failure::new)?;
    let checked = relay::check(config).map_err(Failure::bad_configuration)?;
    let logging = Logging::start(checked.config.log);
    for warning in &checked.warnings.0 {
        warn!("{warning}");
    }
    let connections = checked.policy.limits.connections;
    raise_open_files(connections);
    let raised_for = AtomicUsize::new(connections);
    let (reloader, reloads) = reload::channel(move |config| {
        logging.set(config.log);
        let connections = config.limits.connections;
        // What was told once is not told again at each reload.
        if raised_for.swap(connections, Relaxed) != connections {
            raise_open_files(connections);
        }
    });
    runtime.block_on(async {
        let stop = Stop::new().map_err(Failure::new)?;
        let relay = Relay::bind(checked, passed).map_err(Failure::new)?;
        serve(relay, stop, hang_up, reloader, reloads).await
    })?;
    // A login that is being checked must not hold up the end.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

async fn serve(
    relay: Relay,
    stop: Stop,
    hang_up: Signal,
    reloader: Reloader,
    reloads: Requests,
) -> Result<(), Failure> {
    let systemd = Arc::new(Systemd::new(relay.hub()));
    tokio::spawn(Arc::clone(&systemd).keep_told());
    tokio::spawn(reload_at(hang_up, reloader, Arc::clone(&systemd)));
    let stop = async {
        stop.first().await;
        systemd.stopping().await;
    };
    relay.run(stop, reloads).await.map_err(Failure::new)
}

/// Has the relay reload at each SIGHUP, for ever. One that comes during a reload is followed by another, so that the
/// file is always read after the last one.
async fn reload_at(mut hang_up: Signal, reloader: Reloader, systemd: Arc<Systemd>) {
    while hang_up.recv().await.is_some() {
        systemd.reloading().await;
        match reloader.reload().await {
            Ok(()) => systemd.reloaded(true).await,
            Err(NotReloaded::Bad(_)) => systemd.reloaded(false).await,
            Err(NotReloaded::Stopping) => warn!("SIGHUP is ignored while the relay shuts down"),
        }
    }
}

/// The signals to stop.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Done at the first one. A second one ends the process at once.
    async fn first(mut self) {
        self.next().await;
        tokio::spawn(async move {
            self.next().await;
            warn!("told to stop twice");
            std::process::exit(1);
        });
    }

    async fn next(&mut self) {
        let name = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        };
        info!(signal = name, "told to stop");
    }
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
