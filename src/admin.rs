//! The listener for operators: plain HTTP, which tells whether the relay lives and works, who is here, and its metrics,
//! as numbers and as a page that draws them.

mod dashboard;
mod sessions;

use std::{
    convert::Infallible,
    fmt::Display,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hyper::{
    Request, StatusCode, body::Incoming, header, server::conn::http1, service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Mutex, Semaphore},
    task::spawn_blocking,
    time::timeout,
};
use tracing::debug;

use self::sessions::{Page, Query};
use crate::{
    config,
    hub::Hub,
    listener::{self, after_accept_error, passed::Passed},
    tls::Identity,
    transport::http::{Answer, host_of, not_read_only},
};

/// Requests that are answered at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 64;
/// How long a request and its answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Prometheus' text format.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON_TYPE: &str = "application/json";

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
            looking: Mutex::default(),
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
    /// One look at all sessions at a time, however many ask.
    looking: Mutex<()>,
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
            Ok::<_, Infallible>(self.answer(&request).await.response)
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

    async fn answer(&self, request: &Request<Incoming>) -> Answer {
        if !host_of(request).is_some_and(|host| self.is_own_name(host)) {
            return Answer::plain(
                StatusCode::MISDIRECTED_REQUEST,
                "ask for an address, localhost, or the name in admin.bind\n",
            );
        }
        if let Some(refused) = not_read_only(request) {
            return refused;
        }
        let answer = match request.uri().path() {
            "/" => dashboard::answer(),
            "/healthz" => Answer::plain(StatusCode::OK, "ok"),
            "/readyz" if self.hub.is_ready() => Answer::plain(StatusCode::OK, "ok"),
            "/readyz" => Answer::plain(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
            "/metrics" => self.metrics().await,
            "/sessions" => {
                self.sessions(request.uri().query().unwrap_or_default())
                    .await
            }
            _ => Answer::plain(
                StatusCode::NOT_FOUND,
                "there is nothing at this path; try /, /healthz, /readyz, /metrics or /sessions\n",
            ),
        };
        answer
            .with(header::CACHE_CONTROL, "no-store")
            .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
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

    async fn metrics(&self) -> Answer {
        let certificates: Vec<_> = self
            .certificates
            .iter()
            .filter_map(|(listener, identity)| Some((listener.clone(), identity.expiry()?)))
            .collect();
        let look = |hub: &Hub| hub.metrics.render(hub, certificates);
        answered(self.look(look).await, METRICS_TYPE)
    }

    async fn sessions(&self, query: &str) -> Answer {
        let query = match Query::parse(query) {
            Ok(query) => query,
            Err(sentence) => return Answer::text(StatusCode::BAD_REQUEST, sentence),
        };
        let look = move |hub: &Hub| serde_json::to_string(&Page::find(hub, &query));
        answered(self.look(look).await, JSON_TYPE)
    }

    /// Looks at all sessions, beside the threads that serve them. `None`: the process ends.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Hub) -> T + Send + 'static,
    ) -> Option<T> {
        let _alone = self.looking.lock().await;
        let hub = Arc::clone(&self.hub);
        spawn_blocking(move || look(&hub)).await.ok()
    }
}

/// What a look has come to.
fn answered<E: Display>(found: Option<Result<String, E>>, kind: &str) -> Answer {
    match found {
        Some(Ok(text)) => Answer::text(StatusCode::OK, text).with(header::CONTENT_TYPE, kind),
        Some(Err(error)) => Answer::text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        None => Answer::plain(StatusCode::SERVICE_UNAVAILABLE, "the relay stops\n"),
    }
}
