//! Resume: which sessions can come back, and where those wait whose connection broke.
//!
//! A parked session is a value in a map. It has no task; its room goes on filling its outbox.

use std::{collections::HashMap, sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use subtle::ConstantTimeEq;
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, interval},
};

use crate::{
    hub::Hub, lines::Lines, metrics::Resumed, outbox::Close, room::shutting_down, session::Session,
};

/// How often parked sessions are looked at, to let those go whose time has passed or that have ended.
const SWEEP: Duration = Duration::from_secs(1);

/// What finds a session; it is part of the token, and no secret.
type Handle = [u8; 8];
/// What proves that it is the peer's own: 128 bits.
type Secret = [u8; 16];

/// All sessions of this process that can be resumed.
#[derive(Default)]
pub struct Parking {
    slots: Mutex<HashMap<Handle, Slot>>,
}

struct Slot {
    secret: Secret,
    /// The one that the peer came back with, and the one that this replaced, whose HELLO it may have had: until it
    /// is known to have the new one.
    previous: Option<[Secret; 2]>,
    state: State,
}

enum State {
    /// A connection serves it. It can be asked to give the session away.
    Connected {
        asked: Arc<Notify>,
        taker: Option<oneshot::Sender<Box<Session>>>,
    },
    /// It waits until then.
    Parked {
        session: Box<Session>,
        until: Instant,
    },
}

/// A session's entry in the parking. Forgotten when dropped.
pub struct Ticket {
    hub: Arc<Hub>,
    handle: Handle,
    asked: Arc<Notify>,
    /// Is the peer yet to show that it has the token of the present connection?
    unproven: bool,
}

/// Why there is no session for a RESUME.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclaimed {
    /// Its token stands for none.
    Unknown,
    /// It ended meanwhile, or yet another connection has it.
    Ended,
    /// What the peer has missed is let go, or it counts more than there was.
    Gap,
}

impl Unclaimed {
    /// What the peer is told.
    pub fn close(self) -> Close {
        let why = match self {
            Self::Unknown => "no session to resume has this token",
            Self::Ended => "the session has ended, or was resumed elsewhere",
            Self::Gap => "what this session has missed is no longer kept",
        };
        Close::new(4404, why)
    }
}

/// What a RESUME comes to.
pub enum Claim {
    /// The session was parked.
    Parked(Box<Session>),
    /// Another connection still has it, and will give it away.
    Connected(oneshot::Receiver<Box<Session>>),
}

impl Ticket {
    /// Enters a new session. Returns its first token too.
    pub fn new(hub: &Arc<Hub>) -> (Self, String) {
        let (handle, secret): (Handle, Secret) = rand::random();
        let asked = Arc::new(Notify::new());
        let slot = Slot {
            secret,
            previous: None,
            state: State::connected(&asked),
        };
        hub.parking.slots.lock().insert(handle, slot);
        let ticket = Self {
            hub: Arc::clone(hub),
            handle,
            asked,
            unproven: false,
        };
        (ticket, token(handle, secret))
    }

    /// A new token for a session that has just come back. The one that it came back with works until
    /// [`Ticket::prove`].
    pub fn renew(&mut self) -> String {
        let secret: Secret = rand::random();
        // Whoever asked the last connection does not ask this one, unless it still waits.
        self.asked = Arc::new(Notify::new());
        if let Some(slot) = self.hub.parking.slots.lock().get_mut(&self.handle) {
            slot.secret = secret;
            if let State::Connected { asked, taker } = &mut slot.state {
                *asked = Arc::clone(&self.asked);
                if taker.is_some() {
                    asked.notify_one();
                }
            }
        }
        self.unproven = true;
        token(self.handle, secret)
    }

    /// The peer has sent something after the HELLO with its new token, so that the old one is spent.
    pub fn prove(&mut self) {
        if std::mem::take(&mut self.unproven)
            && let Some(slot) = self.hub.parking.slots.lock().get_mut(&self.handle)
        {
            slot.previous = None;
        }
    }

    /// Notified when another connection asks for the session.
    pub fn asked_away(&self) -> Arc<Notify> {
        Arc::clone(&self.asked)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let forgotten = self.hub.parking.slots.lock().remove(&self.handle);
        // Whatever was in the slot is dropped after the lock is let go.
        drop(forgotten);
    }
}

impl State {
    fn connected(asked: &Arc<Notify>) -> Self {
        Self::Connected {
            asked: Arc::clone(asked),
            taker: None,
        }
    }
}

