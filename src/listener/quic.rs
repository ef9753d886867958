//! WebTransport listeners: QUIC, HTTP/3, extended CONNECT.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use hyper::StatusCode;
use quinn::{
    AckFrequencyConfig, Endpoint, EndpointConfig, IdleTimeout, Incoming, ServerConfig,
    TokioRuntime, TransportConfig, VarInt, crypto::rustls::QuicServerConfig,
};
use socket2::Socket;
use tokio::time::{Instant, timeout};
use tracing::debug;

use crate::{
    address::Caller,
    config::{Listener, Transport},
    hub::Hub,
    policy::Policy,
    session::{self, Arrival, Asked},
    tls::{self, Identity},
    transport::{
        LINGER,
        admission::{self, Refused, Route, SUBPROTOCOL},
        webtransport::{
            self, H3_NO_ERROR, MAX_INCOMING_STREAMS,
            session::{Request, Session},
        },
    },
};

/// Streams that HTTP/3 itself opens towards us: control, QPACK encoder and decoder.
const HTTP3_STREAMS: u32 = 3;
/// The CONNECT stream, the session stream, and one more to see that a peer opened one too many.
const BIDIRECTIONAL_STREAMS: u32 = 3;
/// What is sent to a peer and not acknowledged, in bytes; the rest waits in its outbox.
const SEND_WINDOW: u64 = 256 * 1024;
/// What a peer may send of one stream before it is read. A message larger than this takes several round trips, and with
/// each eighth of it that is read the peer is told of more.
const STREAM_WINDOW: u32 = 128 * 1024;
/// The same for all its streams together.
const RECEIVE_WINDOW: u32 = 256 * 1024;
/// Packets that a peer which knows how to (draft-ietf-quic-ack-frequency) acknowledges together. Others do with every second
/// one. A gap is told at once all the same.
const ACKNOWLEDGED_TOGETHER: u32 = 10;
/// Datagrams that wait to be sent or read, in bytes; older ones are dropped.
const DATAGRAM_BUFFER: usize = 64 * 1024;
/// Handshakes under way before a new one has to prove its address (RFC 9000, 8.1.2).
const UNVALIDATED_HANDSHAKES: usize = 64;
/// Handshakes that wait to be accepted.
const MAX_WAITING_HANDSHAKES: usize = 1024;

/// The endpoints of a listener.
pub struct Endpoints {
    endpoints: Vec<Endpoint>,
    /// TLS, and the key of the tokens that peers hold, which a change of bounds leaves as they are.
    config: ServerConfig,
}

impl Endpoints {
    /// Makes endpoints of bound sockets.
    pub fn new(
        sockets: Vec<Socket>,
        identity: &Arc<Identity>,
        policy: &Policy,
    ) -> Result<Self, String> {
        let config = server_config(identity, policy)?;
        let endpoint = |socket: Socket| {
            Endpoint::new(
                EndpointConfig::default(),
                Some(config.clone()),
                socket.into(),
                Arc::new(TokioRuntime),
            )
            .map_err(|error| error.to_string())
        };
        Ok(Self {
            endpoints: sockets
                .into_iter()
                .map(endpoint)
                .collect::<Result<_, _>>()?,
            config,
        })
    }

    /// Accepts connections until the hub stops. Returns at once.
    pub fn accept(&self, hub: &Arc<Hub>, listener: &Arc<ArcSwap<Listener>>) {
        for endpoint in &self.endpoints {
            let (hub, listener) = (Arc::clone(hub), Arc::clone(listener));
            let tasks = hub.tasks.clone();
            tasks.spawn(accept(hub, listener, endpoint.clone()));
        }
    }

    /// Holds new connections to the timeouts and limits of another policy.
    pub fn hold_to(&self, policy: &Policy) {
        let mut config = self.config.clone();
        config.transport_config(Arc::new(transport_config(policy)));
        for endpoint in &self.endpoints {
            endpoint.set_server_config(Some(config.clone()));
        }
    }
}

