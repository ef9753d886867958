//! What waits to be sent to one peer.
//!
//! An outbox belongs to a session, not to its connection: it is bounded in messages and bytes, and says
//! by name when it is full or closed. Three lanes lead out of it (see [`Lane`]); a connection without
//! lanes of its own gets everything on the ordered one.

mod budget;
mod close;
mod due;
mod kept;

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use self::kept::Kept;
pub use self::{
    budget::Budget,
    close::Close,
    due::{Due, Port, WriteNow},
};
use crate::{
    account::Account,
    config::Delivery,
    envelope::{self, Text},
    metrics::Meter,
};

/// A way out of an outbox; the value is its index.
pub type Lane = Delivery;

const LANES: usize = 3;
/// About what is written before the next flush.
pub const BATCH_BYTES: usize = 64 * 1024;

/// Why an envelope was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The queue, or all queues together, are at their bound.
    Full,
    /// The session is ending, or the sender has left its room.
    Closed,
}

/// What a lane's send loop has to do next.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// Send these, then call [`Outbox::sent`].
    Batch {
        /// When the one that has waited longest came from its sender, if any did.
        oldest: Option<Instant>,
    },
    /// Nothing comes after what was sent: say goodbye.
    Close(Close),
}

/// What waits to be sent to one peer.
#[derive(Debug)]
pub struct Outbox {
    /// What an operator may know of the session.
    pub account: Account,
    state: Mutex<State>,
    /// One send loop waits on each.
    lanes: [Notify; LANES],
    /// A receive loop may wait for room for its own refusals.
    room: Notify,
    closing: Notify,
    budget: Arc<Budget>,
}

#[derive(Debug)]
struct State {
    queues: [VecDeque<Waiting>; LANES],
    link: Link,
    /// HELLO of the present connection, which goes before everything else.
    ///
    /// Boxed as all that is seldom there: an outbox at rest is 512 bytes.
    hello: Option<Box<Text>>,
    /// What was pushed and is not yet sent, on all lanes.
    messages: usize,
    bytes: usize,
    /// What of it is being written on the ordered lane.
    writing: Writing,
    /// How many were ever pushed to, and sent on, the ordered lane.
    pushed: u64,
    sent: u64,
    /// Other lanes wait until so many were: whatever waited when the session was parked.
    waited: u64,
    /// How many of the peer's envelopes it is to be told are taken in.
    ack: Option<u64>,
    /// What was sent and is not acknowledged, where the session can be resumed.
    kept: Option<Box<Kept>>,
    close: Option<Box<Close>>,
    /// How those who queue something send it at once, where the connection can do that.
    writer: Option<Writer>,
    /// Somebody has queued something, and will send it: see [`Due`].
    due: bool,
    /// When another peer's envelope was last pushed.
    touched: Instant,
}

/// What serves an outbox at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// A connection that has all lanes.
    Lanes,
    /// A connection that has the ordered one only.
    Ordered,
    /// None: the session waits to be resumed.
    Parked,
}

#[derive(Debug)]
struct Waiting {
    text: Text,
    /// Not to be sent before this many have been sent on the ordered lane.
    after: u64,
    /// How many had been pushed to the ordered lane, with this one if it was.
    place: u64,
    /// When it came from another peer.
    came: Option<Instant>,
}

