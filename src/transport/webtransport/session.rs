//! One WebTransport session on an HTTP/3 connection (draft-ietf-webtrans-http3): its handshake, the streams and
//! datagrams that carry its id, and its end.
//!
//! The library has a session of its own, which forgets why a connection ended: it closes the connection itself as soon
//! as the CONNECT stream is gone. Whether a peer has left or its connection broke must not depend on who is faster.

use std::{io, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use hyper::StatusCode;
use parking_lot::Mutex;
use quinn::{Connection, ConnectionError, RecvStream, SendStream};
use tokio::time::timeout;
use web_transport_proto::{
    Capsule, ConnectRequest, ConnectResponse, Frame, Http3CapsuleReader, Settings, StreamUni,
    VarInt, error_from_http3, error_to_http3,
};

use super::super::{End, broken};

/// How long a peer gets to close the connection after it was told that the session is over, at least.
const CLOSE_PATIENCE: Duration = Duration::from_millis(100);

/// The control streams of both sides (RFC 9114, 6.2.1). HTTP/3 wants them to stay open.
type Control = (SendStream, RecvStream);

async fn open_control(connection: &Connection) -> io::Result<SendStream> {
    let mut settings = Settings::default();
    settings.enable_webtransport(1);
    let mut stream = connection.open_uni().await?;
    settings.write(&mut stream).await.map_err(broken)?;
    Ok(stream)
}

async fn accept_control(connection: &Connection) -> io::Result<RecvStream> {
    let mut stream = connection.accept_uni().await?;
    let settings = Settings::read(&mut stream).await.map_err(broken)?;
    match settings.supports_webtransport() {
        0 => Err(broken("the peer does not speak WebTransport")),
        _ => Ok(stream),
    }
}

/// A request for a session.
pub struct Request {
    connection: Connection,
    control: Control,
    connect: ConnectRequest,
    send: SendStream,
    receive: RecvStream,
}

impl Request {
    /// Waits for the request that begins a connection. `None`: something else came, or nothing.
    pub async fn accept(connection: Connection) -> Option<Self> {
        let control =
            tokio::try_join!(open_control(&connection), accept_control(&connection)).ok()?;
        let (send, mut receive) = connection.accept_bi().await.ok()?;
        let connect = ConnectRequest::read(&mut receive).await.ok()?;
        Some(Self {
            connection,
            control,
            connect,
            send,
            receive,
        })
    }

    /// What is asked for.
    pub fn connect(&self) -> &ConnectRequest {
        &self.connect
    }

    /// Grants the session, with this subprotocol where one is selected.
    pub async fn grant(self, protocol: Option<&str>) -> Option<Session> {
        let response = match protocol {
            Some(protocol) => ConnectResponse::OK.with_protocol(protocol),
            None => ConnectResponse::OK,
        };
        self.respond(response).await
    }

    /// Refuses it. What comes back has to be kept until the peer has read the status.
    pub async fn refuse(self, status: StatusCode) -> Option<Session> {
        self.respond(ConnectResponse::new(status)).await
    }

    async fn respond(mut self, response: ConnectResponse) -> Option<Session> {
        response.write(&mut self.send).await.ok()?;
        let id = quinn::VarInt::from(self.send.id());
        Some(Session {
            id: VarInt::from_u64(id.into_inner()).ok()?,
            connection: self.connection,
            _control: self.control,
            connect: Mutex::new(Some(self.send)),
            capsules: Mutex::new(Some(self.receive)),
        })
    }
}

/// A session, or what is left of one that was refused.
pub struct Session {
    /// The QUIC connection, which carries this session alone.
    pub connection: Connection,
    id: VarInt,
    _control: Control,
    connect: Mutex<Option<SendStream>>,
    capsules: Mutex<Option<RecvStream>>,
}

impl Session {
    /// Waits until the peer ends the session by its CONNECT stream. Can be waited for once.
    pub fn ended(&self) -> impl Future<Output = End> + Send + use<> {
        let capsules = self.capsules.lock().take();
        async move {
            let Some(stream) = capsules else {
                return std::future::pending().await;
            };
            let mut reader = Http3CapsuleReader::new(stream);
            loop {
                match reader.read().await {
                    Ok(Some(Capsule::CloseWebTransportSession { code, .. })) => {
                        return end_by_code(code);
                    }
                    Ok(Some(_)) => {}
                    // The end of the stream without a code means 0.
                    Ok(None) => return End::Clean,
                    // Where the whole connection is gone, the session stream knows why.
                    Err(_) => return End::Broken,
                }
            }
        }
    }

    /// The next bidirectional stream of this session.
    pub async fn accept_bi(&self) -> Result<(SendStream, RecvStream), ConnectionError> {
        loop {
            let (send, mut receive) = self.connection.accept_bi().await?;
            if self.is_ours(&mut receive).await {
                return Ok((send, receive));
            }
        }
    }

    /// Is this bidirectional stream one of this session? Reads its header.
    pub async fn is_ours(&self, stream: &mut RecvStream) -> bool {
        is_ours(stream, Frame::WEBTRANSPORT.0, self.id).await
    }

    /// Opens a unidirectional stream.
    pub async fn open_uni(&self) -> io::Result<SendStream> {
        let mut stream = self.connection.open_uni().await.map_err(broken)?;
        let mut header = BytesMut::new();
        StreamUni::WEBTRANSPORT.encode(&mut header);
        self.id.encode(&mut header);
        stream.write_chunk(header.freeze()).await.map_err(broken)?;
        Ok(stream)
    }

    /// Reads the header of a unidirectional stream.
    pub async fn header(&self, stream: &mut RecvStream) -> Uni {
        let Ok(kind) = VarInt::read(stream).await else {
            return Uni::Other;
        };
        match StreamUni(kind) {
            StreamUni::WEBTRANSPORT if VarInt::read(stream).await == Ok(self.id) => Uni::Session,
            StreamUni::QPACK_ENCODER | StreamUni::QPACK_DECODER => Uni::Http3,
            _ => Uni::Other,
        }
    }

    /// Sends a datagram (RFC 9297, 2.1). `false`: it does not fit, or the peer takes none.
    pub fn send_datagram(&self, payload: &[u8]) -> bool {
        let mut datagram = BytesMut::with_capacity(VarInt::MAX_SIZE + payload.len());
        self.quarter_id().encode(&mut datagram);
        datagram.extend_from_slice(payload);
        self.connection.send_datagram(datagram.freeze()).is_ok()
    }

    /// What a datagram carries, if it is one of this session.
    pub fn payload(&self, mut datagram: Bytes) -> Option<Bytes> {
        let id = VarInt::decode(&mut datagram).ok()?;
        (id == self.quarter_id()).then(|| datagram.copy_to_bytes(datagram.remaining()))
    }

    fn quarter_id(&self) -> VarInt {
        // A quarter of what fits fits.
        VarInt::from_u64(self.id.into_inner() / 4).unwrap_or_default()
    }

    /// Ends the session with a code, and the connection with it.
    pub async fn close(&self, code: u16, reason: &str) {
        let connect = self.connect.lock().take();
        let told = async {
            let mut capsule = BytesMut::new();
            Capsule::CloseWebTransportSession {
                code: code.into(),
                reason: reason.to_owned(),
            }
            .encode(&mut capsule);
            let mut frame = BytesMut::new();
            Frame::DATA.encode(&mut frame);
            VarInt::from_u64(capsule.len() as u64)
                .unwrap_or_default()
                .encode(&mut frame);
            frame.extend_from_slice(&capsule);
            if let Some(mut connect) = connect
                && connect.write_chunk(frame.freeze()).await.is_ok()
                && connect.finish().is_ok()
            {
                // Closing a connection drops what is not delivered. A browser that has the capsule closes it itself.
                self.connection.closed().await;
            }
        };
        _ = timeout(CLOSE_PATIENCE.max(3 * self.connection.rtt()), told).await;
        self.connection.close(self::code(code), reason.as_bytes());
    }
}

/// A close code as HTTP/3 carries it.
pub fn code(code: u16) -> quinn::VarInt {
    quinn::VarInt::from_u64(error_to_http3(code.into())).unwrap_or_default()
}

/// What a unidirectional stream of a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uni {
    /// One of this session.
    Session,
    /// One of HTTP/3's own, that has to be kept open.
    Http3,
    /// Something that nobody knows here.
    Other,
}

