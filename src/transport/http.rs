//! The HTTP answers of a WebSocket listener.

use std::{net::IpAddr, sync::Arc};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Version,
    body::Incoming,
    header::{self, HeaderName, HeaderValue},
    http::uri::Authority,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{
    admission::{self, Refused, Route, SUBPROTOCOL, admit, has_parameter, route},
    demo, origin,
};
use crate::{
    address::Caller,
    config::{Listener, Origins, Tls, Transport},
    discovery::Discovery,
    hub::Hub,
    session::Asked,
};

/// What is wrong with a request whose host nobody can tell.
const HOST_NEEDED: &str = "one valid Host is needed\n";
/// What a refused peer is told to wait where no better time is known, in seconds.
const RETRY_AFTER: u64 = 5;

/// The answer to one request on a WebSocket listener.
pub struct Answer {
    /// What is sent back.
    pub response: Response<Full<Bytes>>,
    /// Who comes, where the answer is an upgrade.
    pub upgrade: Option<Asked>,
}

impl Answer {
    /// A short text.
    pub fn plain(status: StatusCode, text: &'static str) -> Self {
        Self::text(status, Bytes::from_static(text.as_bytes()))
    }

    /// A text.
    pub fn text(status: StatusCode, text: impl Into<Bytes>) -> Self {
        let mut response = Response::new(Full::new(text.into()));
        *response.status_mut() = status;
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, plain);
        let answer = Self {
            response,
            upgrade: None,
        };
        // A connection that does not become a session is not kept.
        answer.with(header::CONNECTION, "close")
    }

    /// The same with a header.
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.response.headers_mut().insert(name, value);
        }
        self
    }
}

/// What a WebSocket listener needs to answer.
pub struct Front {
    /// What all sessions share.
    pub hub: Arc<Hub>,
    /// The listener, as the last reload has left it.
    pub listener: Arc<ArcSwap<Listener>>,
    /// What discovery tells.
    pub discovery: Arc<Discovery>,
}

impl Front {
    /// Finds out whose request this is: where it comes from, and whether that is over a limit.
    pub fn locate(&self, request: &Request<Incoming>, caller: &mut Caller) -> (IpAddr, bool) {
        admission::locate(&self.hub, &self.listener.load(), request.headers(), caller);
        (caller.address, caller.place.over)
    }

    /// Answers one request of whoever has this address.
    pub async fn answer(
        &self,
        request: &Request<Incoming>,
        address: IpAddr,
        over_limit: bool,
    ) -> Answer {
        let bad = |text| Answer::plain(StatusCode::BAD_REQUEST, text);
        let host = host_of(request);
        if host.is_none() && !may_lack_host(request) {
            return bad(HOST_NEEDED);
        }
        let path = request.uri().path();
        if !path.starts_with('/') {
            return bad("a path starts with a slash\n");
        }
        let nothing = || Answer::plain(StatusCode::NOT_FOUND, "there is nothing at this path\n");
        let Some(route) = route(path) else {
            return nothing();
        };
        match route {
            Route::Demo if self.listener.load().demo => {
                read_only(request, || demo::answer(&self.hub.policy.load().servers))
            }
            Route::Demo => nothing(),
            Route::Health => read_only(request, || Answer::plain(StatusCode::OK, "ok")),
            Route::Discovery => read_only(request, || match host {
                Some(host) => self.discover(request, host, address),
                None => bad(HOST_NEEDED),
            }),
            Route::Server | Route::Client(_) | Route::Resume => {
                self.upgrade(request, route, address, over_limit).await
            }
        }
    }

    fn discover(&self, request: &Request<Incoming>, host: &str, address: IpAddr) -> Answer {
        let listener = self.listener.load();
        let secure = listener.tls != Tls::Off;
        let document = self.discovery.document(host, secure, address);
        let mut answer = Answer::plain(StatusCode::OK, "")
            .with(header::CONTENT_TYPE, "application/json")
            .with(header::CACHE_CONTROL, "no-store");
        *answer.response.body_mut() = Full::new(document.into());
        let origin = request.headers().get(header::ORIGIN);
        let origin = origin.and_then(|origin| origin.to_str().ok());
        match (&listener.origins, origin) {
            (Origins::Any, _) => answer.with(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
            (origins, Some(origin)) if origin::allowed(origins, Some(origin)) => answer
                .with(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin)
                .with(header::VARY, "Origin"),
            _ => answer.with(header::VARY, "Origin"),
        }
    }

    async fn upgrade(
        &self,
        request: &Request<Incoming>,
        route: Route<'_>,
        address: IpAddr,
        over_limit: bool,
    ) -> Answer {
        let key = match websocket_key(request) {
            Ok(key) => key,
            Err(why) => return no_upgrade(&why),
        };
        let listener = self.listener.load_full();
        let admitted = admit(
            &self.hub,
            &listener,
            route,
            request.headers(),
            address,
            over_limit,
        );
        match admitted.await {
            Ok(path) => {
                let resume = has_parameter(request.uri().query(), "resume");
                accept(request, key, Asked { path, resume })
            }
            Err(refused) => {
                let metrics = &self.hub.metrics;
                metrics.handshake_refused(Transport::WebSocket, refused.as_str());
                refuse(refused)
            }
        }
    }
}

/// Answers only who does not want to change anything.
fn read_only(request: &Request<Incoming>, answer: impl FnOnce() -> Answer) -> Answer {
    not_read_only(request).unwrap_or_else(answer)
}

/// The refusal of who wants to change something.
pub fn not_read_only(request: &Request<Incoming>) -> Option<Answer> {
    let refused = || Answer::plain(StatusCode::METHOD_NOT_ALLOWED, "GET only\n");
    match *request.method() {
        Method::GET | Method::HEAD => None,
        _ => Some(refused().with(header::ALLOW, "GET")),
    }
}

/// The host of the request, without a port. `None`: there is none, more than one, or it is malformed (RFC 9112, 3.2).
pub fn host_of(request: &Request<Incoming>) -> Option<&str> {
    let host = only(request.headers(), header::HOST)?.to_str().ok()?;
    // Where the whole URL is asked for, its host is the one that counts.
    let host = request.uri().authority().map_or(host, Authority::as_str);
    let authority: Authority = host.parse().ok()?;
    // `[::1]` keeps its brackets, as URLs need them.
    let (name, port) = host.split_at_checked(authority.host().len())?;
    (!name.is_empty() && is_port(port)).then_some(name)
}

/// Nothing, or a colon and a number that may be left out (RFC 3986, 3.2.3). With a user name in front there is more.
fn is_port(text: &str) -> bool {
    let Some(digits) = text.strip_prefix(':') else {
        return text.is_empty();
    };
    digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits.is_empty() || digits.parse::<u16>().is_ok())
}

