//! TLS over a byte stream, the server's side, without a buffer for who is idle.
//!
//! rustls' usual connections keep 4 KiB each to read into. Here records are read into memory that all connections of a
//! thread share; only what is not whole yet, or what the system does not take now, is kept with the connection.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::rustls::{
    Error, ServerConfig,
    server::UnbufferedServerConnection,
    unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus},
};

/// What is read at once, and sealed at once.
const AT_ONCE: usize = 64 * 1024;
/// What may come before a message of TLS itself is whole: its length has 16 bits here, and a record may begin behind it.
const MAX_INCOMING: usize = 2 * AT_ONCE;
/// The most that a record holds of what is sealed (RFC 8446, 5.1).
const MAX_FRAGMENT: usize = 16 * 1024;
/// More than a record takes beside that (RFC 8446, 5.2; RFC 5246, 6.2.3).
const MAX_OVERHEAD: usize = 64;

/// A connection whose handshake is done.
pub struct Stream<S> {
    io: S,
    tls: UnbufferedServerConnection,
    /// Records that are not whole yet.
    incoming: Vec<u8>,
    /// What was opened and is not read yet.
    opened: BytesMut,
    /// Records of which the beginning may be written.
    outgoing: Vec<u8>,
    written: usize,
    /// What went wrong, to be told once all that came before is read.
    failed: Option<io::Error>,
    /// Something went wrong: nothing is opened or sealed any more.
    over: bool,
    /// The peer has said that nothing more comes.
    peer_closed: bool,
    /// The peer was told that nothing more comes.
    closed: bool,
}

