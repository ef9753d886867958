//! What systemd is told, over a socket as it has one, and the sockets that it passes on.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::{
    os::unix::net::UnixDatagram,
    path::Path,
    time::{Duration, Instant},
};

use common::{
    OPEN, PATIENCE,
    process::{Process, session},
};
use tempfile::TempDir;

const PLAIN: &str = "listeners: [{ transport: websocket, bind: '127.0.0.1:0', tls: off }]\n";

/// The end of systemd.
struct Notified {
    socket: UnixDatagram,
    dir: TempDir,
}

impl Notified {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let socket = UnixDatagram::bind(dir.path().join("notify")).expect("bound");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Self { socket, dir }
    }

    /// Runs the program with this configuration.
    fn relay(&self, yaml: &str, more: &[(&str, &str)]) -> Process {
        self.write(yaml);
        let path = self.dir.path().join("notify");
        let path = path.to_str().expect("UTF-8");
        Process::relay(
            self.dir.path(),
            &[&[("NOTIFY_SOCKET", path)], more].concat(),
        )
    }

    fn write(&self, yaml: &str) {
        std::fs::write(self.dir.path().join("relay.yaml"), yaml).expect("written");
    }

    /// The lines of the next message.
    fn next(&self) -> Vec<String> {
        let mut bytes = [0; 4096];
        let length = self.socket.recv(&mut bytes).expect("told in time");
        let text = std::str::from_utf8(&bytes[..length]).expect("UTF-8");
        text.lines().map(str::to_owned).collect()
    }

    /// The next message with this line; others may only tell the state.
    fn next_with(&self, line: &str) -> Vec<String> {
        loop {
            let lines = self.next();
            if lines.iter().any(|it| it == line) {
                return lines;
            }
            let states = |line: &String| line.starts_with("STATUS=");
            assert!(lines.iter().all(states), "before {line}: {lines:?}");
        }
    }
}

fn status(lines: &[String]) -> &str {
    let mut found = lines.iter().filter_map(|line| line.strip_prefix("STATUS="));
    found.next().expect("a state")
}

fn monotonic_now() -> u128 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32).as_micros()
}

#[test]
fn a_start_a_reload_a_bad_one_and_a_stop_are_told() {
    let systemd = Notified::new();
    let mut relay = systemd.relay(&format!("{PLAIN}{OPEN}"), &[]);
    let ready = systemd.next();
    assert_eq!(ready[0], "READY=1");
    assert_eq!(
        status(&ready),
        "rooms: 0, connections: 0, parked sessions: 0"
    );
    // A peer that comes at once is let in.
    session(&relay.listening_url());

    for (yaml, refused) in [
        (format!("{PLAIN}{OPEN}"), false),
        (format!("{PLAIN}{OPEN}no: 1\n"), true),
        (format!("{PLAIN}{OPEN}"), false),
    ] {
        systemd.write(&yaml);
        let before = monotonic_now();
        relay.signal("HUP");
        let reloading = systemd.next_with("RELOADING=1");
        let at = reloading
            .iter()
            .find_map(|it| it.strip_prefix("MONOTONIC_USEC="));
        let at: u128 = at.and_then(|it| it.parse().ok()).expect("a time");
        assert!((before..=monotonic_now()).contains(&at));
        let ready = systemd.next_with("READY=1");
        assert_eq!(status(&ready).contains("REFUSED"), refused, "{ready:?}");
    }

    relay.signal("TERM");
    let stopping = systemd.next_with("STOPPING=1");
    assert_eq!(status(&stopping), "draining");
    assert_eq!(relay.wait().code(), Some(0));
    systemd.socket.set_nonblocking(true).expect("set");
    let mut bytes = [0; 4096];
    while let Ok(length) = systemd.socket.recv(&mut bytes) {
        assert!(
            bytes[..length].starts_with(b"STATUS=draining"),
            "told after STOPPING=1"
        );
    }
}

#[test]
fn the_state_follows_what_happens() {
    let systemd = Notified::new();
    let mut relay = systemd.relay(&format!("{PLAIN}{OPEN}"), &[]);
    systemd.next_with("READY=1");
    let url = relay.listening_url();
    let lingering = session(&url);
    while status(&systemd.next()) != "rooms: 1, connections: 1, parked sessions: 0" {}
    drop(lingering);
    while status(&systemd.next()) != "rooms: 0, connections: 0, parked sessions: 0" {}
    relay.signal("TERM");
    assert_eq!(relay.wait().code(), Some(0));
}

#[test]
fn the_watchdog_is_fed_twice_as_often_as_it_bites_and_during_a_drain_too() {
    let systemd = Notified::new();
    let limit = Duration::from_secs(1);
    let micros = limit.as_micros().to_string();
    let mut relay = systemd.relay(&format!("{PLAIN}{OPEN}"), &[("WATCHDOG_USEC", &micros)]);
    systemd.next_with("READY=1");
    let fed = |turns: u32| {
        let began = Instant::now();
        for _ in 0..turns {
            systemd.next_with("WATCHDOG=1");
        }
        began.elapsed()
    };
    fed(1);
    let took = fed(4);
    assert!(took > limit && took < limit * 4, "{took:?}");
    let url = relay.listening_url();
    let _lingering = session(&url);
    relay.signal("TERM");
    while systemd.next().iter().all(|line| line != "STOPPING=1") {}
    fed(2);
}

#[test]
fn the_watchdog_of_another_process_is_not_fed() {
    let systemd = Notified::new();
    let environment = [("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")];
    let mut relay = systemd.relay(&format!("{PLAIN}{OPEN}"), &environment);
    systemd.next_with("READY=1");
    relay.listening_url();
    relay.signal("TERM");
    systemd.next_with("STOPPING=1");
}

#[test]
fn a_bad_configuration_is_never_ready() {
    let systemd = Notified::new();
    let mut relay = systemd.relay("no: 1\n", &[]);
    assert_eq!(relay.wait().code(), Some(78));
    systemd.socket.set_nonblocking(true).expect("set");
    assert!(systemd.socket.recv(&mut [0; 64]).is_err());
}

#[test]
fn a_systemd_that_does_not_read_or_is_not_there_holds_up_nothing() {
    let full = Notified::new();
    let path = full.dir.path().join("notify");
    let mut senders = Vec::new();
    // Each may have only so much under way itself.
    while {
        let sender = UnixDatagram::unbound().expect("a socket");
        sender.set_nonblocking(true).expect("set");
        let first = sender.send_to(b"X=1", &path).is_ok();
        while sender.send_to(b"X=1", &path).is_ok() {}
        senders.push(sender);
        first
    } {}
    works_untold(&full, "it does not read");
    let gone = Notified::new();
    std::fs::remove_file(gone.dir.path().join("notify")).expect("removed");
    works_untold(&gone, "No such file");
}

fn works_untold(systemd: &Notified, why: &str) {
    let mut relay = systemd.relay(&format!("{PLAIN}{OPEN}"), &[]);
    session(&relay.listening_url());
    let told = relay.line_with("systemd cannot be told");
    assert!(told.contains(why), "{told}");
    relay.signal("HUP");
    relay.line_with("the configuration was reloaded");
    relay.signal("TERM");
    assert_eq!(relay.wait().code(), Some(0));
}

#[test]
fn without_systemd_nothing_is_said_of_it() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("relay.yaml"), format!("{PLAIN}{OPEN}")).expect("written");
    let mut relay = Process::relay(Path::new(dir.path()), &[]);
    relay.listening_url();
    relay.signal("TERM");
    assert_eq!(relay.wait().code(), Some(0));
    assert!(!relay.log().contains("systemd cannot"));
}
