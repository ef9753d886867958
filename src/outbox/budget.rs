//! The bounds that all outboxes share.

use std::sync::atomic::{
    AtomicI64, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};

use tokio::sync::{Notify, futures::Notified};

use super::kept::Kept;
use crate::{config::QueueBound, sharded::Sharded};

/// Below this a total is counted exactly, whatever that costs.
const EXACT_BELOW: usize = 16 << 20;
/// What a thread takes of the total at once, at most.
const MAX_CHUNK: usize = 64 << 10;

/// The bounds of all outboxes, and what waits in them together.
///
/// What waits is counted in chunks: a thread takes one of the total, and what it queues is taken of that. So two rooms
/// meet here only once in a chunk. What the threads have left of theirs counts as waiting; it is less than a hundredth
/// of the total.
#[derive(Debug)]
pub struct Budget {
    pub(super) messages: AtomicUsize,
    pub(super) bytes: AtomicUsize,
    kept_messages: AtomicUsize,
    kept_bytes: AtomicUsize,
    total: AtomicUsize,
    chunk: AtomicI64,
    taken: AtomicI64,
    /// What each thread has left of what it took.
    left: Sharded<AtomicI64>,
    /// Somebody waits for some of it to be given back.
    waiting: AtomicUsize,
    freed: Notify,
}

impl Budget {
    /// `each` bounds what waits in one outbox, `kept` what was sent from it and is not acknowledged, `total` the bytes of
    /// all.
    pub fn new(each: QueueBound, kept: QueueBound, total: usize) -> Self {
        let left = Sharded::new(AtomicI64::default);
        Self {
            messages: AtomicUsize::new(each.messages),
            bytes: AtomicUsize::new(each.bytes),
            kept_messages: AtomicUsize::new(kept.messages),
            kept_bytes: AtomicUsize::new(kept.bytes),
            total: AtomicUsize::new(total),
            chunk: AtomicI64::new(chunk(total, &left)),
            taken: AtomicI64::new(0),
            left,
            waiting: AtomicUsize::new(0),
            freed: Notify::new(),
        }
    }

    /// Sets other bounds of what waits. What waits already stays, also where it is more than that.
    pub fn set(&self, each: QueueBound, total: usize) {
        self.messages.store(each.messages, Relaxed);
        self.bytes.store(each.bytes, Relaxed);
        self.total.store(total, Relaxed);
        self.chunk.store(chunk(total, &self.left), Relaxed);
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
        let left: i64 = self.left.iter().map(|left| left.load(SeqCst)).sum();
        usize::try_from(self.taken.load(SeqCst) - left).unwrap_or(0)
    }

    /// Is there room for so many bytes more?
    pub(super) fn admits(&self, bytes: usize) -> bool {
        let bytes = bytes as i64;
        self.left.local().load(SeqCst) >= bytes
            || self.taken.load(SeqCst) + bytes <= self.total.load(SeqCst) as i64
    }

    /// So many bytes wait from now on.
    pub(super) fn take(&self, bytes: usize) {
        let bytes = bytes as i64;
        let left = self.left.local();
        let missing = bytes - left.fetch_sub(bytes, SeqCst);
        if missing > 0 {
            let more = missing + self.chunk.load(SeqCst);
            self.taken.fetch_add(more, SeqCst);
            left.fetch_add(more, SeqCst);
        }
    }

    /// So many bytes wait no longer.
    pub(super) fn give_back(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let bytes = bytes as i64;
        let left = self.left.local();
        let chunk = self.chunk.load(SeqCst);
        let now = left.fetch_add(bytes, SeqCst) + bytes;
        let waiting = self.waiting.load(SeqCst) > 0;
        if now > 2 * chunk || waiting {
            let surplus = if waiting { now } else { now - chunk };
            left.fetch_sub(surplus, SeqCst);
            self.taken.fetch_sub(surplus, SeqCst);
        }
        if waiting {
            self.freed.notify_waiters();
        }
    }

    /// Registers somebody who waits until some is given back.
    pub(super) fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, SeqCst);
        Waiting(self)
    }
}

/// What each thread takes at once of this total. Twice as much is what it may have left.
fn chunk(total: usize, left: &Sharded<AtomicI64>) -> i64 {
    match total {
        exact if exact < EXACT_BELOW => 0,
        _ => (total / (256 * left.count())).min(MAX_CHUNK) as i64,
    }
}

/// Somebody waits for room. Forgotten when dropped.
pub(super) struct Waiting<'a>(&'a Budget);

impl Waiting<'_> {
    /// Done when some was given back after this was called.
    pub(super) fn freed(&self) -> Notified<'_> {
        self.0.freed.notified()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, SeqCst);
    }
}
