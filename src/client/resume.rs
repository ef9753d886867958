//! A peer that comes back by itself when its connection breaks.

use std::{collections::VecDeque, time::Duration};

use serde::Deserialize;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use super::{CONNECT_TIMEOUT, Error, Event, Options, Peer};
use crate::envelope;

/// Envelopes that are kept because the relay has not taken them in yet.
const MAX_KEPT: usize = 1024;
/// Envelopes that are taken in before the relay is told.
const ACK_EVERY: u64 = 32;
/// The first wait between two tries, at most. It doubles with each try.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A peer that comes back by itself when its connection breaks, for as long as the relay keeps its session. Nothing that
/// it sends or is sent is lost, doubled or reordered.
#[derive(Debug)]
pub struct ResumingPeer {
    /// Where sessions are resumed.
    url: Url,
    options: Options,
    peer: Option<Peer>,
    offer: Offer,
    /// How many envelopes were received that count.
    received: u64,
    /// How many of the first that were sent the relay is known to have.
    acknowledged: u64,
    /// What was sent after those.
    kept: VecDeque<String>,
    /// Is the relay to be told how many were received?
    unsaid: bool,
    /// When the connection broke, and how often it was tried since to come back.
    broken: Option<(Instant, u32)>,
}

/// `resume` of a HELLO.
#[derive(Debug, Deserialize)]
struct Offer {
    token: String,
    window: f64,
    #[serde(default)]
    received: u64,
}

/// Why a try to come back failed.
enum Failed {
    /// It may go well the next time.
    ForNow,
    /// It never will.
    ForGood(Event),
}

impl ResumingPeer {
    /// Connects as [`Peer::connect`] does, and returns HELLO too.
    ///
    /// # Errors
    /// Where the first connection fails, or the relay does not resume sessions.
    pub async fn connect(url: &str, options: Options) -> Result<(Self, String), Error> {
        let mut url =
            Url::parse(url).map_err(|error| Error::new(format!("`{url}` is no URL: {error}")))?;
        // Only what comes in order is counted, and sent again.
        url.query_pairs_mut()
            .append_key_only("resume")
            .append_key_only("ordered");
        let mut peer = Peer::connect(url.as_str(), options.clone()).await?;
        let hello = match peer.receive().await {
            Event::Envelope(hello) => hello,
            _ => return Err(Error::new("the relay closed the connection")),
        };
        let offer = offer(&hello).ok_or_else(|| match super::bye(&hello) {
            Some((code, reason)) => Error::new(format!("closed: {code} {reason}")),
            None => Error::new("this relay does not resume sessions"),
        })?;
        url.set_path("/resume");
        url.set_query(Some("ordered"));
        let resuming = Self {
            url,
            options,
            peer: Some(peer),
            offer,
            received: 0,
            acknowledged: 0,
            kept: VecDeque::new(),
            unsaid: false,
            broken: None,
        };
        Ok((resuming, hello))
    }

    /// Sends the text of an envelope, now or when the peer has come back.
    ///
    /// # Errors
    /// Where so much is kept already that the relay has not taken in.
    pub async fn send(&mut self, text: &str) -> Result<(), Error> {
        if envelope::counts(text) {
            if self.kept.len() >= MAX_KEPT {
                return Err(Error::new("the relay takes nothing in: send again later"));
            }
            self.kept.push_back(text.to_owned());
        }
        self.write(text).await;
        Ok(())
    }

    /// Writes where there is a connection. One that fails, or is given up half-way with this future, is of no use any
    /// more: what was not written would be missing in the order, and half a line would be part of the next.
    async fn write(&mut self, text: &str) {
        if let Some(mut peer) = self.peer.take()
            && peer.send(text).await.is_ok()
        {
            self.peer = Some(peer);
        }
    }

    /// The next that comes, [`Event::Resumed`] after each break that was survived. Dropping the future loses nothing.
    pub async fn receive(&mut self) -> Event {
        loop {
            // Before something is received, and not after, so that nothing is held while this waits.
            if std::mem::take(&mut self.unsaid) {
                let ack = command("ACK", &serde_json::json!({ "received": self.received }));
                self.write(&ack).await;
            }
            let Some(peer) = &mut self.peer else {
                return match self.come_back().await {
                    Ok(()) => Event::Resumed,
                    Err(end) => end,
                };
            };
            match peer.receive().await {
                Event::Envelope(text) => {
                    if let Some(text) = self.take_in(text) {
                        return Event::Envelope(text);
                    }
                }
                // The relay had given this connection up, and keeps the session.
                Event::Closed { code: 4408, .. } | Event::Broken(_) => self.peer = None,
                end => return end,
            }
        }
    }

