//! What the file may not say, and what is told about it.

use super::{START, each_refused, examine, problems};
use crate::config::Problems;

#[test]
fn all_problems_are_told_at_once_each_with_its_place() {
    let text = "\
listeners:
  - transport: websockets
    bind: 127.0.0.1
    tsl: off
servers:
  open: ja
timeout: 5
limits:
  connections: 0
  connections: many
";
    assert_eq!(
        problems(text),
        [
            "2:5: `tls` is missing; write for example `tls: { cert: relay.pem, key: relay.key }`",
            "2:16: `transport` wants websocket or webtransport; here is \"websockets\"",
            "3:11: `bind` cannot be \"127.0.0.1\"; add a port, as in 127.0.0.1:8080",
            "4:5: unknown key `tsl`; did you mean `tls`?",
            "6:9: `open` wants true or false; here is \"ja\"",
            "7:1: unknown key `timeout`; did you mean `timeouts`?",
            "9:16: `connections` wants a whole number from 1 to 10000000; here is 0",
            "10:3: key `connections` is there twice, first in line 9; keep one",
        ]
    );
    assert_eq!(
        Problems::sorted(examine(text).problems)
            .to_string()
            .lines()
            .last(),
        Some("relay.yaml:10:3: key `connections` is there twice, first in line 9; keep one")
    );
}

#[test]
fn what_is_no_yaml_is_told_with_its_place() {
    let yaml = |text: &str| problems(text).join("\n");
    assert_eq!(
        yaml("a: [1\nb: 2\n"),
        "2:2: cannot read this YAML: illegal placement of ':' indicator"
    );
    assert_eq!(
        yaml("a: 1\n---\nb: 2\n"),
        "3:1: cannot read this YAML: only single YAML document expected but multiple found"
    );
    assert_eq!(
        yaml("listeners:\n  - bind: [::]:80\n"),
        "2:15: cannot read this YAML: while parsing a block mapping, did not find expected key; \
         put an address with brackets in quotes, as in \"[::]:8080\""
    );
    assert_eq!(
        yaml("[]"),
        "1:1: a configuration is a mapping; here is a list"
    );
    assert_eq!(
        yaml("hunter2"),
        "1:1: a configuration is a mapping; here is a text"
    );
    let deep = format!("server_info: {}{}", "[".repeat(2000), "]".repeat(2000));
    assert_eq!(
        yaml(&deep),
        "1:269: cannot read this YAML: recursion limit exceeded"
    );
    assert_eq!(
        yaml("server_info: !secret x\n"),
        "1:22: cannot read this YAML: unsupported tag `!secret`"
    );
    assert_eq!(
        yaml("servers: { open: ${OPEN} }\n"),
        "1:19: cannot read this YAML: while parsing a flow mapping, did not find expected ',' or '}'; \
         between braces or brackets put ${NAME} in quotes, as in { secret: \"${NAME}\" }"
    );
}

#[test]
fn listeners_and_servers_must_be_there() {
    let missing = [
        "1:1: `listeners` is missing; write for example `listeners: [{ transport: websocket, bind: 127.0.0.1:8080, tls: off }]`",
        "1:1: `servers` is missing; write for example `servers: { open: true }`",
    ];
    assert_eq!(problems(""), missing);
    assert_eq!(problems("listeners:\nservers:\n"), missing);
    assert_eq!(
        problems("listeners: []\nservers: { open: true }\n"),
        ["1:12: `listeners` is an empty list; the relay needs at least one"]
    );
    assert_eq!(
        problems("listeners: {}\nservers: { open: true }\n"),
        ["1:12: `listeners` wants a list; here is a mapping"]
    );
    assert_eq!(
        problems("listeners: [7]\nservers: { open: true }\n"),
        ["1:13: `listeners` wants a mapping; here is a number"]
    );
}

#[test]
fn what_is_not_supported_is_told_plainly() {
    each_refused(&[(
        "cluster: { nats: {} }",
        "`cluster` is not supported yet; remove it",
    )]);
}

