//! Counters for the way of a message: many threads add all the time, and somebody reads once in a while.

use std::{
    array,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::sharded::Sharded;

/// N numbers that only grow. Each thread adds to numbers of its own.
#[derive(Debug)]
pub struct Counters<const N: usize>(Sharded<[AtomicU64; N]>);

impl<const N: usize> Default for Counters<N> {
    fn default() -> Self {
        Self(Sharded::new(|| array::from_fn(|_| AtomicU64::new(0))))
    }
}

impl<const N: usize> Counters<N> {
    /// Adds to this thread's share.
    pub fn add(&self, index: usize, amount: u64) {
        self.0.local()[index].fetch_add(amount, Relaxed);
    }

    /// The sums over all threads.
    pub fn sums(&self) -> [u64; N] {
        array::from_fn(|index| self.0.iter().map(|it| it[index].load(Relaxed)).sum())
    }
}

/// The upper bounds of a histogram's buckets, in nanoseconds: from a microsecond to ten seconds.
pub const BOUNDS: [u64; 22] = [
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// Behind the buckets: what is over the last bound, and the sum of all.
const BEYOND: usize = BOUNDS.len();
const SUM: usize = BEYOND + 1;

/// A histogram of durations.
#[derive(Debug, Default)]
pub struct Durations(Counters<{ SUM + 1 }>);

/// What a histogram holds.
#[derive(Debug, PartialEq)]
pub struct Observed {
    /// How many took at most as long as each of [`BOUNDS`].
    pub cumulative: [u64; BOUNDS.len()],
    /// How many there are.
    pub count: u64,
    /// How long all of them took together, in seconds.
    pub seconds: f64,
}

impl Durations {
    /// Counts one.
    pub fn observe(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < nanoseconds);
        self.0.add(bucket, 1);
        self.0.add(SUM, nanoseconds);
    }

    /// All that were counted.
    pub fn observed(&self) -> Observed {
        let counts = self.0.sums();
        let mut count = 0;
        let cumulative = array::from_fn(|bucket| {
            count += counts[bucket];
            count
        });
        Observed {
            cumulative,
            count: count + counts[BEYOND],
            seconds: counts[SUM] as f64 / 1e9,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_add_is_summed() {
        let counters = Counters::<2>::default();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        counters.add(1, 2);
                    }
                });
            }
        });
        assert_eq!(counters.sums(), [0, 16_000]);
    }

    #[test]
    fn a_duration_counts_in_its_bucket_and_all_above() {
        let durations = Durations::default();
        durations.observe(Duration::from_micros(1));
        durations.observe(Duration::from_nanos(1_001));
        durations.observe(Duration::from_secs(11));
        let Observed {
            cumulative,
            count,
            seconds,
        } = durations.observed();
        assert_eq!(cumulative[..3], [1, 2, 2]);
        assert_eq!((cumulative[BOUNDS.len() - 1], count), (2, 3));
        assert!((seconds - 11.000_002_001).abs() < 1e-9, "{seconds}");
    }
}
