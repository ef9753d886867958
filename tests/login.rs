//! How a server logs in, and what happens where it does not.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use common::{
    EVERY_TRANSPORT, OPEN, PATIENCE, TestRelay, Via,
    login::{
        HASH, PASSPHRASE, entries, header, logged_in, login, named, one_door, right, server_with,
        socket_from, wrong,
    },
};
use intercessor::client::Event;
use serde_json::json;
use tokio::time::timeout;

/// Nobody has to hurry.
const NO_HURRY: &str = "timeouts: { login: 5m }\n";

#[tokio::test]
async fn a_login_as_the_first_envelope_is_answered_with_hello() {
    let relay = TestRelay::start(&format!("{}{NO_HURRY}", one_door())).await;
    for via in EVERY_TRANSPORT {
        for first in [right(), named("door")] {
            let mut server = logged_in(&relay, via, first).await;
            let _client = relay.client(via, &mut server).await;
            server.nothing_else().await;
        }
    }
}

#[tokio::test]
async fn a_login_in_the_header_is_answered_with_hello_at_once() {
    let relay = TestRelay::start(&format!("{}{NO_HURRY}", one_door())).await;
    for via in EVERY_TRANSPORT {
        for name in [None, Some("door")] {
            let server = relay
                .peer_with(via, "/server", header(name, PASSPHRASE))
                .await;
            let mut server = server.expect("let in");
            server.hello().await;
            server.send(right()).await;
            server.refused("FORBIDDEN_TYPE").await;
        }
    }
}

#[tokio::test]
async fn a_wrong_header_is_refused_at_the_handshake() {
    let relay = TestRelay::start(&one_door()).await;
    for via in EVERY_TRANSPORT {
        for (name, passphrase) in [(None, "open barley"), (Some("window"), PASSPHRASE)] {
            let refused = relay
                .peer_with(via, "/server", header(name, passphrase))
                .await;
            let told = refused.map(|_| ()).expect_err("refused").to_string();
            let status = if via == Via::WebTransport {
                "403"
            } else {
                "401"
            };
            assert!(told.contains(status), "{told}");
        }
    }
}

#[tokio::test]
async fn until_it_has_logged_in_a_server_is_told_nothing_but_that_it_came_too_late() {
    let relay = TestRelay::start(&format!("{}timeouts: {{ login: 50ms }}\n", one_door())).await;
    for via in EVERY_TRANSPORT {
        let mut server = relay.peer(via, "/server").await;
        let bye = server.closed(4401).await;
        assert!(bye.get("reconnectIn").is_none(), "{bye}");
    }
}

#[tokio::test]
async fn a_wrong_login_is_4401_and_says_nothing_of_what_was_tried() {
    let relay = TestRelay::start(&format!("{}{NO_HURRY}", one_door())).await;
    for via in EVERY_TRANSPORT {
        for first in [wrong(), named("window")] {
            let bye = server_with(&relay, via, first).await.closed(4401).await;
            let reason = bye["reason"].as_str().expect("a reason");
            assert!(
                !reason.contains("open") && !reason.contains("window"),
                "{reason}"
            );
        }
    }
}

