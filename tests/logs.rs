//! The log: what is in it, and what never is.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::path::Path;

use common::{OPEN, PATIENCE, login::one_door, process::Process, raw::UPGRADE};
use intercessor::client::{Event, Options, Peer, Trust};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// In every secret, and in nothing else.
const MARK: &str = "zebra";

const LISTENERS: &str = "\
listeners:
  - { transport: websocket, bind: '127.0.0.1:0', tls: off, origins: ['https://app.example'] }
  - { transport: websocket, bind: '127.0.0.1:0', tls: { self_signed: [localhost] } }
  - { transport: webtransport, bind: '127.0.0.1:0', tls: { self_signed: [localhost] } }
admin: { bind: '127.0.0.1:0' }
";

/// A relay as a process, and where it listens.
struct Relay {
    process: Process,
    ws: String,
    wss: String,
    webtransport: String,
    admin: String,
    _dir: tempfile::TempDir,
}

impl Relay {
    fn start(yaml: &str, level: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let yaml = format!("{LISTENERS}{yaml}");
        std::fs::write(dir.path().join("relay.yaml"), yaml).expect("written");
        let mut process = Process::relay(dir.path(), &[("RUST_LOG", level)]);
        let [ws, wss, webtransport, admin] = std::array::from_fn(|_| {
            let line = process.line_with("listening");
            match serde_json::from_str::<Value>(&line) {
                Ok(event) => event["url"].as_str().expect("a URL").to_owned(),
                Err(_) => line.split("url=").nth(1).expect("a URL").to_owned(),
            }
        });
        Self {
            process,
            ws,
            wss,
            webtransport,
            admin,
            _dir: dir,
        }
    }

    /// Stops it, and returns all that it has logged.
    fn log(mut self) -> String {
        self.process.signal("TERM");
        assert_eq!(self.process.wait().code(), Some(0));
        self.process.log().to_owned()
    }
}

async fn connect(url: &str, passphrase: Option<&str>) -> Option<Peer> {
    let options = Options {
        trust: Trust::Anything,
        passphrase: passphrase.map(Into::into),
        ..Options::default()
    };
    Peer::connect(url, options).await.ok()
}

async fn event(peer: &mut Peer) -> Event {
    timeout(PATIENCE, peer.receive()).await.expect("in time")
}

/// The next envelope of this type.
async fn next(peer: &mut Peer, kind: &str) -> Value {
    loop {
        match event(peer).await {
            Event::Envelope(text) => {
                let mut envelope: Value = serde_json::from_str(&text).expect("JSON");
                if envelope["type"] == kind {
                    return envelope["message"].take();
                }
            }
            other => panic!("{kind} was to come, not {other:?}"),
        }
    }
}

async fn say(peer: &mut Peer, envelope: Value) {
    peer.send(&envelope.to_string()).await.expect("sent");
}

async fn ended(mut peer: Peer) {
    while let Event::Envelope(_) = event(&mut peer).await {}
}

/// A token that differs from this one in its last character.
fn another(token: &str) -> String {
    let mut wrong = token.to_owned();
    let last = wrong.pop().expect("a character");
    wrong.push(if last == 'A' { 'B' } else { 'A' });
    wrong
}

/// Everything after its end.
async fn exchange(url: &str, bytes: impl AsRef<[u8]>) {
    let address = url.split("://").nth(1).expect("an address");
    let mut stream = TcpStream::connect(address).await.expect("connects");
    // Whoever is cut off in the middle has said enough.
    _ = stream.write_all(bytes.as_ref()).await;
    _ = stream.shutdown().await;
    let read = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await;
    _ = read.expect("ends");
}

/// Passphrases, right and wrong, by every way in.
async fn log_in_in_every_way(relay: &Relay) {
    let wrong = format!("wrong-{MARK}");
    for url in [&relay.ws, &relay.wss, &relay.webtransport] {
        let url = format!("{url}/server");
        assert!(connect(&url, Some(&wrong)).await.is_none());
        for first in [
            json!({ "to": "0", "type": "LOGIN", "message": { "passphrase": wrong } }),
            json!({ "to": "0", "type": "LOGIN", "message": { "passphrase": wrong, "name": MARK } }),
            json!({ "to": "0", "type": "LOGIN", "message": { "pass": wrong } }),
            json!({ "to": "0", "type": format!("T"), "message": { "text": MARK } }),
            json!(MARK),
        ] {
            let mut peer = connect(&url, None).await.expect("connects");
            say(&mut peer, first).await;
            ended(peer).await;
        }
    }
    for authorization in [
        "Basic emVicmE6emVicmE=",
        "Bearer",
        "Digest zebra",
        "Bearer zebra zebra",
    ] {
        let head = format!(
            "GET /server?{MARK} HTTP/1.1\r\n{UPGRADE}Authorization: {authorization}\r\n\r\n"
        );
        exchange(&relay.ws, head).await;
    }
}

