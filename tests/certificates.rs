//! Certificates that change while the relay runs: on disk, in the configuration, and by themselves.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    time::{Duration, SystemTime},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use common::{LISTENERS, OPEN, TestRelay, Via, process::Process, raw::Wire};
use intercessor::{
    client::{Options, Peer, Trust},
    relay::reload::NotReloaded,
    tls::{SelfSigned, fingerprint, self_signed},
};
use serde_json::{Value, json};

const SECURE: [Via; 2] = [Via::Wss, Via::WebTransport];

/// Listeners whose certificate is in these files.
fn listeners(cert: &str, key: &str) -> String {
    let tls = format!("{{ cert: {cert}, key: {key} }}");
    LISTENERS.replace("{ self_signed: [localhost, 127.0.0.1] }", &tls)
}

fn made() -> SelfSigned {
    self_signed(&["localhost".to_owned()], SystemTime::now()).expect("made")
}

fn write(dir: &Path, made: &SelfSigned) {
    fs::create_dir_all(dir).expect("a directory");
    fs::write(dir.join("relay.pem"), made.certificate_pem()).expect("written");
    fs::write(dir.join("relay.key"), made.key_pem()).expect("written");
}

/// A relay that shows this certificate, which is in the directory `live`.
async fn relay(first: &SelfSigned) -> TestRelay {
    let (cert, key) = (first.certificate_pem(), first.key_pem());
    let files = [("live/relay.pem", &*cert), ("live/relay.key", &*key)];
    let yaml = format!("{}{OPEN}", listeners("live/relay.pem", "live/relay.key"));
    TestRelay::start_exactly(&yaml, &files).await
}

/// Is this the certificate that is shown there?
async fn shows(url: &str, made: &SelfSigned) -> bool {
    let options = Options {
        trust: Trust::Hash(fingerprint(made.certificate())),
        ..Options::default()
    };
    Peer::connect(&format!("{url}/server"), options)
        .await
        .is_ok()
}

/// Every listener shows this certificate, and discovery tells its hash.
async fn all_show(relay: &TestRelay, made: &SelfSigned) {
    for via in SECURE {
        assert!(shows(&relay.url(via, ""), made).await, "{via:?}");
    }
    let hash = BASE64_STANDARD.encode(fingerprint(made.certificate()));
    assert_eq!(hashes(relay).await, [hash]);
}

/// The hashes that discovery tells.
async fn hashes(relay: &TestRelay) -> Vec<String> {
    let mut wire = Wire::connect(relay, Via::Ws).await;
    let request = "GET /.well-known/intercessor HTTP/1.1\r\nHost: localhost\r\n\r\n";
    wire.write(request).await;
    let document: Value = serde_json::from_str(&wire.response().await.body).expect("JSON");
    let hashes = document["transports"][0]["certificateHashes"].as_array();
    let value = |hash: &Value| hash["value"].as_str().expect("base64").to_owned();
    hashes.expect("a list").iter().map(value).collect()
}

/// Puts a symbolic link in the place of whatever is there, in one step.
fn turn_link(link: &Path, target: &str) {
    let new = link.with_file_name("turned");
    symlink(target, &new).expect("a link");
    fs::rename(new, link).expect("renamed");
}

fn in_place(live: &Path, made: &SelfSigned) {
    write(live, made);
}

/// With a time of change that is long past, as of a file that was made elsewhere and unpacked.
fn by_rename(live: &Path, made: &SelfSigned) {
    let staging = live.with_file_name("staging");
    write(&staging, made);
    for name in ["relay.pem", "relay.key"] {
        let staged = staging.join(name);
        let file = fs::File::options()
            .append(true)
            .open(&staged)
            .expect("opens");
        file.set_modified(SystemTime::UNIX_EPOCH).expect("set");
        fs::rename(staged, live.join(name)).expect("renamed");
    }
}

/// As certbot does: each file is a link into an archive.
fn as_certbot(live: &Path, made: &SelfSigned) {
    write(&live.with_file_name("archive"), made);
    for name in ["relay.pem", "relay.key"] {
        turn_link(&live.join(name), &format!("../archive/{name}"));
    }
}

