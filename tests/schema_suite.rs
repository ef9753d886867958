//! The relay's verdicts against the official tests of JSON Schema, in each of its dialects. They have to be downloaded,
//! which `cargo xtask test` does.
//!
//! All of them are run, also those that are optional, and the formats asserted as the configuration has it. `bignum`,
//! `ecmascript-regex` and the other optional ones ask for no more than the relay does.
#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "a test that panics has failed"
)]

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use intercessor::{
    json::Tape,
    schema::{Schema, parse_message, read_message},
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tempfile::TempDir;
use url::Url;

/// Where the suite lies, as `cargo xtask test` says it.
const SUITE: &str = "JSON_SCHEMA_TEST_SUITE";
/// Where the tests say that the files lie that their schemas refer to.
const REMOTES: &str = "http://localhost:1234/";
/// The one file whose tests want no format asserted.
const WITHOUT_FORMATS: &str = "format.json";
/// Every text matches it, and the relay has an automaton over bytes for it.
const ANY_TEXT: &str = r"^[^\r\n]*";

/// What the relay says of a dialect that is not one of the five, such as one that a test has made up.
const OWN_DIALECT: &str = "is not a dialect that is known here";
/// The groups of tests whose schemas are refused for that, and for nothing else is one refused.
const OWN_DIALECTS: [&str; 4] = [
    "schema that uses custom metaschema with with no validation vocabulary",
    "ignore unrecognized optional vocabulary",
    "schema that uses custom metaschema with format-assertion: false",
    "schema that uses custom metaschema with format-assertion: true",
];

/// Tests of one schema.
#[derive(Deserialize)]
struct Group {
    description: String,
    schema: Box<RawValue>,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    description: String,
    data: Box<RawValue>,
    valid: bool,
}

/// The files that schemas refer to. The relay fetches nothing, so they are beside it, and refer to each other there.
struct Remotes {
    folder: TempDir,
    url: String,
}

impl Remotes {
    fn new(suite: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let url = Url::from_directory_path(folder.path()).expect("an absolute path");
        let remotes = Self {
            url: url.into(),
            folder,
        };
        let from = suite.join("remotes");
        for file in files(&from) {
            let place = file.strip_prefix(&from).expect("it is in there");
            let copy = remotes.folder.path().join(place);
            fs::create_dir_all(copy.parent().expect("a folder")).expect("a folder");
            fs::write(copy, remotes.refer(&read(&file))).expect("written");
        }
        remotes
    }

    /// A schema, with its references to where the files lie.
    fn refer(&self, schema: &str) -> String {
        schema.replace(REMOTES, &self.url)
    }
}

/// What became of the tests of one dialect.
#[derive(Default)]
struct Tally {
    right: usize,
    refused: usize,
    /// What must not be, in words.
    wrong: Vec<String>,
}

/// All files below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).expect("a text")
}

/// Runs the tests in `folder`, of which so many must come out right and so many be refused.
fn check(folder: &str, dialect: &str, right: usize, refused: usize) {
    let suite = env::var_os(SUITE).unwrap_or_else(|| {
        panic!("{SUITE} names the folder of the tests; `cargo xtask test` downloads them")
    });
    let suite = PathBuf::from(suite);
    let remotes = Remotes::new(&suite);
    let folder = suite.join("tests").join(folder);
    let mut tally = Tally::default();
    for file in files(&folder) {
        let name = file.strip_prefix(&folder).expect("it is in there");
        let formats = name != Path::new(WITHOUT_FORMATS);
        let groups: Vec<Group> = serde_json::from_str(&read(&file)).expect("tests");
        for group in groups {
            let name = format!("{}: {}", name.display(), group.description);
            judge(&group, &name, dialect, &remotes, formats, &mut tally);
        }
    }
    println!(
        "{dialect}: {} right, {} wrong, {} refused",
        tally.right,
        tally.wrong.len(),
        tally.refused
    );
    assert!(tally.wrong.is_empty(), "{}", tally.wrong.join("\n"));
    assert_eq!((tally.right, tally.refused), (right, refused));
}

fn judge(
    group: &Group,
    name: &str,
    dialect: &str,
    remotes: &Remotes,
    formats: bool,
    tally: &mut Tally,
) {
    let mut document = parse_message(&remotes.refer(group.schema.get())).expect("JSON");
    if let Value::Object(members) = &mut document {
        members.entry("$schema").or_insert(dialect.into());
    }
    let base = remotes.folder.path().join("schema.json");
    let plain = match Schema::compile(&document, &base, formats) {
        Ok(schema) => schema,
        Err(error) => {
            let by_design = OWN_DIALECTS.contains(&group.description.as_str())
                && error.to_string().contains(OWN_DIALECT);
            match by_design {
                true => tally.refused += group.tests.len(),
                false => tally.wrong.push(format!("{name}: refused: {error}")),
            }
            return;
        }
    };
    // Hardly a pattern of the suite has an automaton over bytes. With this one the relay makes a second validator of
    // any schema, and is held to the same verdicts by it.
    if let Value::Object(members) = &mut document {
        members.entry("pattern").or_insert(ANY_TEXT.into());
    }
    let with_bytes = Schema::compile(&document, &base, formats).expect("it was accepted before");
    for case in &group.tests {
        let mut tape = Tape::default();
        let message = read_message(case.data.get(), &mut tape).expect("a message");
        let verdicts = [&plain, &with_bytes].map(|schema| {
            let explained = schema.explain(message);
            (schema.is_valid(message), explained.is_empty())
        });
        match verdicts == [(case.valid, case.valid); 2] {
            true => tally.right += 1,
            false => tally.wrong.push(format!(
                "{name}: {}: {} is to be {}; is valid, and has nothing to explain, plainly and over bytes: {verdicts:?}",
                case.description, case.data, case.valid
            )),
        }
    }
}

#[test]
fn draft_4() {
    check("draft4", "http://json-schema.org/draft-04/schema#", 863, 0);
}

#[test]
fn draft_6() {
    check("draft6", "http://json-schema.org/draft-06/schema#", 1149, 0);
}

#[test]
fn draft_7() {
    check("draft7", "http://json-schema.org/draft-07/schema#", 1465, 0);
}

#[test]
fn draft_2019_09() {
    let dialect = "https://json-schema.org/draft/2019-09/schema";
    check("draft2019-09", dialect, 1859, 5);
}

#[test]
fn draft_2020_12() {
    let dialect = "https://json-schema.org/draft/2020-12/schema";
    check("draft2020-12", dialect, 1897, 9);
}
