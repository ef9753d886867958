//! Headers as proxies and as liars write them.

use hyper::header::HeaderValue;

use super::*;

const PROXY: &str = "10.0.0.1";

fn proxies(address_from: AddressFrom) -> Proxies {
    let trusted = ["10.0.0.0/8", "2001:db8:1::/48"];
    Proxies {
        address_from,
        trusted: trusted.map(|net| net.parse().expect("a network")).to_vec(),
    }
}

/// The address that these headers of one name come to, on a connection from `from`.
fn found(from: &str, address_from: AddressFrom, name: &str, values: &[&[u8]]) -> String {
    let mut headers = HeaderMap::new();
    for value in values {
        let name: HeaderName = name.parse().expect("a name");
        headers.append(name, HeaderValue::from_bytes(value).expect("a value"));
    }
    let from = from.parse().expect("an address");
    address(from, &headers, &proxies(address_from)).to_string()
}

fn x_forwarded_for(value: &str) -> String {
    let values = [value.as_bytes()];
    found(
        PROXY,
        AddressFrom::XForwardedFor,
        "x-forwarded-for",
        &values,
    )
}

fn forwarded(value: &str) -> String {
    let values = [value.as_bytes()];
    found(PROXY, AddressFrom::Forwarded, "forwarded", &values)
}

