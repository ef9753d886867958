//! WebTransport over HTTP/3: a session stream of newline-delimited JSON, and two lanes beside it.

use std::{io, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::{Instant, timeout};
use web_transport_quinn::{
    ReadError, ReadToEndError, RecvStream, SendStream, Session, SessionError, WebTransportError,
    proto::error_from_http3,
    quinn::{self, ConnectionError},
};

use super::{Connection, End, LINGER, Receive, Received, Transmit, broken};
use crate::{envelope::Text, outbox::Close};

/// Independent envelopes that a peer may have under way at once.
pub const MAX_INCOMING_STREAMS: usize = 16;
/// What is read from the session stream at once.
const CHUNK: usize = 16 * 1024;
/// The code that stops a stream whose envelope took too long.
const STOP_TIMED_OUT: u32 = 4408;

/// Waits for the session stream, which the peer opens at once.
pub async fn connection(
    session: Session,
    message_bytes: usize,
    within: Duration,
) -> Option<Connection<Receiver, Sender>> {
    let opened = timeout(within, session.accept_bi()).await;
    let (send, receive) = match opened {
        Ok(Ok(streams)) => streams,
        Ok(Err(_)) => return None,
        Err(_) => {
            session.close(4408, b"no session stream was opened in time");
            return None;
        }
    };
    Some(Connection {
        lanes: Some(Lanes(session.clone())),
        transmitter: Sender {
            session: session.clone(),
            stream: send,
        },
        receiver: Receiver {
            session,
            stream: receive,
            buffer: BytesMut::new(),
            searched: 0,
            lanes_open: false,
            incoming: FuturesUnordered::new(),
            message_bytes,
            within,
        },
    })
}

/// The receive half: the session stream and, once there was a HELLO, streams and datagrams.
pub struct Receiver {
    session: Session,
    stream: RecvStream,
    /// What came of the session stream and is not yet a line.
    buffer: BytesMut,
    /// How much of it is known to have no line end.
    searched: usize,
    lanes_open: bool,
    incoming: FuturesUnordered<BoxFuture<'static, Option<Received>>>,
    message_bytes: usize,
    within: Duration,
}

impl Receiver {
    /// The next line that has come whole. Empty ones are passed over.
    fn line(&mut self) -> Option<Received> {
        while let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
            let line = self.buffer.split_to(self.searched + at + 1);
            self.searched = 0;
            let line = &line[..line.len() - 1];
            if line.len() > self.message_bytes {
                return Some(too_big(self.message_bytes));
            }
            if !line.trim_ascii().is_empty() {
                return Some(envelope(Bytes::copy_from_slice(line)));
            }
        }
        self.searched = self.buffer.len();
        if self.buffer.is_empty() {
            // An idle peer costs no buffer.
            self.buffer = BytesMut::new();
        }
        (self.searched > self.message_bytes).then(|| too_big(self.message_bytes))
    }

    /// Waits for whatever comes next on any lane; `None`: something came that is not yet an envelope.
    async fn wait(&mut self) -> Option<Received> {
        let lanes = self.lanes_open;
        let room = self.incoming.len() < MAX_INCOMING_STREAMS;
        tokio::select! {
            chunk = self.stream.read_chunk(CHUNK, true) => match chunk {
                Ok(Some(chunk)) => {
                    self.buffer.extend_from_slice(&chunk.bytes);
                    None
                }
                Ok(None) => Some(Received::End(End::Clean)),
                Err(ReadError::SessionError(error)) => {
                    let quic = quinn::Connection::close_reason(&self.session);
                    Some(Received::End(end_by(quic.as_ref(), &error)))
                }
                Err(_) => Some(Received::End(End::Broken)),
            },
            // The end of a session is seen on the session stream alone, behind what has come on it.
            Some(done) = self.incoming.next(), if lanes => done,
            stream = self.session.accept_uni(), if lanes && room => match stream {
                Ok(stream) => {
                    let read = read_independent(stream, self.message_bytes, self.within);
                    self.incoming.push(Box::pin(read));
                    None
                }
                Err(_) => None,
            },
            datagram = self.session.read_datagram(), if lanes => match datagram {
                Ok(datagram) if datagram.len() > self.message_bytes => {
                    Some(too_big(self.message_bytes))
                }
                Ok(datagram) => Some(envelope(datagram)),
                Err(_) => None,
            },
            second = self.session.accept_bi() => match second {
                Ok(_) => Some(violation(1002, "a second bidirectional stream")),
                Err(_) => None,
            },
        }
    }
}

impl Receive for Receiver {
    async fn receive(&mut self) -> Received {
        loop {
            if let Some(line) = self.line() {
                return line;
            }
            if let Some(received) = self.wait().await {
                return received;
            }
        }
    }

    fn heard(&self) -> Option<Instant> {
        // QUIC's keep-alive and idle timeout do it.
        None
    }

    fn open_lanes(&mut self) {
        self.lanes_open = true;
    }

    async fn discard(&mut self) {
        // What is not read is held back by flow control, so there is nothing to throw away.
        self.session.closed().await;
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // The library keeps a QUIC connection for as long as nobody closes it; where somebody has, this does nothing.
        self.session.close(1000, b"");
    }
}

/// An envelope alone in a stream. `None`: the peer gave it up, or it took too long.
async fn read_independent(
    mut stream: RecvStream,
    message_bytes: usize,
    within: Duration,
) -> Option<Received> {
    let read = timeout(within, stream.read_to_end(message_bytes)).await;
    match read {
        Ok(Ok(bytes)) => Some(envelope(bytes.into())),
        Ok(Err(ReadToEndError::TooLong)) => Some(too_big(message_bytes)),
        Ok(Err(_)) => None,
        Err(_) => {
            _ = stream.stop(STOP_TIMED_OUT);
            None
        }
    }
}

