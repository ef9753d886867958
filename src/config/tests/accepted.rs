//! What the file may say, and what it means.

use std::{path::PathBuf, time::Duration};

use secrecy::ExposeSecret;

use super::{START, config, examine, more};
use crate::config::*;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_shortest_file_has_every_default() {
    let config = config(START);
    assert_eq!(config.path, PathBuf::from("relay.yaml"));
    let [listener] = config.listeners.as_slice() else {
        panic!("one listener");
    };
    assert_eq!(listener.transport, Transport::WebSocket);
    assert_eq!(
        listener.bind,
        [Bind {
            host: "127.0.0.1".into(),
            port: 8080
        }]
    );
    assert_eq!(listener.tls, Tls::Off);
    assert_eq!(listener.origins, Origins::Any);
    assert_eq!(listener.public_url, None);
    assert_eq!(
        listener.at,
        Location {
            line: 1,
            column: 13
        }
    );
    assert!(matches!(config.servers, Servers::Open));
    assert_eq!(config.server_info, None);
    assert!(config.ice_servers.is_empty());
    assert_eq!(
        config.log,
        Log {
            level: tracing::Level::INFO,
            format: LogFormat::Text
        }
    );
    assert!(config.schemas.types.is_empty());
    assert_eq!(config.schemas.unknown_types, UnknownTypes::Allow);
    assert!(config.schemas.formats);
}

#[test]
fn timeouts_limits_and_ids_have_the_documented_defaults() {
    let Config {
        timeouts,
        limits,
        ids,
        ..
    } = config(START);
    let wanted = Timeouts {
        handshake: seconds(10),
        login: seconds(10),
        idle_server: None,
        idle_client: None,
        ping: Some(seconds(25)),
        pong: seconds(20),
        drain: seconds(10),
    };
    assert_eq!(timeouts, wanted);
    let wanted = Limits {
        message_bytes: 65_536,
        on_invalid: OnInvalid::Reject,
        connections: 100_000,
        connections_per_address: None,
        servers: 10_000,
        clients_per_server: 1000,
        messages_per_second: Some(Rate {
            rate: 100,
            burst: 200,
            on_excess: OnExcess::Wait,
        }),
        outbound_queue: QueueBound {
            messages: 1024,
            bytes: 1_048_576,
        },
        queued_bytes: 1_073_741_824,
        failed_logins: Some(FailedLogins {
            per_address: 10,
            window: seconds(60),
        }),
    };
    assert_eq!(limits, wanted);
    let IdStyle::Nanoid {
        length: 21,
        alphabet,
    } = &ids.server
    else {
        panic!("{ids:?}");
    };
    assert_eq!(alphabet.len(), 64);
    assert!(
        alphabet
            .iter()
            .all(|c| c.is_ascii_alphanumeric() || "_-".contains(*c))
    );
    assert_eq!(ids.server, ids.client);
}

#[test]
fn sections_without_anything_in_them_are_as_good_as_none() {
    let empty =
        more("timeouts:\nlimits: {}\nids: { server: }\nschemas: { types: }\nlog:\nice_servers:\n");
    assert_eq!(empty.timeouts, config(START).timeouts);
    assert_eq!(empty.ids, config(START).ids);
}

