//! Addresses and names of hosts as a listener has them.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::Bind;

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        match host.contains(':') {
            true => write!(f, "[{host}]:{port}"),
            false => write!(f, "{host}:{port}"),
        }
    }
}

/// `127.0.0.1:8080`, `[::]:8080` or `localhost:8080`.
pub(super) fn bind(text: &str) -> Result<Bind, &'static str> {
    let (host, port) = text
        .rsplit_once(':')
        .ok_or("add a port, as in 127.0.0.1:8080")?;
    let inside = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let host = match inside {
        Some(v6) => v6
            .parse::<Ipv6Addr>()
            .map_err(|_| "there is no IPv6 address between the brackets")?
            .to_string(),
        None if host.contains(':') => {
            return Err("put an IPv6 address in brackets and add a port, as in \"[::1]:8080\"");
        }
        None if host.is_empty() || host == "*" => {
            return Err("for all addresses write \"[::]\" or 0.0.0.0 before the port");
        }
        None => name(host)?,
    };
    let port = port
        .parse()
        .map_err(|_| "a port is a number from 0 to 65535")?;
    Ok(Bind { host, port })
}

/// The name or the address of a host, without brackets.
pub(super) fn name(text: &str) -> Result<String, &'static str> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    // What ends in a number is meant as an address (1.2.3, 300.0.0.1), and is none.
    let number = text
        .rsplit('.')
        .next()
        .is_some_and(|label| label.bytes().all(|c| c.is_ascii_digit()));
    if text.len() > 253 || number || !text.split('.').all(is_label) {
        return Err("write an address, or a name such as relay.example");
    }
    Ok(text.to_ascii_lowercase())
}

/// Would both need one address? `[::]` takes IPv4 too, and port 0 is another one each time.
pub(super) fn overlap(one: &Bind, other: &Bind) -> bool {
    if one.port == 0 || one.port != other.port {
        return false;
    }
    let everything = |it: &Bind| it.host == "::";
    let others = addresses(&other.host);
    one.host == other.host
        || everything(one)
        || everything(other)
        || addresses(&one.host)
            .iter()
            .any(|a| others.iter().any(|b| same(*a, *b)))
}

fn same(one: IpAddr, other: IpAddr) -> bool {
    let any = |it: IpAddr| it == Ipv4Addr::UNSPECIFIED;
    one == other || one.is_ipv4() && other.is_ipv4() && (any(one) || any(other))
}

/// The addresses that are known without asking a name server.
fn addresses(host: &str) -> Vec<IpAddr> {
    match host.parse::<IpAddr>() {
        Ok(address) => vec![address.to_canonical()],
        Err(_) if host == "localhost" => {
            vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        }
        Err(_) => Vec::new(),
    }
}
