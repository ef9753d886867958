//! The WebTransport side of a client.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::BytesMut;
use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use quinn::{Endpoint, TransportConfig, VarInt, crypto::rustls::QuicClientConfig};
use tokio::{net::lookup_host, time::timeout};
use url::Url;
use web_transport_quinn::{
    ALPN, RecvStream, SendStream, Session, SessionError, WebTransportError, proto::ConnectRequest,
};

use super::{Error, Event, Options, host_and_port};
use crate::transport::{LINGER, admission::SUBPROTOCOL};

/// The largest envelope that is taken in a stream of its own.
const MAX_ENVELOPE: usize = 64 << 20;
/// How often the relay hears of a peer that says nothing. QUIC gives a connection up after 30 s of silence.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// A connected WebTransport session.
pub(super) struct Wire {
    endpoint: Endpoint,
    session: Session,
    send: SendStream,
    receive: RecvStream,
    buffer: BytesMut,
    incoming: FuturesUnordered<BoxFuture<'static, Option<String>>>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl Wire {
    pub(super) async fn connect(url: &Url, options: &Options) -> Result<Self, Error> {
        let (host, port) = host_and_port(url)?;
        let tls = options.trust.client_config(ALPN)?;
        let tls = QuicClientConfig::try_from(tls).map_err(Error::new)?;
        let mut config = quinn::ClientConfig::new(Arc::new(tls));
        let mut transport = TransportConfig::default();
        // Whether or not the relay pings, and within what routers remember of UDP.
        transport.keep_alive_interval(Some(KEEP_ALIVE));
        config.transport_config(Arc::new(transport));
        let mut request = ConnectRequest::new(url.clone()).with_protocol(SUBPROTOCOL);
        if let Some(authorization) = options.authorization() {
            let value = authorization.parse().map_err(Error::new)?;
            request = request.with_header(hyper::header::AUTHORIZATION, value);
        }
        let addresses = lookup_host((host.as_str(), port))
            .await
            .map_err(Error::new)?;
        let mut failed = Error::new(format!("{host} has no address"));
        for address in addresses {
            match Self::dial(address, &host, config.clone(), request.clone()).await {
                Ok(wire) => return Ok(wire),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    async fn dial(
        address: SocketAddr,
        host: &str,
        config: quinn::ClientConfig,
        request: ConnectRequest,
    ) -> Result<Self, Error> {
        let any = match address {
            SocketAddr::V4(_) => SocketAddr::from(([0; 4], 0)),
            SocketAddr::V6(_) => SocketAddr::from(([0_u16; 8], 0)),
        };
        let endpoint = Endpoint::client(any).map_err(Error::new)?;
        let connection = endpoint
            .connect_with(config, address, host)
            .map_err(Error::new)?
            .await
            .map_err(|error| Error::new(format!("QUIC to {address} failed: {error}")))?;
        let session = Session::connect(connection, request)
            .await
            .map_err(|error| Error::new(format!("refused: {error}")))?;
        let (mut send, receive) = session.open_bi().await.map_err(Error::new)?;
        // A stream is announced by its first bytes, and an empty line says nothing else.
        send.write_all(b"\n").await.map_err(Error::new)?;
        Ok(Self {
            endpoint,
            session,
            send,
            receive,
            buffer: BytesMut::new(),
            incoming: FuturesUnordered::new(),
        })
    }

    pub(super) async fn send(&mut self, envelope: &str) -> Result<(), Error> {
        let mut line = envelope.replace(['\n', '\r'], " ");
        line.push('\n');
        self.send
            .write_all(line.as_bytes())
            .await
            .map_err(Error::new)
    }

    pub(super) async fn receive(&mut self) -> Event {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer) {
                let line = self.buffer.split_to(at + 1);
                return Event::Envelope(text(&line[..at]));
            }
            tokio::select! {
                chunk = self.receive.read_chunk(usize::MAX, true) => match chunk {
                    Ok(Some(chunk)) => self.buffer.extend_from_slice(&chunk.bytes),
                    Ok(None) => return end_by(&self.session.closed().await),
                    Err(_) => return end_by(&self.session.closed().await),
                },
                Some(read) = self.incoming.next() => {
                    if let Some(envelope) = read {
                        return Event::Envelope(envelope);
                    }
                }
                Ok(mut stream) = self.session.accept_uni() => {
                    self.incoming.push(Box::pin(async move {
                        let bytes = stream.read_to_end(MAX_ENVELOPE).await.ok()?;
                        Some(text(&bytes))
                    }));
                }
                Ok(datagram) = self.session.read_datagram() => {
                    return Event::Envelope(text(&datagram));
                }
            }
        }
    }

    pub(super) async fn leave(mut self) {
        _ = self.send.finish();
        _ = timeout(LINGER, self.send.stopped()).await;
        self.session.close(0, b"");
        _ = timeout(LINGER, self.endpoint.wait_idle()).await;
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        /// RFC 9114, 8.1.
        const H3_INTERNAL_ERROR: VarInt = VarInt::from_u32(0x102);
        // QUIC itself would close with 0, which says that the peer has left. One that is dropped, as in the middle of a
        // resume that is given up, has not; after `leave` this does nothing.
        quinn::Connection::close(&self.session, H3_INTERNAL_ERROR, b"");
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn end_by(error: &SessionError) -> Event {
    match error {
        SessionError::WebTransportError(WebTransportError::Closed(code, reason)) => Event::Closed {
            code: u16::try_from(*code).unwrap_or_default(),
            reason: reason.clone(),
        },
        error => Event::Broken(error.to_string()),
    }
}
