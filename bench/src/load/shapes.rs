//! Who talks to whom in a load.

use std::net::SocketAddr;

use super::traffic::{Line, Traffic};
use crate::{Failure, message, peer, systems::System};

/// Rooms of a server and a client that both send.
#[derive(Debug, Clone)]
pub struct Pairs<'a> {
    /// Rooms that are connected.
    pub rooms: usize,
    /// Rooms in which messages are under way at once; which ones these are moves on with each message.
    pub active: usize,
    /// Messages that each peer has under way.
    pub window: usize,
    /// Are the messages of a window kept together on their way?
    pub whole: bool,
    /// The types of the messages, one to each room in turn.
    pub kinds: &'a [String],
    /// Of an envelope.
    pub bytes: usize,
}

impl Pairs<'_> {
    /// Connects them.
    pub fn connect(&self, system: System, address: SocketAddr) -> Result<Traffic, Failure> {
        let mut lines = Vec::with_capacity(self.rooms * 2);
        for room in 0..self.rooms {
            let kind = &self.kinds[room % self.kinds.len()];
            let (server, clients) = peer::room(address, 1)?;
            let [client] = <[_; 1]>::try_from(clients).map_err(|_| "one client")?;
            let down = message::envelope(&client.id, kind, self.bytes);
            let up = message::envelope(&server.id, kind, self.bytes);
            let payload = system.received(self.bytes);
            let next = (room + self.active) % self.rooms * 2;
            let together = if self.whole { self.window } else { 1 };
            for (peer, text, next) in [(server, &down, next), (client, &up, next + 1)] {
                lines.push(Line::new(peer, text, self.window, payload, next)?.together(together));
            }
        }
        Traffic::pairs(lines, self.window, self.active * 2)
    }
}

/// A server that sends to all its clients.
pub fn fan_out(
    system: System,
    address: SocketAddr,
    clients: usize,
    bytes: usize,
) -> Result<Traffic, Failure> {
    let (server, clients) = peer::room(address, clients)?;
    let text = message::envelope("*", message::CHECKED, bytes);
    // An id in place of the star; a bare forwarder leaves it.
    let payload = match system {
        System::Bare => bytes,
        _ => message::relayed_len(bytes, "*", &server.id),
    };
    let mut lines = vec![Line::new(server, &text, 1, 0, 0)?];
    for client in clients {
        lines.push(Line::new(client, "", 1, payload, 0)?);
    }
    Traffic::fan_out(lines)
}

/// Messages that are under way in a star, whatever the number of clients: each to another one.
pub const STAR: usize = 64;

/// One server with many clients: it sends to each of them in turn, and whoever has had one sends one back.
pub fn star(
    system: System,
    address: SocketAddr,
    clients: usize,
    bytes: usize,
) -> Result<Traffic, Failure> {
    let (server, clients) = peer::room(address, clients)?;
    let payload = system.received(bytes);
    let up = message::envelope(&server.id, message::CHECKED, bytes);
    let downs = clients
        .iter()
        .map(|client| message::envelope(&client.id, message::CHECKED, bytes));
    let mut lines = vec![Line::in_turn(server, downs, payload)?];
    for (at, client) in clients.into_iter().enumerate() {
        lines.push(Line::new(client, &up, 1, payload, at + 1)?);
    }
    Traffic::pairs(lines, STAR, 1)
}
