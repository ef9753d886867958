//! The configuration file: YAML as written, checked, and turned once into resolved values.
//!
//! [`Config::examine`] reports every problem of a file at once, each with its place. Nothing below this
//! module sees YAML, units or relative paths again.

mod address;
mod bounds;
mod descriptions;
mod environment;
mod files;
mod ice_servers;
mod ids;
mod json_schema;
mod listeners;
mod load;
mod problem;
mod proxies;
mod reader;
mod schemas;
mod section;
mod servers;
mod shape;
mod units;
mod urls;
mod value;
mod yaml;

#[cfg(test)]
mod tests;

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;

use crate::passphrase::Hash;

pub use self::{
    load::Examined,
    problem::{Problem, Problems},
    proxies::{AddressFrom, Proxies},
    units::duration as parse_duration,
};

/// A checked configuration. Paths are absolute or relative to the working directory, durations and
/// sizes are resolved, `${NAME}` is replaced.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that it was read from.
    pub path: PathBuf,
    /// Where the relay listens; never empty.
    pub listeners: Vec<Listener>,
    /// Who may be a server.
    pub servers: Servers,
    /// `serverInfo` of every HELLO, as JSON text.
    pub server_info: Option<String>,
    /// How ids are made.
    pub ids: Ids,
    /// Every wait that has a bound.
    pub timeouts: Timeouts,
    /// Whether and how a broken connection is resumed; `None`: not at all.
    pub resume: Option<Resume>,
    /// Every bound that is not a time.
    pub limits: Limits,
    /// The message types.
    pub schemas: Schemas,
    /// `iceServers` of every HELLO.
    pub ice_servers: Vec<IceServer>,
    /// Where operators look at the relay; `None`: nowhere.
    pub admin: Option<Admin>,
    /// Logging.
    pub log: Log,
}

/// A place in a configuration file, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Location {
    /// Line.
    pub line: u64,
    /// Column, in characters.
    pub column: u64,
}

impl Location {
    /// Where a file begins.
    pub const START: Self = Self { line: 1, column: 1 };
}

/// One listener: a transport on one or more addresses.
#[derive(Debug, Clone)]
pub struct Listener {
    /// What is spoken there.
    pub transport: Transport,
    /// Where; never empty. One port 0 is one port for all of them.
    pub bind: Vec<Bind>,
    /// With which certificate.
    pub tls: Tls,
    /// Which `Origin` a browser may come from.
    pub origins: Origins,
    /// The URL that discovery tells instead of one made from the request, without a trailing slash.
    pub public_url: Option<String>,
    /// The proxies in front of it that tell the addresses of peers; `None`: a peer has its connection's own.
    pub proxies: Option<Proxies>,
    /// Has it a page at `/` to try the relay out? Never with WebTransport.
    pub demo: bool,
    /// Where the file says so.
    pub at: Location,
}

/// What a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// RFC 6455 over TCP, with or without TLS.
    WebSocket,
    /// HTTP/3 extended CONNECT over QUIC.
    WebTransport,
}

impl Transport {
    /// Both.
    pub const ALL: [Self; 2] = [Self::WebSocket, Self::WebTransport];

    /// Its name in the configuration, in logs, metrics and discovery.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::WebTransport => "webtransport",
        }
    }

    /// What it is carried by.
    pub fn protocol(self) -> &'static str {
        match self {
            Self::WebSocket => "TCP",
            Self::WebTransport => "UDP",
        }
    }
}

/// The listener for operators: plain HTTP.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Where; never empty.
    pub bind: Vec<Bind>,
    /// Where the file says so.
    pub at: Location,
}

/// A host (an address without brackets, or a name that means all its addresses) and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bind {
    /// `127.0.0.1`, `::` or `localhost`.
    pub host: String,
    /// 0 lets the system choose.
    pub port: u16,
}

/// Where a listener's certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Plain TCP; never with WebTransport.
    Off,
    /// PEM files.
    Files {
        /// The certificate chain, leaf first.
        cert: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// Made in memory for these names and addresses, renewed by itself.
    SelfSigned(Vec<String>),
}

/// Allowed values of `Origin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// No `origins` in the file.
    Any,
    /// Serialized origins as browsers send them, lower case; `https://*.app.example` stands for every subdomain.
    Listed(Vec<String>),
}

/// Who may be a server.
#[derive(Debug, Clone)]
pub enum Servers {
    /// Anyone.
    Open,
    /// Who knows one of these; never empty, names unique.
    Passphrases(Vec<Entry>),
}

/// One passphrase.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Picks this entry at login.
    pub name: String,
    /// What the passphrase is checked against.
    pub hash: Hash,
    /// A fixed server id.
    pub id: Option<String>,
    /// What happens when that id is connected.
    pub on_conflict: OnConflict,
}

/// What a login does when its fixed id is connected already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnConflict {
    /// The old session ends with 4409.
    Replace,
    /// The new one is refused with 1013.
    Reject,
}

/// How ids are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids {
    /// Of servers: at least 64 bits of entropy, since knowing one is the right to join.
    pub server: IdStyle,
    /// Of clients.
    pub client: IdStyle,
}

/// A way to make ids; what it makes is 1 to 64 of `A-Z a-z 0-9 _ -`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdStyle {
    /// Random characters.
    Nanoid {
        /// How many.
        length: usize,
        /// Out of these, each once; at least 2.
        alphabet: Vec<char>,
    },
    /// Random words joined by `-`.
    Words {
        /// How many.
        words: usize,
    },
}

