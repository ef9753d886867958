mod bounds;
mod dialects;
mod errors;
mod explain;
mod formats;
mod messages;
mod meters;
mod patterns;
mod references;
mod samples;
mod sentences;
mod values;

use std::{fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{CompileError, Schema, Violation, parse_message, read_message};
use crate::json::Tape;

const DRAFT_4: &str = "http://json-schema.org/draft-04/schema#";
const DRAFT_6: &str = "http://json-schema.org/draft-06/schema#";
const DRAFT_7: &str = "http://json-schema.org/draft-07/schema#";
const DRAFT_2019: &str = "https://json-schema.org/draft/2019-09/schema";
const DRAFT_2020: &str = "https://json-schema.org/draft/2020-12/schema";
const ALL: [&str; 5] = [DRAFT_4, DRAFT_6, DRAFT_7, DRAFT_2019, DRAFT_2020];

/// A schema that lies in a directory where no other file is.
fn compile(document: &Value) -> Schema {
    Schema::compile(document, Path::new("/nonexistent/schema.json"), true).unwrap()
}

fn refused(document: &Value) -> String {
    Schema::compile(document, Path::new("/nonexistent/schema.json"), true)
        .unwrap_err()
        .to_string()
}

fn is_valid(schema: &Schema, message: &Value) -> bool {
    let (text, mut tape) = (message.to_string(), Tape::default());
    schema.is_valid(read_message(&text, &mut tape).unwrap())
}

fn explained(schema: &Schema, message: &Value) -> Vec<Violation> {
    let (text, mut tape) = (message.to_string(), Tape::default());
    schema.explain(read_message(&text, &mut tape).unwrap())
}

fn explain(document: &Value, message: &Value) -> Vec<Violation> {
    explained(&compile(document), message)
}

/// Holds `message` against `schema`, and both answers against each other.
fn judge(schema: &Schema, message: &Value) -> bool {
    let valid = is_valid(schema, message);
    assert_eq!(explained(schema, message).is_empty(), valid, "{message}");
    valid
}

/// Checks that `document`, in the dialect `draft`, accepts and refuses these.
fn check(draft: &str, mut document: Value, accepted: &[Value], not_accepted: &[Value]) {
    document["$schema"] = Value::from(draft);
    let schema = compile(&document);
    for message in accepted {
        assert!(judge(&schema, message), "{document} refuses {message}");
    }
    for message in not_accepted {
        assert!(!judge(&schema, message), "{document} accepts {message}");
    }
}

/// A directory with these files.
fn directory(files: &[(&str, Value)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, contents) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents.to_string()).unwrap();
    }
    directory
}

/// The schema in the file `name` there.
fn load(directory: &TempDir, name: &str) -> Result<Schema, CompileError> {
    let path = directory.path().join(name);
    let document = parse_message(&fs::read_to_string(&path).unwrap()).unwrap();
    Schema::compile(&document, &path, true)
}
