//! Intercessor: a peer messaging relay over secure WebSocket and WebTransport.
//!
//! The way of one envelope, and the module that knows each step:
//!
//! 1. [`listener`] accepts a connection and lets a task have it.
//! 2. [`transport`] shakes hands and yields bytes; [`auth`] turns what the peer shows into an identity.
//! 3. [`session`] reads an [`envelope`] and has the [`policy`] judge it, with the [`schema`] of its type.
//! 4. [`room`] finds the recipient, whose [`outbox`] takes the envelope in.
//! 5. What the outbox holds is written at once by whoever filled it, else by the recipient's session.
//!
//! A session whose connection breaks waits in the [`parking`] until its peer resumes it.
//!
//! [`relay`] starts all this out of a [`config`], [`hub`] is what sessions share, [`admin`] shows operators the
//! [`metrics`], and [`client`] is the other end of the wire.

pub mod account;
pub mod address;
pub mod admin;
pub mod auth;
pub mod cli;
pub mod client;
pub mod config;
pub mod discovery;
pub mod envelope;
pub mod hub;
pub mod ice;
pub mod ids;
pub mod json;
pub mod lines;
pub mod listener;
pub mod metrics;
pub mod outbox;
pub mod parking;
pub mod passphrase;
pub mod policy;
pub mod relay;
pub mod room;
pub mod schema;
pub mod session;
pub mod sharded;
pub mod tls;
pub mod transport;
