//! The tests of the client for browsers and Node.js, against the relay that cargo built.

use crate::{probe, provide::provide, run, run_with, target_dir};

/// Where it is.
const CLIENT: &str = "clients/js";
/// The oldest Node.js that it is for, and that its tools run on.
const OLDEST_NODE: u32 = 20;

/// Checks the client's sources, and runs its tests: units, in Node.js, in Chromium, and of the packed package.
pub fn test_client() -> Result<(), String> {
    let reason = "the tests of clients/js run in Node.js";
    provide("node", "nodejs", reason)?;
    provide("npm", "npm", reason)?;
    check_node()?;
    provide(
        "chromium",
        "chromium",
        "the browser tests run a real Chromium",
    )?;
    if probe(&format!("npm ls --prefix {CLIENT}")).is_none() {
        // No script of a package has to run for them.
        run(&format!(
            "npm ci --prefix {CLIENT} --ignore-scripts --no-audit --no-fund"
        ))?;
    }
    run("cargo build --locked --package intercessor")?;
    run(&format!("npm run lint --prefix {CLIENT}"))?;
    let relay = target_dir().join("debug/intercessor");
    let relay = std::path::absolute(&relay).unwrap_or(relay);
    run_with(
        &[("INTERCESSOR", &relay.to_string_lossy())],
        &format!("npm test --prefix {CLIENT}"),
    )
}

fn check_node() -> Result<(), String> {
    let output = probe("node --version").ok_or("`node --version` fails")?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if major(&version).is_some_and(|major| major >= OLDEST_NODE) {
        return Ok(());
    }
    Err(format!(
        "the tests of {CLIENT} need Node.js {OLDEST_NODE} or later, and this is {version}: put a newer one on the PATH"
    ))
}

/// The first number in `v20.20.2`.
fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_version_of_node_is_read() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("v8.0.0"), Some(8));
        assert_eq!(major("20"), None);
    }
}
