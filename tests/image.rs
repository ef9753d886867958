//! The container image, without an engine: its final stage is read, its root made as the build stage makes it, and the
//! program run in there as the image's user, and nothing else.
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
};

use common::{
    process::{Process, command},
    tools::{files, output, repository, succeed},
};
use tempfile::TempDir;

/// Docker's final stage.
struct Stage(Vec<(String, String)>);

impl Stage {
    /// The last one of the Dockerfile, line by line.
    fn last() -> Self {
        let text = fs::read_to_string(repository().join("packaging/Dockerfile"));
        let text = text.expect("readable").replace("\\\n", " ");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let all: Vec<_> = lines.filter_map(|line| line.split_once(' ')).collect();
        let from = all.iter().rposition(|(name, _)| *name == "FROM");
        let last = &all[from.expect("a stage")..];
        let owned = |(name, rest): &(&str, &str)| ((*name).to_owned(), rest.trim().to_owned());
        Self(last.iter().map(owned).collect())
    }

    /// What an instruction that is there once says.
    fn one(&self, name: &str) -> &str {
        let mut found = self.0.iter().filter(|it| it.0 == name);
        let (_, rest) = found.next().unwrap_or_else(|| panic!("no {name}"));
        assert!(found.next().is_none(), "{name} is there twice");
        rest
    }

