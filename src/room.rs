//! Rooms: who is here, and where an envelope goes.
//!
//! A room is one server with its clients. No lock is shared by two rooms on the way of an envelope; the
//! registry's is taken only when a room or a client comes or goes.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use foldhash::fast::RandomState;
use parking_lot::RwLock;
use tokio::time::Instant;

use crate::{
    config::{IdStyle, OnConflict},
    envelope::{self, Text},
    ids::PeerId,
    outbox::{Close, Due, Lane, Outbox, Refused},
    policy::Role,
};

/// HELLO comes before everything on every lane, so that nothing more has to be waited for.
const AFTER_HELLO: u64 = 0;
/// How often a random id that is taken is drawn again before the room counts as full.
const DRAWS: usize = 64;

/// All rooms of this process.
#[derive(Debug, Default)]
pub struct Rooms {
    open: RwLock<Registry>,
}

#[derive(Debug, Default)]
struct Registry {
    rooms: HashMap<PeerId, Arc<Room>, RandomState>,
    draining: bool,
}

/// Which id a server gets.
#[derive(Debug, Clone)]
pub enum ServerId {
    /// A new one in this style.
    Random(IdStyle),
    /// The one of its configuration entry.
    Fixed {
        /// The id.
        id: PeerId,
        /// What happens to a session that has it already.
        on_conflict: OnConflict,
    },
}

/// One server with its clients.
#[derive(Debug)]
pub struct Room {
    /// The server's id.
    pub id: PeerId,
    /// Will a server come back under the same id?
    fixed: bool,
    server: Arc<Outbox>,
    clients: RwLock<HashMap<PeerId, Arc<Client>, RandomState>>,
    /// The server has left; nothing of it may follow its PEER_GONE.
    ended: AtomicBool,
}

/// A client in a room.
#[derive(Debug)]
pub struct Client {
    /// Its id.
    pub id: PeerId,
    outbox: Arc<Outbox>,
    /// The place of its PEER_JOINED on the server's ordered lane.
    joined: u64,
    /// Nothing of it may follow its PEER_GONE.
    left: AtomicBool,
}

/// A server or a client, as [`Rooms::visit`] shows it.
#[derive(Debug, Clone, Copy)]
pub struct Peer<'a> {
    /// The id of its room, which is that of the server.
    pub room: &'a PeerId,
    /// Its own id, where it is a client.
    pub client: Option<&'a PeerId>,
    /// What waits for it, and its account.
    pub outbox: &'a Outbox,
}

impl Peer<'_> {
    /// Its role.
    pub fn role(&self) -> Role {
        match self.client {
            None => Role::Server,
            Some(_) => Role::Client,
        }
    }
}

/// What became of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It waits in the recipient's queue, or was dropped where its type says so.
    Done,
    /// There is no such peer, or it has left.
    UnknownPeer,
    /// The server's queue is full.
    TooSlow,
    /// The client's queue was full, so that it was closed.
    Expelled,
}

/// An envelope on its way to a recipient.
#[derive(Debug, Clone)]
pub struct Outbound {
    /// Its text.
    pub text: Text,
    /// The lane of its type.
    pub lane: Lane,
    /// Is it dropped where the recipient's queue is full?
    pub drop_on_full: bool,
    /// When it came from its sender.
    pub came: Instant,
}

impl Rooms {
    /// Opens a room and queues its server's HELLO, which `hello` makes out of the id.
    pub fn open(
        &self,
        id: &ServerId,
        server: Arc<Outbox>,
        max_rooms: usize,
        hello: impl FnOnce(&PeerId) -> Text,
    ) -> Result<Arc<Room>, Close> {
        let mut registry = self.open.write();
        if registry.draining {
            return Err(shutting_down().spread(1));
        }
        let (id, fixed) = match id {
            ServerId::Random(style) => (registry.free_id(style)?, false),
            ServerId::Fixed { id, on_conflict } => {
                let connected = registry
                    .rooms
                    .get(id)
                    .is_some_and(|room| !room.server.is_parked());
                if connected && *on_conflict == OnConflict::Reject {
                    return Err(Close::new(1013, "this id is connected already").spread(1));
                }
                (id.clone(), true)
            }
        };
        if registry.rooms.len() >= max_rooms && !registry.rooms.contains_key(&id) {
            return Err(Close::new(1013, "the relay has as many servers as it takes").spread(1));
        }
        let hello = hello(&id);
        if !server.admits(&hello) {
            return Err(Close::new(1013, "the relay's queues are full").spread(1));
        }
        server.greet(hello);
        let room = Arc::new(Room {
            id: id.clone(),
            fixed,
            server,
            clients: RwLock::default(),
            ended: AtomicBool::new(false),
        });
        let replaced = registry.rooms.insert(id, Arc::clone(&room));
        drop(registry);
        if let Some(replaced) = replaced {
            let by = Close::new(4409, "replaced by a newer login with the same id");
            replaced.server.close(by);
            replaced.end();
        }
        Ok(room)
    }

