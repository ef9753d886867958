//! `listeners`, right and wrong.

use super::{config, examine, problems, what};
use crate::config::*;

fn listener(text: &str) -> Listener {
    let mut config = config(&format!(
        "servers: {{ open: true }}\nlisteners:\n  - {text}\n"
    ));
    assert_eq!(config.listeners.len(), 1);
    config.listeners.remove(0)
}

/// The one problem of a listener, without its place.
fn refused(text: &str) -> String {
    let found = problems(&format!(
        "servers: {{ open: true }}\nlisteners: [{{ {text} }}]\n"
    ));
    assert_eq!(found.len(), 1, "{found:?}");
    what(&found[0]).to_owned()
}

#[test]
fn listeners() {
    let many = listener(
        "{ transport: webtransport, bind: ['[::1]:1', 'LocalHost:2', 0.0.0.0:0], tls: { self_signed: [A.example, 127.0.0.1, '::1'] } }",
    );
    let shown: Vec<_> = many.bind.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["[::1]:1", "localhost:2", "0.0.0.0:0"]);
    assert_eq!(many.bind[0].host, "::1");
    assert_eq!(many.transport, Transport::WebTransport);
    let names = ["a.example", "127.0.0.1", "::1"].map(str::to_owned);
    assert_eq!(many.tls, Tls::SelfSigned(names.to_vec()));

    let one = listener(
        "{ transport: websocket, bind: x:1, tls: { self_signed: localhost }, public_url: 'WSS://Relay.example:443/a/' }",
    );
    assert_eq!(one.tls, Tls::SelfSigned(vec!["localhost".to_owned()]));
    assert_eq!(one.public_url.as_deref(), Some("wss://relay.example/a"));
    for off in ["off", "'off'", "false", "'${OFF}'"] {
        assert_eq!(
            listener(&format!(
                "{{ transport: websocket, bind: x:1, tls: {off}, demo: false }}"
            ))
            .tls,
            Tls::Off
        );
    }
}

#[test]
fn origins_are_kept_as_browsers_send_them() {
    let origins = |text: &str| {
        listener(&format!(
            "{{ transport: websocket, bind: x:1, tls: off, origins: {text} }}"
        ))
        .origins
    };
    let wanted = ["https://app.example", "https://*.app.example:8443", "null"].map(str::to_owned);
    let written = "['HTTPS://App.Example:443', 'https://*.app.example:8443', 'null']";
    assert_eq!(origins(written), Origins::Listed(wanted.to_vec()));
    let more = "[app://index, 'http://[::1]:3000', 'http://localhost:80']";
    let wanted = ["app://index", "http://[::1]:3000", "http://localhost"].map(str::to_owned);
    assert_eq!(origins(more), Origins::Listed(wanted.to_vec()));
    assert_eq!(origins("[]"), Origins::Listed(Vec::new()));
}

#[test]
fn one_port_may_be_shared_where_that_works() {
    let binds = "\
servers: { open: true }
listeners:
  - { transport: websocket, bind: ['127.0.0.1:1', '127.0.0.2:1', '[::1]:1', relay.example:1], tls: off }
  - { transport: webtransport, bind: 0.0.0.0:1, tls: { self_signed: x } }
  - { transport: websocket, bind: ['127.0.0.1:0', '127.0.0.1:0', '127.0.0.1:2'], tls: off }
  - { transport: websocket, bind: ['0.0.0.0:3', '[::1]:3'], tls: off }
";
    assert_eq!(config(binds).listeners.len(), 4);
}

#[test]
fn addresses() {
    let bind = |text: &str| {
        let told = refused(&format!("transport: websocket, tls: off, bind: {text}"));
        told.split_once("; ")
            .map_or(told.clone(), |(_, help)| help.to_owned())
    };
    assert_eq!(bind("8080"), "here is 8080");
    assert_eq!(bind("[]"), "write at least one");
    assert_eq!(bind("localhost"), "add a port, as in 127.0.0.1:8080");
    assert_eq!(
        bind("'::1:8080'"),
        "put an IPv6 address in brackets and add a port, as in \"[::1]:8080\""
    );
    assert_eq!(
        bind("'[::g]:8080'"),
        "there is no IPv6 address between the brackets"
    );
    assert_eq!(
        bind("'*:8080'"),
        "for all addresses write \"[::]\" or 0.0.0.0 before the port"
    );
    assert_eq!(
        bind("':8080'"),
        "for all addresses write \"[::]\" or 0.0.0.0 before the port"
    );
    assert_eq!(bind("x:65536"), "a port is a number from 0 to 65535");
    for name in ["300.0.0.1:1", "a b:1", "a..b:1", "http://x:1"] {
        let help = bind(&format!("'{name}'"));
        assert!(
            help.starts_with("write an address") || help.starts_with("put an IPv6"),
            "{name}: {help}"
        );
    }
}

