//! `intercessor cert`: a certificate for trying out.

use std::{fs, io, path::PathBuf, process::ExitCode, time::SystemTime};

use base64::{Engine, prelude::BASE64_STANDARD};
use clap::{Args, ValueHint};

use super::Failure;
use crate::tls;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Where relay.pem and relay.key go; made if it is not there
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    out: PathBuf,

    /// A name or address that the certificate is for; may be repeated
    #[arg(long = "name", value_name = "HOST", required = true, value_hint = ValueHint::Hostname)]
    names: Vec<String>,

    /// Overwrite files that are there already
    #[arg(long)]
    force: bool,
}

/// Writes the certificate and its key, and prints its SHA-256 as browsers pin it.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let made = tls::self_signed(&arguments.names, SystemTime::now())
        .map_err(|error| Failure::new(format!("no certificate can have these names: {error}")))?;
    let (cert, key) = (
        arguments.out.join("relay.pem"),
        arguments.out.join("relay.key"),
    );
    fs::create_dir_all(&arguments.out).map_err(|error| failed(&arguments.out, &error))?;
    if !arguments.force
        && let Some(there) = [&cert, &key].into_iter().find(|file| file.exists())
    {
        return Err(Failure::new(format!(
            "{} is there already; --force overwrites it",
            there.display()
        )));
    }
    tls::write_private(&key, &made.key_pem(), arguments.force)
        .map_err(|error| failed(&key, &error))?;
    fs::write(&cert, made.certificate_pem()).map_err(|error| failed(&cert, &error))?;
    println!(
        "{}",
        BASE64_STANDARD.encode(tls::fingerprint(made.certificate()))
    );
    Ok(ExitCode::SUCCESS)
}

fn failed(path: &std::path::Path, error: &io::Error) -> Failure {
    Failure::new(format!("cannot write {}: {error}", path.display()))
}
