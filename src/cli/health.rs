//! `intercessor health`: asks a relay how it is, for containers and scripts that have no HTTP client.

use std::{process::ExitCode, time::Duration};

use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, StatusCode, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, runtime::Builder, time::timeout};
use url::Url;

use super::Failure;

/// How long the relay may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where to ask: http:// and the address of `admin`, with /readyz (it takes peers) or /healthz (it lives)
    #[arg(default_value = "http://127.0.0.1:9180/readyz", value_parser = plain_url)]
    url: Url,
}

fn plain_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    match (url.scheme(), url.host_str()) {
        ("http", Some(_)) => Ok(url),
        _ => Err("write it as http://127.0.0.1:9180/readyz".to_owned()),
    }
}

/// Asks, and fails on any other answer than 200.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let url = arguments.url;
    let asked = async { timeout(PATIENCE, ask(&url)).await };
    let failed = match runtime.map_err(Failure::new)?.block_on(asked) {
        Ok(Ok((StatusCode::OK, answer))) => {
            println!("{}", answer.trim_end());
            return Ok(ExitCode::SUCCESS);
        }
        Ok(Ok((status, answer))) => format!("{status}: {}", answer.trim_end()),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer in {} s", PATIENCE.as_secs()),
    };
    Err(Failure::new(format!("{url}: {failed}")))
}

type Error = Box<dyn std::error::Error + Send + Sync>;

async fn ask(url: &Url) -> Result<(StatusCode, String), Error> {
    let address = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let sockets = url.socket_addrs(|| None)?;
    let stream = TcpStream::connect(sockets.as_slice()).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get(&url[url::Position::BeforePath..url::Position::AfterQuery])
        .header(header::HOST, address)
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_ANSWER)
        .collect()
        .await?;
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    Ok((status, text))
}
