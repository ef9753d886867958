//! The command line. What is defined here is also what `--help` says.

mod cert;
mod check;
mod connect;
mod hash;
mod health;
mod log;
mod serve;
mod systemd;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, CommandFactory, Parser, Subcommand, error::ErrorKind};

/// A bad configuration, as sysexits(3) numbers it.
const BAD_CONFIGURATION: u8 = 78;

/// A peer messaging relay over secure WebSocket and WebTransport.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Exit status: 0 done, 2 wrong usage, 78 a bad configuration, 1 anything else.\n\n\
        Signals: SIGTERM and SIGINT drain. Nobody new is let in, and every peer gets what waits for it and BYE with 1001, within timeouts.drain. \
        Sessions that are parked end with the process: their peers begin anew. A second signal ends it at once. \
        SIGHUP reads the configuration again, and the files that it names. If all of it is right it takes effect at once; \
        if not, nothing changes, and the log says what is wrong. No session ends, and those that are parked stay. \
        A change of admin, ids, resume, or of a listener other than its origins and certificate takes a restart, and the log names it. \
        Certificates that were renewed on disk are shown within a minute without it."
)]
pub struct Arguments {
    /// Run the relay with this configuration, in the foreground; logs go to standard error
    #[arg(short, long, value_name = "FILE", required = true)]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a configuration and everything that it names, without opening anything
    Check(check::Arguments),
    /// Make the hash of a passphrase for the configuration
    Hash,
    /// Make a self-signed certificate for trying out
    Cert(cert::Arguments),
    /// Ask a relay for its state over plain HTTP: done if it answers 200
    Health(health::Arguments),
    /// Be a peer: print what arrives, send each line of standard input
    Connect(connect::Arguments),
}

/// The one file that `check` and the relay itself take.
#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
}

/// Why a command failed: what standard error says, and the exit status.
#[derive(Debug)]
struct Failure {
    message: String,
    status: u8,
}

impl Failure {
    fn new(message: impl ToString) -> Self {
        Self {
            message: message.to_string(),
            status: 1,
        }
    }

    fn bad_configuration(problems: impl ToString) -> Self {
        Self {
            message: problems.to_string(),
            status: BAD_CONFIGURATION,
        }
    }
}

impl Arguments {
    /// Runs the command.
    pub fn run(self) -> ExitCode {
        let done = match (self.command, self.config) {
            (Some(Command::Check(arguments)), _) => check::run(&arguments),
            (Some(Command::Hash), _) => hash::run(),
            (Some(Command::Cert(arguments)), _) => cert::run(&arguments),
            (Some(Command::Health(arguments)), _) => health::run(arguments),
            (Some(Command::Connect(arguments)), _) => connect::run(arguments),
            (None, Some(config)) => serve::run(&config),
            (None, None) => Self::command()
                .error(
                    ErrorKind::MissingRequiredArgument,
                    "give `-c FILE` or a command",
                )
                .exit(),
        };
        done.unwrap_or_else(|failure| {
            eprintln!("{}", failure.message);
            ExitCode::from(failure.status)
        })
    }
}
