//! WebTransport sessions whose streams the test opens, writes and reads itself.

use std::{net::SocketAddr, sync::Arc};

use intercessor::{client::Trust, transport::admission::SUBPROTOCOL};
use quinn::{Endpoint, TransportConfig, crypto::rustls::QuicClientConfig};
use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;
use web_transport_quinn::{
    ALPN, ClientError, ConnectError, RecvStream, SendStream, Session, SessionError,
    WebTransportError,
    proto::{self, ConnectRequest},
};

use super::{PATIENCE, TestRelay, Via};

/// Asks for a session at a path; the error is the status of the refusal.
pub async fn request(
    relay: &TestRelay,
    path: &str,
    edit: impl FnOnce(ConnectRequest) -> ConnectRequest,
) -> Result<Session, u16> {
    request_with(relay, path, edit, TransportConfig::default()).await
}

/// The same, with QUIC as the test wants it.
pub async fn request_with(
    relay: &TestRelay,
    path: &str,
    edit: impl FnOnce(ConnectRequest) -> ConnectRequest,
    transport: TransportConfig,
) -> Result<Session, u16> {
    let url: Url = relay.url(Via::WebTransport, path).parse().expect("a URL");
    let connection = dial(relay, transport).await;
    let asked = Session::connect(connection, edit(ConnectRequest::new(url)));
    match timeout(PATIENCE, asked).await.expect("answered in time") {
        Ok(session) => Ok(session),
        Err(ClientError::HttpError(ConnectError::ProtoError(
            proto::ConnectError::WrongStatus(Some(status)),
        ))) => Err(status.as_u16()),
        Err(error) => panic!("no session at {path}: {error:?}"),
    }
}

/// A QUIC connection, on which nothing of HTTP has been said.
pub async fn dial(relay: &TestRelay, transport: TransportConfig) -> quinn::Connection {
    try_dial(relay, transport).await.expect("QUIC")
}

/// The same, whatever comes of it.
pub async fn try_dial(
    relay: &TestRelay,
    transport: TransportConfig,
) -> Result<quinn::Connection, quinn::ConnectionError> {
    let tls = Trust::Anything.client_config(ALPN).expect("TLS");
    let tls = QuicClientConfig::try_from(tls).expect("TLS for QUIC");
    let mut config = quinn::ClientConfig::new(Arc::new(tls));
    config.transport_config(Arc::new(transport));
    let address = relay
        .address(Via::WebTransport)
        .parse()
        .expect("an address");
    let endpoint = Endpoint::client(SocketAddr::from(([0; 4], 0))).expect("a socket");
    let dialled = endpoint
        .connect_with(config, address, "localhost")
        .expect("dialled");
    timeout(PATIENCE, dialled).await.expect("answered in time")
}

/// A peer with its session stream.
pub struct RawPeer {
    pub session: Session,
    pub send: SendStream,
    pub receive: RecvStream,
    pub id: String,
    buffer: Vec<u8>,
}

impl RawPeer {
    /// Connects to a path and opens the session stream.
    pub async fn connect(relay: &TestRelay, path: &str) -> Self {
        Self::connect_with(relay, path, TransportConfig::default()).await
    }

    /// The same, with QUIC as the test wants it.
    pub async fn connect_with(relay: &TestRelay, path: &str, transport: TransportConfig) -> Self {
        let session = request_with(relay, path, |it| it.with_protocol(SUBPROTOCOL), transport);
        Self::open(session.await.expect("a session")).await
    }

    /// Opens the session stream.
    pub async fn open(session: Session) -> Self {
        let (send, receive) = session.open_bi().await.expect("a stream");
        let mut peer = Self {
            session,
            send,
            receive,
            id: String::new(),
            buffer: Vec::new(),
        };
        peer.write("\n").await;
        peer
    }

    /// A server that has had its HELLO.
    pub async fn server(relay: &TestRelay) -> Self {
        Self::connect(relay, "/server").await.greeted().await
    }

