//! The official tests of JSON Schema, which tests/schema_suite.rs holds the relay against.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{command, provide::provide, target_dir};

/// They come within the sources of a Python package, an archive that stays as it is.
const URL: &str = "https://files.pythonhosted.org/packages/b3/fc/e067678238fa451312d4c62bf6e6cf5ec56375422aee02f9cb5f909b3047/jsonschema-4.26.0.tar.gz";
const SHA256: &str = "0c26707e2efad8aa1bfc5b7ce170f3fccc2e4918ff85989ba9ffa9facb2be326";
/// Where they are in it.
const FOLDER: &str = "jsonschema-4.26.0/json";

/// Has the tests in the target directory, downloaded where they are missing, and says where.
pub fn provide_suite() -> Result<PathBuf, String> {
    let reason = "the official tests of JSON Schema are run";
    for (program, package) in [
        ("curl", "curl"),
        ("sha256sum", "coreutils"),
        ("tar", "tar"),
        ("gzip", "gzip"),
    ] {
        provide(program, package, reason)?;
    }
    let place = target_dir().join("schema-suite");
    let place = std::path::absolute(&place).unwrap_or(place);
    fs::create_dir_all(&place)
        .map_err(|error| format!("{} cannot be made: {error}", place.display()))?;
    let archive = place.join("suite.tar.gz");
    if !is_intact(&archive) {
        let mut curl = command("curl --fail --silent --show-error --location");
        run(curl.arg(URL).arg("--output").arg(&archive)).map_err(|failure| {
            format!(
                "{reason}, and they cannot be downloaded: {failure}. Run this again with a network, or put that archive \
                 there as {}",
                archive.display()
            )
        })?;
        if !is_intact(&archive) {
            return Err(format!(
                "{URL} is not what it was: its SHA-256 is to be {SHA256}"
            ));
        }
    }
    // Each time, since the last one may have been cut short.
    let mut tar = command("tar --extract --gzip --file");
    run(tar.arg(&archive).arg("--directory").arg(&place).arg(FOLDER))?;
    Ok(place.join(FOLDER))
}

fn is_intact(archive: &Path) -> bool {
    let output = command("sha256sum").arg(archive).output();
    output.is_ok_and(|output| output.stdout.starts_with(SHA256.as_bytes()))
}

/// Runs a command in whose words there may be spaces.
fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let words: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    eprintln!("$ {program} {}", words.join(" "));
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{program}` failed: {status}")),
        Err(error) => Err(format!("`{program}` cannot be run: {error}")),
    }
}
