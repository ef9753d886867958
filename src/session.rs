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
};

use tokio::{sync::Notify, time::timeout};
use tracing::{debug, info};

use crate::{
    address::{AddressKey, Place},
    auth::{Credentials, LoginError},
    envelope::{Address, Envelope, Text},
    hub::Hub,
    ids::PeerId,
    outbox::{Close, Outbox},
    policy::Role,
    room::{Client, Room, ServerId, shutting_down},
    transport::{Connection, End, LINGER, Receive, Received, Transmit},
};

/// What a peer asked for in its handshake.
#[derive(Debug)]
pub enum Asked {
    /// To be a server.
    Server(Login),
    /// To be a client of the server with this id, which may be none.
    Client(String),
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
    hub: &Hub,
) {
    let Arrival {
        asked,
        transport,
        address,
        place: _place,
    } = arrival;
    match enter(&mut connection.receiver, asked, address.into(), hub).await {
        Ok(session) => {
            let role = session.seat.role().as_str();
            let id = session.seat.id().short().to_owned();
            info!(role, id, transport, %address, "session opened");
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
                "session ended"
            );
        }
        Err(Some(close)) => {
            info!(transport, %address, code = close.code, reason = ?close.reason, "peer refused");
            part(connection, &close, hub).await;
        }
        Err(None) => debug!(transport, %address, "peer left before its session began"),
    }
}

/// A session: its place in a room and its outbox. Dropping it leaves the room.
struct Session<'a> {
    hub: &'a Hub,
    seat: Seat<'a>,
    outbox: Arc<Outbox>,
    /// Is what it sends held to a rate?
    limited: bool,
}

/// A place in a room. Leaving cannot be forgotten: it is what dropping does.
struct Seat<'a> {
    hub: &'a Hub,
    room: Arc<Room>,
    client: Option<Arc<Client>>,
}

impl Seat<'_> {
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

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        match &self.client {
            None => self.hub.rooms.close(&self.room),
            Some(client) => self.room.leave(client),
        }
    }
}

/// Lets a peer in. `Err(None)`: it has left already.
async fn enter<'a, R: Receive>(
    receiver: &mut R,
    asked: Asked,
    address: AddressKey,
    hub: &'a Hub,
) -> Result<Session<'a>, Option<Close>> {
    let outbox = Arc::new(Outbox::new(Arc::clone(&hub.budget)));
    let (room, client, limited) = match asked {
        Asked::Server(login) => {
            let open = matches!(hub.policy.load().servers, crate::config::Servers::Open);
            let id = match login {
                Login::Done(id) => id,
                Login::Pending => log_in(receiver, address, hub).await?,
            };
            let policy = hub.policy.load();
            let most = policy.limits.servers;
            let room = hub
                .rooms
                .open(&id, Arc::clone(&outbox), most, |id| policy.hello(id))?;
            (room, None, open)
        }
        Asked::Client(server_id) => {
            let policy = hub.policy.load();
            let (room, client) = hub.rooms.join(
                &server_id,
                |id| policy.is_fixed_id(id),
                &policy.ids.client,
                Arc::clone(&outbox),
                policy.limits.clients_per_server,
                |id| policy.hello(id),
            )?;
            (room, Some(client), true)
        }
    };
    receiver.open_lanes();
    Ok(Session {
        hub,
        seat: Seat { hub, room, client },
        outbox,
        limited,
    })
}

/// Waits for a LOGIN, the first envelope of a server that has not shown a passphrase yet, and checks it.
async fn log_in<R: Receive>(
    receiver: &mut R,
    address: AddressKey,
    hub: &Hub,
) -> Result<ServerId, Option<Close>> {
    let within = hub.policy.load().timeouts.login;
    let first = tokio::select! {
        first = timeout(within, first_envelope(receiver)) => first,
        () = hub.stop.cancelled() => return Err(Some(shutting_down().spread(1))),
    };
    let text = match first {
        Err(_) => return Err(Some(Close::new(4401, "no LOGIN came in time"))),
        Ok(Err(End::Violation(close))) => return Err(Some(close)),
        Ok(Err(End::Clean | End::Broken)) => return Err(None),
        Ok(Ok(text)) => text,
    };
    let Some(credentials) = credentials(&text) else {
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

async fn first_envelope<R: Receive>(receiver: &mut R) -> Result<Text, End> {
    loop {
        match receiver.receive().await {
            Received::Envelope(text) => return Ok(text),
            Received::Alive => {}
            Received::End(end) => return Err(end),
        }
    }
}

fn credentials(text: &str) -> Option<Credentials> {
    // A peer that has not logged in has no id that `from` could be.
    let envelope = Envelope::parse(text, "").ok()?;
    let login = envelope.to == Address::Relay && envelope.kind == "LOGIN";
    login
        .then(|| Credentials::from_login(envelope.message))
        .flatten()
}

/// How a session was.
struct Served {
    code: u16,
    reason: Cow<'static, str>,
    received: u64,
    sent: u64,
}

/// Runs a session until its end.
async fn run<R: Receive, T: Transmit>(
    connection: Connection<R, T>,
    session: Session<'_>,
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
    let mut receiving = receive::Loop::new(&session);
    let (end, received) = {
        let sending = send::everything(&outbox, &mut transmitter, lanes.as_ref(), &ping);
        let mut sending = pin!(sending);
        let end = tokio::select! {
            end = receiving.run(&mut receiver, &ping) => Some(end),
            sent = &mut sending => sent.is_err().then_some(End::Broken),
            () = outbox.closing() => None,
        };
        let received = receiving.received();
        // The room is told before the last words are written: they may take their time.
        drop(session);
        if let Some(End::Violation(close)) = &end {
            outbox.close(close.clone());
        }
        if !matches!(end, Some(End::Clean | End::Broken)) {
            let drain = hub.policy.load().timeouts.drain;
            let last_words = beside_discarding(&mut receiver, sending);
            _ = timeout(drain, last_words).await;
        }
        (end, received)
    };
    let close = match (end, outbox.close_reason()) {
        (Some(End::Clean), _) => {
            _ = timeout(LINGER, transmitter.hang_up()).await;
            Close::new(1000, "left")
        }
        (None | Some(End::Violation(_)), Some(close)) => close,
        _ => Close::new(1006, "the connection broke"),
    };
    _ = timeout(LINGER, receiver.discard()).await;
    Served {
        code: close.code,
        reason: close.reason,
        received,
        sent: outbox.ordered_sent(),
    }
}

/// Tells a peer that never got a session why.
async fn part<R: Receive, T: Transmit>(connection: Connection<R, T>, close: &Close, hub: &Hub) {
    let Connection {
        mut receiver,
        mut transmitter,
        ..
    } = connection;
    let drain = hub.policy.load().timeouts.drain;
    let last_words = transmitter.goodbye(send::bye(close), close);
    _ = timeout(drain, beside_discarding(&mut receiver, pin!(last_words))).await;
    _ = timeout(LINGER, receiver.discard()).await;
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
