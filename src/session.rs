//! A session: one function for every transport and both roles, from HELLO to BYE.
//!
//! The receive loop turns bytes into envelopes, has them judged, and hands them to the room; before it waits for more it
//! sends what it has queued for others. The send loop writes what is left in the session's own outbox.

mod commands;
mod deliver;
mod enter;
mod lines;
mod receive;
mod send;
mod vigil;

use std::{
    borrow::Cow,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Notify, time::timeout};
use tracing::debug;

use self::{lines::Who, vigil::Bucket};
use crate::{
    account::Origin,
    address::{Caller, Place},
    config::Transport,
    envelope::Text,
    hub::Hub,
    ids::PeerId,
    lines::{Line, Lines, line, told},
    metrics::Meter,
    outbox::{Close, Outbox, Writer},
    parking::Ticket,
    policy::Role,
    room::{Client, Room, ServerId},
    transport::{Connection, End, LINGER, Receive, Transmit},
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
    /// What it speaks.
    pub transport: Transport,
    /// Who it is to the outside.
    pub caller: Caller,
}

/// Serves a connection from its handshake to its end.
///
/// What happens once at its beginning or at its end is boxed, so that a session at rest has only the size of what it
/// waits for; and an async function would keep its arguments twice.
pub fn serve<R: Receive, T: Transmit>(
    mut connection: Connection<R, T>,
    arrival: Arrival,
    hub: Arc<Hub>,
) -> impl Future<Output = ()> + Send {
    let (transport, address) = (arrival.transport, arrival.caller.address);
    let origin = Origin { transport, address };
    let arrival = Box::new(arrival);
    async move {
        let Some((session, how)) = Box::pin(begin(&mut connection, arrival, &hub)).await else {
            return;
        };
        let who = Who::of(&session.seat);
        let role = session.seat.role();
        let meter = Arc::new(hub.metrics.connect(role, origin, &session.outbox));
        lines::started(&hub.lines, &who, meter.account(), how);
        let served = run(&mut connection, session, &meter, &hub).await;
        meter.ended(served.code);
        let why = (served.code, &*served.reason);
        lines::ended(&hub.lines, &who, meter.account(), why, served.parked);
    }
}

