//! What the log tells of a session: a line at its start, one at its end, one at each break and resume, and one for each
//! envelope that is not as it should be.

use tracing::trace;

use super::{Seat, Session};
use crate::{
    account::Account,
    config::OnViolation,
    ids::PeerId,
    lines::{Line, Lines, line, told},
    policy::{Code, Role},
};

/// Who a session is. It outlives the session's seat.
#[derive(Debug, Clone)]
pub(super) struct Who {
    room: PeerId,
    client: Option<PeerId>,
}

impl Who {
    pub(super) fn of(seat: &Seat) -> Self {
        Self {
            room: seat.room.id.clone(),
            client: seat.client.as_ref().map(|client| client.id.clone()),
        }
    }

    fn role(&self) -> &'static str {
        match self.client {
            None => Role::Server.as_str(),
            Some(_) => Role::Client.as_str(),
        }
    }

    fn id(&self) -> &PeerId {
        self.client.as_ref().unwrap_or(&self.room)
    }
}

/// It got a connection: its first one, or another after a break.
pub(super) fn started(lines: &Lines, who: &Who, account: &Account, how: &'static str) {
    let Some(origin) = account.origin() else {
        return;
    };
    line!(
        lines,
        Line::Started,
        session = account.number,
        role = %who.role(),
        id = ?who.id(),
        room = ?who.room,
        transport = %origin.transport.as_str(),
        address = %origin.address,
        "session {how}"
    );
}

/// It lost its connection: for good, or until it is resumed.
pub(super) fn ended(
    lines: &Lines,
    who: &Who,
    account: &Account,
    (code, reason): (u16, &str),
    parked: bool,
) {
    let Some(origin) = account.origin() else {
        return;
    };
    let counts = account.counts();
    line!(
        lines,
        Line::Ended,
        session = account.number,
        role = %who.role(),
        id = ?who.id(),
        room = ?who.room,
        transport = %origin.transport.as_str(),
        address = %origin.address,
        code,
        reason = &*told(reason),
        age = account.age().as_secs_f64(),
        received_envelopes = counts.received_envelopes,
        received_bytes = counts.received_bytes,
        sent_envelopes = counts.sent_envelopes,
        sent_bytes = counts.sent_bytes,
        "session {}",
        if parked { "parked" } else { "ended" }
    );
}

/// A message does not meet the schema of its type. Where that is observed only, the log is where it is seen.
pub(super) fn violated(session: &Session, kind: &str, action: OnViolation) {
    let number = session.outbox.account.number;
    if action == OnViolation::Observe {
        line!(
            session.hub.lines,
            Line::Observed,
            session = number,
            r#type = &*told(kind),
            "a message that does not meet its schema was delivered all the same"
        );
    } else {
        trace!(session = number, r#type = &*told(kind), action = %action.as_str(), "schema violation");
    }
}

/// An envelope is answered with an ERROR.
pub(super) fn refused(session: &Session, code: Code, kind: Option<&str>) {
    let number = session.outbox.account.number;
    trace!(session = number, code = %code.as_str(), r#type = &*told(kind.unwrap_or_default()), "envelope refused");
}
