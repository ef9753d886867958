//! The Debian package: made, installed into a folder, run, upgraded, removed and purged. The machine stays as it is:
//! dpkg works on the folder alone, and needs no root for it.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use common::{
    process::{Process, command},
    tools::{files, output, repository, succeed},
};
use tempfile::TempDir;

/// The package, and there is no other while it is made.
static FIRST: LazyLock<PathBuf> = LazyLock::new(|| package("1"));

/// Made of the program that the tests have.
fn package(revision: &str) -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_intercessor"));
    let target = program.ancestors().nth(2).expect("a target directory");
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("intercessor-{revision}.deb"));
    succeed(
        Command::new(env!("CARGO"))
            .args(["deb", "--no-build", "--locked", "--offline"])
            .args(["--profile", "dev", "--strip", "--no-dbgsym", "--fast"])
            .args(["--deb-revision", revision, "--output"])
            .arg(&made)
            .env("CARGO_TARGET_DIR", target)
            .current_dir(repository()),
    );
    made
}

/// A root of its own, for dpkg.
struct Machine {
    dir: TempDir,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("root");
        for folder in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "etc"] {
            fs::create_dir_all(root.join(folder)).expect("a folder");
        }
        fs::write(root.join("var/lib/dpkg/status"), "").expect("written");
        // The scripts talk to systemd where it runs. This one notes what it is asked, and does not do it.
        let programs = dir.path().join("bin");
        fs::create_dir(&programs).expect("a folder");
        for name in ["systemctl", "deb-systemd-invoke"] {
            let program = programs.join(name);
            fs::write(&program, "#!/bin/sh\n").expect("written");
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("set");
        }
        Self { dir }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join("root").join(path)
    }

    /// Runs dpkg; owners are what it believes them to be.
    fn dpkg(&self, arguments: &[&str]) -> String {
        let path = std::env::var("PATH").expect("PATH");
        let path = format!(
            "{}:{path}:/usr/sbin:/sbin",
            self.dir.path().join("bin").display()
        );
        let owners = self.dir.path().join("owners");
        fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&owners)
            .expect("made");
        succeed(
            Command::new("fakeroot")
                .arg("-i")
                .arg(&owners)
                .arg("-s")
                .arg(&owners)
                .args(["--", "dpkg"])
                .arg(format!("--root={}", self.path("").display()))
                .arg(format!("--log={}", self.dir.path().join("log").display()))
                // What it depends on is not in the folder, and no script can be run in there.
                .args([
                    "--force-depends",
                    "--force-script-chrootless",
                    "--force-not-root",
                ])
                .args(arguments)
                .env("PATH", path),
        )
    }

    /// What the package has brought or made, without dpkg's own records.
    fn files(&self) -> Vec<PathBuf> {
        let mut found = files(&self.path(""));
        found.retain(|path| !path.starts_with("var/lib/dpkg"));
        found
    }
}

#[test]
fn it_is_installed_configured_run_upgraded_removed_and_purged() {
    let machine = Machine::new();
    let said = machine.dpkg(&["--install", FIRST.to_str().expect("UTF-8")]);
    assert!(said.contains("intercessor is not started yet"), "{said}");
    assert!(said.contains("/etc/intercessor/relay.yaml"), "{said}");
    for path in [
        "usr/bin/intercessor",
        "usr/lib/systemd/system/intercessor.service",
        "usr/lib/sysusers.d/intercessor.conf",
        "usr/share/man/man1/intercessor.1.gz",
        "usr/share/man/man5/intercessor.yaml.5.gz",
        "usr/share/man/man7/intercessor-protocol.7.gz",
        "usr/share/bash-completion/completions/intercessor",
        "usr/share/zsh/vendor-completions/_intercessor",
        "usr/share/fish/vendor_completions.d/intercessor.fish",
        "usr/share/intercessor/config.schema.json",
        "usr/share/doc/intercessor/copyright",
        "usr/share/doc/intercessor/changelog.Debian.gz",
        "usr/share/doc/intercessor/operations.md",
        "usr/share/doc/intercessor/examples/intercessor.socket",
    ] {
        assert!(machine.path(path).is_file(), "{path}");
    }
    // Neither enabled nor started.
    assert!(!machine.path("etc/systemd").exists());
    belongs_to_the_relay(&machine);
    configure(&machine);
    run(&machine);

    let configured = fs::read(machine.path("etc/intercessor/relay.yaml")).expect("readable");
    let second = package("2");
    let said = machine.dpkg(&["--install", second.to_str().expect("UTF-8")]);
    assert!(!said.contains("not started yet"), "{said}");
    let kept = fs::read(machine.path("etc/intercessor/relay.yaml")).expect("readable");
    assert_eq!(kept, configured);
    belongs_to_the_relay(&machine);
    run(&machine);

    machine.dpkg(&["--remove", "intercessor"]);
    assert!(machine.path("etc/intercessor/relay.yaml").is_file());
    assert!(!machine.path("usr/bin/intercessor").exists());
    machine.dpkg(&["--purge", "intercessor"]);
    // A user's number must never become another's, so Debian's packages leave their users.
    let left: Vec<_> = machine
        .files()
        .into_iter()
        .map(|it| it.display().to_string())
        .collect();
    let accounts = [
        "etc/.pwd.lock",
        "etc/group",
        "etc/gshadow",
        "etc/passwd",
        "etc/shadow",
    ];
    assert_eq!(left, accounts);
    assert!(!machine.path("etc/intercessor").exists() && !machine.path("usr").exists());
}

