//! The dashboard as a real Chromium shows it.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::{path::Path, sync::Arc};

use common::{TestPeer, TestRelay, Via, chromium::Page};
use serde_json::{Value, json};
use tokio::{sync::Notify, task::JoinHandle};

const YAML: &str = "\
admin: { bind: localhost:0 }
servers: { open: true }
limits: { messages_per_second: off }
schemas:
  types:
    CHAT: { schema: { type: object, required: [text] } }
";

/// A relay with sessions of both transports, and its dashboard.
async fn shown() -> (TestRelay, Page, [(TestPeer, TestPeer); 2]) {
    let relay = TestRelay::start(YAML).await;
    let pairs = [
        relay.pair(Via::Wss, Via::WebTransport).await,
        relay.pair(Via::WebTransport, Via::Ws).await,
    ];
    let mut page = Page::open().await;
    page.go(&relay.admin_url()).await;
    page.until("document.readyState === 'complete' && document.getElementById('state')?.dataset.state === 'ready'")
        .await;
    (relay, page, pairs)
}

/// Sends from the client to the server until `stop`; one envelope in eight is refused.
fn talk(
    mut server: TestPeer,
    mut client: TestPeer,
    stop: &Arc<Notify>,
) -> JoinHandle<(TestPeer, TestPeer)> {
    let stop = Arc::clone(stop);
    tokio::spawn(async move {
        let mut stopped = std::pin::pin!(stop.notified());
        stopped.as_mut().enable();
        for n in 0_u64.. {
            let message = if n % 8 == 0 {
                json!({})
            } else {
                json!({ "text": "hello" })
            };
            client.tell(&server.id, "CHAT", message).await;
            if n % 8 == 0 {
                client.refused("SCHEMA_VIOLATION").await;
            } else {
                server.expect("CHAT").await;
            }
            let pause = tokio::time::sleep(std::time::Duration::from_millis(5));
            tokio::select! {
                () = pause => {}
                () = &mut stopped => break,
            }
        }
        (server, client)
    })
}

/// A number as the page words it.
fn worded(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The sum of all series of a metric.
fn sum(metrics: &str, name: &str) -> f64 {
    let series = metrics.lines().filter(|line| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with([' ', '{']))
    });
    let values = series.filter_map(|line| line.rsplit_once(' '));
    values
        .map(|(_, value)| value.parse::<f64>().expect("a number"))
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_moves_with_the_traffic_and_shows_what_metrics_tell() {
    let (mut relay, mut page, pairs) = shown().await;
    let stop = Arc::new(Notify::new());
    let talking = pairs.map(|(server, client)| talk(server, client, &stop));
    for moving in [
        "parseFloat(document.getElementById('received').textContent) > 0",
        "parseFloat(document.getElementById('sent').textContent) > 0",
        "parseFloat(document.getElementById('refused').textContent) > 0",
        "/^\\d.* (µs|ms|s)$/.test(document.getElementById('latency').textContent.replace(/(\\d)(\\D)/, '$1 $2'))",
        "document.querySelector('#refusals th')?.textContent === 'SCHEMA_VIOLATION'",
        "document.querySelector('#plot-messages .style-1').getAttribute('d').split('L').length > 2",
        "document.querySelector('#plot-latency .style-1').getAttribute('d').includes('L')",
        "document.querySelector('#plot-refusals .legend').textContent.startsWith('SCHEMA_VIOLATION')",
        "document.querySelector('#plot-sessions svg').getAttribute('aria-label').includes('connected 4, parked 0, rooms 2')",
    ] {
        page.until(moving).await;
    }
    stop.notify_waiters();
    let mut peers = Vec::new();
    for pair in talking {
        peers.push(pair.await.expect("no panic"));
    }
    // Nothing moves any more, so that the page has to come to what /metrics tells.
    let metrics = relay.admin("/metrics").await.body;
    for (id, text) in [
        ("sessions", worded(sum(&metrics, "intercessor_sessions"))),
        ("rooms", worded(sum(&metrics, "intercessor_rooms"))),
        ("received-more", in_all(&metrics, "received_envelopes")),
        ("sent-more", in_all(&metrics, "sent_envelopes")),
        ("refused-more", in_all(&metrics, "refused_envelopes")),
        ("received", "0/s".to_owned()),
        (
            "queued",
            worded(sum(&metrics, "intercessor_queued_envelopes")),
        ),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("config", "generation 1, ".to_owned()),
        ("reload", "none since the start".to_owned()),
    ] {
        page.until(&format!(
            "document.getElementById({id:?}).textContent.includes({text:?})"
        ))
        .await;
    }
    let rows = "[...document.querySelectorAll('#traffic tr')].map((row) => row.cells[0].textContent + ': ' + row.cells[1].textContent).sort()";
    assert_eq!(
        page.value(rows).await,
        json!([
            "Clients over WebSocket: 1",
            "Clients over WebTransport: 1",
            "Servers over WebSocket: 1",
            "Servers over WebTransport: 1"
        ])
    );
    relay.reload("servers: { no }").await.expect_err("refused");
    page.until("document.querySelector('#reload.bad')?.textContent === 'refused: see the log'")
        .await;
    let none: [&Value; 0] = [];
    assert_eq!(page.errors(), none);
    let own = relay.admin_url();
    assert!(
        page.asked()
            .iter()
            .all(|url| url.starts_with(&own) || url.starts_with("data:")),
        "{:?}",
        page.asked()
    );
    relay.begin_stop();
    page.until("document.getElementById('state').textContent.startsWith('No answer for ')")
        .await;
}

