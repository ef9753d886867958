//! What a message costs while something grows: rooms, clients, schemas.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::{
    Failure,
    load::{
        shapes::{self, Pairs},
        traffic::Traffic,
    },
    message::CHECKED,
    run::Pace,
    scenarios::{FEW, MANY, Measured},
    system,
    systems::{MoreTypes, Setting, System, schema},
};

/// What the same load costs with few and with many of something, each in a relay of its own.
fn growth(
    setting: &Setting,
    system: System,
    pace: Pace,
    more: [MoreTypes<'_>; 2],
    load: [&dyn Fn(SocketAddr) -> Result<Traffic, Failure>; 2],
) -> Result<Measured, Failure> {
    let mut figures = Measured::new();
    for ((name, more), load) in [FEW, MANY].into_iter().zip(more).zip(load) {
        let running = setting.start(system, more)?;
        let mut traffic = load(running.plain()?)?;
        figures.push((
            name,
            traffic
                .measure(running.pid(), pace.warm_up, pace.measured)?
                .cpu,
        ));
    }
    Ok(figures)
}

/// So many, or as many as the limit of open files allows where each needs this many of them.
fn at_most(wanted: usize, files: usize) -> Result<usize, Failure> {
    // Beside the peers' a process has some of its own.
    let allowed = usize::try_from(system::raise_open_files()?)?.saturating_sub(100) / files;
    if allowed < wanted {
        eprintln!("note: {allowed} instead of {wanted}, for want of open files");
    }
    Ok(allowed.min(wanted))
}

/// With 10 and with 10,000 rooms.
pub fn rooms(setting: &Setting, system: System, pace: Pace) -> Result<Measured, Failure> {
    let load = |rooms: usize, address| {
        Pairs {
            rooms,
            active: 10,
            window: 8,
            whole: true,
            kinds: &[CHECKED.to_owned()],
            bytes: 256,
        }
        .connect(system, address)
    };
    growth(
        setting,
        system,
        pace,
        [&[], &[]],
        [&|at| load(10, at), &|at| load(at_most(10_000, 2)?, at)],
    )
}

/// With few and with 19,000 clients of one server.
pub fn peers(setting: &Setting, system: System, pace: Pace) -> Result<Measured, Failure> {
    let load = |clients, address| shapes::star(system, address, clients, 256);
    growth(
        setting,
        system,
        pace,
        [&[], &[]],
        [&|at| load(shapes::STAR, at), &|at| {
            load(at_most(19_000, 1)?, at)
        }],
    )
}

/// With one small schema and with eight large ones.
pub fn schemas(setting: &Setting, system: System, pace: Pace) -> Result<Measured, Failure> {
    let few = vec![("T0".to_owned(), large_schema(1)?)];
    let large = large_schema(100)?;
    let many: Vec<_> = (0..8).map(|at| (format!("T{at}"), large.clone())).collect();
    let load = |count: usize, address| {
        let kinds: Vec<_> = (0..count).map(|at| format!("T{at}")).collect();
        Pairs {
            rooms: 48,
            active: 48,
            window: 8,
            whole: true,
            kinds: &kinds,
            bytes: 256,
        }
        .connect(system, address)
    };
    growth(
        setting,
        system,
        pace,
        [&few, &many],
        [&|at| load(1, at), &|at| load(8, at)],
    )
}

/// The schema of session descriptions, grown to about this size by members that they do not have.
fn large_schema(kib: usize) -> Result<Value, Failure> {
    let mut schema = schema()?;
    // Titles and the like are not counted: they cost nothing.
    let mut bytes = 512;
    let mut number = 0;
    while bytes < kib * 1024 {
        let name = format!("member{number:05}");
        let member = json!({ "type": "object", "required": ["a"], "properties": {
            "a": { "type": "string", "maxLength": 10 + number }, "b": { "enum": ["x", "y", number] } } });
        bytes += name.len() + member.to_string().len() + 4;
        schema["properties"][name] = member;
        number += 1;
    }
    Ok(schema)
}
