//! What systemd, or whoever else has set NOTIFY_SOCKET, is told of the relay (sd_notify(3)).

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use sd_notify::NotifyState;
use tokio::{
    task::spawn_blocking,
    time::{Interval, interval, timeout},
};
use tracing::warn;

use crate::hub::Hub;

/// How often the state is looked at. It is told when it has changed.
const LOOK: Duration = Duration::from_secs(5);
/// How long one message may take: the relay goes on without a systemd that does not read.
const PATIENCE: Duration = Duration::from_secs(1);

/// The one end of NOTIFY_SOCKET.
pub(super) struct Systemd {
    hub: Arc<Hub>,
    /// Is there anybody to tell?
    listens: bool,
    /// Was the last reload refused?
    refused: AtomicBool,
}

impl Systemd {
    /// For a relay that is about to run.
    pub(super) fn new(hub: &Arc<Hub>) -> Self {
        Self {
            hub: Arc::clone(hub),
            listens: env::var_os("NOTIFY_SOCKET").is_some(),
            refused: AtomicBool::new(false),
        }
    }

    /// Tells when the relay is ready, then its state and that it lives, for ever. It is a task like those of the peers,
    /// so that the watchdog notices when these get no turn.
    pub(super) async fn keep_told(self: Arc<Self>) {
        if !self.listens {
            return;
        }
        self.hub.ready().await;
        let mut told = self.state();
        self.tell(vec![NotifyState::Ready], &told).await;
        let limit = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero());
        let mut feeding = limit.map(|limit| interval(limit / 2));
        let mut looking = interval(LOOK);
        loop {
            tokio::select! {
                () = turn(&mut feeding) => self.tell(vec![NotifyState::Watchdog], &told).await,
                _ = looking.tick() => {
                    let state = self.state();
                    if state != told {
                        self.tell(Vec::new(), &state).await;
                        told = state;
                    }
                }
            }
        }
    }

    /// The configuration is about to be read again.
    pub(super) async fn reloading(&self) {
        if self.hub.is_ready() {
            // systemd tells this reload from an earlier one by the time.
            let now = NotifyState::monotonic_usec_now().ok();
            let states = [NotifyState::Reloading].into_iter().chain(now);
            self.tell(states.collect(), &self.state()).await;
        }
    }

    /// It was read, and has taken effect or was refused: either way the relay works.
    pub(super) async fn reloaded(&self, accepted: bool) {
        self.refused.store(!accepted, Relaxed);
        if self.hub.is_ready() {
            self.tell(vec![NotifyState::Ready], &self.state()).await;
        }
    }

    /// The relay is about to drain.
    pub(super) async fn stopping(&self) {
        self.tell(vec![NotifyState::Stopping], "draining").await;
    }

    /// The line that `systemctl status` shows.
    fn state(&self) -> String {
        let connections = self.hub.gate.connections();
        if self.hub.stop.is_cancelled() {
            return format!("draining, connections left: {connections}");
        }
        let refused = match self.refused.load(Relaxed) {
            true => "; the last reload was REFUSED, its problems are in the log",
            false => "",
        };
        format!(
            "rooms: {}, connections: {connections}, parked sessions: {}{refused}",
            self.hub.rooms.len(),
            self.hub.parking.parked(),
        )
    }

    async fn tell(&self, states: Vec<NotifyState<'static>>, state: &str) {
        if !self.listens {
            return;
        }
        let state = state.to_owned();
        // It blocks where systemd does not read, which must cost no peer anything.
        let told = spawn_blocking(move || {
            let line = [NotifyState::Status(&state)];
            let states: Vec<_> = states.into_iter().chain(line).collect();
            sd_notify::notify(&states)
        });
        let failed = match timeout(PATIENCE, told).await {
            Ok(Ok(Ok(()))) => return,
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it does not read".to_owned(),
        };
        warn!(error = %failed, "systemd cannot be told of the relay's state");
    }
}

/// The next turn of an interval; without one there is none.
async fn turn(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => _ = interval.tick().await,
        None => std::future::pending().await,
    }
}
