//! The program itself, run beside the test.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
};

use super::PATIENCE;

/// The program under test, without what the test's own environment says of logs.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_intercessor"));
    command.env_remove("RUST_LOG");
    command
}

/// A relay as a process. It is killed when dropped.
pub struct Process {
    child: Child,
    lines: Receiver<String>,
    log: String,
}

impl Process {
    /// Runs `relay.yaml` of a directory.
    pub fn relay(dir: &Path, environment: &[(&str, &str)]) -> Self {
        let mut child = command()
            .args(["-c", "relay.yaml"])
            .current_dir(dir)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                _ = sender.send(line);
            }
        });
        Self {
            child,
            lines,
            log: String::new(),
        }
    }

    /// The next line of the log that has this text.
    pub fn line_with(&mut self, text: &str) -> String {
        loop {
            let line = self
                .lines
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|_| panic!("no line with {text:?} in\n{}", self.log));
            self.log.push_str(&line);
            self.log.push('\n');
            if line.contains(text) {
                return line;
            }
        }
    }

    /// What the next `listening` line says after that word.
    pub fn listening(&mut self) -> String {
        let line = self.line_with(" listening ");
        line.split(" listening ").nth(1).expect("fields").to_owned()
    }

    /// The URL of the next `listening` line.
    pub fn listening_url(&mut self) -> String {
        let fields = self.listening();
        fields.split("url=").nth(1).expect("a URL").to_owned()
    }

    /// Sends a signal by its name without SIG.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("ends")
    }

    /// Everything that it has logged; only whole after its end.
    pub fn log(&mut self) -> &str {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.log.push_str(&line);
            self.log.push('\n');
        }
        &self.log
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
