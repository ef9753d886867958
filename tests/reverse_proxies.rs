//! Behind a real nginx, HAProxy and Caddy, with the configurations of docs/proxies.md as they stand there.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use common::{
    OPEN, PATIENCE,
    daemon::{Daemon, free_port, program},
    process::{Process, command},
    raw::{FIN, PING, PONG, UPGRADE, Wire},
};
use intercessor::client::Trust;
use rustls_pki_types::ServerName;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;

/// What the proxies are told to give up after, instead of what the page says.
const PROXY_TIMEOUT: &str = "1s";
/// How long nothing but pings goes over a connection: far longer than that.
const IDLE: Duration = Duration::from_secs(3);
/// Two peers behind a proxy. The proxy itself is at another address, the only one that is trusted.
const PEER: [u8; 4] = [127, 0, 0, 5];
const OTHER: [u8; 4] = [127, 0, 0, 6];
/// What a peer may try to make itself out to be.
const LIES: &str = "X-Forwarded-For: 198.51.100.9\r\n\
    X-Forwarded-For: 198.51.100.10, unknown, \"\r\n\
    Forwarded: for=198.51.100.11\r\n\
    X-Real-IP: 198.51.100.12\r\n";

/// The blocks of the page in this language.
fn blocks(language: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/proxies.md");
    let page = fs::read_to_string(page).expect("readable");
    let start = format!("```{language}\n");
    let blocks = page.split(&start).skip(1);
    let block = |rest: &str| rest.split("```").next().expect("an end").to_owned();
    blocks.map(block).collect()
}

/// A text in which each of these is replaced, and each is there.
fn with(text: &str, replacements: &[(&str, &str)]) -> String {
    let mut text = text.to_owned();
    for (from, to) in replacements {
        assert!(text.contains(from), "{from} is not in\n{text}");
        text = text.replace(from, to);
    }
    text
}

/// A relay with a configuration of the page.
struct Relay {
    process: Process,
    /// `127.0.0.1:PORT`.
    address: String,
    dir: TempDir,
}

impl Relay {
    /// With the configuration that has this address, one place for each peer, and frequent pings.
    fn start(address: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let made = command()
            .args(["cert", "--name", "localhost", "--out"])
            .arg(dir.path())
            .output();
        assert!(made.expect("runs").status.success());
        let yaml = blocks("yaml");
        let yaml = yaml.iter().find(|yaml| yaml.contains(address));
        let yaml = with(yaml.expect("a block"), &[(address, "127.0.0.1:0")]);
        let more =
            "timeouts: { ping: 200ms }\nlimits: { connections: 100, connections_per_address: 1 }\n";
        fs::write(dir.path().join("relay.yaml"), format!("{yaml}{OPEN}{more}")).expect("written");
        let mut process = Process::relay(dir.path(), &[]);
        let url = process.listening_url();
        let address = url.split("://").nth(1).expect("an address").to_owned();
        Self {
            process,
            address,
            dir,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn path_text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).expect("written");
        self.path(name)
    }
}

/// A proxy on a port.
struct Proxy {
    _daemon: Daemon,
    port: u16,
}

impl Proxy {
    fn start(daemon: std::process::Command, port: u16) -> Self {
        let mut daemon = Daemon::start(daemon);
        daemon.wait_for(port);
        Self {
            _daemon: daemon,
            port,
        }
    }

    fn nginx(relay: &Relay, configuration: &str, port: u16) -> Self {
        let dir = relay.dir.path().display();
        let start = format!(
            "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n\
             daemon off;\npid {dir}/nginx.pid;\nerror_log {dir}/nginx.log;\nevents {{}}\n"
        );
        let file = relay.write("nginx.conf", &format!("{start}{configuration}"));
        let mut nginx = program("nginx");
        nginx.arg("-e").arg(relay.path("nginx.log"));
        nginx.arg("-c").arg(file);
        Self::start(nginx, port)
    }

    fn haproxy(relay: &Relay, configuration: &str, port: u16) -> Self {
        let file = relay.write("haproxy.cfg", configuration);
        let mut haproxy = program("haproxy");
        haproxy.arg("-db").arg("-f").arg(file);
        Self::start(haproxy, port)
    }