fn in_all(metrics: &str, counted: &str) -> String {
    let all = sum(metrics, &format!("intercessor_{counted}_total"));
    format!("{} in all", worded(all))
}

/// Every text of the page whose contrast to what is behind it is under 4.5 to 1 (WCAG 2.2, 1.4.3).
const PALE: &str = r"
(() => {
  const light = (color) => {
    const [red, green, blue] = color.match(/[\d.]+/g).slice(0, 3).map((part) => {
      const value = part / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (color !== 'rgba(0, 0, 0, 0)') return color;
    }
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const pale = [];
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || element.closest('script, style, noscript')) continue;
    const style = getComputedStyle(element);
    const one = light(element.closest('svg') ? style.fill : style.color);
    const other = light(behind(element));
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < 4.5) pale.push(`${texts.currentNode.data.trim()}: ${contrast.toFixed(2)}`);
  }
  return pale;
})()";

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_read_in_both_schemes_and_on_a_phone() {
    let (_relay, mut page, pairs) = shown().await;
    let stop = Arc::new(Notify::new());
    let talking = pairs.map(|(server, client)| talk(server, client, &stop));
    page.until("document.querySelector('#refusals th')?.textContent === 'SCHEMA_VIOLATION'")
        .await;
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for (name, width, scheme) in [
        ("light", 1200, "light"),
        ("dark", 1200, "dark"),
        ("phone", 360, "light"),
    ] {
        page.screen(width, 900, scheme).await;
        assert_eq!(page.value(PALE).await, json!([]), "{name}");
        let sideways =
            "document.documentElement.scrollWidth > document.documentElement.clientWidth";
        assert_eq!(page.value(sideways).await, false, "{name}");
        // The next poll changes numbers, and moves nothing.
        let places = "JSON.stringify([...document.querySelectorAll('.glance > div, figure, section, h2')].map((one) => { const { x, y, width } = one.getBoundingClientRect(); return [x, y, width]; }))";
        let before = page.value(places).await;
        let told = page
            .value("document.getElementById('received-more').textContent")
            .await;
        page.until(&format!(
            "document.getElementById('received-more').textContent !== {told}"
        ))
        .await;
        assert_eq!(page.value(places).await, before, "{name}");
        page.picture(&pictures.join(format!("dashboard-{name}.png")))
            .await;
    }
    let unnamed = "[...document.querySelectorAll('[role=img], section, dl.glance, [role=region]')].filter((one) => !one.ariaLabel && !document.getElementById(one.getAttribute('aria-labelledby'))).length";
    assert_eq!(page.value(unnamed).await, 0);
    assert_eq!(
        page.value("[...document.querySelectorAll('th')].filter((one) => !one.scope).length")
            .await,
        0
    );
    stop.notify_waiters();
    for pair in talking {
        pair.await.expect("no panic");
    }
}
