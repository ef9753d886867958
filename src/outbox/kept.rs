//! What was sent and is not acknowledged, where a session can be resumed.

use std::collections::VecDeque;

use crate::envelope::Text;

/// What a resume sends again.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// How many came before the first that is kept: acknowledged, or let go.
    pub(super) before: u64,
    pub(super) texts: VecDeque<Text>,
    pub(super) bytes: usize,
    /// The first of them that this connection has not sent.
    pub(super) next: usize,
}

impl Kept {
    /// How many were ever sent.
    pub(super) fn sent(&self) -> u64 {
        self.before + self.texts.len() as u64
    }

    /// Is everything kept that comes after so many?
    pub(super) fn reaches(&self, received: u64) -> bool {
        (self.before..=self.sent()).contains(&received)
    }

    /// Lets the oldest go.
    pub(super) fn let_go(&mut self) -> usize {
        let Some(text) = self.texts.pop_front() else {
            return 0;
        };
        self.before += 1;
        self.next = self.next.saturating_sub(1);
        self.bytes -= text.len();
        text.len()
    }
}
