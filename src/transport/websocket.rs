//! WebSocket (RFC 6455): one text message per envelope.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{SinkExt, Stream};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        error::CapacityError,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{Connection, End, Receive, Received, Transmit, broken};
use crate::{envelope::Text, outbox::Close};

/// What an idle peer's read buffer costs; larger messages borrow more for as long as they last.
const READ_BUFFER: usize = 4 * 1024;
/// What is gathered before it is written without a flush.
const WRITE_BUFFER: usize = 16 * 1024;

/// Takes over a byte stream whose upgrade is answered. `read` is what came behind the request already.
pub async fn connection<S>(
    io: S,
    read: Bytes,
    message_bytes: usize,
) -> Connection<Receiver<S>, Sender<S>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(message_bytes))
        .max_frame_size(Some(message_bytes));
    let heard = Heard::default();
    let io = Watched {
        io,
        heard: heard.clone(),
    };
    let socket =
        WebSocketStream::from_partially_read(io, read.into(), Role::Server, Some(config)).await;
    let socket = Arc::new(Mutex::new(socket));
    Connection {
        receiver: Receiver {
            socket: Arc::clone(&socket),
            heard,
        },
        transmitter: Sender { socket },
        lanes: None,
    }
}

/// Both halves are driven by one task; the lock is never waited for.
type Shared<S> = Arc<Mutex<WebSocketStream<Watched<S>>>>;

/// The receive half.
#[derive(Debug)]
pub struct Receiver<S> {
    socket: Shared<S>,
    heard: Heard,
}

/// The send half.
#[derive(Debug)]
pub struct Sender<S> {
    socket: Shared<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Receiver<S> {
    async fn message(&mut self) -> Option<tungstenite::Result<Message>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self.socket.lock()).poll_next(cx)).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Receive for Receiver<S> {
    async fn receive(&mut self) -> Received {
        match self.message().await {
            Some(Ok(Message::Text(text))) => Received::Envelope {
                text,
                ordered: true,
            },
            Some(Ok(Message::Binary(_))) => {
                violation(1003, "binary message: send each envelope as a text message")
            }
            Some(Ok(Message::Close(frame))) => Received::End(end_of(frame.as_ref())),
            Some(Ok(_)) => Received::Alive,
            Some(Err(error)) => Received::End(end_by(&error)),
            None => Received::End(End::Broken),
        }
    }

    fn heard(&self) -> Option<Instant> {
        Some(self.heard.last())
    }

    fn open_lanes(&mut self) {}

    async fn discard(&mut self) {
        while let Some(Ok(_)) = self.message().await {}
        // After a violation no message is read any more, but bytes still come.
        let mut scratch = [0; 4096];
        loop {
            let read = std::future::poll_fn(|cx| {
                let mut buffer = ReadBuf::new(&mut scratch);
                let mut socket = self.socket.lock();
                ready!(Pin::new(socket.get_mut()).poll_read(cx, &mut buffer))?;
                Poll::Ready(io::Result::Ok(buffer.filled().len()))
            });
            match read.await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }
}

fn violation(code: u16, reason: &'static str) -> Received {
    Received::End(End::Violation(Close::new(code, reason)))
}

/// Is a Close of the peer its leaving, or a break?
fn end_of(frame: Option<&CloseFrame>) -> End {
    match frame.map(|frame| u16::from(frame.code)) {
        None | Some(1000 | 1001 | 1005) => End::Clean,
        Some(_) => End::Broken,
    }
}

fn end_by(error: &tungstenite::Error) -> End {
    let close = match error {
        tungstenite::Error::Capacity(CapacityError::MessageTooLong { max_size, .. }) => {
            Close::new(1009, format!("a message may have at most {max_size} bytes"))
        }
        tungstenite::Error::Capacity(_) => Close::new(1009, "the message is too big"),
        tungstenite::Error::Utf8(_) => Close::new(1007, "a text message that is not UTF-8"),
        tungstenite::Error::Protocol(
            tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        ) => return End::Broken,
        tungstenite::Error::Protocol(error) => Close::new(1002, error.to_string()),
        _ => return End::Broken,
    };
    End::Violation(close)
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Sender<S> {
    /// Gives a message to the socket's buffer, which is written when it is full.
    async fn feed(&mut self, message: Message) -> io::Result<()> {
        let mut message = Some(message);
        std::future::poll_fn(|cx| {
            let mut socket = self.socket.lock();
            ready!(socket.poll_ready_unpin(cx))?;
            match message.take() {
                Some(message) => Poll::Ready(socket.start_send_unpin(message)),
                None => Poll::Ready(Ok(())),
            }
        })
        .await
        .map_err(broken)
    }

    async fn flush(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.socket.lock().poll_flush_unpin(cx))
            .await
            .map_err(broken)
    }

    async fn shut_down(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| Pin::new(self.socket.lock().get_mut()).poll_shutdown(cx)).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Transmit for Sender<S> {
    async fn send(&mut self, batch: &[Text]) -> io::Result<()> {
        for text in batch {
            self.feed(Message::Text(text.clone())).await?;
        }
        self.flush().await
    }

    async fn ping(&mut self) -> io::Result<()> {
        self.feed(Message::Ping(Bytes::new())).await?;
        self.flush().await
    }

    async fn goodbye(&mut self, bye: Text, close: &Close) -> io::Result<()> {
        self.feed(Message::Text(bye)).await?;
        self.feed(Message::Close(Some(CloseFrame {
            code: CloseCode::from(close.code),
            reason: close.reason.as_ref().into(),
        })))
        .await?;
        self.flush().await?;
        self.shut_down().await
    }

    async fn cut(&mut self, _: &Close) {
        // A Close frame would have to wait like all the rest.
    }

    async fn hang_up(&mut self) -> io::Result<()> {
        // The flush writes the answer to the peer's Close.
        let flushed = self.flush().await;
        self.shut_down().await.and(flushed)
    }
}

/// When bytes last came, in milliseconds since it was made. Shared by a socket and its receive half.
#[derive(Debug, Clone)]
struct Heard {
    start: Instant,
    last: Arc<AtomicU64>,
}

impl Default for Heard {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            last: Arc::default(),
        }
    }
}

impl Heard {
    fn now(&self) {
        let elapsed = self.start.elapsed().as_millis();
        self.last
            .store(elapsed.try_into().unwrap_or(u64::MAX), Relaxed);
    }

    fn last(&self) -> Instant {
        self.start + Duration::from_millis(self.last.load(Relaxed))
    }
}

/// A byte stream that notes when bytes came: a large message on a slow line is a sign of life before it is
/// complete.
#[derive(Debug)]
struct Watched<S> {
    io: S,
    heard: Heard,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.heard.now();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