/// How a connection is written to by others than its own send loop.
#[derive(Clone)]
pub struct Writer {
    /// The connection.
    pub port: Arc<dyn Port>,
    /// What counts what is sent over it.
    pub meter: Arc<Meter>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Writing {
    /// Somebody is writing: nobody else takes anything meanwhile.
    busy: bool,
    /// Of that, a part is left to the send loop.
    begun: bool,
    /// HELLO, or something that is sent again: other lanes wait for it.
    first: bool,
    messages: u32,
    bytes: usize,
}

impl Outbox {
    /// An empty one, whose first connection says `hello` before anything else. One that can be resumed keeps what
    /// is sent until it is acknowledged.
    pub fn new(budget: Arc<Budget>, resumable: bool) -> Self {
        Self {
            account: Account::default(),
            state: Mutex::new(State {
                queues: Default::default(),
                link: Link::Ordered,
                hello: None,
                messages: 0,
                bytes: 0,
                writing: Writing::default(),
                pushed: 0,
                sent: 0,
                waited: 0,
                ack: None,
                kept: resumable.then(Box::default),
                close: None,
                writer: None,
                due: false,
                touched: Instant::now(),
            }),
            lanes: Default::default(),
            room: Notify::new(),
            closing: Notify::new(),
            budget,
        }
    }

    /// The connection that serves this outbox from now on has all lanes (`true`) or the ordered one only. With
    /// `writer` also others than its send loop write to it, until what is returned is dropped.
    pub fn attach(&self, lanes: bool, writer: Option<Writer>) -> Attached<'_> {
        let mut state = self.state.lock();
        state.link = if lanes { Link::Lanes } else { Link::Ordered };
        state.writer = writer;
        Attached(self)
    }

    /// The connection is gone, and the session is to be resumed. What was on its way on lanes of its own is lost
    /// with it, and what waited there waits in the order in which all was pushed, datagrams excepted.
    pub fn park(&self) {
        let mut state = self.state.lock();
        state.link = Link::Parked;
        state.hello = None;
        state.ack = None;
        let writing = std::mem::take(&mut state.writing);
        state.sent += u64::from(writing.messages);
        let [ordered, independent, datagrams] = &mut state.queues;
        ordered.append(independent);
        ordered.make_contiguous().sort_by_key(|it| it.place);
        datagrams.clear();
        let (messages, bytes) = (ordered.len(), ordered.iter().map(|it| it.text.len()).sum());
        state.pushed = state.sent + messages as u64;
        state.waited = state.pushed;
        // What was being written in order is kept, and counts there.
        let lost = state.bytes - bytes - writing.bytes;
        state.messages = messages;
        state.bytes = bytes;
        self.budget.give_back(lost);
        drop(state);
        self.room.notify_waiters();
    }

    /// Is the session waiting to be resumed?
    pub fn is_parked(&self) -> bool {
        self.state.lock().link == Link::Parked
    }