/// HTTP/1.0, which the probes of some load balancers speak, knows no Host.
fn may_lack_host(request: &Request<Incoming>) -> bool {
    request.version() == Version::HTTP_10 && !request.headers().contains_key(header::HOST)
}

/// A header that may be there once only.
fn only(headers: &HeaderMap, name: HeaderName) -> Option<&HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// Why a request for a peer path is no upgrade to a WebSocket.
enum NoUpgrade {
    /// It does not ask for one.
    NotAsked,
    /// It asks for another version of the protocol.
    WrongVersion,
    /// It is malformed in this way.
    Malformed(&'static str),
}

/// The key of a well-formed upgrade (RFC 6455, 4.2.1).
fn websocket_key(request: &Request<Incoming>) -> Result<&HeaderValue, NoUpgrade> {
    let headers = request.headers();
    let asked = has_token(headers, header::UPGRADE, "websocket")
        && has_token(headers, header::CONNECTION, "upgrade");
    if !asked {
        return Err(NoUpgrade::NotAsked);
    }
    if request.method() != Method::GET || request.version() != Version::HTTP_11 {
        let wanted = "a WebSocket starts with GET over HTTP/1.1\n";
        return Err(NoUpgrade::Malformed(wanted));
    }
    if headers
        .get(header::SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        return Err(NoUpgrade::WrongVersion);
    }
    only(headers, header::SEC_WEBSOCKET_KEY)
        .filter(|key| is_key(key.as_bytes()))
        .ok_or(NoUpgrade::Malformed(
            "one Sec-WebSocket-Key is needed: 16 bytes in base64\n",
        ))
}

fn no_upgrade(why: &NoUpgrade) -> Answer {
    match why {
        NoUpgrade::NotAsked => Answer::plain(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket\n")
            .with(header::UPGRADE, "websocket")
            .with(header::CONNECTION, "upgrade, close"),
        NoUpgrade::WrongVersion => {
            Answer::plain(StatusCode::UPGRADE_REQUIRED, "version 13 is spoken here\n")
                .with(header::SEC_WEBSOCKET_VERSION, "13")
        }
        NoUpgrade::Malformed(wanted) => Answer::plain(StatusCode::BAD_REQUEST, wanted),
    }
}

fn is_key(key: &[u8]) -> bool {
    use base64::{Engine, prelude::BASE64_STANDARD};
    BASE64_STANDARD
        .decode(key)
        .is_ok_and(|bytes| bytes.len() == 16)
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|found| found.eq_ignore_ascii_case(token))
}

fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

fn accept(request: &Request<Incoming>, key: &HeaderValue, asked: Asked) -> Answer {
    let mut answer = Answer::plain(StatusCode::SWITCHING_PROTOCOLS, "")
        .with(header::UPGRADE, "websocket")
        .with(header::CONNECTION, "upgrade")
        .with(
            header::SEC_WEBSOCKET_ACCEPT,
            &derive_accept_key(key.as_bytes()),
        );
    answer.response.headers_mut().remove(header::CONTENT_TYPE);
    if tokens(request.headers(), header::SEC_WEBSOCKET_PROTOCOL).any(|offer| offer == SUBPROTOCOL) {
        answer = answer.with(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
    }
    answer.upgrade = Some(asked);
    answer
}

fn refuse(refused: Refused) -> Answer {
    let retry_after =
        |answer: Answer, seconds: u64| answer.with(header::RETRY_AFTER, &seconds.to_string());
    match refused {
        Refused::Origin => Answer::plain(
            StatusCode::FORBIDDEN,
            "pages of this Origin may not connect here\n",
        ),
        Refused::Login => Answer::plain(StatusCode::UNAUTHORIZED, "wrong passphrase\n")
            .with(header::WWW_AUTHENTICATE, "Bearer"),
        Refused::TooManyFailed(seconds) => retry_after(
            Answer::plain(StatusCode::TOO_MANY_REQUESTS, "too many failed logins\n"),
            seconds,
        ),
        Refused::Full => retry_after(
            Answer::plain(StatusCode::SERVICE_UNAVAILABLE, "too many connections\n"),
            RETRY_AFTER,
        ),
        Refused::Busy => retry_after(
            Answer::plain(StatusCode::SERVICE_UNAVAILABLE, "too many logins wait\n"),
            RETRY_AFTER,
        ),
    }
}
