//! Programs that a task needs, installed where that can be done without a question to anybody.

use std::{env, iter::once, path::Path};

use crate::{probe, run};

/// Is there where systemd is in charge.
const SYSTEMD_RUNS: &str = "/run/systemd/system";
/// Where servers are.
const SBIN: &str = "/usr/sbin";

/// Has a program on the PATH, out of Debian's package of it where it is missing. `reason` says what needs it.
pub fn provide(program: &str, package: &str, reason: &str) -> Result<(), String> {
    if on_path(program) {
        return Ok(());
    }
    let root = || probe("id -u").is_some_and(|output| output.stdout.trim_ascii() == b"0");
    let sudo = || probe("sudo -n true").is_some();
    let apt_get = apt_get(on_path("apt-get"), root, sudo).map_err(|obstacle| {
        format!(
            "{reason}: `{program}` must be on the PATH, and it cannot be installed from here: {obstacle}. Install \
             it (in Debian: apt-get install {package}) and run this again"
        )
    })?;
    // On a new machine an upgrade at boot may hold the lock.
    let install = format!(
        "{apt_get} -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends {package}"
    );
    // The lists of packages may be there and yet name files that are gone, so trying is the only way to know.
    if run(&install).is_err() {
        eprintln!(
            "that failed, maybe for want of fresh lists of packages: updating them to try again"
        );
        run(&format!("{apt_get} update"))?;
        run(&install)?;
    }
    if !on_path(program) {
        return Err(format!(
            "Debian's {package} is installed, but there is no `{program}` on the PATH"
        ));
    }
    Ok(())
}

/// The same for a server, which Debian would start on ports of this machine as soon as it is there, and at each boot: its
/// service is left off.
pub fn provide_server(
    program: &str,
    service: &str,
    packages: &str,
    reason: &str,
) -> Result<(), String> {
    if on_path(program) || !Path::new(SYSTEMD_RUNS).is_dir() {
        return provide(program, packages, reason);
    }
    let systemctl = match probe("id -u") {
        Some(id) if id.stdout.trim_ascii() == b"0" => "systemctl",
        _ => "sudo -n systemctl",
    };
    let masked = probe(&format!("{systemctl} mask --runtime {service}.service"));
    let provided = provide(program, packages, reason);
    if masked.is_some() {
        run(&format!("{systemctl} unmask --runtime {service}.service"))?;
    }
    if provided.is_ok() {
        run(&format!("{systemctl} disable {service}.service"))?;
    }
    provided
}

/// Has a subcommand of cargo, built where it is missing. Its version is pinned, since another one may do otherwise.
pub fn provide_cargo(name: &str, version: &str) -> Result<(), String> {
    let Some(output) = probe(&format!("cargo {name} --version")) else {
        eprintln!("cargo-{name} is missing: installing it, which takes some minutes");
        return run(&format!(
            "cargo install --locked cargo-{name} --version {version}"
        ));
    };
    let found = String::from_utf8_lossy(&output.stdout);
    if found.split_whitespace().last() != Some(version) {
        eprintln!(
            "note: this is cargo-{name} {}; what is done with it is made for {version}",
            found.trim()
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

/// Is there such a program? Servers are where the PATH of a user may not lead.
pub fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = env::split_paths(&path).chain(once(SBIN.into()));
    folders.any(|it| it.join(program).is_file())
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
