//! `intercessor completions`: a script by which a shell completes the command line.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::Failure;

#[derive(Debug, Args)]
#[command(after_help = "\
Where each shell looks for it:
  bash  ~/.local/share/bash-completion/completions/intercessor
  zsh   a file _intercessor in a directory of $fpath
  fish  ~/.config/fish/completions/intercessor.fish")]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    let mut command = super::Arguments::command();
    generate(arguments.shell, &mut command, "intercessor", &mut script);
    io::stdout().write_all(&script).map_err(Failure::new)?;
    Ok(ExitCode::SUCCESS)
}
