//! From a file to a configuration: every step in order.

use std::{collections::BTreeSet, fs, path::Path};

use super::{
    Config, Location, Log, LogFormat, Problem, bounds, environment, ice_servers, ids, json_schema,
    listeners, problem,
    reader::{Findings, Reader},
    schemas,
    section::Section,
    servers,
    shape::{Description, Place, Shape},
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
        let mut keys = BTreeSet::new();
        describe().keys("", &mut keys);
        keys
    }

    /// A JSON Schema (draft 7, which every editor knows) of the file: its keys, and of each what it takes, its default and
    /// what it is for. It refuses unknown keys and wrong types, and leaves to [`Config::examine`] what only that can tell.
    pub fn schema() -> serde_json::Value {
        json_schema::of(&describe())
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
    let config = Value::new(&reader, "", &tree).root(|s| root(s, path));
    Ok((config, reader.finish()))
}

/// What a file may say.
fn describe() -> Shape {
    let path = Path::new("");
    let reader = Reader::new(path);
    let place = Place::default();
    Value::described(&reader, Description::new(Place::clone(&place))).root(|s| root(s, path));
    place.take()
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
    let admin = s.or("admin", None, |v| {
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
        admin,
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
