//! A plain forwarder over the wtransport crate: the lines of session streams are handed on as they are, from a
//! server to its one client and back. What a task has read at once goes on in one write.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::sync::mpsc;
use wtransport::{Endpoint, Identity, RecvStream, ServerConfig, VarInt, endpoint::IncomingSession};

use crate::Failure;

/// What waits for a peer: pieces of whole lines.
type Outbox = mpsc::Sender<Vec<u8>>;
/// How many pieces may wait.
const WAITING: usize = 1024;
/// What is read at once.
const READ: usize = 64 * 1024;

#[derive(Default)]
struct Rooms {
    next_id: AtomicU64,
    /// Everybody, by id; a room is a server with the last of its clients.
    servers: Mutex<HashMap<String, Room>>,
}

struct Room {
    server: Outbox,
    client: Option<Outbox>,
}

/// Forwards until it is killed.
pub fn run(certificate: &Path, key: &Path) -> Result<(), Failure> {
    tokio::runtime::Runtime::new()?.block_on(serve(certificate, key))
}

async fn serve(certificate: &Path, key: &Path) -> Result<(), Failure> {
    let identity = Identity::load_pemfiles(certificate, key).await?;
    let config = ServerConfig::builder()
        .with_bind_address(([127, 0, 0, 1], 0).into())
        .with_identity(identity)
        .build();
    let endpoint = Endpoint::server(config)?;
    println!("https://{}", endpoint.local_addr()?);
    let rooms = Arc::new(Rooms::default());
    loop {
        let session = endpoint.accept().await;
        let rooms = Arc::clone(&rooms);
        // How a session ends is its own matter.
        tokio::spawn(async move { _ = session_of(session, &rooms).await });
    }
}

async fn session_of(incoming: IncomingSession, rooms: &Rooms) -> Result<(), Failure> {
    let request = incoming.await?;
    let server = request.path().strip_prefix("/client/").map(str::to_owned);
    let connection = request.accept().await?;
    let (mut send, mut receive) = connection.accept_bi().await?;
    let id = format!("{:021}", rooms.next_id.fetch_add(1, Relaxed));
    let (outbox, mut waiting) = mpsc::channel::<Vec<u8>>(WAITING);
    send.write_all(line("HELLO", &id).as_bytes()).await?;
    rooms.enter(&id, server.as_deref(), outbox).await;
    tokio::select! {
        _ = read(&mut receive, &id, server.as_deref(), rooms) => {}
        _ = async {
            while let Some(piece) = waiting.recv().await {
                send.write_all(&piece).await?;
            }
            Ok::<_, Failure>(())
        } => {}
    }
    rooms.leave(&id);
    _ = send.finish().await;
    connection.close(VarInt::from_u32(0), b"");
    Ok(())
}

/// Hands on what comes, as far as the last line of it is whole.
async fn read(
    receive: &mut RecvStream,
    id: &str,
    server: Option<&str>,
    rooms: &Rooms,
) -> Result<(), Failure> {
    let mut buffer = vec![0; READ];
    let mut have = 0;
    while let Some(length) = receive.read(&mut buffer[have..]).await? {
        have += length;
        let Some(end) = memchr::memrchr(b'\n', &buffer[..have]).map(|at| at + 1) else {
            if have == buffer.len() {
                return Err("a line is too long".into());
            }
            continue;
        };
        // An empty line announces the stream.
        let start = usize::from(buffer[0] == b'\n');
        if start < end
            && let Some(recipient) = rooms.other_side(id, server)
        {
            recipient.send(buffer[start..end].to_vec()).await?;
        }
        buffer.copy_within(end..have, 0);
        have -= end;
    }
    Ok(())
}

impl Rooms {
    async fn enter(&self, id: &str, server: Option<&str>, outbox: Outbox) {
        let told = {
            let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
            match server.and_then(|server| servers.get_mut(server)) {
                Some(room) => {
                    room.client = Some(outbox);
                    Some(room.server.clone())
                }
                None => {
                    let room = Room {
                        server: outbox,
                        client: None,
                    };
                    servers.insert(id.to_owned(), room);
                    None
                }
            }
        };
        if let Some(server) = told {
            _ = server.send(line("PEER_JOINED", id).into_bytes()).await;
        }
    }

    fn other_side(&self, id: &str, server: Option<&str>) -> Option<Outbox> {
        let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        match server {
            Some(server) => servers.get(server).map(|room| room.server.clone()),
            None => servers.get(id).and_then(|room| room.client.clone()),
        }
    }

    fn leave(&self, id: &str) {
        self.servers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
    }
}

fn line(kind: &str, id: &str) -> String {
    format!("{{\"from\":\"0\",\"type\":\"{kind}\",\"message\":{{\"id\":\"{id}\"}}}}\n")
}
