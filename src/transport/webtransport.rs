//! WebTransport over HTTP/3: a session stream of newline-delimited JSON, and two lanes beside it.

pub mod session;

use std::{
    future::poll_fn,
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use parking_lot::Mutex;
use quinn::{ReadError, ReadToEndError, RecvStream, SendStream, VarInt};
use tokio::time::{Instant, timeout};

use self::session::{Session, Uni, end_of};
use super::{Connection, End, LINGER, Receive, Received, Transmit, broken};
use crate::{
    envelope::Text,
    outbox::{Close, Port, WriteNow},
};

/// Independent envelopes that a peer may have under way at once.
pub const MAX_INCOMING_STREAMS: usize = 16;
/// How long a browser gets to hand the last words on to its page.
const HANDED_ON: Duration = Duration::from_millis(100);
/// What is read from the session stream at once.
const CHUNK: usize = 16 * 1024;
/// How often the session stream is read before the other lanes have a turn.
const MAX_IN_A_ROW: usize = 16;

/// Waits for the session stream, which the peer opens at once.
pub async fn connection(
    session: &Arc<Session>,
    message_bytes: &Arc<AtomicUsize>,
    within: Duration,
) -> Option<Connection<Receiver, Sender>> {
    let (send, receive) = match timeout(within, session.accept_bi()).await {
        Ok(opened) => opened.ok()?,
        Err(_) => {
            session
                .close(4408, "no session stream was opened in time")
                .await;
            return None;
        }
    };
    let stream = Arc::new(Mutex::new(Outgoing {
        stream: send,
        left: Bytes::new(),
    }));
    Some(Connection {
        port: Some(Arc::clone(&stream) as Arc<dyn Port>),
        lanes: Some(Lanes(Arc::clone(session))),
        transmitter: Sender {
            session: Arc::clone(session),
            stream,
        },
        receiver: Receiver {
            ended: Box::pin(session.ended()),
            session: Arc::clone(session),
            stream: receive,
            buffer: BytesMut::new(),
            searched: 0,
            in_a_row: 0,
            lanes_open: false,
            incoming: FuturesUnordered::new(),
            kept: Vec::new(),
            message_bytes: Arc::clone(message_bytes),
            within,
        },
    })
}

/// The receive half: the session stream and, once there was a HELLO, streams and datagrams.
pub struct Receiver {
    session: Arc<Session>,
    /// The peer's word on the CONNECT stream that the session is over.
    ended: BoxFuture<'static, End>,
    stream: RecvStream,
    /// What came of the session stream and is not yet a line.
    buffer: BytesMut,
    /// How much of it is known to have no line end.
    searched: usize,
    /// How often the session stream was read without a look at the other lanes.
    in_a_row: usize,
    lanes_open: bool,
    /// Streams whose header or envelope is being read.
    incoming: FuturesUnordered<BoxFuture<'static, Incoming>>,
    /// Streams of HTTP/3 itself, which must not be closed.
    kept: Vec<RecvStream>,
    message_bytes: Arc<AtomicUsize>,
    within: Duration,
}

/// What came of a stream.
enum Incoming {
    Received(Received),
    Keep(RecvStream),
    Nothing,
}

impl Receiver {
    /// The next line that has come whole. Empty ones are passed over.
    fn line(&mut self) -> Option<Received> {
        let most = self.message_bytes.load(Relaxed);
        while let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
            let mut line = self.buffer.split_to(self.searched + at + 1);
            self.searched = 0;
            line.truncate(line.len() - 1);
            if line.len() > most {
                return Some(too_big(most));
            }
            if !line.trim_ascii().is_empty() {
                return Some(envelope(line.freeze(), true));
            }
        }
        self.searched = self.buffer.len();
        if self.buffer.is_empty() {
            // An idle peer costs no buffer.
            self.buffer = BytesMut::new();
        }
        (self.searched > most).then(|| too_big(most))
    }

    /// What has come on the session stream already. Looking at every lane is dear, so that is done only now and then
    /// for as long as there is something.
    fn read_now(&mut self) -> Option<Result<Option<quinn::Chunk>, ReadError>> {
        if self.in_a_row == MAX_IN_A_ROW {
            self.in_a_row = 0;
            return None;
        }
        let read = self.stream.read_chunk(CHUNK, true).now_or_never();
        self.in_a_row = if read.is_some() { self.in_a_row + 1 } else { 0 };
        read
    }

    /// Waits for whatever comes next on any lane; `None`: something came that is not yet an envelope.
    async fn wait(&mut self) -> Option<Received> {
        let lanes = self.lanes_open;
        let room = self.incoming.len() < MAX_INCOMING_STREAMS;
        let most = self.message_bytes.load(Relaxed);
        tokio::select! {
            chunk = self.stream.read_chunk(CHUNK, true) => self.take(chunk),
            end = &mut self.ended => Some(self.end(end)),
            Some(done) = self.incoming.next() => match done {
                Incoming::Received(received) => Some(received),
                Incoming::Keep(stream) => {
                    // HTTP/3 has two of them.
                    self.kept.push(stream);
                    self.kept.truncate(2);
                    None
                }
                Incoming::Nothing => None,
            },
            // That a connection is gone is seen on the session stream alone, behind what has come on it.
            Ok(stream) = self.session.connection.accept_uni(), if lanes && room => {
                let session = Arc::clone(&self.session);
                let (message_bytes, within) = (self.message_bytes.load(Relaxed), self.within);
                self.incoming.push(Box::pin(read(session, stream, message_bytes, within)));
                None
            }
            Ok(datagram) = self.session.connection.read_datagram(), if lanes => {
                match self.session.payload(datagram) {
                    Some(payload) if payload.len() > most => Some(too_big(most)),
                    payload => payload.map(|payload| envelope(payload, false)),
                }
            }
            Ok((_, mut stream)) = self.session.connection.accept_bi() => {
                let session = Arc::clone(&self.session);
                self.incoming.push(Box::pin(async move {
                    match session.is_ours(&mut stream).await {
                        true => Incoming::Received(violation(1002, "a second bidirectional stream")),
                        false => Incoming::Nothing,
                    }
                }));
                None
            }
        }
    }

    fn take(&mut self, read: Result<Option<quinn::Chunk>, ReadError>) -> Option<Received> {
        match read {
            Ok(Some(chunk)) => {
                self.buffer.extend_from_slice(&chunk.bytes);
                None
            }
            Ok(None) => Some(Received::End(End::Clean)),
            Err(ReadError::ConnectionLost(error)) => Some(Received::End(end_of(&error))),
            Err(_) => Some(Received::End(End::Broken)),
        }
    }

    /// The session is over, but what has come before its end counts.
    fn end(&mut self, end: End) -> Received {
        while let Some(Ok(Some(chunk))) = self.stream.read_chunk(CHUNK, true).now_or_never() {
            self.buffer.extend_from_slice(&chunk.bytes);
        }
        // Where the connection is gone as well, its reason is the better one.
        let end = match self.session.connection.close_reason() {
            Some(error) => end_of(&error),
            None => end,
        };
        self.ended = Box::pin(std::future::ready(end.clone()));
        self.line().unwrap_or(Received::End(end))
    }
}