#[test]
fn server_info_is_json_in_the_order_of_the_file() {
    let info = |text: &str| more(&format!("server_info: {text}")).server_info;
    assert_eq!(info("a room"), Some("\"a room\"".to_owned()));
    assert_eq!(info("7"), Some("7".to_owned()));
    assert_eq!(info("false"), Some("false".to_owned()));
    assert_eq!(info("off"), Some("\"off\"".to_owned()));
    assert_eq!(
        info("{ z: [1, -2.5, ~], a: { country: no }, port: '${PORT}' }"),
        Some(r#"{"z":[1,-2.5,null],"a":{"country":"no"},"port":"9000"}"#.to_owned())
    );
}

#[test]
fn ids() {
    let ids = |text: &str| more(&format!("ids: {text}")).ids;
    let both = ids("{ server: { style: words }, client: { length: 4, alphabet: abcdefgh } }");
    assert_eq!(both.server, IdStyle::Words { words: 6 });
    assert_eq!(
        both.client,
        IdStyle::Nanoid {
            length: 4,
            alphabet: ('a'..='h').collect()
        }
    );
    assert_eq!(
        ids("{ server: { style: words, words: 7 } }").server,
        IdStyle::Words { words: 7 }
    );
    let shortest = ids("{ server: { style: nanoid, length: 11 } }").server;
    assert!(matches!(shortest, IdStyle::Nanoid { length: 11, .. }));
}

#[test]
fn timeouts() {
    let timeouts = more(
        "timeouts: { handshake: 500ms, login: 1s, idle: { server: 2m, client: 12h }, ping: off, pong: 3s, drain: 0s }",
    )
    .timeouts;
    let wanted = Timeouts {
        handshake: Duration::from_millis(500),
        login: seconds(1),
        idle_server: Some(seconds(120)),
        idle_client: Some(seconds(43_200)),
        ping: None,
        pong: seconds(3),
        drain: seconds(0),
    };
    assert_eq!(timeouts, wanted);
    let off = more("timeouts: { idle: { server: off, client: 'off' }, ping: false }").timeouts;
    assert_eq!(
        (off.idle_server, off.idle_client, off.ping),
        (None, None, None)
    );
}

#[test]
fn limits() {
    let limits = more(
        "limits:
  message_bytes: 1MiB
  on_invalid: disconnect
  connections: 1
  connections_per_address: 2
  servers: 3
  clients_per_server: 4
  messages_per_second: { rate: 5, burst: 6, on_excess: disconnect }
  outbound_queue: { messages: 7, bytes: 2GiB }
  queued_bytes: 4096
  failed_logins: { per_address: 8, window: 9s }
",
    )
    .limits;
    let wanted = Limits {
        message_bytes: 1 << 20,
        on_invalid: OnInvalid::Disconnect,
        connections: 1,
        connections_per_address: Some(2),
        servers: 3,
        clients_per_server: 4,
        messages_per_second: Some(Rate {
            rate: 5,
            burst: 6,
            on_excess: OnExcess::Disconnect,
        }),
        outbound_queue: QueueBound {
            messages: 7,
            bytes: 2 << 30,
        },
        queued_bytes: 4096,
        failed_logins: Some(FailedLogins {
            per_address: 8,
            window: seconds(9),
        }),
    };
    assert_eq!(limits, wanted);
    let off = more(
        "limits: { connections_per_address: off, messages_per_second: off, failed_logins: off }",
    );
    assert_eq!(off.limits.messages_per_second, None);
    assert_eq!(off.limits.failed_logins, None);
    let part = more(
        "limits: { messages_per_second: { on_excess: reject }, failed_logins: { window: 1s } }",
    );
    assert_eq!(
        part.limits.messages_per_second,
        Some(Rate {
            rate: 100,
            burst: 200,
            on_excess: OnExcess::Reject
        })
    );
    assert_eq!(
        part.limits.failed_logins,
        Some(FailedLogins {
            per_address: 10,
            window: seconds(1)
        })
    );
}

#[test]
fn ice_servers() {
    let servers = more(
        "ice_servers:
  - urls: stun:stun.example
  - { urls: [turn:turn.example:3478, 'turns:turn.example?transport=tcp'], username: me, credential: '${SECRET}' }
  - { urls: turn:turn.example, secret: '${SECRET}' }
  - { urls: turn:turn.example, secret: s, ttl: 5m }
",
    )
    .ice_servers;
    assert_eq!(servers[0].urls, ["stun:stun.example"]);
    assert!(matches!(servers[0].credentials, IceCredentials::None));
    assert_eq!(servers[1].urls.len(), 2);
    let IceCredentials::Static {
        username,
        credential,
    } = &servers[1].credentials
    else {
        panic!("{servers:?}");
    };
    assert_eq!(
        (username.as_str(), credential.expose_secret()),
        ("me", "hunter2")
    );
    let ttl = |server: &IceServer| match &server.credentials {
        IceCredentials::TimeLimited { ttl, .. } => *ttl,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        servers[2..].iter().map(ttl).collect::<Vec<_>>(),
        [seconds(43_200), seconds(300)]
    );
    assert!(!format!("{servers:?}").contains("hunter2"));
}

#[test]
fn logging() {
    let levels = ["error", "warn", "info", "debug", "trace"];
    for level in levels {
        let log = more(&format!("log: {{ level: {level}, format: json }}")).log;
        assert_eq!(log.level.to_string().to_lowercase(), level);
        assert_eq!(log.format, LogFormat::Json);
    }
}

#[test]
fn what_works_and_is_probably_not_meant_is_a_warning() {
    let text =
        format!("{START}limits: {{ message_bytes: 2MiB }}\nice_servers: [{{ urls: turn:x }}]\n");
    let warnings = examine(&text).warnings;
    let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "relay.yaml:3:9: a message of up to 2MiB may not fit into `outbound_queue` with 1MiB; raise its `bytes`",
            "relay.yaml:4:15: browsers take no turn server without credentials; add `secret`, or `username` and `credential`",
        ]
    );
}

#[test]
fn what_is_not_supported_may_be_switched_off() {
    more("resume: off\nadmin: off\ncluster:\n");
}

#[test]
fn the_admin_listener_may_have_several_addresses() {
    assert!(config(START).admin.is_none());
    let admin = more("admin: { bind: ['127.0.0.1:9180', '[::1]:9180'] }").admin;
    let bind = admin.expect("an admin listener").bind;
    let bind: Vec<_> = bind.iter().map(ToString::to_string).collect();
    assert_eq!(bind, ["127.0.0.1:9180", "[::1]:9180"]);
}

#[test]
fn every_key_can_be_listed() {
    let keys = Config::keys();
    for key in [
        "listeners.tls.self_signed",
        "servers.passphrases.hash",
        "limits.messages_per_second.burst",
        "schemas.types.*.on_full",
        "ice_servers.ttl",
        "log.level",
    ] {
        assert!(keys.contains(key), "{key} of {keys:?}");
    }
    assert!(!keys.contains("cluster"));
}
