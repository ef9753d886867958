//! The ICE servers that every peer is told.
//!
//! Time-limited credentials follow the TURN REST convention that coturn's `use-auth-secret` implements: the
//! username is the time at which it runs out and a name, the credential is the base64 of its HMAC-SHA1 under
//! the shared secret.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use sha1::Sha1;

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

    /// What the peer with this id is told: a JSON array, or nothing where none is configured.
    pub fn for_peer(&self, id: &str) -> Option<Box<RawValue>> {
        if self.servers.is_empty() {
            return None;
        }
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
            let username = format!("{}:{id}", (now + *ttl).as_secs());
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

    #[test]
    fn without_servers_nothing_is_told() {
        assert!(IceServers::new(&[]).for_peer("peer").is_none());
    }
}
