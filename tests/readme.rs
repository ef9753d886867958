//! The README says what is true: its configurations load, and name every key there is.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use intercessor::{config::Config, passphrase::Hash, relay, tls};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The blocks of the README in this language.
fn blocks(language: &str) -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).expect("readable");
    let start = format!("```{language}\n");
    readme
        .split(&start)
        .skip(1)
        .map(|rest| rest.split("```").next().expect("an end").to_owned())
        .collect()
}

/// A directory where the paths of the README lead somewhere.
fn surroundings() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for sub in ["config", "certs", "schemas"] {
        fs::create_dir(dir.path().join(sub)).expect("made");
    }
    for schema in ["offer.json", "sdp.json"] {
        let from = root().join("schemas").join(schema);
        fs::copy(from, dir.path().join("schemas").join(schema)).expect("copied");
    }
    let [chat] = &blocks("json")[..] else {
        panic!("one schema");
    };
    fs::write(dir.path().join("config/chat.json"), chat).expect("written");
    let made = tls::self_signed(&["localhost".to_owned()], SystemTime::now()).expect("made");
    let certs = dir.path().join("certs");
    fs::write(certs.join("relay.pem"), made.certificate_pem()).expect("written");
    fs::write(certs.join("relay.key"), made.key_pem()).expect("written");
    dir
}

/// The configuration with a whole hash instead of the beginning of one.
fn with_hash(yaml: &str) -> String {
    let hash = Hash::make("a passphrase").expect("made");
    yaml.replace("$argon2id$v=19$m=19456,t=2,p=1$…", hash.as_str())
}

fn check(dir: &Path, yaml: &str) {
    let file = dir.join("config/relay.yaml");
    fs::write(&file, with_hash(yaml)).expect("written");
    if let Err(problems) = relay::check(&file) {
        panic!("{problems}");
    }
}

#[test]
fn its_configurations_are_valid() {
    let dir = surroundings();
    let configurations = blocks("yaml");
    assert_eq!(configurations.len(), 2);
    for yaml in configurations {
        check(dir.path(), &yaml);
    }
}

#[test]
fn its_example_names_every_key() {
    // Alternatives that exclude what the example shows, or belong to an alternative.
    let others = BTreeSet::from(["ice_servers.username", "ice_servers.credential"]);
    let example = blocks("yaml").pop().expect("an example");
    for key in Config::keys() {
        let name = key.rsplit('.').next().expect("a name");
        let named = name == "*" || example.contains(&format!("{name}:"));
        assert!(named || others.contains(key.as_str()), "{key}");
    }
}