#[tokio::test]
async fn whatever_is_first_and_no_login_is_4401() {
    let no_bound = "limits: { failed_logins: off }\n";
    let relay = TestRelay::start(&format!("{}{NO_HURRY}{no_bound}", one_door())).await;
    let passphrase = format!(r#""passphrase":"{PASSPHRASE}""#);
    let to_relay = |kind: &str, message: &str| {
        format!(r#"{{"to":"0","type":"{kind}","message":{{{message}}}}}"#)
    };
    let firsts = [
        "nonsense".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        to_relay("CHAT", &passphrase),
        to_relay("KICK", r#""id":"abc""#),
        to_relay("LOGIN", ""),
        to_relay("LOGIN", r#""passphrase":7"#),
        to_relay("LOGIN", &format!(r#"{passphrase},"name":7"#)),
        to_relay("LOGIN", &passphrase).replace(r#""0""#, r#""abc""#),
        to_relay("LOGIN", &passphrase).replace(r#""0""#, r#""*""#),
        // Right, but for a member that is there twice.
        to_relay("LOGIN", &format!("{passphrase},{passphrase}")),
        to_relay("LOGIN", &format!(r#"{passphrase},"x":{{"y":1,"y":1}}"#)),
        to_relay("LOGIN", &passphrase).replace(r#""to":"0""#, r#""to":"0","to":"0""#),
        to_relay("LOGIN", &passphrase).replace(r#""to":"0""#, r#""to":"0","x":1,"x":1"#),
        // An own id there is not yet.
        to_relay("LOGIN", &passphrase).replace(r#""to":"0""#, r#""to":"0","from":"abc""#),
    ];
    for via in EVERY_TRANSPORT {
        for first in &firsts {
            let mut server = relay.peer(via, "/server").await;
            server.send_text(first).await;
            let bye = server.closed(4401).await;
            assert!(bye.get("reconnectIn").is_none(), "{first}: {bye}");
        }
    }
}

#[tokio::test]
async fn a_name_picks_an_entry_and_without_one_all_are_tried() {
    let servers = entries(&[
        ("left", HASH, ", id: left-door"),
        ("right", HASH, ", id: right-door"),
    ]);
    let relay = TestRelay::start(&servers).await;
    for via in EVERY_TRANSPORT {
        for (first, id) in [
            (named("left"), "left-door"),
            (named("right"), "right-door"),
            (right(), "left-door"),
        ] {
            let server = logged_in(&relay, via, first).await;
            assert_eq!(server.id, id);
            server.leave().await;
        }
    }
}

#[tokio::test]
async fn with_more_than_8_entries_a_name_is_required() {
    let names: Vec<_> = (0..9).map(|n| format!("door-{n}")).collect();
    let all: Vec<_> = names.iter().map(|name| (name.as_str(), HASH, "")).collect();
    for via in EVERY_TRANSPORT {
        let eight = TestRelay::start(&entries(&all[..8])).await;
        logged_in(&eight, via, right()).await;
        let nine = TestRelay::start(&entries(&all)).await;
        server_with(&nine, via, right()).await.closed(4401).await;
        logged_in(&nine, via, named("door-8")).await;
    }
}

#[tokio::test]
async fn a_second_login_is_a_forbidden_type_and_changes_nothing() {
    let relay = TestRelay::start(&one_door()).await;
    for via in EVERY_TRANSPORT {
        let mut server = logged_in(&relay, via, right()).await;
        for again in [right(), wrong()] {
            server.send(again).await;
            server.refused("FORBIDDEN_TYPE").await;
        }
        let mut client = relay.client(via, &mut server).await;
        client.send(right()).await;
        client.refused("FORBIDDEN_TYPE").await;
    }
}

#[tokio::test]
async fn open_servers_get_hello_at_once_and_need_no_login() {
    let relay = TestRelay::start(OPEN).await;
    for via in EVERY_TRANSPORT {
        let mut server = relay.server(via).await;
        server.send(right()).await;
        server.refused("FORBIDDEN_TYPE").await;
        // Nobody looks at a header either.
        let shown = relay
            .peer_with(via, "/server", header(None, "anything"))
            .await;
        shown.expect("let in").hello().await;
    }
}

#[tokio::test]
async fn after_too_many_failures_the_right_passphrase_is_refused_too_but_not_from_elsewhere() {
    let bound = "limits: { failed_logins: { per_address: 2, window: 1h } }\n";
    for via in EVERY_TRANSPORT {
        let relay = TestRelay::start(&format!("{}{bound}", one_door())).await;
        logged_in(&relay, via, right()).await;
        for _ in 0..2 {
            server_with(&relay, via, wrong()).await.closed(4401).await;
        }
        for first in [wrong(), right()] {
            let bye = server_with(&relay, via, first).await.closed(4429).await;
            let after = bye["reconnectIn"].as_f64().expect("a time");
            assert!(after > 0.0 && after <= 3600.0, "{after}");
        }
        let refused = relay
            .peer_with(via, "/server", header(None, PASSPHRASE))
            .await;
        let told = refused.map(|_| ()).expect_err("refused").to_string();
        assert!(told.contains("429"), "{told}");

        let elsewhere = [127, 0, 0, 2].into();
        let mut server = socket_from(&relay, elsewhere, "/server").await;
        server.text(right().to_string()).await;
        let id = server.hello().await;
        // A client needs no login, wherever it comes from.
        relay
            .peer(via, &format!("/client/{id}"))
            .await
            .hello()
            .await;
    }
}

#[tokio::test]
async fn failures_count_however_a_login_was_tried() {
    let bound = "limits: { failed_logins: { per_address: 4, window: 1h } }\n";
    let relay = TestRelay::start(&format!("{}{bound}", one_door())).await;
    for via in [Via::Ws, Via::WebTransport] {
        server_with(&relay, via, wrong()).await.closed(4401).await;
        let refused = relay
            .peer_with(via, "/server", header(None, "open barley"))
            .await;
        refused.map(|_| ()).expect_err("refused");
    }
    server_with(&relay, Via::Wss, right())
        .await
        .closed(4429)
        .await;
}

#[tokio::test]
async fn a_peer_that_goes_away_before_its_login_is_nobody() {
    let limits = "limits: { servers: 1 }\n";
    let relay = TestRelay::start(&format!("{}{NO_HURRY}{limits}", one_door())).await;
    for via in EVERY_TRANSPORT {
        relay.peer(via, "/server").await.leave().await;
        let still_there = relay.peer(via, "/server").await;
        // Neither has a place among the servers.
        let server = logged_in(&relay, via, right()).await;
        server.leave().await;
        drop(still_there);
    }
}

#[tokio::test]
async fn a_stop_ends_whoever_has_not_logged_in_yet_with_1001() {
    for via in EVERY_TRANSPORT {
        let relay = TestRelay::start(&format!("{}{NO_HURRY}", one_door())).await;
        let mut server = relay.peer(via, "/server").await;
        // On one listener what is accepted later is served later: this one is waited for.
        let mut later = relay.peer(via, "/server").await;
        later.send(login(json!({}))).await;
        later.closed(4401).await;
        let stop = relay.stop();
        let told = async {
            let end = timeout(PATIENCE, server.peer.receive()).await;
            end.expect("in time")
        };
        let ((), told) = tokio::join!(stop, told);
        match told {
            Event::Envelope(bye) => assert!(bye.contains("1001"), "{bye}"),
            Event::Closed { code, .. } => assert_eq!(code, 1001),
            other => panic!("gone without a word: {other:?}"),
        }
    }
}