    /// Lets a client into the room of `server_id`: HELLO for it, PEER_JOINED for the server.
    pub fn join(
        &self,
        server_id: &str,
        fixed: impl FnOnce(&str) -> bool,
        style: &IdStyle,
        outbox: Arc<Outbox>,
        max_clients: usize,
        hello: impl FnOnce(&PeerId) -> Text,
    ) -> Result<(Arc<Room>, Arc<Client>), Close> {
        let registry = self.open.read();
        if registry.draining {
            return Err(shutting_down().spread(1));
        }
        let Some(room) = registry.rooms.get(server_id).map(Arc::clone) else {
            let unknown = Close::new(4404, "no server has this id");
            return Err(if fixed(server_id) {
                unknown.spread(1)
            } else {
                unknown
            });
        };
        // The registry is held until the client is in, so that a drain finds everybody.
        let client = room.admit(style, outbox, max_clients, hello)?;
        Ok((room, client))
    }

    /// Takes a room away whose server has left, and tells its clients.
    pub fn close(&self, room: &Arc<Room>) {
        let mut registry = self.open.write();
        if registry
            .rooms
            .get(&room.id)
            .is_some_and(|open| Arc::ptr_eq(open, room))
        {
            registry.rooms.remove(&room.id);
        }
        drop(registry);
        room.end();
    }

    /// Ends every session with 1001, each told a time of its own to come back, and opens no more.
    pub fn drain(&self) {
        let mut registry = self.open.write();
        registry.draining = true;
        let rooms: Vec<_> = registry.rooms.values().map(Arc::clone).collect();
        drop(registry);
        let peers = rooms.iter().map(|room| 1 + room.clients.read().len()).sum();
        for room in rooms {
            for client in room.clients.read().values() {
                client.outbox.close(shutting_down().spread(peers));
            }
            room.server.close(shutting_down().spread(peers));
        }
    }

    /// All that are open.
    pub fn all(&self) -> Vec<Arc<Room>> {
        self.open.read().rooms.values().map(Arc::clone).collect()
    }

