//! The program itself, run beside the test.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
};

use super::{PATIENCE, raw::UPGRADE};

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
        let mut command = command();
        command
            .args(["-c", "relay.yaml"])
            .current_dir(dir)
            .envs(environment.iter().copied());
        Self::run(command)
    }

    /// Runs a command that is a relay, or becomes one.
    pub fn run(mut command: Command) -> Self {
        let mut child = command
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

/// A connection on which this was asked.
pub fn ask(url: &str, request: &str) -> TcpStream {
    let address = url.trim_start_matches("ws://");
    let mut stream = TcpStream::connect(address).expect("connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("written");
    stream
}

/// A server's session; what it is told is read up to its HELLO.
pub fn session(url: &str) -> TcpStream {
    let mut stream = ask(url, &format!("GET /server HTTP/1.1\r\n{UPGRADE}\r\n"));
    let mut read = Vec::new();
    let hello = b"HELLO";
    while !read.windows(hello.len()).any(|it| it == hello) {
        let mut some = [0; 512];
        let bytes = stream.read(&mut some).expect("something comes in time");
        assert!(bytes > 0, "{}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&some[..bytes]);
    }
    stream
}
