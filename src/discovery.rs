//! The discovery document: how a browser that knows one address of the relay finds its transports.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use parking_lot::RwLock;
use serde::Serialize;

use crate::{
    config::{Listener, Tls, Transport},
    tls::Identity,
};

/// Every listener, in the order in which a peer should try them.
#[derive(Debug, Default)]
pub struct Discovery {
    listeners: RwLock<Vec<Announced>>,
}

#[derive(Debug)]
struct Announced {
    transport: Transport,
    secure: bool,
    loopback: bool,
    port: u16,
    public_url: Option<String>,
    identity: Option<Arc<Identity>>,
}

#[derive(Serialize)]
struct Document {
    version: &'static str,
    transports: Vec<Offer>,
}

#[derive(Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Offer {
    kind: &'static str,
    url: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    certificate_hashes: Vec<CertificateHash>,
}

/// As `serverCertificateHashes` of the WebTransport constructor takes it, but for the base64.
#[derive(Serialize, PartialEq)]
struct CertificateHash {
    algorithm: &'static str,
    value: String,
}

impl Discovery {
    /// Adds a listener under one of the addresses that it is bound to.
    pub fn announce(
        &self,
        listener: &Listener,
        address: SocketAddr,
        identity: Option<Arc<Identity>>,
    ) {
        let announced = Announced {
            transport: listener.transport,
            secure: listener.tls != Tls::Off,
            loopback: address.ip().to_canonical().is_loopback(),
            port: address.port(),
            public_url: listener.public_url.clone(),
            identity,
        };
        let mut listeners = self.listeners.write();
        listeners.push(announced);
        // WebTransport before secure before plain WebSocket; the sort keeps the file's order among equals.
        listeners.sort_by_key(|it| (it.transport != Transport::WebTransport, !it.secure));
    }

    /// The document for a request to `host` from `from`, over TLS or not: JSON.
    pub fn document(&self, host: &str, over_tls: bool, from: IpAddr) -> String {
        let mut transports = Vec::new();
        for listener in self.listeners.read().iter() {
            let offer = listener.offer(host);
            let hidden = (over_tls && offer.url.starts_with("ws://"))
                || (listener.loopback && !from.to_canonical().is_loopback());
            if !hidden && !transports.contains(&offer) {
                transports.push(offer);
            }
        }
        let document = Document {
            version: env!("CARGO_PKG_VERSION"),
            transports,
        };
        // Strings and lists can always be written as JSON.
        serde_json::to_string(&document).unwrap_or_default()
    }
}

impl Announced {
    fn offer(&self, host: &str) -> Offer {
        let scheme = match (self.transport, self.secure) {
            (Transport::WebTransport, _) => "https",
            (Transport::WebSocket, true) => "wss",
            (Transport::WebSocket, false) => "ws",
        };
        let url = self
            .public_url
            .clone()
            .unwrap_or_else(|| format!("{scheme}://{host}:{}", self.port));
        // Browsers pin a certificate for WebTransport only.
        let identity = self
            .identity
            .as_ref()
            .filter(|_| self.transport == Transport::WebTransport);
        let pinned = identity.map(|identity| identity.pinned());
        Offer {
            kind: self.transport.as_str(),
            url,
            certificate_hashes: pinned
                .into_iter()
                .flatten()
                .map(|hash| CertificateHash {
                    algorithm: "sha-256",
                    value: BASE64_STANDARD.encode(hash),
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Bind, Location, Origins};

    fn listener(transport: Transport, tls: Tls) -> Listener {
        Listener {
            transport,
            bind: vec![Bind {
                host: "0.0.0.0".to_owned(),
                port: 0,
            }],
            tls,
            origins: Origins::Any,
            public_url: None,
            proxies: None,
            demo: false,
            at: Location::default(),
        }
    }

    fn urls(discovery: &Discovery, over_tls: bool, from: &str) -> Vec<String> {
        let from = from.parse().expect("an address");
        let document = discovery.document("[::1]", over_tls, from);
        let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
        let transports = document["transports"].as_array().expect("a list");
        let url = |offer: &serde_json::Value| offer["url"].as_str().expect("a URL").to_owned();
        transports.iter().map(url).collect()
    }

    fn at(address: &str) -> SocketAddr {
        address.parse().expect("an address")
    }

    #[test]
    fn transports_come_in_the_order_to_try_them_and_only_where_they_can_be_reached() {
        let discovery = Discovery::default();
        let pem = Tls::SelfSigned(vec!["localhost".to_owned()]);
        let plain = listener(Transport::WebSocket, Tls::Off);
        discovery.announce(&plain, at("127.0.0.1:1"), None);
        discovery.announce(
            &listener(Transport::WebSocket, pem.clone()),
            at("[::]:2"),
            None,
        );
        discovery.announce(
            &listener(Transport::WebTransport, pem),
            at("0.0.0.0:3"),
            None,
        );
        assert_eq!(
            urls(&discovery, false, "::ffff:127.0.0.1"),
            ["https://[::1]:3", "wss://[::1]:2", "ws://[::1]:1"]
        );
        assert_eq!(urls(&discovery, true, "127.0.0.1").len(), 2);
        assert_eq!(urls(&discovery, false, "192.0.2.1").len(), 2);
    }

    #[test]
    fn each_port_of_a_listener_is_told_once_and_where_it_can_be_reached() {
        let discovery = Discovery::default();
        let listener = listener(Transport::WebSocket, Tls::Off);
        for address in ["127.0.0.1:1", "[::1]:1", "192.0.2.1:2", "192.0.2.2:2"] {
            discovery.announce(&listener, at(address), None);
        }
        assert_eq!(
            urls(&discovery, false, "127.0.0.1"),
            ["ws://[::1]:1", "ws://[::1]:2"]
        );
        assert_eq!(urls(&discovery, false, "192.0.2.9"), ["ws://[::1]:2"]);
    }

    #[test]
    fn a_public_url_stands_for_the_address() {
        let discovery = Discovery::default();
        let mut listener = listener(Transport::WebSocket, Tls::Off);
        listener.public_url = Some("wss://relay.example".to_owned());
        discovery.announce(&listener, at("0.0.0.0:1"), None);
        for over_tls in [false, true] {
            assert_eq!(
                urls(&discovery, over_tls, "192.0.2.1"),
                ["wss://relay.example"]
            );
        }
    }
}
