//! The files that are made from the code are what the code makes; `cargo xtask generate` writes them anew.
#![allow(clippy::expect_used, reason = "a test that panics has failed")]

mod page;

use std::{fs, path::Path};

use clap::CommandFactory;
use clap_complete::Shell;
use intercessor::{cli::Arguments, config::Config};

/// Holds a file of the repository against what it should be.
fn kept(file: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("GENERATE").is_some() {
        let folder = path.parent().expect("a folder");
        fs::create_dir_all(folder).expect("made");
        fs::write(&path, made).expect("written");
    }
    let is = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        is == made,
        "{file} is not what the code makes; write it anew with `cargo xtask generate`"
    );
}

fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    let mut command = Arguments::command();
    clap_complete::generate(shell, &mut command, "intercessor", &mut script);
    String::from_utf8(script).expect("UTF-8")
}

#[test]
fn the_man_page_of_the_program() {
    let template = include_str!("../../man/intercessor.1.in");
    kept(
        "man/intercessor.1",
        &page::of(Arguments::command(), template),
    );
}

#[test]
fn the_json_schema_of_the_configuration() {
    let schema = serde_json::to_string_pretty(&Config::schema()).expect("JSON");
    kept("schemas/config.schema.json", &(schema + "\n"));
}

#[test]
fn the_completions_of_shells() {
    for (shell, file) in [
        (Shell::Bash, "intercessor.bash"),
        (Shell::Fish, "intercessor.fish"),
        (Shell::Zsh, "_intercessor"),
    ] {
        kept(&format!("completions/{file}"), &completions(shell));
    }
}
