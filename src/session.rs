//! A session: one function for every transport and both roles, from HELLO to BYE.
//!
//! The receive loop turns bytes into envelopes, has them judged, and hands them to the room. The send loop
//! writes what the session's own outbox holds. They meet in the outbox alone.

mod commands;
mod receive;
mod send;
mod vigil;

use std::{
    borrow::Cow,
    net::IpAddr,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use serde::Deserialize;
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};
use tracing::{debug, info};

use self::vigil::Bucket;
use crate::{
    address::{AddressKey, Place},
    auth::{Credentials, LoginError},
    config::Servers,
    envelope::{Address, Envelope, ResumeOffer, Text},
    hub::Hub,
    ids::PeerId,
    outbox::{Close, Outbox},
    parking::{self, Claim, Ticket},
    policy::Role,
    room::{Client, Room, ServerId, shutting_down},
    schema,
    transport::{Connection, End, LINGER, Receive, Received, Transmit},
};

/// What a peer asked for in its handshake.
#[derive(Debug)]
pub struct Asked {
    /// Which path it came by.
    pub path: Path,
    /// Does it want to come back after its connection broke?
    pub resume: bool,
}

/// The path that a peer came by.
#[derive(Debug)]
pub enum Path {
    /// To be a server.
    Server(Login),
    /// To be a client of the server with this id, which may be none.
    Client(String),
    /// To be again who it was before its connection broke.
    Resume,
}

/// How far the login of a server is.
#[derive(Debug)]
pub enum Login {
    /// Done at the handshake, or not needed.
    Done(ServerId),
    /// A LOGIN is to come first.
    Pending,
}

/// A peer whose handshake is done.
#[derive(Debug)]
pub struct Arrival {
    /// What it asked for.
    pub asked: Asked,
    /// `websocket` or `webtransport`.
    pub transport: &'static str,
    /// Where it comes from.
    pub address: IpAddr,
    /// Its place among the connections.
    pub place: Place,
}

/// Serves a connection from its handshake to its end.
pub async fn serve<R: Receive, T: Transmit>(
    mut connection: Connection<R, T>,
    arrival: Arrival,
    hub: &Arc<Hub>,
) {
    let Arrival {
        asked,
        transport,
        address,
        place,
    } = arrival;
    match enter(&mut connection.receiver, asked, address.into(), place, hub).await {
        Ok((session, how)) => {
            let role = session.seat.role().as_str();
            let id = session.seat.id().short().to_owned();
            info!(role, id, transport, %address, "session {how}");
            let served = run(connection, session, hub).await;
            info!(
                role,
                id,
                transport,
                %address,
                code = served.code,
                reason = ?served.reason,
                received = served.received,
                sent = served.sent,
                "{}",
                if served.parked { "session parked" } else { "session ended" }
            );
        }
        Err(Some(close)) => {
            info!(transport, %address, code = close.code, reason = ?close.reason, "peer refused");
            part(connection, &close, hub).await;
        }
        Err(None) => debug!(transport, %address, "peer left before its session began"),
    }
}

/// A session: its place in a room and its outbox. It may outlive its connection. Dropping it leaves the room.
pub struct Session {
    hub: Arc<Hub>,
    seat: Seat,
    outbox: Arc<Outbox>,
    /// Is what it sends held to a rate?
    limited: bool,
    bucket: Bucket,
    /// How many of the peer's envelopes were taken in; of those that count, where it can be resumed.
    received: u64,
    /// A refusal for which there is no place in the outbox yet.
    untold: Option<Text>,
    /// Where it can be resumed.
    ticket: Option<Ticket>,
    /// Its place among the connections, also while it has none.
    place: Place,
}

impl Session {
    /// What waits to be sent to its peer.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Where it can be resumed.
    pub fn ticket(&self) -> Option<&Ticket> {
        self.ticket.as_ref()
    }

    /// For how long it waits to be resumed, where it can be.
    fn window(&self) -> Option<Duration> {
        let resume = self.hub.policy.load().resume?;
        let resumable = self.ticket.is_some() && self.outbox.close_reason().is_none();
        resumable.then_some(resume.window)
    }
}

/// A place in a room. Leaving cannot be forgotten: it is what dropping does.
struct Seat {
    hub: Arc<Hub>,
    room: Arc<Room>,
    client: Option<Arc<Client>>,
}

