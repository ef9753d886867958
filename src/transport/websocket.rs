//! WebSocket (RFC 6455): one text message per envelope.
//!
//! An idle connection has no buffer of its own: bytes are read into one that all connections of a thread share, and
//! written out of one.

mod frame;

use std::{
    cell::RefCell,
    io,
    pin::{Pin, pin},
    sync::{Arc, atomic::AtomicUsize},
    task::{Context, Poll, Waker, ready},
};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use self::frame::{Decoder, Frame};
use super::{Connection, End, Receive, Received, Transmit};
use crate::{
    envelope::Text,
    outbox::{Close, Port, WriteNow},
};

/// What is read at once.
const READ_BUFFER: usize = 64 * 1024;
/// What the buffer keeps that batches are written out of.
const KEPT_TO_WRITE: usize = 128 * 1024;

/// Takes over a byte stream whose upgrade is answered. `read` is what came behind the request already.
pub fn connection<S>(
    io: S,
    read: Bytes,
    message_bytes: Arc<AtomicUsize>,
) -> Connection<Receiver<S>, Sender<S>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let socket = Arc::new(Mutex::new(Socket {
        io,
        out: Vec::new(),
        written: 0,
        unflushed: false,
        pong: None,
    }));
    Connection {
        receiver: Receiver {
            socket: Arc::clone(&socket),
            buffer: BytesMut::from(read),
            decoder: Decoder::new(message_bytes),
            heard: Instant::now(),
        },
        port: Some(Arc::clone(&socket) as Arc<dyn Port>),
        transmitter: Sender { socket },
        lanes: None,
    }
}

/// Both halves are driven by one task, and others write at once: see [`Port`].
type Shared<S> = Arc<Mutex<Socket<S>>>;

