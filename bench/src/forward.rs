//! A bare forwarder, the limit of what can be had: one thread over epoll that reads large pieces, unmasks each
//! frame straight into what waits for its recipient, and writes once for each socket and wake-up. It has no limits,
//! no timeouts, no TLS and no mercy for those who break the protocol: it is there to be measured against.

mod connection;
mod handshake;
mod rewrite;
mod route;

use std::{
    collections::HashMap,
    io::Read,
    net::{TcpListener, TcpStream},
};

use clap::ValueEnum;
use rustix::{
    event::epoll::{self, EventData, EventFlags},
    fd::OwnedFd,
    io::Errno,
};

use self::{
    connection::{Connection, Input, Role},
    rewrite::Rewriter,
};
use crate::{Failure, frame};

/// What the forwarder does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Carries it to the other side of the room as it is
    Bare,
    /// Parses the envelope, finds the recipient and writes `from`
    Envelope,
    /// The same, and holds the message to its schema as a tree of values
    Value,
}

/// The event of the listener; every other number is a connection.
const LISTENER: u64 = u64::MAX;
/// What is read at once.
const READ: usize = 256 * 1024;

struct Forwarder {
    epoll: OwnedFd,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// Everybody, by id.
    peers: HashMap<String, usize>,
    next_id: u64,
    rewriter: Option<Rewriter>,
    /// Connections that have something to write.
    dirty: Vec<usize>,
    /// Buffers that nobody needs at the moment, so that an idle peer has none.
    spare: Vec<Vec<u8>>,
    /// The envelope at hand, unmasked.
    text: Vec<u8>,
}

/// Forwards until it is killed.
pub fn run(mode: Mode) -> Result<(), Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    println!("ws://{}", listener.local_addr()?);
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(
        &epoll,
        &listener,
        EventData::new_u64(LISTENER),
        EventFlags::IN,
    )?;
    let mut forwarder = Forwarder {
        epoll,
        connections: Vec::new(),
        free: Vec::new(),
        peers: HashMap::new(),
        next_id: 0,
        rewriter: Rewriter::new(mode)?,
        dirty: Vec::new(),
        spare: Vec::new(),
        text: Vec::new(),
    };
    let mut read = vec![0; READ];
    let mut events = Vec::with_capacity(1024);
    loop {
        events.clear();
        let room = rustix::buffer::spare_capacity(&mut events);
        match epoll::wait(&forwarder.epoll, room, None) {
            // As strace makes it when it comes.
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            match event.data.u64() {
                LISTENER => forwarder.accept(&listener)?,
                at => forwarder.ready(at as usize, event.flags, &mut read),
            }
        }
        forwarder.flush();
    }
}

