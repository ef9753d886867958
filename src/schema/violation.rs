//! What is told to the sender of a message that does not meet its schema.

use jsonschema::{ValidationError, error::ValidationErrorKind};
use serde::Serialize;
use serde_json::Value;

use super::{branches, meter, sentence, text};

/// Of a path.
const PATH_BYTES: usize = 512;

/// Of a sentence.
const DETAIL_BYTES: usize = 300;

/// One thing to mend in a message.
///
/// `path` alone may hold what the sender chose, namely names of members: it has to point at the
/// member that is too much, and as a string of JSON, bounded, it goes only to the sender. `detail`
/// is made of the schema alone, so that it is as safe as the schema is, in a log or on a terminal
/// too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// A JSON pointer into the message, at most 512 bytes; a longer one is cut to that of a value
    /// around the place.
    pub path: String,
    /// The keyword of the schema that is not met, or `false` where the schema allows nothing at
    /// all.
    pub keyword: String,
    /// One plain sentence that says what to mend, at most 300 bytes. It tells no value of the
    /// message.
    pub detail: String,
}

impl Violation {
    pub(super) fn new(path: &str, keyword: &str, detail: &str) -> Self {
        let shown = text::cut_pointer(path, PATH_BYTES);
        let detail = if shown.len() == path.len() {
            text::cut(detail, DETAIL_BYTES)
        } else {
            text::cut(
                &format!("At a place below, whose path is too long to tell: {detail}"),
                DETAIL_BYTES,
            )
            .into_owned()
            .into()
        };
        Self {
            path: shown.to_owned(),
            keyword: keyword.to_owned(),
            detail: detail.into_owned(),
        }
    }
}

/// The violations of `errors`, without repetitions, at most `max`.
pub(super) fn collect<'a>(
    errors: impl IntoIterator<Item = ValidationError<'a>>,
    max: usize,
) -> Vec<Violation> {
    let mut found = Vec::new();
    for error in errors {
        if is_known(&error) {
            add(&error, max, &mut found);
        }
        if found.len() >= max {
            break;
        }
    }
    found
}

/// The first violation of `error`.
pub(super) fn first(error: &ValidationError<'_>) -> Option<Violation> {
    let mut found = Vec::new();
    add(error, 1, &mut found);
    found.pop()
}

/// Whether `error` is really one: an error that was made when the meter had run out may come from
/// that alone.
pub(super) fn is_known(error: &ValidationError<'_>) -> bool {
    if meter::was_found_in_time(error.instance()) {
        return true;
    }
    match error.kind() {
        // A branch is looked into only once it is known that none fits.
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            context.iter().flatten().any(is_known)
        }
        // Each of these was found before the error was made.
        ValidationErrorKind::UnevaluatedItems { unexpected } => unexpected
            .first()
            .is_some_and(|item| item != &Value::Null.to_string()),
        _ => false,
    }
}

/// Adds the violations of `error`, as long as there are fewer than `max`.
pub(super) fn add(error: &ValidationError<'_>, max: usize, found: &mut Vec<Violation>) {
    let mut push = |violation: Violation| {
        if found.len() < max && !found.contains(&violation) {
            found.push(violation);
        }
    };
    let path = error.instance_path().as_str();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            for name in unexpected.iter().take(max) {
                let detail = "The schema does not allow this member.";
                push(Violation::new(
                    &member(path, name),
                    error.kind().keyword(),
                    detail,
                ));
            }
        }
        ValidationErrorKind::PropertyNames { error: inner } => {
            let name = inner.instance().as_str().unwrap_or_default();
            let detail = sentence::of(inner, "The name of this member");
            push(Violation::new(
                &member(path, name),
                "propertyNames",
                &detail,
            ));
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            for violation in branches::tell(error, context) {
                push(violation);
            }
        }
        _ => push(plain(error)),
    }
}

/// The violation of an error that is about one place.
pub(super) fn plain(error: &ValidationError<'_>) -> Violation {
    let path = error.instance_path().as_str();
    Violation::new(path, sentence::keyword(error), &sentence::of(error, "This"))
}

fn member(path: &str, name: &str) -> String {
    let mut path = path.to_owned();
    text::push_segment(&mut path, name);
    path
}
