//! What the integration tests share: a relay of their own on free ports, and peers that say what they wait for.
#![allow(dead_code, reason = "each test file uses its own part of this")]
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

pub mod chromium;
pub mod daemon;
pub mod login;
pub mod process;
pub mod proxy;
pub mod raw;
pub mod resuming;
pub mod tools;
pub mod webtransport;

use std::{
    path::Path,
    sync::{Arc, Mutex, Once},
    time::Duration,
};

use intercessor::{
    client::{Event, Options, Peer, Trust},
    hub::Hub,
    listener::passed::Passed,
    relay::{
        self, Relay,
        reload::{self, NotReloaded, Reloader},
    },
    tls::Certificates,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpStream, sync::oneshot, task::JoinHandle, time::timeout};

use self::raw::{Response, Wire};

/// Long enough that only a hang reaches it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The transports that a peer can come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    Ws,
    Wss,
    WebTransport,
}

pub const EVERY_TRANSPORT: [Via; 3] = [Via::Ws, Via::Wss, Via::WebTransport];

/// Every pair of a server's and a client's transport.
pub fn every_pair() -> impl Iterator<Item = (Via, Via)> {
    EVERY_TRANSPORT
        .into_iter()
        .flat_map(|server| EVERY_TRANSPORT.map(|client| (server, client)))
}

/// A relay in this process, with a listener for each transport. It stops when dropped.
pub struct TestRelay {
    /// `ws://…`, `wss://…`, `https://…`, without a path.
    urls: Vec<String>,
    /// `HOST:PORT` of the admin listener, where there is one.
    admin: Option<String>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), String>>,
    reloader: Reloader,
    /// What its sessions share.
    pub hub: Arc<Hub>,
    pub certificates: Certificates,
    pub dir: TempDir,
}

/// A listener for each transport.
pub const LISTENERS: &str = "\
listeners:
  - { transport: websocket, bind: 127.0.0.1:0, tls: off }
  - { transport: websocket, bind: 127.0.0.1:0, tls: { self_signed: [localhost, 127.0.0.1] } }
  - { transport: webtransport, bind: 127.0.0.1:0, tls: { self_signed: [localhost, 127.0.0.1] } }
";

/// Anyone may be a server.
pub const OPEN: &str = "servers: { open: true }\n";

impl TestRelay {
    /// Starts a relay with this configuration, to which listeners are added.
    pub async fn start(yaml: &str) -> Self {
        Self::start_with(yaml, &[]).await
    }

    /// The same, with these files beside the configuration.
    pub async fn start_with(yaml: &str, files: &[(&str, &str)]) -> Self {
        Self::start_exactly(&format!("{LISTENERS}{yaml}"), files).await
    }