impl Forwarder {
    fn accept(&mut self, listener: &TcpListener) -> Result<(), Failure> {
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let at = self.free.pop().unwrap_or(self.connections.len());
            epoll::add(
                &self.epoll,
                &stream,
                EventData::new_u64(at as u64),
                EventFlags::IN,
            )?;
            let connection = Some(Connection::new(stream));
            match self.connections.get_mut(at) {
                Some(place) => *place = connection,
                None => self.connections.push(connection),
            }
        }
        Ok(())
    }

    fn ready(&mut self, at: usize, flags: EventFlags, read: &mut [u8]) {
        if flags.contains(EventFlags::OUT) {
            self.dirty.push(at);
        }
        if !flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            return;
        }
        let Some(Some(connection)) = self.connections.get_mut(at) else {
            return;
        };
        match connection.stream.read(read) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => self.drop_connection(at),
            Ok(length) => {
                let mut rest = std::mem::take(&mut connection.rest);
                if rest.is_empty() {
                    let used = self.take_in(at, &read[..length]);
                    rest.extend_from_slice(&read[used..length]);
                } else {
                    rest.extend_from_slice(&read[..length]);
                    let used = self.take_in(at, &rest);
                    rest.drain(..used);
                }
                if let Some(Some(connection)) = self.connections.get_mut(at) {
                    connection.rest = if rest.is_empty() { Vec::new() } else { rest };
                }
            }
        }
    }

    /// Handles what is whole of the input, and returns how much that was.
    fn take_in(&mut self, at: usize, input: &[u8]) -> usize {
        let mut used = 0;
        while let Some(Some(connection)) = self.connections.get(at) {
            let rest = &input[used..];
            if connection.role == Role::Stranger {
                let Some(request) = handshake::request(rest) else {
                    break;
                };
                used += request.length;
                self.welcome(at, &request);
                continue;
            }
            match connection::frame(rest) {
                Input::Incomplete => break,
                Input::Text {
                    payload,
                    mask,
                    length,
                } => {
                    used += length;
                    self.forward(at, payload, mask);
                }
                Input::Close => {
                    self.write(at, &[0x88, 2, 0x03, 0xe8]);
                    self.flush();
                    self.drop_connection(at);
                }
                Input::Other(length) => used += length,
            }
        }
        used
    }

    fn welcome(&mut self, at: usize, request: &handshake::Request<'_>) {
        self.next_id += 1;
        // As long as those of the relay.
        let id = format!("{:021}", self.next_id);
        let answer = handshake::answer(request.key);
        self.write(at, answer.as_bytes());
        self.say(
            at,
            &format!(r#"{{"from":"0","type":"HELLO","message":{{"id":"{id}"}}}}"#),
        );
        let server = request
            .path
            .strip_prefix("/client/")
            .and_then(|id| self.peers.get(id))
            .copied();
        if let Some(server) = server {
            self.say(
                server,
                &format!(r#"{{"from":"0","type":"PEER_JOINED","message":{{"id":"{id}"}}}}"#),
            );
            if let Some(Some(server)) = self.connections.get_mut(server) {
                server.clients.push(at);
            }
        }
        if let Some(Some(connection)) = self.connections.get_mut(at) {
            connection.role = server.map_or(Role::Server, Role::Client);
            connection.id.clone_from(&id);
        }
        self.peers.insert(id, at);
    }

    fn say(&mut self, at: usize, text: &str) {
        let mut frame = Vec::new();
        frame::push_header(&mut frame, 0x81, text.len(), 0);
        frame.extend_from_slice(text.as_bytes());
        self.write(at, &frame);
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        if let Some(out) = self.out_of(at) {
            out.extend_from_slice(bytes);
        }
    }

    /// What waits for a connection, which is then written at the end of this wake-up.
    fn out_of(&mut self, at: usize) -> Option<&mut Vec<u8>> {
        let connection = self.connections.get_mut(at)?.as_mut()?;
        if connection.out.is_empty() {
            self.dirty.push(at);
            if connection.out.capacity() == 0 {
                connection.out = self.spare.pop().unwrap_or_default();
            }
        }
        Some(&mut connection.out)
    }

    /// One write for each connection that has something.
    fn flush(&mut self) {
        while let Some(at) = self.dirty.pop() {
            let Some(Some(connection)) = self.connections.get_mut(at) else {
                continue;
            };
            if connection.write_out(&self.epoll, at).is_err() {
                self.drop_connection(at);
            } else if connection.out.is_empty() {
                let out = std::mem::take(&mut connection.out);
                if out.capacity() > 0 {
                    self.spare.push(out);
                }
            }
        }
    }

    fn drop_connection(&mut self, at: usize) {
        let Some(connection) = self.connections.get_mut(at).and_then(Option::take) else {
            return;
        };
        self.free.push(at);
        self.peers.remove(&connection.id);
        if let Role::Client(server) = connection.role
            && let Some(Some(server)) = self.connections.get_mut(server)
        {
            server.clients.retain(|client| *client != at);
        }
    }
}

/// The stream of a connection, as epoll wants it.
fn interest(
    stream: &TcpStream,
    epoll: &OwnedFd,
    at: usize,
    flags: EventFlags,
) -> std::io::Result<()> {
    Ok(epoll::modify(
        epoll,
        stream,
        EventData::new_u64(at as u64),
        flags,
    )?)
}
