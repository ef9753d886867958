//! Stands between a peer and the relay, and breaks the connections that go through it.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream, UdpSocket,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::Notify,
    task::{JoinHandle, JoinSet},
};

use super::{TestRelay, Via};

/// The directions, as indices.
pub const UP: usize = 0;
pub const DOWN: usize = 1;
/// How much each direction of a connection carries before it breaks: bytes or datagrams.
pub type Carries = [i64; 2];
/// So much is never carried.
pub const ALL: i64 = i64::MAX;

/// The most that a TCP connection carries in one direction before it breaks somewhere.
const MOST_BYTES: i64 = 10_000;
/// The most datagrams.
const MOST_DATAGRAMS: i64 = 40;

/// Proxies whose connections break somewhere: both directions at once, or one after the other, or one alone.
pub async fn breaking(relay: &TestRelay, signals: &Signals, rng: &mut StdRng) -> (Tcp, Udp) {
    let mut bytes = StdRng::from_rng(rng);
    let mut datagrams = StdRng::from_rng(rng);
    let tcp = Tcp::start(relay, signals, move || {
        let cut = [Cut::Ends, Cut::Resets, Cut::Stalls][bytes.random_range(0..3)];
        (cut, [(); 2].map(|()| bytes.random_range(1..MOST_BYTES)))
    });
    let udp = Udp::new(relay, signals, move || {
        let mut carries: Carries = [(); 2].map(|()| datagrams.random_range(1..MOST_DATAGRAMS));
        match datagrams.random_range(0..3) {
            0 => carries[UP] = ALL,
            1 => carries[DOWN] = ALL,
            _ => {}
        }
        carries
    });
    (tcp.await, udp)
}

/// How a TCP connection breaks.
#[derive(Debug, Clone, Copy)]
pub enum Cut {
    /// Both sides see an end.
    Ends,
    /// Both sides see a reset.
    Resets,
    /// Nothing more comes through, and nobody is told.
    Stalls,
}

/// What is told to proxies, and by them.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    /// Something was held back for the first time, which neither end can see. A peer that waits for this instead of
    /// the end of its patience is as slow as the machine is, and no slower.
    pub stopped: Arc<Notify>,
    /// Breaks what goes through at the moment.
    pub cut: Arc<Notify>,
}

/// What a connection can be made through.
pub trait Proxy {
    /// `ws://…` or `https://…`, without a path.
    async fn url(&mut self) -> String;
}

/// Between a peer and the plain WebSocket listener. All its connections end with it.
pub struct Tcp {
    url: String,
    task: JoinHandle<()>,
}

impl Tcp {
    /// Asks `plan` about each connection.
    pub async fn start(
        relay: &TestRelay,
        signals: &Signals,
        mut plan: impl FnMut() -> (Cut, Carries) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("ws://{}", listener.local_addr().expect("an address"));
        let (relay, signals) = (relay.address(Via::Ws), signals.clone());
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (near, _) = listener.accept().await.expect("accepts");
                let far = TcpStream::connect(&relay).await.expect("connects");
                let (cut, carries) = plan();
                connections.spawn(forward(near, far, cut, carries, signals.clone()));
            }
        });
        Self { url, task }
    }
}

impl Proxy for Tcp {
    async fn url(&mut self) -> String {
        self.url.clone()
    }
}

