//! What is wrong with a configuration, where, and what to write instead.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::Location;

/// One thing to mend, displayed `FILE:LINE:COLUMN: what`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The configuration, or a file that it names.
    pub file: PathBuf,
    /// Where in it.
    pub at: Location,
    /// One plain sentence that never quotes a secret.
    pub text: String,
}

impl Problem {
    /// A problem at one place of a file.
    pub fn new(file: &Path, at: Location, text: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            at,
            text: text.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Location { line, column } = self.at;
        write!(f, "{}:{line}:{column}: {}", self.file.display(), self.text)
    }
}

/// All that is wrong with a configuration, a line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl Problems {
    /// These, in the order of the file.
    pub fn sorted(mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|a, b| (&a.file, a.at).cmp(&(&b.file, b.at)));
        Self(problems)
    }
}

/// The longest part of a wrong value that is shown, in characters.
const SHOWN: usize = 40;

/// Text of the file made fit to be shown in a line: escaped and cut short. A hash at the wrong place
/// is still a hash.
pub(super) fn shown(text: &str) -> String {
    if text.contains("$argon2") {
        return "…".to_owned();
    }
    let end = if text.chars().nth(SHOWN).is_some() {
        "…"
    } else {
        ""
    };
    let start: String = text.chars().take(SHOWN).collect();
    format!("{}{end}", escaped(&start))
}

/// Text in which nothing can pass for a line end or the like.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\'' => out.push(c),
            _ => out.extend(c.escape_debug()),
        }
    }
    out
}

/// A key as a problem names it. One with unusual characters is not repeated: `{ hash: $argon2id$… }`
/// without quotes ends at a comma, and what follows is read as keys, salt and digest among them.
pub(super) fn key(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./: ".contains(c);
    if text.chars().all(plain) {
        format!("key `{}`", shown(text))
    } else {
        "key".to_owned()
    }
}

/// `a`, `a or b`, `a, b or c`.
pub(super) fn either(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}
