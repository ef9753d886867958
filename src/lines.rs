//! Lines of the log that peers can cause at will: the log has so many of them, and a count of the rest.

use std::{
    array,
    borrow::Cow,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::{Instant, interval};
use tracing::info;

/// How often lines that were left out are told.
const WINDOW: Duration = Duration::from_secs(10);
/// How many such lines `info` has in that time: what a person can still follow.
const MOST: u64 = 100;

/// What a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// A session began, or came back.
    Started,
    /// A session ended, or its connection broke.
    Ended,
    /// A peer got no session.
    Refused,
    /// A message breaks a schema that is only observed.
    Observed,
}

/// How many lines there were.
#[derive(Debug, Default)]
pub struct Lines {
    written: AtomicU64,
    left_out: [AtomicU64; 4],
}

impl Lines {
    /// Is this line one for `info`? If not it is counted.
    pub fn admit(&self, line: Line) -> bool {
        let admitted = self.written.fetch_add(1, Relaxed) < MOST;
        if !admitted {
            self.left_out[line as usize].fetch_add(1, Relaxed);
        }
        admitted
    }

    /// Tells now and then what was left out; for ever.
    pub async fn report(&self) {
        let mut clock = interval(WINDOW);
        loop {
            clock.tick().await;
            self.turn();
        }
    }

    /// Tells what was left out, and begins anew.
    pub fn turn(&self) {
        self.written.store(0, Relaxed);
        let [started, ended, refused, observed] =
            array::from_fn(|line| self.left_out[line].swap(0, Relaxed));
        if started + ended + refused + observed > 0 {
            info!(
                started,
                ended, refused, observed, "lines were left out; level debug has them"
            );
        }
    }
}

/// A line that is written once in a while, however often there is cause for it.
#[derive(Debug)]
pub struct Seldom(Mutex<Option<Told>>);

#[derive(Debug)]
struct Told {
    at: Instant,
    left_out: u64,
}

impl Seldom {
    /// One that was never written.
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Is it time to write it? If so, this often there was cause for it since it was written last, this time included.
    pub fn admit(&self, now: Instant) -> Option<u64> {
        let mut told = self.0.lock();
        if let Some(told) = told.as_mut().filter(|told| now < told.at + WINDOW) {
            told.left_out += 1;
            return None;
        }
        let before = told.replace(Told {
            at: now,
            left_out: 0,
        });
        Some(1 + before.map_or(0, |before| before.left_out))
    }
}

impl Default for Seldom {
    fn default() -> Self {
        Self::new()
    }
}

/// What a peer chose, for a line: the formats of the log escape ASCII, but JSON leaves other characters that are not
/// printed, as those that turn the direction of writing.
pub fn told(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| c == '\x7f' || !c.is_ascii() && c.escape_debug().len() > 1;
    if !text.contains(hidden) {
        return text.into();
    }
    let mut told = String::new();
    for c in text.chars() {
        match hidden(c) {
            true => told.extend(c.escape_unicode()),
            false => told.push(c),
        }
    }
    told.into()
}

/// Writes a line that peers can cause: at `info` while there are few of them, else at `debug`.
macro_rules! line {
    ($lines:expr, $line:expr, $($fields:tt)+) => {
        if $lines.admit($line) {
            tracing::info!($($fields)+);
        } else {
            tracing::debug!($($fields)+);
        }
    };
}
pub(crate) use line;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_so_many_lines_and_counts_the_rest() {
        let lines = Lines::default();
        let admitted = (0..MOST + 7).filter(|_| lines.admit(Line::Ended));
        assert_eq!(admitted.count(), MOST as usize);
        assert_eq!(lines.left_out[Line::Ended as usize].load(Relaxed), 7);
        lines.turn();
        assert!(lines.admit(Line::Started));
        assert_eq!(lines.left_out[Line::Ended as usize].load(Relaxed), 0);
    }

    #[test]
    fn characters_that_are_not_printed_are_escaped() {
        assert_eq!(told("plain, \u{e9}\n"), "plain, \u{e9}\n");
        assert_eq!(
            told("a\u{202e}b\u{9b}c\u{7f}"),
            "a\\u{202e}b\\u{9b}c\\u{7f}"
        );
    }

    #[test]
    fn a_seldom_line_counts_what_it_leaves_out() {
        let seldom = Seldom::new();
        let start = Instant::now();
        assert_eq!(seldom.admit(start), Some(1));
        assert_eq!(seldom.admit(start), None);
        assert_eq!(seldom.admit(start + WINDOW / 2), None);
        assert_eq!(seldom.admit(start + WINDOW), Some(3));
        assert_eq!(seldom.admit(start + 3 * WINDOW), Some(1));
    }
}
