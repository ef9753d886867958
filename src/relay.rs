//! The relay: every step of its life in order, from the file to the last goodbye.

mod changes;
pub mod reload;

use std::{path::Path, pin::pin, sync::Arc, time::SystemTime};

use tokio::time::timeout;
use tracing::{info, warn};

use crate::{
    admin,
    config::{Config, Examined, Problems},
    discovery::Discovery,
    hub::Hub,
    ice,
    listener::{Bound, passed::Passed},
    policy::Policy,
    tls::{Certificates, Identity},
};
use reload::{Reload, Requests};

/// A configuration in which nothing is wrong, and what came of it.
#[derive(Debug)]
pub struct Checked {
    /// The configuration.
    pub config: Config,
    /// What sessions are held to.
    pub policy: Policy,
    /// The certificate of each listener, in the order of the file.
    pub identities: Vec<Option<Identity>>,
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
    let mut identities = Vec::new();
    for listener in &config.listeners {
        match Identity::load(&listener.tls, SystemTime::now()) {
            Ok(identity) => identities.push(identity),
            Err(text) => problems.push(config.problem(listener.at, text)),
        }
    }
    match policy {
        Ok(policy) if problems.is_empty() => Ok(Checked {
            config,
            policy,
            identities,
            warnings: Problems::sorted(warnings),
        }),
        _ => Err(Problems::sorted(problems)),
    }
}

/// A relay whose listeners are bound and do not accept yet.
pub struct Relay {
    config: Config,
    hub: Arc<Hub>,
    listeners: Vec<Bound>,
    admin: Option<admin::Bound>,
}

impl Relay {
    /// Binds all listeners, or takes the sockets that were passed for them. The error is a sentence for the operator.
    pub fn bind(checked: Checked, mut passed: Passed) -> Result<Self, String> {
        let Checked {
            config,
            policy,
            identities,
            ..
        } = checked;
        let listeners = config
            .listeners
            .iter()
            .zip(identities)
            .map(|(listener, identity)| {
                Bound::bind(listener, identity, &policy, &mut passed)
                    .map_err(|text| config.problem(listener.at, text).to_string())
            })
            .collect::<Result<_, _>>()?;
        let admin = config.admin.as_ref().map(|admin| {
            admin::Bound::bind(admin, &mut passed)
                .map_err(|text| config.problem(admin.at, text).to_string())
        });
        let admin = admin.transpose()?;
        passed.all_taken()?;
        Ok(Self {
            hub: Arc::new(Hub::new(policy)?),
            listeners,
            admin,
            config,
        })
    }

    /// What all sessions share.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// The certificates of all listeners.
    pub fn certificates(&self) -> Certificates {
        let named = self.listeners.iter().filter_map(Bound::certificate);
        named.map(|(_, identity)| identity).collect()
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
    /// `timeouts.drain` allows. Until then it reloads its configuration as often as it is asked to.
    pub async fn run(
        mut self,
        stop: impl Future<Output = ()>,
        reloads: Requests,
    ) -> Result<(), String> {
        let certificates = self.certificates();
        let operators = self.admin.take();
        let admin_urls: Vec<_> = operators.iter().flat_map(admin::Bound::urls).collect();
        let named = self.listeners.iter().filter_map(Bound::certificate);
        let named = named.collect();
        let hub = Arc::clone(&self.hub);
        let operators = async {
            match operators {
                Some(operators) => operators.serve(Arc::clone(&hub), named).await,
                None => std::future::pending().await,
            }
        };
        let mut operators = pin!(operators);
        let reload = self.listen()?;
        for url in admin_urls {
            info!(transport = %"admin", %url, "listening");
        }
        hub.set_ready();
        tokio::select! {
            () = stop => {}
            () = reload.serve(reloads) => {}
            () = certificates.watch() => {}
            () = hub.parking.sweep(&hub) => {}
            () = hub.lines.report() => {}
            () = ice::refresh(&hub) => {}
            () = &mut operators => {}
        }
        // Operators see the end until it is there.
        tokio::select! {
            () = drain(&hub) => {}
            () = operators => {}
        }
        Ok(())
    }

    /// Lets peers in.
    fn listen(self) -> Result<Reload, String> {
        let Self {
            config,
            hub,
            listeners,
            ..
        } = self;
        let discovery = Arc::new(Discovery::default());
        for listener in &listeners {
            listener.announce(&discovery);
        }
        let serve = |listener: Bound| {
            let transport = listener.transport().as_str();
            for url in listener.urls() {
                info!(%transport, %url, "listening");
            }
            listener.serve(&hub, &discovery)
        };
        Ok(Reload {
            listeners: listeners.into_iter().map(serve).collect::<Result<_, _>>()?,
            path: config.path,
            admin: config.admin,
            hub,
        })
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
    hub.parking.clear(&hub.lines);
    hub.tasks.close();
    if timeout(patience, hub.tasks.wait()).await.is_err() {
        warn!(
            connections = hub.gate.connections(),
            "not everybody went in time; see timeouts.drain"
        );
    }
    hub.lines.turn();
}
