//! Schemas of a configuration, compiled and tried on their samples.

use crate::{
    config::{Config, MessageType, Problem, Source},
    envelope,
    json::Tape,
    schema::{self, Schema},
};

/// Compiles the schema of a type.
pub(super) fn compile(config: &Config, source: &Source) -> Result<Schema, Problem> {
    let problem = |text: String| config.problem(source.at, text);
    let document =
        serde_json::from_str(&source.text).map_err(|error| problem(error.to_string()))?;
    let base = source.file.as_deref().unwrap_or(&config.path);
    Schema::compile(&document, base, config.schemas.formats).map_err(|error| {
        let of = source
            .file
            .as_ref()
            .map(|file| format!("{}: ", file.display()));
        problem(format!("{}{error}", of.unwrap_or_default()))
    })
}

/// Tries the samples of a type: the valid ones must pass, the invalid ones must not.
pub(super) fn try_all(
    config: &Config,
    kind: &MessageType,
    schema: &Schema,
) -> Result<(), Vec<Problem>> {
    let problem = |sample: &Source, text: String| {
        let name = match &sample.file {
            Some(file) => format!("the sample {}", file.display()),
            None => "this sample".to_owned(),
        };
        config.problem(sample.at, format!("{name} {text}"))
    };
    let valid = kind.valid.iter().filter_map(|sample| {
        let fault = fault(schema, &sample.text)?;
        Some(problem(
            sample,
            format!("should meet the schema of {}, but {fault}", kind.name),
        ))
    });
    let invalid = kind
        .invalid
        .iter()
        .filter(|sample| fault(schema, &sample.text).is_none())
        .map(|sample| {
            problem(
                sample,
                format!("should break the schema of {}, but meets it", kind.name),
            )
        });
    let problems: Vec<_> = valid.chain(invalid).collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// Why a message would be refused, if it would.
fn fault(schema: &Schema, text: &str) -> Option<String> {
    if let Err(fault) = envelope::check_message(text.trim()) {
        return Some(fault.into_owned());
    }
    let mut tape = Tape::default();
    let message = match schema::read_message(text, &mut tape) {
        Ok(message) => message,
        Err(error) => return Some(error.to_string()),
    };
    if schema.is_valid(message) {
        return None;
    }
    let first = schema.explain(message).into_iter().next()?;
    let path = match first.path.as_str() {
        "" => "it".to_owned(),
        path => path.to_owned(),
    };
    Some(format!("{path}: {}", first.detail))
}
