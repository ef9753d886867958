//! The listener for operators: plain HTTP, which tells whether the relay lives and works, and its metrics.

use std::{convert::Infallible, net::IpAddr, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{
    Request, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tracing::debug;

use crate::{
    config,
    hub::Hub,
    listener::{self, after_accept_error, passed::Passed},
    tls::Identity,
    transport::http::{Answer, host_of, read_only},
};

/// Requests that are answered at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 64;
/// How long a request and its answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Prometheus' text format.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The listener for operators, bound.
pub struct Bound {
    sockets: Vec<(TcpListener, SocketAddr)>,
    names: Vec<String>,
}

impl Bound {
    /// Binds all its addresses, or takes the sockets that were passed for them. The error is a sentence for the operator.
    pub fn bind(admin: &config::Admin, passed: &mut Passed) -> Result<Self, String> {
        let names = admin.bind.iter().map(|bind| bind.host.clone());
        Ok(Self {
            sockets: listener::bind_tcp(&admin.bind, passed)?,
            names: names.collect(),
        })
    }

    /// The URL of each address.
    pub fn urls(&self) -> impl Iterator<Item = String> {
        let addresses = self.sockets.iter().map(|(_, address)| address);
        addresses.map(|address| format!("http://{address}"))
    }

    /// Answers until it is dropped.
    pub async fn serve(self, hub: Arc<Hub>, certificates: Vec<(String, Arc<Identity>)>) {
        let desk = Arc::new(Desk {
            hub,
            names: self.names,
            certificates,
            places: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        });
        let accepting = self
            .sockets
            .into_iter()
            .map(|(socket, _)| desk.accept(socket));
        futures_util::future::join_all(accepting).await;
    }
}

/// What an answer needs.
struct Desk {
    hub: Arc<Hub>,
    /// Hosts beside `localhost` under which it answers.
    names: Vec<String>,
    /// Of each listener that has one.
    certificates: Vec<(String, Arc<Identity>)>,
    places: Arc<Semaphore>,
}

impl Desk {
    async fn accept(self: &Arc<Self>, socket: TcpListener) {
        loop {
            // The kernel keeps who comes beyond that waiting.
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                return;
            };
            match socket.accept().await {
                Ok((stream, _)) => {
                    let desk = Arc::clone(self);
                    tokio::spawn(async move {
                        desk.serve(stream).await;
                        drop(place);
                    });
                }
                Err(error) => after_accept_error(&error).await,
            }
        }
    }

    async fn serve(&self, stream: TcpStream) {
        let service = service_fn(async |request: Request<Incoming>| {
            Ok::<_, Infallible>(self.answer(&request).response)
        });
        let http = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        match timeout(PATIENCE, http).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(%error, "an admin request failed"),
            Err(_) => debug!("an admin request took too long"),
        }
    }

    fn answer(&self, request: &Request<Incoming>) -> Answer {
        if !host_of(request).is_some_and(|host| self.is_own_name(host)) {
            return Answer::plain(
                StatusCode::MISDIRECTED_REQUEST,
                "ask for an address, localhost, or the name in admin.bind\n",
            );
        }
        read_only(request, || match request.uri().path() {
            "/healthz" => Answer::plain(StatusCode::OK, "ok"),
            "/readyz" if self.hub.is_ready() => Answer::plain(StatusCode::OK, "ok"),
            "/readyz" => Answer::plain(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
            "/metrics" => self.metrics(),
            _ => Answer::plain(
                StatusCode::NOT_FOUND,
                "there is nothing at this path; try /healthz, /readyz or /metrics\n",
            ),
        })
    }

    /// A page that has its own name lead here must not read what only operators may see: such a request names its host.
    fn is_own_name(&self, host: &str) -> bool {
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        bare.parse::<IpAddr>().is_ok()
            || host.eq_ignore_ascii_case("localhost")
            || self
                .names
                .iter()
                .any(|name| host.eq_ignore_ascii_case(name))
    }

    fn metrics(&self) -> Answer {
        let certificates = self.certificates.iter().filter_map(|(listener, identity)| {
            let expiry = identity.expiry()?;
            Some((listener.clone(), expiry))
        });
        match self.hub.metrics.render(&self.hub, certificates) {
            Ok(text) => {
                let mut answer = Answer::text(StatusCode::OK, text);
                let kind = HeaderValue::from_static(METRICS_TYPE);
                answer
                    .response
                    .headers_mut()
                    .insert(header::CONTENT_TYPE, kind);
                answer
            }
            Err(error) => Answer::text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        }
    }
}
