//! WebSocket listeners: TCP, TLS where configured, HTTP/1.1, upgrade.

use std::{convert::Infallible, net::IpAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use socket2::Socket;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::rustls::ServerConfig;
use tracing::{debug, warn};

use super::{
    after_accept_error,
    proxy_header::{self, Unusable},
};
use crate::{
    address::Caller,
    config::{Listener, Proxies, Transport},
    discovery::Discovery,
    hub::Hub,
    session::{self, Arrival, Asked},
    tls::{self, Identity},
    transport::{LINGER, http::Front, websocket},
};

/// All headers of a request together, in bytes.
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// How many headers a request may have.
const MAX_HEADERS: usize = 64;

/// Takes bound sockets over.
pub fn listen(sockets: Vec<Socket>) -> Result<Vec<TcpListener>, String> {
    sockets
        .into_iter()
        .map(|socket| TcpListener::from_std(socket.into()))
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())
}

/// When a handshake began, and when it has to be done.
#[derive(Clone, Copy)]
struct Times {
    accepted: Instant,
    deadline: Instant,
}

impl Times {
    fn begin(within: Duration) -> Self {
        let accepted = Instant::now();
        Self {
            accepted,
            deadline: accepted + within,
        }
    }
}

/// What every connection of a listener is let in by.
pub struct Door {
    front: Front,
    tls: Option<Arc<ServerConfig>>,
}

impl Door {
    /// For one listener.
    pub fn new(
        hub: &Arc<Hub>,
        listener: &Arc<ArcSwap<Listener>>,
        identity: Option<Arc<Identity>>,
        discovery: &Arc<Discovery>,
    ) -> Result<Arc<Self>, String> {
        let config = identity.map(|identity| tls::server_config(identity, "http/1.1"));
        let config = config.transpose().map_err(|error| error.to_string())?;
        Ok(Arc::new(Self {
            front: Front {
                hub: Arc::clone(hub),
                listener: Arc::clone(listener),
                discovery: Arc::clone(discovery),
            },
            tls: config.map(Arc::new),
        }))
    }

