//! `intercessor check`: the checks of a start, and the judgement of one message.

use std::{fs, path::PathBuf, process::ExitCode};

use clap::{Args, ValueHint};

use super::{ConfigFile, Failure};
use crate::{
    envelope,
    policy::{MessageCheck, Policy},
    relay::{self, Checked},
};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    file: ConfigFile,

    /// Judge one message of this type; needs --message
    #[arg(long = "type", value_name = "TYPE", requires = "message", value_hint = ValueHint::Other)]
    kind: Option<String>,

    /// The message to judge: a JSON file
    #[arg(long, value_name = "FILE", requires = "kind", value_hint = ValueHint::FilePath)]
    message: Option<PathBuf>,
}

/// Prints what is wrong, or that nothing is.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let checked = relay::check(&arguments.file.config).map_err(Failure::bad_configuration)?;
    for warning in &checked.warnings.0 {
        eprintln!("warning: {warning}");
    }
    if let (Some(kind), Some(message)) = (&arguments.kind, &arguments.message) {
        let text = fs::read_to_string(message)
            .map_err(|error| Failure::new(format!("{}: {error}", message.display())))?;
        return Ok(judge(&checked.policy, kind, &text));
    }
    println!("{}", summary(&checked));
    Ok(ExitCode::SUCCESS)
}

fn summary(checked: &Checked) -> String {
    let config = &checked.config;
    let count = |number: usize, what: &str| {
        let plural = if number == 1 { "" } else { "s" };
        format!("{number} {what}{plural}")
    };
    format!(
        "ok: {}, {}, {}",
        count(config.listeners.len(), "listener"),
        match &config.servers {
            crate::config::Servers::Open => "open to every server".to_owned(),
            crate::config::Servers::Passphrases(entries) => count(entries.len(), "passphrase"),
        },
        count(config.schemas.types.len(), "message type")
    )
}

fn judge(policy: &Policy, kind: &str, text: &str) -> ExitCode {
    if envelope::RESERVED_TYPES.contains(&kind) {
        println!("{kind} is a type of the relay's own, which peers cannot send to each other");
        return ExitCode::FAILURE;
    }
    match policy.check_message(kind, text) {
        MessageCheck::Passes => {
            println!("ok: the message meets the schema of {kind}");
            ExitCode::SUCCESS
        }
        MessageCheck::NoSchema => {
            println!("ok: {kind} has no schema, and types without one are allowed");
            ExitCode::SUCCESS
        }
        MessageCheck::Fails(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
        MessageCheck::Violates(violations) => {
            println!("the message does not meet the schema of {kind}:");
            for violation in violations {
                let path = match violation.path.as_str() {
                    "" => "(the message itself)",
                    path => path,
                };
                println!("  {path}: {} [{}]", violation.detail, violation.keyword);
            }
            ExitCode::FAILURE
        }
    }
}