impl Receive for Receiver {
    async fn receive(&mut self) -> Received {
        loop {
            if let Some(line) = self.line() {
                return line;
            }
            let received = match self.read_now() {
                Some(read) => self.take(read),
                None => self.wait().await,
            };
            if let Some(received) = received {
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
        self.session.connection.closed().await;
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // QUIC keeps a connection open for as long as somebody has a handle; where it is closed already, this does
        // nothing that the peer sees.
        self.session.connection.close(H3_NO_ERROR, b"");
    }
}

/// RFC 9114, 8.1.
pub const H3_NO_ERROR: VarInt = VarInt::from_u32(0x100);

/// Reads an envelope alone in a stream, and stops one that is unfinished after some time.
async fn read(
    session: Arc<Session>,
    mut stream: RecvStream,
    message_bytes: usize,
    within: Duration,
) -> Incoming {
    let read = async {
        match session.header(&mut stream).await {
            Uni::Session => {}
            other => return Err(other),
        }
        Ok(stream.read_to_end(message_bytes).await)
    };
    match timeout(within, read).await {
        Ok(Ok(Ok(bytes))) => Incoming::Received(envelope(bytes.into(), false)),
        Ok(Ok(Err(ReadToEndError::TooLong))) => Incoming::Received(too_big(message_bytes)),
        // The peer gave it up.
        Ok(Ok(Err(ReadToEndError::Read(_)))) => Incoming::Nothing,
        Ok(Err(Uni::Http3)) => Incoming::Keep(stream),
        Ok(Err(_)) => Incoming::Nothing,
        Err(_) => {
            _ = stream.stop(session::code(4408));
            Incoming::Nothing
        }
    }
}

fn envelope(bytes: Bytes, ordered: bool) -> Received {
    Text::try_from(bytes).map_or_else(
        |_| violation(1007, "text that is not UTF-8"),
        |text| Received::Envelope { text, ordered },
    )
}

fn too_big(message_bytes: usize) -> Received {
    let reason = format!("a message may have at most {message_bytes} bytes");
    Received::End(End::Violation(Close::new(1009, reason)))
}

fn violation(code: u16, reason: &'static str) -> Received {
    Received::End(End::Violation(Close::new(code, reason)))
}

/// The session stream, outwards: the send loop writes to it, and others do at once (see [`Port`]).
struct Outgoing {
    stream: SendStream,
    /// Of what was begun to be written, what QUIC has not taken yet.
    left: Bytes,
}

impl Outgoing {
    /// Begins to write a batch; nothing may be left of the one before.
    fn begin(&mut self, batch: &[Text]) {
        debug_assert!(self.left.is_empty(), "somebody else is writing");
        let lines: usize = batch.iter().map(|text| text.len() + 1).sum();
        let mut bytes = BytesMut::with_capacity(lines);
        for text in batch {
            bytes.extend_from_slice(text.as_bytes());
            bytes.extend_from_slice(b"\n");
        }
        self.left = bytes.freeze();
    }

    /// Gives QUIC all that is left.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.left.is_empty() {
            let left = std::slice::from_mut(&mut self.left);
            ready!(pin!(self.stream.write_chunks(left)).poll(cx)).map_err(broken)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl Port for Mutex<Outgoing> {
    fn at_once(&self, write: &mut dyn FnMut(&mut dyn WriteNow)) -> bool {
        let Some(mut outgoing) = self.try_lock() else {
            return false;
        };
        write(&mut *outgoing);
        true
    }

    fn settle(&self) {
        drop(self.lock());
    }
}

impl WriteNow for Outgoing {
    fn write_now(&mut self, batch: &[Text]) -> io::Result<bool> {
        self.begin(batch);
        match self.poll_flush(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(written) => written.map(|()| true),
            Poll::Pending => Ok(false),
        }
    }
}

/// The send half: the session stream.
pub struct Sender {
    session: Arc<Session>,
    stream: Arc<Mutex<Outgoing>>,
}

impl Sender {
    async fn close(&mut self, code: u16, reason: &str) -> io::Result<()> {
        let (finished, stopped) = {
            let mut outgoing = self.stream.lock();
            let finished = outgoing.stream.finish().map_err(broken);
            (finished, outgoing.stream.stopped())
        };
        if finished.is_ok() {
            // Closing a session drops what is not delivered, so the peer gets a moment to take it.
            _ = timeout(LINGER, stopped).await;
            // A browser has it by now, and its page may not: the end of the session would overtake it there.
            _ = timeout(HANDED_ON, self.session.connection.closed()).await;
        }
        self.session.close(code, reason).await;
        finished
    }
}

impl Transmit for Sender {
    async fn send(&mut self, batch: &[Text]) -> io::Result<()> {
        // An empty batch is what others have begun to write.
        if !batch.is_empty() {
            self.stream.lock().begin(batch);
        }
        poll_fn(|cx| self.stream.lock().poll_flush(cx)).await
    }

    async fn ping(&mut self) -> io::Result<()> {
        Ok(())
    }

    async fn goodbye(&mut self, bye: Text, close: &Close) -> io::Result<()> {
        // A batch that was given up in the middle: what follows would be part of a line of it.
        let torn = !self.stream.lock().left.is_empty();
        let said = match torn {
            true => Err(broken("a line was left unfinished")),
            false => self.send(&[bye]).await,
        };
        self.close(close.code, &close.reason).await.and(said)
    }

    async fn cut(&mut self, close: &Close) {
        self.session.close(close.code, &close.reason).await;
    }

    async fn hang_up(&mut self) -> io::Result<()> {
        self.close(1000, "").await
    }
}

/// The ways out beside the session stream.
pub struct Lanes(Arc<Session>);

impl Lanes {
    /// Sends an envelope in a stream of its own; done once all of it is given to QUIC.
    pub async fn independent(&self, text: Text) -> io::Result<()> {
        let mut stream = self.0.open_uni().await?;
        stream.write_chunk(text.into()).await.map_err(broken)?;
        stream.finish().map_err(broken)
    }

    /// Sends an envelope in a datagram. `false`: it does not fit, or the peer takes none.
    pub fn datagram(&self, text: &Text) -> bool {
        self.0.send_datagram(text.as_bytes())
    }
}