    /// With its HELLO.
    pub async fn greeted(mut self) -> Self {
        let hello = self.expect("HELLO").await;
        self.id = hello["id"].as_str().expect("an id").to_owned();
        self
    }

    /// Writes to the session stream.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let written = timeout(PATIENCE, self.send.write_all(bytes.as_ref())).await;
        written.expect("taken in time").expect("written");
    }

    /// Sends an envelope on the session stream.
    pub async fn tell(&mut self, to: &str, kind: &str, message: Value) {
        self.write(format!("{}\n", envelope(to, kind, message)))
            .await;
    }

    /// Sends a text in a stream of its own, and waits until it has arrived.
    pub async fn independently(&self, text: impl AsRef<[u8]>) {
        let mut stream = self.unfinished(text).await;
        stream.finish().expect("finished");
        let arrived = timeout(PATIENCE, stream.stopped()).await;
        assert_eq!(arrived.expect("in time").expect("arrives"), None);
    }

    /// A stream with this text in it that is not ended.
    pub async fn unfinished(&self, text: impl AsRef<[u8]>) -> SendStream {
        let opened = timeout(PATIENCE, self.session.open_uni()).await;
        let mut stream = opened.expect("credit in time").expect("a stream");
        stream.write_all(text.as_ref()).await.expect("written");
        stream
    }

    /// The next line of the session stream; `None` at its end.
    pub async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<_> = self.buffer.drain(..=at).collect();
                return Some(String::from_utf8(line[..at].to_vec()).expect("UTF-8"));
            }
            let read = timeout(PATIENCE, self.receive.read_chunk(usize::MAX, true)).await;
            match read.expect("something comes in time").expect("no break") {
                Some(chunk) => self.buffer.extend_from_slice(&chunk.bytes),
                None => return None,
            }
        }
    }

    /// The next envelope of the session stream.
    pub async fn next(&mut self) -> Value {
        let line = self.line().await.expect("an envelope, not the end");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// The message of the next envelope of the session stream, which must be of this type.
    pub async fn expect(&mut self, kind: &str) -> Value {
        let mut envelope = self.next().await;
        assert_eq!(envelope["type"], kind, "{envelope}");
        envelope["message"].take()
    }

    /// The next envelope that comes in a stream of its own.
    pub async fn independent(&self) -> Value {
        let accepted = timeout(PATIENCE, self.session.accept_uni()).await;
        let mut stream = accepted.expect("a stream in time").expect("a stream");
        let read = timeout(PATIENCE, stream.read_to_end(1 << 20)).await;
        let text = read.expect("all of it in time").expect("no reset");
        serde_json::from_slice(&text).expect("JSON, alone")
    }

    /// The next envelope that comes in a datagram.
    pub async fn datagram(&self) -> Value {
        let read = timeout(PATIENCE, self.session.read_datagram()).await;
        let text = read.expect("a datagram in time").expect("a datagram");
        serde_json::from_slice(&text).expect("JSON, alone")
    }

    /// BYE with this code, then the end of the session stream, then the session's close with the same.
    pub async fn closed(&mut self, code: u16) -> Value {
        let bye = self.expect("BYE").await;
        assert_eq!(bye["code"], code, "{bye}");
        assert_eq!(self.line().await, None);
        let (closed, reason) = closed_with(&self.session).await;
        assert_eq!(closed, u32::from(code));
        assert_eq!(bye["reason"], *reason);
        bye
    }
}

/// The code and reason that the relay closes a session with.
pub async fn closed_with(session: &Session) -> (u32, String) {
    let closed = timeout(PATIENCE, session.closed()).await;
    match closed.expect("closed in time") {
        SessionError::WebTransportError(WebTransportError::Closed(code, reason)) => (code, reason),
        other => panic!("a close was to come, not {other:?}"),
    }
}

/// The text of an envelope to a peer.
pub fn envelope(to: &str, kind: &str, message: Value) -> String {
    json!({ "to": to, "type": kind, "message": message }).to_string()
}
