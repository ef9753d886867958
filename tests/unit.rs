//! The systemd units, as systemd itself judges them.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::{collections::HashMap, fs, path::Path, process::Command, time::Duration};

use common::tools::{repository, succeed};
use intercessor::config::Config;

/// In tenths, as systemd counts it.
const MOST_EXPOSED: &str = "--threshold=24";

#[test]
fn the_service_exposes_little() {
    succeed(
        Command::new("systemd-analyze")
            .args(["security", "--offline=true", MOST_EXPOSED])
            .arg(repository().join("packaging/intercessor.service")),
    );
}

#[test]
fn systemd_finds_no_fault_in_the_units() {
    let root = tempfile::tempdir().expect("a directory");
    let units = root.path().join("usr/lib/systemd/system");
    fs::create_dir_all(&units).expect("a folder");
    // What they refer to.
    for entry in fs::read_dir("/usr/lib/systemd/system").expect("systemd's units") {
        let path = entry.expect("an entry").path();
        if path
            .extension()
            .is_some_and(|it| it == "target" || it == "slice" || it == "mount")
        {
            copy(&path, &units);
        }
    }
    copy(&repository().join("packaging/intercessor.service"), &units);
    copy(
        &repository().join("packaging/examples/intercessor.socket"),
        &units,
    );
    for (program, folder) in [
        (env!("CARGO_BIN_EXE_intercessor"), "usr/bin"),
        ("/bin/kill", "bin"),
    ] {
        let folder = root.path().join(folder);
        fs::create_dir_all(&folder).expect("a folder");
        copy(Path::new(program), &folder);
    }
    let said = succeed(
        Command::new("systemd-analyze")
            .arg("verify")
            .arg("--man=no")
            .arg(format!("--root={}", root.path().display()))
            .args(["intercessor.service", "intercessor.socket"]),
    );
    let ours: Vec<_> = said
        .lines()
        .filter(|line| line.contains("intercessor"))
        .collect();
    assert!(ours.is_empty(), "{said}");
}

fn copy(file: &Path, folder: &Path) {
    let name = file.file_name().expect("a name");
    fs::copy(file, folder.join(name)).expect("copied");
}

/// The keys of the service, each once.
fn service() -> HashMap<String, String> {
    let text = fs::read_to_string(repository().join("packaging/intercessor.service"));
    let text = text.expect("readable");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn the_service_fits_the_defaults_of_the_relay() {
    let yaml = "listeners: [{ transport: websocket, bind: '127.0.0.1:8080', tls: off }]\nservers: { open: true }\n";
    let examined = Config::examine_text("relay.yaml".as_ref(), yaml, &|_| None);
    let config = examined.config.expect("a configuration");
    let service = service();
    let seconds = |key: &str| {
        let number = service[key]
            .strip_suffix('s')
            .and_then(|it| it.parse().ok());
        Duration::from_secs(number.expect("seconds"))
    };
    assert!(seconds("TimeoutStopSec") > config.timeouts.drain);
    assert!(service["LimitNOFILE"].parse::<usize>().expect("a number") > config.limits.connections);
    assert_eq!(service["RestartPreventExitStatus"], "78");
    assert_eq!(service["Type"], "notify");
}
