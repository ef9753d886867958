//! Raw bytes to and from a WebSocket listener: HTTP as it is written, and frames made by hand.

use std::sync::Arc;

use intercessor::client::Trust;
use rustls_pki_types::ServerName;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{PATIENCE, TestRelay, Via};

/// The headers of a WebSocket handshake (RFC 6455, 1.3), after a `Host`.
pub const UPGRADE: &str = "Host: relay.example\r\n\
    Upgrade: websocket\r\n\
    Connection: keep-alive, Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
/// What the relay has to answer to its key.
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// How little the system takes for a [`Wire::slow`].
const SMALL_BUFFER: u32 = 4 * 1024;
/// Any will do.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xa;
/// The bit of a message's last frame.
pub const FIN: u8 = 0x80;

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A connection to a WebSocket listener.
pub struct Wire {
    io: Box<dyn Io>,
    /// What came and was not asked for yet.
    buffer: Vec<u8>,
}

/// An HTTP response.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    /// The value of a header that must not be there twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(header, _)| header == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} is there twice: {self:?}");
        value
    }
}

/// A frame that the relay sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    /// FIN, the reserved bits and the opcode.
    pub first: u8,
    pub payload: Vec<u8>,
}

impl Wire {
    /// Connects, with TLS where the transport has it.
    pub async fn connect(relay: &TestRelay, via: Via) -> Self {
        let stream = TcpStream::connect(relay.address(via))
            .await
            .expect("connects");
        Self::over(stream, via).await
    }