fn server_config(identity: &Arc<Identity>, policy: &Policy) -> Result<ServerConfig, String> {
    let tls = tls::server_config(Arc::clone(identity), web_transport_quinn::ALPN)
        .map_err(|error| error.to_string())?;
    let tls = QuicServerConfig::try_from(tls).map_err(|error| error.to_string())?;
    let mut config = ServerConfig::with_crypto(Arc::new(tls));
    config
        .max_incoming(MAX_WAITING_HANDSHAKES)
        .transport_config(Arc::new(transport_config(policy)));
    Ok(config)
}

fn transport_config(policy: &Policy) -> TransportConfig {
    // A window need not hold a whole message: what has come is read while the rest is on its way.
    let message_bytes = policy.limits.message_bytes.min(1 << 20) as u32;
    let stream_window = STREAM_WINDOW.max(message_bytes);
    let mut acknowledgements = AckFrequencyConfig::default();
    acknowledgements.ack_eliciting_threshold(ACKNOWLEDGED_TOGETHER.into());
    let mut config = TransportConfig::default();
    config
        .max_concurrent_uni_streams((MAX_INCOMING_STREAMS as u32 + HTTP3_STREAMS).into())
        .max_concurrent_bidi_streams(BIDIRECTIONAL_STREAMS.into())
        .send_window(SEND_WINDOW)
        .ack_frequency_config(Some(acknowledgements))
        .stream_receive_window(stream_window.into())
        .receive_window(VarInt::from(RECEIVE_WINDOW.max(stream_window)))
        .datagram_send_buffer_size(DATAGRAM_BUFFER)
        .datagram_receive_buffer_size(Some(DATAGRAM_BUFFER));
    if let Some(ping) = policy.timeouts.ping {
        config
            .max_idle_timeout(Some(idle_timeout(ping + policy.timeouts.pong)))
            .keep_alive_interval(Some(ping));
    } else {
        config.max_idle_timeout(None);
    }
    config
}

/// In milliseconds, as QUIC counts it, and up to far more than a configuration may say.
fn idle_timeout(silence: Duration) -> IdleTimeout {
    let milliseconds = u64::try_from(silence.as_millis()).ok();
    let milliseconds = milliseconds.and_then(|it| VarInt::from_u64(it).ok());
    IdleTimeout::from(milliseconds.unwrap_or(VarInt::MAX))
}

/// Accepts until the hub stops, and lets the endpoint go once its connections are gone.
async fn accept(hub: Arc<Hub>, listener: Arc<ArcSwap<Listener>>, endpoint: Endpoint) {
    loop {
        let incoming = tokio::select! {
            incoming = endpoint.accept() => incoming,
            () = hub.stop.cancelled() => break,
        };
        let Some(incoming) = incoming else { break };
        let busy = endpoint.open_connections() >= UNVALIDATED_HANDSHAKES;
        if busy && !incoming.remote_address_validated() && incoming.may_retry() {
            _ = incoming.retry();
            continue;
        }
        let from = incoming.remote_address().ip();
        match hub.enter(from, listener.load().proxies.as_ref()) {
            Some(caller) => {
                let (hub, listener) = (Arc::clone(&hub), Arc::clone(&listener));
                let tasks = hub.tasks.clone();
                tasks.spawn(serve(hub, listener, incoming, caller));
            }
            None => incoming.refuse(),
        }
    }
    // Sessions end by themselves, and their last packets go out. Who comes meanwhile is told at once, as the system does
    // it for TCP, so that it tries elsewhere instead of waiting for an answer.
    let refusing = async {
        while let Some(incoming) = endpoint.accept().await {
            incoming.refuse();
        }
    };
    tokio::select! {
        () = endpoint.wait_idle() => {}
        () = refusing => {}
    }
}

