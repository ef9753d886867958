//! `ice_servers`: what HELLO tells about STUN and TURN.

use std::time::Duration;

use secrecy::SecretString;

use super::{IceCredentials, IceServer, section::Section, urls, value::Value};

const TTL: Duration = Duration::from_secs(12 * 3600);

/// All of them.
pub(super) fn read(value: Value<'_>) -> Option<Vec<IceServer>> {
    value.list_of(|v| v.section(server).flatten())
}

fn server(s: &mut Section<'_>) -> Option<IceServer> {
    let urls = s.required("urls", "[stun:stun.example:3478]", |v| {
        v.one_or_more_of(|v| v.parsed(urls::ice))
    });
    let credentials = credentials(s)?;
    let urls = urls?;
    if urls.iter().any(|url| url.starts_with("turn")) && matches!(credentials, IceCredentials::None)
    {
        s.warn("browsers take no turn server without credentials; add `secret`, or `username` and `credential`");
    }
    Some(IceServer { urls, credentials })
}

fn credentials(s: &mut Section<'_>) -> Option<IceCredentials> {
    let username = s.optional("username", Value::text);
    let credential = s.optional("credential", hidden);
    let secret = s.optional("secret", hidden);
    let ttl = s.or("ttl", TTL, |v| v.duration(Duration::from_secs(1)));
    if s.has("ttl") && !s.has("secret") {
        s.refuse::<()>(
            "`ttl` is how long credentials made from a `secret` last; add that or remove this",
        );
    }
    match (s.has("username"), s.has("credential"), s.has("secret")) {
        (false, false, false) => Some(IceCredentials::None),
        (false, false, true) => Some(IceCredentials::TimeLimited {
            secret: secret?,
            ttl,
        }),
        (true, true, false) => Some(IceCredentials::Static {
            username: username?.to_owned(),
            credential: credential?,
        }),
        (_, _, true) => s.refuse(
            "`secret` makes username and credential by itself; keep either it or those two",
        ),
        _ => s.refuse("`username` and `credential` go together; add the other one"),
    }
}

fn hidden(value: Value<'_>) -> Option<SecretString> {
    value.secret().map(SecretString::from)
}
