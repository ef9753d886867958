//! Passphrases, and servers that log in with them.

use std::net::{IpAddr, SocketAddr};

use intercessor::client::Options;
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use super::{TestPeer, TestRelay, Via, raw::Wire};

/// What [`HASH`] is the hash of.
pub const PASSPHRASE: &str = "open sesame";
/// At next to no cost.
pub const HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$U7QrjxPBdmd/FVMP7GDJAA$sfpUjpJiFxSSpzMRHBehmFr3PyvutaCX3ZPjEx4q6FU";

/// `servers` with these entries, each a name, its hash, and more keys.
pub fn entries(entries: &[(&str, &str, &str)]) -> String {
    let line = |(name, hash, more): &(&str, &str, &str)| {
        format!("    - {{ name: {name}, hash: \"{hash}\"{more} }}\n")
    };
    let lines: String = entries.iter().map(line).collect();
    format!("servers:\n  passphrases:\n{lines}")
}

/// `servers` with one entry, `door`, whose passphrase is [`PASSPHRASE`].
pub fn one_door() -> String {
    entries(&[("door", HASH, "")])
}

/// A LOGIN with this message.
pub fn login(message: Value) -> Value {
    json!({ "to": "0", "type": "LOGIN", "message": message })
}

/// The right one.
pub fn right() -> Value {
    login(json!({ "passphrase": PASSPHRASE }))
}

/// The right one, for this entry.
pub fn named(name: &str) -> Value {
    login(json!({ "passphrase": PASSPHRASE, "name": name }))
}

pub fn wrong() -> Value {
    login(json!({ "passphrase": "open barley" }))
}

/// Options that log in with a header.
pub fn header(name: Option<&str>, passphrase: &str) -> Options {
    Options {
        name: name.map(ToOwned::to_owned),
        passphrase: Some(passphrase.into()),
        ..Options::default()
    }
}

/// A server that has sent this first.
pub async fn server_with(relay: &TestRelay, via: Via, first: Value) -> TestPeer {
    let mut server = relay.peer(via, "/server").await;
    server.send(first).await;
    server
}

/// A server that has logged in and had its HELLO.
pub async fn logged_in(relay: &TestRelay, via: Via, first: Value) -> TestPeer {
    let mut server = server_with(relay, via, first).await;
    server.hello().await;
    server
}

/// A plain connection from this loopback address.
pub async fn plain_from(relay: &TestRelay, from: IpAddr) -> Wire {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind(SocketAddr::new(from, 0))
        .expect("a loopback address");
    let address = relay.address(Via::Ws).parse().expect("an address");
    Wire::plain(socket.connect(address).await.expect("connects"))
}

/// A WebSocket over one, its upgrade done.
pub async fn socket_from(relay: &TestRelay, from: IpAddr, path: &str) -> Wire {
    plain_from(relay, from).await.upgrade(path).await
}
