//! What a peer says and hears that comes back, wherever it is connected to.

use intercessor::client::{Event, Options, Peer, Trust};
use serde_json::{Value, json};

use super::TestPeer;

/// A peer at a URL that need not be the relay's own.
pub async fn peer_at(url: &str) -> TestPeer {
    TestPeer {
        peer: Peer::connect(url, anything()).await.expect("connects"),
        id: String::new(),
    }
}

/// No certificate is looked at.
pub fn anything() -> Options {
    Options {
        trust: Trust::Anything,
        ..Options::default()
    }
}

/// Says RESUME. The message of HELLO; `None`: the connection broke before.
pub async fn resume(peer: &mut Peer, token: &str, received: u64) -> Option<Value> {
    let message = json!({ "token": token, "received": received });
    let resume = json!({ "to": "0", "type": "RESUME", "message": message });
    peer.send(&resume.to_string()).await.ok()?;
    let Event::Envelope(text) = peer.receive().await else {
        return None;
    };
    let mut envelope: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(envelope["type"], "HELLO", "{envelope}");
    Some(envelope["message"].take())
}

/// The token of a HELLO.
pub fn token(hello: &Value) -> String {
    let token = hello["resume"]["token"].as_str();
    token.expect("a token").to_owned()
}
