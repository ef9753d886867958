//! WebSocket frames, as far as a load generator needs them.

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
    fn what_a_server_sends_has_no_key() {
        for length in [2, 125, 126, 4096, 65_535, 65_536] {
            let mut frame = Vec::new();
            push_header(&mut frame, 0x81, length, 0);
            assert_eq!(unmasked_len(length), frame.len() + length);
        }
    }
}