#[test]
fn the_admin_listener_needs_an_address_of_its_own() {
    each_refused(&[
        (
            "admin: {}",
            "`bind` is missing; write for example `bind: 127.0.0.1:9180`",
        ),
        (
            "admin: { bind: 0.0.0.0:8080 }",
            "`bind` cannot be \"0.0.0.0:8080\"; 127.0.0.1:8080 at 1:43 has that address already; choose another port",
        ),
    ]);
}

#[test]
fn a_value_is_escaped_and_cut_short() {
    let long = "x".repeat(60);
    let told = problems(&format!("{START}log: {{ level: \"a\\nb{long}\" }}\n"));
    let wanted = format!(
        "3:15: `level` wants error, warn, info, debug or trace; here is \"a\\nb{}…\"",
        &long[..37]
    );
    assert_eq!(told, [wanted]);
}

#[test]
fn durations_and_sizes() {
    let duration = "wants a duration such as 500ms, 30s or 5m";
    let range = "wants a duration from 1ms to 8760h";
    let size = "wants a size from 128 bytes to 64MiB, such as 64KiB, 1MiB or plain bytes";
    each_refused(&[
        (
            "timeouts: { ping: 12 }",
            &format!("`ping` {duration}, or off; here is 12"),
        ),
        (
            "timeouts: { ping: true }",
            &format!("`ping` {duration}, or off; here is true"),
        ),
        (
            "timeouts: { idle: { client: 5min } }",
            &format!("`client` {duration}, or off; here is \"5min\""),
        ),
        (
            "timeouts: { pong: off }",
            &format!("`pong` {duration}; here is \"off\""),
        ),
        (
            "timeouts: { drain: off }",
            &format!("`drain` {duration}; here is \"off\""),
        ),
        (
            "timeouts: { handshake: false }",
            &format!("`handshake` {duration}; here is false"),
        ),
        (
            "timeouts: { login: 1.5s }",
            &format!("`login` {duration}; here is \"1.5s\""),
        ),
        (
            "timeouts: { login: -1s }",
            &format!("`login` {duration}; here is \"-1s\""),
        ),
        (
            "timeouts: { login: 0s }",
            &format!("`login` {range}; here is \"0s\""),
        ),
        (
            "timeouts: { login: 9000h }",
            &format!("`login` {range}; here is \"9000h\""),
        ),
        (
            "timeouts: { login: 99999999999999999h }",
            &format!("`login` {duration}; here is \"99999999999999999h\""),
        ),
        (
            "timeouts: { idle: off }",
            "`idle` wants a mapping; here is a text",
        ),
        (
            "limits: { message_bytes: 64KB }",
            &format!("`message_bytes` {size}; here is \"64KB\""),
        ),
        (
            "limits: { message_bytes: 65MiB }",
            &format!("`message_bytes` {size}; here is \"65MiB\""),
        ),
        (
            "limits: { message_bytes: 127 }",
            &format!("`message_bytes` {size}; here is 127"),
        ),
        (
            "limits: { message_bytes: -1 }",
            &format!("`message_bytes` {size}; here is -1"),
        ),
        (
            "limits: { message_bytes: 1.5 }",
            &format!("`message_bytes` {size}; here is 1.5"),
        ),
    ]);
}

#[test]
fn limits_and_the_rest() {
    let count = "wants a whole number from 1 to 10000000";
    each_refused(&[
        (
            "limits: { servers: '10' }",
            &format!("`servers` {count}; here is \"10\""),
        ),
        (
            "limits: { servers: off }",
            &format!("`servers` {count}; here is \"off\""),
        ),
        (
            "limits: { connections_per_address: 0 }",
            &format!("`connections_per_address` {count}, or off; here is 0"),
        ),
        (
            "limits: { clients_per_server: 10000001 }",
            &format!("`clients_per_server` {count}; here is 10000001"),
        ),
        (
            "limits: { messages_per_second: 100 }",
            "`messages_per_second` wants a mapping, or off; here is a number",
        ),
        (
            "limits: { messages_per_second: { rate: 0 } }",
            &format!("`rate` {count}; here is 0"),
        ),
        (
            "limits: { on_invalid: drop }",
            "`on_invalid` wants reject or disconnect; here is \"drop\"",
        ),
        (
            "limits: { outbound_queue: { message: 1 } }",
            "unknown key `message`; did you mean `messages`?",
        ),
        (
            "log: { format: xml }",
            "`format` wants text or json; here is \"xml\"",
        ),
        (
            "ice_server: []",
            "unknown key `ice_server`; did you mean `ice_servers`?",
        ),
        (
            "log: { colour: 1 }",
            "unknown key `colour`; known here: level, format",
        ),
        (
            "log: { 'a=b$c': 1 }",
            "unknown key; known here: level, format",
        ),
        (
            "server_info: { a: 1, a: 2 }",
            "key `a` is there twice, first in line 3; keep one",
        ),
    ]);
}

