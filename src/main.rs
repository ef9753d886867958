//! The command line: arguments, command, exit status.

use std::process::ExitCode;

use clap::Parser;
use intercessor::cli::Arguments;

fn main() -> ExitCode {
    Arguments::parse().run()
}
