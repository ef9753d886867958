//! The receive loop: bytes to envelope, envelope to judgement, judgement to room.

use std::{borrow::Cow, pin::pin, time::Duration};

use serde::Serialize;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    Session, commands,
    vigil::{Vigil, Watch},
};
use crate::{
    config::{Delivery as Lane, OnExcess},
    envelope::{self, Address, Envelope, Text},
    outbox::{Close, Refused},
    policy::{Code, Refusal, Role, Rule, Verdict},
    room::{Delivery, Outbound},
    schema::Violation,
    transport::{End, Receive, Received},
};

/// Envelopes that are taken in before the peer is told.
const ACK_MESSAGES: u64 = 64;
/// Bytes of them.
const ACK_BYTES: usize = 64 * 1024;
/// How long after the first of them it is told at the latest.
const ACK_AFTER: Duration = Duration::from_secs(10);

/// The receive loop of one session on one connection.
pub struct Loop<'a> {
    session: &'a mut Session,
    vigil: Vigil,
    unacknowledged: Unacknowledged,
}

/// What was taken in and the peer has not been told of.
#[derive(Default)]
struct Unacknowledged {
    messages: u64,
    bytes: usize,
    since: Option<Instant>,
}

/// What one envelope comes to.
pub enum Outcome {
    /// It went its way.
    Done,
    /// The sender is told why not.
    Refused(Text),
    /// The sender's session ends.
    Close(Close),
}