    /// A TLS connection through it from a loopback address.
    async fn connect(&self, from: [u8; 4]) -> Wire {
        self.try_connect(from).await.expect("TLS")
    }

    async fn try_connect(&self, from: [u8; 4]) -> std::io::Result<Wire> {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .bind(SocketAddr::from((from, 0)))
            .expect("a loopback address");
        let to = SocketAddr::from(([127, 0, 0, 1], self.port));
        let stream = socket.connect(to).await.expect("connects");
        let tls = Trust::Anything.client_config("http/1.1").expect("TLS");
        let name = ServerName::try_from("relay.example").expect("a name");
        let stream = TlsConnector::from(Arc::new(tls)).connect(name, stream);
        Ok(Wire::over_any(stream.await?))
    }

    /// Asks for a session with lies about the address, and says the status of the answer.
    async fn ask(&self, from: [u8; 4]) -> (Wire, u16) {
        let mut wire = self.connect(from).await;
        wire.write(format!("GET /server HTTP/1.1\r\n{UPGRADE}{LIES}\r\n"))
            .await;
        let status = wire.response().await.status;
        (wire, status)
    }
}

/// Peers come through with their own addresses, whatever they say; limits are theirs; and idle connections last.
///
/// `cuts`: the proxy does so to whom nothing comes of, after [`PROXY_TIMEOUT`].
async fn holds(mut relay: Relay, proxy: Proxy, cuts: bool) {
    let (mut peer, status) = proxy.ask(PEER).await;
    assert_eq!(status, 101);
    peer.hello().await;
    let line = relay.process.line_with("session opened");
    assert!(line.contains(" address=127.0.0.5"), "{line}");
    assert_eq!(proxy.ask(PEER).await.1, 503);
    let (mut other, status) = proxy.ask(OTHER).await;
    assert_eq!(status, 101);
    other.hello().await;
    let line = relay.process.line_with("session opened");
    assert!(line.contains(" address=127.0.0.6"), "{line}");
    discovers(&proxy).await;
    idles(&mut peer).await;
    if cuts {
        // This one has answered no pings.
        let line = relay.process.line_with("session ended");
        assert!(line.contains(" address=127.0.0.6 code=1006 "), "{line}");
    }
    relay.process.signal("TERM");
    assert_eq!(peer_is_told(&mut peer).await, 1001);
    drop((peer, other));
    assert!(relay.process.wait().success());
    let log = relay.process.log();
    assert!(
        !log.contains(" WARN ") && !log.contains("198.51.100"),
        "{log}"
    );
}

async fn discovers(proxy: &Proxy) {
    let mut wire = proxy.connect(PEER).await;
    wire.write(format!(
        "GET /.well-known/intercessor HTTP/1.1\r\nHost: relay.example:{}\r\nConnection: close\r\n\r\n",
        proxy.port
    ))
    .await;
    let document = wire.response().await.body;
    assert!(document.contains("\"wss://relay.example\""), "{document}");
}

/// Nothing but pings goes over a connection for long, and then it still works.
async fn idles(peer: &mut Wire) {
    let began = Instant::now();
    while began.elapsed() < IDLE {
        let ping = peer.next_frame().await;
        assert_eq!(ping.first, FIN | PING);
        peer.frame(FIN | PONG, ping.payload).await;
    }
    let envelope = json!({ "to": "0", "type": "NONE", "message": {} });
    peer.text(envelope.to_string()).await;
    loop {
        let frame = peer.next_frame().await;
        if frame.first != FIN | PING {
            assert!(String::from_utf8_lossy(&frame.payload).contains("UNKNOWN_TYPE"));
            return;
        }
    }
}

/// The code of the BYE that comes next, but for pings.
async fn peer_is_told(peer: &mut Wire) -> u64 {
    loop {
        let frame = peer.next_frame().await;
        if frame.first != FIN | PING {
            let bye: serde_json::Value = serde_json::from_slice(&frame.payload).expect("JSON");
            assert_eq!(bye["type"], "BYE");
            return bye["message"]["code"].as_u64().expect("a code");
        }
    }
}

