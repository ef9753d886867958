//! One connection of the forwarder: what of a frame has come, and what waits to be written.

use std::{
    io::{self, ErrorKind, Write},
    net::TcpStream,
};

use rustix::{event::epoll::EventFlags, fd::OwnedFd};

use super::interest;

/// What a connection is.
#[derive(Debug, PartialEq, Eq)]
pub enum Role {
    /// Its upgrade has not come.
    Stranger,
    /// A server.
    Server,
    /// A client of the server at this place.
    Client(usize),
}

/// A connection.
#[derive(Debug)]
pub struct Connection {
    /// Its socket.
    pub stream: TcpStream,
    /// What it is.
    pub role: Role,
    /// Its id.
    pub id: String,
    /// Where its clients are, if it is a server.
    pub clients: Vec<usize>,
    /// The beginning of a frame whose end has not come.
    pub rest: Vec<u8>,
    /// What waits to be written.
    pub out: Vec<u8>,
    /// Is it waiting to be writable?
    blocked: bool,
}

impl Connection {
    /// One that was just accepted.
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            role: Role::Stranger,
            id: String::new(),
            clients: Vec::new(),
            rest: Vec::new(),
            out: Vec::new(),
            blocked: false,
        }
    }

    /// Writes what it can.
    pub fn write_out(&mut self, epoll: &OwnedFd, at: usize) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        match self.stream.write(&self.out) {
            Ok(written) if written == self.out.len() => self.out.clear(),
            Ok(written) => drop(self.out.drain(..written)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        let blocked = !self.out.is_empty();
        if blocked != self.blocked {
            self.blocked = blocked;
            let writable = if blocked {
                EventFlags::OUT
            } else {
                EventFlags::empty()
            };
            interest(&self.stream, epoll, at, EventFlags::IN | writable)?;
        }
        Ok(())
    }
}

/// The frame at the beginning of what has come.
#[derive(Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// Its end has not come.
    Incomplete,
    /// A text message.
    Text {
        /// As it came.
        payload: &'a [u8],
        /// What it is masked with.
        mask: [u8; 4],
        /// Of the whole frame.
        length: usize,
    },
    /// A Close.
    Close,
    /// Nothing to do with it; this long.
    Other(usize),
}

/// Reads the frame at the beginning.
pub fn frame(input: &[u8]) -> Input<'_> {
    let (length, header) = match input {
        [_, short, ..] if short & 0x7f < 126 => (usize::from(short & 0x7f), 2),
        [_, short, a, b, ..] if short & 0x7f == 126 => {
            (usize::from(u16::from_be_bytes([*a, *b])), 4)
        }
        [_, short, a, b, c, d, e, f, g, h, ..] if short & 0x7f == 127 => (
            u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]) as usize,
            10,
        ),
        _ => return Input::Incomplete,
    };
    let start = header + 4;
    let (Some(payload), Some(&[a, b, c, d])) =
        (input.get(start..start + length), input.get(header..start))
    else {
        return Input::Incomplete;
    };
    let length = start + length;
    match input[0] {
        0x81 => Input::Text {
            payload,
            mask: [a, b, c, d],
            length,
        },
        0x88 => Input::Close,
        _ => Input::Other(length),
    }
}

/// Appends a payload without its mask: one copy, then eight bytes at a time.
pub fn unmask_onto(out: &mut Vec<u8>, payload: &[u8], mask: [u8; 4]) {
    let start = out.len();
    out.extend_from_slice(payload);
    let [a, b, c, d] = mask;
    let wide = [a, b, c, d, a, b, c, d];
    let mut words = out[start..].chunks_exact_mut(8);
    for word in &mut words {
        for (byte, key) in word.iter_mut().zip(wide) {
            *byte ^= key;
        }
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(wide) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::masked;

    #[test]
    fn a_frame_is_read_once_it_is_whole() {
        for text in ["{}", &"x".repeat(300), &"y".repeat(70_000)] {
            let bytes = masked(text);
            assert_eq!(frame(&bytes[..bytes.len() - 1]), Input::Incomplete);
            let Input::Text {
                payload,
                mask,
                length,
            } = frame(&bytes)
            else {
                panic!("no text");
            };
            let mut plain = Vec::new();
            unmask_onto(&mut plain, payload, mask);
            assert_eq!((plain.as_slice(), length), (text.as_bytes(), bytes.len()));
        }
    }
}
