//! From the document of a schema to a validator, and from what is wrong with it to a sentence.

use std::{fmt, path::Path, sync::LazyLock};

use jsonschema::{
    Draft, PatternOptions, ReferencingError, ValidationError, Validator, error::ValidationErrorKind,
};
use serde_json::Value;
use url::Url;

use super::{
    fast,
    files::{Document, Files},
    meter::MeteredJson,
    references::{self, Reference},
    text, violation,
};

/// Deeper than any schema that people write; compiling takes stack with every level.
const MAX_LEVELS: usize = 128;

/// Of named groups in the `format` `regex`; more than that is no regular expression that a peer
/// would send.
const MAX_GROUPS: usize = 200;

/// Of a place or a name in a sentence.
const PLACE_BYTES: usize = 200;

const DIALECTS: &str = "https://json-schema.org/draft/2020-12/schema, \
    https://json-schema.org/draft/2019-09/schema, http://json-schema.org/draft-07/schema#, \
    http://json-schema.org/draft-06/schema# and http://json-schema.org/draft-04/schema#";

/// Why a schema is of no use: one plain sentence that says what is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileError(String);

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CompileError {}

/// Compiles `document`, which lies at `base`, and once more for verdicts alone where that is faster.
pub(super) fn compile(
    document: &Value,
    base: &Path,
    formats: bool,
) -> Result<(Validator<MeteredJson>, Option<Validator<MeteredJson>>), CompileError> {
    let draft = dialect(document, Draft::default())?;
    if levels(document) > MAX_LEVELS {
        return Err(CompileError(format!(
            "the schema is nested more than {MAX_LEVELS} levels deep; move parts of it to \"$defs\""
        )));
    }
    let root = root(document, base)?;
    let files = Files::new(&root, draft);
    let options = jsonschema::options_for::<MeteredJson>()
        .with_base_uri(root.url.as_str())
        // The other engine backtracks: one message could hold up a thread for as long as its
        // pattern lets it.
        .with_pattern_options(PatternOptions::regex())
        .should_validate_formats(formats)
        .with_format("regex", is_regex);
    let validator = options
        .clone()
        .with_retriever(files.clone())
        .build(document)
        .map_err(|error| explain(&error, &root, &files))?;
    Ok((validator, fast::build(options, document, files.documents())))
}

/// The dialect that `document` says it is written in, or else `default`.
///
/// # Errors
/// Where it, or a schema embedded in it, names a dialect that is not one of the five, and where it
/// is no schema at all.
pub(super) fn dialect(document: &Value, default: Draft) -> Result<Draft, CompileError> {
    if !document.is_object() && !document.is_boolean() {
        return Err(CompileError(
            "a schema is an object, or true or false".to_owned(),
        ));
    }
    let draft = own_dialect(document, default)?;
    let mut rest = vec![(document, draft)];
    while let Some((schema, outer)) = rest.pop() {
        let draft = own_dialect(schema, outer)?;
        rest.extend(draft.subresources_of(schema).map(|below| (below, draft)));
    }
    Ok(draft)
}

fn own_dialect(schema: &Value, outer: Draft) -> Result<Draft, CompileError> {
    let Some(uri) = schema.get("$schema") else {
        return Ok(outer);
    };
    match uri.as_str().map(Draft::from_schema_uri) {
        Some(Draft::Unknown) | None => Err(CompileError(format!(
            "\"$schema\": {} is not a dialect that is known here; leave it out, or write one of \
             {DIALECTS}",
            text::quote(uri, PLACE_BYTES)
        ))),
        Some(draft) => Ok(draft),
    }
}

/// Checks that `document` is a schema of the dialect `draft`.
pub(super) fn check_against_metaschema(document: &Value, draft: Draft) -> Result<(), CompileError> {
    let checked = match draft {
        Draft::Draft4 => jsonschema::draft4::meta::validate(document),
        Draft::Draft6 => jsonschema::draft6::meta::validate(document),
        Draft::Draft7 => jsonschema::draft7::meta::validate(document),
        Draft::Draft201909 => jsonschema::draft201909::meta::validate(document),
        _ => jsonschema::draft202012::meta::validate(document),
    };
    checked.map_err(|error| CompileError(describe(&error)))
}

fn levels(value: &Value) -> usize {
    let mut deepest = 0;
    let mut rest = vec![(value, 1)];
    while let Some((value, level)) = rest.pop() {
        deepest = deepest.max(level);
        match value {
            Value::Array(items) => rest.extend(items.iter().map(|item| (item, level + 1))),
            Value::Object(members) => {
                rest.extend(members.values().map(|member| (member, level + 1)))
            }
            _ => {}
        }
    }
    deepest
}

fn root(document: &Value, base: &Path) -> Result<Document, CompileError> {
    let path = std::path::absolute(base).map_err(|error| {
        CompileError(format!(
            "{} is no place for a schema: {error}",
            base.display()
        ))
    })?;
    let url = Url::from_file_path(&path)
        .map_err(|()| CompileError(format!("{} is no place for a schema", path.display())))?;
    Ok(Document {
        url,
        path,
        contents: document.clone(),
    })
}