async fn serve(
    hub: Arc<Hub>,
    listener: Arc<ArcSwap<Listener>>,
    incoming: Incoming,
    mut caller: Caller,
) {
    let accepted = Instant::now();
    let handshake = hub.policy.load().timeouts.handshake;
    let answered = tokio::select! {
        answered = timeout(handshake, shake_hands(&hub, &listener, incoming, &mut caller)) => answered,
        () = hub.stop.cancelled() => return,
    };
    let address = caller.address;
    let (session, asked, ordered) = match answered {
        Ok(Some(Answered::Admitted(admitted))) => admitted,
        Ok(Some(Answered::Refused(session))) => return see_off(&hub, session).await,
        Ok(None) => return debug!(%address, "no WebTransport came of a QUIC connection"),
        Err(_) => return debug!(%address, "WebTransport handshake took too long"),
    };
    let opened = tokio::select! {
        opened = webtransport::connection(&session, &hub.message_bytes, handshake) => opened,
        () = hub.stop.cancelled() => return session.close(1001, "the relay is shutting down").await,
    };
    let Some(mut connection) = opened else {
        return debug!(%address, "no session stream came in time");
    };
    if ordered {
        connection.lanes = None;
    }
    hub.metrics
        .handshake(Transport::WebTransport, accepted.elapsed());
    let arrival = Arrival {
        asked,
        transport: Transport::WebTransport,
        caller,
    };
    // A task of its own, since this one has the size of all handshakes for as long as it lives.
    let tasks = hub.tasks.clone();
    tasks.spawn(session::serve(connection, arrival, hub));
}

/// A session, who comes, and whether it wants everything in one order.
type Admitted = (Arc<Session>, Asked, bool);

enum Answered {
    Admitted(Admitted),
    /// With what has to be kept until the peer has read its refusal.
    Refused(Session),
}

/// Everything up to the answer to a request for a session. `None`: none came.
async fn shake_hands(
    hub: &Hub,
    listener: &ArcSwap<Listener>,
    incoming: Incoming,
    caller: &mut Caller,
) -> Option<Answered> {
    let connection = incoming.await.ok()?;
    let request = Request::accept(connection).await?;
    answer(hub, &listener.load_full(), request, caller).await
}

/// Lets a peer read its refusal and go. Until then nothing of HTTP/3 may be taken away from under it.
async fn see_off(hub: &Hub, session: Session) {
    tokio::select! {
        _ = timeout(LINGER, session.connection.closed()) => {}
        () = hub.stop.cancelled() => {}
    }
    session.connection.close(H3_NO_ERROR, b"");
}

/// Answers a request for a session. `None`: the peer went away.
async fn answer(
    hub: &Hub,
    listener: &Listener,
    request: Request,
    caller: &mut Caller,
) -> Option<Answered> {
    let connect = request.connect();
    admission::locate(hub, listener, &connect.headers, caller);
    let (address, over_limit) = (caller.address, caller.place.over);
    let status = match admission::route(connect.url.path()) {
        Some(route @ (Route::Server | Route::Client(_) | Route::Resume)) => {
            let headers = &connect.headers;
            match admission::admit(hub, listener, route, headers, address, over_limit).await {
                Ok(path) => {
                    let parameter = |name| admission::has_parameter(connect.url.query(), name);
                    let (resume, ordered) = (parameter("resume"), parameter("ordered"));
                    let offered = connect.protocols.iter().any(|offer| offer == SUBPROTOCOL);
                    let session = request.grant(offered.then_some(SUBPROTOCOL)).await?;
                    let asked = Asked { path, resume };
                    return Some(Answered::Admitted((Arc::new(session), asked, ordered)));
                }
                Err(refused) => {
                    let metrics = &hub.metrics;
                    metrics.handshake_refused(Transport::WebTransport, refused.as_str());
                    match refused {
                        Refused::Origin | Refused::Login => StatusCode::FORBIDDEN,
                        Refused::Full | Refused::TooManyFailed(_) | Refused::Busy => {
                            StatusCode::TOO_MANY_REQUESTS
                        }
                    }
                }
            }
        }
        _ => StatusCode::NOT_FOUND,
    };
    request.refuse(status).await.map(Answered::Refused)
}
