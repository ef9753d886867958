//! The JSON Schema of one message type: compiled once, then held against every message of that
//! type.

mod branches;
mod compile;
mod escape;
mod fast;
mod files;
mod message;
mod meter;
mod pattern;
mod references;
mod rewrite;
mod sentence;
mod text;
mod violation;

#[cfg(test)]
mod tests;

use std::{fmt, path::Path};

use jsonschema::Validator;
use serde_json::Value;

use self::meter::{Meter, Metered, MeteredJson};
pub use self::{
    compile::CompileError,
    message::{MessageError, checked, parse_message, read_message},
    violation::Violation,
};
use crate::json::Node;

/// Of the violations that a sender is told.
const MAX_VIOLATIONS: usize = 8;

/// Enough for any usual message, so that its size need not be known. See [`Meter::new`].
const USUAL_STEPS: u64 = 50_000;

/// For each value of an unusual message.
const STEPS_PER_VALUE: u64 = 200;

/// Enough for the violations that are told; those within the branches of an `anyOf` count too.
const MAX_ERRORS: u32 = 512;

/// A compiled schema. Cheap to share behind an `Arc`; a check allocates next to nothing.
pub struct Schema {
    validator: Validator<MeteredJson>,
    /// Says the same sooner, where there is one.
    fast: Option<Validator<MeteredJson>>,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schema")
            .field("draft", &self.validator.draft())
            .finish_non_exhaustive()
    }
}

impl Schema {
    /// Compiles `document`, in the dialect that its `$schema` names, else in 2020-12.
    ///
    /// `base` is the file that it was read from, or for one written in the configuration any path
    /// in the directory of that: references to other files are relative to it. Those are read here,
    /// at most 64 of at most 1 MiB each, and nothing else is: never the network. `formats` says
    /// whether `format` is asserted, in every dialect.
    ///
    /// # Errors
    /// Where the schema is not valid in its dialect, refers to what is not there, or has a regular
    /// expression that cannot be matched in linear time.
    pub fn compile(document: &Value, base: &Path, formats: bool) -> Result<Self, CompileError> {
        let (validator, fast) = compile::compile(document, base, formats)?;
        Ok(Self { validator, fast })
    }

    /// Whether `message` meets the schema.
    ///
    /// The time it takes is bounded by a multiple of the size of `message`; one that takes longer
    /// does not meet it.
    #[must_use]
    pub fn is_valid(&self, message: Node<'_>) -> bool {
        let first = self.fast.as_ref().unwrap_or(&self.validator);
        let (valid, meter) = check(first, message, USUAL_STEPS);
        if !meter.is_spent() {
            return valid;
        }
        // The two spend their steps in another order, so that what is too much is said by one of them.
        let (valid, meter) = check(&self.validator, message, steps_for(message));
        valid && !meter.is_spent()
    }

    /// What is wrong with `message`, at most 8 things; none if it is valid.
    ///
    /// It is dearer than [`Self::is_valid`], some milliseconds at worst for a usual message and
    /// schema, and bounded in the same way. So call it only for a message that is refused.
    #[must_use]
    pub fn explain(&self, message: Node<'_>) -> Vec<Violation> {
        let mut violations = self.violations(message, USUAL_STEPS);
        if !violations.is_empty() || self.is_valid(message) {
            return violations;
        }
        violations = self.violations(message, steps_for(message));
        if violations.is_empty() {
            let detail = "The message does not meet its schema; it is too large to say where.";
            violations.push(Violation::new("", "", detail));
        }
        violations
    }

    fn violations(&self, message: Node<'_>, steps: u64) -> Vec<Violation> {
        let meter = Meter::new(steps, MAX_ERRORS);
        let errors = self.validator.iter_errors(Metered::new(message, &meter));
        violation::collect(errors, MAX_VIOLATIONS)
    }
}

fn check(validator: &Validator<MeteredJson>, message: Node<'_>, steps: u64) -> (bool, Meter) {
    let meter = Meter::new(steps, MAX_ERRORS);
    let valid = validator.is_valid(Metered::new(message, &meter));
    (valid, meter)
}

fn steps_for(message: Node<'_>) -> u64 {
    let values = message.values() + message.text_bytes() / 64;
    (values as u64)
        .saturating_mul(STEPS_PER_VALUE)
        .max(USUAL_STEPS)
}
