//! What a handshake asks for, whatever the transport, and whether the peer may in.

use std::net::IpAddr;

use hyper::{
    HeaderMap,
    header::{self, HeaderName},
};

use super::{forwarded, origin};
use crate::{
    address::Caller,
    auth::{Credentials, LoginError},
    config::{Listener, Servers},
    hub::Hub,
    room::ServerId,
    session::{Login, Path},
};

/// The subprotocol that is selected where it is offered.
pub const SUBPROTOCOL: &str = "intercessor";

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route<'a> {
    /// `/server`.
    Server,
    /// `/client/{SERVER_ID}`.
    Client(&'a str),
    /// `/resume`.
    Resume,
    /// `/healthz`.
    Health,
    /// `/.well-known/intercessor`.
    Discovery,
    /// `/`.
    Demo,
}

/// Where this path leads, if anywhere.
pub fn route(path: &str) -> Option<Route<'_>> {
    if path == "/" {
        return Some(Route::Demo);
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    match path {
        "/server" => Some(Route::Server),
        "/resume" => Some(Route::Resume),
        "/healthz" => Some(Route::Health),
        "/.well-known/intercessor" => Some(Route::Discovery),
        _ => path
            .strip_prefix("/client/")
            .filter(|id| !id.is_empty() && !id.contains('/'))
            .map(Route::Client),
    }
}

/// Is this parameter in the query, with or without a value?
pub fn has_parameter(query: Option<&str>, name: &str) -> bool {
    query.is_some_and(|query| {
        query
            .split('&')
            .any(|pair| pair.split('=').next() == Some(name))
    })
}

/// Why a handshake is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Its page may not connect.
    Origin,
    /// Over a limit of connections.
    Full,
    /// The passphrase in its header is wrong.
    Login,
    /// Too many logins of its address have failed; it may try again after this many seconds.
    TooManyFailed(u64),
    /// Too many logins wait.
    Busy,
}

impl Refused {
    /// All names in metrics.
    pub const NAMES: [&str; 5] = ["origin", "full", "login", "too_many_failed", "busy"];

    /// Its name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Full => "full",
            Self::Login => "login",
            Self::TooManyFailed(_) => "too_many_failed",
            Self::Busy => "busy",
        }
    }
}

/// Finds out whose request this is, where a proxy tells it in a header.
pub fn locate(hub: &Hub, listener: &Listener, headers: &HeaderMap, caller: &mut Caller) {
    let Some(proxies) = &listener.proxies else {
        return;
    };
    let address = forwarded::address(caller.address, headers, proxies);
    // Whoever is over the limit by far is told so as well, since the request is here already.
    hub.locate(caller, address, proxies);
}

/// What is left to ask of a request for a peer path that is well-formed: may this peer in?
pub async fn admit(
    hub: &Hub,
    listener: &Listener,
    route: Route<'_>,
    headers: &HeaderMap,
    address: IpAddr,
    over_limit: bool,
) -> Result<Path, Refused> {
    // A passphrase may have any characters, which `to_str` would not let through.
    let text = |name: HeaderName| {
        let value = headers.get(name)?;
        Some(std::str::from_utf8(value.as_bytes()).unwrap_or_default())
    };
    if !origin::allowed(&listener.origins, text(header::ORIGIN)) {
        return Err(Refused::Origin);
    }
    if let Route::Resume = route {
        // The session has a place already, which its new connection takes.
        return Ok(Path::Resume);
    }
    if over_limit {
        return Err(Refused::Full);
    }
    if let Route::Client(server_id) = route {
        return Ok(Path::Client(server_id.to_owned()));
    }
    {
        let policy = hub.policy.load();
        if matches!(policy.servers, Servers::Open) {
            let id = ServerId::Random(policy.ids.server.clone());
            return Ok(Path::Server(Login::Done(id)));
        }
    }
    let Some(authorization) = text(header::AUTHORIZATION) else {
        return Ok(Path::Server(Login::Pending));
    };
    let Some(credentials) = Credentials::from_header(authorization) else {
        return Err(Refused::Login);
    };
    match hub.log_in(address.into(), credentials).await {
        Ok(id) => Ok(Path::Server(Login::Done(id))),
        Err(LoginError::Wrong | LoginError::NameNeeded) => Err(Refused::Login),
        Err(LoginError::TooManyFailed(wait)) => Err(Refused::TooManyFailed(wait.as_secs() + 1)),
        Err(LoginError::Busy) => Err(Refused::Busy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_where_the_protocol_says() {
        assert_eq!(route("/server"), Some(Route::Server));
        assert_eq!(route("/server/"), Some(Route::Server));
        assert_eq!(route("/client/a-b"), Some(Route::Client("a-b")));
        assert_eq!(route("/client/a-b/"), Some(Route::Client("a-b")));
        assert_eq!(route("/client/%41"), Some(Route::Client("%41")));
        assert_eq!(route("/healthz"), Some(Route::Health));
        assert_eq!(route("/"), Some(Route::Demo));
        for nowhere in [
            "",
            "//",
            "/client",
            "/client/",
            "/client/a/b",
            "/Server",
            "/server//",
        ] {
            assert_eq!(route(nowhere), None, "{nowhere}");
        }
    }

    #[test]
    fn a_parameter_counts_with_and_without_a_value() {
        for query in ["ordered", "ordered=1", "x=1&ordered", "ordered=&x"] {
            assert!(has_parameter(Some(query), "ordered"), "{query}");
        }
        for query in ["", "disordered", "x=ordered"] {
            assert!(!has_parameter(Some(query), "ordered"), "{query}");
        }
        assert!(!has_parameter(None, "ordered"));
    }
}
