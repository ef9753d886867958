//! `intercessor health`, run as the program that it is.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::{net::TcpListener, process::Output};

use common::{
    OPEN,
    process::{Process, command, session},
};

fn health(url: &str) -> Output {
    let output = command().args(["health", url]).output();
    output.expect("runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn it_is_done_while_the_relay_takes_peers_and_fails_once_it_drains_or_is_gone() {
    let dir = tempfile::tempdir().expect("a directory");
    let yaml = format!(
        "listeners: [{{ transport: websocket, bind: 'localhost:0', tls: off }}]\n\
         admin: {{ bind: 'localhost:0' }}\ntimeouts: {{ drain: 5m }}\n{OPEN}"
    );
    std::fs::write(dir.path().join("relay.yaml"), yaml).expect("written");
    let mut relay = Process::relay(dir.path(), &[]);
    let peers = relay.listening_url();
    let admin = loop {
        let fields = relay.listening();
        if let Some(url) = fields.strip_prefix("transport=admin url=") {
            break url.to_owned();
        }
    };
    for path in ["/readyz", "/healthz"] {
        let healthy = health(&format!("{admin}{path}"));
        assert_eq!(healthy.status.code(), Some(0), "{}", stderr(&healthy));
        assert_eq!(healthy.stdout, b"ok\n");
        // By a name too.
        let port = admin.rsplit(':').next().expect("a port");
        assert!(
            health(&format!("http://localhost:{port}{path}"))
                .status
                .success()
        );
    }
    // The relay's own listener knows it as well.
    assert!(
        health(&format!("{}/healthz", peers.replace("ws://", "http://")))
            .status
            .success()
    );
    // It never answers the Close, so that the drain waits for it.
    let lingering = session(&peers);
    relay.signal("TERM");
    relay.line_with("shutting down");
    let draining = health(&format!("{admin}/readyz"));
    assert_eq!(draining.status.code(), Some(1));
    assert!(
        stderr(&draining).contains("503 Service Unavailable: not ready"),
        "{}",
        stderr(&draining)
    );
    assert!(health(&format!("{admin}/healthz")).status.success());
    drop(lingering);
    assert_eq!(relay.wait().code(), Some(0));
    let gone = health(&format!("{admin}/healthz"));
    assert_eq!(gone.status.code(), Some(1));
    assert!(stderr(&gone).contains("refused"), "{}", stderr(&gone));
}

#[test]
fn who_answers_nothing_is_not_waited_for_for_ever() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("http://{}/readyz", silent.local_addr().expect("an address"));
    let output = health(&url);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no answer in 5 s"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn only_plain_http_is_asked() {
    for url in [
        "https://localhost/readyz",
        "localhost:9180",
        "/readyz",
        "http://",
    ] {
        let output = health(url);
        assert_eq!(output.status.code(), Some(2), "{url}");
    }
}
