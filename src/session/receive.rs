//! The receive loop: what comes is read, held to its rate, handed on, counted, and its silence watched.

use std::{cell::RefCell, future::poll_fn, pin::pin, time::Duration};

use tokio::{
    sync::Notify,
    task::yield_now,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    Session,
    deliver::{Outcome, kind},
    vigil::{Vigil, Watch},
};
use crate::{
    config::OnExcess,
    envelope::{self, Envelope},
    json::Tape,
    metrics::Meter,
    outbox::{Close, Due, Refused},
    transport::{End, Receive, Received},
};

/// Envelopes that are taken in before the peer is told.
const ACK_MESSAGES: u64 = 64;
/// Bytes of them.
const ACK_BYTES: usize = 64 * 1024;
/// How long after the first of them it is told at the latest.
const ACK_AFTER: Duration = Duration::from_secs(10);

/// So many are sent to before other tasks have their turn.
const SENT_AT_ONCE: usize = 64;

/// The receive loop of one session on one connection.
pub struct Loop<'a> {
    session: &'a mut Session,
    meter: &'a Meter,
    vigil: Vigil,
    unacknowledged: Unacknowledged,
    /// Where something waits that it has queued for others, and not sent.
    due: Due,
}

/// What was taken in and the peer has not been told of.
#[derive(Default)]
struct Unacknowledged {
    messages: u64,
    bytes: usize,
    since: Option<Instant>,
}

impl<'a> Loop<'a> {
    /// For a session whose connection begins.
    pub fn new(session: &'a mut Session, meter: &'a Meter) -> Self {
        Self {
            session,
            meter,
            vigil: Vigil::new(Instant::now()),
            unacknowledged: Unacknowledged::default(),
            due: Due::default(),
        }
    }

    /// Receives until the peer is gone or has to go.
    pub async fn run<R: Receive>(&mut self, receiver: &mut R, ping: &Notify) -> End {
        // Rings at once, and from then on when the earliest wait may be over: no message sets it anew.
        let mut alarm = pin!(sleep_until(Instant::now()));
        let mut armed = true;
        if let Err(close) = self.tell().await {
            return End::Violation(close);
        }
        loop {
            let received = tokio::select! {
                received = next(receiver, &mut self.due) => received,
                () = &mut alarm, if armed => {
                    match self.look(receiver.heard()) {
                        Watch::Until(Some(at)) => alarm.as_mut().reset(at),
                        Watch::Until(None) => armed = false,
                        Watch::Ping => ping.notify_one(),
                        Watch::Idle => return idle(),
                        Watch::Silent => return End::Silent,
                    }
                    continue;
                }
            };
            match received {
                Received::Alive => {}
                Received::End(end) => return end,
                Received::Envelope { text, ordered } => {
                    if self.due.envelope(text.len()) {
                        self.send_due().await;
                    }
                    if let Err(close) = self.envelope(&text, ordered).await {
                        return End::Violation(close);
                    }
                    if let Some(at) = self.unacknowledged.due()
                        && (!armed || at < alarm.deadline())
                    {
                        alarm.as_mut().reset(at);
                        armed = true;
                    }
                }
            }
        }
    }

    /// Sends what it has queued for others.
    async fn send_due(&mut self) {
        while self.due.send(SENT_AT_ONCE) {
            yield_now().await;
        }
    }

    fn look(&mut self, heard: Option<Instant>) -> Watch {
        let now = Instant::now();
        if self.unacknowledged.due().is_some_and(|at| at <= now) {
            self.acknowledge();
        }
        let policy = self.session.hub.policy.load();
        let watch = self.vigil.look(
            now,
            heard,
            self.session.outbox.touched(),
            self.session.seat.role(),
            &policy.timeouts,
        );
        match watch {
            Watch::Until(at) => Watch::Until(at.into_iter().chain(self.unacknowledged.due()).min()),
            other => other,
        }
    }