#[test]
fn two_listeners_on_one_address() {
    for (one, other) in [
        ("127.0.0.1:1", "127.0.0.1:1"),
        ("0.0.0.0:1", "127.0.0.1:1"),
        ("127.0.0.1:1", "0.0.0.0:1"),
        ("[::]:1", "127.0.0.1:1"),
        ("0.0.0.0:1", "[::]:1"),
        ("[::1]:1", "[0::0:1]:1"),
        ("[::ffff:127.0.0.1]:1", "127.0.0.1:1"),
        ("localhost:1", "127.0.0.1:1"),
        ("[::1]:1", "localhost:1"),
        ("Relay.example:1", "relay.example:1"),
        ("relay.example:1", "[::]:1"),
    ] {
        let listener = |bind| format!("{{ transport: websocket, tls: off, bind: '{bind}' }}");
        let (one, other) = (listener(one), listener(other));
        let found = problems(&format!(
            "servers: {{ open: true }}\nlisteners:\n  - {one}\n  - {other}\n"
        ));
        assert_eq!(found.len(), 1, "{one} {other} {found:?}");
        assert!(
            found[0].starts_with("4:45: `bind` cannot be \""),
            "{found:?}"
        );
        assert!(
            found[0].contains(" at 3:45 has that address already; choose another port"),
            "{found:?}"
        );
    }
    let told = refused("transport: websocket, tls: off, bind: ['[::]:1', x:1]");
    assert_eq!(
        told,
        "`bind` cannot be \"x:1\"; [::]:1 at 2:54 has that address already; choose another port"
    );
}

#[test]
fn certificates() {
    let tls = |text: &str| refused(&format!("transport: webtransport, bind: x:1, tls: {text}"));
    assert_eq!(
        tls("off"),
        "webtransport is never without tls; write `tls: { cert: relay.pem, key: relay.key }`, or `tls: { self_signed: [localhost] }`"
    );
    assert_eq!(
        tls("on"),
        "`tls` wants { cert: relay.pem, key: relay.key }, or off; here is a text"
    );
    let both = "`tls` wants both `cert` and `key`, or `self_signed` alone";
    assert_eq!(tls("{}"), both);
    assert_eq!(tls("{ cert: Cargo.toml, self_signed: x }"), both);
    assert_eq!(tls("{ key: Cargo.toml }"), both);
    assert_eq!(
        tls("{ self_signed: [] }"),
        "`self_signed` is an empty list; write at least one"
    );
    assert_eq!(
        tls("{ self_signed: [x, 'a b'] }"),
        "`self_signed` cannot be \"a b\"; write an address, or a name such as relay.example"
    );
}

#[test]
fn urls_and_origins() {
    let url = |text: &str| {
        refused(&format!(
            "transport: websocket, bind: x:1, tls: off, public_url: '{text}'"
        ))
    };
    assert_eq!(
        url("https://x"),
        "`public_url` cannot be \"https://x\"; a websocket listener wants a wss:// or ws:// URL"
    );
    assert_eq!(
        url("relay.example"),
        "`public_url` cannot be \"relay.example\"; write a URL such as wss://relay.example"
    );
    for wrong in ["wss://a@b", "wss://x?y", "wss://x#y"] {
        assert!(url(wrong).ends_with("it may have a host, a port and a path, nothing else"));
    }
    let told =
        refused("transport: webtransport, bind: x:1, tls: { self_signed: x }, public_url: wss://x");
    assert_eq!(
        told,
        "`public_url` cannot be \"wss://x\"; a webtransport listener wants an https:// URL"
    );

    let origin = |text: &str| {
        refused(&format!(
            "transport: websocket, bind: x:1, tls: off, origins: ['{text}']"
        ))
    };
    assert_eq!(
        origin("*"),
        "`origins` cannot be \"*\"; to allow any origin leave the key `origins` out"
    );
    assert!(origin("app.example").contains("an origin is scheme://host or scheme://host:port"));
    assert!(origin("https://").contains("an origin is scheme://host or scheme://host:port"));
    assert!(origin("https://x:port").contains("an origin is scheme://host or scheme://host:port"));
    assert!(origin("https://x/").contains("leave out the rest"));
    assert!(origin("wss://x").contains("write http:// or https://"));
    assert!(origin("https://a*.x").contains("may only stand for the subdomains in front"));
}