/// As Kubernetes does with a secret: the files are links through one that is turned.
fn as_kubernetes(live: &Path, made: &SelfSigned) {
    write(&live.join("..2026"), made);
    turn_link(&live.join("..data"), "..2026");
    for name in ["relay.pem", "relay.key"] {
        turn_link(&live.join(name), &format!("..data/{name}"));
    }
}

#[tokio::test]
async fn a_certificate_that_is_renewed_on_disk_is_shown_by_every_listener() {
    for renew in [in_place, by_rename, as_certbot, as_kubernetes] {
        let first = made();
        let relay = relay(&first).await;
        all_show(&relay, &first).await;
        let (mut server, mut client) = relay.pair(Via::Wss, Via::WebTransport).await;
        assert!(relay.certificates.look(SystemTime::now()).is_empty());
        let second = made();
        renew(&relay.dir.path().join("live"), &second);
        let told = relay.certificates.look(SystemTime::now());
        let [Ok(news)] = &Vec::from_iter(told)[..] else {
            panic!("one line for both listeners");
        };
        assert!(news.contains("live/relay.pem was read anew"), "{news}");
        all_show(&relay, &second).await;
        assert!(!shows(&relay.url(Via::Wss, ""), &first).await);
        assert!(relay.certificates.look(SystemTime::now()).is_empty());
        client.tell(&server.id, "N", json!({})).await;
        server.expect("N").await;
    }
}

#[tokio::test]
async fn a_bad_pair_leaves_the_last_good_one_and_is_told_once_for_each_change() {
    let first = made();
    let relay = relay(&first).await;
    let live = relay.dir.path().join("live");
    let (cert, key) = (live.join("relay.pem"), live.join("relay.key"));
    let look = || Vec::from_iter(relay.certificates.look(SystemTime::now()));
    let second = made();
    let pem = second.certificate_pem();
    let half = pem.len() / 2;
    let changes: [(&dyn Fn(), &str); 6] = [
        (&|| fs::write(&cert, &pem).unwrap(), "does not belong to"),
        (
            &|| fs::write(&cert, &pem[..half]).unwrap(),
            "cannot be read",
        ),
        (&|| fs::write(&cert, "").unwrap(), "no certificate in PEM"),
        (&|| fs::remove_file(&cert).unwrap(), "cannot be read"),
        (&|| fs::write(&cert, &pem).unwrap(), "does not belong to"),
        (&|| fs::remove_file(&key).unwrap(), "no private key"),
    ];
    for (change, problem) in changes {
        change();
        let told = look();
        let [Err(text)] = &told[..] else {
            panic!("one warning for both listeners: {told:?}");
        };
        assert!(text.contains(problem), "{text}");
        assert_eq!(look(), []);
        all_show(&relay, &first).await;
    }
    fs::write(&key, second.key_pem()).unwrap();
    assert!(matches!(look()[..], [Ok(_)]));
    all_show(&relay, &second).await;
}

#[tokio::test]
async fn a_reload_shows_what_the_files_hold_and_takes_new_files() {
    let [first, second, third] = [made(), made(), made()];
    let relay = relay(&first).await;
    write(&relay.dir.path().join("live"), &second);
    let here = format!("{}{OPEN}", listeners("live/relay.pem", "live/relay.key"));
    relay.reload_exactly(&here).await.expect("reloads");
    all_show(&relay, &second).await;
    write(&relay.dir.path().join("other"), &third);
    let there = format!("{}{OPEN}", listeners("other/relay.pem", "other/relay.key"));
    relay.reload_exactly(&there).await.expect("reloads");
    all_show(&relay, &third).await;
    // These are the files that are looked at from now on.
    write(&relay.dir.path().join("live"), &first);
    assert!(relay.certificates.look(SystemTime::now()).is_empty());
    write(&relay.dir.path().join("other"), &second);
    assert_eq!(relay.certificates.look(SystemTime::now()).len(), 1);
    all_show(&relay, &second).await;
}

