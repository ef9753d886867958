//! Frames (RFC 6455, 5): bytes into messages, and messages into bytes. No I/O.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use bytes::{Buf, Bytes, BytesMut};

use crate::{envelope::Text, outbox::Close};

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;
/// The bit of a message's last frame.
const FIN: u8 = 0x80;
/// The reserved bits, which belong to extensions that nobody has agreed on here.
const RESERVED: u8 = 0x70;
/// The bit in the second byte that says that the payload is masked.
const MASKED: u8 = 0x80;
/// The largest payload of a control frame.
const MAX_CONTROL: usize = 125;
/// The longest header: two bytes, the longest length, the key.
const MAX_HEADER: usize = 14;

/// What came from a peer.
#[derive(Debug, PartialEq)]
pub(super) enum Frame {
    /// A whole text message.
    Text(Text),
    /// To be answered with the same.
    Ping(Bytes),
    /// An answer.
    Pong,
    /// The peer says that it goes, and may say why.
    Close(Option<u16>),
}

/// Takes messages out of the bytes of a peer.
#[derive(Debug)]
pub(super) struct Decoder {
    max_message: Arc<AtomicUsize>,
    /// What has come of a message in fragments.
    fragments: Option<BytesMut>,
}

/// The beginning of a frame.
struct Header {
    first: u8,
    key: [u8; 4],
    bytes: usize,
    payload: usize,
}

impl Header {
    fn opcode(&self) -> u8 {
        self.first & 0x0f
    }

    fn is_last(&self) -> bool {
        self.first & FIN != 0
    }

    /// Reads a header, if all of it has come.
    fn read(buffer: &[u8]) -> Result<Option<Self>, Close> {
        let [first, second, rest @ ..] = buffer else {
            return Ok(None);
        };
        if first & RESERVED != 0 {
            return Err(violation("a reserved bit is set"));
        }
        if second & MASKED == 0 {
            return Err(violation("a client's frames must be masked"));
        }
        let (payload, rest) = match second & !MASKED {
            126 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest),
                None => return Ok(None),
            },
            short => (u64::from(short), rest),
        };
        let header = Self {
            first: *first,
            key: rest.first_chunk().copied().unwrap_or_default(),
            bytes: buffer.len() - rest.len() + 4,
            payload: usize::try_from(payload).unwrap_or(usize::MAX),
        };
        header.check()?;
        Ok((rest.len() >= 4).then_some(header))
    }

    /// What holds for each kind of frame by itself.
    fn check(&self) -> Result<(), Close> {
        match self.opcode() {
            CONTINUATION | TEXT | BINARY => Ok(()),
            CLOSE | PING | PONG if !self.is_last() => {
                Err(violation("a control frame is in fragments"))
            }
            CLOSE | PING | PONG if self.payload > MAX_CONTROL => {
                Err(violation("a control frame is too large"))
            }
            CLOSE | PING | PONG => Ok(()),
            _ => Err(violation("a frame has an unknown opcode")),
        }
    }
}

impl Decoder {
    /// For messages of at most so many bytes as `max_message` says when they come.
    pub(super) fn new(max_message: Arc<AtomicUsize>) -> Self {
        Self {
            max_message,
            fragments: None,
        }
    }

    /// Takes the next thing out of `buffer`, once all of it is there. What is wrong ends the connection with this
    /// close. A message is refused by its header alone where that says that it is too big.
    pub(super) fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, Close> {
        loop {
            let Some(header) = Header::read(buffer)? else {
                return Ok(None);
            };
            self.check(&header)?;
            if buffer.len() - header.bytes < header.payload {
                return Ok(None);
            }
            buffer.advance(header.bytes);
            let mut payload = buffer.split_to(header.payload);
            unmask(&mut payload, header.key);
            if let Some(frame) = self.complete(&header, payload)? {
                return Ok(Some(frame));
            }
        }
    }

