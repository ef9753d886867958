//! Intercessor's tasks for development, so that people and build servers run the very same commands.

mod bench;
mod client;
mod instructions;
mod package;
mod provide;
mod suite;

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Output},
};

use crate::{
    bench::bench,
    client::test_client,
    instructions::instructions,
    package::package,
    provide::{provide, provide_cargo, provide_server},
    suite::provide_suite,
};

const USAGE: &str = "\
Usage: cargo xtask <command>

Commands:
  lint  Check formatting, clippy, documentation, and the dependencies' licenses, bans and sources
  test  Install what the tests need, then run every test: also those in a browser, those with nginx, HAProxy, Caddy and
        coturn, the official ones of JSON Schema, and those of clients/js
  generate
        Write anew what is made from the code: man/intercessor.1, completions/ and schemas/config.schema.json
  package
        Make the Debian package of a release build
  bench [--quick] [--only NAME…] [--save] [--help]
        Measure the relay beside a bare forwarder and a relay on Bun; docs/performance.md tells more
  instructions [--save]
        Count the relay's instructions for each message, and fail where they are over 3% more than recorded; or
        record them";

/// Servers that tests run beside the relay: the program, its service and its packages in Debian.
const SERVERS: [(&str, &str, &str); 4] = [
    ("nginx", "nginx", "nginx libnginx-mod-stream"),
    ("haproxy", "haproxy", "haproxy"),
    ("caddy", "caddy", "caddy"),
    ("turnserver", "coturn", "coturn"),
];

/// A newer one may check more, or read deny.toml otherwise.
const CARGO_DENY: &str = "0.20.2";

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let task = arguments.next();
    let more: Vec<OsString> = arguments.collect();
    let done = match (task.as_deref().and_then(OsStr::to_str), more.as_slice()) {
        (Some("lint"), []) => lint(),
        (Some("test"), []) => test(),
        (Some("generate"), []) => generate(),
        (Some("package"), []) => package(),
        (Some("bench"), more) => bench(more),
        (Some("instructions"), more) => instructions(more),
        (Some("help" | "--help" | "-h"), _) => {
            println!("{USAGE}");
            Ok(())
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    // Nothing is said of success, so that the last lines are those of the last command.
    if let Err(failure) = done {
        eprintln!("xtask: {failure}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn lint() -> Result<(), String> {
    run("cargo fmt --all --check")?;
    run("cargo clippy --workspace --all-targets --all-features --locked -- -D warnings")?;
    run_with(
        &[("RUSTDOCFLAGS", "-D warnings")],
        "cargo doc --workspace --no-deps --document-private-items --locked",
    )?;
    provide_cargo("deny", CARGO_DENY)?;
    // Without its advisories: they need the network's database, and change while the commit does not.
    run("cargo deny --locked check licenses bans sources")
}

fn test() -> Result<(), String> {
    // The tests look for it on the PATH.
    provide(
        "chromium",
        "chromium",
        "the browser tests run a real Chromium",
    )?;
    provide("mandoc", "mandoc", "the man pages are checked by it")?;
    for shell in ["bash", "fish", "zsh"] {
        provide(shell, shell, "the completions are tried in this shell")?;
    }
    for (program, service, packages) in SERVERS {
        let reason = format!("the tests run a real {program}");
        provide_server(program, service, packages, &reason)?;
    }
    package::provide_for_tests()?;
    provide(
        "promtool",
        "prometheus",
        "the tests of metrics and alerts run it",
    )?;
    let suite = provide_suite()?;
    run_with(
        &[("JSON_SCHEMA_TEST_SUITE", &suite.to_string_lossy())],
        "cargo test --workspace --all-features --locked",
    )?;
    test_client()
}

fn generate() -> Result<(), String> {
    run_with(&[("GENERATE", "1")], "cargo test --locked --test generated")
}

/// Runs a command whose words have no spaces in them, in the repository's root.
fn run(line: &str) -> Result<(), String> {
    run_with(&[], line)
}

fn run_with(variables: &[(&str, &str)], line: &str) -> Result<(), String> {
    let shown: String = variables
        .iter()
        .map(|(name, value)| format!("{name}='{value}' "))
        .chain([line.to_owned()])
        .collect();
    eprintln!("$ {shown}");
    match command(line).envs(variables.iter().copied()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` failed: {status}")),
        Err(error) => Err(format!("`{shown}` cannot be run: {error}")),
    }
}

/// Runs a command for its answer alone; `None` if it fails, or is not there.
fn probe(line: &str) -> Option<Output> {
    eprintln!("$ {line}");
    command(line)
        .output()
        .ok()
        .filter(|output| output.status.success())
}

/// The repository's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Cargo's, wherever the settings of whoever runs this put it.
fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

fn command(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    command.current_dir(root());
    // What `cargo run` says of this package is none of theirs: ring's build script, for one, watches these variables,
    // and would be built anew whenever `cargo xtask` and plain `cargo` take turns.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}
