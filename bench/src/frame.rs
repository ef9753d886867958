//! WebSocket frames, as far as a load generator needs them.

use std::cmp::Ordering;

use crate::Failure;

/// Any key: what it is does not change what unmasking costs.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A text frame of a client, masked.
pub fn masked(text: &str) -> Vec<u8> {
    let mut frame = Vec::with_capacity(text.len() + 14);
    push_header(&mut frame, 0x81, text.len(), 0x80);
    frame.extend_from_slice(&MASK);
    frame.extend(
        text.bytes()
            .zip(MASK.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    frame
}

/// A Close frame of a client with the code 1000.
pub fn masked_close() -> Vec<u8> {
    let code = 1000_u16.to_be_bytes();
    let mut frame = vec![0x88, 0x82];
    frame.extend_from_slice(&MASK);
    frame.extend([code[0] ^ MASK[0], code[1] ^ MASK[1]]);
    frame
}

/// Writes the first bytes of a frame, up to its length. `masked` is 0x80 where a key follows.
pub fn push_header(out: &mut Vec<u8>, first: u8, length: usize, masked: u8) {
    out.push(first);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..=125), _) => out.push(masked | short),
        (_, Ok(long)) => {
            out.push(masked | 126);
            out.extend_from_slice(&long.to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// The text of the one frame of a server that `input` is, once it is whole.
pub fn text(input: &[u8]) -> Result<Option<&str>, Failure> {
    let (length, header) = match input {
        [_, 126, a, b, ..] => (usize::from(u16::from_be_bytes([*a, *b])), 4),
        [_, short @ 0..=125, ..] => (usize::from(*short), 2),
        [_, 127, ..] => return Err("a frame that is longer than anything that was sent".into()),
        _ => return Ok(None),
    };
    match input.len().cmp(&(header + length)) {
        Ordering::Less => Ok(None),
        Ordering::Equal => Ok(Some(std::str::from_utf8(&input[header..])?)),
        Ordering::Greater => Err("more than one frame came".into()),
    }
}

/// Counts frames of a server as they come, in pieces of any size.
#[derive(Debug, Default)]
pub struct Counter {
    header: [u8; 10],
    /// How much of a header has come.
    have: usize,
    /// How much of a payload has not.
    left: usize,
}

impl Counter {
    /// Takes a piece in, and returns how many frames are whole with it. Every payload has to have this length:
    /// an ERROR would have another.
    pub fn count(&mut self, piece: &[u8], payload: usize) -> Result<usize, Failure> {
        self.count_any(piece, &[payload])
    }

    /// The same where payloads may have any of these lengths.
    pub fn count_any(&mut self, mut piece: &[u8], payloads: &[usize]) -> Result<usize, Failure> {
        let mut whole = 0;
        while !piece.is_empty() {
            if self.left > 0 {
                let step = self.left.min(piece.len());
                self.left -= step;
                piece = &piece[step..];
                whole += usize::from(self.left == 0);
                continue;
            }
            self.header[self.have] = piece[0];
            self.have += 1;
            piece = &piece[1..];
            let [first, short, a, b, ..] = self.header;
            let length = match (self.have, short) {
                (2, 0..=125) => usize::from(short),
                (4, 126) => usize::from(u16::from_be_bytes([a, b])),
                (10, _) => return Err("a frame that is longer than anything that was sent".into()),
                _ => continue,
            };
            self.have = 0;
            if first != 0x81 || !payloads.contains(&length) {
                return Err(format!(
                    "a frame of {length} bytes came where {payloads:?} were expected"
                )
                .into());
            }
            self.left = length;
        }
        Ok(whole)
    }
}

/// How long a frame of a server is with this payload.
pub fn unmasked_len(payload: usize) -> usize {
    payload
        + match payload {
            0..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_frame_has_the_length_of_its_payload_a_header_and_a_key() {
        assert_eq!(masked("{}").len(), 2 + 2 + 4);
        assert_eq!(masked(&"x".repeat(256)).len(), 256 + 4 + 4);
        assert_eq!(masked(&"x".repeat(70_000)).len(), 70_000 + 10 + 4);
    }

    #[test]
    fn frames_are_counted_in_pieces_of_any_size() {
        let mut frames = Vec::new();
        for _ in 0..3 {
            push_header(&mut frames, 0x81, 300, 0);
            frames.extend([b'x'; 300]);
        }
        for size in [1, 2, 3, 100, 304, 305, 912] {
            let mut counter = Counter::default();
            let counts = frames
                .chunks(size)
                .map(|piece| counter.count(piece, 300).unwrap());
            assert_eq!(counts.sum::<usize>(), 3, "in pieces of {size}");
        }
        assert!(Counter::default().count(&frames, 299).is_err());
    }

    #[test]
    fn the_text_of_a_frame_is_told_once_it_is_whole_and_alone() {
        assert_eq!(text(b"\x81\x02{").unwrap(), None);
        assert_eq!(text(b"\x81\x02{}").unwrap(), Some("{}"));
        assert!(text(b"\x81\x02{}\x81").is_err());
    }

    #[test]
    fn what_a_server_sends_has_no_key() {
        for length in [2, 125, 126, 4096, 65_535, 65_536] {
            let mut frame = Vec::new();
            push_header(&mut frame, 0x81, length, 0);
            assert_eq!(unmasked_len(length), frame.len() + length);
        }
    }
}
