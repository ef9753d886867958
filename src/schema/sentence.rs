//! One sentence for each way in which a value may not meet its schema.

use std::borrow::Cow;

use jsonschema::{
    JsonType, ValidationError,
    error::{TypeKind, ValidationErrorKind},
};
use serde_json::{Map, Value};

use super::text::{list, quote, quote_str};

/// Of one value of a schema in a sentence.
const VALUE_BYTES: usize = 160;

/// The keyword that `error` is about.
pub(super) fn keyword<'a>(error: &'a ValidationError<'_>) -> &'a str {
    match error.kind() {
        ValidationErrorKind::FalseSchema => no_member(error).unwrap_or("false"),
        // One kind of error stands for several keywords, which only the path into the schema tells
        // apart.
        ValidationErrorKind::Required { .. } => {
            last_of(error, &["required", "dependentRequired", "dependencies"])
        }
        ValidationErrorKind::Contains => {
            last_of(error, &["contains", "minContains", "maxContains"])
        }
        kind => kind.keyword(),
    }
}

/// The keyword by which a `false` for all members is told as an error of their object.
fn no_member(error: &ValidationError<'_>) -> Option<&'static str> {
    let mut steps = error.schema_path().as_str().rsplit('/');
    let keyword = ["additionalProperties", "propertyNames"]
        .into_iter()
        .find(|keyword| steps.clone().next() == Some(keyword))?;
    // Below `properties` it is the name of a member.
    (steps.nth(1) != Some("properties")).then_some(keyword)
}

fn last_of<'a>(error: &ValidationError<'_>, keywords: &[&'a str]) -> &'a str {
    let mut steps = error.schema_path().as_str().rsplit('/');
    // A keyword with members is followed by the name of one.
    let found = steps
        .by_ref()
        .take(2)
        .find_map(|step| keywords.iter().find(|keyword| **keyword == step));
    found.or(keywords.first()).copied().unwrap_or_default()
}

/// What is wrong with the value that `error` is about, which the sentence calls `subject`.
pub(super) fn of(error: &ValidationError<'_>, subject: &str) -> String {
    use ValidationErrorKind as Kind;
    let must = |what: &str| format!("{subject} must {what}.");
    match error.kind() {
        Kind::Type { kind } => must(&format!("be {}", list(types(kind), " or ", VALUE_BYTES))),
        Kind::Constant { expected_value } => {
            must(&format!("be {}", quote(expected_value, VALUE_BYTES)))
        }
        Kind::Enum { options } => match values(options) {
            values if values.is_empty() => nothing(subject),
            values => must(&format!("be {}", list(values, " or ", VALUE_BYTES))),
        },
        Kind::Required { property } => missing(error, property),
        Kind::Format { format } => must(&format!("be {}", format_name(format))),
        Kind::Pattern { pattern } => must(&format!(
            "match the regular expression {}",
            quote_str(pattern, VALUE_BYTES)
        )),
        Kind::MultipleOf { multiple_of } => must(&format!("be a multiple of {multiple_of}")),
        Kind::UniqueItems => "No two items of this array may be equal.".to_owned(),
        Kind::Contains => contains(keyword(error)).to_owned(),
        Kind::FalseSchema if no_member(error).is_some() => {
            "The schema does not allow any member in this object.".to_owned()
        }
        Kind::FalseSchema => nothing(subject),
        Kind::Not { schema } if allows_all(schema) => nothing(subject),
        Kind::Not { schema } => must(&format!("not match {}", quote(schema, VALUE_BYTES))),
        Kind::AdditionalItems { limit } => counted("This array", *limit as u64, "item", "more"),
        Kind::UnevaluatedItems { .. } => {
            "This array has items for which the schema has no place.".to_owned()
        }
        Kind::ContentEncoding { content_encoding } => must(&format!(
            "be encoded as {}",
            quote_str(content_encoding, VALUE_BYTES)
        )),
        Kind::ContentMediaType { content_media_type } => must(&format!(
            "hold a text of the type {}",
            quote_str(content_media_type, VALUE_BYTES)
        )),
        Kind::FromUtf8 { .. } => must("hold text in UTF-8"),
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            format!(
                "{subject} fits none of the {} alternatives that the schema has for it.",
                context.len()
            )
        }
        Kind::OneOfMultipleValid { context } => many(context, subject),
        kind => {
            bound(kind, subject).unwrap_or_else(|| format!("{subject} does not meet the schema."))
        }
    }
}

fn nothing(subject: &str) -> String {
    format!("{subject} must not be there: the schema allows no value here.")
}

fn allows_all(schema: &Value) -> bool {
    *schema == Value::Bool(true) || schema.as_object().is_some_and(Map::is_empty)
}

fn bound(kind: &ValidationErrorKind, subject: &str) -> Option<String> {
    use ValidationErrorKind as Kind;
    let must = |what: &str, limit: &Value| {
        Some(format!(
            "{subject} must be {what} {}.",
            quote(limit, VALUE_BYTES)
        ))
    };
    match kind {
        Kind::Minimum { limit } => must("at least", limit),
        Kind::Maximum { limit } => must("at most", limit),
        Kind::ExclusiveMinimum { limit } => must("more than", limit),
        Kind::ExclusiveMaximum { limit } => must("less than", limit),
        Kind::MinLength { limit } => Some(counted(subject, *limit, "character", "fewer")),
        Kind::MaxLength { limit } => Some(counted(subject, *limit, "character", "more")),
        Kind::MinItems { limit } => Some(counted("This array", *limit, "item", "fewer")),
        Kind::MaxItems { limit } => Some(counted("This array", *limit, "item", "more")),
        Kind::MinProperties { limit } => Some(counted("This object", *limit, "member", "fewer")),
        Kind::MaxProperties { limit } => Some(counted("This object", *limit, "member", "more")),
        _ => None,
    }
}

/// Where a `oneOf` has several branches that fit; these have no errors.
fn many(context: &[Vec<ValidationError<'static>>], subject: &str) -> String {
    let fits = context
        .iter()
        .enumerate()
        .filter(|(_, branch)| branch.is_empty());
    let which = list(
        fits.map(|(index, _)| (index + 1).to_string()),
        " and ",
        VALUE_BYTES,
    );
    let count = context.len();
    format!(
        "{subject} must fit exactly one of the {count} alternatives of the schema, but fits \
         several: {which}."
    )
}

fn counted(subject: &str, limit: u64, what: &str, than: &str) -> String {
    let bound = if than == "more" {
        "at most"
    } else {
        "at least"
    };
    let plural = if limit == 1 { "" } else { "s" };
    format!("{subject} must have {bound} {limit} {what}{plural}.")
}

fn contains(keyword: &str) -> &'static str {
    match keyword {
        "minContains" => {
            "Too few items of this array match what the schema says they must contain."
        }
        "maxContains" => {
            "Too many items of this array match what the schema says they may contain."
        }
        _ => "No item of this array matches what the schema says it must contain.",
    }
}

fn missing(error: &ValidationError<'_>, property: &Value) -> String {
    let name = quote(property, VALUE_BYTES);
    match keyword(error) {
        "required" => format!("The member {name} is missing."),
        _ => format!("The member {name} is missing; another member of this object asks for it."),
    }
}

/// The allowed values of an `enum`.
pub(super) fn values(options: &Value) -> Vec<String> {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    options
        .iter()
        .map(|value| quote(value, VALUE_BYTES / 2))
        .collect()
}

/// The names of JSON types, with their article.
pub(super) fn types(kind: &TypeKind) -> Vec<String> {
    let names: Vec<JsonType> = match kind {
        TypeKind::Single(name) => vec![*name],
        TypeKind::Multiple(names) => names.iter().collect(),
    };
    names
        .into_iter()
        .map(|name| type_name(name).to_owned())
        .collect()
}

fn type_name(name: JsonType) -> &'static str {
    match name {
        JsonType::Array => "an array",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "an integer",
        JsonType::Null => "null",
        JsonType::Number => "a number",
        JsonType::Object => "an object",
        JsonType::String => "a string",
    }
}

fn format_name(format: &str) -> Cow<'static, str> {
    Cow::Borrowed(match format {
        "date-time" => "a date and time such as 2026-01-31T12:00:00Z",
        "date" => "a date such as 2026-01-31",
        "time" => "a time with its offset, such as 12:00:00Z",
        "duration" => "a duration such as P3DT12H",
        "email" | "idn-email" => "an e-mail address",
        "hostname" | "idn-hostname" => "a host name",
        "ipv4" => "an IPv4 address such as 192.0.2.1",
        "ipv6" => "an IPv6 address such as 2001:db8::1",
        "uri" | "iri" => "an absolute URI such as https://relay.example/path",
        "uri-reference" | "iri-reference" => "a URI or a relative reference",
        "uri-template" => "a URI template such as /rooms/{id}",
        "uuid" => "a UUID such as 2eb8aa08-aa98-11ea-b4aa-73b441d16380",
        "json-pointer" => "a JSON pointer such as /a/0",
        "relative-json-pointer" => "a relative JSON pointer such as 1/a",
        "regex" => "a regular expression",
        other => return Cow::Owned(format!("of the format {}", quote_str(other, VALUE_BYTES))),
    })
}
