//! The load over WebTransport. QUIC costs a peer about what it costs the relay, so that here the load generator may
//! well be the bottleneck; processor time for each message is not touched by that.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use quinn::{ClientConfig, Endpoint, VarInt, crypto::rustls::QuicClientConfig};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use url::Url;
use web_transport_quinn::{ALPN, RecvStream, SendStream, Session, proto::ConnectRequest};

use super::{
    Stretch, connects,
    memory::{BYTES, ROUNDS, WINDOW},
};
use crate::{
    Failure, message, peer,
    run::Pace,
    scenarios::{self, AFTER, BUSY, IDLE, Measured, PER_CPU_SECOND},
    system,
    systems::{Running, System},
};

/// Peers that connect at the same time.
const AT_ONCE: usize = 8;
/// Rooms of the usual load.
const ROOMS: usize = 20;
/// Without anything for so long something is wrong.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long everything is left alone before memory is looked at.
const REST: Duration = Duration::from_secs(3);
/// What is read at once.
const READ: usize = 64 * 1024;

/// Where to, and how.
#[derive(Clone)]
struct Dialer {
    endpoint: Endpoint,
    address: std::net::SocketAddr,
    config: ClientConfig,
}

struct Peer {
    session: Session,
    send: SendStream,
    receive: RecvStream,
    id: String,
}

impl Dialer {
    /// Endpoints are few: each is a socket and a task.
    fn new(running: &Running, certificate: &Path) -> Result<Self, Failure> {
        let mut tls = connects::client_config(certificate)?.as_ref().clone();
        tls.alpn_protocols = vec![ALPN.as_bytes().to_vec()];
        let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
        let mut transport = quinn::TransportConfig::default();
        transport.keep_alive_interval(Some(Duration::from_secs(10)));
        config.transport_config(Arc::new(transport));
        let address = running.web()?;
        let endpoint = Endpoint::client(([127, 0, 0, 1], 0).into())?;
        Ok(Self {
            endpoint,
            address,
            config,
        })
    }

    async fn connect(&self, path: &str) -> Result<Peer, Failure> {
        timeout(PATIENCE, self.try_connect(path)).await?
    }

    async fn try_connect(&self, path: &str) -> Result<Peer, Failure> {
        let connection = self
            .endpoint
            .connect_with(self.config.clone(), self.address, "localhost")?
            .await?;
        let url = Url::parse(&format!("https://{}{path}", self.address))?;
        let session = Session::connect(connection, ConnectRequest::new(url)).await?;
        let (mut send, mut receive) = session.open_bi().await?;
        send.write_all(b"\n").await?;
        let hello = read_line(&mut receive).await?;
        let id = peer::id_in(&hello).ok_or_else(|| format!("no HELLO: {hello}"))?;
        Ok(Peer {
            session,
            send,
            receive,
            id,
        })
    }

    /// A server and a client of it, whose PEER_JOINED has come.
    async fn room(&self) -> Result<[Peer; 2], Failure> {
        let mut server = self.connect("/server").await?;
        let client = self.connect(&format!("/client/{}", server.id)).await?;
        read_line(&mut server.receive).await?;
        Ok([server, client])
    }
}

/// Reads one line, which comes alone.
async fn read_line(receive: &mut RecvStream) -> Result<String, Failure> {
    let mut line = Vec::new();
    let mut chunk = [0; 1024];
    while !line.ends_with(b"\n") {
        let length = timeout(PATIENCE, receive.read(&mut chunk)).await??;
        line.extend_from_slice(&chunk[..length.ok_or("hung up")?]);
    }
    Ok(String::from_utf8(line)?)
}

fn runtime() -> Result<Runtime, Failure> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// Connects for each second of processor time.
pub fn connects(running: &Running, certificate: &Path, pace: Pace) -> Result<Measured, Failure> {
    runtime()?.block_on(async {
        let dialer = Dialer::new(running, certificate)?;
        let done = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (dialer, done) = (dialer.clone(), Arc::clone(&done));
            tasks.spawn(async move {
                loop {
                    come_and_go(&dialer).await?;
                    done.fetch_add(1, Relaxed);
                }
            });
        }
        let stretch = watch(&mut tasks, running.pid(), &done, pace).await?;
        Ok(vec![
            (PER_CPU_SECOND, 1e6 / stretch.cpu),
            (BUSY, stretch.busy),
        ])
    })
}

async fn come_and_go(dialer: &Dialer) -> Result<(), Failure> {
    let Peer {
        session, mut send, ..
    } = dialer.connect("/server").await?;
    send.finish()?;
    // As a browser's tab that is closed.
    quinn::Connection::close(&session, VarInt::from_u32(0x100), b"");
    Ok(())
}

