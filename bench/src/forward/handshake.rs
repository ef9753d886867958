//! The upgrade to WebSocket, as far as it must be done.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest as _, Sha1};

/// An upgrade that was asked for.
#[derive(Debug)]
pub struct Request<'a> {
    /// Where to.
    pub path: &'a str,
    /// Its `Sec-WebSocket-Key`.
    pub key: &'a str,
    /// Of the whole request.
    pub length: usize,
}

/// Reads a request once it is whole.
pub fn request(input: &[u8]) -> Option<Request<'_>> {
    let length = input.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&input[..length]).ok()?;
    let path = text.split(' ').nth(1)?;
    let key = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key")
            .then(|| value.trim())
    })?;
    Some(Request { path, key, length })
}

/// The answer to a key.
pub fn answer(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let accept = STANDARD.encode(hash.finalize());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_6455_is_answered_as_it_says() {
        let bytes = b"GET /server HTTP/1.1\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let request = request(bytes).unwrap();
        assert_eq!((request.path, request.length), ("/server", bytes.len()));
        assert!(answer(request.key).contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    }
}
