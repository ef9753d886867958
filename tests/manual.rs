//! The manual says what is true: its keys, defaults, types and codes are those of the code.
#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "a test that panics has failed"
)]

use std::{collections::BTreeSet, fs, path::Path};

use intercessor::{
    config::Config, envelope::RESERVED_TYPES, outbox::Close, policy::Code,
    transport::admission::route,
};
use serde_json::Value;

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("man").join(name);
    fs::read_to_string(path).expect("readable")
}

/// The lines between a heading and the next one of its kind.
fn section<'a>(page: &'a str, heading: &str) -> Vec<&'a str> {
    let (kind, _) = heading.split_once(' ').expect("a macro and a title");
    let lines = page.lines().skip_while(|line| *line != heading).skip(1);
    let lines: Vec<_> = lines.take_while(|line| !line.starts_with(kind)).collect();
    assert!(!lines.is_empty(), "{heading}");
    lines
}

/// What the items of a list in these lines are called, by the macro that marks them.
fn items(lines: &[&str], mark: &str) -> BTreeSet<String> {
    let start = format!(".It {mark} ");
    let names = lines.iter().filter_map(|line| line.strip_prefix(&start));
    names.map(str::to_owned).collect()
}

fn set<T: ToString>(names: impl IntoIterator<Item = T>) -> BTreeSet<String> {
    names.into_iter().map(|it| it.to_string()).collect()
}

#[test]
fn the_protocol_names_every_close_code() {
    let page = page("intercessor-protocol.7");
    let codes = items(&section(&page, ".Sh CLOSE CODES"), "Li");
    assert_eq!(codes, set(Close::CODES));
}

#[test]
fn the_protocol_names_every_error_code_in_their_order() {
    let page = page("intercessor-protocol.7");
    let named = section(&page, ".Sh ERROR CODES");
    let named = named.iter().filter_map(|line| line.strip_prefix(".It Dv "));
    let codes: Vec<_> = named.collect();
    assert_eq!(codes, Code::ALL.map(Code::as_str));
}

#[test]
fn the_protocol_names_every_type_of_the_relay() {
    let page = page("intercessor-protocol.7");
    let mut types = items(&section(&page, ".Sh WHAT THE RELAY SAYS"), "Dv");
    let said = section(&page, ".Sh WHAT A PEER MAY SAY TO THE RELAY");
    types.extend(items(&said, "Dv"));
    assert_eq!(types, set(RESERVED_TYPES));
}

#[test]
fn the_protocol_names_paths_that_lead_somewhere() {
    let page = page("intercessor-protocol.7");
    let paths = items(&section(&page, ".Sh ENDPOINTS"), "Pa");
    assert_eq!(paths.len(), 3);
    for path in paths {
        let path = path.replace(" Ns Ar ", "");
        assert!(route(&path).is_some(), "{path}");
    }
}

/// What the page of the configuration says of one key.
struct Entry<'a> {
    key: &'a str,
    /// The line with the key and what it takes.
    takes: &'a str,
    text: Vec<&'a str>,
}

impl Entry<'_> {
    fn default(&self) -> Option<&str> {
        let at = self.text.iter().position(|line| *line == "Default:")?;
        let default = self.text[at + 1].strip_prefix(".Cm ");
        Some(default.expect("a default").trim_end_matches(" ."))
    }

    fn is_required(&self) -> bool {
        self.text.first() == Some(&"Required.")
    }
}

fn entries(page: &str) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut within = false;
    for line in page.lines() {
        if let Some(item) = line.strip_prefix(".It Cm ")
            && let Some((key, takes)) = item.split_once(" : ")
        {
            let text = Vec::new();
            entries.push(Entry { key, takes, text });
            within = true;
        } else if line == ".El" || line.starts_with(".It ") {
            within = false;
        } else if let Some(entry) = entries.last_mut().filter(|_| within) {
            entry.text.push(line);
        }
    }
    entries
}

/// What the schema says of a key, and whether the mapping around it requires it.
fn described<'a>(schema: &'a Value, key: &str) -> (&'a Value, bool) {
    key.split('.').fold((schema, false), |(schema, _), key| {
        let around = alternatives(schema).into_iter().find_map(|it| match key {
            "*" => it.get("additionalProperties").map(|found| (it, found)),
            key => it["properties"].get(key).map(|found| (it, found)),
        });
        let (around, found) = around.unwrap_or_else(|| panic!("no {key} in {schema}"));
        let required = around["required"].as_array();
        (
            found,
            required.is_some_and(|it| it.contains(&Value::from(key))),
        )
    })
}

/// The ways in which a schema can be met, and those of the items where it is a list.
fn alternatives(schema: &Value) -> Vec<&Value> {
    let ways = match schema["anyOf"].as_array() {
        Some(ways) => ways.iter().collect(),
        None => vec![schema],
    };
    let items = ways.iter().filter_map(|it| it.get("items"));
    let items: Vec<_> = items.flat_map(alternatives).collect();
    ways.into_iter().chain(items).collect()
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[test]
fn the_configuration_names_every_key_once() {
    let page = page("intercessor.yaml.5");
    let named: Vec<_> = entries(&page).iter().map(|it| it.key.to_owned()).collect();
    assert_eq!(set(&named), Config::keys());
    assert_eq!(named.len(), Config::keys().len());
}

#[test]
fn the_configuration_tells_the_defaults_of_the_code() {
    let (page, schema) = (page("intercessor.yaml.5"), Config::schema());
    for entry in entries(&page) {
        let (described, required) = described(&schema, entry.key);
        let (told, is) = (entry.default(), plain(&described["default"]));
        assert_eq!(told, is.as_deref(), "{}", entry.key);
        assert_eq!(entry.is_required(), required, "{}", entry.key);
    }
}

#[test]
fn the_configuration_tells_every_word_that_a_key_takes() {
    let (page, schema) = (page("intercessor.yaml.5"), Config::schema());
    for entry in entries(&page) {
        let told: BTreeSet<_> = entry.takes.split(' ').collect();
        let (described, _) = described(&schema, entry.key);
        for way in alternatives(described) {
            let words = way["enum"].as_array().into_iter().flatten();
            for word in words.filter_map(Value::as_str) {
                assert!(told.contains(word), "{}: {word}", entry.key);
            }
            let boolean = way["type"] == "boolean" && !entry.key.ends_with(".schema");
            assert!(!boolean || told.contains("true"), "{}", entry.key);
        }
    }
}
