//! A peer of the relay: the other end of the wire, for the command line, tests and Rust programs.

mod resume;
mod trust;
mod websocket;
mod webtransport;

use std::{fmt, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;
use url::Url;

pub use self::{resume::ResumingPeer, trust::Trust};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How to connect.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The name of the passphrase.
    pub name: Option<String>,
    /// What a server peer logs in with.
    pub passphrase: Option<SecretString>,
    /// Which certificates are trusted.
    pub trust: Trust,
}

impl Options {
    /// The `Authorization` header. `Basic` carries any characters, which `Bearer` does not.
    fn authorization(&self) -> Option<String> {
        let passphrase = self.passphrase.as_ref()?;
        let name = self.name.as_deref().unwrap_or_default();
        let pair = format!("{name}:{}", passphrase.expose_secret());
        Some(format!("Basic {}", BASE64_STANDARD.encode(pair)))
    }
}

/// What a peer sees.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// An envelope.
    Envelope(String),
    /// The connection broke, and a [`ResumingPeer`] has come back.
    Resumed,
    /// The relay ended the session.
    Closed {
        /// A close code of the protocol.
        code: u16,
        /// Why.
        reason: String,
    },
    /// The connection is gone without a word.
    Broken(String),
}

/// Why connecting or sending failed: a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    fn new(text: impl ToString) -> Self {
        Self(text.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// A connected peer.
#[derive(Debug)]
pub struct Peer {
    wire: Wire,
    /// Code and reason of a BYE, which not every transport repeats in its close.
    bye: Option<(u16, String)>,
}

#[derive(Debug)]
enum Wire {
    WebSocket(Box<websocket::Wire>),
    WebTransport(Box<webtransport::Wire>),
}

impl Peer {
    /// Connects to a `ws://`, `wss://` or `https://` (WebTransport) URL, its path being `/server` or `/client/SERVER_ID`.
    pub async fn connect(url: &str, options: Options) -> Result<Self, Error> {
        let url =
            Url::parse(url).map_err(|error| Error::new(format!("`{url}` is no URL: {error}")))?;
        let connecting = async {
            match url.scheme() {
                "ws" | "wss" => websocket::Wire::connect(&url, &options)
                    .await
                    .map(|wire| Wire::WebSocket(Box::new(wire))),
                "https" => webtransport::Wire::connect(&url, &options)
                    .await
                    .map(|wire| Wire::WebTransport(Box::new(wire))),
                other => Err(Error::new(format!(
                    "`{other}://` is not spoken: use ws://, wss:// or, for WebTransport, https://"
                ))),
            }
        };
        let wire = timeout(CONNECT_TIMEOUT, connecting)
            .await
            .map_err(|_| Error::new("the relay did not answer in time"))??;
        Ok(Self { wire, bye: None })
    }

    /// Sends the text of an envelope, in order.
    pub async fn send(&mut self, envelope: &str) -> Result<(), Error> {
        match &mut self.wire {
            Wire::WebSocket(wire) => wire.send(envelope).await,
            Wire::WebTransport(wire) => wire.send(envelope).await,
        }
    }

    /// The next that comes. Dropping the future loses nothing.
    pub async fn receive(&mut self) -> Event {
        let event = match &mut self.wire {
            Wire::WebSocket(wire) => wire.receive().await,
            Wire::WebTransport(wire) => wire.receive().await,
        };
        match event {
            Event::Envelope(text) => {
                self.bye = bye(&text);
                Event::Envelope(text)
            }
            end => self
                .bye
                .take()
                .map_or(end, |(code, reason)| Event::Closed { code, reason }),
        }
    }

    /// Goes away without a word, as a crash does, so that the relay sees a broken connection.
    pub fn abandon(self) {
        // A WebSocket is closed without a Close frame, and WebTransport with an error.
        drop(self);
    }

    /// Leaves cleanly: what was sent arrives, and the relay knows that the peer has gone.
    pub async fn leave(self) {
        match self.wire {
            Wire::WebSocket(wire) => wire.leave().await,
            Wire::WebTransport(wire) => wire.leave().await,
        }
    }
}

/// Code and reason, where this is a BYE of the relay.
fn bye(text: &str) -> Option<(u16, String)> {
    if !text.starts_with(r#"{"from":"0","type":"BYE""#) {
        return None;
    }
    let bye: serde_json::Value = serde_json::from_str(text).ok()?;
    let code = bye["message"]["code"].as_u64()?.try_into().ok()?;
    let reason = bye["message"]["reason"].as_str().unwrap_or_default();
    Some((code, reason.to_owned()))
}

/// Host and port of a URL.
fn host_and_port(url: &Url) -> Result<(String, u16), Error> {
    let host = url
        .host_str()
        .ok_or_else(|| Error::new(format!("`{url}` names no host")))?;
    let port = url.port_or_known_default().unwrap_or(443);
    Ok((host.trim_matches(['[', ']']).to_owned(), port))
}
