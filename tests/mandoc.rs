//! The man pages as mandoc sees them. It has to be installed, which `cargo xtask test` does.
#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "a test that panics has failed"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn manual() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("man")
}

/// The names of all pages.
fn pages() -> Vec<String> {
    let files = fs::read_dir(manual()).expect("a folder");
    let name = |file: fs::DirEntry| file.file_name().into_string().expect("UTF-8");
    let names = files.map(|file| name(file.expect("an entry")));
    let pages: Vec<_> = names.filter(|name| !name.ends_with(".in")).collect();
    assert_eq!(pages.len(), 3);
    pages
}

fn mandoc(arguments: &[&str], page: &str) -> Output {
    let mut command = Command::new("mandoc");
    let output = command.args(arguments).arg(page).current_dir(manual());
    output.output().unwrap_or_else(|error| {
        panic!("mandoc: {error}; install it, or run `cargo xtask test`, which does")
    })
}

#[test]
fn mandoc_finds_nothing_to_mend() {
    for page in pages() {
        let output = mandoc(&["-Tlint"], &page);
        let found = String::from_utf8(output.stdout).expect("UTF-8");
        for line in found.lines() {
            // It looks among the installed pages alone; these are not installed yet.
            let reference = line.split("referenced manual not found: Xr ").nth(1);
            let ours = reference.is_some_and(|reference| {
                let mut words = reference.split(' ');
                let (name, section) = (words.next(), words.next());
                let file = format!("{}.{}", name.expect("a name"), section.expect("a section"));
                manual().join(file).exists()
            });
            assert!(ours, "{line}");
        }
    }
}

#[test]
fn the_pages_fit_a_terminal() {
    for page in pages() {
        let output = mandoc(&["-Tascii", "-Owidth=80"], &page);
        assert!(output.status.success(), "{page}");
        let text = String::from_utf8(output.stdout).expect("ASCII");
        // A letter is made bold or underlined by what is typed over it.
        let columns = |line: &str| line.len() - 2 * line.matches('\u{8}').count();
        for line in text.lines() {
            assert!(columns(line) <= 80, "{page}: {line}");
        }
    }
}
