//! System calls for each message, as strace counts them. It slows them down, so that nothing else is measured
//! meanwhile; how many messages one call carries depends on the load's window more than on the clock.

use std::{
    fs,
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    Failure, message,
    run::Pace,
    scenarios::{self, CALLS, Measured},
    systems::{Setting, System},
};

/// How often it is looked whether strace is there.
const STEP: Duration = Duration::from_millis(10);

/// Counts under the usual load.
pub fn measure(setting: &Setting, system: System, pace: Pace) -> Result<Measured, Failure> {
    let running = setting.start(system, &[])?;
    let mut traffic =
        scenarios::usual(system, running.plain()?, message::CHECKED, 256, pace.window)?;
    traffic.run(pace.warm_up)?;
    let pid = running.pid().to_string();
    let strace = Command::new("strace")
        .args(["-f", "-c", "-qq", "-p", &pid])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(strace) = strace else {
        eprintln!("note: there is no strace, so system calls are not counted");
        return Ok(Measured::new());
    };
    while !is_traced(running.pid())? {
        traffic.run(STEP)?;
    }
    let mut delivered = traffic.run(pace.measured)?;
    let tracer = i32::try_from(strace.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or("no process")?;
    kill_process(tracer, Signal::INT)?;
    while is_traced(running.pid())? {
        delivered += traffic.run(STEP)?;
    }
    let output = strace.wait_with_output()?;
    let table = String::from_utf8_lossy(&output.stderr);
    let calls = total(&table).ok_or_else(|| format!("strace counted nothing: {table}"))?;
    Ok(vec![(CALLS, calls / delivered as f64)])
}

fn is_traced(pid: u32) -> Result<bool, Failure> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(!status.lines().any(|line| line == "TracerPid:\t0"))
}

/// The number of calls in the last line of the table.
fn total(table: &str) -> Option<f64> {
    let line = table.lines().rev().find(|line| line.ends_with(" total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}
