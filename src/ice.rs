//! The ICE servers that every peer is told.
//!
//! Time-limited credentials follow the TURN REST convention that coturn's `use-auth-secret` implements: the
//! username is the time at which it runs out and a name, the credential is the base64 of its HMAC-SHA1 under
//! the shared secret.

mod refresh;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use sha1::Sha1;

pub use self::refresh::refresh;
use crate::config::{IceCredentials, IceServer};

/// The configured ICE servers.
#[derive(Debug)]
pub struct IceServers {
    servers: Vec<IceServer>,
}

/// An RTCIceServer dictionary (W3C WebRTC 1.0, 4.2.2).
#[derive(Serialize)]
struct RtcIceServer<'a> {
    urls: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
}

impl IceServers {
    /// These.
    pub fn new(servers: &[IceServer]) -> Self {
        Self {
            servers: servers.to_vec(),
        }
    }

    /// Is none configured?
    pub fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    /// How long the credentials last that run out first; `None`: none ever do.
    pub fn lifetime(&self) -> Option<Duration> {
        let lifetimes = self.servers.iter().map(|it| match &it.credentials {
            IceCredentials::TimeLimited { ttl, .. } => Some(*ttl),
            IceCredentials::None | IceCredentials::Static { .. } => None,
        });
        lifetimes.flatten().min()
    }

    /// What the peer with this id is told: a JSON array.
    pub fn for_peer(&self, id: &str) -> Option<Box<RawValue>> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let told: Vec<_> = self
            .servers
            .iter()
            .map(|server| describe(server, id, now))
            .collect();
        to_raw_value(&told).ok()
    }
}

impl PartialEq for IceServers {
    fn eq(&self, other: &Self) -> bool {
        self.servers
            .iter()
            .map(compared)
            .eq(other.servers.iter().map(compared))
    }
}

/// All that tells one server from another: its URLs, a user name, a secret, and how long what is made of it lasts.
fn compared(server: &IceServer) -> (&[String], Option<&str>, Option<&str>, Option<Duration>) {
    let (name, secret, ttl) = match &server.credentials {
        IceCredentials::None => (None, None, None),
        IceCredentials::Static {
            username,
            credential,
        } => (Some(username.as_str()), Some(credential), None),
        IceCredentials::TimeLimited { secret, ttl } => (None, Some(secret), Some(*ttl)),
    };
    (
        &server.urls,
        name,
        secret.map(ExposeSecret::expose_secret),
        ttl,
    )
}

fn describe<'a>(server: &'a IceServer, id: &str, now: Duration) -> RtcIceServer<'a> {
    let (username, credential) = match &server.credentials {
        IceCredentials::None => (None, None),
        IceCredentials::Static {
            username,
            credential,
        } => (
            Some(username.clone()),
            Some(credential.expose_secret().to_owned()),
        ),
        IceCredentials::TimeLimited { secret, ttl } => {
            // A whole second of which a part is left counts: tiny lifetimes last as long as they say.
            let end = now + *ttl;
            let end = end.as_secs() + u64::from(end.subsec_nanos() > 0);
            let username = format!("{end}:{id}");
            let credential = sign(secret, &username);
            (Some(username), Some(credential))
        }
    };
    RtcIceServer {
        urls: &server.urls,
        username,
        credential,
    }
}

fn sign(secret: &SecretString, username: &str) -> String {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret.expose_secret().as_bytes()) else {
        return String::new();
    };
    mac.update(username.as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(server: IceServer, now: u64) -> serde_json::Value {
        let told = describe(&server, "peer", Duration::from_secs(now));
        serde_json::to_value(told).expect("serializes")
    }

    fn server(credentials: IceCredentials) -> IceServer {
        IceServer {
            urls: vec!["turn:turn.example:3478".to_owned()],
            credentials,
        }
    }

    #[test]
    fn a_time_limited_credential_is_the_hmac_of_its_expiry_and_the_peer() {
        let credentials = IceCredentials::TimeLimited {
            secret: "north".into(),
            ttl: Duration::from_secs(3600),
        };
        // printf 4600:peer | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(
            told(server(credentials), 1000),
            serde_json::json!({
                "urls": ["turn:turn.example:3478"],
                "username": "4600:peer",
                "credential": "aOxvHOjF3X2p/Uk834wMLfCQKt0="
            })
        );
    }

    #[test]
    fn a_server_without_credentials_tells_its_urls_only() {
        assert_eq!(
            told(server(IceCredentials::None), 0),
            serde_json::json!({ "urls": ["turn:turn.example:3478"] })
        );
    }

    fn time_limited(secret: &str, hours: u64) -> IceServer {
        server(IceCredentials::TimeLimited {
            secret: secret.into(),
            ttl: Duration::from_secs(hours * 3600),
        })
    }

    #[test]
    fn the_shortest_lifetime_counts_for_all() {
        let fixed = server(IceCredentials::None);
        let servers = [time_limited("a", 2), fixed.clone(), time_limited("b", 1)];
        let hour = Duration::from_secs(3600);
        assert_eq!(IceServers::new(&servers).lifetime(), Some(hour));
        assert_eq!(IceServers::new(&[fixed]).lifetime(), None);
    }

    #[test]
    fn a_lifetime_is_never_cut_short() {
        let server = time_limited("a", 1);
        let told = describe(&server, "peer", Duration::from_millis(1001));
        assert_eq!(told.username.as_deref(), Some("3602:peer"));
    }

    #[test]
    fn what_peers_are_told_is_the_same_only_where_all_of_it_is() {
        let known = |username: &str, credential: &str| {
            server(IceCredentials::Static {
                username: username.to_owned(),
                credential: credential.into(),
            })
        };
        let mut elsewhere = time_limited("a", 1);
        elsewhere.urls.push("turn:other.example".to_owned());
        let all = [
            vec![],
            vec![server(IceCredentials::None)],
            vec![time_limited("a", 1)],
            vec![time_limited("b", 1)],
            vec![time_limited("a", 2)],
            vec![elsewhere],
            vec![known("a", "b")],
            vec![known("a", "c")],
            vec![known("b", "b")],
            vec![known("a", "b"), known("a", "b")],
        ];
        for (number, one) in all.iter().enumerate() {
            for (other_number, other) in all.iter().enumerate() {
                let same = IceServers::new(one) == IceServers::new(other);
                assert_eq!(same, number == other_number, "{number} {other_number}");
            }
        }
    }
}