    /// Accepts until the hub stops.
    pub async fn accept(self: Arc<Self>, socket: TcpListener) {
        let hub = Arc::clone(&self.front.hub);
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                () = hub.stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, from)) => {
                    if let Some(caller) = self.let_in(from.ip()) {
                        hub.tasks.spawn(Arc::clone(&self).serve(stream, caller));
                    }
                }
                Err(error) => {
                    hub.metrics.accept_error(Transport::WebSocket);
                    after_accept_error(&error).await;
                }
            }
        }
    }

    /// Takes in whoever has just connected, unless a proxy is to begin each connection and this is none.
    fn let_in(&self, from: IpAddr) -> Option<Caller> {
        let listener = self.front.listener.load();
        let proxies = listener.proxies.as_ref();
        if proxies.is_some_and(|it| it.begin_connections() && !it.trusts(from)) {
            debug!(address = %from.to_canonical(), "connection refused: this is no trusted proxy");
            self.no_proxy_header();
            return None;
        }
        self.front.hub.enter(from, proxies)
    }

    fn no_proxy_header(&self) {
        let metrics = &self.front.hub.metrics;
        metrics.handshake_refused(Transport::WebSocket, "proxy_header");
    }

    async fn serve(self: Arc<Self>, mut stream: TcpStream, mut caller: Caller) {
        // Envelopes are small, and each batch is flushed once.
        _ = stream.set_nodelay(true);
        let times = Times::begin(self.front.hub.policy.load().timeouts.handshake);
        let listener = self.front.listener.load_full();
        let proxies = listener.proxies.as_ref();
        if let Some(proxies) = proxies.filter(|it| it.begin_connections()) {
            let told = self.ask_proxy(&mut stream, &mut caller, proxies, times);
            if told.await.is_none() {
                return;
            }
        }
        let Some(config) = &self.tls else {
            return self.speak_http(stream, caller, times).await;
        };
        let secured = tokio::select! {
            secured = timeout_at(times.deadline, tls::stream::accept(stream, config)) => secured,
            () = self.front.hub.stop.cancelled() => return,
        };
        let address = caller.address;
        match secured {
            Ok(Ok(stream)) => self.speak_http(stream, caller, times).await,
            Ok(Err(error)) => debug!(%address, %error, "TLS handshake failed"),
            Err(_) => debug!(%address, "TLS handshake took too long"),
        }
    }

    /// Has a proxy tell who is behind it. `None`: it does not, or that is over the limit by far.
    async fn ask_proxy(
        &self,
        stream: &mut TcpStream,
        caller: &mut Caller,
        proxies: &Proxies,
        times: Times,
    ) -> Option<()> {
        let hub = &self.front.hub;
        let told = tokio::select! {
            told = timeout_at(times.deadline, proxy_header::read(stream)) => told,
            () = hub.stop.cancelled() => return None,
        };
        let proxy = caller.address;
        match told {
            Ok(Ok(told)) => {
                let heard = hub.locate(caller, told.unwrap_or(proxy), proxies);
                if !heard {
                    hub.metrics.dropped.inc();
                }
                return heard.then_some(());
            }
            Ok(Err(Unusable::Nothing)) => {
                debug!(%proxy, "a connection ended before it began");
                return None;
            }
            Ok(Err(error)) => warn!(%proxy, %error, "no PROXY header came of a trusted proxy"),
            Err(_) => debug!(%proxy, "no PROXY header came in time"),
        }
        self.no_proxy_header();
        None
    }

    /// Answers HTTP until the deadline or an upgrade, and serves the session that comes of it.
    async fn speak_http<S>(&self, mut stream: S, caller: Caller, times: Times)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (caller, granted) = (Mutex::new(caller), Mutex::new(None));
        let service = service_fn(async |request: Request<Incoming>| {
            let (address, over_limit) = self.front.locate(&request, &mut caller.lock());
            let answer = self.front.answer(&request, address, over_limit).await;
            *granted.lock() = answer.upgrade;
            Ok::<_, Infallible>(answer.response)
        });
        // The stream is lent, so that it is still here once HTTP is done with it, or has failed.
        let http = http1::Builder::new()
            .timer(TokioTimer::new())
            .max_buf_size(MAX_HEADER_BYTES)
            .max_headers(MAX_HEADERS)
            .serve_connection(TokioIo::new(&mut stream), service)
            .without_shutdown();
        let spoken = tokio::select! {
            spoken = timeout_at(times.deadline, http) => spoken.map(|http| http.map(|it| it.read_buf)),
            () = self.front.hub.stop.cancelled() => return,
        };
        let caller = caller.into_inner();
        let address = caller.address;
        let read = match spoken {
            Ok(Ok(read)) => Some(read),
            Ok(Err(error)) => {
                debug!(%address, %error, "HTTP failed");
                None
            }
            Err(_) => return debug!(%address, "no upgrade came in time"),
        };
        match (read, granted.into_inner()) {
            (Some(read), Some(asked)) => {
                let metrics = &self.front.hub.metrics;
                metrics.handshake(Transport::WebSocket, times.accepted.elapsed());
                self.start(stream, read, asked, caller);
            }
            _ => self.see_off(stream).await,
        }
    }

    /// Lets a peer read its answer and go. Closing a socket with unread input would reset it, and a reset eats
    /// what the peer has not read yet.
    async fn see_off<S: AsyncRead + AsyncWrite + Unpin>(&self, mut stream: S) {
        let gone = async {
            stream.shutdown().await?;
            tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
        };
        tokio::select! {
            _ = timeout(LINGER, gone) => {}
            () = self.front.hub.stop.cancelled() => {}
        }
    }

    fn start<S>(&self, io: S, read: bytes::Bytes, asked: Asked, caller: Caller)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let hub = &self.front.hub;
        let connection = websocket::connection(io, read, Arc::clone(&hub.message_bytes));
        let arrival = Arrival {
            asked,
            transport: Transport::WebSocket,
            caller,
        };
        // A task of its own, since this one has the size of all handshakes for as long as it lives.
        hub.tasks
            .spawn(session::serve(connection, arrival, Arc::clone(hub)));
    }
}
