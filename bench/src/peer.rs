//! A peer over plain WebSocket, as cheap as can be.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use crate::{Failure, frame};

/// A connected peer whose HELLO has come.
#[derive(Debug)]
pub struct Peer {
    /// Its connection.
    pub stream: TcpStream,
    /// The id that the relay gave it.
    pub id: String,
}

impl Peer {
    /// Connects and waits for HELLO.
    pub fn connect(address: SocketAddr, path: &str) -> Result<Self, Failure> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.write_all(request(address, path).as_bytes())?;
        let id = hello_of(&mut stream)?;
        Ok(Self { stream, id })
    }
}

/// The request of an upgrade.
pub fn request(address: SocketAddr, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// Reads the answer to an upgrade and HELLO, byte for byte as far as it goes, and returns the id.
fn hello_of(stream: &mut impl Read) -> Result<String, Failure> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    if !head.starts_with(b"HTTP/1.1 101 ") {
        return Err(format!("no upgrade: {}", String::from_utf8_lossy(&head)).into());
    }
    let mut start = [0; 2];
    stream.read_exact(&mut start)?;
    let length = match start[1] {
        126 => {
            let mut long = [0; 2];
            stream.read_exact(&mut long)?;
            usize::from(u16::from_be_bytes(long))
        }
        short => usize::from(short),
    };
    let mut text = vec![0; length];
    stream.read_exact(&mut text)?;
    id_in(&text).ok_or_else(|| format!("no HELLO: {}", String::from_utf8_lossy(&text)).into())
}

/// The id that a HELLO, or a PEER_JOINED, tells.
pub fn id_in(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let (_, rest) = text.split_once(r#""id":""#)?;
    rest.split_once('"').map(|(id, _)| id.to_owned())
}

/// How long the frame with the PEER_JOINED is that a server has for a client.
pub fn joined_len(client: &str) -> usize {
    let text = format!(r#"{{"from":"0","type":"PEER_JOINED","message":{{"id":"{client}"}}}}"#);
    frame::unmasked_len(text.len())
}
