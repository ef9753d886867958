//! Files that the configuration names, and JSON in them or in the configuration itself.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::de::IgnoredAny;

use super::{Location, Problem, Source, problem, shape::Kind, value::Value, yaml::Node};

impl Value<'_> {
    /// The path of a file that can be read.
    pub(super) fn file(self) -> Option<PathBuf> {
        let path = self.file_path()?;
        match fs::read(&path) {
            Ok(_) => Some(path),
            Err(error) => self.unreadable(&path, &error),
        }
    }

    /// A file of JSON, with its text.
    pub(super) fn json_file(self) -> Option<Source> {
        let path = self.file_path()?;
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => return self.unreadable(&path, &error),
        };
        if let Err(problem) = check_json(&path, &text) {
            self.reader().refuse_file(self.at(), problem);
            return None;
        }
        let at = self.at();
        Some(Source {
            file: Some(path),
            text,
            at,
        })
    }

    /// A file of JSON, or what `inline` makes of anything else.
    pub(super) fn json_file_or<T>(
        self,
        file: impl FnOnce(Source) -> T,
        inline: impl FnOnce(Self) -> Option<T>,
    ) -> Option<T> {
        self.may_be(|| Kind::Text);
        match self.node() {
            Node::Text(_) | Node::Filled(_) => self.json_file().map(file),
            _ => inline(self),
        }
    }

    /// JSON written in the configuration.
    pub(super) fn inline_json(self) -> Option<Source> {
        let at = self.at();
        let text = self.json()?;
        Some(Source {
            file: None,
            text,
            at,
        })
    }

    fn file_path(&self) -> Option<PathBuf> {
        let path = self.clone().text()?;
        // A key pasted here must not be told in a problem.
        if path.contains('\n') || path.contains("-----BEGIN") {
            return self.refuse("this wants the path of a file, not what is in it");
        }
        Some(self.reader().resolve(path))
    }

    fn unreadable<T>(&self, path: &Path, error: &io::Error) -> Option<T> {
        let path = problem::escaped(&path.to_string_lossy());
        self.refuse(format!("cannot read {path}: {error}"))
    }
}

/// A problem has its place in the JSON file itself.
fn check_json(path: &Path, text: &str) -> Result<(), Problem> {
    let Err(error) = serde_json::from_str::<IgnoredAny>(text) else {
        return Ok(());
    };
    let (line, column) = (error.line(), error.column());
    let whole = error.to_string();
    let place = format!(" at line {line} column {column}");
    let what = whole.strip_suffix(&place).unwrap_or(&whole);
    // At the end of a line the parser has not begun a column yet.
    let at = Location {
        line: line.max(1) as u64,
        column: column.max(1) as u64,
    };
    Err(Problem::new(path, at, format!("this is no JSON: {what}")))
}
