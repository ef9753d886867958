//! The bars: what the relay has to reach, each a ratio within one run, or an amount.

mod table;

use self::table::{BARS, Bar};
use crate::{
    run::Figures,
    stats::{median, short},
};

/// What came of a bar.
pub struct Outcome {
    /// What it is about.
    pub what: &'static str,
    /// The figure: the median over rounds.
    pub value: f64,
    /// The bar, as it is written.
    pub bar: String,
    /// `pass`, `stretch` or `MISS`.
    pub verdict: &'static str,
}

/// What came of those bars whose figures are there.
pub fn outcomes(figures: &Figures) -> Vec<Outcome> {
    BARS.iter().filter_map(|bar| bar.outcome(figures)).collect()
}

impl Bar {
    fn outcome(&self, figures: &Figures) -> Option<Outcome> {
        let mut values = figures.get(&self.figure)?.clone();
        if let Some(by) = &self.by {
            let by = figures.get(by)?;
            values = values
                .iter()
                .zip(by)
                .map(|(value, by)| value / by)
                .collect();
        }
        let value = median(&values);
        let meets = |bar: f64| {
            if self.less {
                value <= bar
            } else {
                value >= bar
            }
        };
        let verdict = match (meets(self.bar), self.stretch.is_some_and(meets)) {
            (_, true) => "stretch",
            (true, _) => "pass",
            _ => "MISS",
        };
        let sign = if self.less { '≤' } else { '≥' };
        let stretch = self
            .stretch
            .map_or_else(String::new, |stretch| format!(" ({stretch})"));
        let bar = format!("{sign} {}{stretch}", self.bar);
        Some(Outcome {
            what: self.what,
            value,
            bar,
            verdict,
        })
    }
}

/// Prints them.
pub fn print(figures: &Figures) {
    println!(
        "\n{:58} {:>8}  {:14} verdict",
        "bar", "figure", "bar (stretch)"
    );
    for Outcome {
        what,
        value,
        bar,
        verdict,
    } in outcomes(figures)
    {
        println!("{what:58} {:>8}  {bar:14} {verdict}", short(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        scenarios::{CPU, IDLE},
        systems::System::{Bun, Intercessor},
    };

    #[test]
    fn a_ratio_is_taken_round_for_round() {
        let mut figures = Figures::new();
        // The machine was slow in the second round.
        figures.insert(("checked-256", Intercessor, CPU), vec![2.0, 8.0, 2.2]);
        figures.insert(("checked-256", Bun, CPU), vec![10.0, 40.0, 10.0]);
        let outcomes = outcomes(&figures);
        assert_eq!(outcomes.len(), 1);
        assert_eq!((outcomes[0].value, outcomes[0].verdict), (0.2, "pass"));
    }

    #[test]
    fn a_bar_is_missed_passed_or_outdone() {
        for (idle, verdict) in [(4.0, "MISS"), (3.0, "pass"), (2.0, "stretch")] {
            let figures = Figures::from([(("memory-ws", Intercessor, IDLE), vec![idle])]);
            assert_eq!(outcomes(&figures)[0].verdict, verdict);
        }
    }
}
