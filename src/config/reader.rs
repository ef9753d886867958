//! One reading of a configuration: where problems and warnings gather.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
};

use super::{Location, Problem};

/// Shared by everything that reads a part of one file.
pub(super) struct Reader<'a> {
    file: &'a Path,
    /// With the place in the configuration, by which they are told in order.
    problems: RefCell<Vec<(Location, Problem)>>,
    warnings: RefCell<Vec<Problem>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a Path) -> Self {
        Self {
            file,
            problems: RefCell::default(),
            warnings: RefCell::default(),
        }
    }

    pub(super) fn refuse(&self, at: Location, text: impl Into<String>) {
        self.refuse_file(at, Problem::new(self.file, at, text));
    }

    /// A problem in a file that the configuration names at `at`.
    pub(super) fn refuse_file(&self, at: Location, problem: Problem) {
        self.problems.borrow_mut().push((at, problem));
    }

    pub(super) fn warn(&self, at: Location, text: impl Into<String>) {
        let warning = Problem::new(self.file, at, text);
        self.warnings.borrow_mut().push(warning);
    }

    /// A path that stands in the file.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(path)
    }

    /// Everything that was found, in the order of the file.
    pub(super) fn finish(self) -> Findings {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|(at, _)| *at);
        Findings {
            problems: problems.into_iter().map(|(_, problem)| problem).collect(),
            warnings: self.warnings.into_inner(),
        }
    }
}

/// What a reading has found beside the configuration itself.
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}
