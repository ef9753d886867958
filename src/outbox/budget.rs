//! The bounds that all outboxes share.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::Notify;

use super::kept::Kept;
use crate::config::QueueBound;

/// The bounds of all outboxes, and what waits in them together.
#[derive(Debug)]
pub struct Budget {
    pub(super) messages: AtomicUsize,
    pub(super) bytes: AtomicUsize,
    pub(super) kept_messages: AtomicUsize,
    pub(super) kept_bytes: AtomicUsize,
    pub(super) total: AtomicUsize,
    pub(super) queued: AtomicUsize,
    /// Some of all of it was given back.
    pub(super) freed: Notify,
}

impl Budget {
    /// `each` bounds what waits in one outbox, `kept` what was sent from it and is not acknowledged, `total` the bytes of
    /// all.
    pub fn new(each: QueueBound, kept: QueueBound, total: usize) -> Self {
        Self {
            messages: AtomicUsize::new(each.messages),
            bytes: AtomicUsize::new(each.bytes),
            kept_messages: AtomicUsize::new(kept.messages),
            kept_bytes: AtomicUsize::new(kept.bytes),
            total: AtomicUsize::new(total),
            queued: AtomicUsize::new(0),
            freed: Notify::new(),
        }
    }

    /// Sets other bounds of what waits. What waits already stays, also where it is more than that.
    pub fn set(&self, each: QueueBound, total: usize) {
        self.messages.store(each.messages, Relaxed);
        self.bytes.store(each.bytes, Relaxed);
        self.total.store(total, Relaxed);
        // Who waits for a place may have one now.
        self.freed.notify_waiters();
    }

    /// Holds what is kept to its bound. Returns the bytes that were let go.
    pub(super) fn bound(&self, kept: &mut Kept) -> usize {
        let mut freed = 0;
        while kept.texts.len() > self.kept_messages.load(Relaxed)
            || kept.bytes > self.kept_bytes.load(Relaxed)
        {
            freed += kept.let_go();
        }
        freed
    }

    /// The bytes that wait in all outboxes.
    pub fn queued(&self) -> usize {
        self.queued.load(Relaxed)
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.queued.fetch_sub(bytes, Relaxed);
        self.freed.notify_waiters();
    }
}
