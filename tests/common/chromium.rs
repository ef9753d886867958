//! A headless Chromium that a test looks into, by the DevTools protocol.

use std::{path::Path, process::Stdio};

use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use super::PATIENCE;

/// A headless Chromium with this profile, not started yet. It is killed when dropped.
pub fn command(profile: &Path) -> Command {
    let mut command = Command::new("chromium");
    command
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Starts what [`command`] has made.
pub fn start(command: &mut Command) -> Child {
    command
        .spawn()
        .expect("chromium is installed; `cargo xtask test` does it")
}

/// One page of a Chromium.
pub struct Page {
    _browser: Child,
    _profile: TempDir,
    socket: WebSocketStream<TcpStream>,
    session: Option<String>,
    calls: u64,
    /// What it has told without being asked.
    events: Vec<Value>,
}

impl Page {
    /// An empty page, of which what goes wrong and what is asked of the network is noted.
    pub async fn open() -> Self {
        let profile = tempfile::tempdir().expect("a directory");
        let mut browser = start(
            command(profile.path())
                .arg("--remote-debugging-port=0")
                .stderr(Stdio::piped()),
        );
        let stderr = browser.stderr.take().expect("a pipe");
        let url = timeout(PATIENCE, devtools_url(stderr))
            .await
            .expect("Chromium tells where it listens in time");
        let address = url.split('/').nth(2).expect("an address");
        let stream = TcpStream::connect(address).await.expect("connects");
        let (socket, _) = client_async(url.as_str(), stream).await.expect("upgrades");
        let mut page = Self {
            _browser: browser,
            _profile: profile,
            socket,
            session: None,
            calls: 0,
            events: Vec::new(),
        };
        let blank = json!({ "url": "about:blank" });
        let target = page.call("Target.createTarget", blank).await["targetId"].take();
        let attach = json!({ "targetId": target, "flatten": true });
        let session = page.call("Target.attachToTarget", attach).await["sessionId"].take();
        page.session = session.as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), json!({})).await;
        }
        page
    }

    /// Calls a method of the protocol, and returns its result.
    pub async fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.calls += 1;
        let mut call = json!({ "id": self.calls, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            call["sessionId"] = session.as_str().into();
        }
        let sent = self.socket.send(Message::text(call.to_string())).await;
        sent.expect("Chromium listens");
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await;
            let message = message.expect("Chromium answers in time");
            let message = message.expect("Chromium lives").expect("a message");
            let mut answer: Value = serde_json::from_slice(&message.into_data()).expect("JSON");
            if answer["id"] == self.calls {
                assert_eq!(answer["error"], Value::Null, "{method}");
                return answer["result"].take();
            }
            self.events.push(answer);
        }
    }

    /// Leads it to a URL.
    pub async fn go(&mut self, url: &str) {
        self.call("Page.navigate", json!({ "url": url })).await;
    }

    /// The value of an expression in the page.
    pub async fn value(&mut self, expression: &str) -> Value {
        let parameters =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut result = self.call("Runtime.evaluate", parameters).await;
        let exception = &result["exceptionDetails"];
        assert_eq!(*exception, Value::Null, "{expression}");
        result["result"]["value"].take()
    }

    /// Waits until an expression is true in the page.
    pub async fn until(&mut self, expression: &str) {
        let waited = timeout(PATIENCE, async {
            while self.value(expression).await != true {
                tokio::task::yield_now().await;
            }
        });
        if waited.await.is_err() {
            let text = self.value("document.body.innerText").await;
            panic!("never true: {expression}\n{text}");
        }
    }

    /// Shows it as on a screen of this size, in `dark` or `light`.
    pub async fn screen(&mut self, width: u32, height: u32, scheme: &str) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", metrics)
            .await;
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        )
        .await;
    }

    /// Writes a picture of the whole page.
    pub async fn picture(&mut self, path: &Path) {
        let parameters = json!({ "captureBeyondViewport": true });
        let result = self.call("Page.captureScreenshot", parameters).await;
        let png = BASE64_STANDARD.decode(result["data"].as_str().expect("a picture"));
        std::fs::write(path, png.expect("base64")).expect("written");
    }

    /// What went wrong in the page, as its console would show it.
    pub fn errors(&self) -> Vec<&Value> {
        let wrong = |event: &&Value| {
            event["method"] == "Runtime.exceptionThrown"
                || event["method"] == "Log.entryAdded"
                || event["method"] == "Runtime.consoleAPICalled"
        };
        self.events.iter().filter(wrong).collect()
    }

    /// Every URL that it has asked for.
    pub fn asked(&self) -> Vec<&str> {
        let requests = self
            .events
            .iter()
            .filter(|event| event["method"] == "Network.requestWillBeSent");
        requests
            .filter_map(|event| event["params"]["request"]["url"].as_str())
            .collect()
    }
}

async fn devtools_url(stderr: impl tokio::io::AsyncRead + Unpin) -> String {
    let mut lines = BufReader::new(stderr).lines();
    loop {
        let line = lines.next_line().await.expect("readable");
        let line = line.expect("Chromium lives");
        if let Some(url) = line.strip_prefix("DevTools listening on ") {
            return url.to_owned();
        }
    }
}
