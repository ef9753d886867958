//! Pages that the relay has in itself: one inline style and one inline script, and a policy that allows no others.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use hyper::{StatusCode, header};
use sha2::{Digest, Sha256};

use super::http::Answer;

/// A page, and what a browser may do with it.
pub struct Page {
    body: Bytes,
    policy: String,
}

impl Page {
    /// Puts a style and a script where `html` has `/* style */` and `/* script */`. `allowed` are directives of the
    /// policy for what else the page needs, each ended by a semicolon.
    pub fn new(html: &str, style: &str, script: &str, allowed: &str) -> Self {
        let body = html
            .replace("/* style */", style)
            .replace("/* script */", script);
        Self {
            body: body.into(),
            policy: format!(
                "default-src 'none'; script-src '{}'; style-src '{}'; {allowed} base-uri 'none'; form-action 'none'; \
                 frame-ancestors 'none'; require-trusted-types-for 'script'",
                hash(script),
                hash(style)
            ),
        }
    }

    /// The answer to who asks for it.
    pub fn answer(&self) -> Answer {
        Answer::text(StatusCode::OK, self.body.clone())
            .with(header::CONTENT_TYPE, "text/html; charset=utf-8")
            .with(header::CONTENT_SECURITY_POLICY, &self.policy)
            .with(header::REFERRER_POLICY, "no-referrer")
            .with(header::CACHE_CONTROL, "no-store")
            .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
    }
}

/// What stands for an inline text in a Content-Security-Policy.
fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text)))
}
