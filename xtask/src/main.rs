//! Intercessor's tasks for development, so that people and build servers run the very same commands.

use std::{
    env,
    ffi::OsStr,
    path::Path,
    process::{Command, ExitCode, Output},
};

const USAGE: &str = "\
Usage: cargo xtask <command>

Commands:
  lint  Check formatting, clippy, documentation, and the dependencies' licenses, bans and sources
  test  Install what the tests need, then run every test, also those in a browser";

/// Pinned, since a newer one may check more, or read deny.toml otherwise.
const CARGO_DENY: &str = "0.20.2";

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let (task, more) = (arguments.next(), arguments.next());
    let done = match (task.as_deref().and_then(OsStr::to_str), more) {
        (Some("lint"), None) => lint(),
        (Some("test"), None) => test(),
        (Some("help" | "--help" | "-h"), _) => {
            println!("{USAGE}");
            Ok(())
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    // Nothing is said of success, so that the last lines are those of the last command.
    if let Err(failure) = done {
        eprintln!("xtask: {failure}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn lint() -> Result<(), String> {
    run("cargo fmt --all --check")?;
    run("cargo clippy --workspace --all-targets --all-features --locked -- -D warnings")?;
    run_with(
        &[("RUSTDOCFLAGS", "-D warnings")],
        "cargo doc --workspace --no-deps --document-private-items --locked",
    )?;
    provide_cargo_deny()?;
    // Without its advisories: they need the network's database, and change while the commit does not.
    run("cargo deny --locked check licenses bans sources")
}

fn test() -> Result<(), String> {
    provide_chromium()?;
    run("cargo test --workspace --all-features --locked")
}

fn provide_cargo_deny() -> Result<(), String> {
    let Some(output) = probe("cargo deny --version") else {
        eprintln!("cargo-deny is missing: installing it, which takes some minutes");
        return run(&format!(
            "cargo install --locked cargo-deny --version {CARGO_DENY}"
        ));
    };
    let version = String::from_utf8_lossy(&output.stdout);
    if version.split_whitespace().last() != Some(CARGO_DENY) {
        eprintln!(
            "note: this is {}; the checks are made for {CARGO_DENY}",
            version.trim()
        );
    }
    Ok(())
}

/// Has `chromium` on the PATH, where the tests look for it.
fn provide_chromium() -> Result<(), String> {
    if on_path("chromium") {
        return Ok(());
    }
    let root = || probe("id -u").is_some_and(|output| output.stdout.trim_ascii() == b"0");
    let sudo = || probe("sudo -n true").is_some();
    let apt_get = apt_get(on_path("apt-get"), root, sudo).map_err(|reason| {
        format!(
            "the browser tests need Chromium, as `chromium` on the PATH, and it cannot be installed from here: \
             {reason}. Install it (in Debian: apt-get install chromium) and run this again"
        )
    })?;
    // On a new machine an upgrade at boot may hold the lock.
    let install = format!(
        "{apt_get} -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends chromium"
    );
    // The lists of packages may be there and yet name files that are gone, so trying is the only way to know.
    if run(&install).is_err() {
        eprintln!(
            "that failed, maybe for want of fresh lists of packages: updating them to try again"
        );
        run(&format!("{apt_get} update"))?;
        run(&install)?;
    }
    if !on_path("chromium") {
        return Err(
            "Debian's chromium is installed, but there is no `chromium` on the PATH".to_owned(),
        );
    }
    Ok(())
}

/// The start of a command that may install packages without a question to anybody, or why there is none.
fn apt_get(
    present: bool,
    root: impl FnOnce() -> bool,
    sudo: impl FnOnce() -> bool,
) -> Result<&'static str, &'static str> {
    // By `env`, since sudo does not pass the environment on.
    if !present {
        Err("there is no apt-get")
    } else if root() {
        Ok("env DEBIAN_FRONTEND=noninteractive apt-get")
    } else if sudo() {
        Ok("sudo -n env DEBIAN_FRONTEND=noninteractive apt-get")
    } else {
        Err("you are not root, and sudo is missing or asks for a password")
    }
}

/// Runs a command whose words have no spaces in them, in the repository's root.
fn run(line: &str) -> Result<(), String> {
    run_with(&[], line)
}

fn run_with(variables: &[(&str, &str)], line: &str) -> Result<(), String> {
    let shown: String = variables
        .iter()
        .map(|(name, value)| format!("{name}='{value}' "))
        .chain([line.to_owned()])
        .collect();
    eprintln!("$ {shown}");
    match command(line).envs(variables.iter().copied()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` failed: {status}")),
        Err(error) => Err(format!("`{shown}` cannot be run: {error}")),
    }
}

/// Runs a command for its answer alone; `None` if it fails, or is not there.
fn probe(line: &str) -> Option<Output> {
    eprintln!("$ {line}");
    command(line)
        .output()
        .ok()
        .filter(|output| output.status.success())
}

fn command(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    if let Some(root) = Path::new(env!("CARGO_MANIFEST_DIR")).parent() {
        command.current_dir(root);
    }
    // What `cargo run` says of this package is none of theirs: ring's build script, for one, watches these variables,
    // and would be built anew whenever `cargo xtask` and plain `cargo` take turns.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

fn on_path(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

#[cfg(test)]
mod tests {
    use super::apt_get;

    #[test]
    fn apt_get_is_used_as_root_or_by_sudo_and_else_it_is_said_why_not() {
        let unasked = || -> bool { unreachable!("asked without need") };
        let root = apt_get(true, || true, unasked);
        assert!(root.is_ok_and(|start| start.starts_with("env ")));
        let sudo = apt_get(true, || false, || true);
        assert!(sudo.is_ok_and(|start| start.starts_with("sudo -n env ")));
        let neither = apt_get(true, || false, || false);
        assert!(neither.is_err_and(|reason| reason.contains("root")));
        let missing = apt_get(false, unasked, unasked);
        assert!(missing.is_err_and(|reason| reason.contains("apt-get")));
    }
}
