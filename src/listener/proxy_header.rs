//! The PROXY header, versions 1 and 2 of HAProxy's specification, with which a proxy begins a connection.
//!
//! Nothing behind it is read. The specification: <https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt>

use std::{fmt, io, net::IpAddr};

use ppp::{v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The shortest header of either version, in bytes: `PROXY UNKNOWN` and its line end.
const SHORTEST: usize = 15;
/// The longest of version 1, in bytes, its line end included.
const LONGEST_V1: usize = 107;
/// What version 2 always has, in bytes: its signature, three codes, and the length of the rest.
const FIXED_V2: usize = 16;
/// The longest of version 2 that is taken, in bytes. It may carry much about TLS, even a client's certificate.
const LONGEST_V2: usize = 4096;
const LINE_END: &[u8] = b"\r\n";

/// Why a connection has no header that can be used.
#[derive(Debug)]
pub enum Unusable {
    /// The connection has ended before anything came, as those end that only look whether the relay is there.
    Nothing,
    /// It broke, or ended within the header.
    Broken(io::Error),
    /// What came is none.
    Malformed(&'static str),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing came"),
            Self::Broken(error) => error.fmt(f),
            Self::Malformed(why) => f.write_str(why),
        }
    }
}

/// Reads a header, and returns the address of whoever has called the proxy. `Ok(None)`: the proxy does not tell, as where it
/// calls for itself.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<IpAddr>, Unusable> {
    let mut header = vec![0; 1];
    match stream.read(&mut header).await {
        Ok(0) => return Err(Unusable::Nothing),
        Ok(_) => {}
        Err(error) => return Err(Unusable::Broken(error)),
    }
    more(stream, &mut header, SHORTEST - 1).await?;
    if header.starts_with(v1::PROTOCOL_PREFIX.as_bytes()) {
        version_1(stream, header).await
    } else if header.starts_with(v2::PROTOCOL_PREFIX) {
        version_2(stream, header).await
    } else {
        Err(Unusable::Malformed("this is no PROXY header"))
    }
}

/// Reads so many bytes and no more.
async fn more(
    stream: &mut (impl AsyncRead + Unpin),
    header: &mut Vec<u8>,
    bytes: usize,
) -> Result<(), Unusable> {
    let read = header.len();
    header.resize(read + bytes, 0);
    let whole = stream.read_exact(&mut header[read..]).await;
    whole.map(drop).map_err(Unusable::Broken)
}

async fn version_1(
    stream: &mut (impl AsyncRead + Unpin),
    mut header: Vec<u8>,
) -> Result<Option<IpAddr>, Unusable> {
    while !header.contains(&b'\n') {
        // How much is to come at least, since nothing behind it is to be read.
        let least = if header.ends_with(b"\r") {
            1
        } else {
            LINE_END.len()
        };
        if header.len() + least > LONGEST_V1 {
            return Err(Unusable::Malformed("its line is too long"));
        }
        more(stream, &mut header, least).await?;
    }
    match v1::Header::try_from(header.as_slice()) {
        Ok(header) => Ok(match header.addresses {
            v1::Addresses::Tcp4(it) => Some(it.source_address.into()),
            v1::Addresses::Tcp6(it) => Some(it.source_address.into()),
            v1::Addresses::Unknown => None,
        }),
        Err(_) => Err(Unusable::Malformed(
            "its line says nothing that can be read",
        )),
    }
}

async fn version_2(
    stream: &mut (impl AsyncRead + Unpin),
    mut header: Vec<u8>,
) -> Result<Option<IpAddr>, Unusable> {
    more(stream, &mut header, FIXED_V2 - SHORTEST).await?;
    let rest = usize::from(u16::from_be_bytes([header[14], header[15]]));
    if FIXED_V2 + rest > LONGEST_V2 {
        return Err(Unusable::Malformed("it is too long"));
    }
    more(stream, &mut header, rest).await?;
    match v2::Header::try_from(header.as_slice()) {
        Ok(header) => Ok(match (header.command, header.addresses) {
            (v2::Command::Proxy, v2::Addresses::IPv4(it)) => Some(it.source_address.into()),
            (v2::Command::Proxy, v2::Addresses::IPv6(it)) => Some(it.source_address.into()),
            _ => None,
        }),
        Err(_) => Err(Unusable::Malformed("its codes or lengths are wrong")),
    }
}

#[cfg(test)]
mod tests;
