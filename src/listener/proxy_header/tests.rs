//! PROXY headers byte by byte, and everything that is nearly one.

use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const V4: [u8; 12] = [192, 0, 2, 1, 10, 0, 0, 1, 0x12, 0x67, 0x01, 0xbb];

/// A header of version 2 with these codes and this behind them.
fn version_2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).expect("short");
    [SIGNATURE, &[command, family], &length.to_be_bytes(), rest].concat()
}

/// What comes of these bytes, and what of them is left.
async fn read_all(bytes: &[u8]) -> (Result<Option<IpAddr>, Unusable>, Vec<u8>) {
    let mut stream = trickle(bytes);
    let told = read(&mut stream).await;
    let mut left = Vec::new();
    stream.read_to_end(&mut left).await.expect("never fails");
    (told, left)
}

/// A stream that brings these one at a time, as a network may.
fn trickle(bytes: &[u8]) -> impl AsyncRead + Unpin + use<> {
    let (mut near, far) = tokio::io::duplex(1);
    let bytes = bytes.to_vec();
    tokio::spawn(async move {
        // Whoever has refused the header may be gone.
        _ = near.write_all(&bytes).await;
    });
    far
}

#[tokio::test]
async fn the_address_is_told_and_nothing_behind_the_header_is_read() {
    let tlvs = [&V4[..], &[0x04, 0, 3, 1, 2, 3], &[0xe0, 0, 0]].concat();
    let v6 = {
        let address = "2001:db8::1".parse::<std::net::Ipv6Addr>().expect("one");
        [&address.octets()[..], &[0; 16], &[0, 1, 0, 2]].concat()
    };
    let cases: [(Vec<u8>, Option<&str>); 11] = [
        (
            b"PROXY TCP4 192.0.2.1 10.0.0.1 4711 443\r\n".to_vec(),
            Some("192.0.2.1"),
        ),
        (
            b"PROXY TCP6 2001:db8::1 ::1 4711 443\r\n".to_vec(),
            Some("2001:db8::1"),
        ),
        (
            format!(
                "PROXY TCP6 {0} {0} 65535 65535\r\n",
                [&"ffff"; 8].map(|it| *it).join(":")
            )
            .into(),
            Some("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (
            b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n".to_vec(),
            None,
        ),
        (version_2(0x21, 0x11, &V4), Some("192.0.2.1")),
        (version_2(0x21, 0x11, &tlvs), Some("192.0.2.1")),
        (version_2(0x21, 0x21, &v6), Some("2001:db8::1")),
        (version_2(0x20, 0x11, &V4), None),
        (version_2(0x20, 0x00, &[]), None),
        (version_2(0x21, 0x00, &[1, 2, 3]), None),
    ];
    for (header, address) in cases {
        let shown = String::from_utf8_lossy(&header).into_owned();
        for behind in [&b""[..], b"\r\nGET / HTTP/1.1\r\n", b"PROXY UNKNOWN\r\n"] {
            let (told, left) = read_all(&[&header, behind].concat()).await;
            let address = address.map(|it| it.parse().expect("an address"));
            assert_eq!(told.expect("a header"), address, "{shown:?}");
            assert_eq!(left, behind, "{shown:?}");
        }
        for length in 1..header.len() {
            let (told, _) = read_all(&header[..length]).await;
            assert!(
                matches!(told, Err(Unusable::Broken(_))),
                "{length} of {shown:?}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_no_header_is_refused_and_never_waited_for_without_end() {
    let unix = version_2(0x21, 0x31, &[0; 216]);
    assert!(matches!(read_all(&unix).await.0, Ok(None)));
    assert!(matches!(read_all(b"").await.0, Err(Unusable::Nothing)));
    let long = format!("PROXY UNKNOWN {}", "x".repeat(1000));
    let huge = [SIGNATURE, &[0x21, 0x11], &[0xff; 60_000]].concat();
    let cases: [&[u8]; 15] = [
        b"GET / HTTP/1.1\r\nHost: relay.example\r\n\r\n",
        &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 0, 0, 0, 0, 0],
        b"proxy tcp4 192.0.2.1 10.0.0.1 4711 443\r\n",
        b"PROXYTCP4 192.0.2.1 10.0.0.1 4711 443\r\n",
        b"PROXY TCP4 2001:db8::1 ::1 4711 443\r\n",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 4711 65536\r\n",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 4711\r\n",
        b"PROXY TCP4\r\n   ",
        b"PROXY TCP4 192.0.2.1 10.0.0.1 4711 443\n",
        b"PROXY TCP5 192.0.2.1 10.0.0.1 4711 443\r\n",
        long.as_bytes(),
        &huge,
        &version_2(0x31, 0x11, &V4),
        &version_2(0x22, 0x11, &V4),
        &version_2(0x21, 0x11, &V4[..11]),
    ];
    for bytes in cases {
        let (told, _) = read_all(bytes).await;
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]);
        assert!(
            matches!(told, Err(Unusable::Malformed(_))),
            "{told:?} {shown:?}"
        );
    }
}

/// Headers with some bytes changed, cut or added: whatever comes of one, it is no panic, and no more than the bound is read.
#[tokio::test]
async fn spoiled_headers_do_no_harm() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let whole = [
        b"PROXY TCP4 192.0.2.1 10.0.0.1 4711 443\r\n".to_vec(),
        b"PROXY TCP6 2001:db8::1 ::1 4711 443\r\n".to_vec(),
        b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n".to_vec(),
        version_2(0x21, 0x11, &[&V4[..], &[0x03, 0, 4, 1, 2, 3, 4]].concat()),
        version_2(0x21, 0x21, &[7; 36]),
        version_2(0x21, 0x31, &[7; 216]),
        version_2(0x20, 0x00, &[]),
    ];
    for _ in 0..20_000 {
        let mut header = whole[random.random_range(0..whole.len())].clone();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..header.len());
            match random.random_range(0..3) {
                0 => header[at] = random.random(),
                1 => header.truncate(at + 1),
                _ => header.insert(at, b"\r\n 0:.\xff"[random.random_range(0..7)]),
            }
        }
        let bytes = [&header[..], &[b'x'; 2 * LONGEST_V2]].concat();
        let mut stream = &bytes[..];
        _ = read(&mut stream).await;
        assert!(bytes.len() - stream.len() <= LONGEST_V2, "{header:?}");
    }
}
