//! What all sessions of a process share.

use std::{net::IpAddr, sync::Arc};

use arc_swap::ArcSwap;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    address::{Gate, Place},
    auth::Logins,
    outbox::Budget,
    policy::Policy,
    room::Rooms,
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
        let budget = Budget::new(limits.outbound_queue, limits.queued_bytes);
        Self {
            rooms: Rooms::default(),
            budget: Arc::new(budget),
            policy: ArcSwap::from_pointee(policy),
            logins: Arc::default(),
            gate: Arc::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
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
