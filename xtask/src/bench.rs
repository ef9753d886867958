//! `cargo xtask bench`: what a measurement needs, built and installed; then the measurement.

use std::ffi::OsString;

use crate::{command, probe, provide::provide, run, target_dir};

/// What the Bun relay is made of; npm takes exactly what the lock file says.
const BUN: &str = "bench/bun";

/// Measures. The arguments are those of `intercessor-bench run`.
pub fn bench(arguments: &[OsString]) -> Result<(), String> {
    // Debug builds would be measured by mistake.
    run("cargo build --release --locked --package intercessor")?;
    run("cargo build --release --locked --package intercessor-bench")?;
    let only_asks = arguments
        .iter()
        .any(|argument| argument == "--list" || argument == "--help");
    if !only_asks {
        provide_bun()?;
        // It is missed in one scenario only.
        if let Err(reason) = provide("strace", "strace", "strace counts system calls") {
            eprintln!("note: {reason}; system calls are not counted");
        }
    }
    let program = target_dir().join("release/intercessor-bench");
    let mut measurement = command("env");
    measurement.arg(program).arg("run").args(arguments);
    match measurement.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("the measurement failed: {status}")),
        Err(error) => Err(format!("the measurement cannot be run: {error}")),
    }
}

/// Bun's program comes in a package for this machine's kind; no script of a package has to run for it.
fn provide_bun() -> Result<(), String> {
    provide(
        "npm",
        "npm",
        "npm installs Bun, which the relay is measured against",
    )?;
    if probe(&format!("npm ls --prefix {BUN}")).is_some() {
        return Ok(());
    }
    run(&format!(
        "npm ci --prefix {BUN} --ignore-scripts --no-audit --no-fund"
    ))
}