/// Envelopes of every kind, also those that are none.
async fn talk(server: &mut Peer, client: &mut Peer, server_id: &str, client_id: &str) {
    let secret = json!({ "text": MARK });
    let long = MARK.repeat(40);
    for message in [
        json!({ "text": MARK }),
        json!({ "text": [MARK] }),
        json!({ "text": long, MARK: 1 }),
    ] {
        for kind in ["CHAT", "SEEN", "SIDE", "LOOSE", "FREE"] {
            say(
                client,
                json!({ "to": server_id, "type": kind, "message": message, "ref": MARK }),
            )
            .await;
            say(
                server,
                json!({ "to": client_id, "type": kind, "message": message }),
            )
            .await;
            say(
                server,
                json!({ "to": "*", "type": kind, "message": message }),
            )
            .await;
        }
    }
    for peer in [&mut *server, &mut *client] {
        for wrong in [
            json!({ "to": "0", "type": "LOGIN", "message": { "passphrase": MARK } }),
            json!({ "to": "0", "type": "RESUME", "message": { "token": MARK, "received": 0 } }),
            json!({ "to": "0", "type": "ACK", "message": { "received": MARK } }),
            json!({ "to": "0", "type": "KICK", "message": { "id": MARK } }),
            json!({ "to": "0", "type": "HELLO", "message": secret }),
            json!({ "to": MARK, "type": "CHAT", "message": secret }),
            json!({ "to": server_id, "from": MARK, "type": "CHAT", "message": secret }),
            json!({ "to": [MARK], "type": "CHAT", "message": secret }),
            json!({ "to": server_id, "message": secret }),
        ] {
            say(peer, wrong).await;
        }
        for broken in [
            MARK,
            r#"{"message":{"text":"zebra"}"#,
            r#"{"to":"0","to":"zebra"}"#,
            r#"["zebra"]"#,
        ] {
            peer.send(broken).await.expect("sent");
        }
        say(
            peer,
            json!({ "to": "0", "type": "LAST", "message": {}, "ref": "last" }),
        )
        .await;
        while next(peer, "ERROR").await["ref"] != "last" {}
    }
}