async fn is_ours(stream: &mut RecvStream, kind: VarInt, id: VarInt) -> bool {
    VarInt::read(stream).await == Ok(kind) && VarInt::read(stream).await == Ok(id)
}

/// Is the end of a connection the peer's leaving, or a break?
pub fn end_of(error: &ConnectionError) -> End {
    /// RFC 9114, 8.1.
    const H3_NO_ERROR: u64 = 0x100;
    let ConnectionError::ApplicationClosed(close) = error else {
        return End::Broken;
    };
    let code = close.error_code.into_inner();
    match error_from_http3(code) {
        Some(code) => end_by_code(code),
        None if matches!(code, 0 | 1000 | H3_NO_ERROR) => End::Clean,
        None => End::Broken,
    }
}

fn end_by_code(code: u32) -> End {
    if matches!(code, 0 | 1000) {
        End::Clean
    } else {
        End::Broken
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
    fn only_0_1000_and_h3_no_error_are_clean_ends() {
        for clean in [0, 1000, 0x100, error_to_http3(0), error_to_http3(1000)] {
            assert_eq!(end_of(&closed_by_peer(clean)), End::Clean, "{clean}");
        }
        for broken in [
            1,
            4000,
            0x102,
            error_to_http3(1),
            error_to_http3(0x100),
            error_to_http3(4000),
        ] {
            assert_eq!(end_of(&closed_by_peer(broken)), End::Broken, "{broken}");
        }
        assert_eq!(end_of(&ConnectionError::TimedOut), End::Broken);
        assert_eq!(end_of(&ConnectionError::Reset), End::Broken);
        assert_eq!([0, 1000].map(end_by_code), [End::Clean, End::Clean]);
        assert_eq!([1, 4000].map(end_by_code), [End::Broken, End::Broken]);
    }
}
