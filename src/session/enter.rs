//! How a peer gets its session: a new one by logging in or joining, or its own again by a token.

use std::sync::Arc;

use serde::Deserialize;
use tokio::time::{Instant, timeout};

use super::{Asked, Login, Path, Seat, Session, vigil::Bucket};
use crate::{
    address::AddressKey,
    auth::{Credentials, LoginError},
    config::Servers,
    envelope::{Address, Envelope, ResumeOffer, Text},
    hub::Hub,
    ids::PeerId,
    json::Tape,
    metrics::Resumed,
    outbox::{Close, Outbox},
    parking::{Claim, Ticket, Unclaimed},
    room::{ServerId, shutting_down},
    schema,
    transport::{End, Receive, Received},
};

/// Lets a peer in, and says how. `Err(None)`: it has left already.
pub async fn enter<R: Receive>(
    receiver: &mut R,
    asked: Asked,
    address: AddressKey,
    hub: &Arc<Hub>,
) -> Result<(Box<Session>, &'static str), Option<Close>> {
    let entered = match asked.path {
        Path::Resume => {
            let back = come_back(receiver, hub).await;
            let outcome = match &back {
                Ok((_, how)) => Some(*how),
                Err(not) => not.outcome(),
            };
            if let Some(outcome) = outcome {
                hub.metrics.resumed(outcome);
            }
            (back.map_err(NotBack::close)?.0, "resumed")
        }
        Path::Server(login) => {
            let id = match login {
                Login::Done(id) => id,
                Login::Pending => log_in(receiver, address, hub).await?,
            };
            (begin(hub, Enter::Open(id), asked.resume)?, "opened")
        }
        Path::Client(id) => (begin(hub, Enter::Join(id), asked.resume)?, "opened"),
    };
    receiver.open_lanes();
    Ok(entered)
}

/// How a new session gets its seat.
enum Enter {
    Open(ServerId),
    Join(String),
}

/// Begins a new session.
fn begin(hub: &Arc<Hub>, enter: Enter, resume: bool) -> Result<Box<Session>, Close> {
    let policy = hub.policy.load();
    let resume = policy.resume.filter(|_| resume);
    let (ticket, offer) = match resume {
        None => (None, None),
        Some(resume) => {
            let (ticket, token) = Ticket::new(hub);
            let offer = ResumeOffer {
                token,
                window: resume.window.as_secs_f64(),
                received: None,
            };
            (Some(ticket), Some(offer))
        }
    };
    let outbox = Arc::new(Outbox::new(Arc::clone(&hub.budget), resume.is_some()));
    let hello = |id: &PeerId| policy.hello(id, offer);
    let (room, client, limited) = match enter {
        Enter::Open(id) => {
            let most = policy.limits.servers;
            let room = hub.rooms.open(&id, Arc::clone(&outbox), most, hello)?;
            (room, None, matches!(policy.servers, Servers::Open))
        }
        Enter::Join(server_id) => {
            let (room, client) = hub.rooms.join(
                &server_id,
                |id| policy.is_fixed_id(id),
                &policy.ids.client,
                Arc::clone(&outbox),
                policy.limits.clients_per_server,
                hello,
            )?;
            (room, Some(client), true)
        }
    };
    Ok(Box::new(Session {
        hub: Arc::clone(hub),
        seat: Seat {
            hub: Arc::clone(hub),
            room,
            client,
        },
        outbox,
        limited,
        bucket: Bucket::new(Instant::now()),
        received: 0,
        untold: None,
        ticket,
        place: None,
    }))
}

/// Why a peer did not get its session back.
enum NotBack {
    /// It did not say which one.
    NoResume(Option<Close>),
    /// There is none for it.
    Unclaimed(Unclaimed),
}

impl NotBack {
    /// What to count it as; `None`: the peer just left, or the relay stops.
    fn outcome(&self) -> Option<Resumed> {
        match self {
            Self::NoResume(Some(close)) if close.code == 4401 => Some(Resumed::NoResume),
            Self::NoResume(_) => None,
            Self::Unclaimed(Unclaimed::Unknown | Unclaimed::Ended) => Some(Resumed::Unknown),
            Self::Unclaimed(Unclaimed::Gap) => Some(Resumed::Gap),
        }
    }

    fn close(self) -> Option<Close> {
        match self {
            Self::NoResume(close) => close,
            Self::Unclaimed(why) => Some(why.close()),
        }
    }
}

impl From<Unclaimed> for NotBack {
    fn from(why: Unclaimed) -> Self {
        Self::Unclaimed(why)
    }
}