    /// Starts a relay with this configuration as it is.
    pub async fn start_exactly(yaml: &str, files: &[(&str, &str)]) -> Self {
        note_panics();
        let dir = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            write(&dir.path().join(name), text);
        }
        let config = dir.path().join("relay.yaml");
        write(&config, yaml);
        let checked = relay::check(&config).unwrap_or_else(|problems| panic!("{problems}"));
        let relay = Relay::bind(checked, Passed::none()).expect("free ports");
        let urls = relay.urls();
        let admin = relay
            .admin_urls()
            .first()
            .map(|url| url.replace("http://", ""));
        let hub = Arc::clone(relay.hub());
        let certificates = relay.certificates();
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            _ = stopped.await;
        };
        let (reloader, reloads) = reload::channel(|_| {});
        let task = tokio::spawn(relay.run(stopped, reloads));
        Self {
            urls,
            admin,
            stop: Some(stop),
            task,
            reloader,
            hub,
            certificates,
            dir,
        }
    }

    /// Writes this configuration, to which listeners are added, and has the relay reload it.
    pub async fn reload(&self, yaml: &str) -> Result<(), NotReloaded> {
        self.reload_exactly(&format!("{LISTENERS}{yaml}")).await
    }

    /// Writes this configuration as it is, and has the relay reload it.
    pub async fn reload_exactly(&self, yaml: &str) -> Result<(), NotReloaded> {
        write(&self.dir.path().join("relay.yaml"), yaml);
        let reloaded = timeout(PATIENCE, self.reloader.reload()).await;
        reloaded.expect("answered in time")
    }

    /// The URL of a path by a transport.
    pub fn url(&self, via: Via, path: &str) -> String {
        let scheme = match via {
            Via::Ws => "ws://",
            Via::Wss => "wss://",
            Via::WebTransport => "https://",
        };
        let base = self
            .urls
            .iter()
            .find(|url| url.starts_with(scheme))
            .unwrap_or_else(|| panic!("no listener for {scheme}"));
        format!("{base}{path}")
    }

    /// `HOST:PORT` of a transport's listener.
    pub fn address(&self, via: Via) -> String {
        let url = self.url(via, "");
        url.split("://").nth(1).expect("a scheme").to_owned()
    }

    /// The URL of the admin listener.
    pub fn admin_url(&self) -> String {
        let address = self.admin.as_deref().expect("an admin listener");
        format!("http://{address}/")
    }

    /// What the admin listener answers.
    pub async fn admin(&self, path: &str) -> Response {
        self.ask_admin(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            .await
    }

    /// What the admin listener answers to a request as it is written.
    pub async fn ask_admin(&self, request: &str) -> Response {
        let address = self.admin.as_deref().expect("an admin listener");
        let stream = TcpStream::connect(address).await.expect("connects");
        let mut wire = Wire::plain(stream);
        wire.write(request).await;
        wire.response().await
    }

    /// The value of a metric, by its name and labels as they are written; 0 where it is not there.
    pub async fn metric(&self, named: &str) -> f64 {
        let metrics = self.admin("/metrics").await.body;
        let mut lines = metrics.lines().filter_map(|line| line.rsplit_once(' '));
        let found = lines.find(|(name, _)| *name == named);
        found.map_or(0.0, |(_, value)| value.parse().expect("a number"))
    }

    /// Waits until a metric has this value.
    pub async fn wait_for_metric(&self, named: &str, value: f64) {
        timeout(PATIENCE, async {
            while self.metric(named).await != value {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{named} does not become {value}"));
    }

    /// Connects a peer to a path, whatever comes of it.
    pub async fn peer(&self, via: Via, path: &str) -> TestPeer {
        self.peer_with(via, path, Options::default())
            .await
            .unwrap_or_else(|error| panic!("{path} over {via:?}: {error}"))
    }

    /// Connects a peer with options; its certificate is not looked at.
    pub async fn peer_with(
        &self,
        via: Via,
        path: &str,
        options: Options,
    ) -> Result<TestPeer, intercessor::client::Error> {
        let options = Options {
            trust: Trust::Anything,
            ..options
        };
        let peer = Peer::connect(&self.url(via, path), options).await?;
        Ok(TestPeer {
            peer,
            id: String::new(),
        })
    }

    /// A server that has had its HELLO.
    pub async fn server(&self, via: Via) -> TestPeer {
        let mut peer = self.peer(via, "/server").await;
        peer.hello().await;
        peer
    }

    /// A client that has had its HELLO, and whose PEER_JOINED the server has had.
    pub async fn client(&self, via: Via, server: &mut TestPeer) -> TestPeer {
        let mut peer = self.peer(via, &format!("/client/{}", server.id)).await;
        peer.hello().await;
        assert_eq!(
            server.next().await,
            json!({ "from": "0", "type": "PEER_JOINED", "message": { "id": peer.id } })
        );
        peer
    }

    /// A server and a client of it.
    pub async fn pair(&self, server: Via, client: Via) -> (TestPeer, TestPeer) {
        let mut server = self.server(server).await;
        let client = self.client(client, &mut server).await;
        (server, client)
    }

    /// Stops the relay as SIGTERM does, and waits until it has.
    pub async fn stop(mut self) {
        self.begin_stop();
        timeout(PATIENCE, &mut self.task)
            .await
            .expect("stops in time")
            .expect("does not panic")
            .expect("stops cleanly");
    }

    /// Tells the relay to stop, and goes on.
    pub fn begin_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            _ = stop.send(());
        }
    }
}

impl Drop for TestRelay {
    fn drop(&mut self) {
        self.task.abort();
        let panics = PANICS.lock().expect("no panic while it is held");
        if !std::thread::panicking() {
            assert!(panics.is_empty(), "the relay panicked: {panics:?}");
        }
    }
}

/// Panics of the relay. One ends a task, and is seen from outside only as a connection that is cut off instead of closed.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic
                .location()
                .is_some_and(|at| at.file().starts_with("src/"))
            {
                PANICS
                    .lock()
                    .expect("no panic while it is held")
                    .push(panic.to_string());
            }
            hook(panic);
        }));
    });
}

