//! Sockets that are bound before the relay starts, and passed on to it as systemd does it (sd_listen_fds(3)).
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::{
    net::{TcpListener, UdpSocket},
    os::fd::OwnedFd,
    path::Path,
    process::Command,
};

use command_fds::{CommandFdExt, FdMapping};
use common::{
    OPEN,
    process::{Process, ask, command, session},
};
use intercessor::client::{Event, Options, Peer, Trust};

/// Runs `relay.yaml` with these sockets and their names; `process` is whom they are for.
fn activated(dir: &Path, yaml: &str, sockets: Vec<(OwnedFd, &str)>, process: &str) -> Process {
    std::fs::write(dir.join("relay.yaml"), yaml).expect("written");
    let names: Vec<_> = sockets.iter().map(|(_, name)| *name).collect();
    // Only what becomes the relay knows the number of its process.
    let start = format!("export LISTEN_PID={process}; exec \"$0\" \"$@\"");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &start])
        .arg(command().get_program())
        .args(["-c", "relay.yaml"])
        .current_dir(dir)
        .env_remove("RUST_LOG")
        .env("LISTEN_FDS", sockets.len().to_string())
        .env("LISTEN_FDNAMES", names.join(":"));
    let mappings = sockets.into_iter().enumerate();
    let mappings = mappings.map(|(index, (socket, _))| FdMapping {
        parent_fd: socket,
        child_fd: 3 + index as i32,
    });
    shell
        .fd_mappings(mappings.collect())
        .expect("no number twice");
    Process::run(shell)
}

/// For the process that is started.
const MEANT: &str = "$$";

fn tcp() -> (TcpListener, String) {
    let socket = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = socket.local_addr().expect("an address").to_string();
    (socket, address)
}

fn udp() -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let address = socket.local_addr().expect("an address").to_string();
    (socket, address)
}

fn websocket(bind: &str) -> String {
    format!("listeners: [{{ transport: websocket, bind: '{bind}', tls: off }}]\n{OPEN}")
}

#[tokio::test]
async fn every_listener_takes_the_socket_that_was_passed_for_it_and_binds_what_was_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let ((web, web_at), (quic, quic_at), (admin, admin_at)) = (tcp(), udp(), tcp());
    let yaml = format!(
        "listeners:
  - {{ transport: websocket, bind: ['127.0.0.2:0', '{web_at}'], tls: off }}
  - {{ transport: webtransport, bind: '{quic_at}', tls: {{ self_signed: [localhost] }} }}
admin: {{ bind: '{admin_at}' }}
{OPEN}"
    );
    let sockets = vec![
        (admin.into(), "admin"),
        (quic.into(), "quic"),
        (web.into(), "web"),
    ];
    let mut relay = activated(dir.path(), &yaml, sockets, MEANT);
    let own = relay.listening_url();
    assert!(own.starts_with("ws://127.0.0.2:"), "{own}");
    assert_eq!(relay.listening_url(), format!("ws://{web_at}"));
    assert_eq!(relay.listening_url(), format!("https://{quic_at}"));
    assert_eq!(relay.listening_url(), format!("http://{admin_at}"));
    for round in 0..2 {
        drop((session(&own), session(&format!("ws://{web_at}"))));
        let options = Options {
            trust: Trust::Anything,
            ..Options::default()
        };
        let url = format!("https://{quic_at}/server");
        let mut peer = Peer::connect(&url, options).await.expect("connects");
        assert!(matches!(peer.receive().await, Event::Envelope(_)));
        peer.leave().await;
        let mut answer = String::new();
        let mut asked = ask(&admin_at, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        std::io::Read::read_to_string(&mut asked, &mut answer).expect("answered");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        if round == 0 {
            relay.signal("HUP");
            relay.line_with("the configuration was reloaded");
        }
    }
    relay.signal("TERM");
    assert_eq!(relay.wait().code(), Some(0));
    // The log has no word on a socket that would have had to be bound anew.
    assert!(!relay.log().contains("restart"));
}

#[test]
fn who_comes_before_the_start_and_between_two_relays_is_served_by_the_next() {
    let dir = tempfile::tempdir().expect("a directory");
    let (socket, at) = tcp();
    for _ in 0..2 {
        let early = std::thread::spawn({
            let url = format!("ws://{at}");
            move || session(&url)
        });
        let passed = socket.try_clone().expect("a copy");
        let mut relay = activated(
            dir.path(),
            &websocket(&at),
            vec![(passed.into(), "web")],
            MEANT,
        );
        early.join().expect("served");
        relay.signal("TERM");
        assert_eq!(relay.wait().code(), Some(0));
    }
}

#[test]
fn a_socket_that_no_listener_is_for_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().expect("a directory");
    let ((web, web_at), (quic, quic_at)) = (tcp(), udp());
    let sockets = vec![(web.into(), "web"), (quic.into(), "quic")];
    let mut relay = activated(dir.path(), &websocket(&web_at), sockets, MEANT);
    assert_eq!(relay.wait().code(), Some(1));
    let expected = format!(
        "the UDP socket {quic_at} (quic) was passed by systemd, and no listener is for it: write `bind: \"{quic_at}\"` \
         at one with transport webtransport, or take the socket out of its unit"
    );
    assert!(relay.log().contains(&expected), "{}", relay.log());
}

#[test]
fn a_socket_on_nearly_the_same_address_is_named_where_binding_fails() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = TcpListener::bind("0.0.0.0:0").expect("bound");
    let port = socket.local_addr().expect("an address").port();
    let yaml = websocket(&format!("127.0.0.1:{port}"));
    let mut relay = activated(dir.path(), &yaml, vec![(socket.into(), "web")], MEANT);
    assert_eq!(relay.wait().code(), Some(1));
    let log = relay.log();
    assert!(
        log.contains(&format!("the TCP socket 0.0.0.0:{port} (web)")),
        "{log}"
    );
    assert!(log.contains("the very same address"), "{log}");
}

#[test]
fn what_cannot_be_listened_on_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("socket");
    let unix = std::os::unix::net::UnixListener::bind(&path).expect("bound");
    let file = std::fs::File::open(dir.path()).expect("opened");
    let (listening, at) = tcp();
    let connected = std::net::TcpStream::connect(&at).expect("connects");
    for (descriptor, why) in [
        (unix.into(), "is neither a TCP nor a UDP socket"),
        (file.into(), "is neither a TCP nor a UDP socket"),
        (connected.into(), "does not listen (`Accept=no` is needed)"),
    ] {
        let mut relay = activated(
            dir.path(),
            &websocket(&at),
            vec![(descriptor, "odd")],
            MEANT,
        );
        assert_eq!(relay.wait().code(), Some(1));
        let expected = format!("descriptor 3 (odd), which systemd passed, {why}");
        assert!(relay.log().contains(&expected), "{}", relay.log());
    }
    drop(listening);
}

#[test]
fn what_was_passed_to_another_process_is_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let (socket, _) = tcp();
    let sockets = vec![(socket.into(), "web")];
    let mut relay = activated(dir.path(), &websocket("127.0.0.1:0"), sockets, "1");
    session(&relay.listening_url());
    relay.signal("TERM");
    assert_eq!(relay.wait().code(), Some(0));
}