fn explain(error: &ValidationError<'_>, root: &Document, files: &Files) -> CompileError {
    let mut documents = files.documents();
    documents.insert(0, root.clone());
    let file = |document: &Document| {
        if document.url == root.url {
            String::new()
        } else {
            format!("the file {}: ", document.path.display())
        }
    };
    let ValidationErrorKind::Referencing(problem) = error.kind() else {
        let file = holder(error, &documents).map(file).unwrap_or_default();
        return CompileError(format!("{file}{}", describe(error)));
    };
    let found = documents.iter().find_map(|document| {
        let reference = references::find(document, |reference| is_culprit(reference, problem))?;
        Some(format!(
            "{}at {}: {}",
            file(document),
            text::place(&reference.pointer, PLACE_BYTES),
            text::quote_str(&reference.text, PLACE_BYTES)
        ))
    });
    let reference = found.as_deref().unwrap_or("a reference");
    CompileError(format!("{reference} {}", unresolved(problem)))
}

/// The document that `error` is about. It tells the place within it, and what stands there, but not
/// the document.
fn holder<'a>(error: &ValidationError<'_>, documents: &'a [Document]) -> Option<&'a Document> {
    let at_place =
        |document: &'a Document| document.contents.pointer(error.instance_path().as_str());
    let same = documents
        .iter()
        .find(|document| at_place(document) == Some(error.instance()));
    same.or_else(|| {
        documents
            .iter()
            .find(|document| at_place(document).is_some())
    })
}

fn is_culprit(reference: &Reference, problem: &ReferencingError) -> bool {
    match problem {
        ReferencingError::Unretrievable { uri, .. } => {
            let wanted = uri.split('#').next();
            reference
                .url
                .as_ref()
                .is_some_and(|url| url.as_str().split('#').next() == wanted)
        }
        ReferencingError::PointerToNowhere { pointer }
        | ReferencingError::InvalidPercentEncoding { pointer, .. }
        | ReferencingError::InvalidArrayIndex { pointer, .. } => reference.fragment_is(pointer),
        ReferencingError::NoSuchAnchor { anchor } | ReferencingError::InvalidAnchor { anchor } => {
            reference.fragment_is(anchor)
        }
        other => other.to_string().contains(&format!("'{}'", reference.text)),
    }
}

fn unresolved(problem: &ReferencingError) -> String {
    match problem {
        // Only those of the schema's own dialect are at hand.
        ReferencingError::Unretrievable { uri, .. }
            if Draft::from_schema_uri(uri) != Draft::Unknown =>
        {
            "is the metaschema of another dialect; give this schema the same \"$schema\"".to_owned()
        }
        ReferencingError::Unretrievable { source, .. } => format!("cannot be followed: {source}"),
        ReferencingError::PointerToNowhere { .. } => {
            "points to a place that is not there".to_owned()
        }
        ReferencingError::NoSuchAnchor { .. } | ReferencingError::InvalidAnchor { .. } => {
            "names an anchor that is not there".to_owned()
        }
        other => format!("cannot be followed: {other}"),
    }
}

/// What is wrong with the schema at the place of `error`.
fn describe(error: &ValidationError<'_>) -> String {
    let place = text::place(error.instance_path().as_str(), PLACE_BYTES);
    match error.kind() {
        ValidationErrorKind::Format { format } if format == "regex" => {
            format!("at {place}: {}", unusable_pattern(error))
        }
        ValidationErrorKind::Custom { message, .. } => {
            format!("at {place}: {}", text::cut(message, PLACE_BYTES))
        }
        _ => match violation::first(error) {
            Some(found) => format!(
                "at {}: {}",
                text::place(&found.path, PLACE_BYTES),
                found.detail
            ),
            None => format!("at {place}: this is not valid in a schema"),
        },
    }
}

fn unusable_pattern(error: &ValidationError<'_>) -> &'static str {
    let is_regex = match error.instance().as_str() {
        Some(pattern) => is_regex(pattern),
        // A pattern that is the name of a member, as in `patternProperties`.
        None => is_regex(&text::last_segment(error.instance_path().as_str())),
    };
    if is_regex {
        "this regular expression is too large, or cannot be matched in linear time; write it \
         without look-around and back-references"
    } else {
        "this is not a regular expression; mind that a backslash is written twice in JSON"
    }
}

/// Whether `text` has the syntax of a regular expression, as `format` has it.
fn is_regex(text: &str) -> bool {
    static REGEX: LazyLock<Option<Validator>> = LazyLock::new(|| {
        let schema = serde_json::json!({ "format": "regex" });
        jsonschema::options()
            .should_validate_formats(true)
            .build(&schema)
            .ok()
    });
    // The check compares the names of all groups with each other.
    text.matches("(?<").count() <= MAX_GROUPS
        && REGEX
            .as_ref()
            .is_some_and(|regex| regex.is_valid(&Value::from(text)))
}