/// Gets a peer its session, or says why not.
async fn begin<R: Receive, T: Transmit>(
    connection: &mut Connection<R, T>,
    arrival: Box<Arrival>,
    hub: &Arc<Hub>,
) -> Option<(Box<Session>, &'static str)> {
    let Arrival {
        asked,
        transport,
        caller: Caller { address, place },
    } = *arrival;
    let transport = transport.as_str();
    match enter::enter(&mut connection.receiver, asked, address.into(), hub).await {
        Ok((mut session, how)) => {
            session.place = Some(place);
            return Some((session, how));
        }
        Err(Some(close)) => {
            line!(
                hub.lines,
                Line::Refused,
                %transport,
                %address,
                code = close.code,
                reason = &*told(&close.reason),
                "peer refused"
            );
            part(connection, &close, hub).await;
            drop(place);
        }
        Err(None) => debug!(%transport, %address, "peer left before its session began"),
    }
    None
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
    place: Option<Place>,
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

    /// Leaves the room without having come back: for what it was closed with while it was parked, or else for `why`.
    pub fn end_parked(self, lines: &Lines, why: &Close) {
        let who = Who::of(&self.seat);
        let outbox = Arc::clone(&self.outbox);
        drop(self);
        let closed = outbox.close_reason();
        let close = closed.as_ref().unwrap_or(why);
        lines::ended(
            lines,
            &who,
            &outbox.account,
            (close.code, &*close.reason),
            false,
        );
    }

    /// Leaves the room. What is left is the place of the connection.
    fn end(mut self) -> Option<Place> {
        self.place.take()
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

/// How a connection of a session was.
struct Served {
    code: u16,
    reason: Cow<'static, str>,
    parked: bool,
}

impl Served {
    fn new(over: &Over, close: Option<&Close>) -> Self {
        let (code, reason) = match (over, close) {
            (_, Some(close)) => (close.code, close.reason.clone()),
            (Over::End(End::Clean), None) => (1000, "left".into()),
            (_, None) => (1006, "the connection broke".into()),
        };
        Self {
            code,
            reason,
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
    connection: &mut Connection<R, T>,
    mut session: Box<Session>,
    meter: &Arc<Meter>,
    hub: &Hub,
) -> Served {
    let Connection {
        receiver,
        transmitter,
        port,
        lanes,
    } = connection;
    let outbox = Arc::clone(&session.outbox);
    let writer = port.take().map(|port| Writer {
        port,
        meter: Arc::clone(meter),
    });
    let attached = outbox.attach(lanes.is_some(), writer);
    let ping = Notify::new();
    let sending = send::everything(&outbox, transmitter, lanes.as_ref(), &ping, meter);
    let mut sending = Box::pin(sending);
    let over = {
        let asked_away = session.ticket.as_ref().map(Ticket::asked_away);
        let mut receiving = receive::Loop::new(&mut session, meter);
        tokio::select! {
            biased;
            () = taken(asked_away) => Over::Taken,
            end = receiving.run(receiver, &ping) => Over::End(end),
            sent = &mut sending => if sent.is_err() { Over::End(End::Broken) } else { Over::Said },
            () = outbox.closing() => Over::Session,
        }
    };
    // From here on everything is boxed that is waited for, or with: a session has the size of its end else, for as long as
    // it lives.
    let close = over.close(&outbox);
    let mut ended = Box::new(Ended {
        served: Served::new(&over, close.as_ref()),
        over,
        unsaid: close,
        place: None,
    });
    if let Some(window) = session.window().filter(|_| ended.over.is_break()) {
        // Nothing more is written of what the session has: its next connection sends it.
        drop(sending);
        drop(attached);
        hub.parking.park(session, window);
        ended.served.parked = true;
        if let Some(close) = &ended.unsaid {
            Box::pin(say_goodbye(receiver, transmitter, close, hub)).await;
        }
    } else {
        // The room is told before the last words are written: they may take their time, and until then the
        // connection has its place.
        ended.place = (*session).end();
        let unsaid = ended.unsaid.take();
        if let Some(close) = unsaid.filter(|_| !matches!(ended.over, Over::Said)) {
            outbox.close(close.clone());
            ended.unsaid = Some(close);
            let last_words = beside_discarding(receiver, sending.as_mut());
            let said = Box::pin(timeout(hub.patience(), last_words)).await.is_ok();
            ended.unsaid = ended.unsaid.filter(|_| !said);
        }
        drop(sending);
        if let Some(close) = &ended.unsaid {
            Box::pin(transmitter.cut(close)).await;
        }
    }
    if matches!(ended.over, Over::End(End::Clean | End::Broken)) {
        _ = Box::pin(timeout(LINGER, transmitter.hang_up())).await;
    }
    _ = Box::pin(timeout(LINGER, receiver.discard())).await;
    ended.served
}

/// What is left of a session on a connection once either is over.
struct Ended {
    over: Over,
    served: Served,
    /// What the peer is still to be told.
    unsaid: Option<Close>,
    /// Of the connection, for as long as it is there.
    place: Option<Place>,
}

async fn taken(asked_away: Option<Arc<Notify>>) {
    match asked_away {
        Some(asked_away) => asked_away.notified().await,
        None => std::future::pending().await,
    }
}

/// Tells a peer that never got a session why.
async fn part<R: Receive, T: Transmit>(
    connection: &mut Connection<R, T>,
    close: &Close,
    hub: &Hub,
) {
    let Connection {
        receiver,
        transmitter,
        ..
    } = connection;
    say_goodbye(receiver, transmitter, close, hub).await;
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
