//! `servers`: who may be a server.

use std::collections::HashMap;

use super::{Entry, Location, OnConflict, Servers, ids, section::Section, value::Value};
use crate::passphrase::Hash;

/// Exactly one of passphrases and `open: true`.
pub(super) fn read(s: &mut Section<'_>) -> Option<Servers> {
    let entries = s.optional("passphrases", entries);
    let open = s.optional("open", Value::boolean);
    if s.has("open") && open.is_none() {
        return None;
    }
    match (s.has("passphrases"), open == Some(true)) {
        (true, false) => entries.map(Servers::Passphrases),
        (false, true) => Some(Servers::Open),
        (true, true) => s.refuse("with `open: true` nobody needs one of the `passphrases`; keep one of the two keys"),
        (false, false) => s.refuse("`servers` does not say who may be one; write `passphrases`, or `open: true` for anyone"),
    }
}

fn entries(value: Value<'_>) -> Option<Vec<Entry>> {
    let mut names = HashMap::new();
    let whole = value.clone();
    let entries = value.list_of(|v| v.section(|s| entry(s, &mut names)).flatten())?;
    if entries.is_empty() {
        return whole
            .refuse("`passphrases` is an empty list, so nobody could be a server; add an entry");
    }
    Some(entries)
}

fn entry(s: &mut Section<'_>, names: &mut HashMap<String, Location>) -> Option<Entry> {
    let name = s.required("name", "front-door", |v| name(v, names));
    let hash = s.required("hash", "$argon2id$v=19$…", |v| {
        Hash::parse(v.clone().secret()?).map_or_else(|why| v.refuse(why), Some)
    });
    let id = s.optional("id", |v| v.parsed(ids::fixed));
    let on_conflict = s.or("on_conflict", OnConflict::Replace, |v| {
        v.choice(&[
            ("replace", OnConflict::Replace),
            ("reject", OnConflict::Reject),
        ])
    });
    if s.has("on_conflict") && !s.has("id") {
        s.warn("`on_conflict` does nothing without a fixed `id`");
    }
    Some(Entry {
        name: name?,
        hash: hash?,
        id,
        on_conflict,
    })
}

fn name(value: Value<'_>, names: &mut HashMap<String, Location>) -> Option<String> {
    let at = value.at();
    let name = value.clone().text()?;
    // `Basic name:passphrase` ends the name at a colon.
    if name.contains(':') || name.contains(char::is_control) || name.len() > 128 {
        return value.refuse_text("a name has at most 128 bytes and no colon");
    }
    if let Some(first) = names.insert(name.to_owned(), at) {
        return value.refuse_text(format!(
            "line {} has that name already; names are unique",
            first.line
        ));
    }
    Some(name.to_owned())
}