    /// What waits to be sent, in envelopes and bytes, on all lanes.
    pub fn waiting(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.messages, state.bytes)
    }

    /// Is there room for this much more?
    pub fn admits(&self, text: &Text) -> bool {
        let state = self.state.lock();
        self.admit(&state, text.len()).is_ok()
    }

    /// Sets HELLO of the connection that comes next.
    pub fn greet(&self, hello: Text) {
        self.state.lock().hello = Some(Box::new(hello));
        self.wake();
    }

    /// The peer has taken in so many of what it was sent: they are let go. `Err`: more than were sent.
    pub fn acknowledge(&self, received: u64) -> Result<(), TooMany> {
        let mut state = self.state.lock();
        let Some(kept) = &mut state.kept else {
            return Ok(());
        };
        if received > kept.sent() {
            return Err(TooMany);
        }
        let mut freed = 0;
        while kept.before < received {
            freed += kept.let_go();
        }
        self.budget.give_back(freed);
        Ok(())
    }

    /// Would [`Outbox::rewind`] succeed?
    pub fn can_rewind(&self, received: u64) -> bool {
        let state = self.state.lock();
        state
            .kept
            .as_ref()
            .is_some_and(|kept| kept.reaches(received))
    }

    /// The peer comes back and has received so many: everything after that is to be sent again, which is this many. `None`:
    /// there were not so many, or some of what it needs has been let go.
    pub fn rewind(&self, received: u64) -> Option<u64> {
        let again = {
            let mut state = self.state.lock();
            let kept = state.kept.as_mut().filter(|kept| kept.reaches(received))?;
            kept.next = 0;
            kept.sent() - received
        };
        self.acknowledge(received).ok()?;
        Some(again)
    }

    /// Queues an envelope of another peer, which came at that time. `after` is what [`Outbox::notify`] returned for the
    /// notice that must be sent first; `left` is looked at under the same lock that a PEER_GONE is pushed under, so that nothing
    /// of a sender follows its PEER_GONE.
    pub fn push(
        self: &Arc<Self>,
        text: Text,
        lane: Lane,
        after: u64,
        left: &AtomicBool,
        came: Instant,
        due: &mut Due,
    ) -> Result<(), Refused> {
        let mut state = self.state.lock();
        if left.load(Relaxed) {
            return Err(Refused::Closed);
        }
        if state.link == Link::Parked && lane == Lane::Datagram && state.close.is_none() {
            // Nobody is there to take it, and it may be lost.
            return Ok(());
        }
        self.admit(&state, text.len())?;
        state.touched = came;
        let lane = self.enqueue(&mut state, text, lane, after, Some(came));
        if lane != Lane::Ordered || state.writer.is_none() {
            self.lanes[lane as usize].notify_one();
        } else if !state.due {
            state.due = true;
            due.add(self);
        }
        Ok(())
    }

    /// Queues a word of the relay on the ordered lane, and returns its place there.
    pub fn notify(&self, text: Text) -> Result<u64, Refused> {
        let mut state = self.state.lock();
        self.admit(&state, text.len())?;
        self.enqueue(&mut state, text, Lane::Ordered, 0, None);
        self.wake();
        Ok(state.pushed)
    }

    /// As [`Outbox::notify`] where there must be a place: at most one for each peer of the room. `left` is
    /// set in the same breath.
    pub fn notify_always(&self, text: Text, left: Option<&AtomicBool>) {
        let mut state = self.state.lock();
        if let Some(left) = left {
            left.store(true, Relaxed);
        }
        if state.close.is_none() {
            self.enqueue(&mut state, text, Lane::Ordered, 0, None);
            self.wake();
        }
    }

    /// As [`Outbox::notify`], but waits for a place. `Err` only where the session is ending.
    pub async fn notify_when_free(&self, text: Text) -> Result<(), Refused> {
        let waiting = self.budget.wait();
        loop {
            let room = self.room.notified();
            let freed = waiting.freed();
            match self.notify(text.clone()) {
                Err(Refused::Full) => {}
                done => return done.map(|_| ()),
            }
            // Whose own queue is full is not woken by what others send.
            let full = self.is_full(&self.state.lock(), text.len());
            tokio::select! {
                () = room => {}
                () = freed, if !full => {}
            }
        }
    }

    /// Tells the peer how many of its envelopes are taken in. Only the latest count waits, so it needs no place.
    pub fn ack(&self, received: u64) {
        self.state.lock().ack = Some(received);
        self.wake();
    }

    /// Ends the session once everything queued is sent. The first close counts; `false`: there was one already.
    pub fn close(&self, close: Close) -> bool {
        let mut state = self.state.lock();
        if state.close.is_some() {
            return false;
        }
        state.close = Some(Box::new(close));
        drop(state);
        self.closing.notify_one();
        self.room.notify_waiters();
        self.wake();
        true
    }

    /// Waits until [`Outbox::close`] has been called. One waiter at a time.
    pub async fn closing(&self) {
        while self.state.lock().close.is_none() {
            self.closing.notified().await;
        }
    }

    /// Why the session ends, once it does.
    pub fn close_reason(&self) -> Option<Close> {
        self.state.lock().close.as_deref().cloned()
    }

    /// Waits until a lane has something to send, and moves it to `batch`: about `bytes` at most. An empty batch is one
    /// that somebody else has begun to write. What is in a batch counts as waiting until [`Outbox::sent`]. A close is told to the ordered lane only, once everything on
    /// all lanes is sent: until then one lane may still hand over to another.
    pub async fn next(&self, lane: Lane, batch: &mut Vec<Text>, bytes: usize) -> Next {
        loop {
            if let Some(next) = self.take(lane, batch, bytes) {
                return next;
            }
            self.lanes[lane as usize].notified().await;
        }
    }

    fn take(&self, lane: Lane, batch: &mut Vec<Text>, bytes: usize) -> Option<Next> {
        let mut state = self.state.lock();
        if lane == Lane::Ordered && state.writing.busy {
            let begun = std::mem::take(&mut state.writing.begun);
            return begun.then_some(Next::Batch { oldest: None });
        }
        let oldest = match lane {
            Lane::Ordered => self.take_in_order(&mut state, batch, bytes),
            _ => state.take_beside(lane, batch, bytes),
        };
        if !batch.is_empty() {
            return Some(Next::Batch { oldest });
        }
        let all_sent = lane == Lane::Ordered && state.messages == 0;
        let close = state.close.as_deref().filter(|_| all_sent);
        close.cloned().map(Next::Close)
    }

    /// HELLO, then what this connection has to send again, then an acknowledgement, then what waits.
    fn take_in_order(
        &self,
        state: &mut State,
        batch: &mut Vec<Text>,
        bytes: usize,
    ) -> Option<Instant> {
        let mut taken = 0;
        let mut oldest = None;
        if let Some(hello) = state.hello.take() {
            taken += hello.len();
            batch.push(*hello);
            state.writing.first = true;
        }
        if let Some(kept) = &mut state.kept {
            while taken < bytes
                && let Some(text) = kept.texts.get(kept.next)
            {
                taken += text.len();
                batch.push(text.clone());
                kept.next += 1;
                state.writing.first = true;
            }
        }
        if let Some(received) = state.ack.take() {
            batch.push(envelope::ack(received));
        }
        while taken < bytes
            && let Some(Waiting { text, came, .. }) =
                state.queues[Lane::Ordered as usize].pop_front()
        {
            oldest = oldest.or(came);
            taken += text.len();
            state.writing.messages += 1;
            state.writing.bytes += text.len();
            if let Some(kept) = &mut state.kept {
                kept.bytes += text.len();
                kept.texts.push_back(text.clone());
                kept.next += 1;
                self.budget.give_back(self.budget.bound(kept));
            }
            batch.push(text);
        }
        let queue = &mut state.queues[Lane::Ordered as usize];
        if queue.is_empty() {
            // An idle peer costs no places.
            *queue = VecDeque::new();
        }
        state.writing.busy = !batch.is_empty();
        oldest
    }

    /// A batch of this lane has been written, or given up where the lane may lose it. Empties `batch`. `true`: more waits on
    /// the ordered lane.
    pub fn sent(&self, lane: Lane, batch: &mut Vec<Text>) -> bool {
        let mut state = self.state.lock();
        let Writing {
            messages, bytes, ..
        } = match lane {
            Lane::Ordered => std::mem::take(&mut state.writing),
            _ => Writing {
                messages: batch.len() as u32,
                bytes: batch.iter().map(|text| text.len()).sum(),
                ..Writing::default()
            },
        };
        state.messages -= messages as usize;
        state.bytes -= bytes;
        if lane != Lane::Ordered || state.kept.is_none() {
            self.budget.give_back(bytes);
        }
        if lane == Lane::Ordered {
            state.sent += u64::from(messages);
            for other in [Lane::Independent, Lane::Datagram] {
                if !state.queues[other as usize].is_empty() {
                    self.lanes[other as usize].notify_one();
                }
            }
        } else if state.close.is_some() && state.messages == 0 {
            self.wake();
        }
        let more = state.waits_in_order();
        drop(state);
        batch.clear();
        self.room.notify_waiters();
        more
    }

    /// Moves an envelope that a lane could not carry to another one. It never stopped counting as waiting.
    pub fn requeue(&self, text: Text, lane: Lane) {
        let mut state = self.state.lock();
        let place = state.pushed;
        state.queues[lane as usize].push_back(Waiting {
            text,
            after: 0,
            place,
            came: None,
        });
        self.lanes[lane as usize].notify_one();
    }

    /// When another peer's envelope was last queued.
    pub fn touched(&self) -> Instant {
        self.state.lock().touched
    }

    /// Is there room for one more envelope of this size?
    fn admit(&self, state: &State, bytes: usize) -> Result<(), Refused> {
        if state.close.is_some() {
            return Err(Refused::Closed);
        }
        if !self.budget.admits(bytes) || self.is_full(state, bytes) {
            return Err(Refused::Full);
        }
        Ok(())
    }

    fn is_full(&self, state: &State, bytes: usize) -> bool {
        state.messages >= self.budget.messages.load(Relaxed)
            || state.bytes + bytes > self.budget.bytes.load(Relaxed)
    }

    fn enqueue(
        &self,
        state: &mut State,
        text: Text,
        lane: Lane,
        after: u64,
        came: Option<Instant>,
    ) -> Lane {
        let lane = match state.link {
            Link::Lanes => lane,
            Link::Ordered | Link::Parked => Lane::Ordered,
        };
        // On the ordered lane whatever has to be sent first is before it already.
        let after = if lane == Lane::Ordered { 0 } else { after };
        state.messages += 1;
        state.bytes += text.len();
        self.budget.take(text.len());
        if lane == Lane::Ordered {
            state.pushed += 1;
        }
        let place = state.pushed;
        state.queues[lane as usize].push_back(Waiting {
            text,
            after,
            place,
            came,
        });
        lane
    }

    /// Wakes the send loop of the ordered lane.
    fn wake(&self) {
        self.lanes[Lane::Ordered as usize].notify_one();
    }
}

