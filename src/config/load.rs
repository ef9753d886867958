//! From a file to a configuration: every step in order.

use std::{collections::BTreeSet, fs, path::Path};

use super::{
    Config, Location, Log, LogFormat, Problem, bounds, environment, ice_servers, ids, listeners,
    problem,
    reader::{Findings, Reader},
    schemas,
    section::Section,
    servers,
    value::Value,
    yaml,
};

/// What came out of a file.
#[derive(Debug, Clone)]
pub struct Examined {
    /// The configuration; only to be used where there are no problems. `None` where so much is wrong that there
    /// is none.
    pub config: Option<Config>,
    /// What has to be mended.
    pub problems: Vec<Problem>,
    /// What works and is probably not meant.
    pub warnings: Vec<Problem>,
}

impl Config {
    /// Reads and checks a file, with the environment of this process. Files that it names are checked as far as they
    /// can be read; what a schema or a certificate says is not looked at here.
    pub fn examine(path: &Path) -> Examined {
        match fs::read_to_string(path) {
            Ok(text) => Self::examine_text(path, &text, &|name| std::env::var(name).ok()),
            Err(error) => Examined::failed(Problem::new(
                path,
                Location::START,
                format!("cannot read the configuration: {error}"),
            )),
        }
    }

    /// Checks the text of the file at `path`. `variable` looks up what `${NAME}` stands for.
    pub fn examine_text(
        path: &Path,
        text: &str,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Examined {
        match read(path, text, variable) {
            Ok((config, findings)) => Examined {
                config,
                problems: findings.problems,
                warnings: findings.warnings,
            },
            Err(problem) => Examined::failed(problem),
        }
    }

    /// Every key that a file may have, as `limits.outbound_queue.bytes`; `*` stands for a name of
    /// the user's own, and the items of a list have the path of the list.
    pub fn keys() -> BTreeSet<String> {
        let read = read(Path::new(""), ONE_OF_EACH, &|_| None);
        read.map(|(_, findings)| findings.keys).unwrap_or_default()
    }

    /// A problem at a place of this configuration, for what is found out after it was read.
    pub fn problem(&self, at: Location, text: impl Into<String>) -> Problem {
        Problem::new(&self.path, at, text)
    }
}

impl Examined {
    fn failed(problem: Problem) -> Self {
        Self {
            config: None,
            problems: vec![problem],
            warnings: Vec::new(),
        }
    }
}

/// Has everything that is asked for its keys only where it is there.
const ONE_OF_EACH: &str = "
listeners: [{ tls: {} }]
servers: { passphrases: [{}] }
limits: { messages_per_second: {}, failed_logins: {} }
resume: {}
schemas: { types: { X: {} } }
ice_servers: [{}]
admin: {}
";

fn read(
    path: &Path,
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<(Option<Config>, Findings), Problem> {
    let mut tree = yaml::parse(text).map_err(|(at, what)| Problem::new(path, at, what))?;
    let reader = Reader::new(path);
    yaml::repeated(&tree, &mut |key, first| {
        let what = format!(
            "{} is there twice, first in line {}; keep one",
            problem::key(&key.text),
            first.line
        );
        reader.refuse(key.at, what);
    });
    environment::fill(&mut tree, variable, &mut |at, what| reader.refuse(at, what));
    let config = Value::new(&reader, "", String::new(), &tree).root(|s| root(s, path));
    Ok((config, reader.finish()))
}

fn root(s: &mut Section<'_>, path: &Path) -> Option<Config> {
    let mut taken = Vec::new();
    let listeners = s.required(
        "listeners",
        "[{ transport: websocket, bind: 127.0.0.1:8080, tls: off }]",
        |v| listeners::read(v, &mut taken),
    );
    let servers = s.required("servers", "{ open: true }", |v| {
        v.section(servers::read).flatten()
    });
    let server_info = s.optional("server_info", Value::json);
    let timeouts = s.section("timeouts", bounds::timeouts);
    let resume = bounds::resume(s);
    let limits = s.section("limits", bounds::limits);
    let ids = s.section("ids", |s| ids::read(s, limits.clients_per_server));
    let schemas = s.section("schemas", schemas::read);
    let ice_servers = s.or("ice_servers", Vec::new(), ice_servers::read);
    let admin = s.optional("admin", |v| {
        v.or_off(|v| v.section(|s| listeners::admin(s, &mut taken)).flatten())
    });
    let log = s.section("log", log);
    s.unsupported("cluster");
    Some(Config {
        path: path.to_owned(),
        listeners: listeners?,
        servers: servers?,
        server_info,
        ids,
        timeouts,
        resume,
        limits,
        schemas,
        ice_servers,
        admin: admin.flatten(),
        log,
    })
}

fn log(s: &mut Section<'_>) -> Log {
    Log {
        level: s.or("level", tracing::Level::INFO, |v| {
            v.choice(&[
                ("error", tracing::Level::ERROR),
                ("warn", tracing::Level::WARN),
                ("info", tracing::Level::INFO),
                ("debug", tracing::Level::DEBUG),
                ("trace", tracing::Level::TRACE),
            ])
        }),
        format: s.or("format", LogFormat::Text, |v| {
            v.choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)])
        }),
    }
}
