//! `servers`, right and wrong, and what is never told of it.

use super::{HASH, config, each_refused, problems, what};
use crate::config::*;

/// The problems of `servers`, without their places.
fn servers(text: &str) -> Vec<String> {
    let found = problems(&format!(
        "listeners: [{{ transport: websocket, bind: x:1, tls: off }}]\nservers: {text}\n"
    ));
    found.iter().map(|it| what(it).to_owned()).collect()
}

#[test]
fn entries() {
    let config = config(&format!(
        "listeners: [{{ transport: websocket, bind: x:1, tls: off }}]
servers:
  open: false
  passphrases:
    - name: front-door
      hash: {HASH}
    - {{ name: camera, hash: '{HASH}', id: cam_1-A, on_conflict: reject }}
    - {{ name: camera-2, hash: '${{HASH}}', id: cam_1-A, on_conflict: replace }}
"
    ));
    let Servers::Passphrases(entries) = config.servers else {
        panic!("passphrases");
    };
    let names: Vec<_> = entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["front-door", "camera", "camera-2"]);
    assert!(entries.iter().all(|entry| entry.hash.as_str() == HASH));
    let ids: Vec<_> = entries.iter().map(|entry| entry.id.as_deref()).collect();
    assert_eq!(ids, [None, Some("cam_1-A"), Some("cam_1-A")]);
    let conflicts: Vec<_> = entries.iter().map(|entry| entry.on_conflict).collect();
    assert_eq!(
        conflicts,
        [OnConflict::Replace, OnConflict::Reject, OnConflict::Replace]
    );
}

#[test]
fn who_may_be_a_server() {
    assert_eq!(
        servers("{}"),
        ["`servers` does not say who may be one; write `passphrases`, or `open: true` for anyone"]
    );
    assert_eq!(servers("{ open: false }"), servers("{}"));
    assert_eq!(
        servers("{ open: 1 }"),
        ["`open` wants true or false; here is 1"]
    );
    assert_eq!(
        servers("open"),
        ["`servers` wants a mapping; here is a text"]
    );
    assert_eq!(
        servers("{ passphrases: [] }"),
        ["`passphrases` is an empty list, so nobody could be a server; add an entry"]
    );
    assert_eq!(
        servers(&format!(
            "{{ open: true, passphrases: [{{ name: a, hash: '{HASH}' }}] }}"
        )),
        ["with `open: true` nobody needs one of the `passphrases`; keep one of the two keys"]
    );
}

#[test]
fn passphrases() {
    let entries = |text: &str| servers(&format!("{{ passphrases: [{text}] }}"));
    assert_eq!(
        entries("{}"),
        [
            "`name` is missing; write for example `name: front-door`",
            "`hash` is missing; write for example `hash: $argon2id$v=19$…`",
        ]
    );
    let twice = format!("{{ name: a, hash: '{HASH}' }}, {{ name: a, hash: '{HASH}' }}");
    assert_eq!(
        entries(&twice),
        ["`name` cannot be \"a\"; line 2 has that name already; names are unique"]
    );
    let entry = |rest: &str| entries(&format!("{{ hash: '{HASH}', {rest} }}"));
    assert_eq!(
        entry("name: 'a:b'"),
        ["`name` cannot be \"a:b\"; a name has at most 128 bytes and no colon"]
    );
    assert_eq!(
        entry("name: ''"),
        ["`name` wants a text, in quotes where it looks like a number or a boolean; here is \"\""]
    );
    assert_eq!(
        entry("name: a, id: '0'"),
        ["`id` cannot be \"0\"; 0 is the relay itself; choose another id"]
    );
    for id in ["a b", "ä", "a/b", &"x".repeat(65)] {
        assert!(
            entry(&format!("name: a, id: '{id}'"))[0]
                .ends_with("; an id is 1 to 64 of A-Z a-z 0-9 _ -")
        );
    }
    assert_eq!(
        entry("name: a, on_conflict: keep"),
        ["`on_conflict` wants replace or reject; here is \"keep\""]
    );
}

#[test]
fn secrets_are_never_quoted() {
    for text in [
        "{ passphrases: hunter2 }",
        "{ passphrases: [hunter2] }",
        "{ passphrases: [{ name: a, hash: hunter2 }] }",
        "{ passphrases: [{ name: a, hash: $argon2id$v=19$m=8,t=1,p=1$hunter2aaaa$hunter2 }] }",
        "{ passphrases: [{ name: a, hash: [hunter2] }] }",
        "{ passphrases: [{ name: a, passphrase: hunter2 }] }",
        "{ passphrases: [{ name: a, hash: '', id: $argon2id$v=19$hunter2 }] }",
        "\n  passphrases:\n    - hash: \"hunter2\n",
    ] {
        let found = servers(text).join("\n");
        assert!(!found.contains("hunter2"), "{found}");
    }
    let cut = servers("{ passphrases: [{ name: a, hash: $argon2id$v=19$m=8,t=1,p=1$x$y }] }");
    assert!(
        cut[0].ends_with(
            "put it in quotes where it stands between braces, since a comma ends it there"
        )
    );
    each_refused(&[
        (
            "ice_servers: [{ urls: turn:x, secret: [hunter2] }]",
            "`secret` wants a text, in quotes where it looks like a number or a boolean; here is a list",
        ),
        (
            "ice_servers: [{ urls: turn:x, secret: 12345 }]",
            "`secret` wants a text, in quotes where it looks like a number or a boolean; here is a number",
        ),
    ]);
}
