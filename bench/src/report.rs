//! The figures as a table.

use std::fs;

use crate::{
    Failure, bars, picture,
    run::Figures,
    scenarios::BUSY,
    stats::{median, range, short},
    system, systems,
};

/// Above this share of its core the load generator held the system under test up.
const TOO_BUSY: f64 = 0.9;
const PAGE: &str = "docs/performance.md";
const PICTURE: &str = "docs/performance.svg";
const BEGIN: &str = "<!-- figures: written by cargo xtask bench --save -->";
const END: &str = "<!-- end of figures -->";

/// Prints every figure.
pub fn print(figures: &Figures) {
    println!(
        "{:16} {:26} {:30} {:>9}  (min – max)",
        "scenario", "system", "figure", "median"
    );
    for ((scenario, system, name), values) in figures {
        let (least, most) = range(values);
        let shown = short(median(values));
        println!(
            "{scenario:16} {:26} {name:30} {shown:>9}  ({} – {})",
            system.name(),
            short(least),
            short(most)
        );
    }
    for ((scenario, system, name), values) in figures {
        if *name == BUSY && median(values) >= TOO_BUSY {
            println!(
                "note: in {scenario} with {} the load generator was itself the bottleneck",
                system.name()
            );
        }
    }
}

/// Writes them into the page, and the picture.
pub fn save(figures: &Figures, rounds: usize) -> Result<(), Failure> {
    let path = systems::root().join(PAGE);
    let page = fs::read_to_string(&path)?;
    let (start, rest) = page
        .split_once(BEGIN)
        .ok_or("the page has no place for figures")?;
    let (_, end) = rest
        .split_once(END)
        .ok_or("the place for figures has no end")?;
    fs::write(
        path,
        format!(
            "{start}{BEGIN}\n\n{}\n{END}{end}",
            markdown(figures, rounds)
        ),
    )?;
    fs::write(systems::root().join(PICTURE), picture::draw(figures))?;
    Ok(())
}

fn markdown(figures: &Figures, rounds: usize) -> String {
    let mut text = "![Processor time for each relayed message](performance.svg)\n\n".to_owned();
    text += &format!(
        "Measured on {}; medians of {rounds} rounds.\n\n",
        system::describe()
    );
    text.push_str("| what | figure | bar (stretch) | |\n| --- | ---: | --- | --- |\n");
    for bars::Outcome {
        what,
        value,
        bar,
        verdict,
    } in bars::outcomes(figures)
    {
        text.push_str(&format!(
            "| {what} | {} | {bar} | {verdict} |\n",
            short(value)
        ));
    }
    text.push_str(
        "\n| scenario | system | figure | median | min – max |\n| --- | --- | --- | ---: | --- |\n",
    );
    for ((scenario, system, name), values) in figures {
        let (least, most) = range(values);
        text.push_str(&format!(
            "| {scenario} | {} | {name} | {} | {} – {} |\n",
            system.name(),
            short(median(values)),
            short(least),
            short(most)
        ));
    }
    text
}