/// Waits for a RESUME, the first envelope on `/resume`, and finds the session that it stands for.
async fn come_back<R: Receive>(
    receiver: &mut R,
    hub: &Hub,
) -> Result<(Box<Session>, Resumed), NotBack> {
    let text = first_in_time(receiver, hub, "no RESUME came in time").await;
    let text = text.map_err(NotBack::NoResume)?;
    let resume = command(&text, "RESUME", Resume::read);
    let Some(Resume { token, received }) = resume else {
        let close = Close::new(4401, "the first envelope must be a RESUME");
        return Err(NotBack::NoResume(Some(close)));
    };
    let (mut session, how) = match hub.parking.claim(&token, received)? {
        Claim::Parked(session) => (session, Resumed::Parked),
        Claim::Connected(given) => {
            let session = given.await.map_err(|_| Unclaimed::Ended)?;
            (session, Resumed::TakenOver)
        }
    };
    let Some(again) = session.outbox.rewind(received) else {
        // A wrong count is not the end of a session: the next one may be right.
        match session.window() {
            Some(window) => hub.parking.park(session, window),
            None => session.end_parked(&hub.lines, &Unclaimed::Ended.close()),
        }
        return Err(Unclaimed::Gap.into());
    };
    hub.metrics.replayed.inc_by(again);
    let policy = hub.policy.load();
    let Some(ticket) = session.ticket.as_mut() else {
        return Err(Unclaimed::Ended.into());
    };
    let offer = ResumeOffer {
        token: ticket.renew(),
        window: policy
            .resume
            .map_or(0.0, |resume| resume.window.as_secs_f64()),
        received: Some(session.received),
    };
    let hello = policy.hello(session.seat.id(), Some(offer));
    session.outbox.greet(hello);
    Ok((session, how))
}

/// The message of a RESUME.
#[derive(Deserialize)]
struct Resume {
    token: String,
    received: u64,
}

impl Resume {
    /// `None` where it is none, or has a member twice.
    fn read(message: &str) -> Option<Self> {
        Self::deserialize(schema::parse_message(message).ok()?).ok()
    }
}

/// Waits for a LOGIN, the first envelope of a server that has not shown a passphrase yet, and checks it.
async fn log_in<R: Receive>(
    receiver: &mut R,
    address: AddressKey,
    hub: &Hub,
) -> Result<ServerId, Option<Close>> {
    let text = first_in_time(receiver, hub, "no LOGIN came in time").await?;
    let credentials = command(&text, "LOGIN", Credentials::from_login);
    let Some(credentials) = credentials else {
        return Err(Some(Close::new(4401, "the first envelope must be a LOGIN")));
    };
    let close = match hub.log_in(address, credentials).await {
        Ok(id) => return Ok(id),
        Err(LoginError::Wrong) => Close::new(4401, "wrong passphrase"),
        Err(LoginError::NameNeeded) => {
            Close::new(4401, "this relay needs a `name` beside the passphrase")
        }
        Err(LoginError::TooManyFailed(wait)) => {
            Close::new(4429, "too many failed logins").reconnect_in(wait)
        }
        Err(LoginError::Busy) => Close::new(1013, "too many logins wait").spread(1),
    };
    Err(Some(close))
}

/// The first envelope, within the time for a login.
async fn first_in_time<R: Receive>(
    receiver: &mut R,
    hub: &Hub,
    late: &'static str,
) -> Result<Text, Option<Close>> {
    let within = hub.policy.load().timeouts.login;
    let first = tokio::select! {
        first = timeout(within, first_envelope(receiver)) => first,
        () = hub.stop.cancelled() => return Err(Some(shutting_down().spread(1))),
    };
    match first {
        Err(_) => Err(Some(Close::new(4401, late))),
        Ok(Err(End::Violation(close))) => Err(Some(close)),
        Ok(Err(End::Clean | End::Broken | End::Silent)) => Err(None),
        Ok(Ok(text)) => Ok(text),
    }
}

async fn first_envelope<R: Receive>(receiver: &mut R) -> Result<Text, End> {
    loop {
        match receiver.receive().await {
            Received::Envelope { text, .. } => return Ok(text),
            Received::Alive => {}
            Received::End(end) => return Err(end),
        }
    }
}

/// What the message says of an envelope of this type to the relay; a peer that is not in yet has no id that `from`
/// could be.
fn command<T>(text: &str, kind: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    let mut tape = Tape::default();
    let envelope = Envelope::parse(text, "", &mut tape).ok()?;
    let meant = envelope.to == Address::Relay && envelope.kind == kind;
    meant.then_some(envelope.message).and_then(read)
}