fn write(path: &Path, text: &str) {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).expect("a directory");
    }
    std::fs::write(path, text).expect("written");
}

/// A peer that fails the test when something else comes than it waits for.
pub struct TestPeer {
    pub peer: Peer,
    /// Its id, once it has had HELLO.
    pub id: String,
}

impl TestPeer {
    /// Sends a JSON value as an envelope.
    pub async fn send(&mut self, envelope: Value) {
        self.send_text(&envelope.to_string()).await;
    }

    /// Sends a text as it is.
    pub async fn send_text(&mut self, text: &str) {
        self.peer.send(text).await.expect("sent");
    }

    /// Sends a message to a peer.
    pub async fn tell(&mut self, to: &str, kind: &str, message: Value) {
        self.send(json!({ "to": to, "type": kind, "message": message }))
            .await;
    }

    /// The next event.
    pub async fn event(&mut self) -> Event {
        timeout(PATIENCE, self.peer.receive())
            .await
            .expect("something comes in time")
    }

    /// The text of the next envelope.
    pub async fn next_text(&mut self) -> String {
        match self.event().await {
            Event::Envelope(text) => text,
            other => panic!("an envelope was to come, not {other:?}"),
        }
    }

    /// The next envelope.
    pub async fn next(&mut self) -> Value {
        let text = self.next_text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The message of the next envelope, which must be of this type.
    pub async fn expect(&mut self, kind: &str) -> Value {
        let mut envelope = self.next().await;
        assert_eq!(envelope["type"], kind, "{envelope}");
        envelope["message"].take()
    }

    /// The message of the next envelope of this type, whatever comes before it.
    pub async fn skip_to(&mut self, kind: &str) -> Value {
        loop {
            let mut envelope = self.next().await;
            if envelope["type"] == kind {
                return envelope["message"].take();
            }
        }
    }

    /// HELLO, which must be the next. Notes the id.
    pub async fn hello(&mut self) -> Value {
        let hello = self.expect("HELLO").await;
        self.id = hello["id"].as_str().expect("an id").to_owned();
        hello
    }

    /// The next envelope must be an ERROR with this code.
    pub async fn refused(&mut self, code: &str) -> Value {
        let error = self.expect("ERROR").await;
        assert_eq!(error["code"], code, "{error}");
        let detail = error["detail"].as_str().expect("a detail");
        assert!(!detail.is_empty() && !detail.contains('\n'), "{detail}");
        error
    }

    /// The next must be BYE with this code, and then the end with the same.
    pub async fn closed(&mut self, code: u16) -> Value {
        let bye = self.expect("BYE").await;
        assert_eq!(bye["code"], code, "{bye}");
        match self.event().await {
            Event::Closed {
                code: closed,
                reason,
            } => {
                assert_eq!(closed, code);
                assert_eq!(bye["reason"], *reason);
            }
            other => panic!("the end was to come, not {other:?}"),
        }
        bye
    }

    /// The session must end with this code, whatever else comes before.
    pub async fn closed_at_last(&mut self, code: u16) {
        loop {
            match self.event().await {
                Event::Envelope(_) => {}
                Event::Closed { code: closed, .. } => return assert_eq!(closed, code),
                other => panic!("a close was to come, not {other:?}"),
            }
        }
    }

    /// Nothing has come that is not asked for: a message of its own to the relay is answered next.
    pub async fn nothing_else(&mut self) {
        let mark = "nothing-else";
        self.send(json!({ "to": "0", "type": "NO_SUCH_THING", "message": {}, "ref": mark }))
            .await;
        let error = self.refused("UNKNOWN_TYPE").await;
        assert_eq!(error["ref"], mark);
    }

    /// Leaves cleanly.
    pub async fn leave(self) {
        self.peer.leave().await;
    }
}
