//! `cargo xtask instructions`: what relaying one message costs, in instructions, against what it cost when that
//! was last recorded. Instructions do not depend on what else the machine does, so that a small loss shows.

use std::{collections::BTreeMap, ffi::OsString, fmt::Write as _, fs};

use crate::{probe, provide::provide, root, run, target_dir};

/// What was recorded.
const BASELINE: &str = "bench/instructions.toml";
/// The harness, once it is built.
const HARNESS: &str = "intercessor-bench";
/// The function in which callgrind counts.
const COUNTED: &str = "intercessor_bench::instructions::relay_runs*";
/// Beyond this a figure has changed, in parts of a hundred.
const TOLERANCE: u64 = 3;

/// Counts, and compares or records.
pub fn instructions(arguments: &[OsString]) -> Result<(), String> {
    let save = match arguments {
        [] => false,
        [only] if only == "--save" => true,
        _ => return Err("usage: cargo xtask instructions [--save]".to_owned()),
    };
    provide("valgrind", "valgrind", "callgrind counts the instructions")?;
    run("cargo build --release --locked --package intercessor-bench")?;
    let now = Record {
        toolchain: toolchain()?,
        figures: count_all()?,
    };
    let path = root().join(BASELINE);
    if save {
        return fs::write(&path, now.to_text()).map_err(|error| format!("{BASELINE}: {error}"));
    }
    let text = fs::read_to_string(&path).map_err(|error| {
        format!("{BASELINE}: {error}; `cargo xtask instructions --save` writes it")
    })?;
    let comparison = compare(&Record::from_text(&text)?, &now);
    print!("{}", comparison.table);
    comparison.verdict
}

fn toolchain() -> Result<String, String> {
    let output = probe("rustc -vV").ok_or("rustc does not tell its version")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.lines().next().unwrap_or_default();
    let host = text.lines().find(|line| line.starts_with("host: "));
    Ok(format!("{version}, {}", host.unwrap_or_default()))
}

fn count_all() -> Result<BTreeMap<String, u64>, String> {
    let target = target_dir();
    let harness = target.join("release").join(HARNESS);
    let harness = harness
        .to_str()
        .ok_or("the target directory's name is not UTF-8")?;
    // What callgrind writes stays there, for callgrind_annotate.
    let folder = target.join("instructions");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let names = probe(&format!("{harness} instructions")).ok_or("the harness tells no figures")?;
    let names = String::from_utf8_lossy(&names.stdout).into_owned();
    names
        .lines()
        .map(|name| {
            let out = folder.join(format!("{name}.callgrind"));
            Ok((name.to_owned(), count(harness, name, &out)?))
        })
        .collect()
}

/// Instructions of the relay for each message that it delivers.
fn count(harness: &str, name: &str, out: &std::path::Path) -> Result<u64, String> {
    let counted = probe(&format!(
        "valgrind --tool=callgrind --collect-atstart=no --toggle-collect={COUNTED} \
         --callgrind-out-file={} {harness} instructions {name}",
        out.display()
    ))
    .ok_or_else(|| format!("callgrind or the harness failed at {name}"))?;
    let said = String::from_utf8_lossy(&counted.stdout);
    let messages = number_after(&said, "messages: ").filter(|messages| *messages > 0);
    let profile = fs::read_to_string(out).map_err(|error| error.to_string())?;
    let total = number_after(&profile, "totals: ").filter(|total| *total > 0);
    match (total, messages) {
        (Some(total), Some(messages)) => Ok(total / messages),
        _ => Err(format!(
            "nothing was counted for {name}: does callgrind find {COUNTED}?"
        )),
    }
}

/// The number of the last line that starts like this.
fn number_after(text: &str, start: &str) -> Option<u64> {
    let line = text.lines().rev().find_map(|line| line.strip_prefix(start));
    line.and_then(|rest| rest.trim().parse().ok())
}

/// Figures and what they were counted with.
#[derive(Debug, PartialEq)]
struct Record {
    toolchain: String,
    /// Instructions for one message, by the name of the figure.
    figures: BTreeMap<String, u64>,
}

impl Record {
    fn to_text(&self) -> String {
        let mut text = format!(
            "# Instructions of the relay, without the kernel's, for each message that it delivers. Written by\n\
             # `cargo xtask instructions --save`; `cargo xtask instructions` fails where one is over {TOLERANCE}% dearer.\n\
             toolchain = \"{}\"\n\n[figures]\n",
            self.toolchain
        );
        for (name, count) in &self.figures {
            _ = writeln!(text, "{name} = {count}");
        }
        text
    }

    fn from_text(text: &str) -> Result<Self, String> {
        let mut record = Self {
            toolchain: String::new(),
            figures: BTreeMap::new(),
        };
        let lines = text.lines().filter(|line| !line.starts_with(['#', '[']));
        for line in lines.filter(|line| !line.trim().is_empty()) {
            let bad = || format!("{BASELINE}: `{line}` is not what --save writes");
            let (name, value) = line.split_once(" = ").ok_or_else(bad)?;
            if name == "toolchain" {
                value.trim_matches('"').clone_into(&mut record.toolchain);
            } else {
                let count = value.parse().map_err(|_| bad())?;
                record.figures.insert(name.to_owned(), count);
            }
        }
        Ok(record)
    }
}

