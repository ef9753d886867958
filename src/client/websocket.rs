//! The WebSocket side of a client.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, SinkExt, StreamExt};
use rustls_pki_types::ServerName;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest, http::HeaderValue},
};
use tokio_util::either::Either;
use url::Url;

use super::{Error, Event, Options, host_and_port};
use crate::transport::{LINGER, admission::SUBPROTOCOL};

type Io = Either<TcpStream, tokio_rustls::client::TlsStream<TcpStream>>;

/// After this much silence of the relay it is pinged, and after as much again the connection counts as broken: a
/// network that went away says nothing of it.
const SILENCE: Duration = Duration::from_secs(20);

/// A connected WebSocket.
#[derive(Debug)]
pub(super) struct Wire {
    socket: WebSocketStream<Io>,
    /// When something last came, or the relay was pinged.
    since: Instant,
    pinged: bool,
}

impl Wire {
    pub(super) async fn connect(url: &Url, options: &Options) -> Result<Self, Error> {
        let (host, port) = host_and_port(url)?;
        let stream = TcpStream::connect((host.as_str(), port))
            .await
            .map_err(|error| {
                Error::new(format!("cannot connect to {host} port {port}: {error}"))
            })?;
        stream.set_nodelay(true).map_err(Error::new)?;
        let io = if url.scheme() == "wss" {
            let config = options.trust.client_config("http/1.1")?;
            let name = ServerName::try_from(host).map_err(Error::new)?;
            let connector = TlsConnector::from(Arc::new(config));
            let stream = connector.connect(name, stream).await;
            Either::Right(stream.map_err(|error| Error::new(format!("TLS failed: {error}")))?)
        } else {
            Either::Left(stream)
        };
        let mut request = url.as_str().into_client_request().map_err(Error::new)?;
        let headers = request.headers_mut();
        headers.insert(
            "sec-websocket-protocol",
            HeaderValue::from_static(SUBPROTOCOL),
        );
        if let Some(authorization) = options.authorization() {
            let mut value = HeaderValue::try_from(authorization).map_err(Error::new)?;
            value.set_sensitive(true);
            headers.insert("authorization", value);
        }
        let (socket, _) = client_async(request, io).await.map_err(refused)?;
        Ok(Self {
            socket,
            since: Instant::now(),
            pinged: false,
        })
    }

    pub(super) async fn send(&mut self, envelope: &str) -> Result<(), Error> {
        self.socket
            .send(Message::text(envelope))
            .await
            .map_err(Error::new)
    }

    pub(super) async fn receive(&mut self) -> Event {
        loop {
            let came = tokio::select! {
                came = self.socket.next() => came,
                () = sleep_until(self.since + SILENCE) => {
                    if self.pinged {
                        return Event::Broken("no answer to a ping".to_owned());
                    }
                    self.pinged = true;
                    self.since = Instant::now();
                    // Flushed at the next turn; where it cannot be written, nothing will come either.
                    _ = self.socket.send(Message::Ping(Bytes::new())).now_or_never();
                    continue;
                }
            };
            self.since = Instant::now();
            self.pinged = false;
            return match came {
                Some(Ok(Message::Text(text))) => Event::Envelope(text.to_string()),
                Some(Ok(Message::Close(Some(frame)))) => Event::Closed {
                    code: frame.code.into(),
                    reason: frame.reason.to_string(),
                },
                Some(Ok(_)) => continue,
                Some(Err(error)) => Event::Broken(error.to_string()),
                None => Event::Broken("the relay closed it".to_owned()),
            };
        }
    }

    pub(super) async fn leave(mut self) {
        _ = self.socket.close(None).await;
        let ended = async { while let Some(Ok(_)) = self.socket.next().await {} };
        _ = timeout(LINGER, ended).await;
    }
}

/// A refusal of the handshake, in the relay's own words where it gave some.
fn refused(error: tungstenite::Error) -> Error {
    let tungstenite::Error::Http(response) = error else {
        return Error::new(error);
    };
    let body = response.body().as_deref().unwrap_or_default();
    let words = String::from_utf8_lossy(body);
    Error::new(format!("refused: {} {}", response.status(), words.trim()))
}