    /// What depends on the frames before.
    fn check(&self, header: &Header) -> Result<(), Close> {
        let before = match (header.opcode(), &self.fragments) {
            (BINARY, _) => {
                let reason = "binary message: send each envelope as a text message";
                return Err(Close::new(1003, reason));
            }
            (CONTINUATION, None) => return Err(violation("there is no message to continue")),
            (TEXT, Some(_)) => return Err(violation("a message begins within another one")),
            (CONTINUATION, Some(fragments)) => fragments.len(),
            (TEXT, None) => 0,
            _ => return Ok(()),
        };
        let most = self.max_message.load(Relaxed);
        if header.payload > most.saturating_sub(before) {
            let reason = format!("a message may have at most {most} bytes");
            return Err(Close::new(1009, reason));
        }
        Ok(())
    }

    fn complete(&mut self, header: &Header, payload: BytesMut) -> Result<Option<Frame>, Close> {
        let payload = match header.opcode() {
            PING => return Ok(Some(Frame::Ping(payload.freeze()))),
            PONG => return Ok(Some(Frame::Pong)),
            CLOSE => return close_code(&payload).map(|code| Some(Frame::Close(code))),
            CONTINUATION => {
                let mut whole = self.fragments.take().unwrap_or_default();
                whole.extend_from_slice(&payload);
                whole
            }
            _ => payload,
        };
        if !header.is_last() {
            // What is kept of it must not keep all that came with it.
            let kept = match header.opcode() {
                CONTINUATION => payload,
                _ => BytesMut::from(&payload[..]),
            };
            self.fragments = Some(kept);
            return Ok(None);
        }
        let text = Text::try_from(payload.freeze());
        let text = text.map_err(|_| Close::new(1007, "a text message that is not UTF-8"))?;
        Ok(Some(Frame::Text(text)))
    }
}

/// The code of a Close (RFC 6455, 5.5.1 and 7.4).
fn close_code(payload: &[u8]) -> Result<Option<u16>, Close> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return match payload {
            [] => Ok(None),
            _ => Err(violation("half a close code")),
        };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(violation("this close code may not be sent"));
    }
    match std::str::from_utf8(reason) {
        Ok(_) => Ok(Some(code)),
        Err(_) => Err(Close::new(1007, "a reason that is not UTF-8")),
    }
}

fn violation(reason: &'static str) -> Close {
    Close::new(1002, reason)
}

fn unmask(payload: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// Puts a text message behind `out`.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, TEXT, text.as_bytes());
}

/// Puts a Ping behind `out`.
pub(super) fn put_ping(out: &mut Vec<u8>) {
    put(out, PING, &[]);
}

/// Puts the answer to a Ping behind `out`.
pub(super) fn put_pong(out: &mut Vec<u8>, payload: &[u8]) {
    put(out, PONG, payload);
}

/// Puts a Close behind `out`; the reason is at most 123 bytes.
pub(super) fn put_close(out: &mut Vec<u8>, code: Option<u16>, reason: &str) {
    let mut payload = Vec::new();
    if let Some(code) = code {
        payload.extend_from_slice(&code.to_be_bytes());
        payload.extend_from_slice(reason.as_bytes());
    }
    put(out, CLOSE, &payload);
}

