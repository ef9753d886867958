//! The certificates of all listeners, looked after while the relay runs.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};
use tracing::{info, warn};

use super::Identity;

/// How often they are looked at: what is new on disk is shown within a minute.
const LOOK: Duration = Duration::from_secs(20);

/// The certificates of all listeners.
#[derive(Debug, Clone)]
pub struct Certificates(Vec<Arc<Identity>>);

impl FromIterator<Arc<Identity>> for Certificates {
    fn from_iter<T: IntoIterator<Item = Arc<Identity>>>(identities: T) -> Self {
        Self(identities.into_iter().collect())
    }
}

impl Certificates {
    /// Has every listener show what it should by now. Says what is new and what is wrong, each once, however many
    /// listeners have the same files.
    pub fn look(&self, now: SystemTime) -> BTreeSet<Result<String, String>> {
        let looked = self.0.iter().map(|identity| identity.look(now));
        looked.filter_map(Result::transpose).collect()
    }

    /// Looks again and again, for ever.
    pub async fn watch(self) {
        let mut clock = interval(LOOK);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            let certificates = self.clone();
            let look = spawn_blocking(move || certificates.look(SystemTime::now()));
            for told in look.await.into_iter().flatten() {
                match told {
                    Ok(news) => info!("{news}"),
                    Err(error) => warn!(%error, "the last good certificate is shown on"),
                }
            }
        }
    }
}