#[test]
fn x_forwarded_for_is_read_from_its_end() {
    for (value, address) in [
        ("192.0.2.1", "192.0.2.1"),
        ("198.51.100.9, 192.0.2.1", "192.0.2.1"),
        ("198.51.100.9,192.0.2.1,10.1.1.1 , 10.2.2.2", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("[2001:db8::1]:4711, 10.1.1.1:1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("192.0.2.1, ::ffff:10.9.9.9, 2001:db8:1:2::3", "192.0.2.1"),
        ("192.0.2.1,, ,", "192.0.2.1"),
        // Nothing but proxies: the farthest of them.
        ("10.3.3.3, 10.2.2.2", "10.3.3.3"),
        ("", PROXY),
        (" , ", PROXY),
    ] {
        assert_eq!(x_forwarded_for(value), address, "{value}");
    }
}

#[test]
fn what_is_no_address_ends_the_walk_at_the_nearest_that_is_known() {
    for value in [
        "192.0.2.1, unknown",
        "192.0.2.1, _hidden",
        "192.0.2.1, 300.1.1.1",
        "192.0.2.1, 192.0.2.1:port",
        "192.0.2.1, 192.0.2.1:123456",
        "192.0.2.1, 192.0.2.1:",
        "192.0.2.1, [192.0.2.1]",
        "192.0.2.1, [2001:db8::1",
        "192.0.2.1, [2001:db8::1]4711",
        "192.0.2.1, fe80::1%eth0",
        "192.0.2.1, \"192.0.2.2\"",
        "192.0.2.1, 192.0.2.2 192.0.2.3",
        "192.0.2.1; 192.0.2.2",
    ] {
        assert_eq!(x_forwarded_for(value), PROXY, "{value}");
        let chain = format!("{value}, 10.2.2.2");
        assert_eq!(x_forwarded_for(&chain), "10.2.2.2", "{chain}");
        let peer = format!("{value}, 203.0.113.7");
        assert_eq!(x_forwarded_for(&peer), "203.0.113.7", "{peer}");
    }
}

#[test]
fn several_headers_are_one_list_and_bytes_that_are_no_text_are_the_peers_own() {
    let kind = AddressFrom::XForwardedFor;
    let values: [&[u8]; 3] = [b"198.51.100.9", b"\xff\xfe, 192.0.2.1", b"10.2.2.2"];
    assert_eq!(found(PROXY, kind, "x-forwarded-for", &values), "192.0.2.1");
    let values: [&[u8]; 2] = [b"192.0.2.1", b"\xff"];
    assert_eq!(found(PROXY, kind, "x-forwarded-for", &values), PROXY);
}

#[test]
fn only_the_header_that_is_named_is_read_and_only_from_trusted_proxies() {
    let lie: [&[u8]; 1] = [b"198.51.100.9"];
    let kind = AddressFrom::XForwardedFor;
    assert_eq!(
        found("192.0.2.1", kind, "x-forwarded-for", &lie),
        "192.0.2.1"
    );
    assert_eq!(
        found(PROXY, kind, "forwarded", &[b"for=198.51.100.9"]),
        PROXY
    );
    assert_eq!(found(PROXY, kind, "x-real-ip", &lie), PROXY);
    let kind = AddressFrom::Forwarded;
    assert_eq!(found(PROXY, kind, "x-forwarded-for", &lie), PROXY);
    let kind = AddressFrom::ProxyProtocol;
    assert_eq!(found(PROXY, kind, "x-forwarded-for", &lie), PROXY);
}

#[test]
fn forwarded_is_read_from_its_end() {
    for (value, address) in [
        ("for=192.0.2.1", "192.0.2.1"),
        ("For=\"192.0.2.1:4711\"", "192.0.2.1"),
        (
            "for=198.51.100.9, for=192.0.2.1;proto=https;by=203.0.113.43",
            "192.0.2.1",
        ),
        ("proto=http ; for=192.0.2.1 , for=10.1.1.1", "192.0.2.1"),
        ("for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
        ("for=\"[2001:db8::1]:_port\"", "2001:db8::1"),
        ("FOR=\"\\1\\92.0.2.1\"", "192.0.2.1"),
        // What is quoted separates nothing.
        ("for=192.0.2.1;host=\"x, for=198.51.100.9\"", "192.0.2.1"),
        ("for=192.0.2.1;host=\"x;for=198.51.100.9\"", "192.0.2.1"),
        (
            "for=192.0.2.1;host=\"x\\\", for=198.51.100.9\"",
            "192.0.2.1",
        ),
        ("for=192.0.2.1;host=\"x\\\\\"", "192.0.2.1"),
        // Nor does what a peer leaves open swallow what a proxy adds.
        ("for=\"198.51.100.9, for=192.0.2.1", "192.0.2.1"),
        ("for=\"198.51.100.9, for=\"[2001:db8::1]\"", "2001:db8::1"),
        ("\\, for=\"192.0.2.1\"", "192.0.2.1"),
    ] {
        assert_eq!(forwarded(value), address, "{value}");
    }
}

#[test]
fn what_a_forwarded_hides_or_garbles_is_not_guessed() {
    for element in [
        "for=unknown",
        "for=_hidden",
        "for=\"_SEVKISEK\"",
        "proto=https",
        "for",
        "for=",
        "for=\"192.0.2.1",
        "for=192.0.2.1;for=192.0.2.2",
        "for=192.0.2.1;;proto=http",
        "for=\"2001:db8::1\"x",
        "192.0.2.1",
    ] {
        let value = format!("for=198.51.100.9, {element}");
        assert_eq!(forwarded(&value), PROXY, "{value}");
    }
}

/// Whatever a peer writes in front, the address that a proxy adds behind it is the one that counts.
#[test]
fn no_beginning_changes_what_the_end_says() {
    let pieces = [
        "\"",
        "\\",
        ",",
        ";",
        "=",
        "for=198.51.100.9",
        "x",
        " ",
        "[",
        "::1",
    ];
    let ends = [
        ("for=192.0.2.1", "192.0.2.1"),
        ("for=\"[2001:db8::1]:1\"", "2001:db8::1"),
        ("by=10.0.0.1;host=\"a,b\\\"c\";for=192.0.2.1", "192.0.2.1"),
    ];
    for number in 0..10_000_usize {
        let digits = (0..4).map(|digit| pieces[number / 10_usize.pow(digit) % 10]);
        let beginning: String = digits.collect();
        for (end, address) in ends {
            let value = format!("{beginning}, {end}");
            assert_eq!(forwarded(&value), address, "{value}");
        }
        let value = format!("{beginning}, 192.0.2.1");
        assert_eq!(x_forwarded_for(&value), "192.0.2.1", "{value}");
    }
}
