//! What Intercessor is measured with. `cargo xtask bench` and `cargo xtask instructions` run it.

mod frame;
mod instructions;
mod message;
mod peer;

use std::process::ExitCode;

use clap::Parser;

/// What goes wrong in a measurement, as a sentence for whoever measures.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What this program can be.
#[derive(Debug, Parser)]
enum Task {
    /// The relay and its peers in one thread, to be run by callgrind, which counts what the relay does
    Instructions {
        /// Which figure; without one their names are printed
        figure: Option<String>,
    },
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Instructions { figure } => instructions::run(figure.as_deref()),
    };
    if let Err(failure) = done {
        eprintln!("intercessor-bench: {failure}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