/// Shakes hands. The error is the peer's, or the connection's.
pub async fn accept<S>(io: S, config: &Arc<ServerConfig>) -> io::Result<Stream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let tls = UnbufferedServerConnection::new(Arc::clone(config)).map_err(invalid)?;
    let mut stream = Stream {
        io,
        tls,
        incoming: Vec::new(),
        opened: BytesMut::new(),
        outgoing: Vec::new(),
        written: 0,
        failed: None,
        over: false,
        peer_closed: false,
        closed: false,
    };
    poll_fn(|cx| stream.poll_handshake(cx)).await?;
    Ok(stream)
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream<S> {
    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            // It reads also while it cannot write, as the peer may do as well: none may wait for the other. Its last words are
            // sent by whoever reads or writes next.
            _ = self.poll_send(cx)?;
            if let Some(error) = self.failed.take() {
                return Poll::Ready(Err(error));
            }
            if !self.tls.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            // What comes behind the handshake is kept until it is read.
            ready!(self.poll_open(cx, &mut ReadBuf::new(&mut [])))?;
        }
    }

    /// Reads records and opens them, into `into` as far as there is room. An error of the peer's is left in `failed`, with
    /// the alert that tells it in `outgoing`.
    fn poll_open(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        thread_local! {
            static RECORDS: RefCell<Vec<u8>> = RefCell::new(vec![0; AT_ONCE]);
        }
        RECORDS.with_borrow_mut(|records| {
            let mut read = ReadBuf::new(records);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut read))?;
            let came = read.filled_mut();
            if came.is_empty() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            if self.incoming.is_empty() {
                let (taken, _) = self.advance(came, into, None);
                self.incoming.extend_from_slice(&came[taken..]);
            } else {
                self.incoming.extend_from_slice(came);
                self.advance_incoming(into, None);
            }
            if self.incoming.len() > MAX_INCOMING {
                self.fail(io::Error::other("a message of TLS is too large"));
            }
            Poll::Ready(Ok(()))
        })
    }

    fn advance_incoming(
        &mut self,
        into: &mut ReadBuf<'_>,
        something: Option<&Something<'_>>,
    ) -> bool {
        let mut incoming = std::mem::take(&mut self.incoming);
        let (taken, sealed) = self.advance(&mut incoming, into, something);
        // An idle peer costs no buffer.
        if taken < incoming.len() {
            incoming.drain(..taken);
            self.incoming = incoming;
        }
        sealed
    }

    fn fail(&mut self, error: io::Error) {
        self.failed = Some(error);
        self.over = true;
    }

    /// Opens records, seals something to be sent, and encodes what TLS itself has to say. Returns how many bytes of the
    /// records are done with, and whether that something is sealed.
    fn advance(
        &mut self,
        records: &mut [u8],
        into: &mut ReadBuf<'_>,
        something: Option<&Something<'_>>,
    ) -> (usize, bool) {
        let mut taken = 0;
        // Once something is wrong, what is left is to tell the peer.
        while !self.over || self.tls.wants_write() {
            let rest = &mut records[taken..];
            let UnbufferedStatus { discard, state } = self.tls.process_tls_records(rest);
            taken += discard;
            match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(Ok(record)) = traffic.next_record() {
                        let room = into.remaining().min(record.payload.len());
                        let (now, later) = record.payload.split_at(room);
                        into.put_slice(now);
                        self.opened.extend_from_slice(later);
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    append(&mut self.outgoing, 0, |room| {
                        data.encode(room).map_err(|error| match error {
                            EncodeError::InsufficientSize(it) => Some(it.required_size),
                            EncodeError::AlreadyEncoded => None,
                        })
                    });
                }
                // It is as good as transmitted: what is outgoing keeps its order.
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.peer_closed = true,
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    let sealed = something.is_some_and(|something| {
                        append(&mut self.outgoing, something.sealed_length(), |room| {
                            let sealed = match something {
                                Something::Data(data) => traffic.encrypt(data, room),
                                Something::Close => traffic.queue_close_notify(room),
                            };
                            sealed.map_err(|error| match error {
                                EncryptError::InsufficientSize(it) => Some(it.required_size),
                                EncryptError::EncryptExhausted => None,
                            })
                        })
                    });
                    return (taken, sealed);
                }
                Ok(_) => return (taken, false),
                Err(error) => self.fail(invalid(error)),
            }
        }
        (records.len(), false)
    }

    /// Seals something, behind all that is outgoing.
    fn seal(&mut self, something: &Something<'_>) -> io::Result<()> {
        match self.advance_incoming(&mut ReadBuf::new(&mut []), Some(something)) {
            true => Ok(()),
            false => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Writes all that is outgoing.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.outgoing.len() {
            let left = &self.outgoing[self.written..];
            match ready!(Pin::new(&mut self.io).poll_write(cx, left))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        if self.written > 0 {
            self.written = 0;
            // An idle peer costs no buffer.
            self.outgoing = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        loop {
            if !this.opened.is_empty() {
                let length = buffer.remaining().min(this.opened.len());
                buffer.put_slice(&this.opened[..length]);
                this.opened.advance(length);
            }
            if this.opened.is_empty() {
                // An idle peer costs no buffer.
                this.opened = BytesMut::new();
            }
            if buffer.filled().len() > before || buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            // What TLS itself has to say: the end of a handshake, or an alert.
            let sent = this.poll_send(cx);
            if let Some(error) = this.failed.take() {
                return Poll::Ready(Err(error));
            }
            if this.peer_closed {
                return Poll::Ready(Ok(()));
            }
            _ = sent?;
            ready!(this.poll_open(cx, buffer))?;
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    /// Takes what it is given, once nothing is left of what it was given before.
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(cx))?;
        let taken = &bytes[..bytes.len().min(AT_ONCE)];
        if !taken.is_empty() {
            self.seal(&Something::Data(taken))?;
        }
        match self.poll_send(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // The rest is sent by a flush, or before the next bytes.
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(taken.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.closed {
            self.closed = true;
            // Where something went wrong, an alert says it already.
            _ = self.seal(&Something::Close);
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// What is sealed to be sent.
enum Something<'a> {
    Data(&'a [u8]),
    /// That nothing more comes.
    Close,
}

impl Something<'_> {
    /// At most how long it is once it is sealed.
    fn sealed_length(&self) -> usize {
        let length = match self {
            Self::Data(data) => data.len(),
            Self::Close => 0,
        };
        length + (length / MAX_FRAGMENT + 1) * MAX_OVERHEAD
    }
}

/// Has something put behind `out`, where it says how much room it needs if that was not enough. `false`: it cannot be put.
fn append(
    out: &mut Vec<u8>,
    mut room: usize,
    mut put: impl FnMut(&mut [u8]) -> Result<usize, Option<usize>>,
) -> bool {
    let start = out.len();
    loop {
        out.resize(start + room, 0);
        match put(&mut out[start..]) {
            Ok(length) => {
                out.truncate(start + length);
                return true;
            }
            Err(Some(needed)) if needed > room => room = needed,
            Err(_) => {
                out.truncate(start);
                return false;
            }
        }
    }
}

fn invalid(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests;
