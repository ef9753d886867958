//! Every configuration that is shown to people is one: the relay takes it, and so does the schema that editors use.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use common::process::command;
use intercessor::{config::Config, passphrase::Hash, tls};
use serde_json::Value;
use tempfile::TempDir;

/// A configuration, and where it is shown.
struct Example {
    name: String,
    yaml: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn parse(yaml: &str) -> Option<Value> {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(yaml, options).ok()
}

/// Files of the repository whose names end like this.
fn files(end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|it| it.to_str()).expect("UTF-8");
            if path.is_dir()
                && !name.starts_with('.')
                && !["target", "node_modules"].contains(&name)
            {
                folders.push(path);
            } else if name.ends_with(end) {
                found.push(path);
            }
        }
    }
    found
}

/// The configurations that are files.
fn whole() -> Vec<Example> {
    let mut examples = Vec::new();
    for path in files(".yaml").into_iter().chain(files(".yml")) {
        let yaml = fs::read_to_string(&path).expect("readable");
        if parse(&yaml).is_some_and(|it| it.get("listeners").is_some()) {
            let name = path
                .strip_prefix(root())
                .expect("inside")
                .display()
                .to_string();
            examples.push(Example { name, yaml });
        }
    }
    assert!(examples.iter().any(|it| it.name == "config/relay.yaml"));
    examples
}

/// The configurations, and parts of some, in pages.
fn quoted() -> Vec<Example> {
    let mut examples = Vec::new();
    for path in files(".md") {
        let page = fs::read_to_string(&path).expect("readable");
        let blocks = page.split("```yaml\n").skip(1);
        for (at, block) in blocks.enumerate() {
            let yaml = block.split("```").next().expect("an end").to_owned();
            let name = format!("{} {at}", path.display());
            examples.push(Example { name, yaml });
        }
    }
    let page = read("man/intercessor.yaml.5");
    for (at, block) in page
        .split(".Bd -literal -offset indent\n")
        .skip(1)
        .enumerate()
    {
        let yaml = block.split(".Ed\n").next().expect("an end");
        let yaml = yaml.replace(r"\(dq", "\"").replace(r"\e", r"\");
        let name = format!("intercessor.yaml(5) {at}");
        examples.push(Example { name, yaml });
    }
    let schema = Config::schema();
    let keys = schema["properties"].as_object().expect("keys");
    let ours = |example: &Example| {
        // What cannot be read is meant to be one too.
        let Some(parsed) = parse(&example.yaml) else {
            return true;
        };
        let parsed = parsed.as_object();
        parsed.is_some_and(|it| it.keys().any(|key| keys.contains_key(key)))
    };
    examples.retain(ours);
    assert!(examples.len() > 12, "{}", examples.len());
    examples
}

/// What an example leaves out because it is about something else.
fn completed(yaml: &str) -> String {
    let hash = Hash::make("a passphrase").expect("made");
    let mut yaml = yaml
        .replace("$argon2id$v=19$m=19456,t=2,p=1$…", hash.as_str())
        .replace("hash: 'HASH'", &format!("hash: '{}'", hash.as_str()));
    for (key, value) in [
        (
            "listeners",
            "[{ transport: websocket, bind: 127.0.0.1:1, tls: off }]",
        ),
        ("servers", "{ open: true }"),
    ] {
        if !yaml
            .lines()
            .any(|line| line.starts_with(&format!("{key}:")))
        {
            yaml += &format!("\n{key}: {value}\n");
        }
    }
    yaml
}

/// A directory where the paths of the examples lead somewhere, from `config` and from the directory itself.
fn surroundings() -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let made = tls::self_signed(&["localhost".to_owned()], SystemTime::now()).expect("made");
    for folder in ["", "config"] {
        let folder = dir.path().join(folder);
        fs::create_dir_all(folder.join("certs")).expect("made");
        fs::create_dir_all(folder.join("schemas/samples")).expect("made");
        for at in [folder.join("certs"), folder.clone()] {
            fs::write(at.join("relay.pem"), made.certificate_pem()).expect("written");
            fs::write(at.join("relay.key"), made.key_pem()).expect("written");
        }
        fs::write(folder.join("chat.json"), "{}").expect("written");
        for schema in fs::read_dir(root().join("schemas")).expect("a folder") {
            let schema = schema.expect("an entry");
            if schema.path().is_file() {
                let to = folder.join("schemas").join(schema.file_name());
                fs::copy(schema.path(), to).expect("copied");
            }
        }
        for sample in fs::read_dir(root().join("schemas/samples")).expect("a folder") {
            let sample = sample.expect("an entry");
            let to = folder.join("schemas/samples").join(sample.file_name());
            fs::copy(sample.path(), to).expect("copied");
        }
    }
    dir
}

#[test]
fn the_schema_takes_every_example() {
    let schema = jsonschema::validator_for(&Config::schema()).expect("a schema");
    for Example { name, yaml } in whole().into_iter().chain(quoted()) {
        let yaml = completed(&yaml);
        let parsed = parse(&yaml).unwrap_or_else(|| panic!("{name} is no YAML:\n{yaml}"));
        let errors: Vec<_> = schema
            .iter_errors(&parsed)
            .map(|it| it.to_string())
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
}

#[test]
fn the_relay_takes_every_example() {
    let dir = surroundings();
    let hash = Hash::make("a passphrase").expect("made");
    for Example { name, yaml } in whole().into_iter().chain(quoted()) {
        let file = dir.path().join("config/relay.yaml");
        fs::write(&file, completed(&yaml)).expect("written");
        let mut check = command();
        check.args(["check", "-c"]).arg(&file);
        for variable in ["FRONT_DOOR_HASH", "INTERCESSOR_HASH", "STUDIO_HASH"] {
            check.env(variable, hash.as_str());
        }
        let output = check.env("TURN_SECRET", "secret").output().expect("runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {told}\n{yaml}");
    }
}

#[test]
fn every_example_names_the_schema_in_its_first_line() {
    for Example { name, yaml } in whole() {
        let first = yaml.lines().next().unwrap_or_default();
        let schema = first.strip_prefix("# yaml-language-server: $schema=");
        let schema = schema.unwrap_or_else(|| panic!("{name} begins with {first:?}"));
        if !schema.starts_with('/') && !schema.contains("://") {
            let folder = Path::new(&name).parent().expect("a folder");
            let path = root().join(folder).join(schema);
            let wanted = root().join("schemas/config.schema.json");
            let same = path.canonicalize().ok() == wanted.canonicalize().ok();
            assert!(same, "{name} names {schema}");
        }
    }
}

#[test]
fn the_example_of_the_readme_names_every_key() {
    // Alternatives that exclude what the example shows, or belong to an alternative.
    let others = ["ice_servers.username", "ice_servers.credential"];
    let readme = read("README.md");
    let example = readme.split("```yaml\n").last().expect("an example");
    let example = example.split("```").next().expect("an end");
    for key in Config::keys() {
        let name = key.rsplit('.').next().expect("a name");
        let named = example.contains(&format!("{name}:"));
        assert!(named || others.contains(&key.as_str()), "{key}");
    }
}