/// What is said of a count.
struct Comparison {
    table: String,
    verdict: Result<(), String>,
}

fn compare(then: &Record, now: &Record) -> Comparison {
    let mut table = format!(
        "{:24} {:>10} {:>10} {:>8}\n",
        "instructions", "recorded", "now", "change"
    );
    let (mut worse, mut better) = (Vec::new(), Vec::new());
    for (name, &count) in &now.figures {
        let Some(&recorded) = then.figures.get(name) else {
            worse.push(format!("{name} has no record"));
            _ = writeln!(table, "{name:24} {:>10} {count:>10}", "none");
            continue;
        };
        let change = (count as f64 / recorded as f64 - 1.0) * 100.0;
        _ = writeln!(
            table,
            "{name:24} {recorded:>10} {count:>10} {change:>+7.1}%"
        );
        if count * 100 > recorded * (100 + TOLERANCE) {
            worse.push(format!("{name} costs {change:.1}% more"));
        } else if count * 100 < recorded * (100 - TOLERANCE) {
            better.push(name.as_str());
        }
    }
    for name in then.figures.keys() {
        if !now.figures.contains_key(name) {
            worse.push(format!("{name} is not counted any more"));
        }
    }
    if then.toolchain != now.toolchain {
        let (recorded, counted) = (&then.toolchain, &now.toolchain);
        _ = writeln!(
            table,
            "NOTHING WAS COMPARED: recorded with {recorded}, counted with {counted}"
        );
        worse.clear();
    } else if !better.is_empty() {
        let better = better.join(", ");
        _ = writeln!(
            table,
            "over {TOLERANCE}% better: {better}; `cargo xtask instructions --save` records it"
        );
    }
    Comparison {
        table,
        verdict: verdict(&worse),
    }
}

fn verdict(worse: &[String]) -> Result<(), String> {
    if worse.is_empty() {
        return Ok(());
    }
    let worse = worse.join("; ");
    Err(format!(
        "{worse}; if that is meant, `cargo xtask instructions --save` records it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(toolchain: &str, figures: &[(&str, u64)]) -> Record {
        Record {
            toolchain: toolchain.to_owned(),
            figures: figures
                .iter()
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect(),
        }
    }

    #[test]
    fn a_figure_over_three_percent_dearer_fails() {
        let then = record("rustc", &[("a", 1000), ("b", 1000)]);
        let worse = compare(&then, &record("rustc", &[("a", 1000), ("b", 1031)]));
        assert_eq!(
            worse
                .verdict
                .as_ref()
                .err()
                .map(|text| text.contains("b costs 3.1% more")),
            Some(true)
        );
        let same = compare(&then, &record("rustc", &[("a", 1030), ("b", 970)]));
        assert_eq!(same.verdict, Ok(()));
        assert!(!same.table.contains("better"));
    }

    #[test]
    fn a_figure_over_three_percent_cheaper_is_told() {
        let then = record("rustc", &[("a", 1000)]);
        let better = compare(&then, &record("rustc", &[("a", 960)]));
        assert_eq!(better.verdict, Ok(()));
        assert!(
            better.table.contains("over 3% better: a"),
            "{}",
            better.table
        );
    }

    #[test]
    fn another_toolchain_compares_nothing_and_says_so() {
        let then = record("rustc 1", &[("a", 1000)]);
        let other = compare(&then, &record("rustc 2", &[("a", 5000)]));
        assert_eq!(other.verdict, Ok(()));
        assert!(other.table.contains("NOTHING WAS COMPARED"));
    }

    #[test]
    fn a_figure_on_one_side_only_fails() {
        let both = record("rustc", &[("a", 1000), ("b", 1000)]);
        let one = record("rustc", &[("a", 1000)]);
        assert!(
            compare(&both, &one)
                .verdict
                .is_err_and(|text| text.contains("b is not counted"))
        );
        assert!(
            compare(&one, &both)
                .verdict
                .is_err_and(|text| text.contains("b has no record"))
        );
    }

    #[test]
    fn what_is_saved_is_read_again() {
        let saved = record(
            "rustc 1.95.0 (5980 2026), host: x",
            &[("checked-256", 23_111)],
        );
        assert_eq!(Record::from_text(&saved.to_text()), Ok(saved));
        assert!(Record::from_text("nonsense").is_err());
    }

    #[test]
    fn the_last_total_of_a_profile_counts() {
        assert_eq!(
            number_after("messages: 1\ntotals: 7\n\ntotals: 9\n", "totals: "),
            Some(9)
        );
        assert_eq!(number_after("summary", "totals: "), None);
    }
}