#[tokio::test]
async fn a_reload_with_a_bad_pair_is_refused_and_shows_the_last_good_one() {
    let [first, second] = [made(), made()];
    let relay = relay(&first).await;
    let key = relay.dir.path().join("live/relay.key");
    fs::write(&key, second.key_pem()).expect("written");
    let yaml = format!("{}{OPEN}", listeners("live/relay.pem", "live/relay.key"));
    let Err(NotReloaded::Bad(problems)) = relay.reload_exactly(&yaml).await else {
        panic!("the key does not belong to the certificate");
    };
    let [wss, webtransport] = &problems.0[..] else {
        panic!("one for each listener: {problems}");
    };
    assert!(wss.text.contains("does not belong to"), "{problems}");
    assert_eq!((wss.at.line, webtransport.at.line), (3, 4));
    all_show(&relay, &first).await;
}

#[tokio::test]
async fn a_self_signed_certificate_stays_pinned_over_reloads_and_is_renewed_in_time() {
    const TURN: Duration = Duration::from_secs(10 * 24 * 3600);
    let relay = TestRelay::start(OPEN).await;
    let before = hashes(&relay).await;
    assert_eq!(before.len(), 2);
    relay
        .reload(&format!("{OPEN}server_info: x\n"))
        .await
        .expect("reloads");
    assert_eq!(hashes(&relay).await, before);
    assert!(relay.certificates.look(SystemTime::now()).is_empty());
    let told = relay.certificates.look(SystemTime::now() + TURN);
    assert_eq!(told.len(), 1, "{told:?}");
    let after = hashes(&relay).await;
    assert_eq!(after[0], before[1]);
    assert_ne!(after[1], before[1]);
    let pinned = BASE64_STANDARD.decode(&after[0]).expect("base64");
    let options = Options {
        trust: Trust::Hash(pinned.try_into().expect("32 bytes")),
        ..Options::default()
    };
    let url = relay.url(Via::WebTransport, "/server");
    Peer::connect(&url, options).await.expect("is shown");
    // Other names take another certificate, and files take their place.
    let other = LISTENERS.replace("localhost, ", "");
    relay
        .reload_exactly(&format!("{other}{OPEN}"))
        .await
        .expect("reloads");
    assert!(
        hashes(&relay)
            .await
            .iter()
            .all(|hash| !after.contains(hash))
    );
    let own = made();
    write(&relay.dir.path().join("live"), &own);
    let files = listeners("live/relay.pem", "live/relay.key");
    relay
        .reload_exactly(&format!("{files}{OPEN}"))
        .await
        .expect("reloads");
    all_show(&relay, &own).await;
}

#[tokio::test]
async fn the_program_shows_a_renewed_certificate_after_a_sighup() {
    let dir = tempfile::tempdir().expect("a directory");
    let [first, second] = [made(), made()];
    write(&dir.path().join("live"), &first);
    let yaml = format!("{}{OPEN}", listeners("live/relay.pem", "live/relay.key"));
    fs::write(dir.path().join("relay.yaml"), yaml).expect("written");
    let mut relay = Process::relay(dir.path(), &[]);
    let urls: Vec<_> = (0..3).map(|_| relay.listening_url()).collect();
    let mut sessions = Vec::new();
    for url in &urls[1..] {
        assert!(shows(url, &first).await, "{url}");
        let trust = Trust::Anything;
        let options = Options {
            trust,
            ..Options::default()
        };
        let peer = Peer::connect(&format!("{url}/server"), options).await;
        sessions.push(peer.expect("connects"));
    }
    as_certbot(&dir.path().join("live"), &second);
    relay.signal("HUP");
    relay.line_with("the configuration was reloaded");
    for (url, session) in urls[1..].iter().zip(&mut sessions) {
        assert!(shows(url, &second).await, "{url}");
        session
            .send(r#"{"to":"0","type":"X","message":{}}"#)
            .await
            .expect("goes on");
        for kind in ["HELLO", "ERROR"] {
            let event = session.receive().await;
            assert!(format!("{event:?}").contains(kind), "{event:?}");
        }
    }
}
