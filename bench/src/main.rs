//! What Intercessor is measured with. `cargo xtask bench` and `cargo xtask instructions` run it.

mod bars;
mod forward;
mod forward_webtransport;
mod frame;
mod growth;
mod instructions;
mod load;
mod message;
mod peer;
mod picture;
mod report;
mod run;
mod scenarios;
mod stats;
mod syscalls;
mod system;
mod systems;

use std::{
    ffi::OsString,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, ExitCode},
};

use clap::Parser;

/// As the relay has it, for what is measured beside it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What goes wrong in a measurement, as a sentence for whoever measures.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What this program can be.
#[derive(Debug, Parser)]
enum Task {
    /// Measures; `cargo xtask bench` builds and installs what that needs
    Run(run::Options),
    /// The relay and its peers in one thread, to be run by callgrind, which counts what the relay does
    Instructions {
        /// Which figure; without one their names are printed
        figure: Option<String>,
    },
    /// A bare forwarder over WebSocket
    Forward {
        /// What it does with a message
        mode: forward::Mode,
    },
    /// A plain forwarder over WebTransport
    ForwardWebtransport {
        /// Its certificate
        certificate: PathBuf,
        /// The key to it
        key: PathBuf,
    },
    /// A program on one core, with many open files allowed
    Pinned {
        /// The core
        core: usize,
        /// The program and its arguments
        #[arg(trailing_var_arg = true, required = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Run(options) => run::run(&options),
        Task::Instructions { figure } => instructions::run(figure.as_deref()),
        Task::Forward { mode } => forward::run(mode),
        Task::ForwardWebtransport { certificate, key } => {
            forward_webtransport::run(&certificate, &key)
        }
        Task::Pinned { core, command } => pinned(core, &command),
    };
    if let Err(failure) = done {
        eprintln!("intercessor-bench: {failure}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Becomes the program; returns only where that fails.
fn pinned(core: usize, command: &[OsString]) -> Result<(), Failure> {
    let (program, arguments) = command.split_first().ok_or("no program")?;
    system::pin(core)?;
    system::raise_open_files()?;
    Err(Command::new(program).args(arguments).exec().into())
}
