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
        let id = hello(&mut stream)?;
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

/// Reads the answer to an upgrade and HELLO, and returns the id. Nothing else may come meanwhile.
pub fn hello(stream: &mut impl Read) -> Result<String, Failure> {
    let mut read = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        if let Some(end) = read.windows(4).position(|end| end == b"\r\n\r\n") {
            if !read.starts_with(b"HTTP/1.1 101 ") {
                return Err(format!("no upgrade: {}", String::from_utf8_lossy(&read)).into());
            }
            if let Some(text) = frame::text(&read[end + 4..])? {
                return id_in(text).ok_or_else(|| format!("no HELLO: {text}").into());
            }
        }
        match stream.read(&mut chunk)? {
            0 => return Err("hung up before HELLO".into()),
            length => read.extend_from_slice(&chunk[..length]),
        }
    }
}

/// Reads one frame, which comes alone, and returns its text.
pub fn read_frame(stream: &mut impl Read) -> Result<String, Failure> {
    let mut read = Vec::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        if let Some(text) = frame::text(&read)? {
            return Ok(text.to_owned());
        }
        match stream.read(&mut chunk)? {
            0 => return Err("hung up".into()),
            length => read.extend_from_slice(&chunk[..length]),
        }
    }
}

/// The id that a HELLO, or a PEER_JOINED, tells.
pub fn id_in(text: &str) -> Option<String> {
    let (_, rest) = text.split_once(r#""id":""#)?;
    rest.split_once('"').map(|(id, _)| id.to_owned())
}

/// A server with its clients, whose PEER_JOINED it has had.
pub fn room(address: SocketAddr, clients: usize) -> Result<(Peer, Vec<Peer>), Failure> {
    let mut server = Peer::connect(address, "/server")?;
    let path = format!("/client/{}", server.id);
    let mut joined = Vec::with_capacity(clients);
    for _ in 0..clients {
        let client = Peer::connect(address, &path)?;
        let notice = read_frame(&mut server.stream)?;
        if id_in(&notice).as_deref() != Some(client.id.as_str()) {
            return Err(format!("no PEER_JOINED: {notice}").into());
        }
        joined.push(client);
    }
    Ok((server, joined))
}
