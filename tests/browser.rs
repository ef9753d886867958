//! The protocol as a real Chromium speaks it.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use common::{PATIENCE, TestRelay, Via, chromium};
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpListener, sync::mpsc, time::timeout};

/// Shows a page to a headless Chromium, and returns what it posts.
async fn run_page(page: String) -> Value {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("an address");
    let (sender, mut results) = mpsc::channel(1);
    let page = Arc::new(Bytes::from(page));
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("accepted");
            let (page, sender) = (Arc::clone(&page), sender.clone());
            tokio::spawn(async move {
                let answer = service_fn(|request| answer(request, &page, &sender));
                _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            });
        }
    });
    let profile = tempfile::tempdir().expect("a directory");
    let mut chromium = chromium::command(profile.path());
    let _browser = chromium::start(chromium.arg(format!("http://{address}/")));
    let result = timeout(PATIENCE, results.recv()).await;
    server.abort();
    result
        .expect("the page posts its result in time")
        .expect("a result")
}

async fn answer(
    request: Request<Incoming>,
    page: &Bytes,
    results: &mpsc::Sender<Value>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if *request.method() == Method::POST {
        let body = request
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        let result = serde_json::from_slice(&body).expect("JSON");
        _ = results.send(result).await;
        return Ok(Response::default());
    }
    let html = Response::builder().header("content-type", "text/html; charset=utf-8");
    Ok(html.body(Full::new(page.clone())).expect("a response"))
}

/// The page with what it needs to know of a relay.
fn page(relay: &TestRelay) -> String {
    let http = relay.url(Via::Ws, "").replace("ws://", "http://");
    include_str!("browser/page.html").replace("RELAY_URL", &http)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_speaks_both_transports_and_sees_every_end() {
    let relay = TestRelay::start(
        "\
servers: { open: true }
schemas:
  types:
    STREAM: { delivery: independent }
    DATAGRAM: { delivery: datagram }
",
    )
    .await;
    let result = run_page(page(&relay)).await;
    assert_eq!(result["error"], Value::Null, "{result}");
    for step in [
        "webtransport server to websocket client",
        "websocket client to webtransport server",
        "webtransport client to webtransport server",
        "independent lane in and out",
        "datagram lane in and out",
        "kicked websocket client sees 4403",
        "kicked webtransport client sees 4403",
        "clients see 4410 when the page's server leaves",
        "refused peer is told by BYE",
    ] {
        let done = result["done"].as_array().expect("a list");
        assert!(done.iter().any(|it| it == step), "{step}: {result}");
    }
}
