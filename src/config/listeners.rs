//! `listeners` and `admin`: where the relay listens, and how.

use super::{
    Admin, Bind, Listener, Location, Origins, Tls, Transport, address, proxies, section::Section,
    urls, value::Value,
};

const TLS_EXAMPLE: &str = "{ cert: relay.pem, key: relay.key }";

/// All listeners, no two of them on one address.
pub(super) fn read(value: Value<'_>, taken: &mut Vec<Taken>) -> Option<Vec<Listener>> {
    let whole = value.clone();
    let listeners = value.list_of(|v| v.section(|s| listener(s, taken)).flatten())?;
    if listeners.is_empty() {
        return whole.refuse("`listeners` is an empty list; the relay needs at least one");
    }
    Some(listeners)
}

/// The listener for operators, on addresses that no other listener has.
pub(super) fn admin(s: &mut Section<'_>, taken: &mut Vec<Taken>) -> Option<Admin> {
    let bind = s.required("bind", "127.0.0.1:9180", |v| {
        v.one_or_more_of(|v| bind(v, Some(Transport::WebSocket), taken))
    });
    Some(Admin {
        bind: bind?,
        at: s.at(),
    })
}

/// An address that a listener of the file has.
pub(super) struct Taken {
    /// Which tells TCP from UDP.
    transport: Option<Transport>,
    bind: Bind,
    at: Location,
}

fn listener(s: &mut Section<'_>, taken: &mut Vec<Taken>) -> Option<Listener> {
    let transport = s.required("transport", "websocket", |v| {
        v.choice(&[
            (Transport::WebSocket.as_str(), Transport::WebSocket),
            (Transport::WebTransport.as_str(), Transport::WebTransport),
        ])
    });
    let bind = s.required("bind", "127.0.0.1:8080", |v| {
        v.one_or_more_of(|v| bind(v, transport, taken))
    });
    let tls = s.required("tls", TLS_EXAMPLE, |v| tls(v, transport));
    let origins = s.optional("origins", |v| v.list_of(|v| v.parsed(urls::origin)));
    let public_url = s.optional("public_url", |v| {
        v.parsed(|text| urls::public(text, transport))
    });
    let proxies = proxies::read(s, transport);
    let demo = s.or("demo", false, |v| demo(v, transport));
    Some(Listener {
        transport: transport?,
        bind: bind?,
        tls: tls?,
        origins: origins.map_or(Origins::Any, Origins::Listed),
        public_url,
        proxies,
        demo,
        at: s.at(),
    })
}

/// Whether the listener has a page at `/`.
fn demo(value: Value<'_>, transport: Option<Transport>) -> Option<bool> {
    let demo = value.clone().boolean()?;
    if demo && transport == Some(Transport::WebTransport) {
        return value.refuse(
            "a browser opens no page over webtransport; write `demo: true` at a websocket listener",
        );
    }
    Some(demo)
}

fn bind(value: Value<'_>, transport: Option<Transport>, taken: &mut Vec<Taken>) -> Option<Bind> {
    let at = value.at();
    let bind = value.clone().parsed(address::bind)?;
    let same = |it: &&Taken| it.transport == transport && address::overlap(&it.bind, &bind);
    if let Some(other) = taken.iter().find(same) {
        let Location { line, column } = other.at;
        return value.refuse_text(format!(
            "{} at {line}:{column} has that address already; choose another port",
            other.bind
        ));
    }
    taken.push(Taken {
        transport,
        bind: bind.clone(),
        at,
    });
    Some(bind)
}

fn tls(value: Value<'_>, transport: Option<Transport>) -> Option<Tls> {
    if value.is_off() && transport == Some(Transport::WebTransport) {
        return value.refuse(format!(
            "webtransport is never without tls; write `tls: {TLS_EXAMPLE}`, or `tls: {{ self_signed: [localhost] }}`"
        ));
    }
    let tls = value.or_off(|v| v.section_like(TLS_EXAMPLE, certificate).flatten())?;
    Some(tls.unwrap_or(Tls::Off))
}

fn certificate(s: &mut Section<'_>) -> Option<Tls> {
    let cert = s.optional("cert", Value::file);
    let key = s.optional("key", Value::file);
    let names = s.optional("self_signed", |v| {
        v.one_or_more_of(|v| v.parsed(address::name))
    });
    match (s.has("cert"), s.has("key"), s.has("self_signed")) {
        (true, true, false) => Some(Tls::Files {
            cert: cert?,
            key: key?,
        }),
        (false, false, true) => names.map(Tls::SelfSigned),
        _ => s.refuse("`tls` wants both `cert` and `key`, or `self_signed` alone"),
    }
}
