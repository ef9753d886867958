//! What a WebSocket listener answers, status by status, to bytes as they are written.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use common::{
    OPEN, TestRelay, Via,
    login::one_door,
    raw::{Response, UPGRADE, Wire},
};

const BOTH: [Via; 2] = [Via::Ws, Via::Wss];

/// Sends a request, and reads the response.
async fn ask(relay: &TestRelay, via: Via, request: impl AsRef<[u8]>) -> Response {
    let mut wire = Wire::connect(relay, via).await;
    wire.write(request).await;
    wire.response().await
}

/// The same, for an answer after which the relay must end the connection.
async fn refused(relay: &TestRelay, via: Via, request: impl AsRef<[u8]>) -> Response {
    let mut wire = Wire::connect(relay, via).await;
    wire.write(request).await;
    let response = wire.response().await;
    wire.ended().await;
    response
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: relay.example\r\n\r\n")
}

/// An upgrade with more headers, each ended by `\r\n`.
fn upgrade(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\n{UPGRADE}{more}\r\n")
}

#[tokio::test]
async fn any_other_path_is_404() {
    let relay = TestRelay::start(OPEN).await;
    for via in BOTH {
        for path in [
            "/",
            "/other",
            "/client",
            "/client/",
            "/client/a/b",
            "/Server",
            "/healthz/x",
        ] {
            assert_eq!(refused(&relay, via, get(path)).await.status, 404, "{path}");
            assert_eq!(
                refused(&relay, via, upgrade(path, "")).await.status,
                404,
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn healthz_answers_ok() {
    let relay = TestRelay::start(OPEN).await;
    for via in BOTH {
        for path in ["/healthz", "/healthz/", "/healthz?from=probe"] {
            let response = refused(&relay, via, get(path)).await;
            assert_eq!(
                (response.status, response.body.as_str()),
                (200, "ok"),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn a_probe_that_speaks_http_1_0_needs_no_host() {
    let relay = TestRelay::start(OPEN).await;
    for via in BOTH {
        let response = refused(&relay, via, "GET /healthz HTTP/1.0\r\n\r\n").await;
        assert_eq!((response.status, response.body.as_str()), (200, "ok"));
    }
}

#[tokio::test]
async fn a_peer_path_without_an_upgrade_is_426_with_upgrade_websocket() {
    let relay = TestRelay::start(OPEN).await;
    let without = |header: &str| upgrade("/server", "").replace(header, "");
    for via in BOTH {
        for request in [
            get("/server"),
            get("/client/abc"),
            without("Upgrade: websocket\r\n"),
            without("keep-alive, Upgrade"),
            upgrade("/server", "").replace("Upgrade: websocket", "Upgrade: h2c"),
        ] {
            let response = refused(&relay, via, &request).await;
            assert_eq!(response.status, 426, "{request}");
            assert_eq!(response.header("upgrade"), Some("websocket"));
        }
    }
}

#[tokio::test]
async fn a_wrong_websocket_version_is_426_with_the_right_one() {
    let relay = TestRelay::start(OPEN).await;
    for via in BOTH {
        for version in ["8", "14", ""] {
            let version = format!("Sec-WebSocket-Version: {version}");
            let request = upgrade("/server", "").replace("Sec-WebSocket-Version: 13", &version);
            let response = refused(&relay, via, &request).await;
            assert_eq!(response.status, 426, "{request}");
            assert_eq!(response.header("sec-websocket-version"), Some("13"));
        }
    }
}

#[tokio::test]
async fn an_origin_that_is_not_allowed_is_403_on_peer_paths() {
    let origins = r#"origins: ["https://app.example", "https://*.wild.example"]"#;
    let relay = TestRelay::start_exactly(&with_origins(origins), &[]).await;
    for via in BOTH {
        for path in ["/server", "/client/abc"] {
            for origin in [
                "https://other.example",
                "http://app.example",
                "https://app.example:8443",
                "https://wild.example",
                "https://evilwild.example",
                "null",
                "",
            ] {
                let origin = format!("Origin: {origin}\r\n");
                let response = refused(&relay, via, upgrade(path, &origin)).await;
                assert_eq!(response.status, 403, "{origin}");
            }
            for allowed in [
                "",
                "Origin: https://app.example\r\n",
                "Origin: https://a.wild.example\r\n",
            ] {
                let response = ask(&relay, via, upgrade(path, allowed)).await;
                assert_eq!(response.status, 101, "{allowed}");
            }
        }
    }
}

#[tokio::test]
async fn the_origin_null_is_allowed_only_where_it_is_listed() {
    for (origins, status) in [
        (r#"origins: ["null"]"#, 101),
        ("origins: []", 403),
        (r#"origins: ["https://*.example"]"#, 403),
    ] {
        let relay = TestRelay::start_exactly(&with_origins(origins), &[]).await;
        for via in BOTH {
            let response = ask(&relay, via, upgrade("/server", "Origin: null\r\n")).await;
            assert_eq!(response.status, status, "{origins}");
        }
    }
}

fn with_origins(origins: &str) -> String {
    format!(
        "listeners:
  - {{ transport: websocket, bind: 127.0.0.1:0, tls: off, {origins} }}
  - {{ transport: websocket, bind: 127.0.0.1:0, tls: {{ self_signed: [localhost] }}, {origins} }}
{OPEN}"
    )
}

#[tokio::test]
async fn a_wrong_authorization_on_server_is_401_and_says_how_to_log_in() {
    let relay = TestRelay::start(&one_door()).await;
    for via in BOTH {
        for wrong in [
            "Bearer open barley",
            "Bearer",
            // `door:open barley`, `window:open sesame`
            "Basic ZG9vcjpvcGVuIGJhcmxleQ==",
            "Basic d2luZG93Om9wZW4gc2VzYW1l",
            "Basic %%%",
            "Digest open sesame",
        ] {
            let header = format!("Authorization: {wrong}\r\n");
            let response = refused(&relay, via, upgrade("/server", &header)).await;
            assert_eq!(response.status, 401, "{wrong}");
            let how = response.header("www-authenticate").expect("a challenge");
            assert!(how.starts_with("Bearer"), "{how}");
        }
    }
}

#[tokio::test]
async fn a_right_authorization_is_let_in_and_gets_hello_at_once() {
    let relay = TestRelay::start(&one_door()).await;
    for via in BOTH {
        // `door:open sesame`, `:open sesame`
        for right in [
            "Bearer open sesame",
            "bearer open sesame",
            "Basic ZG9vcjpvcGVuIHNlc2FtZQ==",
            "Basic Om9wZW4gc2VzYW1l",
        ] {
            let mut wire = Wire::connect(&relay, via).await;
            let header = format!("Authorization: {right}\r\n");
            wire.write(upgrade("/server", &header)).await;
            assert_eq!(wire.response().await.status, 101, "{right}");
            wire.hello().await;
        }
    }
}

#[tokio::test]
async fn an_authorization_on_a_client_path_is_not_looked_at() {
    let relay = TestRelay::start(&one_door()).await;
    for via in BOTH {
        let request = upgrade("/client/abc", "Authorization: Bearer open barley\r\n");
        assert_eq!(ask(&relay, via, request).await.status, 101);
    }
}

#[tokio::test]
async fn too_many_failed_logins_are_429_with_retry_after_and_so_is_the_right_passphrase() {
    let limits = "limits: { failed_logins: { per_address: 2, window: 1h } }\n";
    for via in BOTH {
        let relay = TestRelay::start(&format!("{}{limits}", one_door())).await;
        let login = |passphrase: &str| {
            upgrade(
                "/server",
                &format!("Authorization: Bearer {passphrase}\r\n"),
            )
        };
        for _ in 0..2 {
            assert_eq!(ask(&relay, via, login("open barley")).await.status, 401);
        }
        for passphrase in ["open barley", "open sesame"] {
            let response = refused(&relay, via, login(passphrase)).await;
            assert_eq!(response.status, 429, "{passphrase}");
            let seconds: u64 = retry_after(&response);
            assert!((1..=3600).contains(&seconds), "{seconds}");
        }
        assert_eq!(
            ask(&relay, via, upgrade("/client/abc", "")).await.status,
            101
        );
    }
}

fn retry_after(response: &Response) -> u64 {
    let seconds = response.header("retry-after").expect("a Retry-After");
    seconds.parse().expect("seconds")
}

#[tokio::test]
async fn over_a_limit_of_connections_is_503_with_retry_after_until_somebody_leaves() {
    for limit in ["connections", "connections_per_address"] {
        let relay = TestRelay::start(&format!("{OPEN}limits: {{ {limit}: 1 }}\n")).await;
        for via in BOTH {
            let server = relay.server(Via::Ws).await;
            for path in ["/server", "/client/abc"] {
                let response = refused(&relay, via, upgrade(path, "")).await;
                assert_eq!(response.status, 503, "{limit}");
                assert!(retry_after(&response) > 0);
            }
            server.leave().await;
            // The relay takes note of the end in its own time.
            while ask(&relay, via, upgrade("/client/abc", "")).await.status == 503 {}
            while ask(&relay, via, get("/server")).await.status == 503 {}
        }
    }
}

#[tokio::test]
async fn connections_over_the_reserve_are_closed_unheard() {
    /// Over its limits the relay tells some connections so, and no more than that.
    const MORE_THAN_THE_RESERVE: usize = 100;
    for limit in ["connections", "connections_per_address"] {
        let relay = TestRelay::start(&format!("{OPEN}limits: {{ {limit}: 1 }}\n")).await;
        let mut waiting = Vec::new();
        for _ in 0..MORE_THAN_THE_RESERVE {
            waiting.push(Wire::connect(&relay, Via::Ws).await);
        }
        let mut last = waiting.pop().expect("a connection");
        last.ended_somehow().await;
        // Whoever has a place in the reserve still gets an answer.
        let mut second = waiting.swap_remove(1);
        second.write(upgrade("/server", "")).await;
        assert_eq!(second.response().await.status, 503, "{limit}");
    }
}

#[tokio::test]
async fn a_malformed_host_path_or_header_is_400() {
    let relay = TestRelay::start(OPEN).await;
    let healthz = |headers: &str| format!("GET /healthz HTTP/1.1\r\n{headers}\r\n");
    for via in BOTH {
        for request in [
            healthz(""),
            healthz("Host:\r\n"),
            healthz("Host: a.example\r\nHost: a.example\r\n"),
            healthz("Host: user@a.example\r\n"),
            healthz("Host: u@127.0.0.1\r\n"),
            healthz("Host: u@a.123:80\r\n"),
            healthz("Host: a.example:+80\r\n"),
            healthz("Host: a.example/path\r\n"),
            healthz("Host: a b\r\n"),
            healthz("Host: a.example:port\r\n"),
            healthz("Host: a.example:99999\r\n"),
            healthz("Host: [::1\r\n"),
            healthz("Host: h\u{e9}\r\n"),
            "GET healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            "GET /a\u{1}b HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            healthz("Host: a\r\nno colon\r\n"),
            healthz("Host: a\r\nx y: z\r\n"),
            healthz("Host: a\r\nx: \u{0}\r\n"),
            "nonsense\r\n\r\n".to_owned(),
        ] {
            assert_eq!(
                refused(&relay, via, &request).await.status,
                400,
                "{request:?}"
            );
        }
        for host in [
            "a.example",
            "a.example:8443",
            "127.0.0.1",
            "[::1]:80",
            "a:",
            "a_b",
        ] {
            let response = ask(&relay, via, healthz(&format!("Host: {host}\r\n"))).await;
            assert_eq!(response.status, 200, "{host}");
        }
    }
}

#[tokio::test]
async fn a_malformed_websocket_key_or_method_is_400() {
    let relay = TestRelay::start(OPEN).await;
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let good = upgrade("/server", "");
    for via in BOTH {
        for request in [
            good.replace(key, ""),
            good.replace(key, "Sec-WebSocket-Key: c2hvcnQ=\r\n"),
            good.replace(key, "Sec-WebSocket-Key: !\r\n"),
            good.replace(key, &key.repeat(2)),
            good.replace("GET", "POST"),
            good.replace("HTTP/1.1", "HTTP/1.0"),
        ] {
            assert_eq!(
                refused(&relay, via, &request).await.status,
                400,
                "{request}"
            );
        }
    }
}