/// Measures while tasks, which end only if they fail, go on.
async fn watch(
    tasks: &mut JoinSet<Result<(), Failure>>,
    pid: u32,
    done: &AtomicU64,
    pace: Pace,
) -> Result<Stretch, Failure> {
    let measure = async {
        sleep(pace.warm_up).await;
        let (cpu, own) = (system::run_time(pid)?, system::own_run_time()?);
        let (start, before) = (Instant::now(), done.load(Relaxed));
        sleep(pace.measured).await;
        let delivered = done.load(Relaxed) - before;
        let elapsed = start.elapsed();
        if delivered == 0 {
            return Err("nothing comes any more".into());
        }
        Ok(Stretch {
            cpu: (system::run_time(pid)? - cpu) as f64 / 1000.0 / delivered as f64,
            rate: delivered as f64 / elapsed.as_secs_f64(),
            busy: (system::own_run_time()? - own) as f64 / elapsed.as_nanos() as f64,
        })
    };
    tokio::select! {
        measured = measure => measured,
        Some(ended) = tasks.join_next() => match ended? {
            Ok(()) => Err("a peer has stopped".into()),
            Err(failure) => Err(failure),
        },
    }
}

/// The usual load: whoever has had a message sends one.
pub fn throughput(
    running: &Running,
    system: System,
    certificate: &Path,
    bytes: usize,
    pace: Pace,
) -> Result<Measured, Failure> {
    runtime()?.block_on(async {
        let dialer = Dialer::new(running, certificate)?;
        let done = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..ROOMS {
            let [server, client] = dialer.room().await?;
            let line = system.received(bytes) + "\n".len();
            let (to_server, to_client) = (server.id.clone(), client.id.clone());
            for (peer, to) in [(server, to_client), (client, to_server)] {
                let text = message::envelope(&to, message::CHECKED, bytes) + "\n";
                tasks.spawn(answer(peer, text, line, pace.window, Arc::clone(&done)));
            }
        }
        let stretch = watch(&mut tasks, running.pid(), &done, pace).await?;
        Ok(scenarios::measured(stretch))
    })
}

async fn answer(
    mut peer: Peer,
    text: String,
    line: usize,
    window: usize,
    done: Arc<AtomicU64>,
) -> Result<(), Failure> {
    let many = text.repeat(window * 2);
    peer.send
        .write_all(&many.as_bytes()[..text.len() * window])
        .await?;
    let mut chunk = vec![0; READ];
    let mut have = 0;
    while let Some(length) = peer.receive.read(&mut chunk).await? {
        have += length;
        let came = have / line;
        have %= line;
        done.fetch_add(came as u64, Relaxed);
        for _ in 0..came / (window * 2) {
            peer.send.write_all(many.as_bytes()).await?;
        }
        let rest = came % (window * 2);
        peer.send
            .write_all(&many.as_bytes()[..text.len() * rest])
            .await?;
    }
    Err("the system under test has hung up".into())
}

/// Memory of a peer that is idle, and of one that is idle again.
pub fn memory(
    running: &Running,
    system: System,
    certificate: &Path,
    pace: Pace,
) -> Result<Measured, Failure> {
    let pid = running.pid();
    runtime()?.block_on(async {
        let dialer = Dialer::new(running, certificate)?;
        let mut first = dialer.room().await?;
        talk(&mut first, system).await?;
        sleep(REST).await;
        let before = system::memory(pid)?;
        let mut rooms = Vec::new();
        for _ in 0..1000 / pace.share / 2 {
            rooms.push(dialer.room().await?);
        }
        sleep(REST).await;
        let idle = system::memory(pid)?;
        for room in &mut rooms {
            talk(room, system).await?;
        }
        sleep(REST).await;
        let after = system::memory(pid)?;
        let each = |kib: f64| (kib - before) / (rooms.len() * 2) as f64;
        Ok(vec![(IDLE, each(idle)), (AFTER, each(after))])
    })
}

/// What peers over WebSocket say to each other when memory is measured, too.
async fn talk([server, client]: &mut [Peer; 2], system: System) -> Result<(), Failure> {
    for _ in 0..ROUNDS {
        say(server, client, system).await?;
        say(client, server, system).await?;
    }
    Ok(())
}

async fn say(from: &mut Peer, to: &mut Peer, system: System) -> Result<(), Failure> {
    let text = message::envelope(&to.id, message::CHECKED, BYTES) + "\n";
    from.send.write_all(text.repeat(WINDOW).as_bytes()).await?;
    let mut left = (system.received(BYTES) + "\n".len()) * WINDOW;
    let mut chunk = vec![0; READ];
    while left > 0 {
        let length = timeout(PATIENCE, to.receive.read(&mut chunk)).await??;
        left = left
            .checked_sub(length.ok_or("hung up")?)
            .ok_or("more came than was sent")?;
    }
    Ok(())
}
