//! Values of which each thread has its own, so that cores do not wait for one another's cache lines.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread::available_parallelism,
};

/// More threads than this share.
const MAX_SHARDS: usize = 64;

/// One value for each thread, or for a few of them.
#[derive(Debug)]
pub struct Sharded<T>(Box<[Shard<T>]>);

/// Two cache lines, since processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard<T>(T);

impl<T> Sharded<T> {
    /// Makes each with `make`.
    pub fn new(make: impl Fn() -> T) -> Self {
        let threads = available_parallelism().map_or(1, usize::from);
        let shards = threads.next_power_of_two().min(MAX_SHARDS);
        Self((0..shards).map(|_| Shard(make())).collect())
    }

    /// That of this thread.
    pub fn local(&self) -> &T {
        // The number of shards is a power of two.
        &self.0[thread() & (self.0.len() - 1)].0
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|shard| &shard.0)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// A number of this thread.
fn thread() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = THREADS.fetch_add(1, Relaxed);
    }
    NUMBER.with(|number| *number)
}
