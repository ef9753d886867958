//! `${NAME}` in the texts of the file.

use super::{START, more, problems};

fn info(text: &str) -> Option<String> {
    more(&format!("server_info: '{text}'")).server_info
}

fn is(text: &str) -> Option<String> {
    Some(format!("\"{text}\""))
}

#[test]
fn variables_are_filled_in() {
    assert_eq!(info("${PORT}"), is("9000"));
    assert_eq!(
        info("a ${PORT} b ${SECRET}${NONE:-}"),
        is("a 9000 b hunter2")
    );
    assert_eq!(info("${NONE:-x:-y}"), is("x:-y"));
    assert_eq!(info("${EMPTY}${EMPTY:-not empty}"), is("not empty"));
}

#[test]
fn nothing_else_is_special() {
    for text in [
        "$PORT",
        "$argon2id$v=19$m=8,t=1,p=1$x",
        "${",
        "${}",
        "${1}",
        "${PO RT}",
        "${PORT",
        "$${x",
        "${PORT-x}",
    ] {
        assert_eq!(info(text), is(text), "{text}");
    }
    // What a variable holds is not looked at again.
    assert_eq!(info("${REFERENCE}"), is("${PORT}"));
}

#[test]
fn what_comes_out_may_be_a_number_a_size_a_duration_or_a_boolean() {
    let config = more(
        "limits: { connections: '${PORT}', message_bytes: '${NONE:-32KiB}', servers: '${NONE:-7}', queued_bytes: '${PORT}' }
timeouts: { login: '${NONE:-3}s', ping: '${OFF}' }
schemas: { formats: '${NONE:-false}', unknown_types: '${NONE:-reject}' }
",
    );
    assert_eq!(config.limits.connections, 9000);
    assert_eq!(config.limits.message_bytes, 32_768);
    assert_eq!(config.limits.servers, 7);
    assert_eq!(config.limits.queued_bytes, 9000);
    assert_eq!(config.timeouts.login.as_secs(), 3);
    assert_eq!(config.timeouts.ping, None);
    assert!(!config.schemas.formats);
    let bind = "listeners: [{ transport: websocket, bind: '127.0.0.1:${PORT}', tls: off }]\nservers: { open: '${TRUE}' }\n";
    assert_eq!(super::config(bind).listeners[0].bind[0].port, 9000);
}

#[test]
fn a_variable_that_is_not_set_is_told_once() {
    let found = problems(&format!("{START}limits: {{ connections: '${{NONE}}' }}\n"));
    assert_eq!(
        found,
        ["3:24: `${NONE}` is not set in the environment; set it, or write `${NONE:-default}`"]
    );
    let found = problems("listeners: '${NONE}'\nservers: { open: '${NONE}' }\n");
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn what_a_variable_holds_is_not_told() {
    let found = problems(&format!(
        "{START}limits: {{ connections: '${{SECRET}}' }}\n"
    ));
    assert_eq!(
        found,
        [
            "3:24: `connections` wants a whole number from 1 to 10000000; here is a text from the environment"
        ]
    );
}