    /// Shows every peer, room by room, as far as rooms and peers do not come and go meanwhile. While `each` looks at the
    /// clients of a room, none can come to it or leave it.
    pub fn visit(&self, mut each: impl FnMut(Peer<'_>)) {
        for room in self.all() {
            each(Peer {
                room: &room.id,
                client: None,
                outbox: &room.server,
            });
            for client in room.clients.read().values() {
                each(Peer {
                    room: &room.id,
                    client: Some(&client.id),
                    outbox: &client.outbox,
                });
            }
        }
    }

    /// How many rooms there are.
    pub fn len(&self) -> usize {
        self.open.read().rooms.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The close of a relay that stops.
pub fn shutting_down() -> Close {
    Close::new(1001, "the relay is shutting down")
}

impl Registry {
    fn free_id(&self, style: &IdStyle) -> Result<PeerId, Close> {
        draw(style, |id| self.rooms.contains_key(id))
    }
}

fn draw(style: &IdStyle, taken: impl Fn(&PeerId) -> bool) -> Result<PeerId, Close> {
    (0..DRAWS)
        .map(|_| PeerId::random(style))
        .find(|id| !taken(id))
        .ok_or_else(|| Close::new(1013, "no free id was found").spread(1))
}

impl Room {
    fn admit(
        &self,
        style: &IdStyle,
        outbox: Arc<Outbox>,
        max_clients: usize,
        hello: impl FnOnce(&PeerId) -> Text,
    ) -> Result<Arc<Client>, Close> {
        let full = |why: &'static str| Close::new(1013, why).spread(1);
        let mut clients = self.clients.write();
        if self.ended.load(Relaxed) {
            return Err(self.server_left(1));
        }
        if clients.len() >= max_clients {
            return Err(full("the room is full"));
        }
        let id = draw(style, |id| *id == self.id || clients.contains_key(id))?;
        let joined =
            self.server
                .notify(envelope::peer_joined(&id))
                .map_err(|refused| match refused {
                    Refused::Full => full("the server's queue is full"),
                    Refused::Closed => self.server_left(1),
                })?;
        let client = Arc::new(Client {
            id: id.clone(),
            outbox,
            joined,
            left: AtomicBool::new(false),
        });
        let hello = hello(&id);
        if !client.outbox.admits(&hello) {
            self.server.notify_always(envelope::peer_gone(&id), None);
            return Err(full("the relay's queues are full"));
        }
        client.outbox.greet(hello);
        clients.insert(id, Arc::clone(&client));
        Ok(client)
    }

    /// From a client to the server.
    pub fn to_server(&self, from: &Client, outbound: Outbound, due: &mut Due) -> Delivery {
        let Outbound {
            text,
            lane,
            drop_on_full,
            came,
        } = outbound;
        let pushed = self
            .server
            .push(text, lane, from.joined, &from.left, came, due);
        match pushed {
            Err(Refused::Full) if !drop_on_full => Delivery::TooSlow,
            Err(Refused::Closed) => Delivery::UnknownPeer,
            Ok(()) | Err(Refused::Full) => Delivery::Done,
        }
    }

    /// From the server to one client.
    pub fn to_client(&self, id: &str, outbound: Outbound, due: &mut Due) -> Delivery {
        let Some(client) = self.clients.read().get(id).map(Arc::clone) else {
            return Delivery::UnknownPeer;
        };
        self.push_to(&client, outbound, due)
    }

    /// From the server to all clients.
    pub fn to_everyone(&self, outbound: &Outbound, due: &mut Due) {
        // Pushed under the lock, so that nobody is copied; whoever is too slow is dealt with after it.
        let slow: Vec<_> = self
            .clients
            .read()
            .values()
            .filter(|client| self.try_push(client, outbound.clone(), due) == Err(Refused::Full))
            .map(Arc::clone)
            .collect();
        if !outbound.drop_on_full {
            for client in slow {
                self.expel(&client, too_slow());
            }
        }
    }

    fn push_to(&self, client: &Client, outbound: Outbound, due: &mut Due) -> Delivery {
        let drop_on_full = outbound.drop_on_full;
        match self.try_push(client, outbound, due) {
            Err(Refused::Full) if !drop_on_full => {
                self.expel(client, too_slow());
                Delivery::Expelled
            }
            Err(Refused::Closed) => Delivery::UnknownPeer,
            Ok(()) | Err(Refused::Full) => Delivery::Done,
        }
    }

    fn try_push(&self, client: &Client, outbound: Outbound, due: &mut Due) -> Result<(), Refused> {
        let Outbound {
            text, lane, came, ..
        } = outbound;
        client
            .outbox
            .push(text, lane, AFTER_HELLO, &self.ended, came, due)
    }

    /// Tells each peer what `say` has for it, where its queue has a place: those that are `parked` as well, or not.
    pub fn tell_each(&self, parked: bool, say: impl Fn(&PeerId) -> Option<Text>) {
        let tell = |id: &PeerId, outbox: &Outbox| {
            if let Some(text) = say(id)
                && (parked || !outbox.is_parked())
            {
                // Who has no place now, or is about to leave, gets it another time, or not.
                _ = outbox.notify(text);
            }
        };
        tell(&self.id, &self.server);
        for client in self.clients.read().values() {
            tell(&client.id, &client.outbox);
        }
    }

    /// Ends the session of a client at its server's wish.
    pub fn kick(&self, id: &str, reason: String) -> Delivery {
        let Some(client) = self.clients.read().get(id).map(Arc::clone) else {
            return Delivery::UnknownPeer;
        };
        self.expel(&client, Close::new(4403, reason));
        Delivery::Done
    }

    fn expel(&self, client: &Client, close: Close) {
        client.outbox.close(close);
        self.leave(client);
    }

    /// A client has left: tells the server, once.
    pub fn leave(&self, client: &Client) {
        let mut clients = self.clients.write();
        let here = clients
            .get(&client.id)
            .is_some_and(|found| std::ptr::eq(Arc::as_ptr(found), client));
        if here {
            clients.remove(&client.id);
            self.server
                .notify_always(envelope::peer_gone(&client.id), Some(&client.left));
        }
    }

    /// The server has left: PEER_GONE and 4410 for every client.
    fn end(&self) {
        let mut clients = self.clients.write();
        self.ended.store(true, Relaxed);
        let gone = envelope::peer_gone(&self.id);
        let peers = clients.len();
        for (_, client) in clients.drain() {
            client.outbox.notify_always(gone.clone(), None);
            client.outbox.close(self.server_left(peers));
        }
    }

    fn server_left(&self, peers: usize) -> Close {
        let left = Close::new(4410, "the server has left");
        if self.fixed { left.spread(peers) } else { left }
    }
}

fn too_slow() -> Close {
    Close::new(4508, "too slow: the outbound queue is full")
}

#[cfg(test)]
mod tests;
