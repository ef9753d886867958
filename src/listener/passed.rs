//! Sockets that systemd has bound already, and passes on to the program (sd_listen_fds(3)).

use std::{env, fmt, io, net::SocketAddr, process};

use listenfd::ListenFd;
use socket2::Socket;

use crate::config::Transport;

/// The first descriptor that is passed; the others follow.
const FIRST: usize = 3;

/// Sockets that were passed, until the listeners that are meant by them have taken them.
#[derive(Debug, Default)]
pub struct Passed(Vec<PassedSocket>);

#[derive(Debug)]
struct PassedSocket {
    socket: Socket,
    /// Which tells TCP from UDP.
    transport: Transport,
    address: SocketAddr,
    /// What the socket unit calls it.
    name: String,
    taken: bool,
}

impl Passed {
    /// None.
    pub fn none() -> Self {
        Self::default()
    }

    /// What was passed to this process. The error is a sentence for the operator.
    ///
    /// To be called before anything else opens a file or starts a thread: the sockets are found by their numbers
    /// alone, and the variables that tell of them are taken out of the environment.
    pub fn from_environment() -> Result<Self, String> {
        // listenfd takes sockets without it as well, and any open file could then be meant.
        if env::var("LISTEN_PID").ok() != Some(process::id().to_string()) {
            return Ok(Self::none());
        }
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut descriptors = ListenFd::from_env();
        (0..descriptors.len())
            .map(|index| {
                let name = names.next().filter(|name| !name.is_empty());
                let name = name.unwrap_or("without a name");
                PassedSocket::take(&mut descriptors, index, name.to_owned())
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The socket that was passed for this address, where there is one.
    pub(super) fn take(
        &mut self,
        transport: Transport,
        address: SocketAddr,
    ) -> Option<io::Result<Socket>> {
        let mut meant = self.0.iter_mut();
        let meant = meant.find(|it| it.transport == transport && it.is_on(address))?;
        meant.taken = true;
        // A copy, since another port may have to be tried for the rest of the listener.
        Some(meant.socket.try_clone())
    }

    /// What is left that has this port: probably what was meant for an address that is taken.
    pub(super) fn left_on(&self, transport: Transport, port: u16) -> Option<impl fmt::Display> {
        self.0
            .iter()
            .find(|it| !it.taken && it.transport == transport && it.address.port() == port)
    }

    /// The error is a sentence for the operator: nobody would answer on a socket that no listener has taken.
    pub fn all_taken(&self) -> Result<(), String> {
        match self.0.iter().find(|it| !it.taken) {
            None => Ok(()),
            Some(left) => Err(format!(
                "{left} was passed by systemd, and no listener is for it: write `bind: \"{}\"` at one with transport \
                 {}, or take the socket out of its unit",
                left.address,
                match left.transport {
                    Transport::WebSocket => "websocket, or at admin",
                    Transport::WebTransport => "webtransport",
                }
            )),
        }
    }
}

impl PassedSocket {
    fn take(descriptors: &mut ListenFd, index: usize, name: String) -> Result<Self, String> {
        let number = FIRST + index;
        let unfit = |why: &str| {
            format!(
                "descriptor {number} ({name}), which systemd passed, {why}: mend its socket unit"
            )
        };
        let (socket, transport): (Socket, _) = match descriptors.take_tcp_listener(index) {
            Ok(Some(socket)) => (socket.into(), Transport::WebSocket),
            _ => match descriptors.take_udp_socket(index) {
                Ok(Some(socket)) => (socket.into(), Transport::WebTransport),
                _ => return Err(unfit("is neither a TCP nor a UDP socket")),
            },
        };
        if transport == Transport::WebSocket && !socket.is_listener().unwrap_or(false) {
            return Err(unfit("does not listen (`Accept=no` is needed)"));
        }
        let address = socket.local_addr().ok().and_then(|it| it.as_socket());
        socket
            .set_nonblocking(true)
            .map_err(|error| unfit(&format!("cannot be used ({error})")))?;
        Ok(Self {
            address: address.ok_or_else(|| unfit("has no address"))?,
            socket,
            transport,
            name,
            taken: false,
        })
    }

    fn is_on(&self, address: SocketAddr) -> bool {
        // The scope of a link-local address may be named on one side only.
        !self.taken
            && self.address.port() == address.port()
            && self.address.ip().to_canonical() == address.ip().to_canonical()
    }
}

impl fmt::Display for PassedSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, name, .. } = self;
        let protocol = self.transport.protocol();
        write!(f, "the {protocol} socket {address} ({name})")
    }
}
