//! The account of a session: what an operator may know of it, counted where that costs a message next to nothing.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use parking_lot::Mutex;
use serde::Serialize;
use tokio::time::Instant;

use crate::config::Transport;

/// What an operator may know of a session, beside what waits for it.
#[derive(Debug)]
pub struct Account {
    /// Tells it from all other sessions of this process, unlike a shortened id. Later sessions have higher ones.
    pub number: u64,
    began: Instant,
    origin: Mutex<Option<Origin>>,
    received: Tally,
    sent: Tally,
}

/// How a session is connected, or was before its connection broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// What its peer speaks.
    pub transport: Transport,
    /// Where its peer is.
    pub address: IpAddr,
}

/// What went through all connections of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Envelopes that came from the peer, also those that were refused.
    pub received_envelopes: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Envelopes that were written to the peer, also the relay's own.
    pub sent_envelopes: u64,
    /// Their bytes.
    pub sent_bytes: u64,
}

impl Default for Account {
    fn default() -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        Self {
            number: NUMBERS.fetch_add(1, Relaxed),
            began: Instant::now(),
            origin: Mutex::default(),
            received: Tally::default(),
            sent: Tally::default(),
        }
    }
}

impl Account {
    /// It has this connection from now on.
    pub fn connect(&self, origin: Origin) {
        *self.origin.lock() = Some(origin);
    }

    /// The connection that it has, or had last. `None`: its first one is about to get it.
    pub fn origin(&self) -> Option<Origin> {
        *self.origin.lock()
    }

    /// An envelope came. Only the session's own task counts.
    pub fn received(&self, bytes: usize) {
        // Nobody else writes here, so that no locked instruction is needed.
        let add = |to: &AtomicU64, more: u64| to.store(to.load(Relaxed) + more, Relaxed);
        add(&self.received.envelopes, 1);
        add(&self.received.bytes, bytes as u64);
    }

    /// Envelopes were written, by whichever task.
    pub fn sent(&self, envelopes: usize, bytes: usize) {
        self.sent.envelopes.fetch_add(envelopes as u64, Relaxed);
        self.sent.bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// How long the session has been there.
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// What went through all of its connections.
    pub fn counts(&self) -> Counts {
        Counts {
            received_envelopes: self.received.envelopes.load(Relaxed),
            received_bytes: self.received.bytes.load(Relaxed),
            sent_envelopes: self.sent.envelopes.load(Relaxed),
            sent_bytes: self.sent.bytes.load(Relaxed),
        }
    }
}

/// Envelopes and their bytes, in one direction.
#[derive(Debug, Default)]
struct Tally {
    envelopes: AtomicU64,
    bytes: AtomicU64,
}
