//! Transports: how envelopes come and go.
//!
//! A transport knows bytes, limits and close codes; it knows no ids, rooms or JSON. Each turns a handshake
//! into a [`Connection`]: a receive half, a send half, and lanes beside the ordered one where it has them.

pub mod admission;
mod demo;
pub mod forwarded;
pub mod http;
pub mod origin;
pub mod page;
pub mod websocket;
pub mod webtransport;

use std::{io, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    envelope::Text,
    outbox::{Close, Port},
};

/// How long a connection whose last words are written may take to go away by itself. Closing earlier would
/// reset it, and a reset eats what the peer has not read yet.
pub const LINGER: Duration = Duration::from_secs(2);

/// The two halves of a connection whose handshake is done.
pub struct Connection<R, T> {
    /// What comes.
    pub receiver: R,
    /// What goes, in order.
    pub transmitter: T,
    /// How others than the task of its session write to it, where it can be written to without waiting.
    pub port: Option<Arc<dyn Port>>,
    /// What goes beside that order, where the transport can and the peer wants it.
    pub lanes: Option<webtransport::Lanes>,
}

/// What a receive half yields.
#[derive(Debug)]
pub enum Received {
    /// An envelope.
    Envelope {
        /// Its text, at most `limits.message_bytes` long.
        text: Text,
        /// Did it come on the ordered lane?
        ordered: bool,
    },
    /// A sign of life without an envelope.
    Alive,
    /// Nothing comes any more.
    End(End),
}

/// Why nothing comes any more.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// The peer has left.
    Clean,
    /// The connection broke.
    Broken,
    /// The peer does not answer pings.
    Silent,
    /// The peer broke the rules of its transport: it is to be closed with this.
    Violation(Close),
}

/// The receive half of a connection.
pub trait Receive: Send {
    /// The next that comes. Dropping the future loses nothing.
    fn receive(&mut self) -> impl Future<Output = Received> + Send;

    /// When the peer was last heard, or `None` where the transport watches over silence itself.
    fn heard(&self) -> Option<Instant>;

    /// The peer has had its HELLO: lanes other than the ordered one are read from now on.
    fn open_lanes(&mut self);

    /// Reads and throws away until nothing comes any more.
    fn discard(&mut self) -> impl Future<Output = ()> + Send;
}

/// The send half of a connection.
pub trait Transmit: Send {
    /// Writes these in order, and flushes once.
    fn send(&mut self, batch: &[Text]) -> impl Future<Output = io::Result<()>> + Send;

    /// Asks the peer for a sign of life.
    fn ping(&mut self) -> impl Future<Output = io::Result<()>> + Send;

    /// Writes the last words, closes with the code where the transport has one, and ends this direction.
    fn goodbye(&mut self, bye: Text, close: &Close) -> impl Future<Output = io::Result<()>> + Send;

    /// Ends what could not be ended in time, and still tells the code where the transport can beside what waits.
    fn cut(&mut self, close: &Close) -> impl Future<Output = ()> + Send;

    /// Ends this direction after the peer has ended its own.
    fn hang_up(&mut self) -> impl Future<Output = io::Result<()>> + Send;
}

fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, error)
}