/// The byte stream, and what is still to be written to it.
#[derive(Debug)]
struct Socket<S> {
    io: S,
    /// Whole frames, of which the beginning may be written.
    out: Vec<u8>,
    written: usize,
    /// Something was begun to be written, and is not yet all on its way.
    unflushed: bool,
    /// The answer to the latest Ping, which is the only one that has to be answered (RFC 6455, 5.5.3).
    pong: Option<Bytes>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Socket<S> {
    /// Reads what has come into the buffer of this thread, and puts it behind `buffer`.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        thread_local! {
            static READ: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BUFFER]);
        }
        READ.with_borrow_mut(|bytes| {
            let mut read = ReadBuf::new(bytes);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut read))?;
            buffer.extend_from_slice(read.filled());
            Poll::Ready(Ok(read.filled().len()))
        })
    }

    /// Writes all that waits, and flushes.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.unflushed = true;
        loop {
            while self.written < self.out.len() {
                let left = &self.out[self.written..];
                self.written += ready!(poll_write(&mut self.io, cx, left))?;
            }
            self.written = 0;
            // An idle peer costs no buffer.
            self.out = Vec::new();
            match self.pong.take() {
                Some(payload) => frame::put_pong(&mut self.out, &payload),
                None => {
                    ready!(Pin::new(&mut self.io).poll_flush(cx))?;
                    self.unflushed = false;
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }

    /// Writes as much of some frames as the system takes now, and keeps the rest.
    fn start_write(
        &mut self,
        cx: &mut Context<'_>,
        put: impl FnOnce(&mut Vec<u8>),
    ) -> io::Result<()> {
        thread_local! {
            static FRAMES: RefCell<Vec<u8>> = RefCell::default();
        }
        FRAMES.with_borrow_mut(|frames| {
            // What another connection could not write must never get here, however that ended.
            frames.clear();
            put(frames);
            let started = self.start_write_of(cx, frames);
            frames.clear();
            frames.shrink_to(KEPT_TO_WRITE);
            started
        })
    }

    fn start_write_of(&mut self, cx: &mut Context<'_>, frames: &[u8]) -> io::Result<()> {
        let mut left = frames;
        while self.out.is_empty() && !left.is_empty() {
            match poll_write(&mut self.io, cx, left)? {
                Poll::Ready(written) => left = &left[written..],
                Poll::Pending => break,
            }
        }
        self.out.extend_from_slice(left);
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Port for Mutex<Socket<S>> {
    fn at_once(&self, write: &mut dyn FnMut(&mut dyn WriteNow)) -> bool {
        let Some(mut socket) = self.try_lock() else {
            return false;
        };
        write(&mut *socket);
        true
    }

    fn settle(&self) {
        drop(self.lock());
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> WriteNow for Socket<S> {
    fn write_now(&mut self, batch: &[Text]) -> io::Result<bool> {
        let write = std::future::poll_fn(|cx| {
            self.start_write(cx, |frames| put_all(frames, batch))?;
            self.poll_flush(cx)
        });
        // Whose task it is that runs here has nothing to do with this connection, and it does not wait for it.
        let write = pin!(tokio::task::unconstrained(write));
        match write.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(written) => written.map(|()| true),
            Poll::Pending => Ok(false),
        }
    }
}

fn poll_write<S: AsyncWrite + Unpin>(
    io: &mut S,
    cx: &mut Context<'_>,
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    match ready!(Pin::new(io).poll_write(cx, bytes)) {
        Ok(0) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        written => Poll::Ready(written),
    }
}

/// The receive half.
#[derive(Debug)]
pub struct Receiver<S> {
    socket: Shared<S>,
    /// What came and is no whole message yet.
    buffer: BytesMut,
    decoder: Decoder,
    /// When bytes last came: a large message on a slow line is a sign of life before it is complete.
    heard: Instant,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Receiver<S> {
    /// Waits for more bytes; `false`: the connection is gone. What has to be written meanwhile is.
    async fn more(&mut self) -> bool {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        let read = std::future::poll_fn(|cx| {
            let mut socket = self.socket.lock();
            if socket.unflushed || socket.pong.is_some() {
                // The send loop may be at rest, and this task comes here again once more can be written.
                _ = socket.poll_flush(cx)?;
            }
            socket.poll_read(cx, &mut self.buffer)
        });
        let came = matches!(read.await, Ok(read) if read > 0);
        if came {
            self.heard = Instant::now();
        }
        came
    }

    fn take(&self, frame: Frame) -> Received {
        match frame {
            Frame::Text(text) => Received::Envelope {
                text,
                ordered: true,
            },
            Frame::Ping(payload) => {
                self.socket.lock().pong = Some(payload);
                Received::Alive
            }
            Frame::Pong => Received::Alive,
            Frame::Close(code) => {
                frame::put_close(&mut self.socket.lock().out, code, "");
                Received::End(end_of(code))
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Receive for Receiver<S> {
    async fn receive(&mut self) -> Received {
        loop {
            match self.decoder.next(&mut self.buffer) {
                Ok(Some(frame)) => return self.take(frame),
                Ok(None) => {}
                Err(close) => return Received::End(End::Violation(close)),
            }
            if !self.more().await {
                return Received::End(End::Broken);
            }
        }
    }

    fn heard(&self) -> Option<Instant> {
        Some(self.heard)
    }

    fn open_lanes(&mut self) {}

    async fn discard(&mut self) {
        loop {
            self.buffer.clear();
            if !self.more().await {
                return;
            }
        }
    }
}

/// Is a Close of the peer its leaving, or a break?
fn end_of(code: Option<u16>) -> End {
    match code {
        None | Some(1000 | 1001) => End::Clean,
        Some(_) => End::Broken,
    }
}

fn put_all(frames: &mut Vec<u8>, batch: &[Text]) {
    for text in batch {
        frame::put_text(frames, text);
    }
}

/// The send half.
#[derive(Debug)]
pub struct Sender<S> {
    socket: Shared<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Sender<S> {
    /// Writes frames, and flushes. Whole ones are left where it is given up in the middle.
    async fn write(&mut self, put: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut put = Some(put);
        std::future::poll_fn(|cx| {
            let mut socket = self.socket.lock();
            if let Some(put) = put.take() {
                socket.start_write(cx, put)?;
            }
            socket.poll_flush(cx)
        })
        .await
    }

    async fn shut_down(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| Pin::new(&mut self.socket.lock().io).poll_shutdown(cx)).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Transmit for Sender<S> {
    async fn send(&mut self, batch: &[Text]) -> io::Result<()> {
        self.write(|frames| put_all(frames, batch)).await
    }

    async fn ping(&mut self) -> io::Result<()> {
        self.write(frame::put_ping).await
    }

    async fn goodbye(&mut self, bye: Text, close: &Close) -> io::Result<()> {
        self.write(|frames| {
            frame::put_text(frames, &bye);
            frame::put_close(frames, Some(close.code), &close.reason);
        })
        .await?;
        self.shut_down().await
    }

    async fn cut(&mut self, _: &Close) {
        // A Close frame would have to wait like all the rest.
    }

    async fn hang_up(&mut self) -> io::Result<()> {
        // The answer to the peer's Close is waiting.
        let flushed = self.write(|_| {}).await;
        self.shut_down().await.and(flushed)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// Both are written out of the memory of one thread.
    #[tokio::test]
    async fn what_a_broken_connection_did_not_take_is_written_to_no_other() {
        let message_bytes = Arc::new(AtomicUsize::new(1024));
        let (near, far) = duplex(64);
        drop(far);
        let mut broken = connection(near, Bytes::new(), Arc::clone(&message_bytes));
        let sent = broken.transmitter.send(&["secret".into()]).await;
        assert!(sent.is_err());
        let (near, mut far) = duplex(64);
        let mut other = connection(near, Bytes::new(), message_bytes);
        let sent = other.transmitter.send(&["hello".into()]).await;
        sent.expect("it is whole");
        drop(other);
        let mut written = Vec::new();
        far.read_to_end(&mut written).await.expect("an end");
        assert_eq!(written, b"\x81\x05hello");
    }

    /// The send loop is at rest, so that nobody else would write the rest of an answer.
    #[tokio::test]
    async fn a_pong_that_does_not_fit_is_written_as_soon_as_it_does() {
        let payload = [7; 125];
        let ping = [&[0x89, 0x80 | 125, 0, 0, 0, 0][..], &payload].concat();
        let (near, mut far) = duplex(64);
        let message_bytes = Arc::new(AtomicUsize::new(1024));
        let Connection { mut receiver, .. } = connection(near, Bytes::new(), message_bytes);
        let relay =
            tokio::spawn(async move { while let Received::Alive = receiver.receive().await {} });
        far.write_all(&ping).await.expect("taken");
        let mut pong = [0; 2 + 125];
        let read = far.read_exact(&mut pong);
        let patience = std::time::Duration::from_secs(30);
        let read = tokio::time::timeout(patience, read).await;
        read.expect("it comes").expect("all of it");
        assert_eq!(pong, *[&[0x8a, 125][..], &payload].concat());
        drop(far);
        relay.await.expect("ends");
    }
}
