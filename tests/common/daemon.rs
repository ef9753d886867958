//! Programs beside the relay that a test runs: servers of others, on ports that are free.

use std::{
    env,
    net::{TcpListener, TcpStream, UdpSocket},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::PATIENCE;

/// Where systems have servers, which the PATH of a user may lack.
const SBIN: &str = "/usr/sbin";
/// How long one that is asked to end may take.
const GRACE: Duration = Duration::from_secs(2);

/// A program that `cargo xtask test` installs.
pub fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    let path = env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:{SBIN}"));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// A server of somebody else. It is killed when dropped.
pub struct Daemon {
    child: Child,
}

impl Daemon {
    pub fn start(mut command: Command) -> Self {
        let name = command.get_program().to_owned();
        let child = command.spawn();
        let child = child
            .unwrap_or_else(|error| panic!("{name:?}: {error}; `cargo xtask test` installs it"));
        Self { child }
    }

    /// Waits until it takes connections on this port.
    pub fn wait_for(&mut self, port: u16) {
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none(), "it has ended: {ended:?}");
            assert!(began.elapsed() < PATIENCE, "it takes no connections");
            std::thread::yield_now();
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Asked first, since some have children of their own.
        let pid = self.child.id().to_string();
        _ = Command::new("kill").args(["-s", "TERM", &pid]).status();
        let began = Instant::now();
        while let Ok(None) = self.child.try_wait()
            && began.elapsed() < GRACE
        {
            std::thread::yield_now();
        }
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A port that nobody has at the moment, neither of TCP nor of UDP.
pub fn free_port() -> u16 {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = tcp.local_addr().expect("an address").port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
