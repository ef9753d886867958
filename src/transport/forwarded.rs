//! The address of a peer behind proxies, as they tell it in a header.
//!
//! Each proxy adds who has called it at the end of a list. So the list is read from its end, and no further than the
//! proxies that are trusted: what stands before is the peer's own invention. That is why none of the libraries for these
//! headers is used: they read from the beginning, where a peer can write what makes them give up, or split at
//! commas that are quoted.

use std::net::{IpAddr, Ipv6Addr};

use hyper::{
    HeaderMap,
    header::{self, HeaderName},
};

use crate::config::{AddressFrom, Proxies};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of whoever has sent these headers on a connection from `from`: the last in the list that is no trusted
/// proxy's. Where the list ends before, or names something that is no address, it is the nearest one that is known.
pub fn address(from: IpAddr, headers: &HeaderMap, proxies: &Proxies) -> IpAddr {
    let (name, read): (_, fn(&str) -> Option<IpAddr>) = match proxies.address_from {
        AddressFrom::XForwardedFor => (X_FORWARDED_FOR, node),
        AddressFrom::Forwarded => (header::FORWARDED, forwarded_for),
        AddressFrom::ProxyProtocol => return from,
    };
    let mut nearest = from;
    // Several headers are one list (RFC 9110, 5.3).
    let values = headers.get_all(name).iter().rev();
    for entry in values.flat_map(|value| from_the_end(value.as_bytes(), b',')) {
        if !proxies.trusts(nearest) {
            break;
        }
        if entry.trim_ascii().is_empty() {
            continue;
        }
        let entry = std::str::from_utf8(entry).ok();
        match entry.and_then(|entry| read(entry.trim())) {
            Some(address) => nearest = address.to_canonical(),
            None => break,
        }
    }
    nearest
}

/// What stands between separators that are not quoted, the last one first. Only so is a list well read whose end is
/// well-formed and whose beginning may be anything.
fn from_the_end(list: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut left = Some(list);
    std::iter::from_fn(move || {
        let list = left?;
        let mut quoted = false;
        for (at, byte) in list.iter().enumerate().rev() {
            match byte {
                b'"' if !(quoted && is_escaped(&list[..at])) => quoted = !quoted,
                byte if *byte == separator && !quoted => {
                    left = Some(&list[..at]);
                    return Some(&list[at + 1..]);
                }
                _ => {}
            }
        }
        left = None;
        Some(list)
    })
}

/// Is what follows this in a quoted string escaped?
fn is_escaped(before: &[u8]) -> bool {
    let slashes = before.iter().rev().take_while(|byte| **byte == b'\\');
    slashes.count() % 2 == 1
}

/// The address in `for` of one element of a `Forwarded` (RFC 7239, 4), which may be hidden, or not there.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut found = None;
    for pair in from_the_end(element.as_bytes(), b';') {
        let (name, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
        // It may be there once only.
        if name.trim().eq_ignore_ascii_case("for") && found.replace(value.trim()).is_some() {
            return None;
        }
    }
    let value = found?;
    match value.strip_prefix('"') {
        Some(quoted) => node(&quoted.strip_suffix('"')?.replace('\\', "")),
        None => node(value),
    }
}

/// The address of a node (RFC 7239, 6), with or without a port; an IPv6 address also without brackets, as it is in
/// `X-Forwarded-For`. `None`: it is hidden, or this is no node.
fn node(text: &str) -> Option<IpAddr> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        let known = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return known
            .then(|| address.parse::<Ipv6Addr>().ok())?
            .map(IpAddr::V6);
    }
    match text.split_once(':') {
        Some((address, port)) if !port.contains(':') => {
            let address = address.parse().ok()?;
            is_port(port).then_some(IpAddr::V4(address))
        }
        _ => text.parse().ok(),
    }
}

/// A port, or a name that hides it (RFC 7239, 6.3).
fn is_port(text: &str) -> bool {
    let hidden = |c: u8| c.is_ascii_alphanumeric() || b"._-".contains(&c);
    match text.strip_prefix('_') {
        Some(name) => !name.is_empty() && name.bytes().all(hidden),
        None => (1..=5).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests;