#[tokio::test]
async fn nginx_with_tls() {
    let relay = Relay::start("127.0.0.1:8080");
    let port = free_port();
    let site = with(
        &blocks("nginx")[0],
        &[
            ("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl")),
            ("/etc/ssl/relay.pem", &relay.path_text("relay.pem")),
            ("/etc/ssl/relay.key", &relay.path_text("relay.key")),
            ("127.0.0.1:8080", &relay.address),
            ("60s", PROXY_TIMEOUT),
        ],
    );
    // What Debian's nginx.conf has around a site, but for its directories, which are root's.
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|it| format!("{it}_temp_path {};\n", relay.path_text(it)))
        .concat();
    let http = format!("http {{\naccess_log off;\n{temporary}{site}}}\n");
    let proxy = Proxy::nginx(&relay, &http, port);
    holds(relay, proxy, true).await;
}

#[tokio::test]
async fn nginx_with_tls_passed_through() {
    let relay = Relay::start("127.0.0.1:8443");
    let port = free_port();
    let stream = with(
        &blocks("nginx")[1],
        &[
            ("listen 443", &format!("listen 127.0.0.1:{port}")),
            ("127.0.0.1:8443", &relay.address),
            ("60s", PROXY_TIMEOUT),
        ],
    );
    let proxy = Proxy::nginx(&relay, &stream, port);
    holds(relay, proxy, true).await;
}

#[tokio::test]
async fn haproxy_with_tls() {
    let relay = Relay::start("127.0.0.1:8080");
    let port = free_port();
    let both = ["relay.pem", "relay.key"].map(|it| fs::read_to_string(relay.path(it)));
    let both = both.map(|it| it.expect("readable")).concat();
    relay.write("both.pem", &both);
    let configuration = with(
        &blocks("haproxy")[0],
        &[
            ("bind :443", &format!("bind 127.0.0.1:{port}")),
            ("/etc/haproxy/relay.pem", &relay.path_text("both.pem")),
            ("127.0.0.1:8080", &relay.address),
            ("60s", PROXY_TIMEOUT),
        ],
    );
    let proxy = Proxy::haproxy(&relay, &configuration, port);
    holds(relay, proxy, true).await;
}

#[tokio::test]
async fn haproxy_with_tls_passed_through() {
    for version in ["send-proxy-v2", "send-proxy"] {
        let relay = Relay::start("127.0.0.1:8443");
        let port = free_port();
        let configuration = with(
            &blocks("haproxy")[1],
            &[
                ("bind :443", &format!("bind 127.0.0.1:{port}")),
                ("127.0.0.1:8443", &relay.address),
                (" send-proxy-v2 ", &format!(" {version} ")),
                ("60s", PROXY_TIMEOUT),
            ],
        );
        let proxy = Proxy::haproxy(&relay, &configuration, port);
        holds(relay, proxy, true).await;
    }
}

#[tokio::test]
async fn caddy() {
    let relay = Relay::start("127.0.0.1:8080");
    let port = free_port();
    // A certificate of its own making, and nothing on ports that are not the test's.
    let options = "{\n\tadmin off\n\tlocal_certs\n\tskip_install_trust\n\
        \tauto_https disable_redirects\n}\n";
    let site = with(
        &blocks("caddyfile")[0],
        &[
            (
                "relay.example {",
                &format!("https://relay.example:{port} {{\nbind 127.0.0.1"),
            ),
            ("127.0.0.1:8080", &relay.address),
        ],
    );
    let file = relay.write("Caddyfile", &format!("{options}{site}"));
    let mut caddy = program("caddy");
    caddy
        .args(["run", "--adapter", "caddyfile", "--config"])
        .arg(file);
    for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        caddy.env(variable, relay.dir.path());
    }
    let proxy = Proxy::start(caddy, port);
    // It listens before it has made its certificate.
    let began = Instant::now();
    while proxy.try_connect(PEER).await.is_err() {
        assert!(began.elapsed() < PATIENCE);
    }
    holds(relay, proxy, false).await;
}

#[test]
fn every_configuration_of_the_relay_is_valid() {
    let relay = Relay::start("127.0.0.1:8443");
    for yaml in blocks("yaml") {
        let file = relay.write("other.yaml", &format!("{yaml}{OPEN}"));
        let check = command().arg("check").arg("-c").arg(file).output();
        let check = check.expect("runs");
        assert!(check.status.success(), "{check:?}");
    }
}