#[test]
fn the_demo_is_a_page_of_websocket_listeners() {
    let demo = |text: &str| {
        listener(&format!(
            "{{ transport: websocket, bind: x:1, tls: off{text} }}"
        ))
        .demo
    };
    assert!(!demo(""));
    assert!(!demo(", demo: false"));
    assert!(demo(", demo: true"));
    let webtransport = "transport: webtransport, bind: x:1, tls: { self_signed: x }";
    assert!(!listener(&format!("{{ {webtransport}, demo: false }}")).demo);
    assert_eq!(
        refused(&format!("{webtransport}, demo: true")),
        "a browser opens no page over webtransport; write `demo: true` at a websocket listener"
    );
    assert_eq!(
        refused("transport: websocket, bind: x:1, tls: off, demo: yes"),
        "`demo` wants true or false; here is \"yes\""
    );
}

fn proxies(text: &str) -> Option<Proxies> {
    let start = "transport: websocket, bind: x:1, tls: off";
    listener(&format!("{{ {start}, {text} }}")).proxies
}

#[test]
fn proxies_are_trusted_on_loopback_where_nothing_else_is_said() {
    for (word, address_from) in [
        ("x-forwarded-for", AddressFrom::XForwardedFor),
        ("forwarded", AddressFrom::Forwarded),
        ("proxy_protocol", AddressFrom::ProxyProtocol),
    ] {
        let proxies = proxies(&format!("address_from: {word}")).expect("proxies");
        assert_eq!(proxies.address_from, address_from);
        for (address, trusted) in [
            ("127.0.0.1", true),
            ("127.255.0.9", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("128.0.0.1", false),
            ("::2", false),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(proxies.trusts(address), trusted, "{address}");
        }
    }
    assert_eq!(proxies("origins: []"), None);
}

#[test]
fn networks_of_proxies() {
    let networks = "[10.1.2.3/8, 192.0.2.1, '2001:db8::/32', '::ffff:172.16.0.0/108', '::1']";
    let proxies = proxies(&format!(
        "address_from: forwarded, trusted_proxies: {networks}"
    ));
    let shown: Vec<_> = proxies.expect("proxies").trusted;
    let shown: Vec<_> = shown.iter().map(ToString::to_string).collect();
    let wanted = [
        "10.0.0.0/8",
        "192.0.2.1/32",
        "2001:db8::/32",
        "172.16.0.0/12",
        "::1/128",
    ];
    assert_eq!(shown, wanted);
}

#[test]
fn proxies_that_make_no_sense() {
    let told = |text: &str| {
        refused(&format!(
            "transport: websocket, bind: x:1, tls: off, {text}"
        ))
    };
    assert_eq!(
        told("address_from: x-real-ip"),
        "`address_from` wants x-forwarded-for, forwarded or proxy_protocol; here is \"x-real-ip\""
    );
    for wrong in ["10.0.0.0/33", "localhost", "10.0.0.0-10.0.0.9", "10.0/8"] {
        assert_eq!(
            told(&format!(
                "address_from: forwarded, trusted_proxies: ['{wrong}']"
            )),
            format!(
                "`trusted_proxies` cannot be \"{wrong}\"; write a network such as 10.0.0.0/8 or 2001:db8::/32"
            )
        );
    }
    assert_eq!(
        refused(
            "transport: webtransport, bind: x:1, tls: { self_signed: x }, address_from: proxy_protocol"
        ),
        "`address_from` cannot be \"proxy_protocol\"; a QUIC connection has no PROXY header; have UDP pass beside the proxy and remove this"
    );
    for (keys, warning) in [
        (
            "trusted_proxies: [10.0.0.0/8]",
            "`trusted_proxies` does nothing without `address_from`, which says what they are trusted for",
        ),
        (
            "address_from: forwarded, trusted_proxies: []",
            "`trusted_proxies` is an empty list, so that `address_from` is read from nobody",
        ),
    ] {
        let listener = format!("transport: websocket, bind: x:1, tls: off, {keys}");
        let examined = examine(&format!(
            "servers: {{ open: true }}\nlisteners: [{{ {listener} }}]\n"
        ));
        let warnings: Vec<_> = examined.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].ends_with(warning), "{warnings:?}");
        assert!(examined.problems.is_empty(), "{:?}", examined.problems);
    }
}