fn put(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.reserve(MAX_HEADER + payload.len());
    out.push(FIN | opcode);
    match payload.len() {
        short @ 0..126 => out.push(short as u8),
        middle @ 126..0x1_0000 => {
            out.push(126);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket, WebSocketConfig};

    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let key = [1, 2, 3, 4];
        let mut frame = Vec::new();
        put(&mut frame, first & 0x0f, payload);
        frame[0] = first;
        frame[1] |= MASKED;
        frame.truncate(frame.len() - payload.len());
        frame.extend_from_slice(&key);
        let at = frame.len();
        frame.extend_from_slice(payload);
        unmask(&mut frame[at..], key);
        frame
    }

    fn decode(bytes: &[u8]) -> Result<Vec<Frame>, u16> {
        let mut decoder = Decoder::new(Arc::new(AtomicUsize::new(1 << 17)));
        let mut buffer = BytesMut::from(bytes);
        let mut frames = Vec::new();
        while let Some(frame) = decoder.next(&mut buffer).map_err(|close| close.code)? {
            frames.push(frame);
        }
        assert!(buffer.is_empty(), "{buffer:?} is left");
        Ok(frames)
    }

    #[test]
    fn messages_of_every_length_come_out_as_they_went_in() {
        for length in [0, 1, 7, 8, 125, 126, 127, 0xffff, 0x1_0000] {
            let text = "x".repeat(length);
            let frames = decode(&masked(FIN | TEXT, text.as_bytes()));
            assert_eq!(
                frames,
                Ok(vec![Frame::Text(text.as_str().into())]),
                "{length}"
            );
        }
    }

    #[test]
    fn however_the_bytes_are_cut_the_frames_are_the_same() {
        let bytes = [
            masked(TEXT, b"one "),
            masked(FIN | PING, b"are you there"),
            masked(CONTINUATION, "\u{e9}".as_bytes()),
            masked(FIN | CONTINUATION, b""),
            masked(FIN | PONG, b""),
            masked(FIN | TEXT, &[b'x'; 300]),
            masked(FIN | CLOSE, b"\x0f\xa0bye"),
        ]
        .concat();
        let expected = [
            Frame::Ping(Bytes::from_static(b"are you there")),
            Frame::Text("one \u{e9}".into()),
            Frame::Pong,
            Frame::Text("x".repeat(300).into()),
            Frame::Close(Some(4000)),
        ];
        for size in 1..bytes.len() {
            let mut decoder = Decoder::new(Arc::new(AtomicUsize::new(300)));
            let mut buffer = BytesMut::new();
            let mut frames = Vec::new();
            for piece in bytes.chunks(size) {
                buffer.extend_from_slice(piece);
                while let Some(frame) = decoder.next(&mut buffer).expect("valid") {
                    frames.push(frame);
                }
            }
            assert_eq!(frames, expected, "{size}");
        }
    }

    #[test]
    fn a_wrong_close_is_told_apart_from_a_good_one() {
        for (payload, expected) in [
            (&b""[..], Ok(None)),
            (b"\x03\xe8", Ok(Some(1000))),
            (b"\x0b\xb8why", Ok(Some(3000))),
            (b"\x03", Err(1002)),
            (b"\x03\xe7", Err(1002)),
            (b"\x03\xed", Err(1002)),
            (b"\x03\xee", Err(1002)),
            (b"\x13\x88", Err(1002)),
            (b"\x03\xe8\xff", Err(1007)),
        ] {
            let expected = expected.map(|code| vec![Frame::Close(code)]);
            assert_eq!(
                decode(&masked(FIN | CLOSE, payload)),
                expected,
                "{payload:?}"
            );
        }
    }

    /// What is written here is read by another implementation.
    #[test]
    fn others_read_what_is_written() {
        let texts = [0, 125, 126, 0xffff, 0x1_0000].map(|length| "\u{e9}".repeat(length / 2));
        let mut out = Vec::new();
        for text in &texts {
            put_text(&mut out, text);
        }
        put_ping(&mut out);
        put_pong(&mut out, b"pong");
        put_close(&mut out, Some(4000), "why");
        let io = std::io::Cursor::new(out);
        let mut other =
            WebSocket::from_raw_socket(io, Role::Client, Some(WebSocketConfig::default()));
        for text in &texts {
            assert_eq!(other.read().expect("read").to_text().expect("text"), text);
        }
        assert!(other.read().expect("read").is_ping());
        assert_eq!(other.read().expect("read").into_data(), "pong");
        let close = other.read().expect("read");
        assert_eq!(close.to_text().expect("a reason"), "why");
    }
}
