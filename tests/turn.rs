//! The credentials that peers are told, as a real coturn takes them.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{
    OPEN, PATIENCE, TestRelay, Via,
    daemon::{Daemon, free_port, program},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::UdpSocket, process::Command, time::timeout};

const SECRET: &str = "a secret that coturn and the relay share";
/// How often another port is tried, where somebody else has taken the one that was free.
const PORT_TRIES: usize = 3;
/// How long coturn may take to answer.
const START: Duration = Duration::from_secs(10);
/// How often it is asked meanwhile.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// A coturn on loopback. It is killed when dropped.
struct Coturn {
    _daemon: Daemon,
    port: u16,
    _dir: TempDir,
}

impl Coturn {
    async fn start() -> Self {
        for _ in 0..PORT_TRIES {
            if let Some(coturn) = Self::try_start(free_port()).await {
                return coturn;
            }
        }
        panic!("coturn finds no port");
    }

    /// `None`: it does not answer, as where somebody else has taken the port.
    async fn try_start(port: u16) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name).display().to_string();
        let mut command = program("turnserver");
        command
            .args(["-n", "--use-auth-secret", "--realm=relay.example"])
            .arg(format!("--static-auth-secret={SECRET}"))
            .args(["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1"])
            .arg(format!("--listening-port={port}"))
            .args([
                "--no-tls",
                "--no-dtls",
                "--no-cli",
                "--allow-loopback-peers",
            ])
            .arg(format!("--log-file={}", path("log")))
            .arg(format!("--pidfile={}", path("pid")))
            .arg(format!("--userdb={}", path("turndb")));
        let daemon = Daemon::start(command);
        timeout(START, answers_stun(port)).await.ok()?;
        Some(Self {
            _daemon: daemon,
            port,
            _dir: dir,
        })
    }

    /// Does coturn's own client get an allocation with the credentials of this message, and its packets back through it?
    async fn takes(&self, message: &Value) -> bool {
        let server = &message["iceServers"][0];
        let text = |key: &str| server[key].as_str().expect("a text").to_owned();
        let mut client = program("turnutils_uclient");
        client
            .args(["-u", &text("username"), "-w", &text("credential")])
            .args(["-p", &self.port.to_string(), "-n", "1", "-m", "1", "-y"])
            .arg("127.0.0.1");
        let status = Command::from(client).kill_on_drop(true).status();
        let status = timeout(PATIENCE, status).await.expect("ends in time");
        status
            .expect("coturn's client is installed with it")
            .success()
    }

    /// A configuration that tells peers of it.
    fn ice_servers(&self, secret: &str, ttl: &str) -> String {
        let urls = format!("turn:127.0.0.1:{}", self.port);
        format!("{OPEN}ice_servers: [{{ urls: '{urls}', secret: {secret}, ttl: {ttl} }}]\n")
    }
}

/// Waits until a Binding request (RFC 8489, 6) is answered on this port.
async fn answers_stun(port: u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    socket
        .connect(("127.0.0.1", port))
        .await
        .expect("an address");
    let transaction: [u8; 12] = rand::random();
    let request = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42], &transaction[..]].concat();
    let mut response = [0; 512];
    loop {
        _ = socket.send(&request).await;
        if let Ok(Ok(20..)) = timeout(ASK_EVERY, socket.recv(&mut response)).await
            && response[..2] == [1, 1]
            && response[8..20] == transaction
        {
            return;
        }
    }
}

/// Waits until the credentials of this message have run out.
async fn run_out(message: &Value) {
    let username = message["iceServers"][0]["username"].as_str();
    let (end, _) = username.and_then(|it| it.split_once(':')).expect("a name");
    let end = UNIX_EPOCH + Duration::from_secs(end.parse().expect("a time"));
    // coturn compares whole seconds, and takes them to the end.
    let end = end + Duration::from_secs(2);
    let left = end.duration_since(SystemTime::now()).unwrap_or_default();
    tokio::time::sleep(left).await;
}

#[tokio::test]
async fn coturn_takes_the_credentials_of_hello_and_of_ice_servers() {
    let coturn = Coturn::start().await;
    let relay = TestRelay::start(&coturn.ice_servers(SECRET, "30s")).await;
    let mut server = relay.peer(Via::WebTransport, "/server").await;
    let of_server = server.hello().await;
    let mut client = relay.peer(Via::Ws, &format!("/client/{}", server.id)).await;
    let of_client = client.hello().await;
    let (a, b) = tokio::join!(coturn.takes(&of_server), coturn.takes(&of_client));
    assert!(a && b);
    let (of_server, of_client) =
        tokio::join!(server.skip_to("ICE_SERVERS"), client.skip_to("ICE_SERVERS"));
    let (a, b) = tokio::join!(coturn.takes(&of_server), coturn.takes(&of_client));
    assert!(a && b);
}

#[tokio::test]
async fn coturn_refuses_another_secret_and_credentials_that_have_run_out() {
    let coturn = Coturn::start().await;
    let relay = TestRelay::start(&coturn.ice_servers("another", "12h")).await;
    let mut peer = relay.peer(Via::Wss, "/server").await;
    let hello = peer.hello().await;
    assert!(!coturn.takes(&hello).await);
    // A reload mends it, also for those who are connected.
    let right = coturn.ice_servers(SECRET, "12h");
    relay.reload(&right).await.expect("reloads");
    let told = peer.expect("ICE_SERVERS").await;
    assert!(coturn.takes(&told).await);
    let short = coturn.ice_servers(SECRET, "1s");
    relay.reload(&short).await.expect("reloads");
    let told = peer.expect("ICE_SERVERS").await;
    run_out(&told).await;
    assert!(!coturn.takes(&told).await);
}
