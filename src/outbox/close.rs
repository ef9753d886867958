//! Why a session ends, and when its peer may come back.

use std::{borrow::Cow, time::Duration};

/// The longest reason of a close, in bytes (RFC 6455, 5.5.1).
const MAX_REASON_BYTES: usize = 123;

/// Why a session ends, as the peer is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Close {
    /// A WebSocket close code, one of [`Close::CODES`].
    pub code: u16,
    /// A short reason, at most 123 bytes.
    pub reason: Cow<'static, str>,
    /// When to come back.
    pub reconnect_in: Option<Duration>,
}

impl Close {
    /// Every code that a peer may be told; intercessor-protocol(7) says what they mean.
    pub const CODES: [u16; 17] = [
        1000, 1001, 1002, 1003, 1007, 1009, 1013, 4400, 4401, 4403, 4404, 4408, 4409, 4410, 4422,
        4429, 4508,
    ];

    /// A close without `reconnectIn`. The reason is cut to what a close may carry, between characters.
    pub fn new(code: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        let mut reason = reason.into();
        let end = reason.floor_char_boundary(MAX_REASON_BYTES);
        if end < reason.len() {
            reason = reason[..end].to_owned().into();
        }
        Self {
            code,
            reason,
            reconnect_in: None,
        }
    }

    /// Tells the peer to come back after about this long; see [`Close::spread`].
    #[must_use]
    pub fn reconnect_in(mut self, after: Duration) -> Self {
        self.reconnect_in = Some(after);
        self
    }

    /// The same with a `reconnectIn` of its own for each of many peers, so that they do not all return in one
    /// instant: evenly spread over a time that grows with how many there are.
    #[must_use]
    pub fn spread(self, peers: usize) -> Self {
        const RETURNS_PER_SECOND: usize = 500;
        let seconds = 1.0 + (peers / RETURNS_PER_SECOND) as f64;
        let after = Duration::from_secs_f64(0.5 + rand::random_range(0.0..seconds));
        self.reconnect_in(after)
    }
}
