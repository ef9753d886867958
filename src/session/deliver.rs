//! The way of one envelope: judged by the policy, handed to the room, or refused with what to mend.

use std::borrow::Cow;

use serde::Serialize;
use tokio::time::Instant;

use super::{Session, commands, lines};
use crate::{
    config::Delivery as Lane,
    envelope::{self, Address, Envelope, Invalid, Text},
    outbox::{Close, Due},
    policy::{Code, Judgement, Policy, Refusal, Role, Rule, Verdict},
    room::{Delivery, Outbound},
    schema::Violation,
};

/// Of so many envelopes of a session, the time that one takes to be judged is measured.
const SCHEMA_SAMPLE: u64 = 16;

/// What a text turned out to be.
pub(super) type Read<'a> = Result<Envelope<'a>, Invalid>;

/// The type that it names, where that can be read.
pub(super) fn kind<'a>(read: &'a Read<'_>) -> Option<&'a str> {
    match read {
        Ok(envelope) => Some(&envelope.kind),
        Err(invalid) => invalid.kind.as_deref(),
    }
}

/// What one envelope comes to.
pub(super) enum Outcome {
    /// It went its way.
    Done,
    /// The sender is told why not.
    Refused(Text),
    /// The sender's session ends.
    Close(Close),
}

impl Session {
    /// One envelope, from what was read to the recipient's queue.
    pub(super) fn handle(&self, read: &Read<'_>, came: Instant, due: &mut Due) -> Outcome {
        let policy = self.hub.policy.load();
        let about = About::of(read);
        let verdict = match read {
            Err(invalid) => policy.invalid(Refusal::from(invalid)),
            Ok(envelope) if envelope.to == Address::Relay => {
                match commands::obey(self, &policy, envelope) {
                    Ok(()) => return Outcome::Done,
                    Err(verdict) => verdict,
                }
            }
            Ok(envelope) => match self.judge(&policy, envelope) {
                Verdict::Deliver(rule) => match self.deliver(envelope, rule, came, due) {
                    None => return Outcome::Done,
                    Some(refusal) => Verdict::Refuse(refusal),
                },
                verdict => verdict,
            },
        };
        self.settle(&policy, verdict, &about)
    }

    /// Has the policy judge an envelope, and counts what came of it. An observed violation is delivered all the same.
    fn judge<'a>(&self, policy: &'a Policy, envelope: &Envelope<'_>) -> Verdict<'a> {
        let metrics = &self.hub.metrics;
        let sampled =
            self.received.is_multiple_of(SCHEMA_SAMPLE) && policy.has_schema(&envelope.kind);
        let started = sampled.then(Instant::now);
        let Judgement { verdict, violation } = policy.judge(self.seat.role(), envelope);
        if let Some(started) = started {
            metrics.schema(started.elapsed());
        }
        if let Some(action) = violation {
            metrics.violated(&envelope.kind, action.as_str());
            lines::violated(self, &envelope.kind, action);
        }
        verdict
    }

    /// Hands an envelope to its recipient, or says why it was not delivered.
    fn deliver(
        &self,
        envelope: &Envelope<'_>,
        rule: Option<&Rule>,
        came: Instant,
        due: &mut Due,
    ) -> Option<Refusal> {
        let outbound = || Outbound {
            text: envelope::forward(self.seat.id(), &envelope.kind, envelope.message),
            lane: rule.map_or(Lane::Ordered, |rule| rule.delivery),
            drop_on_full: rule.is_some_and(|rule| rule.drop_on_full),
            came,
        };
        let room = &self.seat.room;
        let delivery = match (&self.seat.client, &envelope.to) {
            (Some(client), Address::Peer(to)) if **to == *room.id => {
                room.to_server(client, outbound(), due)
            }
            (None, Address::Peer(to)) => room.to_client(to, outbound(), due),
            (None, Address::Everyone) => {
                room.to_everyone(&outbound(), due);
                Delivery::Done
            }
            _ => Delivery::UnknownPeer,
        };
        undelivered(delivery, self.seat.role())
    }

    fn settle(&self, policy: &Policy, verdict: Verdict<'_>, about: &About<'_>) -> Outcome {
        match verdict {
            Verdict::Deliver(_) | Verdict::Drop => Outcome::Done,
            Verdict::Disconnect(close) => Outcome::Close(close),
            Verdict::Refuse(refusal) => {
                let kind = about.kind.filter(|kind| policy.names(kind));
                self.hub.metrics.refused(refusal.code, kind);
                lines::refused(self, refusal.code, about.kind);
                Outcome::Refused(error(&refusal, about))
            }
        }
    }

    /// The refusal of an envelope over the rate.
    pub(super) fn too_many(&self, read: &Read<'_>) -> Outcome {
        let refusal = Refusal::new(
            Code::RateLimited,
            "more messages than this relay takes in a second: send less often",
        );
        let policy = self.hub.policy.load();
        self.settle(&policy, Verdict::Refuse(refusal), &About::of(read))
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
struct About<'a> {
    kind: Option<&'a str>,
    to: Option<&'a str>,
    reference: Option<&'a str>,
}

impl<'a> About<'a> {
    fn of(read: &'a Read<'_>) -> Self {
        let (to, reference) = match read {
            Ok(envelope) => (Some(envelope.to.as_str()), envelope.reference.as_deref()),
            Err(invalid) => (invalid.to.as_deref(), invalid.reference.as_deref()),
        };
        Self {
            kind: kind(read),
            to,
            reference,
        }
    }
}

/// An ERROR.
fn error(refusal: &Refusal, about: &About<'_>) -> Text {
    #[derive(Serialize)]
    struct Message<'a> {
        code: &'static str,
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
            code: refusal.code.as_str(),
            detail: &refusal.detail,
            kind: about.kind,
            to: about.to,
            reference: about.reference,
            errors: &refusal.errors,
        },
    )
}
