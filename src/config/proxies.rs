//! `address_from` and `trusted_proxies`: how a peer's address is known where proxies are in front of a listener.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

use super::{Transport, section::Section, value::Value};

/// The bits that stand before the IPv4 address in an IPv4-mapped one (RFC 4291, 2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// The proxies in front of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxies {
    /// How they tell the address of a peer.
    pub address_from: AddressFrom,
    /// The networks that they are in. Whoever calls from elsewhere is a peer itself.
    pub trusted: Vec<IpNet>,
}

impl Proxies {
    /// Is this the address of one of them?
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|net| net.contains(&address))
    }

    /// Do they tell it before TLS and HTTP begin?
    pub fn begin_connections(&self) -> bool {
        self.address_from == AddressFrom::ProxyProtocol
    }
}

/// Where a trusted proxy tells the address of a peer. Nothing else is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressFrom {
    /// The header `X-Forwarded-For`.
    XForwardedFor,
    /// The header `Forwarded` (RFC 7239).
    Forwarded,
    /// The PROXY header of HAProxy's specification, version 1 or 2, which begins each connection.
    ProxyProtocol,
}

/// What a listener says of its proxies.
pub(super) fn read(s: &mut Section<'_>, transport: Option<Transport>) -> Option<Proxies> {
    let address_from = s.optional("address_from", |v| address_from(v, transport));
    let trusted = s.or("trusted_proxies", loopback(), |v| {
        v.list_of(|v| v.parsed(network))
    });
    if s.has("trusted_proxies") && !s.has("address_from") {
        s.warn(
            "`trusted_proxies` does nothing without `address_from`, which says what they are trusted for",
        );
    }
    if trusted.is_empty() && s.has("address_from") {
        s.warn("`trusted_proxies` is an empty list, so that `address_from` is read from nobody");
    }
    Some(Proxies {
        address_from: address_from?,
        trusted,
    })
}

fn address_from(value: Value<'_>, transport: Option<Transport>) -> Option<AddressFrom> {
    let chosen = value.clone().choice(&[
        ("x-forwarded-for", AddressFrom::XForwardedFor),
        ("forwarded", AddressFrom::Forwarded),
        ("proxy_protocol", AddressFrom::ProxyProtocol),
    ])?;
    if chosen == AddressFrom::ProxyProtocol && transport == Some(Transport::WebTransport) {
        return value.refuse_text(
            "a QUIC connection has no PROXY header; have UDP pass beside the proxy and remove this",
        );
    }
    Some(chosen)
}

fn loopback() -> Vec<IpNet> {
    let v4 = IpNet::new_assert(Ipv4Addr::new(127, 0, 0, 0).into(), 8);
    vec![v4, IpAddr::from(Ipv6Addr::LOCALHOST).into()]
}

/// A network, or one address. An IPv4-mapped one is the IPv4 network that it stands for, as addresses are.
fn network(text: &str) -> Result<IpNet, &'static str> {
    let one = text.parse::<IpAddr>().map(IpNet::from);
    let net = one.or_else(|_| text.parse::<IpNet>());
    let net = net.map_err(|_| "write a network such as 10.0.0.0/8 or 2001:db8::/32")?;
    let mapped = match net {
        IpNet::V6(v6) => v6
            .addr()
            .to_ipv4_mapped()
            .zip(v6.prefix_len().checked_sub(MAPPED_BITS)),
        IpNet::V4(_) => None,
    };
    let mapped = mapped.and_then(|(address, bits)| Ipv4Net::new(address, bits).ok());
    Ok(mapped.map_or(net, IpNet::V4).trunc())
}