/// Every wait that has a bound; `None` is `off`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// Accept to the end of TLS and upgrade.
    pub handshake: Duration,
    /// To the arrival of LOGIN.
    pub login: Duration,
    /// Silence that ends a server's session.
    pub idle_server: Option<Duration>,
    /// Silence that ends a client's session.
    pub idle_client: Option<Duration>,
    /// Silence after which the relay pings.
    pub ping: Option<Duration>,
    /// How long a peer may take to answer that.
    pub pong: Duration,
    /// How long an ending session may take to write what it still has.
    pub drain: Duration,
}

/// How a broken connection is resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    /// For how long a session waits.
    pub window: Duration,
    /// What is kept of what was sent and is not acknowledged, for each session.
    pub buffer: QueueBound,
}

/// Every bound that is not a time; `None` is `off`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest message, in bytes.
    pub message_bytes: usize,
    /// What an invalid envelope costs.
    pub on_invalid: OnInvalid,
    /// Connections of all listeners together.
    pub connections: usize,
    /// Connections from one address (IPv6: one /64).
    pub connections_per_address: Option<usize>,
    /// Server sessions.
    pub servers: usize,
    /// Client sessions of one server.
    pub clients_per_server: usize,
    /// What a client, or an open server, may send.
    pub messages_per_second: Option<Rate>,
    /// What may wait for one peer.
    pub outbound_queue: QueueBound,
    /// What may wait for all peers together, in bytes.
    pub queued_bytes: usize,
    /// How many logins may fail.
    pub failed_logins: Option<FailedLogins>,
}

/// What an invalid envelope costs its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnInvalid {
    /// An ERROR.
    Reject,
    /// The session, with 4400.
    Disconnect,
}

/// A token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Messages a second; at least 1.
    pub rate: u32,
    /// Messages at once; at least 1.
    pub burst: u32,
    /// What happens over it.
    pub on_excess: OnExcess,
}

/// What happens to a peer over its rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExcess {
    /// Nothing more is read from it until it is within the rate.
    Wait,
    /// An ERROR.
    Reject,
    /// 4429.
    Disconnect,
}

/// A bound in messages and bytes, whichever is met first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueBound {
    /// Messages.
    pub messages: usize,
    /// Bytes.
    pub bytes: usize,
}

/// A bound on failed logins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailedLogins {
    /// Failures from one address (IPv6: one /64) within the window.
    pub per_address: u32,
    /// Counted from the first failure.
    pub window: Duration,
}

/// The message types.
#[derive(Debug, Clone)]
pub struct Schemas {
    /// By name, in the order of the file.
    pub types: Vec<MessageType>,
    /// Whether other types pass.
    pub unknown_types: UnknownTypes,
    /// Whether `format` is asserted.
    pub formats: bool,
}

/// Whether a type without an entry passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownTypes {
    /// It does.
    Allow,
    /// It is refused with `UNKNOWN_TYPE`.
    Reject,
}

/// One message type.
#[derive(Debug, Clone)]
pub struct MessageType {
    /// The `type` of its envelopes.
    pub name: String,
    /// What its `message` must meet. `None` where the file gives the type only a lane or a bound.
    pub schema: Option<Source>,
    /// May a server send it?
    pub from_server: bool,
    /// May a client send it?
    pub from_client: bool,
    /// A bound of `message` as sent.
    pub max_bytes: Option<usize>,
    /// The lane to the recipient.
    pub delivery: Delivery,
    /// What a violation costs.
    pub on_violation: OnViolation,
    /// Dropped silently where the recipient's queue is full.
    pub drop_on_full: bool,
    /// Samples that must pass.
    pub valid: Vec<Source>,
    /// Samples that must fail.
    pub invalid: Vec<Source>,
    /// Where the file names it.
    pub at: Location,
}

/// A JSON document, out of a file or written in the configuration.
#[derive(Debug, Clone)]
pub struct Source {
    /// The file; `None`: inline.
    pub file: Option<PathBuf>,
    /// Its text, JSON.
    pub text: String,
    /// Where the configuration says so.
    pub at: Location,
}

/// The lane of a type (see the protocol's transports).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// In order on the session stream.
    Ordered,
    /// In a stream of its own.
    Independent,
    /// In a datagram.
    Datagram,
}

/// What a schema violation costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnViolation {
    /// An ERROR.
    Reject,
    /// Nothing is said.
    Drop,
    /// The session, with 4422.
    Disconnect,
    /// Delivered all the same, logged and counted.
    Observe,
}

impl OnViolation {
    /// Its name in the configuration, in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Drop => "drop",
            Self::Disconnect => "disconnect",
            Self::Observe => "observe",
        }
    }
}

/// One RTCIceServer.
#[derive(Debug, Clone)]
pub struct IceServer {
    /// `stun:`, `turn:` or `turns:` URLs; never empty.
    pub urls: Vec<String>,
    /// How a peer logs in there.
    pub credentials: IceCredentials,
}

/// How a peer logs in at a TURN server.
#[derive(Debug, Clone)]
pub enum IceCredentials {
    /// Not at all.
    None,
    /// With these.
    Static {
        /// `username`.
        username: String,
        /// `credential`.
        credential: SecretString,
    },
    /// With time-limited ones made from a shared secret (TURN REST).
    TimeLimited {
        /// Shared with the TURN server.
        secret: SecretString,
        /// How long they last.
        ttl: Duration,
    },
}

/// Logging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// The least that is logged.
    pub level: tracing::Level,
    /// How a line looks.
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
