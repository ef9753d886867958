//! What all sessions of a process share.

use std::{net::IpAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    address::{Gate, Place},
    auth::Logins,
    config::QueueBound,
    outbox::Budget,
    parking::Parking,
    policy::Policy,
    room::Rooms,
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
    pub logins: Arc<Logins>,
    /// Sessions that can be resumed, and those that wait for it.
    pub parking: Parking,
    /// Counts connections.
    pub gate: Arc<Gate>,
    /// Cancelled when the relay stops taking peers.
    pub stop: CancellationToken,
    /// Every connection's task.
    pub tasks: TaskTracker,
}

impl Hub {
    /// A hub without peers.
    pub fn new(policy: Policy) -> Self {
        let limits = &policy.limits;
        let kept = policy.resume.map_or(NOTHING_KEPT, |resume| resume.buffer);
        let budget = Budget::new(limits.outbound_queue, kept, limits.queued_bytes);
        Self {
            rooms: Rooms::default(),
            budget: Arc::new(budget),
            policy: ArcSwap::from_pointee(policy),
            logins: Arc::default(),
            parking: Parking::default(),
            gate: Arc::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// How long an ending session may take to write what it still has.
    pub fn patience(&self) -> Duration {
        self.policy.load().timeouts.drain
    }

    /// A place for a connection that was just accepted; `None`: it is to be closed unheard.
    pub fn enter(&self, address: IpAddr) -> Option<Place> {
        let policy = self.policy.load();
        let limits = &policy.limits;
        self.gate.enter(
            address.into(),
            limits.connections,
            limits.connections_per_address,
        )
    }
}
