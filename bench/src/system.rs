//! The machine as a measurement needs it: processor time, memory, cores, files.

use std::fs;

use rlimit::Resource;
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::Failure;

/// What a measurement with many peers needs on each side, when it may have it.
const FILES: u64 = 100_000;

/// The processor time of all threads of a process, in nanoseconds: that of the scheduler, the kernel's work for it
/// included.
pub fn run_time(pid: u32) -> Result<u64, Failure> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread that ends meanwhile has no file any more.
        sum += fs::read_to_string(task?.path().join("schedstat")).map_or(0, |text| first(&text));
    }
    Ok(sum)
}

/// The same of this thread.
pub fn own_run_time() -> Result<u64, Failure> {
    Ok(first(&fs::read_to_string("/proc/thread-self/schedstat")?))
}

fn first(text: &str) -> u64 {
    text.split_whitespace()
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}

/// The resident memory of a process in KiB, what it shares with others in parts.
pub fn memory(pid: u32) -> Result<f64, Failure> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    Ok(line.map_or(0, first) as f64)
}

/// Keeps this thread, and what it starts, on one core.
pub fn pin(core: usize) -> Result<(), Failure> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}

/// Raises the number of open files as far as allowed.
pub fn raise_open_files() -> Result<u64, Failure> {
    if Resource::NOFILE.set(FILES, FILES).is_ok() {
        return Ok(FILES);
    }
    Ok(rlimit::increase_nofile_limit(FILES)?)
}

/// What this machine is, as far as it matters to a figure.
pub fn describe() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cores = info
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("an unknown processor", |line| {
        line.trim_start_matches(['\t', ' ', ':'])
    });
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.split('-').next().unwrap_or_default().trim();
    format!("{cores} cores of {model}, Linux {kernel}")
}
