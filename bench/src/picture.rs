//! The figures as a picture: bars of processor time for each message, in SVG that is readable on light and on dark.

use std::fmt::Write as _;

use crate::{
    run::Figures,
    scenarios::CPU,
    stats::{median, range, short},
    systems::System,
};

const WIDTH: usize = 760;
/// Where bars begin.
const LEFT: usize = 200;
/// How long the longest is.
const LONGEST: f64 = 440.0;
const ROW: usize = 22;

/// What is drawn, and under which heading.
const GROUPS: [(&str, &str); 6] = [
    ("checked-256", "256 B, with a schema"),
    ("checked-4096", "4 KiB, with a schema"),
    ("unchecked-256", "256 B, without a schema"),
    ("unchecked-4096", "4 KiB, without a schema"),
    ("wt-256", "256 B, with a schema, WebTransport"),
    ("wt-4096", "4 KiB, with a schema, WebTransport"),
];

const STYLE: &str = "\
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 15px }
  .heading { font-weight: 600 }
  .quiet { fill: #59636e }
  .bar { fill: #9aa4af }
  .own { fill: #0f766e }
  .spread { stroke: #1f2328; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .quiet { fill: #9198a1 }
    .bar { fill: #59636e }
    .own { fill: #2dd4bf }
    .spread { stroke: #e6edf3 }
  }
";

/// Draws the groups whose figures are there; each has a scale of its own.
pub fn draw(figures: &Figures) -> String {
    let mut body = String::new();
    let mut y = 34;
    for (scenario, heading) in GROUPS {
        let rows: Vec<_> = figures
            .iter()
            .filter(|((name, _, figure), _)| *name == scenario && *figure == CPU)
            .map(|((_, system, _), values)| (*system, values.as_slice()))
            .collect();
        if !rows.is_empty() {
            y += 26;
            _ = writeln!(
                body,
                r#"<text class="heading" x="16" y="{y}">{heading}</text>"#
            );
            y = group(&mut body, &rows, y + 8);
        }
    }
    let height = y + 16;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" aria-label=\"Processor time for each relayed message\">\n\
         <style>\n{STYLE}</style>\n\
         <text class=\"title\" x=\"16\" y=\"26\">Processor time for each relayed message, in microseconds; less is \
         better</text>\n{body}</svg>\n"
    )
}

fn group(body: &mut String, rows: &[(System, &[f64])], mut y: usize) -> usize {
    let most = rows.iter().map(|(_, values)| range(values).1);
    let scale = LONGEST / most.fold(f64::MIN_POSITIVE, f64::max);
    for (system, values) in rows {
        row(body, *system, values, scale, y);
        y += ROW;
    }
    y
}

fn row(body: &mut String, system: System, values: &[f64], scale: f64, y: usize) {
    let class = match system {
        System::Intercessor => "own",
        _ => "bar",
    };
    let value = median(values);
    let (least, most) = range(values);
    let at = |value: f64| LEFT as f64 + value * scale;
    let (base, middle, name) = (y + 15, y + 11, system.name());
    _ = writeln!(
        body,
        r#"<text x="{}" y="{base}" text-anchor="end">{name}</text>
<rect class="{class}" x="{LEFT}" y="{}" width="{:.1}" height="14" rx="2"/>
<line class="spread" x1="{:.1}" y1="{middle}" x2="{:.1}" y2="{middle}"/>
<text class="quiet" x="{:.1}" y="{base}">{}</text>"#,
        LEFT - 8,
        y + 4,
        value * scale,
        at(least),
        at(most),
        at(most) + 8.0,
        short(value)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_is_drawn_and_nothing_else() {
        let figures = Figures::from([
            (
                ("checked-256", System::Intercessor, CPU),
                vec![1.0, 2.0, 3.0],
            ),
            (("checked-256", System::Bun, CPU), vec![10.0]),
        ]);
        let picture = draw(&figures);
        assert_eq!(picture.matches("<rect").count(), 2);
        assert!(
            picture.contains("Bun") && picture.contains("2.00"),
            "{picture}"
        );
        assert!(!picture.contains("4 KiB"));
    }
}
