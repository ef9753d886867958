//! The relay: every step of its life in order, from the file to the last goodbye.

use std::{
    path::Path,
    pin::pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::time::{interval, timeout};
use tracing::{info, warn};

use crate::{
    admin,
    config::{Config, Examined, Problems},
    discovery::Discovery,
    hub::Hub,
    listener::Bound,
    policy::Policy,
    tls::Identity,
};

/// How often self-signed certificates are looked at.
const RENEWAL_CHECK: Duration = Duration::from_secs(60);

/// A configuration in which nothing is wrong, and what came of it.
#[derive(Debug)]
pub struct Checked {
    /// The configuration.
    pub config: Config,
    /// What sessions are held to.
    pub policy: Policy,
    /// What works and is probably not meant, a line each.
    pub warnings: Problems,
}

/// Reads a configuration and everything that it names, and opens nothing. All problems come at once.
pub fn check(path: &Path) -> Result<Checked, Problems> {
    let Examined {
        config,
        mut problems,
        warnings,
    } = Config::examine(path);
    let Some(config) = config else {
        return Err(Problems::sorted(problems));
    };
    let policy = Policy::new(&config).map_err(|found| problems.extend(found));
    for listener in &config.listeners {
        if let Err(text) = Identity::load(&listener.tls, SystemTime::now()) {
            problems.push(config.problem(listener.at, text));
        }
    }
    match policy {
        Ok(policy) if problems.is_empty() => Ok(Checked {
            config,
            policy,
            warnings: Problems::sorted(warnings),
        }),
        _ => Err(Problems::sorted(problems)),
    }
}

/// A relay whose listeners are bound and do not accept yet.
pub struct Relay {
    hub: Arc<Hub>,
    listeners: Vec<Bound>,
    admin: Option<admin::Bound>,
}

impl Relay {
    /// Binds all listeners. The error is a sentence for the operator.
    pub fn bind(checked: Checked) -> Result<Self, String> {
        let Checked { config, policy, .. } = checked;
        let listeners = config
            .listeners
            .iter()
            .map(|listener| {
                Bound::bind(listener, &policy.timeouts, policy.limits.message_bytes)
                    .map_err(|text| config.problem(listener.at, text).to_string())
            })
            .collect::<Result<_, _>>()?;
        let admin = config.admin.as_ref().map(|admin| {
            admin::Bound::bind(admin).map_err(|text| config.problem(admin.at, text).to_string())
        });
        Ok(Self {
            hub: Arc::new(Hub::new(policy)?),
            listeners,
            admin: admin.transpose()?,
        })
    }

    /// What all sessions share.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// The URLs under which peers reach the relay, in the order of the file.
    pub fn urls(&self) -> Vec<String> {
        self.listeners.iter().flat_map(Bound::urls).collect()
    }

    /// The URLs for operators.
    pub fn admin_urls(&self) -> Vec<String> {
        self.admin.iter().flat_map(admin::Bound::urls).collect()
    }

    /// Accepts peers until `stop`, then says goodbye to them: everybody gets what is queued for it and BYE, as far as
    /// `timeouts.drain` allows.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), String> {
        let admin_urls = self.admin_urls();
        let Self {
            hub,
            listeners,
            admin,
        } = self;
        let discovery = Arc::new(Discovery::default());
        let certificates: Vec<_> = listeners.iter().filter_map(Bound::certificate).collect();
        let identities = certificates
            .iter()
            .map(|(_, identity)| Arc::clone(identity));
        let identities: Vec<_> = identities.collect();
        let operators = async {
            match admin {
                Some(admin) => admin.serve(Arc::clone(&hub), certificates).await,
                None => std::future::pending().await,
            }
        };
        let mut operators = pin!(operators);
        for listener in &listeners {
            listener.announce(&discovery);
        }
        for listener in listeners {
            let transport = listener.transport().as_str();
            for url in listener.urls() {
                info!(%transport, %url, "listening");
            }
            listener.serve(&hub, &discovery)?;
        }
        for url in admin_urls {
            info!(transport = %"admin", %url, "listening");
        }
        hub.set_ready();
        tokio::select! {
            () = stop => {}
            () = renew(identities) => {}
            () = hub.parking.sweep(&hub.metrics) => {}
            () = &mut operators => {}
        }
        // Operators see the end until it is there.
        tokio::select! {
            () = drain(&hub) => {}
            () = operators => {}
        }
        Ok(())
    }
}

async fn drain(hub: &Hub) {
    let patience = hub.policy.load().timeouts.drain;
    info!(
        rooms = hub.rooms.len(),
        connections = hub.gate.connections(),
        "shutting down"
    );
    hub.stop.cancel();
    hub.rooms.drain();
    // Nobody can come back to them.
    hub.parking.clear();
    hub.tasks.close();
    if timeout(patience, hub.tasks.wait()).await.is_err() {
        warn!(
            connections = hub.gate.connections(),
            "not everybody went in time; see timeouts.drain"
        );
    }
}

/// Renews self-signed certificates when it is time, for ever.
async fn renew(identities: Vec<Arc<Identity>>) {
    let mut clock = interval(RENEWAL_CHECK);
    loop {
        clock.tick().await;
        for identity in &identities {
            match identity.renew(SystemTime::now()) {
                Ok(true) => info!("a self-signed certificate was renewed"),
                Ok(false) => {}
                Err(error) => warn!(%error, "a self-signed certificate could not be renewed"),
            }
        }
    }
}
