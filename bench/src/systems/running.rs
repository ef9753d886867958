//! A system that runs.

use std::{net::SocketAddr, process::Child};

use crate::Failure;

/// A system that listens. It is killed when dropped.
pub struct Running {
    /// The process.
    pub child: Child,
    /// Of ws, wss and https.
    addresses: [Option<SocketAddr>; 3],
}

impl Running {
    /// Of a process that was just started.
    pub fn new(child: Child) -> Self {
        Self {
            child,
            addresses: [None; 3],
        }
    }

    /// Notes the URL of a listener.
    pub fn listens(&mut self, url: &str) -> Result<(), Failure> {
        let (scheme, address) = url
            .split_once("://")
            .ok_or_else(|| format!("no URL: {url}"))?;
        let at = match scheme {
            "ws" => 0,
            "wss" => 1,
            _ => 2,
        };
        self.addresses[at] = Some(address.parse()?);
        Ok(())
    }

    /// Has it told of any listener?
    pub fn is_listening(&self) -> bool {
        self.addresses.iter().any(Option::is_some)
    }

    /// The id of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it takes plain WebSockets.
    pub fn plain(&self) -> Result<SocketAddr, Failure> {
        self.addresses[0].ok_or_else(|| "it takes no plain WebSockets".into())
    }

    /// Where it takes secure WebSockets.
    pub fn secure(&self) -> Result<SocketAddr, Failure> {
        self.addresses[1].ok_or_else(|| "it takes no secure WebSockets".into())
    }

    /// Where it takes WebTransport.
    pub fn web(&self) -> Result<SocketAddr, Failure> {
        self.addresses[2].ok_or_else(|| "it takes no WebTransport".into())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
