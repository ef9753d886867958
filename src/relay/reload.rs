//! Reload: the file is read again, and what it says takes effect together, or not at all.

use std::{fmt, future::pending, path::PathBuf, sync::Arc};

use tokio::{
    sync::{mpsc, oneshot},
    task::spawn_blocking,
};
use tracing::{error, info, warn};

use super::{Checked, changes, check};
use crate::{
    config::{Admin, Config, Location, Problem, Problems},
    hub::Hub,
    listener::Running,
};

/// Asks a relay to reload.
#[derive(Debug, Clone)]
pub struct Reloader(mpsc::Sender<Request>);

/// What a relay is asked through a [`Reloader`].
pub struct Requests {
    requests: mpsc::Receiver<Request>,
    applied: Applied,
}

/// Where the outcome is told.
type Request = oneshot::Sender<Result<(), Problems>>;
type Applied = Box<dyn Fn(&Config) + Send + Sync>;

/// Why a reload has changed nothing.
#[derive(Debug)]
pub enum NotReloaded {
    /// All of this is wrong with the configuration.
    Bad(Problems),
    /// The relay is about to stop.
    Stopping,
}

impl fmt::Display for NotReloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad(problems) => problems.fmt(f),
            Self::Stopping => f.write_str("the relay is about to stop"),
        }
    }
}

impl std::error::Error for NotReloaded {}

/// Both ends of how a relay is asked to reload. `applied` is given each configuration that has taken effect, for what
/// is not the relay's own, such as the log.
pub fn channel(applied: impl Fn(&Config) + Send + Sync + 'static) -> (Reloader, Requests) {
    let (sender, requests) = mpsc::channel(1);
    let applied = Box::new(applied);
    (Reloader(sender), Requests { requests, applied })
}

impl Reloader {
    /// Asks, and waits for what comes of it. One reload follows another.
    pub async fn reload(&self) -> Result<(), NotReloaded> {
        let (told, outcome) = oneshot::channel();
        let asked = self.0.send(told).await;
        asked.map_err(|_| NotReloaded::Stopping)?;
        let outcome = outcome.await.map_err(|_| NotReloaded::Stopping)?;
        outcome.map_err(NotReloaded::Bad)
    }
}

impl Requests {
    /// None ever.
    pub fn none() -> Self {
        channel(|_| {}).1
    }
}

/// What of a running relay a reload changes, and what it compares the file with.
pub(super) struct Reload {
    pub(super) path: PathBuf,
    pub(super) hub: Arc<Hub>,
    pub(super) listeners: Vec<Running>,
    pub(super) admin: Option<Admin>,
}

impl Reload {
    /// Does what it is asked, one after the other, for ever.
    pub(super) async fn serve(self, mut asked: Requests) {
        while let Some(told) = asked.requests.recv().await {
            let outcome = match self.check().await {
                Ok(checked) => {
                    self.apply(checked, &asked.applied);
                    Ok(())
                }
                Err(problems) => {
                    self.refuse(&problems);
                    Err(problems)
                }
            };
            // Whoever asked may have no use for it.
            _ = told.send(outcome);
        }
        pending().await
    }

    /// Off the event loop: it reads files and compiles schemas.
    async fn check(&self) -> Result<Checked, Problems> {
        let path = self.path.clone();
        let checked = spawn_blocking(move || check(&path)).await;
        checked.unwrap_or_else(|failed| {
            let text = format!("the check failed: {failed}");
            Err(Problems(vec![Problem::new(
                &self.path,
                Location::START,
                text,
            )]))
        })
    }

    /// Everything at once: nothing is awaited in here.
    fn apply(&self, checked: Checked, applied: &Applied) {
        let Checked {
            config,
            policy,
            mut identities,
            warnings,
        } = checked;
        let running: Vec<_> = self.listeners.iter().map(Running::config).collect();
        let meant = changes::pair(&running, &config.listeners);
        let waiting = changes::waiting(
            &self.hub.policy.load(),
            self.admin.as_ref(),
            &running,
            &meant,
            &config,
        );
        for (listener, meant) in self.listeners.iter().zip(meant) {
            listener.hold_to(&policy);
            if let Some(at) = meant {
                listener.adopt(&config.listeners[at], identities[at].take());
            }
        }
        self.hub.adopt(policy);
        applied(&config);
        let generation = self.hub.metrics.reloads.ok();
        info!(generation, "the configuration was reloaded");
        for warning in &warnings.0 {
            warn!("{warning}");
        }
        for change in waiting {
            warn!("{change}; that takes a restart");
        }
    }

    fn refuse(&self, problems: &Problems) {
        self.hub.metrics.reloads.bad();
        for problem in &problems.0 {
            error!("{problem}");
        }
        warn!(
            problems = problems.0.len(),
            "the configuration was not reloaded, and is as it was"
        );
    }
}