    async fn envelope(&mut self, text: &str, ordered: bool) -> Result<(), Close> {
        let came = Instant::now();
        self.vigil.envelope(came);
        self.meter.received(text.len());
        let within_rate = self.within_rate(came).await?;
        let (outcome, counts) = with_tape(|tape| {
            let read = Envelope::parse(text, self.session.seat.id(), tape);
            let outcome = match within_rate {
                true => self.session.handle(&read, came, &mut self.due),
                false => self.session.too_many(&read),
            };
            (outcome, envelope::kind_counts(kind(&read)))
        });
        self.take_in(text.len(), ordered && counts);
        match outcome {
            Outcome::Done => Ok(()),
            Outcome::Close(close) => Err(close),
            Outcome::Refused(error) => {
                self.session.untold = Some(error);
                self.tell().await
            }
        }
    }

    /// Notes what was taken in, and tells the peer of it now and then, where it counts for a resume.
    fn take_in(&mut self, bytes: usize, counts: bool) {
        let Some(ticket) = &mut self.session.ticket else {
            self.session.received += 1;
            return;
        };
        ticket.prove();
        if !counts {
            return;
        }
        self.session.received += 1;
        self.unacknowledged.add(bytes);
        if self.unacknowledged.is_much() {
            self.acknowledge();
        }
    }

    fn acknowledge(&mut self) {
        self.unacknowledged = Unacknowledged::default();
        self.session.outbox.ack(self.session.received);
    }

    /// Holds the peer to its rate. `false`: this envelope is over it.
    async fn within_rate(&mut self, came: Instant) -> Result<bool, Close> {
        if !self.session.limited {
            return Ok(true);
        }
        let mut now = came;
        loop {
            let rate = self.session.hub.policy.load().limits.messages_per_second;
            let Some(rate) = rate else { return Ok(true) };
            let Err(wait) = self.session.bucket.take(rate, now) else {
                return Ok(true);
            };
            match rate.on_excess {
                OnExcess::Reject => return Ok(false),
                OnExcess::Disconnect => {
                    return Err(Close::new(4429, "too many messages").spread(1));
                }
                OnExcess::Wait => {
                    self.send_due().await;
                    // Boxed, as all that is waited for seldom: a session at rest has its size else.
                    Box::pin(sleep(wait)).await;
                    now = Instant::now();
                    self.vigil.forgive(now);
                }
            }
        }
    }

    /// Queues a refusal for the sender. Until there is a place for it nothing more is read, so that a peer which
    /// sends and never reads fills its own queue and no other. Should the connection break meanwhile, the session
    /// still has it.
    async fn tell(&mut self) -> Result<(), Close> {
        let Some(error) = self.session.untold.clone() else {
            return Ok(());
        };
        // Whoever is being closed is told that instead.
        if self.session.outbox.notify(error.clone()) == Err(Refused::Full) {
            self.send_due().await;
            let outbox = &self.session.outbox;
            let patience = self.session.hub.policy.load().timeouts.pong;
            Box::pin(timeout(patience, outbox.notify_when_free(error)))
                .await
                .map_err(|_| Close::new(4508, "too slow: the outbound queue is full"))
                .map(drop)?;
            self.vigil.forgive(Instant::now());
        }
        self.session.untold = None;
        Ok(())
    }
}

/// The next that comes. Before it waits for that, it sends what was queued for others until now.
async fn next<R: Receive>(receiver: &mut R, due: &mut Due) -> Received {
    let mut received = pin!(receiver.receive());
    poll_fn(|cx| {
        let received = received.as_mut().poll(cx);
        if received.is_pending() && due.rest(SENT_AT_ONCE) {
            // Behind all other tasks that are ready.
            cx.waker().wake_by_ref();
        }
        received
    })
    .await
}

/// Lends out this thread's tape: what one message needs, the next one uses again.
fn with_tape<T>(read: impl FnOnce(&mut Tape) -> T) -> T {
    thread_local! {
        static TAPE: RefCell<Tape> = RefCell::default();
    }
    TAPE.with_borrow_mut(|tape| {
        let done = read(tape);
        // A large message does not keep its memory until the next one comes.
        tape.clear();
        done
    })
}

impl Unacknowledged {
    fn add(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes;
        self.since.get_or_insert_with(Instant::now);
    }

    fn is_much(&self) -> bool {
        self.messages >= ACK_MESSAGES || self.bytes >= ACK_BYTES
    }

    fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + ACK_AFTER)
    }
}

fn idle() -> End {
    End::Violation(Close::new(4408, "idle for too long"))
}
