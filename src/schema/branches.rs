//! What to say where no branch of an `anyOf` or `oneOf` fits: if one is clearly meant, what is
//! wrong with it.

use std::collections::HashSet;

use jsonschema::{ValidationError, error::ValidationErrorKind};

use super::{
    sentence,
    text::{list, quote},
    violation::{self, Violation},
};

/// Of the names or values of all branches in a sentence.
const LIST_BYTES: usize = 160;

/// Of the violations of the branch that fits best.
const MAX_OF_BRANCH: usize = 3;

/// Behind a sentence about the branch that is nearest.
const REMARK: &str = " (This is the nearest of several alternatives.)";

/// How far a branch is from what was sent; the less the nearer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Distance {
    /// The value could be meant for this branch.
    Meant(usize),
    /// A member, such as a `type`, says that it is meant for another one.
    Marked,
    /// The value itself is of another type, or another constant.
    Other,
}

/// The errors of one branch.
type Branch = Vec<ValidationError<'static>>;

/// The violations where none of the branches whose errors are in `context` fits.
pub(super) fn tell(error: &ValidationError<'_>, context: &[Branch]) -> Vec<Violation> {
    let path = error.instance_path().as_str();
    let keyword = error.kind().keyword();
    // Where the meter ran out in the middle, something is known of the first branches only.
    let known: Vec<&Branch> = context
        .iter()
        .filter(|branch| branch.iter().any(violation::is_known))
        .collect();
    if let [only] = known[..] {
        let remark = if context.len() == 1 { "" } else { REMARK };
        return within(only, remark);
    }
    if known.len() == context.len()
        && let Some((path, detail)) = shared(&known)
    {
        return vec![Violation::new(path, keyword, &detail)];
    }
    if let Some(branch) = nearest(path, &known) {
        return within(branch, REMARK);
    }
    vec![violation::plain(error)]
}

/// The violations of one branch, each with `remark` behind it.
fn within(branch: &Branch, remark: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    for error in branch.iter().filter(|error| violation::is_known(error)) {
        violation::add(error, MAX_OF_BRANCH, &mut found);
    }
    // The branches of a branch have said so themselves.
    for violation in found
        .iter_mut()
        .filter(|violation| !violation.detail.ends_with(REMARK))
    {
        *violation = Violation::new(
            &violation.path,
            &violation.keyword,
            &format!("{}{remark}", violation.detail),
        );
    }
    found
}

/// The one branch that is nearer than all others, if it is near at all.
fn nearest<'a>(path: &str, branches: &[&'a Branch]) -> Option<&'a Branch> {
    let mut distances: Vec<_> = branches
        .iter()
        .map(|branch| (distance(path, branch), *branch))
        .collect();
    distances.sort_by_key(|(distance, _)| *distance);
    let (nearest, branch) = distances.first()?;
    let (next, _) = distances.get(1)?;
    (nearest < next && *nearest != Distance::Other).then_some(branch)
}

fn distance(path: &str, branch: &Branch) -> Distance {
    let marks = |error: &ValidationError<'_>| {
        use ValidationErrorKind as Kind;
        matches!(error.kind(), Kind::Constant { .. } | Kind::Enum { .. })
    };
    let is_other = |error: &ValidationError<'_>| {
        error.instance_path().as_str() == path
            && (marks(error) || matches!(error.kind(), ValidationErrorKind::Type { .. }))
    };
    let is_marked = |error: &ValidationError<'_>| {
        let below = error
            .instance_path()
            .as_str()
            .strip_prefix(path)
            .unwrap_or_default();
        marks(error) && below.matches('/').count() == 1
    };
    if branch.iter().any(is_other) {
        Distance::Other
    } else if branch.iter().any(is_marked) {
        Distance::Marked
    } else {
        Distance::Meant(branch.len())
    }
}

/// What all branches ask for together, where each asks for something of the same kind at the same
/// place.
fn shared<'a>(branches: &[&'a Branch]) -> Option<(&'a str, String)> {
    let first = branches.first()?;
    first.iter().find_map(|candidate| {
        let place = candidate.instance_path().as_str();
        if let Some(all) = asked(branches, place, allowed) {
            return Some((place, format!("This must be {all}.")));
        }
        let all = asked(branches, place, only_missing)?;
        Some((place, format!("One of these members must be there: {all}.")))
    })
}

/// What each of `branches` asks for at `place`, by `ask`; `None` if one asks for nothing.
fn asked(
    branches: &[&Branch],
    place: &str,
    ask: fn(&Branch, &ValidationError<'_>) -> Option<Vec<String>>,
) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    for branch in branches {
        let mut at_place = branch
            .iter()
            .filter(|error| error.instance_path().as_str() == place);
        let asked = at_place.find_map(|error| ask(branch, error))?;
        parts.extend(asked);
    }
    let mut told = HashSet::new();
    parts.retain(|part| told.insert(part.clone()));
    Some(list(parts, " or ", LIST_BYTES))
}

/// The types or values that a branch allows.
fn allowed(_: &Branch, error: &ValidationError<'_>) -> Option<Vec<String>> {
    match error.kind() {
        ValidationErrorKind::Type { kind } => Some(sentence::types(kind)),
        ValidationErrorKind::Constant { expected_value } => {
            Some(vec![quote(expected_value, LIST_BYTES / 2)])
        }
        ValidationErrorKind::Enum { options } => Some(sentence::values(options)),
        _ => None,
    }
}

/// The member that alone is missing.
fn only_missing(branch: &Branch, error: &ValidationError<'_>) -> Option<Vec<String>> {
    match (branch.as_slice(), error.kind()) {
        ([_], ValidationErrorKind::Required { property }) => {
            Some(vec![quote(property, LIST_BYTES / 2)])
        }
        _ => None,
    }
}