impl<'a> Loop<'a> {
    /// For a session whose connection begins.
    pub fn new(session: &'a mut Session) -> Self {
        Self {
            session,
            vigil: Vigil::new(Instant::now()),
            unacknowledged: Unacknowledged::default(),
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
                received = receiver.receive() => received,
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
        self.vigil.envelope(Instant::now());
        let outcome = match self.within_rate().await? {
            true => self.session.handle(text),
            false => Outcome::Refused(rate_limited(text, &self.session.seat)),
        };
        self.take_in(text, ordered);
        match outcome {
            Outcome::Done => Ok(()),
            Outcome::Close(close) => Err(close),
            Outcome::Refused(error) => {
                self.session.untold = Some(error);
                self.tell().await
            }
        }
    }

    /// Counts what was taken in, and tells the peer of it now and then.
    fn take_in(&mut self, text: &str, ordered: bool) {
        let Some(ticket) = &mut self.session.ticket else {
            self.session.received += 1;
            return;
        };
        ticket.prove();
        if !ordered || !envelope::counts(text) {
            return;
        }
        self.session.received += 1;
        self.unacknowledged.add(text.len());
        if self.unacknowledged.is_much() {
            self.acknowledge();
        }
    }

    fn acknowledge(&mut self) {
        self.unacknowledged = Unacknowledged::default();
        self.session.outbox.ack(self.session.received);
    }

    /// Holds the peer to its rate. `false`: this envelope is over it.
    async fn within_rate(&mut self) -> Result<bool, Close> {
        if !self.session.limited {
            return Ok(true);
        }
        loop {
            let rate = self.session.hub.policy.load().limits.messages_per_second;
            let Some(rate) = rate else { return Ok(true) };
            let Err(wait) = self.session.bucket.take(rate, Instant::now()) else {
                return Ok(true);
            };
            match rate.on_excess {
                OnExcess::Reject => return Ok(false),
                OnExcess::Disconnect => {
                    return Err(Close::new(4429, "too many messages").spread(1));
                }
                OnExcess::Wait => {
                    sleep(wait).await;
                    self.vigil.forgive(Instant::now());
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
        let outbox = &self.session.outbox;
        // Whoever is being closed is told that instead.
        if outbox.notify(error.clone()) == Err(Refused::Full) {
            let patience = self.session.hub.policy.load().timeouts.pong;
            timeout(patience, outbox.notify_when_free(error))
                .await
                .map_err(|_| Close::new(4508, "too slow: the outbound queue is full"))
                .map(drop)?;
            self.vigil.forgive(Instant::now());
        }
        self.session.untold = None;
        Ok(())
    }
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

impl Session {
    /// One envelope, from its text to the recipient's queue.
    pub(super) fn handle(&self, text: &str) -> Outcome {
        let policy = self.hub.policy.load();
        let envelope = match Envelope::parse(text, self.seat.id()) {
            Ok(envelope) => envelope,
            Err(invalid) => {
                let about = About {
                    kind: invalid.kind.as_deref(),
                    to: invalid.to.as_deref(),
                    reference: invalid.reference.as_deref(),
                };
                return settle(policy.invalid(Refusal::from(&invalid)), &about);
            }
        };
        let about = About {
            kind: Some(&envelope.kind),
            to: Some(envelope.to.as_str()),
            reference: envelope.reference.as_deref(),
        };
        if envelope.to == Address::Relay {
            return match commands::obey(self, &policy, &envelope) {
                Ok(()) => Outcome::Done,
                Err(verdict) => settle(verdict, &about),
            };
        }
        match policy.judge(self.seat.role(), &envelope) {
            Verdict::Deliver(rule) => self.deliver(&envelope, rule, &about),
            verdict => settle(verdict, &about),
        }
    }

    fn deliver(&self, envelope: &Envelope<'_>, rule: Option<&Rule>, about: &About<'_>) -> Outcome {
        let outbound = || Outbound {
            text: envelope::forward(self.seat.id(), &envelope.kind, envelope.message),
            lane: rule.map_or(Lane::Ordered, |rule| rule.delivery),
            drop_on_full: rule.is_some_and(|rule| rule.drop_on_full),
        };
        let room = &self.seat.room;
        let delivery = match (&self.seat.client, &envelope.to) {
            (Some(client), Address::Peer(to)) if **to == *room.id => {
                room.to_server(client, outbound())
            }
            (None, Address::Peer(to)) => room.to_client(to, outbound()),
            (None, Address::Everyone) => {
                room.to_everyone(&outbound());
                Delivery::Done
            }
            _ => Delivery::UnknownPeer,
        };
        match undelivered(delivery, self.seat.role()) {
            None => Outcome::Done,
            Some(refusal) => Outcome::Refused(error(&refusal, about)),
        }
    }
}

fn undelivered(delivery: Delivery, role: Role) -> Option<Refusal> {
    let (code, detail) = match (delivery, role) {
        (Delivery::Done, _) => return None,
        (Delivery::UnknownPeer, Role::Server) => (
            Code::UnknownPeer,
            "no client of yours has this id, or it has left",
        ),
        (Delivery::UnknownPeer, Role::Client) => (
            Code::UnknownPeer,
            "a client may send to its server only, by the id that it connected with",
        ),
        (Delivery::Expelled, _) => (
            Code::UnknownPeer,
            "this client was too slow, and has been closed",
        ),
        (Delivery::TooSlow, _) => (
            Code::TooSlow,
            "the server's queue is full: send again later, and less",
        ),
    };
    Some(Refusal::new(code, detail))
}

/// What an ERROR says of the envelope that it is about.
#[derive(Default)]
struct About<'a> {
    kind: Option<&'a str>,
    to: Option<&'a str>,
    reference: Option<&'a str>,
}

fn settle(verdict: Verdict<'_>, about: &About<'_>) -> Outcome {
    match verdict {
        Verdict::Deliver(_) | Verdict::Drop => Outcome::Done,
        Verdict::Disconnect(close) => Outcome::Close(close),
        Verdict::Refuse(refusal) => {
            tracing::debug!(code = ?refusal.code, "envelope refused");
            Outcome::Refused(error(&refusal, about))
        }
    }
}

/// An ERROR.
fn error(refusal: &Refusal, about: &About<'_>) -> Text {
    #[derive(Serialize)]
    struct Message<'a> {
        code: Code,
        detail: &'a Cow<'static, str>,
        #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
        kind: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<&'a str>,
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<&'a str>,
        #[serde(skip_serializing_if = "<[Violation]>::is_empty")]
        errors: &'a [Violation],
    }
    envelope::from_relay(
        "ERROR",
        &Message {
            code: refusal.code,
            detail: &refusal.detail,
            kind: about.kind,
            to: about.to,
            reference: about.reference,
            errors: &refusal.errors,
        },
    )
}

/// The refusal of an envelope over the rate, with what could be read of it.
fn rate_limited(text: &str, seat: &super::Seat) -> Text {
    let refusal = Refusal::new(
        Code::RateLimited,
        "more messages than this relay takes in a second: send less often",
    );
    match Envelope::parse(text, seat.id()) {
        Ok(envelope) => error(
            &refusal,
            &About {
                kind: Some(&envelope.kind),
                to: Some(envelope.to.as_str()),
                reference: envelope.reference.as_deref(),
            },
        ),
        Err(_) => error(&refusal, &About::default()),
    }
}