/// A connection serves an outbox until this is dropped: from then on nobody writes to it but its own task.
pub struct Attached<'a>(&'a Outbox);

impl Drop for Attached<'_> {
    fn drop(&mut self) {
        let writer = self.0.state.lock().writer.take();
        if let Some(writer) = writer {
            writer.port.settle();
        }
    }
}

impl State {
    /// Is there something to send, or to end with, on the ordered lane?
    fn waits_in_order(&self) -> bool {
        self.hello.is_some()
            || self.ack.is_some()
            || self.close.is_some()
            || !self.queues[Lane::Ordered as usize].is_empty()
            || self
                .kept
                .as_ref()
                .is_some_and(|kept| kept.next < kept.texts.len())
    }

    /// What another lane may carry: nothing before HELLO is written, everything is sent again and all that waited
    /// meanwhile is sent, nor before the notice that an envelope waits for.
    fn take_beside(&mut self, lane: Lane, batch: &mut Vec<Text>, bytes: usize) -> Option<Instant> {
        let caught_up = self
            .kept
            .as_ref()
            .is_none_or(|kept| kept.next == kept.texts.len());
        if self.hello.is_some() || self.writing.first || !caught_up || self.sent < self.waited {
            return None;
        }
        let sent = self.sent;
        let queue = &mut self.queues[lane as usize];
        let mut taken = 0;
        let mut oldest = None;
        while taken < bytes
            && let Some(at) = queue.iter().position(|waiting| waiting.after <= sent)
            && let Some(waiting) = queue.remove(at)
        {
            oldest = oldest.or(waiting.came);
            taken += waiting.text.len();
            batch.push(waiting.text);
        }
        oldest
    }
}

/// More than were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

impl Drop for Outbox {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        let kept = state.kept.as_ref();
        // What is being written counts as kept where anything is.
        let written_twice = kept.map_or(0, |_| state.writing.bytes);
        self.budget
            .give_back(state.bytes + kept.map_or(0, |kept| kept.bytes) - written_twice);
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
