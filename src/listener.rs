//! Listeners: sockets are bound first, then served. Accepting never waits for a handshake.

mod quic;
mod tcp;

use std::{
    collections::HashSet,
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::{Duration, SystemTime},
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::{net::TcpListener, time::sleep};
use tracing::warn;

use crate::{
    config::{Bind, Listener, Timeouts, Transport},
    discovery::Discovery,
    hub::Hub,
    tls::Identity,
};

/// How often another port is tried where one port 0 is to be the same on several addresses.
const PORT_TRIES: usize = 32;
/// Connections that the kernel completes before they are accepted.
const BACKLOG: i32 = 1024;
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
        let sockets = bind_all(listener)?;
        let addresses = sockets
            .iter()
            .map(Socket::local_addr)
            .map(|address| address.map(|address| address.as_socket()))
            .collect::<io::Result<Option<Vec<_>>>>()
            .map_err(|error| error.to_string())?
            .unwrap_or_default();
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

    /// The certificate, where there is one.
    pub fn identity(&self) -> Option<&Arc<Identity>> {
        self.identity.as_ref()
    }

    /// `websocket` or `webtransport`.
    pub fn transport(&self) -> &'static str {
        transport_name(self.listener.transport)
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

/// The name of a transport in logs and discovery.
fn transport_name(transport: Transport) -> &'static str {
    match transport {
        Transport::WebSocket => "websocket",
        Transport::WebTransport => "webtransport",
    }
}

/// Binds every address of a listener. A port 0 is one port for all of them, so that a port which is free on one
/// address only is given back and another is tried.
fn bind_all(listener: &Listener) -> Result<Vec<Socket>, String> {
    let addresses = resolve(&listener.bind)?;
    for _ in 0..PORT_TRIES {
        match bind_once(listener.transport, &addresses) {
            Ok(sockets) => return Ok(sockets),
            Err((address, error)) => {
                let chosen = addresses.len() > 1 && addresses.iter().any(|it| it.0.port() == 0);
                if chosen && error.kind() == io::ErrorKind::AddrInUse {
                    continue;
                }
                return Err(describe(listener.transport, address, &error));
            }
        }
    }
    Err("no port was found that is free on all addresses of `bind`".to_owned())
}

fn describe(transport: Transport, address: SocketAddr, error: &io::Error) -> String {
    let protocol = match transport {
        Transport::WebSocket => "TCP",
        Transport::WebTransport => "UDP",
    };
    let help = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there: stop it, or choose another port"
        }
        io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        io::ErrorKind::PermissionDenied => {
            "the system allows it to root only: choose a port from 1024 on, or give the program CAP_NET_BIND_SERVICE"
        }
        _ => return format!("cannot bind {address} ({protocol}): {error}"),
    };
    format!("cannot bind {address} ({protocol}): {help}")
}

/// The addresses of `bind`, each with whether it was written as an address rather than a name.
fn resolve(binds: &[Bind]) -> Result<Vec<(SocketAddr, bool)>, String> {
    let mut seen = HashSet::new();
    let mut addresses = Vec::new();
    for bind in binds {
        let literal = bind.host.parse::<IpAddr>().is_ok();
        let found = (bind.host.as_str(), bind.port)
            .to_socket_addrs()
            .map_err(|error| format!("`{}` has no address: {error}", bind.host))?;
        for address in found {
            if seen.insert(address) {
                addresses.push((address, literal));
            }
        }
    }
    Ok(addresses)
}

fn bind_once(
    transport: Transport,
    addresses: &[(SocketAddr, bool)],
) -> Result<Vec<Socket>, (SocketAddr, io::Error)> {
    let mut port = None;
    let mut sockets = Vec::new();
    let mut skipped = None;
    for (address, literal) in addresses {
        let mut address = *address;
        if let (0, Some(port)) = (address.port(), port) {
            address.set_port(port);
        }
        match bind_one(transport, address) {
            Ok(socket) => {
                let bound = socket.local_addr().ok().and_then(|it| it.as_socket());
                port = port.or(bound.map(|bound| bound.port()));
                sockets.push(socket);
            }
            // A name may have addresses of a family that this machine does not have.
            Err(error) if !literal && no_such_address(&error) => skipped = Some((address, error)),
            Err(error) => return Err((address, error)),
        }
    }
    match skipped {
        Some(skipped) if sockets.is_empty() => Err(skipped),
        _ => Ok(sockets),
    }
}

fn no_such_address(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn bind_one(transport: Transport, address: SocketAddr) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let socket = match transport {
        Transport::WebSocket => Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?,
        Transport::WebTransport => Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?,
    };
    if address.is_ipv6() {
        // `[::]` takes IPv4 too, whatever the system's default.
        socket.set_only_v6(false)?;
    }
    if transport == Transport::WebSocket {
        // A restarted relay gets its port back while old connections fade.
        socket.set_reuse_address(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    if transport == Transport::WebSocket {
        socket.listen(BACKLOG)?;
    }
    Ok(socket)
}

/// What an accept error means for the loop that got it.
async fn after_accept_error(error: &io::Error) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Location, Origins, Tls};

    fn listener(transport: Transport, bind: &[(&str, u16)]) -> Listener {
        Listener {
            transport,
            bind: bind
                .iter()
                .map(|(host, port)| Bind {
                    host: (*host).to_owned(),
                    port: *port,
                })
                .collect(),
            tls: Tls::Off,
            origins: Origins::Any,
            public_url: None,
            at: Location::default(),
        }
    }

    fn ports(sockets: &[Socket]) -> Vec<u16> {
        let port = |socket: &Socket| {
            let address = socket.local_addr().expect("bound");
            address.as_socket().expect("an address").port()
        };
        sockets.iter().map(port).collect()
    }

    #[test]
    fn port_0_is_one_port_for_all_addresses() {
        for transport in [Transport::WebSocket, Transport::WebTransport] {
            let sockets = bind_all(&listener(transport, &[("127.0.0.1", 0), ("127.0.0.2", 0)]));
            let ports = ports(&sockets.expect("bound"));
            assert_eq!(ports.len(), 2);
            assert_eq!(ports[0], ports[1]);
        }
    }

    #[test]
    fn a_taken_port_is_an_error_that_says_what_to_do() {
        let first = bind_all(&listener(Transport::WebSocket, &[("127.0.0.1", 0)])).expect("bound");
        let port = ports(&first)[0];
        let error = bind_all(&listener(Transport::WebSocket, &[("127.0.0.1", port)]));
        let error = error.expect_err("taken");
        assert!(error.contains("another program listens there"), "{error}");
    }

    #[test]
    fn the_ipv6_wildcard_takes_ipv4_too() {
        let sockets = bind_all(&listener(Transport::WebSocket, &[("::", 0)])).expect("bound");
        let port = ports(&sockets)[0];
        std::net::TcpStream::connect(("127.0.0.1", port)).expect("connects over IPv4");
    }
}