#[test]
fn ids() {
    each_refused(&[
        (
            "ids: { server: { length: 10 } }",
            "these ids have 60 bits of entropy and need 64 so that nobody can guess one; raise `length`",
        ),
        (
            "ids: { server: { alphabet: '01' } }",
            "these ids have 21 bits of entropy and need 64 so that nobody can guess one; raise `length`",
        ),
        (
            "ids: { server: { style: words, words: 5 } }",
            "these ids have 55 bits of entropy and need 64 so that nobody can guess one; raise `words`",
        ),
        (
            "ids: { client: { length: 1 } }",
            "these ids have 6 bits of entropy and need 11 so that `limits.clients_per_server` can have one each; raise `length`",
        ),
        (
            "ids: { client: { length: 65 } }",
            "`length` wants a whole number from 1 to 64; here is 65",
        ),
        (
            "ids: { client: { style: words, words: 8 } }",
            "`words` wants a whole number from 1 to 7; here is 8",
        ),
        (
            "ids: { client: { words: 3 } }",
            "`words` belongs to `style: words`; change the one or remove the other",
        ),
        (
            "ids: { client: { style: words, length: 3 } }",
            "`length` belongs to `style: nanoid`; change the one or remove the other",
        ),
        (
            "ids: { client: { style: uuid } }",
            "`style` wants nanoid or words; here is \"uuid\"",
        ),
        (
            "ids: { client: { alphabet: 'ab c' } }",
            "`alphabet` cannot be \"ab c\"; an id is made of A-Z a-z 0-9 _ - only",
        ),
        (
            "ids: { client: { alphabet: abca } }",
            "`alphabet` cannot be \"abca\"; each character may be there once",
        ),
        (
            "ids: { client: { alphabet: a } }",
            "`alphabet` cannot be \"a\"; it needs at least two characters",
        ),
    ]);
}

#[test]
fn ice_servers() {
    each_refused(&[
        (
            "ice_servers: [{}]",
            "`urls` is missing; write for example `urls: [stun:stun.example:3478]`",
        ),
        (
            "ice_servers: [{ urls: 'http://x' }]",
            "`urls` cannot be \"http://x\"; write stun:, stuns:, turn: or turns: and a host, as in stun:stun.example:3478",
        ),
        (
            "ice_servers: [{ urls: 'stun://x' }]",
            "`urls` cannot be \"stun://x\"; it has no slashes, as in stun:stun.example:3478",
        ),
        (
            "ice_servers: [{ urls: 'stun:' }]",
            "`urls` cannot be \"stun:\"; the host is missing, as in stun:stun.example:3478",
        ),
        (
            "ice_servers: [{ urls: [] }]",
            "`urls` is an empty list; write at least one",
        ),
        (
            "ice_servers: [{ urls: turn:x, username: a }]",
            "`username` and `credential` go together; add the other one",
        ),
        (
            "ice_servers: [{ urls: turn:x, credential: a }]",
            "`username` and `credential` go together; add the other one",
        ),
        (
            "ice_servers: [{ urls: turn:x, username: a, credential: b, secret: c }]",
            "`secret` makes username and credential by itself; keep either it or those two",
        ),
        (
            "ice_servers: [{ urls: stun:x, ttl: 5m }]",
            "`ttl` is how long credentials made from a `secret` last; add that or remove this",
        ),
        (
            "ice_servers: [{ urls: turn:x, secret: a, ttl: 0s }]",
            "`ttl` wants a duration from 1s to 8760h; here is \"0s\"",
        ),
    ]);
}
