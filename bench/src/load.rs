//! The load: peers that send and receive in one thread over epoll, as cheap as can be, so that the core that they
//! have is not what holds the system under test up.

pub mod connects;
pub mod memory;
pub mod round_trip;
pub mod shapes;
pub mod traffic;
pub mod web;

/// What a stretch of traffic was.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    /// Processor time of the system under test for each, in microseconds.
    pub cpu: f64,
    /// Messages for each second of the clock.
    pub rate: f64,
    /// How much of its core the load generator used.
    pub busy: f64,
}