    /// Leaves cleanly, where the peer is connected.
    pub async fn leave(self) {
        if let Some(peer) = self.peer {
            peer.leave().await;
        }
    }

    /// Counts an envelope, and keeps the relay's acknowledgements to itself.
    fn take_in(&mut self, text: String) -> Option<String> {
        if let Some(received) = acknowledgement(&text) {
            self.let_go(received);
            return None;
        }
        if envelope::counts(&text) {
            self.received += 1;
            if self.received.is_multiple_of(ACK_EVERY) {
                self.unsaid = true;
            }
        }
        Some(text)
    }

    /// The relay has so many of what was sent.
    fn let_go(&mut self, received: u64) {
        while self.acknowledged < received && self.kept.pop_front().is_some() {
            self.acknowledged += 1;
        }
    }

    /// Tries to come back, with full jitter between the tries, until the session cannot be there any more.
    async fn come_back(&mut self) -> Result<(), Event> {
        let window = Duration::try_from_secs_f64(self.offer.window).unwrap_or_default();
        loop {
            let (since, tries) = self.broken.unwrap_or((Instant::now(), 0));
            self.broken = Some((since, tries + 1));
            if since.elapsed() > window {
                return Err(Event::Broken(
                    "the connection broke, and could not be resumed in time".to_owned(),
                ));
            }
            if tries > 0 {
                let longest = FIRST_WAIT
                    .saturating_mul(1 << tries.min(16))
                    .min(LONGEST_WAIT);
                sleep(longest.mul_f64(rand::random())).await;
            }
            match self.resume().await {
                Ok(()) => {
                    self.broken = None;
                    return Ok(());
                }
                Err(Failed::ForNow) => {}
                Err(Failed::ForGood(end)) => return Err(end),
            }
        }
    }

    /// One try: RESUME, HELLO, and what the relay has not taken in.
    async fn resume(&mut self) -> Result<(), Failed> {
        let connected = Peer::connect(self.url.as_str(), self.options.clone()).await;
        let mut peer = connected.map_err(|_| Failed::ForNow)?;
        let resume = serde_json::json!({ "token": self.offer.token, "received": self.received });
        let resume = command("RESUME", &resume);
        peer.send(&resume).await.map_err(|_| Failed::ForNow)?;
        let hello = match timeout(CONNECT_TIMEOUT, peer.receive()).await {
            Ok(Event::Envelope(hello)) => hello,
            _ => return Err(Failed::ForNow),
        };
        match super::bye(&hello) {
            None => {}
            // The RESUME did not arrive in time, and the session waits for the next one.
            Some((4401, _)) => return Err(Failed::ForNow),
            Some((code, reason)) => {
                return Err(Failed::ForGood(Event::Closed { code, reason }));
            }
        }
        self.offer = offer(&hello).ok_or(Failed::ForNow)?;
        self.let_go(self.offer.received);
        for text in &self.kept {
            peer.send(text).await.map_err(|_| Failed::ForNow)?;
        }
        // It tells the relay that the new token has arrived.
        let ack = command("ACK", &serde_json::json!({ "received": self.received }));
        peer.send(&ack).await.map_err(|_| Failed::ForNow)?;
        self.peer = Some(peer);
        Ok(())
    }
}

/// An envelope to the relay itself.
fn command(kind: &str, message: &serde_json::Value) -> String {
    serde_json::json!({ "to": "0", "type": kind, "message": message }).to_string()
}

fn offer(hello: &str) -> Option<Offer> {
    let hello: serde_json::Value = serde_json::from_str(hello).ok()?;
    Offer::deserialize(&hello["message"]["resume"]).ok()
}

/// How many the relay has taken in, where this is its ACK.
fn acknowledgement(text: &str) -> Option<u64> {
    if !text.starts_with(r#"{"from":"0","type":"ACK""#) {
        return None;
    }
    let ack: serde_json::Value = serde_json::from_str(text).ok()?;
    ack["message"]["received"].as_u64()
}
