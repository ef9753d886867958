//! `intercessor connect`: a peer on the terminal.

use std::{io::Write, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, ValueHint};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::sleep,
};

use super::{Failure, hash::strip_line_end};
use crate::{
    client::{Event, Options, Peer, ResumingPeer, Trust},
    config::parse_duration,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  intercessor connect wss://localhost:8443/server --passphrase-file secret.txt --ca certs/relay.pem
  intercessor connect https://localhost:8443/client/SERVER_ID --cert-hash BASE64")]
pub struct Arguments {
    /// ws:// or wss:// (WebSocket), or https:// (WebTransport), with /server or /client/SERVER_ID
    #[arg(value_hint = ValueHint::Url)]
    url: String,

    /// The name of the passphrase
    #[arg(long, value_hint = ValueHint::Other)]
    name: Option<String>,

    /// A file whose first line is the passphrase
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    passphrase_file: Option<PathBuf>,

    /// Stay this long after the end of input, to print what still arrives
    #[arg(long, value_name = "DURATION", value_parser = duration, value_hint = ValueHint::Other)]
    linger: Option<Duration>,

    /// Come back by itself when the connection breaks, with nothing lost
    #[arg(long)]
    resume: bool,

    /// Accept any certificate
    #[arg(long, conflicts_with_all = ["ca", "cert_hash"])]
    insecure: bool,

    /// Trust the certificates in this PEM file instead of the system's
    #[arg(long, value_name = "FILE", conflicts_with = "cert_hash", value_hint = ValueHint::FilePath)]
    ca: Option<PathBuf>,

    /// Trust the one certificate with this SHA-256, in base64 or hex
    #[arg(long, value_name = "HASH", value_parser = cert_hash, value_hint = ValueHint::Other)]
    cert_hash: Option<[u8; 32]>,
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "a duration is written like 500ms, 30s or 5m".to_owned())
}

fn cert_hash(text: &str) -> Result<[u8; 32], String> {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let hex = text.replace(':', "");
    let from_hex = (hex.len() == 64 && hex.is_ascii()).then(|| {
        (0..64)
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok())
            .collect::<Option<Vec<u8>>>()
    });
    from_hex
        .flatten()
        .or_else(|| BASE64_STANDARD.decode(text).ok())
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| "a SHA-256 has 32 bytes, in base64 or hex".to_owned())
}

/// Connects, and relays between the terminal and the wire until either ends.
pub fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let passphrase = match &arguments.passphrase_file {
        None => None,
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
            let line = text.split_inclusive('\n').next().unwrap_or_default();
            Some(strip_line_end(line).into())
        }
    };
    let trust = match (arguments.insecure, arguments.ca, arguments.cert_hash) {
        (true, _, _) => Trust::Anything,
        (_, Some(file), _) => Trust::Ca(file),
        (_, _, Some(hash)) => Trust::Hash(hash),
        _ => Trust::System,
    };
    let options = Options {
        name: arguments.name,
        passphrase,
        trust,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::new)?;
    let talk = talk(&arguments.url, options, arguments.resume, arguments.linger);
    let done = runtime.block_on(talk);
    // A read of standard input that is still under way must not hold up the end.
    runtime.shutdown_background();
    done
}

/// A peer of either kind.
enum Line {
    Plain(Peer),
    Resuming(Box<ResumingPeer>),
}

impl Line {
    async fn connect(url: &str, options: Options, resume: bool) -> Result<Self, Failure> {
        if !resume {
            let peer = Peer::connect(url, options).await.map_err(Failure::new)?;
            return Ok(Self::Plain(peer));
        }
        let connected = ResumingPeer::connect(url, options).await;
        let (peer, hello) = connected.map_err(Failure::new)?;
        show(Event::Envelope(hello))?;
        Ok(Self::Resuming(Box::new(peer)))
    }

    async fn send(&mut self, envelope: &str) -> Result<(), Failure> {
        let sent = match self {
            Self::Plain(peer) => peer.send(envelope).await,
            Self::Resuming(peer) => peer.send(envelope).await,
        };
        sent.map_err(Failure::new)
    }

    async fn receive(&mut self) -> Event {
        match self {
            Self::Plain(peer) => peer.receive().await,
            Self::Resuming(peer) => peer.receive().await,
        }
    }

    async fn leave(self) {
        match self {
            Self::Plain(peer) => peer.leave().await,
            Self::Resuming(peer) => peer.leave().await,
        }
    }
}

async fn talk(
    url: &str,
    options: Options,
    resume: bool,
    linger: Option<Duration>,
) -> Result<ExitCode, Failure> {
    let mut line = Line::connect(url, options, resume).await?;
    let mut input = BufReader::new(tokio::io::stdin()).lines();
    let mut rest = std::pin::pin!(sleep(linger.unwrap_or_default()));
    let mut reading = true;
    loop {
        tokio::select! {
            event = line.receive() => {
                if let Some(status) = show(event)? {
                    return Ok(status);
                }
            }
            text = input.next_line(), if reading => match text.map_err(Failure::new)? {
                Some(text) if text.trim().is_empty() => {}
                Some(text) => line.send(&text).await?,
                None => {
                    reading = false;
                    rest.set(sleep(linger.unwrap_or_default()));
                }
            },
            () = &mut rest, if !reading => break,
        }
    }
    line.leave().await;
    Ok(ExitCode::SUCCESS)
}

/// Prints an envelope; or the end, with the exit status that it comes to.
fn show(event: Event) -> Result<Option<ExitCode>, Failure> {
    match event {
        Event::Envelope(text) => {
            let mut out = std::io::stdout().lock();
            writeln!(out, "{text}")
                .and_then(|()| out.flush())
                .map_err(Failure::new)?;
            Ok(None)
        }
        Event::Resumed => {
            eprintln!("the connection broke and was resumed");
            Ok(None)
        }
        Event::Closed { code: 1000, .. } => Ok(Some(ExitCode::SUCCESS)),
        Event::Closed { code, reason } => Err(Failure::new(format!("closed: {code} {reason}"))),
        Event::Broken(why) => Err(Failure::new(format!("the connection broke: {why}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_may_be_base64_or_hex_with_or_without_colons() {
        let bytes = [0xab; 32];
        let hex = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        let base64 = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=";
        for written in [&hex, &colons, base64] {
            assert_eq!(cert_hash(written), Ok(bytes), "{written}");
        }
        for wrong in ["", "abc", &hex[2..], &"ä".repeat(32)] {
            assert!(cert_hash(wrong).is_err(), "{wrong}");
        }
    }
}
