//! What all sessions of a process share.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::sync::{Notify, SetOnce};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    address::{AddressKey, Caller, Gate},
    auth::{Credentials, LoginError, Logins},
    config::{Proxies, QueueBound},
    lines::Lines,
    metrics::Metrics,
    outbox::Budget,
    parking::Parking,
    policy::Policy,
    room::{Rooms, ServerId},
};

/// Without resume nothing is kept of what was sent.
const NOTHING_KEPT: QueueBound = QueueBound {
    messages: 0,
    bytes: 0,
};

/// What all sessions of a process share.
pub struct Hub {
    /// Who is connected.
    pub rooms: Rooms,
    /// What everybody is held to; swapped whole.
    pub policy: ArcSwap<Policy>,
    /// What waits in all queues.
    pub budget: Arc<Budget>,
    /// Where logins are checked.
    logins: Arc<Logins>,
    /// Sessions that can be resumed, and those that wait for it.
    pub parking: Parking,
    /// Counts connections.
    pub gate: Arc<Gate>,
    /// Bounds what peers can write into the log.
    pub lines: Lines,
    /// Counts everything else.
    pub metrics: Arc<Metrics>,
    /// The largest message, in bytes, as transports look it up: those of live sessions as well.
    pub message_bytes: Arc<AtomicUsize>,
    /// Peers are taken: every listener accepts, and none has stopped.
    ready: SetOnce<()>,
    /// Notified when a reload has changed the ICE servers.
    pub ice_changed: Notify,
    /// Cancelled when the relay stops taking peers.
    pub stop: CancellationToken,
    /// Every connection's task.
    pub tasks: TaskTracker,
}

impl Hub {
    /// A hub without peers. The error would be a mistake in the names of metrics.
    pub fn new(policy: Policy) -> Result<Self, String> {
        let limits = &policy.limits;
        let kept = policy.resume.map_or(NOTHING_KEPT, |resume| resume.buffer);
        let budget = Budget::new(limits.outbound_queue, kept, limits.queued_bytes);
        let metrics = Metrics::new().map_err(|error| error.to_string())?;
        Ok(Self {
            message_bytes: Arc::new(AtomicUsize::new(limits.message_bytes)),
            rooms: Rooms::default(),
            budget: Arc::new(budget),
            policy: ArcSwap::from_pointee(policy),
            logins: Arc::default(),
            parking: Parking::default(),
            gate: Arc::default(),
            lines: Lines::default(),
            metrics: Arc::new(metrics),
            ready: SetOnce::new(),
            ice_changed: Notify::new(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        })
    }

    /// Holds everybody to another policy from now on. How ids are made and sessions resumed stays as it was.
    pub fn adopt(&self, mut policy: Policy) {
        let running = self.policy.load();
        policy.ids.clone_from(&running.ids);
        policy.resume = running.resume;
        let limits = &policy.limits;
        self.budget.set(limits.outbound_queue, limits.queued_bytes);
        self.message_bytes.store(limits.message_bytes, Relaxed);
        let ice_changed = !policy.has_same_ice_servers(&running);
        self.policy.store(Arc::new(policy));
        if ice_changed {
            self.ice_changed.notify_one();
        }
    }

    /// Checks the login of a server from this address, and says which id it gets.
    pub async fn log_in(
        &self,
        address: AddressKey,
        credentials: Credentials,
    ) -> Result<ServerId, LoginError> {
        let checked = loop {
            let policy = self.policy.load_full();
            let checked = self.logins.check(
                &policy.servers,
                &policy.ids.server,
                policy.limits.failed_logins,
                address,
                credentials.clone(),
            );
            let checked = checked.await;
            // A reload meanwhile may have removed what was right.
            if checked.is_err() || Arc::ptr_eq(&policy, &self.policy.load()) {
                break checked;
            }
        };
        self.metrics
            .login(checked.as_ref().map_or_else(LoginError::as_str, |_| "ok"));
        checked
    }

    /// Every listener accepts from now on.
    pub fn set_ready(&self) {
        // Once more would change nothing.
        _ = self.ready.set(());
    }

    /// Waits until every listener accepts.
    pub async fn ready(&self) {
        self.ready.wait().await;
    }

    /// Is the relay neither starting nor stopping?
    pub fn is_ready(&self) -> bool {
        self.ready.initialized() && !self.stop.is_cancelled()
    }

    /// How long an ending session may take to write what it still has.
    pub fn patience(&self) -> Duration {
        self.policy.load().timeouts.drain
    }

    /// Takes in whoever has just connected from `address`; `None`: the connection is to be closed unheard. One from a
    /// trusted proxy counts for whoever is behind it, once [`Hub::locate`] says who that is.
    pub fn enter(&self, address: IpAddr, proxies: Option<&Proxies>) -> Option<Caller> {
        let limits = &self.policy.load().limits;
        let address = address.to_canonical();
        let by_proxy = proxies.is_some_and(|proxies| proxies.trusts(address));
        let place = self.gate.enter(limits.connections).and_then(|mut place| {
            let most = limits.connections_per_address;
            let heard = by_proxy || place.count_under(address.into(), most);
            heard.then_some(place)
        });
        if place.is_none() {
            self.metrics.dropped.inc();
        }
        Some(Caller {
            address,
            place: place?,
        })
    }

    /// A proxy has told who is behind it. Its own address counts for nobody: what it names may be yet another proxy.
    /// `false`: even the reserve for connections from there is used up.
    pub fn locate(&self, caller: &mut Caller, address: IpAddr, proxies: &Proxies) -> bool {
        caller.address = address.to_canonical();
        let most = self.policy.load().limits.connections_per_address;
        let place = &mut caller.place;
        proxies.trusts(address) || place.count_under(address.into(), most)
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, pin::pin};

    use futures_util::poll;

    use super::*;
    use crate::{config::Config, passphrase::Hash};

    fn policy(passphrase: &str) -> Policy {
        let hash = Hash::make(passphrase).expect("a hash");
        let yaml = format!(
            "listeners: [{{ transport: websocket, bind: '[::1]:0', tls: off }}]\n\
             servers: {{ passphrases: [{{ name: door, hash: {:?} }}] }}",
            hash.as_str()
        );
        let examined = Config::examine_text("relay.yaml".as_ref(), &yaml, &|_| None);
        Policy::new(&examined.config.expect("a configuration")).expect("a policy")
    }

    #[tokio::test]
    async fn a_passphrase_that_is_removed_while_it_is_checked_is_wrong() {
        for (after, right) in [("open sesame", true), ("open barley", false)] {
            let hub = Hub::new(policy("open sesame")).expect("a hub");
            let credentials = Credentials::from_header("Bearer open sesame");
            let address = std::net::IpAddr::from(Ipv4Addr::LOCALHOST).into();
            let mut login = pin!(hub.log_in(address, credentials.expect("credentials")));
            // Its check has begun on another thread.
            assert!(poll!(&mut login).is_pending());
            hub.adopt(policy(after));
            assert_eq!(login.await.is_ok(), right);
        }
    }
}