    /// The same, and the system takes little of what comes before the test reads it, and of what the test writes
    /// before the relay does.
    pub async fn slow(relay: &TestRelay, via: Via) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(SMALL_BUFFER).expect("a size");
        socket.set_send_buffer_size(SMALL_BUFFER).expect("a size");
        let address = relay.address(via).parse().expect("an address");
        Self::over(socket.connect(address).await.expect("connects"), via).await
    }

    async fn over(stream: TcpStream, via: Via) -> Self {
        let io: Box<dyn Io> = match via {
            Via::Wss => {
                let tls = Trust::Anything.client_config("http/1.1").expect("TLS");
                let connector = TlsConnector::from(Arc::new(tls));
                let name = ServerName::try_from("localhost").expect("a name");
                Box::new(connector.connect(name, stream).await.expect("TLS"))
            }
            _ => return Self::plain(stream),
        };
        Self {
            io,
            buffer: Vec::new(),
        }
    }

    /// A connection without TLS.
    pub fn plain(stream: TcpStream) -> Self {
        Self::over_any(stream)
    }

    /// Whatever brings bytes and takes them.
    pub fn over_any(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        Self {
            io: Box::new(stream),
            buffer: Vec::new(),
        }
    }

    /// A WebSocket, its upgrade done.
    pub async fn socket(relay: &TestRelay, via: Via, path: &str) -> Self {
        Self::connect(relay, via).await.upgrade(path).await
    }

    /// Upgrades a connection to a WebSocket.
    pub async fn upgrade(mut self, path: &str) -> Self {
        self.write(format!("GET {path} HTTP/1.1\r\n{UPGRADE}\r\n"))
            .await;
        let response = self.response().await;
        assert_eq!(response.status, 101, "{response:?}");
        self
    }

    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_write(bytes).await.expect("written");
    }

    pub async fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        timeout(PATIENCE, async {
            self.io.write_all(bytes.as_ref()).await?;
            self.io.flush().await
        })
        .await
        .expect("taken in time")
    }

    /// Ends this direction.
    pub async fn shut_down(&mut self) {
        self.io.shutdown().await.expect("shut down");
    }

    /// Reads more; `false` at a clean end. A reset fails the test.
    async fn more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.io.read_buf(&mut self.buffer)).await;
        read.expect("something comes in time").expect("no reset") > 0
    }

    async fn take(&mut self, bytes: usize) -> Vec<u8> {
        while self.buffer.len() < bytes {
            assert!(self.more().await, "ended after {:?}", self.buffer);
        }
        self.buffer.drain(..bytes).collect()
    }

    /// The next response.
    pub async fn response(&mut self) -> Response {
        let mut response = self.head().await;
        if let Some(length) = response.header("content-length") {
            let length = length.parse().expect("a length");
            response.body = String::from_utf8(self.take(length).await).expect("text");
        }
        response
    }

    /// The next response up to its body.
    pub async fn head(&mut self) -> Response {
        let head = loop {
            if let Some(at) = self
                .buffer
                .windows(4)
                .position(|bytes| bytes == b"\r\n\r\n")
            {
                break String::from_utf8(self.take(at + 4).await).expect("a head");
            }
            assert!(self.more().await, "ended without a response");
        };
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let header = |line: &str| {
            let (name, value) = line.split_once(':').expect("a header");
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        Response {
            status: status.and_then(|it| it.parse().ok()).expect("a status"),
            headers: lines.map(header).collect(),
            body: String::new(),
        }
    }

    /// The relay ends the connection, and nothing more comes before.
    pub async fn ended(&mut self) {
        let more = !self.buffer.is_empty() || self.more().await;
        assert!(!more, "more came: {:?}", self.buffer);
    }

    /// The relay ends or resets the connection, and nothing more comes before.
    pub async fn ended_somehow(&mut self) {
        let read = timeout(PATIENCE, self.io.read_buf(&mut self.buffer)).await;
        let read = read.expect("ends in time");
        assert!(matches!(read, Ok(0) | Err(_)), "{:?}", self.buffer);
    }

    /// Sends a masked frame.
    pub async fn frame(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        self.write(frame(first, payload.as_ref(), Some(MASK))).await;
    }

    /// Sends a text message in one frame.
    pub async fn text(&mut self, text: impl AsRef<str>) {
        self.frame(FIN | TEXT, text.as_ref()).await;
    }

    /// The next frame, which must be neither masked nor larger than the tests' messages.
    pub async fn next_frame(&mut self) -> Frame {
        let head = self.take(2).await;
        let length = match head[1] {
            126 => usize::from(u16::from_be_bytes(
                self.take(2).await.try_into().expect("two"),
            )),
            127 => panic!("a large frame"),
            short => usize::from(short),
        };
        Frame {
            first: head[0],
            payload: self.take(length).await,
        }
    }

    /// The next frame, which must be a whole text message: an envelope.
    pub async fn envelope(&mut self) -> Value {
        let Frame { first, payload } = self.next_frame().await;
        assert_eq!(first, FIN | TEXT, "{}", String::from_utf8_lossy(&payload));
        serde_json::from_slice(&payload).expect("JSON")
    }

    /// HELLO, which must be the next; its id.
    pub async fn hello(&mut self) -> String {
        let hello = self.envelope().await;
        assert_eq!(hello["type"], "HELLO", "{hello}");
        hello["message"]["id"].as_str().expect("an id").to_owned()
    }

    /// BYE, then Close with the same code and reason, then the end; not reset before this side has gone as well.
    pub async fn closed(&mut self, code: u16) {
        let bye = self.envelope().await;
        assert_eq!(bye["type"], "BYE", "{bye}");
        assert_eq!(bye["message"]["code"], code, "{bye}");
        let close = self.next_frame().await;
        assert_eq!(close.first, FIN | CLOSE);
        let (told, reason) = close.payload.split_at(2);
        assert_eq!(told, code.to_be_bytes());
        assert_eq!(
            bye["message"]["reason"].as_str().map(str::as_bytes),
            Some(reason)
        );
        self.ended().await;
    }
}

/// A frame, masked or not.
pub fn frame(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(masked | short as u8),
        middle @ 126..0x1_0000 => {
            bytes.push(masked | 126);
            bytes.extend((middle as u16).to_be_bytes());
        }
        long => {
            bytes.push(masked | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    let mask = mask.inspect(|mask| bytes.extend(mask)).unwrap_or_default();
    bytes.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    bytes
}
