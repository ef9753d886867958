//! `/`: a page that draws the metrics. It is whole in itself, and asks for `/metrics` only.

use std::sync::LazyLock;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use hyper::{StatusCode, header};
use sha2::{Digest, Sha256};

use crate::transport::http::Answer;

const PAGE: &str = include_str!("dashboard/page.html");
const STYLE: &str = include_str!("dashboard/style.css");
const SCRIPT: &str = concat!(
    "'use strict';\n",
    include_str!("dashboard/metrics.js"),
    include_str!("dashboard/words.js"),
    include_str!("dashboard/plot.js"),
    include_str!("dashboard/page.js"),
);

/// The page, and what a browser may do with it.
struct Dashboard {
    page: Bytes,
    policy: String,
}

static DASHBOARD: LazyLock<Dashboard> = LazyLock::new(|| Dashboard {
    page: PAGE
        .replace("/* style */", STYLE)
        .replace("/* script */", SCRIPT)
        .into(),
    policy: format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
        hash(SCRIPT),
        hash(STYLE)
    ),
});

/// The page.
pub fn answer() -> Answer {
    Answer::text(StatusCode::OK, DASHBOARD.page.clone())
        .with(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .with(header::CONTENT_SECURITY_POLICY, &DASHBOARD.policy)
        .with(header::REFERRER_POLICY, "no-referrer")
}

/// What stands for an inline text in a Content-Security-Policy.
fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text)))
}
