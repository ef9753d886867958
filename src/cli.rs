//! The command line. What is defined here is also what `--help` says.

mod cert;
mod check;
mod completions;
mod connect;
mod hash;
mod health;
mod log;
mod serve;
mod systemd;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueHint, error::ErrorKind};

/// A bad configuration, as sysexits(3) numbers it.
const BAD_CONFIGURATION: u8 = 78;

/// A peer messaging relay over secure WebSocket and WebTransport.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Exit status: 0 done, 2 wrong usage, 78 a bad configuration, 1 anything else.
Signals: SIGTERM and SIGINT drain, a second one ends at once; SIGHUP reads the configuration again.
More: intercessor(1), intercessor.yaml(5) and intercessor-protocol(7)."
)]
pub struct Arguments {
    /// Run the relay with this configuration, in the foreground; logs go to standard error
    #[arg(short, long, value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a configuration and everything that it names, without opening anything
    ///
    /// Prints each problem as a line on standard error, or `ok` and a summary. With --type and --message it judges that
    /// one message instead, and explains what is wrong with it; exit status 1 says that it does not pass.
    Check(check::Arguments),
    /// Make the hash of a passphrase for the configuration
    ///
    /// Asks for it twice, without showing it. Where standard input is no terminal, its first line is the passphrase.
    Hash,
    /// Make a self-signed certificate for trying out
    ///
    /// Writes relay.pem, and relay.key for its owner alone, and prints the certificate's SHA-256 in base64, as browsers pin
    /// it.
    Cert(cert::Arguments),
    /// Ask a relay for its state over plain HTTP: done if it answers 200
    Health(health::Arguments),
    /// Be a peer: print what arrives, send each line of standard input
    ///
    /// Each line, both ways, is one envelope. At the end of input it leaves. Exit status 1 says that the relay ended the
    /// session, or that the connection broke; standard error tells why.
    Connect(connect::Arguments),
    /// Print a script by which a shell completes the command line
    Completions(completions::Arguments),
}

/// The one file that `check` and the relay itself take.
#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
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
            (Some(Command::Completions(arguments)), _) => completions::run(&arguments),
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
