//! What a peer says to the relay itself.

use serde::Deserialize;

use super::{Seat, Session};
use crate::{
    envelope::Envelope,
    outbox::TooMany,
    policy::{Code, Policy, Refusal, Role, Verdict},
    room::Delivery,
};

/// Obeys an envelope that is addressed to the relay, or says what is wrong with it.
pub fn obey(
    session: &Session,
    policy: &Policy,
    envelope: &Envelope<'_>,
) -> Result<(), Verdict<'static>> {
    let seat = &session.seat;
    let forbidden =
        |detail: &'static str| Err(Verdict::Refuse(Refusal::new(Code::ForbiddenType, detail)));
    match (envelope.kind.as_ref(), seat.role()) {
        ("KICK", Role::Server) => kick(seat, policy, envelope.message),
        ("KICK", Role::Client) => forbidden("only a server may kick"),
        ("LOGIN", Role::Server) => forbidden("this session is logged in already"),
        ("LOGIN", Role::Client) => forbidden("a client does not log in"),
        ("RESUME", _) => forbidden("RESUME is the first envelope of a connection to /resume"),
        ("ACK", _) if session.ticket.is_none() => forbidden("this session did not ask for resume"),
        ("ACK", _) => acknowledge(session, policy, envelope.message),
        _ => Err(Verdict::Refuse(Refusal::new(
            Code::UnknownType,
            "the relay itself knows no such type: to reach a peer, put its id in `to`",
        ))),
    }
}

fn kick(seat: &Seat, policy: &Policy, message: &str) -> Result<(), Verdict<'static>> {
    #[derive(Deserialize)]
    struct Kick {
        id: String,
        #[serde(default)]
        reason: Option<String>,
    }
    let Ok(Kick { id, reason }) = serde_json::from_str(message) else {
        return Err(policy.invalid(Refusal::new(
            Code::InvalidEnvelope,
            "KICK needs the `id` of a client, and takes a `reason`: both strings, each once",
        )));
    };
    let reason = reason.unwrap_or_else(|| "kicked by the server".to_owned());
    match seat.room.kick(&id, reason) {
        Delivery::UnknownPeer => Err(Verdict::Refuse(Refusal::new(
            Code::UnknownPeer,
            "no client of yours has this id, or it has left",
        ))),
        _ => Ok(()),
    }
}

fn acknowledge(session: &Session, policy: &Policy, message: &str) -> Result<(), Verdict<'static>> {
    #[derive(Deserialize)]
    struct Ack {
        received: u64,
    }
    let invalid = |detail| Err(policy.invalid(Refusal::new(Code::InvalidEnvelope, detail)));
    let Ok(Ack { received }) = serde_json::from_str(message) else {
        return invalid("ACK needs `received`: how many envelopes were taken in");
    };
    match session.outbox.acknowledge(received) {
        Ok(()) => Ok(()),
        Err(TooMany) => invalid("`received` is more than were sent"),
    }
}
