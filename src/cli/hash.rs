//! `intercessor hash`: what goes into the configuration instead of a passphrase.

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use super::Failure;
use crate::passphrase::Hash;

/// Reads a passphrase, hidden where it is typed, and prints its hash.
pub fn run() -> Result<ExitCode, Failure> {
    let passphrase = if io::stdin().is_terminal() {
        typed()?
    } else {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map_err(Failure::new)?;
        strip_line_end(&line).to_owned()
    };
    if passphrase.is_empty() {
        return Err(Failure::new("the passphrase is empty"));
    }
    let hash = Hash::make(&passphrase).map_err(Failure::new)?;
    println!("{}", hash.as_str());
    Ok(ExitCode::SUCCESS)
}

fn typed() -> Result<String, Failure> {
    let passphrase = rpassword::prompt_password("Passphrase: ").map_err(Failure::new)?;
    let again = rpassword::prompt_password("Once more: ").map_err(Failure::new)?;
    if passphrase == again {
        Ok(passphrase)
    } else {
        Err(Failure::new("the two passphrases differ"))
    }
}

/// Without its line end, and nothing else: spaces may be meant.
pub fn strip_line_end(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_line_end_is_taken_away() {
        assert_eq!(strip_line_end(" a b \n"), " a b ");
        assert_eq!(strip_line_end("a\r\n"), "a");
        assert_eq!(strip_line_end("a"), "a");
    }
}
