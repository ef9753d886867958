//! `/`: a page that draws the metrics. It is whole in itself, and asks for `/metrics` only.

use std::sync::LazyLock;

use crate::transport::{http::Answer, page::Page};

const HTML: &str = include_str!("dashboard/page.html");
const STYLE: &str = include_str!("dashboard/style.css");
const SCRIPT: &str = concat!(
    "'use strict';\n",
    include_str!("dashboard/metrics.js"),
    include_str!("dashboard/words.js"),
    include_str!("dashboard/plot.js"),
    include_str!("dashboard/page.js"),
);

static DASHBOARD: LazyLock<Page> =
    LazyLock::new(|| Page::new(HTML, STYLE, SCRIPT, "img-src data:; connect-src 'self';"));

/// The page.
pub fn answer() -> Answer {
    DASHBOARD.answer()
}
