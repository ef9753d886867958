//! Binding: every address of a listener, or a sentence for the operator.

use std::{
    collections::HashSet,
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
};

use socket2::{Domain, Protocol, Socket, Type};

use super::passed::Passed;
use crate::config::{Bind, Transport};

/// How often another port is tried where one port 0 is to be the same on several addresses.
const PORT_TRIES: usize = 32;
/// Connections that the kernel completes before they are accepted.
const BACKLOG: i32 = 1024;

/// Binds every address of a listener, save for those whose sockets were passed. A port 0 is one port for all of them, so that a port which is free on one
/// address only is given back and another is tried.
pub(super) fn all(
    transport: Transport,
    binds: &[Bind],
    passed: &mut Passed,
) -> Result<Vec<Socket>, String> {
    let addresses = resolve(binds)?;
    for _ in 0..PORT_TRIES {
        match bind_once(transport, &addresses, passed) {
            Ok(sockets) => return Ok(sockets),
            Err((address, error)) => {
                let chosen = addresses.len() > 1 && addresses.iter().any(|it| it.0.port() == 0);
                if chosen && error.kind() == io::ErrorKind::AddrInUse {
                    continue;
                }
                return Err(describe(transport, address, &error, passed));
            }
        }
    }
    Err("no port was found that is free on all addresses of `bind`".to_owned())
}

fn describe(
    transport: Transport,
    address: SocketAddr,
    error: &io::Error,
    passed: &Passed,
) -> String {
    let protocol = transport.protocol();
    if let Some(left) = passed.left_on(transport, address.port()) {
        return format!(
            "cannot bind {address} ({protocol}), and {left} was passed by systemd: write the very same address in \
             `bind` and in the socket unit"
        );
    }
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
    passed: &mut Passed,
) -> Result<Vec<Socket>, (SocketAddr, io::Error)> {
    let mut port = None;
    let mut sockets = Vec::new();
    let mut skipped = None;
    for (address, literal) in addresses {
        let mut address = *address;
        if let (0, Some(port)) = (address.port(), port) {
            address.set_port(port);
        }
        let passed = passed.take(transport, address);
        match passed.unwrap_or_else(|| bind_one(transport, address)) {
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

#[cfg(test)]
mod tests {
    use super::*;
    fn bind_all(transport: Transport, binds: &[(&str, u16)]) -> Result<Vec<Socket>, String> {
        let binds = binds.iter().map(|(host, port)| Bind {
            host: (*host).to_owned(),
            port: *port,
        });
        all(transport, &binds.collect::<Vec<_>>(), &mut Passed::none())
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
            let sockets = bind_all(transport, &[("127.0.0.1", 0), ("127.0.0.2", 0)]);
            let ports = ports(&sockets.expect("bound"));
            assert_eq!(ports.len(), 2);
            assert_eq!(ports[0], ports[1]);
        }
    }

    #[test]
    fn a_taken_port_is_an_error_that_says_what_to_do() {
        let first = bind_all(Transport::WebSocket, &[("127.0.0.1", 0)]).expect("bound");
        let port = ports(&first)[0];
        let error = bind_all(Transport::WebSocket, &[("127.0.0.1", port)]);
        let error = error.expect_err("taken");
        assert!(error.contains("another program listens there"), "{error}");
    }

    #[test]
    fn the_ipv6_wildcard_takes_ipv4_too() {
        let sockets = bind_all(Transport::WebSocket, &[("::", 0)]).expect("bound");
        let port = ports(&sockets)[0];
        std::net::TcpStream::connect(("127.0.0.1", port)).expect("connects over IPv4");
    }
}