/// Its user is there, and nobody else can read the configuration.
fn belongs_to_the_relay(machine: &Machine) {
    let users = fs::read_to_string(machine.path("etc/passwd")).expect("readable");
    assert!(users.contains("intercessor:x:"), "{users}");
    assert!(users.contains("nologin"), "{users}");
    for (path, mode) in [
        ("etc/intercessor", 0o750),
        ("etc/intercessor/relay.yaml", 0o640),
    ] {
        let metadata = fs::metadata(machine.path(path)).expect("there");
        assert_eq!(metadata.mode() & 0o7777, mode, "{path}");
    }
}

/// Does what the shipped configuration says, which is no configuration before that.
fn configure(machine: &Machine) {
    let config = machine.path("etc/intercessor/relay.yaml");
    let program = machine.path("usr/bin/intercessor");
    let check = |status: i32| {
        let checked = output(Command::new(&program).args(["check", "-c"]).arg(&config));
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert_eq!(checked.status.code(), Some(status), "{said}");
        said
    };
    let said = check(78);
    assert!(
        said.contains("relay.yaml:") && said.contains("intercessor hash"),
        "{said}"
    );
    let hashed = "printf 'open sesame\\n' | \"$0\" hash";
    let hash = succeed(Command::new("sh").args(["-c", hashed]).arg(&program));
    let text = fs::read_to_string(&config).expect("readable");
    let passphrase = text.replace("'HASH'", &format!("'{}'", hash.trim()));
    assert_ne!(text, passphrase);
    fs::write(&config, passphrase).expect("written");
    check(0);
}

/// Runs the installed program by its installed configuration, but for the ports, which others may have.
fn run(machine: &Machine) {
    let text = fs::read_to_string(machine.path("etc/intercessor/relay.yaml")).expect("readable");
    let dir = tempfile::tempdir().expect("a directory");
    let free = text
        .replace("127.0.0.1:8080", "127.0.0.1:0")
        .replace("127.0.0.1:9180", "127.0.0.1:0");
    fs::write(dir.path().join("relay.yaml"), free).expect("written");
    let mut installed = Command::new(machine.path("usr/bin/intercessor"));
    installed
        .args(["-c", "relay.yaml"])
        .current_dir(dir.path())
        .env_remove("RUST_LOG");
    let mut relay = Process::run(installed);
    let url = relay.listening_url();
    fs::write(dir.path().join("passphrase"), "open sesame\n").expect("written");
    let server = command()
        .args([
            "connect",
            &format!("{url}/server"),
            "--passphrase-file",
            "passphrase",
        ])
        .current_dir(dir.path())
        .stdin(std::process::Stdio::null())
        .output()
        .expect("runs");
    assert!(
        String::from_utf8_lossy(&server.stdout).contains("HELLO"),
        "{server:?}"
    );
    relay.signal("TERM");
    assert_eq!(relay.wait().code(), Some(0));
}

#[test]
fn lintian_finds_no_fault_in_it() {
    let said = succeed(
        Command::new("lintian")
            // It is not for Debian's own archive, where a first upload closes a bug.
            .args([
                "--fail-on",
                "error,warning",
                "--allow-root",
                "--suppress-tags",
                "initial-upload-closes-no-bugs",
            ])
            .arg(&*FIRST),
    );
    assert!(said.trim().is_empty(), "{said}");
}