impl Seat {
    fn role(&self) -> Role {
        match self.client {
            None => Role::Server,
            Some(_) => Role::Client,
        }
    }

    fn id(&self) -> &PeerId {
        match &self.client {
            None => &self.room.id,
            Some(client) => &client.id,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        match &self.client {
            None => self.hub.rooms.close(&self.room),
            Some(client) => self.room.leave(client),
        }
    }
}

/// Lets a peer in, and says how. `Err(None)`: it has left already.
async fn enter<R: Receive>(
    receiver: &mut R,
    asked: Asked,
    address: AddressKey,
    place: Place,
    hub: &Arc<Hub>,
) -> Result<(Session, &'static str), Option<Close>> {
    let entered = match asked.path {
        Path::Resume => (come_back(receiver, place, hub).await?, "resumed"),
        Path::Server(login) => {
            let id = match login {
                Login::Done(id) => id,
                Login::Pending => log_in(receiver, address, hub).await?,
            };
            (begin(hub, Enter::Open(id), asked.resume, place)?, "opened")
        }
        Path::Client(id) => (begin(hub, Enter::Join(id), asked.resume, place)?, "opened"),
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
fn begin(hub: &Arc<Hub>, enter: Enter, resume: bool, place: Place) -> Result<Session, Close> {
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
    Ok(Session {
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
        place,
    })
}

/// Waits for a RESUME, the first envelope on `/resume`, and finds the session that it stands for.
async fn come_back<R: Receive>(
    receiver: &mut R,
    place: Place,
    hub: &Hub,
) -> Result<Session, Option<Close>> {
    let text = first_in_time(receiver, hub, "no RESUME came in time").await?;
    let resume = command(&text, "RESUME").and_then(Resume::read);
    let Some(Resume { token, received }) = resume else {
        let close = Close::new(4401, "the first envelope must be a RESUME");
        return Err(Some(close));
    };
    let unknown = || Close::new(4404, "the session has ended, or was resumed elsewhere");
    let mut session = match hub.parking.claim(&token, received)? {
        Claim::Parked(session) => *session,
        Claim::Connected(given) => given.await.map_err(|_| unknown())?,
    };
    if !session.outbox.rewind(received) {
        return Err(Some(parking::gap()));
    }
    let policy = hub.policy.load();
    let Some(ticket) = session.ticket.as_mut() else {
        return Err(Some(unknown()));
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
    session.place = place;
    Ok(session)
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
    let credentials = command(&text, "LOGIN").and_then(Credentials::from_login);
    let Some(credentials) = credentials else {
        return Err(Some(Close::new(4401, "the first envelope must be a LOGIN")));
    };
    let policy = hub.policy.load_full();
    let checked = hub.logins.check(
        &policy.servers,
        &policy.ids.server,
        policy.limits.failed_logins,
        address,
        credentials,
    );
    let close = match checked.await {
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

/// The message of an envelope of this type to the relay; a peer that is not in yet has no id that `from` could be.
fn command<'a>(text: &'a str, kind: &str) -> Option<&'a str> {
    let envelope = Envelope::parse(text, "").ok()?;
    let meant = envelope.to == Address::Relay && envelope.kind == kind;
    meant.then_some(envelope.message)
}

/// How a connection of a session was.
struct Served {
    code: u16,
    reason: Cow<'static, str>,
    received: u64,
    sent: u64,
    parked: bool,
}

impl Served {
    fn new(over: &Over, close: Option<&Close>, session: &Session) -> Self {
        let (code, reason) = match (over, close) {
            (_, Some(close)) => (close.code, close.reason.clone()),
            (Over::End(End::Clean), None) => (1000, "left".into()),
            (_, None) => (1006, "the connection broke".into()),
        };
        Self {
            code,
            reason,
            received: session.received,
            sent: 0,
            parked: false,
        }
    }
}

/// What ended a connection.
enum Over {
    /// Its receive half.
    End(End),
    /// The session, by somebody else's doing.
    Session,
    /// The same, and the last words are said already.
    Said,
    /// Another connection that resumes the session.
    Taken,
}

impl Over {
    /// Does the session outlive the connection, where it can be resumed?
    fn is_break(&self) -> bool {
        matches!(self, Self::Taken | Self::End(End::Broken | End::Silent))
    }

    /// What the relay says to the peer, where it says anything.
    fn close(&self, outbox: &Outbox) -> Option<Close> {
        match self {
            Self::Taken => Some(Close::new(4409, "the session was resumed elsewhere")),
            Self::End(End::Silent) => Some(Close::new(4408, "no answer to a ping")),
            Self::End(End::Violation(close)) => Some(close.clone()),
            Self::Session | Self::Said => outbox.close_reason(),
            Self::End(End::Clean | End::Broken) => None,
        }
    }
}

/// Runs a session on a connection, until either ends.
async fn run<R: Receive, T: Transmit>(
    connection: Connection<R, T>,
    mut session: Session,
    hub: &Hub,
) -> Served {
    let Connection {
        mut receiver,
        mut transmitter,
        lanes,
    } = connection;
    let outbox = Arc::clone(&session.outbox);
    outbox.attach(lanes.is_some());
    let ping = Notify::new();
    let asked_away = session.ticket.as_ref().map(Ticket::asked_away);
    let sending = send::everything(&outbox, &mut transmitter, lanes.as_ref(), &ping);
    let mut sending = Box::pin(sending);
    let mut receiving = receive::Loop::new(&mut session);
    let over = tokio::select! {
        biased;
        () = taken(asked_away) => Over::Taken,
        end = receiving.run(&mut receiver, &ping) => Over::End(end),
        sent = &mut sending => if sent.is_err() { Over::End(End::Broken) } else { Over::Said },
        () = outbox.closing() => Over::Session,
    };
    let close = over.close(&outbox);
    let mut served = Served::new(&over, close.as_ref(), &session);
    if let Some(window) = session.window().filter(|_| over.is_break()) {
        // Nothing more is written of what the session has: its next connection sends it.
        drop(sending);
        hub.parking.park(session, window);
        served.parked = true;
        if let Some(close) = &close {
            say_goodbye(&mut receiver, &mut transmitter, close, hub).await;
        }
    } else {
        // The room is told before the last words are written: they may take their time.
        drop(session);
        if let Some(close) = close.filter(|_| !matches!(over, Over::Said)) {
            outbox.close(close.clone());
            let last_words = beside_discarding(&mut receiver, sending.as_mut());
            let said = timeout(hub.patience(), last_words).await.is_ok();
            drop(sending);
            if !said {
                transmitter.cut(&close).await;
            }
        } else {
            drop(sending);
        }
    }
    if matches!(over, Over::End(End::Clean | End::Broken)) {
        _ = timeout(LINGER, transmitter.hang_up()).await;
    }
    _ = timeout(LINGER, receiver.discard()).await;
    served.sent = outbox.ordered_sent();
    served
}

async fn taken(asked_away: Option<Arc<Notify>>) {
    match asked_away {
        Some(asked_away) => asked_away.notified().await,
        None => std::future::pending().await,
    }
}

/// Tells a peer that never got a session why.
async fn part<R: Receive, T: Transmit>(connection: Connection<R, T>, close: &Close, hub: &Hub) {
    let Connection {
        mut receiver,
        mut transmitter,
        ..
    } = connection;
    say_goodbye(&mut receiver, &mut transmitter, close, hub).await;
    _ = timeout(LINGER, receiver.discard()).await;
}

/// Says BYE on a connection whose session is not here, and closes it.
async fn say_goodbye<R: Receive, T: Transmit>(
    receiver: &mut R,
    transmitter: &mut T,
    close: &Close,
    hub: &Hub,
) {
    let last_words = transmitter.goodbye(send::bye(close), close);
    if timeout(
        hub.patience(),
        beside_discarding(receiver, pin!(last_words)),
    )
    .await
    .is_err()
    {
        transmitter.cut(close).await;
    }
}

/// Awaits the last words of a connection while what still comes is thrown away: a peer that writes before it
/// reads must not hold them up.
async fn beside_discarding<R: Receive, F: Future>(
    receiver: &mut R,
    mut last_words: Pin<&mut F>,
) -> F::Output {
    tokio::select! {
        said = &mut last_words => said,
        () = receiver.discard() => last_words.await,
    }
}
