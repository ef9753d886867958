//! Connects: a server that connects, has its HELLO, says goodbye and is gone, over and over.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    client::Resumption,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use socket2::{Domain, Socket, Type};

use crate::{
    Failure, frame, peer,
    run::Pace,
    scenarios::{BUSY, Measured, PER_CPU_SECOND},
    system,
    systems::{Running, pause},
};

/// Peers that connect at the same time.
const AT_ONCE: usize = 8;

/// Connects over plain WebSocket.
pub fn measure_plain(running: &Running, pace: Pace) -> Result<Measured, Failure> {
    let address = running.plain()?;
    measure(running.pid(), pace, move |thread, count| {
        come_and_go(dial(address, thread, count)?, address)
    })
}

/// Connects over TLS, with a full handshake each time.
pub fn measure_secure(
    running: &Running,
    certificate: &Path,
    pace: Pace,
) -> Result<Measured, Failure> {
    let address = running.secure()?;
    let config = client_config(certificate)?;
    measure(running.pid(), pace, move |thread, count| {
        come_and_go(secure(dial(address, thread, count)?, &config)?, address)
    })
}

/// What a client trusts: this certificate. It resumes no TLS session.
pub fn client_config(certificate: &Path) -> Result<Arc<ClientConfig>, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// TLS over a connection.
pub fn secure(
    stream: TcpStream,
    config: &Arc<ClientConfig>,
) -> Result<StreamOwned<ClientConnection, TcpStream>, Failure> {
    let name = ServerName::try_from("localhost")?;
    Ok(StreamOwned::new(
        ClientConnection::new(Arc::clone(config), name)?,
        stream,
    ))
}

/// From another address of the loopback each time: a port that was used has to rest for a minute.
fn dial(address: SocketAddr, thread: usize, count: u64) -> Result<TcpStream, Failure> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let host = Ipv4Addr::new(
        127,
        1,
        u8::try_from(thread)?,
        u8::try_from(1 + count % 250)?,
    );
    socket.bind(&SocketAddr::from((host, 0)).into())?;
    socket.connect(&address.into())?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

fn come_and_go(mut stream: impl Read + Write, address: SocketAddr) -> Result<(), Failure> {
    stream.write_all(peer::request(address, "/server").as_bytes())?;
    stream.flush()?;
    peer::hello(&mut stream)?;
    stream.write_all(&frame::masked_close())?;
    stream.flush()?;
    // Its Close, and its end. How TLS ends is not the matter here.
    let mut rest = [0; 256];
    while stream.read(&mut rest).is_ok_and(|length| length > 0) {}
    Ok(())
}

fn measure(
    pid: u32,
    pace: Pace,
    once: impl Fn(usize, u64) -> Result<(), Failure> + Sync,
) -> Result<Measured, Failure> {
    let (done, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let connect = |thread| -> Result<(), Failure> {
        let mut count = 0;
        while !stop.load(Relaxed) {
            once(thread, count)?;
            count += 1;
            done.fetch_add(1, Relaxed);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE)
            .map(|thread| scope.spawn(move || connect(thread)))
            .collect();
        let measured = watch(pid, pace, &done);
        stop.store(true, Relaxed);
        for thread in threads {
            thread
                .join()
                .map_err(|_| "a connecting thread panicked")??;
        }
        measured
    })
}

fn watch(pid: u32, pace: Pace, done: &AtomicU64) -> Result<Measured, Failure> {
    pause(pace.warm_up);
    let own = std::process::id();
    let (cpu, busy) = (system::run_time(pid)?, system::run_time(own)?);
    let before = done.load(Relaxed);
    pause(pace.measured);
    let connects = (done.load(Relaxed) - before) as f64;
    let cpu = (system::run_time(pid)? - cpu) as f64;
    let busy = (system::run_time(own)? - busy) as f64;
    Ok(vec![
        (PER_CPU_SECOND, connects / (cpu / 1e9)),
        (BUSY, busy / pace.measured.as_nanos() as f64),
    ])
}