    /// A command in the form that needs no shell.
    fn command(&self, name: &str) -> Vec<String> {
        let rest = self.one(name);
        let json = rest.find('[').map(|at| &rest[at..]).unwrap_or_default();
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

/// The image's root, in a folder.
struct Image {
    stage: Stage,
    dir: TempDir,
}

impl Image {
    /// By the build stage's own script, of the program that the tests have.
    fn build() -> Self {
        let stage = Stage::last();
        assert_eq!(stage.one("FROM"), "scratch");
        assert_eq!(stage.one("COPY"), "--from=build /image /");
        let text = fs::read_to_string(repository().join("packaging/Dockerfile"));
        let script = "sh packaging/docker/root.sh target/release/intercessor /image\n";
        assert!(text.expect("readable").contains(script));
        let dir = tempfile::tempdir().expect("a directory");
        let image = Self { stage, dir };
        fs::create_dir(image.root()).expect("a folder");
        succeed(
            Command::new("sh")
                .args([
                    "packaging/docker/root.sh",
                    env!("CARGO_BIN_EXE_intercessor"),
                ])
                .arg(image.root())
                .current_dir(repository()),
        );
        image
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    /// Something that is run in there as the image's user: by root itself, or in a user namespace.
    fn inside(&self, words: &[String]) -> Command {
        let (user, group) = self
            .stage
            .one("USER")
            .split_once(':')
            .expect("a user and a group");
        let is_root = fs::metadata("/proc/self").expect("a process").uid() == 0;
        let mut inside = if is_root {
            let mut chroot = Command::new("chroot");
            chroot
                .arg(format!("--userspec={user}:{group}"))
                .arg(self.root());
            chroot
        } else {
            let mut unshare = Command::new("unshare");
            unshare
                .arg(format!("--map-user={user}"))
                .arg(format!("--map-group={group}"))
                .arg(format!("--root={}", self.root().display()));
            unshare
        };
        // As Docker does it.
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        inside.args(words).env_clear().env("PATH", path);
        inside
    }

    /// What the image runs.
    fn main(&self) -> Command {
        let words = [self.stage.command("ENTRYPOINT"), self.stage.command("CMD")].concat();
        self.inside(&words)
    }

    /// The same by another command of the program's.
    fn main_with(&self, words: &[&str]) -> Command {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        self.inside(&[self.stage.command("ENTRYPOINT"), words].concat())
    }
}

const CONFIG: &str = "etc/intercessor/relay.yaml";
const HASH: &str = "INTERCESSOR_HASH";

fn hash() -> String {
    let hash = intercessor::passphrase::Hash::make("open sesame").expect("a hash");
    hash.as_str().to_owned()
}

#[test]
fn there_is_nothing_in_it_but_the_program_its_libraries_and_its_configuration() {
    let image = Image::build();
    let found = files(&image.root());
    let own = |path: &PathBuf| {
        [CONFIG, "etc/passwd", "etc/group", "usr/bin/intercessor"]
            .iter()
            .any(|it| path == Path::new(it))
    };
    let (own, libraries): (Vec<_>, Vec<_>) = found.iter().partition(|path| own(path));
    assert_eq!(own.len(), 4, "{found:?}");
    let of_libc = ["ld-linux", "libc.so", "libm.so", "libgcc_s.so"];
    for library in libraries {
        let name = library
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        assert!(of_libc.iter().any(|it| name.starts_with(it)), "{library:?}");
    }
    let (user, group) = image.stage.one("USER").split_once(':').expect("both");
    for id in [user, group] {
        assert!(id.parse::<u32>().is_ok_and(|id| id > 0), "{id}");
    }
    let users = fs::read_to_string(image.root().join("etc/passwd")).expect("readable");
    assert!(
        users.starts_with(&format!("intercessor:x:{user}:{group}:")),
        "{users}"
    );
}

#[test]
fn its_own_configuration_wants_a_passphrase_and_no_more() {
    let image = Image::build();
    let check = ["check", "-c", "/etc/intercessor/relay.yaml"];
    let without = output(&mut image.main_with(&check));
    let said = String::from_utf8_lossy(&without.stderr).into_owned();
    assert_eq!(without.status.code(), Some(78), "{said}");
    assert!(said.contains(HASH), "{said}");
    succeed(image.main_with(&check).env(HASH, hash()));
    // What it asks and opens is what the image says that it does.
    let text = fs::read_to_string(image.root().join(CONFIG)).expect("readable");
    assert!(text.contains("bind: 0.0.0.0:8080"), "{text}");
    assert!(
        image
            .stage
            .one("EXPOSE")
            .split(' ')
            .any(|port| port == "8080/tcp")
    );
    let health = image.stage.command("HEALTHCHECK");
    let asked = health.last().expect("a URL").strip_prefix("http://");
    let (address, path) = asked.and_then(|it| it.split_once('/')).expect("an address");
    assert!(
        text.contains(&format!("admin: {{ bind: {address} }}")),
        "{address}"
    );
    assert_eq!(path, "readyz");
}

#[test]
fn it_runs_with_a_mounted_configuration_is_healthy_and_stops_as_docker_asks_it_to() {
    let image = Image::build();
    let config = image.root().join(CONFIG);
    let text = fs::read_to_string(&config).expect("readable");
    // Others may have the ports.
    let mounted = text
        .replace("0.0.0.0:8080", "127.0.0.1:0")
        .replace("127.0.0.1:9180", "127.0.0.1:0");
    fs::write(&config, format!("{mounted}timeouts: {{ drain: 5m }}\n")).expect("written");
    fs::set_permissions(&config, fs::Permissions::from_mode(0o444)).expect("set");
    let mut start = image.main();
    start.env(HASH, hash());
    let mut relay = Process::run(start);
    let url = relay.listening_url();
    let admin = relay.line_with("transport=admin");
    let admin = admin.split("url=").nth(1).expect("a URL").to_owned();
    let mut health = image.stage.command("HEALTHCHECK");
    let asked = health.last_mut().expect("a URL");
    *asked = asked.replace("http://127.0.0.1:9180", &admin);
    let healthy = || output(&mut image.inside(&health)).status.code();
    assert_eq!(healthy(), Some(0));
    let dir = tempfile::tempdir().expect("a directory");
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
    let signal = image.stage.one("STOPSIGNAL").strip_prefix("SIG");
    relay.signal(signal.expect("a signal"));
    assert_eq!(relay.wait().code(), Some(0));
    assert_eq!(healthy(), Some(1));
}
