//! The command line: arguments, command, exit status.

use std::process::ExitCode;

use clap::Parser;
use intercessor::cli::Arguments;

/// See Cargo.toml for what it gains.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Arguments::parse().run()
}
