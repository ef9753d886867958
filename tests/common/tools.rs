//! Programs of the system that a test runs.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a program that has to be there; what it says is in English.
pub fn output(command: &mut Command) -> Output {
    let output = command.env("LC_ALL", "C.UTF-8").output();
    output.unwrap_or_else(|error| {
        let program = command.get_program().display();
        panic!("{program}: {error}. `cargo xtask test` installs it")
    })
}

/// The same, and it must succeed; what it has said.
pub fn succeed(command: &mut Command) -> String {
    let output = output(command);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{said}",
        output.status
    );
    said
}

/// Every file and link in a folder, from there, in order.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).expect("inside").to_owned());
            }
        }
    }
    found.sort();
    found
}