/// Bytes that are no HTTP, no TLS and no WebSocket.
async fn knock(relay: &Relay, server_id: &str) {
    for bytes in [
        format!("{MARK}\r\n\r\n"),
        format!("GET /{MARK} HTTP/1.1\r\nHost: {MARK}\r\n\r\n"),
        format!("GET /client/{server_id} HTTP/1.1\r\nHost: a\r\n{MARK}\r\n\r\n"),
        format!(
            "GET /client/{server_id} HTTP/1.1\r\n{UPGRADE}Origin: https://{MARK}.example\r\n\r\n"
        ),
        format!("GET /client/{server_id}/ HTTP/1.1\r\n{UPGRADE}\r\n{MARK}"),
        format!("GET /.well-known/intercessor?{MARK} HTTP/1.1\r\nHost: {MARK}\r\n\r\n"),
    ] {
        for url in [&relay.ws, &relay.wss, &relay.admin] {
            exchange(url, &bytes).await;
        }
    }
    // Not text, and not UTF-8.
    for (first, payload) in [
        (0x82, "zebra".as_bytes()),
        (0x81, b"zebra\xff"),
        (0xff, b"zebra"),
    ] {
        let head = format!("GET /client/{server_id} HTTP/1.1\r\n{UPGRADE}\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend([first, 0x80 | payload.len() as u8, 0, 0, 0, 0]);
        bytes.extend(payload);
        exchange(&relay.ws, bytes).await;
    }
}

#[tokio::test]
async fn no_secret_is_in_the_log_whatever_comes_in_at_any_level() {
    let yaml = format!(
        "{}limits: {{ failed_logins: {{ per_address: 1000, window: 1m }} }}
schemas:
  types:
    CHAT: {{ schema: {{ properties: {{ text: {{ type: string, maxLength: 20 }} }} }}, max_bytes: 150 }}
    SEEN: {{ schema: {{ properties: {{ text: {{ type: string }} }} }}, on_violation: observe }}
    SIDE: {{ delivery: independent }}
    LOOSE: {{ delivery: datagram }}
log: {{ level: trace }}
",
        one_door()
    );
    let relay = Relay::start(&yaml, "trace");
    log_in_in_every_way(&relay).await;
    let mut secrets = vec![MARK.to_owned(), common::login::PASSPHRASE.to_owned()];
    for (server_url, client_url) in [
        (&relay.wss, &relay.webtransport),
        (&relay.webtransport, &relay.ws),
    ] {
        let passphrase = Some(common::login::PASSPHRASE);
        let mut server = connect(&format!("{server_url}/server?resume"), passphrase)
            .await
            .expect("logs in");
        let hello = next(&mut server, "HELLO").await;
        let id = |hello: &Value| hello["id"].as_str().expect("an id").to_owned();
        let token = |hello: &Value| {
            hello["resume"]["token"]
                .as_str()
                .expect("a token")
                .to_owned()
        };
        let server_id = id(&hello);
        let mut client = connect(&format!("{client_url}/client/{server_id}?resume"), None)
            .await
            .expect("joins");
        let joined = next(&mut client, "HELLO").await;
        talk(&mut server, &mut client, &server_id, &id(&joined)).await;
        knock(&relay, &server_id).await;
        // A session that is taken over, one that is resumed, and one that nobody comes back to.
        let resume = json!({ "to": "0", "type": "RESUME", "message": { "token": token(&joined), "received": 1 } });
        let mut back = connect(&format!("{}/resume", relay.wss), None)
            .await
            .expect("connects");
        say(&mut back, resume).await;
        let again = next(&mut back, "HELLO").await;
        ended(client).await;
        for wrong in [MARK.to_owned(), another(&token(&hello))] {
            let mut peer = connect(&format!("{}/resume", relay.webtransport), None)
                .await
                .expect("connects");
            say(&mut peer, json!({ "to": "0", "type": "RESUME", "message": { "token": wrong, "received": 0 } })).await;
            ended(peer).await;
            secrets.push(wrong);
        }
        say(&mut server, json!({ "to": "0", "type": "KICK", "message": { "id": id(&joined), "reason": "noise" } })).await;
        ended(back).await;
        server.abandon();
        secrets.extend([
            server_id,
            id(&joined),
            token(&hello),
            token(&joined),
            token(&again),
        ]);
    }
    for path in ["metrics", "sessions", "sessions?limit=zebra", "zebra"] {
        exchange(
            &relay.admin,
            format!("GET /{path} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        )
        .await;
    }
    let log = relay.log();
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in\n{log}");
    }
    for told in [
        "session opened session=",
        "session parked session=",
        "session resumed session=",
        "session ended session=",
        "peer refused",
        "envelope refused",
        "schema violation",
        "reason=\"noise\"",
        "delivered all the same",
    ] {
        assert!(log.contains(told), "{told} is not in\n{log}");
    }
    let lines = log
        .lines()
        .filter(|line| line.contains(" session="))
        .count();
    assert!(lines > 50, "the inputs came as far as sessions");
}

#[tokio::test]
async fn a_session_has_a_line_at_its_start_and_one_at_its_end() {
    let relay = Relay::start(&format!("{OPEN}log: {{ format: json }}\n"), "info");
    let mut server = connect(&format!("{}/server", relay.wss), None)
        .await
        .expect("connects");
    let server_id = next(&mut server, "HELLO").await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let mut client = connect(&format!("{}/client/{server_id}", relay.webtransport), None)
        .await
        .expect("connects");
    let client_id = next(&mut client, "HELLO").await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let text = json!({ "to": server_id, "type": "T", "message": {} }).to_string();
    client.send(&text).await.expect("sent");
    next(&mut server, "T").await;
    client.leave().await;
    next(&mut server, "PEER_GONE").await;
    server.leave().await;
    let log = relay.log();
    let events: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let of = |message: &str, role: &str| {
        let mut found = events
            .iter()
            .filter(|event| event["message"] == message && event["role"] == role);
        let event = found
            .next()
            .unwrap_or_else(|| panic!("no {message} of a {role} in\n{log}"));
        assert!(found.next().is_none(), "{message} is there twice in\n{log}");
        event
    };
    let short = |id: &str| format!("{}…", &id[..4]);
    for (role, id, transport) in [
        ("server", &server_id, "websocket"),
        ("client", &client_id, "webtransport"),
    ] {
        let (start, end) = (of("session opened", role), of("session ended", role));
        for line in [start, end] {
            assert_eq!(line["level"], "INFO");
            assert_eq!(line["id"], short(id));
            assert_eq!(line["room"], short(&server_id));
            assert_eq!(line["transport"], transport);
            assert_eq!(line["address"], "127.0.0.1");
            assert_eq!(line["session"], start["session"]);
        }
        assert_eq!(
            (&end["code"], &end["reason"]),
            (&json!(1000), &json!("left"))
        );
        assert!(
            end["age"]
                .as_f64()
                .is_some_and(|age| age < PATIENCE.as_secs_f64())
        );
    }
    let end = of("session ended", "client");
    assert_eq!(
        (&end["received_envelopes"], &end["received_bytes"]),
        (&json!(1), &json!(text.len()))
    );
    assert_eq!(end["sent_envelopes"], 1);
    assert_eq!(of("session ended", "server")["sent_envelopes"], 4);
}

#[tokio::test]
async fn what_a_peer_chose_is_escaped_in_both_formats() {
    let reason = "a\nb\u{1b}[31mc\u{202e}d\"e";
    for format in ["text", "json"] {
        let relay = Relay::start(&format!("{OPEN}log: {{ format: {format} }}\n"), "trace");
        let mut server = connect(&format!("{}/server", relay.wss), None)
            .await
            .expect("connects");
        let server_id = next(&mut server, "HELLO").await["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let mut client = connect(&format!("{}/client/{server_id}", relay.wss), None)
            .await
            .expect("connects");
        let id = next(&mut client, "HELLO").await["id"].take();
        say(
            &mut client,
            json!({ "to": "nobody", "type": format!("{reason}{}", "x".repeat(80)), "message": {} }),
        )
        .await;
        next(&mut client, "ERROR").await;
        say(
            &mut server,
            json!({ "to": "0", "type": "KICK", "message": { "id": id, "reason": reason } }),
        )
        .await;
        ended(client).await;
        let log = relay.log();
        let kicked: Vec<_> = log.lines().filter(|line| line.contains("4403")).collect();
        assert_eq!(kicked.len(), 1, "{log}");
        assert!(
            kicked[0].contains("\\n") && kicked[0].contains("u{202e}"),
            "{log}"
        );
        assert!(log.contains("UNKNOWN_PEER"), "{log}");
        let raw = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!log.contains(raw), "{log:?}");
        assert!(
            log.lines().all(|line| line.starts_with(['2', '{'])),
            "{log}"
        );
    }
}

#[tokio::test]
async fn peers_cannot_flood_the_log_at_info_and_debug_has_all_lines() {
    const PEERS: usize = 250;
    for (level, all) in [("info", false), ("debug", true)] {
        let relay = Relay::start(OPEN, level);
        let url = format!("{}/client/nobody", relay.wss);
        for _ in 0..PEERS {
            ended(connect(&url, None).await.expect("connects")).await;
        }
        let log = relay.log();
        let written = log.matches("peer refused").count();
        let left_out: usize = log
            .lines()
            .filter(|line| line.contains("lines were left out"))
            .map(|line| {
                let count = line.split("refused=").nth(1).expect("a count");
                let count = count.split(' ').next().expect("a number");
                count.parse::<usize>().expect("a number")
            })
            .sum();
        if all {
            assert_eq!(written, PEERS, "{log}");
        } else {
            assert_eq!(written + left_out, PEERS, "{log}");
            assert!(written <= 2 * 100, "{log}");
        }
    }
}

#[test]
fn the_limit_of_open_files_is_told_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let write = |limit: u64| {
        let yaml = format!("{LISTENERS}{OPEN}limits: {{ connections: {limit} }}\n");
        std::fs::write(Path::join(dir.path(), "relay.yaml"), yaml).expect("written");
    };
    rlimit::setrlimit(rlimit::Resource::NOFILE, 2048, 2048).expect("lowered");
    write(1_000_000);
    let mut relay = Process::relay(dir.path(), &[]);
    relay.line_with("the limit of open files is lower");
    for generation in 2..4 {
        relay.signal("HUP");
        relay.line_with(&format!("reloaded generation={generation}"));
    }
    write(1_000_001);
    relay.signal("HUP");
    relay.line_with("the limit of open files is lower");
    relay.signal("TERM");
    relay.wait();
    assert_eq!(relay.log().matches("the limit of open files").count(), 2);
}
