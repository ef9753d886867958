//! Listeners: sockets are bound first, then served. Accepting never waits for a handshake.

mod bind;
mod quic;
mod tcp;

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use socket2::Socket;
use tokio::{net::TcpListener, time::sleep};
use tracing::warn;

use crate::{
    config::{Bind, Listener, Timeouts, Transport},
    discovery::Discovery,
    hub::Hub,
    tls::Identity,
};

/// How long an accept loop rests when the system is out of something.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// A listener whose sockets are bound.
pub struct Bound {
    listener: Arc<Listener>,
    identity: Option<Arc<Identity>>,
    sockets: Sockets,
    /// What the sockets are bound to, ports included.
    pub addresses: Vec<SocketAddr>,
}

enum Sockets {
    Tcp(Vec<TcpListener>),
    Quic(Vec<quinn::Endpoint>),
}

impl Bound {
    /// Binds all addresses of a listener. The error is a sentence for the operator.
    pub fn bind(
        listener: &Listener,
        timeouts: &Timeouts,
        message_bytes: usize,
    ) -> Result<Self, String> {
        let identity = Identity::load(&listener.tls, SystemTime::now())?.map(Arc::new);
        let sockets = bind::all(listener.transport, &listener.bind)?;
        let addresses = addresses(&sockets)?;
        let sockets = match (listener.transport, &identity) {
            (Transport::WebSocket, _) => Sockets::Tcp(tcp::listen(sockets)?),
            (Transport::WebTransport, Some(identity)) => {
                Sockets::Quic(quic::endpoints(sockets, identity, timeouts, message_bytes)?)
            }
            (Transport::WebTransport, None) => return Err("WebTransport needs tls".to_owned()),
        };
        Ok(Self {
            listener: Arc::new(listener.clone()),
            identity,
            sockets,
            addresses,
        })
    }

    /// Its first address and its certificate, where it has one.
    pub fn certificate(&self) -> Option<(String, Arc<Identity>)> {
        let url = self.urls().next()?;
        Some((url, Arc::clone(self.identity.as_ref()?)))
    }

    /// What is spoken there.
    pub fn transport(&self) -> Transport {
        self.listener.transport
    }

    /// The URL of each address.
    pub fn urls(&self) -> impl Iterator<Item = String> {
        let scheme = match (self.listener.transport, &self.identity) {
            (Transport::WebTransport, _) => "https",
            (Transport::WebSocket, Some(_)) => "wss",
            (Transport::WebSocket, None) => "ws",
        };
        self.addresses
            .iter()
            .map(move |address| format!("{scheme}://{address}"))
    }

    /// Lets discovery know of this listener.
    pub fn announce(&self, discovery: &Discovery) {
        for address in &self.addresses {
            discovery.announce(&self.listener, *address, self.identity.clone());
        }
    }

    /// Accepts connections until the hub stops. Returns at once.
    pub fn serve(self, hub: &Arc<Hub>, discovery: &Arc<Discovery>) -> Result<(), String> {
        match self.sockets {
            Sockets::Tcp(sockets) => {
                let door = tcp::Door::new(hub, &self.listener, self.identity, discovery)?;
                for socket in sockets {
                    hub.tasks.spawn(Arc::clone(&door).accept(socket));
                }
            }
            Sockets::Quic(endpoints) => {
                for endpoint in endpoints {
                    let accept =
                        quic::accept(Arc::clone(hub), Arc::clone(&self.listener), endpoint);
                    hub.tasks.spawn(accept);
                }
            }
        }
        Ok(())
    }
}

/// What sockets are bound to, ports included.
fn addresses(sockets: &[Socket]) -> Result<Vec<SocketAddr>, String> {
    sockets
        .iter()
        .map(Socket::local_addr)
        .map(|address| address.map(|address| address.as_socket()))
        .collect::<io::Result<Option<Vec<_>>>>()
        .map(Option::unwrap_or_default)
        .map_err(|error| error.to_string())
}

/// Binds what speaks something else than the transports do. The error is a sentence for the operator.
pub fn bind_tcp(binds: &[Bind]) -> Result<Vec<(TcpListener, SocketAddr)>, String> {
    let sockets = bind::all(Transport::WebSocket, binds)?;
    let addresses = addresses(&sockets)?;
    Ok(tcp::listen(sockets)?.into_iter().zip(addresses).collect())
}

/// What an accept error means for the loop that got it.
pub async fn after_accept_error(error: &io::Error) {
    use io::ErrorKind;
    let this_connection = matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted
    );
    if !this_connection {
        // Out of files or memory: trying again at once would only burn a core. The pause also keeps the log readable.
        warn!(%error, "cannot accept");
        sleep(EXHAUSTED_PAUSE).await;
    }
}
