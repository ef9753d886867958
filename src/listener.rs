//! Listeners: sockets are bound first, then served. Accepting never waits for a handshake.

mod bind;
pub mod passed;
mod proxy_header;
mod quic;
mod tcp;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use socket2::Socket;
use tokio::{
    net::TcpListener,
    time::{Instant, sleep},
};
use tracing::warn;

use self::passed::Passed;
use crate::{
    config::{Bind, Listener, Tls, Transport},
    discovery::Discovery,
    hub::Hub,
    lines::Seldom,
    policy::Policy,
    tls::Identity,
};

/// How long an accept loop rests when the system is out of something.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// A listener whose sockets are bound.
pub struct Bound {
    listener: Listener,
    identity: Option<Arc<Identity>>,
    sockets: Sockets,
    /// What the sockets are bound to, ports included.
    pub addresses: Vec<SocketAddr>,
}

enum Sockets {
    Tcp(Vec<TcpListener>),
    Quic(quic::Endpoints),
}

impl Bound {
    /// Binds all addresses of a listener, or takes the sockets that were passed for them. The error is a sentence for the operator.
    pub fn bind(
        listener: &Listener,
        identity: Option<Identity>,
        policy: &Policy,
        passed: &mut Passed,
    ) -> Result<Self, String> {
        let identity = identity.map(Arc::new);
        let sockets = bind::all(listener.transport, &listener.bind, passed)?;
        let addresses = addresses(&sockets)?;
        let sockets = match (listener.transport, &identity) {
            (Transport::WebSocket, _) => Sockets::Tcp(tcp::listen(sockets)?),
            (Transport::WebTransport, Some(identity)) => {
                Sockets::Quic(quic::Endpoints::new(sockets, identity, policy)?)
            }
            (Transport::WebTransport, None) => return Err("WebTransport needs tls".to_owned()),
        };
        Ok(Self {
            listener: listener.clone(),
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
    pub fn serve(self, hub: &Arc<Hub>, discovery: &Arc<Discovery>) -> Result<Running, String> {
        let listener = Arc::new(ArcSwap::from_pointee(self.listener));
        let endpoints = match self.sockets {
            Sockets::Tcp(sockets) => {
                let identity = self.identity.clone();
                let door = tcp::Door::new(hub, &listener, identity, discovery)?;
                for socket in sockets {
                    hub.tasks.spawn(Arc::clone(&door).accept(socket));
                }
                None
            }
            Sockets::Quic(endpoints) => {
                endpoints.accept(hub, &listener);
                Some(endpoints)
            }
        };
        Ok(Running {
            listener,
            identity: self.identity,
            endpoints,
        })
    }
}

/// A listener that serves, for what a reload changes of it.
pub struct Running {
    listener: Arc<ArcSwap<Listener>>,
    identity: Option<Arc<Identity>>,
    endpoints: Option<quic::Endpoints>,
}

impl Running {
    /// What it is held to.
    pub fn config(&self) -> Arc<Listener> {
        self.listener.load_full()
    }

    /// Holds new handshakes to another configuration and shows another certificate. What would take other sockets,
    /// or TLS where there is none and the other way round, stays as it is.
    pub fn adopt(&self, listener: &Listener, identity: Option<Identity>) {
        let running = self.config();
        let same_kind = (running.tls == Tls::Off) == (listener.tls == Tls::Off);
        let tls = if same_kind { listener } else { &*running }.tls.clone();
        self.listener.store(Arc::new(Listener {
            tls,
            origins: listener.origins.clone(),
            at: listener.at,
            ..Listener::clone(&running)
        }));
        if let (Some(running), Some(identity)) = (&self.identity, identity) {
            running.adopt(identity);
        }
    }

    /// Holds new connections to the bounds of another policy, which those of TCP look up themselves.
    pub fn hold_to(&self, policy: &Policy) {
        if let Some(endpoints) = &self.endpoints {
            endpoints.hold_to(policy);
        }
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
pub fn bind_tcp(
    binds: &[Bind],
    passed: &mut Passed,
) -> Result<Vec<(TcpListener, SocketAddr)>, String> {
    let sockets = bind::all(Transport::WebSocket, binds, passed)?;
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
        // Out of files or memory: trying again at once would only burn a core.
        static CANNOT: Seldom = Seldom::new();
        if let Some(times) = CANNOT.admit(Instant::now()) {
            warn!(%error, times, "cannot accept");
        }
        sleep(EXHAUSTED_PAUSE).await;
    }
}
