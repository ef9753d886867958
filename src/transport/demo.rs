//! `/`: a page to try the relay out, where one tab becomes a server and others its clients.
//!
//! `demo.js` is made of `clients/js/demo` and the client itself, by `npm run demo` in `clients/js`.

use std::sync::LazyLock;

use super::{http::Answer, page::Page};
use crate::config::Servers;

const HTML: &str = include_str!("demo/page.html");
const STYLE: &str = include_str!("demo/style.css");
const SCRIPT: &str = include_str!("demo/demo.js");
/// Discovery may lead to other hosts, and a worker is the clock of the moving picture.
const ALLOWED: &str = "connect-src 'self' https: http: wss: ws:; img-src data:; worker-src blob:;";

static FOR_PASSPHRASE: LazyLock<Page> = LazyLock::new(|| Page::new(HTML, STYLE, SCRIPT, ALLOWED));
static FOR_OPEN: LazyLock<Page> = LazyLock::new(|| {
    let html = HTML.replace("data-servers=\"passphrase\"", "data-servers=\"open\"");
    Page::new(&html, STYLE, SCRIPT, ALLOWED)
});

/// The page, which asks for a passphrase only where a server needs one.
pub fn answer(servers: &Servers) -> Answer {
    match servers {
        Servers::Open => FOR_OPEN.answer(),
        Servers::Passphrases(_) => FOR_PASSPHRASE.answer(),
    }
}
