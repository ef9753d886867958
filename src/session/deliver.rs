//! The way of one envelope: judged by the policy, handed to the room, or refused with what to mend.

use std::borrow::Cow;

use serde::Serialize;

use super::{Session, commands};
use crate::{
    config::Delivery as Lane,
    envelope::{self, Address, Envelope, Invalid, Text},
    outbox::Close,
    policy::{Code, Refusal, Role, Rule, Verdict},
    room::{Delivery, Outbound},
    schema::Violation,
};

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
    pub(super) fn handle(&self, read: &Read<'_>) -> Outcome {
        let policy = self.hub.policy.load();
        let about = About::of(read);
        let envelope = match read {
            Ok(envelope) => envelope,
            Err(invalid) => return settle(policy.invalid(Refusal::from(invalid)), &about),
        };
        if envelope.to == Address::Relay {
            return match commands::obey(self, &policy, envelope) {
                Ok(()) => Outcome::Done,
                Err(verdict) => settle(verdict, &about),
            };
        }
        match policy.judge(self.seat.role(), envelope) {
            Verdict::Deliver(rule) => self.deliver(envelope, rule, &about),
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

/// The refusal of an envelope over the rate.
pub(super) fn too_many(read: &Read<'_>) -> Outcome {
    let refusal = Refusal::new(
        Code::RateLimited,
        "more messages than this relay takes in a second: send less often",
    );
    Outcome::Refused(error(&refusal, &About::of(read)))
}
