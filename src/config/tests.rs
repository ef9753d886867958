//! The configuration from outside: text in, values or problems out.

mod accepted;
mod environment;
mod json_schema;
mod listeners;
mod refused;
mod samples;
mod servers;

use std::path::Path;

use super::{Config, Examined};

/// A hash of `open sesame`, cheap to check.
const HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$U7QrjxPBdmd/FVMP7GDJAA$sfpUjpJiFxSSpzMRHBehmFr3PyvutaCX3ZPjEx4q6FU";

/// A whole configuration but for what a test adds at the end.
const START: &str = "\
listeners: [{ transport: websocket, bind: 127.0.0.1:8080, tls: off }]
servers: { open: true }
";

fn examine_at(path: &Path, text: &str) -> Examined {
    let variable = |name: &str| match name {
        "PORT" => Some("9000".to_owned()),
        "EMPTY" => Some(String::new()),
        "TRUE" => Some("true".to_owned()),
        "OFF" => Some("off".to_owned()),
        "SECRET" => Some("hunter2".to_owned()),
        "HASH" => Some(HASH.to_owned()),
        "REFERENCE" => Some("${PORT}".to_owned()),
        _ => None,
    };
    let examined = Config::examine_text(path, text, &variable);
    json_schema::agrees(text, &examined.problems);
    examined
}

fn examine(text: &str) -> Examined {
    examine_at(Path::new("relay.yaml"), text)
}

/// A configuration that has to be right.
fn config(text: &str) -> Config {
    match examine(text) {
        Examined {
            config: Some(config),
            problems,
            ..
        } if problems.is_empty() => config,
        Examined { problems, .. } => panic!("{problems:?}\n---\n{text}"),
    }
}

/// `START` with more.
fn more(text: &str) -> Config {
    config(&format!("{START}{text}"))
}

/// All problems of a text, without the name of the file.
fn problems(text: &str) -> Vec<String> {
    let problems = examine(text).problems;
    assert!(!problems.is_empty(), "nothing is wrong with\n{text}");
    let shown = problems.iter().map(ToString::to_string);
    shown
        .map(|problem| problem.replace("relay.yaml:", ""))
        .collect()
}

/// Holds each line that is appended to `START` against its one problem, told without its place.
fn each_refused(cases: &[(&str, &str)]) {
    for (line, wanted) in cases {
        let found = problems(&format!("{START}{line}"));
        let found: Vec<_> = found.iter().map(|it| what(it)).collect();
        assert_eq!(found, [*wanted], "{line}");
    }
}

/// A problem without its place.
fn what(problem: &str) -> &str {
    problem.split_once(": ").map_or(problem, |(_, what)| what)
}
