//! Writing at once: whoever queued something sends it, instead of waking the recipient's send loop for it.

use std::{cell::RefCell, io, sync::Arc};

use parking_lot::MutexGuard;

use super::{Lane, Outbox, State};
use crate::{envelope::Text, metrics::Meter};

/// The write side of a connection, as others than its own send loop use it.
pub trait Port: Send + Sync {
    /// Calls `write` with the connection. `false`: somebody else is at it. It waits for nothing, since the outbox is
    /// locked until `write` has taken what it writes.
    fn at_once(&self, write: &mut dyn FnMut(&mut dyn WriteNow)) -> bool;

    /// Waits until nobody else is at it.
    fn settle(&self);
}

/// A connection that takes what it can without waiting.
pub trait WriteNow {
    /// Writes a batch. `Ok(true)`: all of it is on its way. `Ok(false)`: the rest is, once [`crate::transport::Transmit::send`]
    /// is called.
    fn write_now(&mut self, batch: &[Text]) -> io::Result<bool>;
}

/// What a sender has had at most before it sends, though more has come.
const MAX_ENVELOPES: usize = 64;
const MAX_BYTES: usize = 64 * 1024;

/// Outboxes in which something waits that a sender has queued, and that it sends as soon as it has nothing more to queue.
/// Dropped before that, it wakes their send loops.
#[derive(Default)]
pub struct Due {
    outboxes: Vec<Arc<Outbox>>,
    /// What the sender has had since it last sent.
    envelopes: usize,
    bytes: usize,
    /// The sender has nothing more to read, and the others have their turn.
    resting: bool,
}

impl Due {
    pub(super) fn add(&mut self, outbox: &Arc<Outbox>) {
        self.outboxes.push(Arc::clone(outbox));
    }

    /// The sender has had one more envelope, of so many bytes. `true`: it is time to send.
    pub fn envelope(&mut self, bytes: usize) -> bool {
        self.resting = false;
        self.envelopes += 1;
        self.bytes += bytes;
        self.envelopes > MAX_ENVELOPES || self.bytes > MAX_BYTES
    }

    /// The sender has nothing more to read now. `true`: it is to say so again after all other tasks that are ready have had
    /// their turn, since only then is it sent: what they queue for the same peers goes with it. Then to at most so many at once.
    pub fn rest(&mut self, most: usize) -> bool {
        if self.outboxes.is_empty() {
            return false;
        }
        let rested = std::mem::replace(&mut self.resting, true);
        !rested || self.send(most)
    }

    /// Sends to at most so many; `true`: there are more.
    pub fn send(&mut self, most: usize) -> bool {
        (self.envelopes, self.bytes) = (0, 0);
        let now = most.min(self.outboxes.len());
        for outbox in self.outboxes.drain(..now) {
            outbox.send_now();
        }
        if self.outboxes.is_empty() {
            // An idle peer costs no places.
            self.outboxes = Vec::new();
        }
        !self.outboxes.is_empty()
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        for outbox in &self.outboxes {
            outbox.state.lock().due = false;
            outbox.wake();
        }
    }
}

impl Outbox {
    /// Sends what waits, as far as the connection takes it now. The rest is the send loop's.
    fn send_now(&self) {
        let mut state = self.state.lock();
        state.due = false;
        let writer = state.writer.clone();
        let mut state = Some(state);
        let reached = writer.is_some_and(|writer| {
            writer.port.at_once(&mut |connection| {
                if let Some(state) = state.take() {
                    self.write_to(connection, &writer.meter, state);
                }
            })
        });
        drop(state);
        if !reached {
            self.wake();
        }
    }

    fn write_to(
        &self,
        connection: &mut dyn WriteNow,
        meter: &Meter,
        mut state: MutexGuard<'_, State>,
    ) {
        thread_local! {
            static BATCH: RefCell<Vec<Text>> = RefCell::default();
        }
        if state.writing.busy {
            return;
        }
        BATCH.with_borrow_mut(|batch| {
            // Nothing of another peer, however its turn ended.
            batch.clear();
            let oldest = self.take_in_order(&mut state, batch, super::BATCH_BYTES);
            drop(state);
            if batch.is_empty() {
                return;
            }
            let written = connection.write_now(batch);
            meter.sent(batch, oldest);
            match written {
                Ok(true) => {
                    // The send loop may have looked meanwhile, and found somebody writing.
                    if self.sent(Lane::Ordered, batch) {
                        self.wake();
                    }
                }
                // What is wrong is found by the send loop as well.
                Ok(false) | Err(_) => {
                    batch.clear();
                    self.state.lock().writing.begun = true;
                    self.wake();
                }
            }
        });
    }
}

#[cfg(test)]
pub(super) mod tests;
