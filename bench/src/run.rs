//! A run: rounds of every scenario, in which the systems take turns.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{
    Failure, bars, report,
    scenarios::{self, Scenario},
    system,
    systems::{Setting, System},
};

/// Where the load runs; the system under test has the other core.
const CORE: usize = 1;

/// What `run` is asked for.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Few and short rounds: to see that everything works, and roughly where it stands
    #[arg(long)]
    pub quick: bool,
    /// Only the scenarios whose names begin like one of these
    #[arg(long, num_args = 1..)]
    pub only: Vec<String>,
    /// How many rounds
    #[arg(long)]
    pub rounds: Option<usize>,
    /// Messages that each peer has under way at once in the usual load
    #[arg(long, default_value_t = 4)]
    pub window: usize,
    /// Write the figures to docs/performance.md and docs/performance.svg
    #[arg(long)]
    pub save: bool,
    /// Name the scenarios and stop
    #[arg(long)]
    pub list: bool,
}

/// What is measured: a scenario, a system, and which of its figures.
pub type Key = (&'static str, System, &'static str);

/// The figures of all rounds.
pub type Figures = BTreeMap<Key, Vec<f64>>;

/// How long things take.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Traffic before it is measured: a compiler at run time needs its time.
    pub warm_up: Duration,
    /// Traffic that is measured.
    pub measured: Duration,
    /// Messages that each peer has under way at once in the usual load.
    pub window: usize,
    /// Of whatever is counted rather than timed, in parts of the usual number.
    pub share: usize,
}

/// Runs, prints and saves.
pub fn run(options: &Options) -> Result<(), Failure> {
    let chosen = chosen(&options.only)?;
    if options.list {
        for scenario in chosen {
            println!("{:16} {}", scenario.name, scenario.what);
        }
        return Ok(());
    }
    system::pin(CORE)?;
    let files = system::raise_open_files()?;
    eprintln!("{}, {files} open files", system::describe());
    let rounds = options.rounds.unwrap_or(if options.quick { 2 } else { 5 });
    let (figures, failed) = measure(&chosen, rounds, pace(options))?;
    report::print(&figures);
    bars::print(&figures);
    if !failed.is_empty() {
        // Rounds would be compared that do not belong together, so nothing is saved.
        return Err(format!("not all was measured: {}", failed.join("; ")).into());
    }
    if options.save {
        report::save(&figures, rounds)?;
    }
    Ok(())
}

fn chosen(starts: &[String]) -> Result<Vec<&'static Scenario>, Failure> {
    let is_chosen = |name: &str| starts.iter().any(|start| name.starts_with(start.as_str()));
    let chosen: Vec<_> = scenarios::ALL
        .iter()
        .filter(|scenario| starts.is_empty() || is_chosen(scenario.name))
        .collect();
    if chosen.is_empty() {
        return Err("no scenario begins like that; --list names them".into());
    }
    Ok(chosen)
}

/// All figures, and what failed.
fn measure(
    chosen: &[&Scenario],
    rounds: usize,
    pace: Pace,
) -> Result<(Figures, Vec<String>), Failure> {
    let setting = Setting::new()?;
    let (mut figures, mut failed) = (Figures::new(), Vec::new());
    let start = Instant::now();
    for round in 1..=rounds {
        for scenario in chosen.iter().filter(|scenario| round <= scenario.rounds) {
            for &system in scenario.systems {
                let what = format!("{}, {}", scenario.name, system.name());
                let elapsed = start.elapsed().as_secs();
                eprintln!("{elapsed:4} s, round {round} of {rounds}: {what}");
                match (scenario.measure)(&setting, system, pace) {
                    Ok(measured) => {
                        for (name, value) in measured {
                            let values = figures.entry((scenario.name, system, name));
                            values.or_default().push(value);
                        }
                    }
                    // The others are worth having all the same.
                    Err(failure) => failed.push(format!("{what}: {failure}")),
                }
            }
        }
    }
    Ok((figures, failed))
}

fn pace(options: &Options) -> Pace {
    let quick = options.quick;
    let time = |quickly, usually| Duration::from_millis(if quick { quickly } else { usually });
    Pace {
        warm_up: time(500, 1000),
        measured: time(700, 2000),
        window: options.window,
        share: if quick { 4 } else { 1 },
    }
}
