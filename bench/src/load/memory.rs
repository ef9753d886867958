//! Memory: what a peer costs that does nothing, and what is left of traffic once it is over.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use crate::{
    Failure, frame,
    load::connects,
    message, peer,
    run::Pace,
    scenarios::{AFTER, IDLE, Measured},
    system,
    systems::{Running, pause},
};

/// How long everything is left alone before memory is looked at.
const REST: Duration = Duration::from_secs(3);
/// Messages that a peer of the traffic sends at once.
pub const WINDOW: usize = 8;
/// How often it does.
pub const ROUNDS: usize = 5;
/// Of each.
pub const BYTES: usize = 4096;

/// Of peers over plain WebSocket.
pub fn measure_plain(running: &Running, pace: Pace) -> Result<Measured, Failure> {
    let address = running.plain()?;
    measure(running.pid(), 5000 / pace.share, address, |stream| {
        Ok(stream)
    })
}

/// Of peers over TLS.
pub fn measure_secure(
    running: &Running,
    certificate: &Path,
    pace: Pace,
) -> Result<Measured, Failure> {
    let config = connects::client_config(certificate)?;
    measure(
        running.pid(),
        2000 / pace.share,
        running.secure()?,
        |stream| connects::secure(stream, &config),
    )
}

struct Member<S> {
    stream: S,
    id: String,
}

fn measure<S: Read + Write>(
    pid: u32,
    peers: usize,
    address: SocketAddr,
    wrap: impl Fn(TcpStream) -> Result<S, Failure>,
) -> Result<Measured, Failure> {
    let join = |path: &str| -> Result<Member<S>, Failure> {
        let tcp = TcpStream::connect(address)?;
        tcp.set_nodelay(true)?;
        let mut stream = wrap(tcp)?;
        stream.write_all(peer::request(address, path).as_bytes())?;
        let id = peer::hello(&mut stream)?;
        Ok(Member { stream, id })
    };
    let room = || -> Result<[Member<S>; 2], Failure> {
        let mut server = join("/server")?;
        let client = join(&format!("/client/{}", server.id))?;
        peer::read_frame(&mut server.stream)?;
        Ok([server, client])
    };
    // What is set up once, with the first peers, is not theirs.
    let mut first = room()?;
    talk(&mut first)?;
    pause(REST);
    let before = system::memory(pid)?;
    let mut rooms = (0..peers / 2)
        .map(|_| room())
        .collect::<Result<Vec<_>, _>>()?;
    pause(REST);
    let idle = system::memory(pid)?;
    for room in &mut rooms {
        talk(room)?;
    }
    pause(REST);
    let after = system::memory(pid)?;
    let each = |kib: f64| (kib - before) / (rooms.len() * 2) as f64;
    Ok(vec![(IDLE, each(idle)), (AFTER, each(after))])
}

fn talk<S: Read + Write>([server, client]: &mut [Member<S>; 2]) -> Result<(), Failure> {
    for _ in 0..ROUNDS {
        say(server, client)?;
        say(client, server)?;
    }
    Ok(())
}

fn say<S: Read + Write>(from: &mut Member<S>, to: &mut Member<S>) -> Result<(), Failure> {
    let text = message::envelope(&to.id, message::CHECKED, BYTES);
    from.stream
        .write_all(&frame::masked(&text).repeat(WINDOW))?;
    from.stream.flush()?;
    let mut left = WINDOW;
    let mut counter = frame::Counter::default();
    let mut chunk = vec![0; 1 << 16];
    while left > 0 {
        let length = to.stream.read(&mut chunk)?;
        if length == 0 {
            return Err("the system under test has hung up".into());
        }
        // A bare forwarder names the recipient still, by a name that is two letters shorter.
        left -= counter.count_any(&chunk[..length], &[BYTES, BYTES + 2])?;
    }
    Ok(())
}