impl Drop for Tcp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Forwards until either direction has carried its bytes, or one side ends.
async fn forward(mut near: TcpStream, mut far: TcpStream, cut: Cut, carries: Carries, on: Signals) {
    let (near_reads, near_writes) = near.split();
    let (far_reads, far_writes) = far.split();
    let is_cut = tokio::select! {
        is_cut = carry(near_reads, far_writes, carries[UP]) => is_cut,
        is_cut = carry(far_reads, near_writes, carries[DOWN]) => is_cut,
        () = on.cut.notified() => true,
    };
    match cut {
        _ if !is_cut => {}
        Cut::Ends => {}
        Cut::Resets => {
            for side in [&near, &far] {
                side.set_zero_linger().expect("a reset");
            }
        }
        Cut::Stalls => {
            on.stopped.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

/// `false`: the connection ended before it had carried so much.
async fn carry(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut bytes: i64) -> bool {
    let mut buffer = [0; 512];
    while bytes > 0 {
        let most = buffer.len().min(bytes as usize);
        match from.read(&mut buffer[..most]).await {
            Ok(0) | Err(_) => return false,
            Ok(read) => {
                bytes -= read as i64;
                if to.write_all(&buffer[..read]).await.is_err() {
                    return bytes == 0;
                }
            }
        }
    }
    true
}

/// Between a peer and the WebTransport listener. QUIC sees no more of a break than silence.
pub struct Udp {
    relay: String,
    signals: Signals,
    plan: Plan,
    flows: Flows,
    /// One for each URL; they end with the proxy.
    pumps: JoinSet<()>,
}

type Plan = Arc<Mutex<dyn FnMut() -> Carries + Send>>;
type Flows = Arc<Mutex<Vec<Arc<Flow>>>>;

/// What comes from one address of a peer, which is one connection of it.
struct Flow {
    far: UdpSocket,
    /// What each direction may still carry; less than nothing where something was held back.
    left: Mutex<Carries>,
    stopped: Arc<Notify>,
}

impl Udp {
    /// Asks `plan` about each connection.
    pub fn new(
        relay: &TestRelay,
        signals: &Signals,
        plan: impl FnMut() -> Carries + Send + 'static,
    ) -> Self {
        Self {
            relay: relay.address(Via::WebTransport),
            signals: signals.clone(),
            plan: Arc::new(Mutex::new(plan)),
            flows: Flows::default(),
            pumps: JoinSet::new(),
        }
    }

    /// Lets nothing more through of the present connections in these directions.
    pub fn stop(&self, directions: &[usize]) {
        for flow in lock(&self.flows).iter() {
            for direction in directions {
                lock(&flow.left)[*direction] = 0;
            }
        }
    }
}

impl Proxy for Udp {
    /// Another one each time: a connection that the system gives the port of an earlier one is not taken for that.
    async fn url(&mut self) -> String {
        let near = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("https://{}", near.local_addr().expect("an address"));
        self.pumps.spawn(pump(
            near,
            self.relay.clone(),
            Arc::clone(&self.plan),
            Arc::clone(&self.flows),
            self.signals.clone(),
        ));
        url
    }
}

impl Flow {
    /// Does one more go through?
    fn passes(&self, direction: usize) -> bool {
        let left = &mut lock(&self.left)[direction];
        if *left == 0 {
            self.stopped.notify_one();
        }
        *left -= 1;
        *left >= 0
    }
}

async fn pump(near: UdpSocket, relay: String, plan: Plan, flows: Flows, on: Signals) {
    let near = Arc::new(near);
    let mut known: HashMap<SocketAddr, Arc<Flow>> = HashMap::new();
    let mut down = JoinSet::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let (bytes, from) = tokio::select! {
            received = near.recv_from(&mut buffer) => received.expect("receives"),
            () = on.cut.notified() => {
                for flow in known.values() {
                    *lock(&flow.left) = [0, 0];
                }
                continue;
            }
        };
        let flow = match known.get(&from) {
            Some(flow) => Arc::clone(flow),
            None => {
                let far = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
                far.connect(&relay).await.expect("an address");
                let flow = Arc::new(Flow {
                    far,
                    left: Mutex::new(lock(&plan)()),
                    stopped: Arc::clone(&on.stopped),
                });
                known.insert(from, Arc::clone(&flow));
                lock(&flows).push(Arc::clone(&flow));
                down.spawn(bring_back(Arc::clone(&flow), Arc::clone(&near), from));
                flow
            }
        };
        if flow.passes(UP) {
            // A datagram may be lost.
            _ = flow.far.send(&buffer[..bytes]).await;
        }
    }
}

async fn bring_back(flow: Arc<Flow>, near: Arc<UdpSocket>, to: SocketAddr) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        // What the system tells of a datagram that found nobody is no end of a connection.
        if let Ok(bytes) = flow.far.recv(&mut buffer).await
            && flow.passes(DOWN)
        {
            _ = near.send_to(&buffer[..bytes], to).await;
        }
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("no panic while it is held")
}
