//! The URLs and origins of the file.

use url::Url;

use super::Transport;

/// An origin as browsers send it, `null`, or one with `*.` in front of its host.
pub(super) fn origin(text: &str) -> Result<String, &'static str> {
    const WANTED: &str =
        "an origin is scheme://host or scheme://host:port, as in https://app.example";
    match text {
        "null" => return Ok(text.to_owned()),
        "*" => return Err("to allow any origin leave the key `origins` out"),
        _ => {}
    }
    let (scheme, host) = text.split_once("://").ok_or(WANTED)?;
    if host.contains(['/', '?', '#', '@']) {
        return Err("an origin ends after the host and port; leave out the rest");
    }
    if ["ws", "wss"].contains(&scheme) {
        return Err("a browser sends the origin of the page; write http:// or https://");
    }
    let (wildcard, host) = host
        .strip_prefix("*.")
        .map_or(("", host), |host| ("*.", host));
    if host.contains('*') {
        return Err("`*.` may only stand for the subdomains in front, as in https://*.app.example");
    }
    let url = Url::parse(&format!("{scheme}://{host}")).map_err(|_| WANTED)?;
    let host = url
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or(WANTED)?;
    // `port` is `None` for the scheme's own port, which browsers leave out as well.
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let origin = format!("{}://{wildcard}{host}{port}", url.scheme());
    Ok(origin.to_ascii_lowercase())
}

/// The URL of a listener for discovery.
pub(super) fn public(text: &str, transport: Option<Transport>) -> Result<String, &'static str> {
    const WANTED: &str = "write a URL such as wss://relay.example";
    let url = Url::parse(text).map_err(|_| WANTED)?;
    match (transport, url.scheme()) {
        (Some(Transport::WebSocket) | None, "wss" | "ws") => {}
        (Some(Transport::WebTransport) | None, "https") => {}
        (Some(Transport::WebSocket), _) => {
            return Err("a websocket listener wants a wss:// or ws:// URL");
        }
        (Some(Transport::WebTransport), _) => {
            return Err("a webtransport listener wants an https:// URL");
        }
        (None, _) => return Err(WANTED),
    }
    let login = !url.username().is_empty() || url.password().is_some();
    if login || url.query().is_some() || url.fragment().is_some() {
        return Err("it may have a host, a port and a path, nothing else");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// A URL of an ICE server.
pub(super) fn ice(text: &str) -> Result<String, &'static str> {
    let (scheme, host) = text.split_once(':').unwrap_or_default();
    if !["stun", "stuns", "turn", "turns"].contains(&scheme) {
        return Err(
            "write stun:, stuns:, turn: or turns: and a host, as in stun:stun.example:3478",
        );
    }
    if host.starts_with("//") {
        return Err("it has no slashes, as in stun:stun.example:3478");
    }
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err("the host is missing, as in stun:stun.example:3478");
    }
    Ok(text.to_owned())
}