fn envelope(bytes: Bytes) -> Received {
    Text::try_from(bytes).map_or_else(
        |_| violation(1007, "text that is not UTF-8"),
        Received::Envelope,
    )
}

fn too_big(message_bytes: usize) -> Received {
    let reason = format!("a message may have at most {message_bytes} bytes");
    Received::End(End::Violation(Close::new(1009, reason)))
}

fn violation(code: u16, reason: &'static str) -> Received {
    Received::End(End::Violation(Close::new(code, reason)))
}

/// Is the end of a session the peer's leaving, or a break? QUIC is asked first: whatever ended the connection, the
/// library may call it closed by itself, because the CONNECT stream broke off with it.
fn end_by(quic: Option<&ConnectionError>, session: &SessionError) -> End {
    /// RFC 9114, 8.1.
    const H3_NO_ERROR: u64 = 0x100;
    let clean = match (quic, session) {
        (Some(ConnectionError::ApplicationClosed(close)), _) => {
            let code = close.error_code.into_inner();
            match error_from_http3(code) {
                Some(code) => matches!(code, 0 | 1000),
                None => matches!(code, 0 | 1000 | H3_NO_ERROR),
            }
        }
        (
            Some(ConnectionError::LocallyClosed),
            SessionError::WebTransportError(WebTransportError::Closed(code, _)),
        ) => matches!(code, 0 | 1000),
        // The peer has ended the CONNECT stream without a code, which means 0.
        (Some(ConnectionError::LocallyClosed), _) => true,
        _ => false,
    };
    if clean { End::Clean } else { End::Broken }
}

/// The send half: the session stream.
pub struct Sender {
    session: Session,
    stream: SendStream,
}

impl Sender {
    async fn close(&mut self, code: u16, reason: &str) -> io::Result<()> {
        let finished = self.stream.finish().map_err(broken);
        if finished.is_ok() {
            // Closing a session drops what is not delivered, so the peer gets a moment to take it.
            _ = timeout(LINGER, self.stream.stopped()).await;
        }
        self.session.close(u32::from(code), reason.as_bytes());
        finished
    }
}

impl Transmit for Sender {
    async fn send(&mut self, batch: &[Text]) -> io::Result<()> {
        let lines: usize = batch.iter().map(|text| text.len() + 1).sum();
        let mut bytes = BytesMut::with_capacity(lines);
        for text in batch {
            bytes.extend_from_slice(text.as_bytes());
            bytes.extend_from_slice(b"\n");
        }
        self.stream
            .write_chunk(bytes.freeze())
            .await
            .map_err(broken)
    }

    async fn ping(&mut self) -> io::Result<()> {
        Ok(())
    }

    async fn goodbye(&mut self, bye: Text, close: &Close) -> io::Result<()> {
        let said = self.send(&[bye]).await;
        self.close(close.code, &close.reason).await.and(said)
    }

    fn cut(&mut self, close: &Close) {
        self.session
            .close(u32::from(close.code), close.reason.as_bytes());
    }

    async fn hang_up(&mut self) -> io::Result<()> {
        self.close(1000, "").await
    }
}

/// The ways out beside the session stream.
#[derive(Debug)]
pub struct Lanes(Session);

impl Lanes {
    /// Sends an envelope in a stream of its own; done once all of it is given to QUIC.
    pub async fn independent(&self, text: Text) -> io::Result<()> {
        let mut stream = self.0.open_uni().await.map_err(broken)?;
        stream.write_chunk(text.into()).await.map_err(broken)?;
        stream.finish().map_err(broken)
    }

    /// Sends an envelope in a datagram. `false`: it does not fit, or the peer takes none.
    pub fn datagram(&self, text: &Text) -> bool {
        let bytes = Bytes::from(text.clone());
        self.0.send_datagram(bytes).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed_by_peer(code: u64) -> ConnectionError {
        ConnectionError::ApplicationClosed(quinn::ApplicationClose {
            error_code: code.try_into().expect("a code"),
            reason: Bytes::new(),
        })
    }

    #[test]
    fn only_0_1000_and_h3_no_error_are_clean_ends_of_a_connection() {
        let local = SessionError::ConnectionError(ConnectionError::LocallyClosed);
        let http3 = web_transport_quinn::proto::error_to_http3;
        for clean in [0, 1000, 0x100, http3(0), http3(1000)] {
            assert_eq!(
                end_by(Some(&closed_by_peer(clean)), &local),
                End::Clean,
                "{clean}"
            );
        }
        for broken in [1, 4000, 0x102, http3(1), http3(0x100), http3(4000)] {
            assert_eq!(
                end_by(Some(&closed_by_peer(broken)), &local),
                End::Broken,
                "{broken}"
            );
        }
        assert_eq!(
            end_by(Some(&ConnectionError::TimedOut), &local),
            End::Broken
        );
        assert_eq!(end_by(Some(&ConnectionError::Reset), &local), End::Broken);
    }

    #[test]
    fn a_session_that_is_closed_by_its_peer_is_judged_by_its_code() {
        let local = ConnectionError::LocallyClosed;
        let end = |code| {
            let closed = WebTransportError::Closed(code, String::new());
            end_by(Some(&local), &closed.into())
        };
        assert_eq!([end(0), end(1000)], [End::Clean, End::Clean]);
        assert_eq!([end(1), end(4000)], [End::Broken, End::Broken]);
        let without_code = SessionError::ConnectionError(local.clone());
        assert_eq!(end_by(Some(&local), &without_code), End::Clean);
    }
}