impl Parking {
    /// Parks a session whose connection broke, or gives it to the connection that has asked for it.
    pub fn park(&self, session: Box<Session>, window: Duration) {
        session.outbox().park();
        let Some(handle) = session.ticket().map(|ticket| ticket.handle) else {
            return;
        };
        let mut slots = self.slots.lock();
        let Some(slot) = slots.get_mut(&handle) else {
            return;
        };
        if let State::Connected { taker, .. } = &mut slot.state
            && let Some(taker) = taker.take()
        {
            // A taker that has gone again gives the session back.
            match taker.send(session) {
                Ok(()) => return,
                Err(session) => {
                    slot.park(session, window);
                    return;
                }
            }
        }
        slot.park(session, window);
    }

    /// Finds the session that a token stands for, if the peer's count fits it.
    pub fn claim(&self, token: &str, received: u64) -> Result<Claim, Unclaimed> {
        let (handle, secret) = read_token(token).ok_or(Unclaimed::Unknown)?;
        let mut slots = self.slots.lock();
        let slot = slots.get_mut(&handle).ok_or(Unclaimed::Unknown)?;
        let current = bool::from(slot.secret.ct_eq(&secret));
        let previous = slot
            .previous
            .is_some_and(|previous| previous.iter().any(|it| bool::from(it.ct_eq(&secret))));
        if !current && !previous {
            return Err(Unclaimed::Unknown);
        }
        if let State::Parked { session, until } = &slot.state {
            let outbox = session.outbox();
            if *until <= Instant::now() || outbox.close_reason().is_some() {
                return Err(Unclaimed::Unknown);
            }
            if !outbox.can_rewind(received) {
                return Err(Unclaimed::Gap);
            }
        }
        // Whoever shows a token has had it, so that the one before it is spent; this one works again until its successor
        // is known to have arrived. So does the present one, which the peer may get while this RESUME, sent earlier on a
        // slower connection, takes the session over.
        slot.previous = Some([secret, slot.secret]);
        let asked = match &slot.state {
            State::Connected { asked, .. } => Arc::clone(asked),
            State::Parked { session, .. } => match session.ticket() {
                Some(ticket) => Arc::clone(&ticket.asked),
                None => return Err(Unclaimed::Unknown),
            },
        };
        match std::mem::replace(&mut slot.state, State::connected(&asked)) {
            State::Parked { session, .. } => Ok(Claim::Parked(session)),
            State::Connected { .. } => {
                let (sender, receiver) = oneshot::channel();
                slot.state = State::Connected {
                    asked: Arc::clone(&asked),
                    taker: Some(sender),
                };
                asked.notify_one();
                Ok(Claim::Connected(receiver))
            }
        }
    }

    /// How many sessions are parked.
    pub fn parked(&self) -> usize {
        let slots = self.slots.lock();
        slots.values().filter(|slot| slot.is_parked()).count()
    }

    /// Lets sessions go whose window has passed, or that have ended while they were parked; for ever.
    pub async fn sweep(&self, hub: &Hub) {
        let mut clock = interval(SWEEP);
        loop {
            clock.tick().await;
            let now = Instant::now();
            for (_, slot) in self.over(now) {
                if slot.is_expired(now) {
                    hub.metrics.resumed(Resumed::Expired);
                }
                slot.end(&hub.lines, &Close::new(1006, "nobody came back in time"));
            }
        }
    }

    /// Lets every parked session go, since the relay stops.
    pub fn clear(&self, lines: &Lines) {
        let mut slots = self.slots.lock();
        let parked: Vec<_> = slots.extract_if(|_, slot| slot.is_parked()).collect();
        drop(slots);
        for (_, slot) in parked {
            slot.end(lines, &shutting_down());
        }
    }

    fn over(&self, now: Instant) -> Vec<(Handle, Slot)> {
        let mut slots = self.slots.lock();
        slots
            .extract_if(|_, slot| slot.is_expired(now) || slot.has_ended())
            .collect()
    }
}

impl Slot {
    fn park(&mut self, session: Box<Session>, window: Duration) {
        self.state = State::Parked {
            session,
            until: Instant::now() + window,
        };
    }

    /// Ends the session that waits here, unless it has ended already.
    fn end(self, lines: &Lines, why: &Close) {
        if let State::Parked { session, .. } = self.state {
            session.end_parked(lines, why);
        }
    }

    fn is_parked(&self) -> bool {
        matches!(self.state, State::Parked { .. })
    }

    /// Did it wait for too long?
    fn is_expired(&self, now: Instant) -> bool {
        matches!(&self.state, State::Parked { until, session } if *until <= now && session.outbox().close_reason().is_none())
    }

    /// Did somebody end it while it waited?
    fn has_ended(&self) -> bool {
        matches!(&self.state, State::Parked { session, .. } if session.outbox().close_reason().is_some())
    }
}

fn token(handle: Handle, secret: Secret) -> String {
    BASE64_URL_SAFE_NO_PAD.encode([&handle[..], &secret[..]].concat())
}

fn read_token(token: &str) -> Option<(Handle, Secret)> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
    let (handle, secret) = bytes.split_first_chunk()?;
    Some((*handle, secret.try_into().ok()?))
}
