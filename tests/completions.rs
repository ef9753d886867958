//! The completions, in the shells that they are for. They have to be installed, which `cargo xtask test` does.
#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::{path::Path, process::Command};

use common::process::command;
use tempfile::TempDir;

/// The script for a shell, as the program prints it, in a directory with some files.
fn script(shell: &str) -> TempDir {
    let output = command()
        .args(["completions", shell])
        .output()
        .expect("runs");
    assert!(output.status.success());
    let dir = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &[u8]| {
        std::fs::write(dir.path().join(name), text).expect("written");
    };
    write("script", &output.stdout);
    write("relay one.yaml", b"");
    write("relay.pem", b"");
    dir
}

fn run(dir: &Path, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(dir)
        .env("HOME", dir)
        .output();
    let output = output.unwrap_or_else(|error| {
        panic!("{program}: {error}; install it, or run `cargo xtask test`, which does")
    });
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {told}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What bash offers for the last of these words, by the function that the script has registered.
fn bash(dir: &Path, words: &[&str]) -> Vec<String> {
    const ASK: &str = r#"
        source ./script
        function=$(complete -p intercessor | sed 's/.* -F \([^ ]*\) .*/\1/')
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        "$function" intercessor "${COMP_WORDS[$COMP_CWORD]}" "${COMP_WORDS[$COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let arguments = [&["--norc", "-c", ASK, "bash"], words].concat();
    let offered = run(dir, "bash", &arguments);
    offered.lines().map(str::to_owned).collect()
}

/// What fish offers at the end of a line.
fn fish(dir: &Path, line: &str) -> Vec<String> {
    let ask = format!("source ./script; complete --do-complete '{line}'");
    let offered = run(dir, "fish", &["--no-config", "--command", &ask]);
    let word = |line: &str| line.split('\t').next().map(str::to_owned);
    offered.lines().filter_map(word).collect()
}

#[test]
fn every_shell_reads_its_script() {
    for shell in ["bash", "zsh", "fish"] {
        let dir = script(shell);
        run(dir.path(), shell, &["-n", "script"]);
    }
}

#[test]
fn bash_completes_commands_options_and_files() {
    let dir = script("bash");
    let offers = |words: &[&str]| bash(dir.path(), words);
    assert_eq!(offers(&["intercessor", "che"]), ["check"]);
    assert_eq!(offers(&["intercessor", "check", "--me"]), ["--message"]);
    let trusts = offers(&["intercessor", "connect", "--c"]);
    assert_eq!(trusts, ["--ca", "--cert-hash"]);
    let shells = offers(&["intercessor", "completions", "f"]);
    assert!(shells.contains(&"fish".to_owned()), "{shells:?}");
    for words in [
        &["intercessor", "-c", "rel"][..],
        &["intercessor", "--config", "rel"],
        &["intercessor", "check", "-c", "rel"],
        &["intercessor", "connect", "--ca", "rel"],
        &["intercessor", "connect", "--passphrase-file", "rel"],
    ] {
        let mut files = offers(words);
        files.sort();
        assert_eq!(files, ["relay one.yaml", "relay.pem"], "{words:?}");
    }
}

#[test]
fn fish_completes_commands_options_and_files() {
    let dir = script("fish");
    let offers = |line: &str| fish(dir.path(), line);
    assert_eq!(offers("intercessor che"), ["check"]);
    assert_eq!(offers("intercessor check --me"), ["--message"]);
    let files = offers("intercessor check -c rel");
    assert!(files.contains(&"relay.pem".to_owned()), "{files:?}");
}
