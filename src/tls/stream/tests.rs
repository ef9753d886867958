use std::{io::ErrorKind, time::Duration};

use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    join,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream, rustls};

use super::*;

/// Without a result after so long something is wrong.
const PATIENCE: Duration = Duration::from_secs(30);
const VERSIONS: [&rustls::SupportedProtocolVersion; 2] =
    [&rustls::version::TLS12, &rustls::version::TLS13];

/// What both sides are made of; the client speaks one version only.
fn configs(
    version: &'static rustls::SupportedProtocolVersion,
) -> (Arc<ServerConfig>, TlsConnector) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let certificate = key.cert.der().clone();
    let private = rustls_pki_types::PrivatePkcs8KeyDer::from(key.signing_key.serialize_der());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], private.into())
        .expect("a certificate");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).expect("a root");
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), TlsConnector::from(Arc::new(client)))
}

/// Both sides, over a pipe that holds so many bytes.
async fn connect(
    version: &'static rustls::SupportedProtocolVersion,
    pipe: usize,
) -> (Stream<DuplexStream>, TlsStream<DuplexStream>) {
    let (server, connector) = configs(version);
    let (near, far) = duplex(pipe);
    let name = ServerName::try_from("localhost").expect("a name");
    let accepted = async {
        let mut stream = accept(near, &server).await?;
        if version == &rustls::version::TLS12 {
            // Here the server has the last word.
            stream.flush().await?;
        }
        io::Result::Ok(stream)
    };
    let both = async { join!(accepted, connector.connect(name, far)) };
    let (stream, client) = timeout(PATIENCE, both).await.expect("in time");
    (stream.expect("accepted"), client.expect("connected"))
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

#[tokio::test]
async fn what_is_written_arrives_both_ways_however_it_is_cut() {
    for version in VERSIONS {
        for pipe in [1, 7, 5000, 1 << 20] {
            let (stream, client) = connect(version, pipe).await;
            let (mut read, mut write) = tokio::io::split(stream);
            let (mut far_read, mut far_write) = tokio::io::split(client);
            let sent = bytes(pipe.saturating_mul(20_000).min(200_000));
            let both = async {
                let mut came = vec![0; sent.len()];
                let mut far_came = vec![0; sent.len()];
                let (written, read, far_written, far_read) = join!(
                    async { write.write_all(&sent).await.and(write.flush().await) },
                    read.read_exact(&mut came),
                    async {
                        far_write
                            .write_all(&sent)
                            .await
                            .and(far_write.flush().await)
                    },
                    far_read.read_exact(&mut far_came),
                );
                written.and(far_written).expect("written");
                read.and(far_read).expect("read");
                assert!(came == sent && far_came == sent, "{version:?} {pipe}");
            };
            timeout(PATIENCE, both).await.expect("in time");
        }
    }
}

#[tokio::test]
async fn an_idle_connection_has_no_buffer() {
    for version in VERSIONS {
        let (mut stream, mut client) = connect(version, 1 << 20).await;
        for _ in 0..3 {
            client.write_all(&bytes(100_000)).await.expect("written");
            client.flush().await.expect("flushed");
            let mut came = vec![0; 100_000];
            // A small buffer at a time, so that something is opened that nobody has asked for yet.
            for chunk in came.chunks_mut(1000) {
                stream.read_exact(chunk).await.expect("read");
            }
            assert_eq!(came, bytes(100_000));
            stream.write_all(&came).await.expect("written");
            stream.flush().await.expect("flushed");
            client.read_exact(&mut came).await.expect("read");
        }
        let kept = [
            stream.incoming.capacity(),
            stream.opened.capacity(),
            stream.outgoing.capacity(),
        ];
        assert_eq!(kept, [0; 3]);
    }
}

#[tokio::test]
async fn an_end_is_told_and_seen() {
    for version in VERSIONS {
        let (mut stream, mut client) = connect(version, 1 << 20).await;
        client.write_all(b"last words").await.expect("written");
        client.shutdown().await.expect("shut down");
        let mut came = Vec::new();
        stream.read_to_end(&mut came).await.expect("a clean end");
        assert_eq!(came, b"last words");
        // The other direction is still open.
        stream.write_all(b"farewell").await.expect("written");
        stream.shutdown().await.expect("shut down");
        stream.shutdown().await.expect("twice is no error");
        let mut came = Vec::new();
        client.read_to_end(&mut came).await.expect("a clean end");
        assert_eq!(came, b"farewell");
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_is_told_from_one_that_ends() {
    for version in VERSIONS {
        let (mut stream, client) = connect(version, 1 << 20).await;
        let (far, _) = client.into_inner();
        drop(far);
        let error = stream.read(&mut [0; 10]).await.expect_err("cut");
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }
}

#[tokio::test]
async fn what_was_changed_on_its_way_is_an_error_after_what_came_before() {
    for version in VERSIONS {
        let (mut stream, mut client) = connect(version, 1 << 20).await;
        client.write_all(b"good").await.expect("written");
        client.flush().await.expect("flushed");
        let (far, _) = client.get_mut();
        // A record of data that nobody has sealed.
        let forged = [&[23, 3, 3, 0, 30][..], &[7; 30]].concat();
        far.write_all(&forged).await.expect("written");
        let mut came = [0; 4];
        stream.read_exact(&mut came).await.expect("read");
        assert_eq!(&came, b"good");
        let error = stream.read(&mut came).await.expect_err("forged");
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        // The peer is told.
        let error = client.read(&mut [0; 10]).await.expect_err("an alert");
        assert!(error.to_string().contains("BadRecordMac"), "{error}");
        stream.shutdown().await.expect("shut down all the same");
        let (far, _) = client.get_mut();
        let more = far.read(&mut came).await.expect("an end");
        assert_eq!(more, 0);
    }
}

#[tokio::test]
async fn who_speaks_no_tls_gets_an_alert() {
    let (server, _) = configs(&rustls::version::TLS13);
    let refused = async |hello: &[u8]| {
        let (near, mut far) = duplex(1 << 16);
        far.write_all(hello).await.expect("written");
        let accepted = timeout(PATIENCE, accept(near, &server)).await;
        let error = accepted.expect("in time").err().expect("an error");
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
        let mut told = Vec::new();
        far.read_to_end(&mut told).await.expect("an end");
        told
    };
    let told = refused(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(told[..3], [21, 3, 3], "an alert");
    // A message of TLS that says it is longer than one may be: rustls has no alert for that.
    refused(&[22, 3, 1, 0, 4, 1, 255, 255, 255]).await;
}

#[tokio::test]
async fn keys_may_be_changed_while_messages_pass() {
    let (mut stream, mut client) = connect(&rustls::version::TLS13, 1 << 20).await;
    for _ in 0..3 {
        let (_, tls) = client.get_mut();
        tls.refresh_traffic_keys().expect("new keys");
        client.write_all(b"there").await.expect("written");
        client.flush().await.expect("flushed");
        let mut came = [0; 5];
        stream.read_exact(&mut came).await.expect("read");
        stream.write_all(b"again").await.expect("written");
        client.read_exact(&mut came).await.expect("read");
        assert_eq!(&came, b"again");
    }
}
