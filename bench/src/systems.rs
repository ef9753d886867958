//! The systems that are measured, each as a process of its own on a core of its own.

mod running;

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

pub use self::running::Running;
use crate::{Failure, message};

/// Where the system under test runs; what loads it has the other core.
const CORE: usize = 0;
/// Within this it must answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    /// The relay.
    Intercessor,
    /// The bare forwarder.
    Bare,
    /// The forwarder that reads and writes envelopes.
    Envelope,
    /// The forwarder that validates trees of values besides.
    Value,
    /// The relay on Bun.
    Bun,
    /// The same, which publishes what goes to one peer so that Bun writes it in batches.
    BunBatched,
    /// The forwarder over the wtransport crate.
    Wtransport,
}

impl System {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Intercessor => "Intercessor",
            Self::Bare => "forwarder",
            Self::Envelope => "forwarder + envelope",
            Self::Value => "forwarder + Value schema",
            Self::Bun => "Bun",
            Self::BunBatched => "Bun, batched",
            Self::Wtransport => "plain wtransport",
        }
    }

    /// The length of the envelope that comes of one of this length, where ids are as long as each other.
    pub fn received(self, sent: usize) -> usize {
        match self {
            // They pass on the very bytes that they were sent.
            Self::Bare | Self::Wtransport => sent,
            _ => sent + "from".len() - "to".len(),
        }
    }
}

/// The files that systems read, in a directory that goes when this is dropped.
pub struct Setting {
    dir: tempfile::TempDir,
    /// The repository.
    root: PathBuf,
    /// The certificate of every system that has TLS.
    pub certificate: PathBuf,
}

/// More types for the relay, each with a schema of its own: their names and documents.
pub type MoreTypes<'a> = &'a [(String, Value)];

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The schema that every system holds session descriptions to.
pub fn schema() -> Result<Value, Failure> {
    let mut schema: Value =
        serde_json::from_str(&fs::read_to_string(root().join("schemas/sdp.json"))?)?;
    schema["properties"]["type"]["const"] = json!("offer");
    Ok(schema)
}

impl Setting {
    /// Makes the files.
    pub fn new() -> Result<Self, Failure> {
        let dir = tempfile::tempdir()?;
        let key =
            rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        let certificate = dir.path().join("cert.pem");
        fs::write(&certificate, key.cert.pem())?;
        fs::write(dir.path().join("key.pem"), key.signing_key.serialize_pem())?;
        fs::write(dir.path().join("schema.json"), schema()?.to_string())?;
        Ok(Self {
            dir,
            root: root(),
            certificate,
        })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts a system and waits until it listens.
    pub fn start(&self, system: System, more: MoreTypes<'_>) -> Result<Running, Failure> {
        let own = std::env::current_exe()?;
        let program = |name: &str| own.with_file_name(name);
        if system == System::Intercessor {
            return self.start_relay(&own, &program("intercessor"), more);
        }
        let mut command = pinned(&own);
        match system {
            System::Intercessor => {}
            System::Bare => drop(command.arg(&own).args(["forward", "bare"])),
            System::Envelope => drop(command.arg(&own).args(["forward", "envelope"])),
            System::Value => drop(command.arg(&own).args(["forward", "value"])),
            System::Wtransport => {
                command
                    .arg(&own)
                    .arg("forward-webtransport")
                    .arg(&self.certificate)
                    .arg(self.file("key.pem"));
            }
            System::Bun | System::BunBatched => {
                command
                    .arg(self.bun()?)
                    .arg(self.root.join("bench/bun/relay.js"));
                command.args([
                    self.file("schema.json"),
                    self.certificate.clone(),
                    self.file("key.pem"),
                ]);
                if system == System::BunBatched {
                    command.arg("--batched");
                }
            }
        }
        let lines = match system {
            System::Bun | System::BunBatched => 2,
            _ => 1,
        };
        let mut running = Running::new(command.stdout(Stdio::piped()).spawn()?);
        let output = running.child.stdout.take().ok_or("no standard output")?;
        for line in BufReader::new(output).lines().take(lines) {
            running.listens(&line?)?;
        }
        if !running.is_listening() {
            return Err(format!("{} does not start", system.name()).into());
        }
        Ok(running)
    }

    fn bun(&self) -> Result<PathBuf, Failure> {
        let packages = self.root.join("bench/bun/node_modules/@oven");
        fs::read_dir(&packages)
            .ok()
            .and_then(|found| {
                found
                    .flatten()
                    .map(|package| package.path().join("bin/bun"))
                    .find(|bun| bun.is_file())
            })
            .ok_or_else(|| "Bun is not installed: `cargo xtask bench` does that".into())
    }

    /// At this level of its log the relay does not tell its ports, so they are chosen for it.
    fn start_relay(
        &self,
        own: &Path,
        program: &Path,
        more: MoreTypes<'_>,
    ) -> Result<Running, Failure> {
        let [plain, secure] = [free_port()?, free_port()?];
        let web = UdpSocket::bind(("127.0.0.1", 0))?.local_addr()?.port();
        fs::write(
            self.file("relay.yaml"),
            self.relay_config([plain, secure, web], more)?,
        )?;
        let mut command = pinned(own);
        command
            .arg(program)
            .arg("-c")
            .arg(self.file("relay.yaml"))
            .env_remove("RUST_LOG");
        let mut running = Running::new(command.spawn()?);
        for (scheme, port) in [("ws", plain), ("wss", secure), ("https", web)] {
            running.listens(&format!("{scheme}://127.0.0.1:{port}"))?;
        }
        let start = Instant::now();
        while TcpStream::connect(running.plain()?).is_err() {
            if start.elapsed() > PATIENCE || running.child.try_wait()?.is_some() {
                return Err("the relay does not start".into());
            }
            pause(Duration::from_millis(10));
        }
        Ok(running)
    }

    fn relay_config(
        &self,
        [plain, secure, web]: [u16; 3],
        more: MoreTypes<'_>,
    ) -> Result<String, Failure> {
        let mut types = json!({ message::CHECKED: "schema.json" });
        for (name, schema) in more {
            types[name] = json!({ "schema": schema });
        }
        let tls = json!({ "cert": "cert.pem", "key": "key.pem" });
        let config = json!({
            "listeners": [
                { "transport": "websocket", "bind": format!("127.0.0.1:{plain}"), "tls": "off" },
                { "transport": "websocket", "bind": format!("127.0.0.1:{secure}"), "tls": tls },
                { "transport": "webtransport", "bind": format!("127.0.0.1:{web}"), "tls": tls },
            ],
            "servers": { "open": true },
            "timeouts": { "ping": "2m" },
            "limits": { "messages_per_second": "off", "servers": 20_000, "clients_per_server": 20_000 },
            "schemas": { "types": types },
            "log": { "level": "warn" },
        });
        // JSON is YAML.
        Ok(serde_json::to_string_pretty(&config)?)
    }
}

fn pinned(own: &Path) -> Command {
    let mut command = Command::new(own);
    command
        .arg("pinned")
        .arg(CORE.to_string())
        .stdin(Stdio::null());
    command
}

fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Waits for time to pass, which is what some measurements are about.
pub fn pause(duration: Duration) {
    let end = Instant::now() + duration;
    // It may wake early.
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}
