//! The round trip: one message at a time, there and back.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use crate::{
    Failure,
    frame::{self, Counter},
    message, peer,
    systems::System,
};

/// Without an answer for so long something is wrong.
const PATIENCE: Duration = Duration::from_secs(10);

/// Times `count` round trips, in microseconds, in order of size.
pub fn measure(
    system: System,
    address: SocketAddr,
    bytes: usize,
    count: usize,
) -> Result<Vec<f64>, Failure> {
    let (server, clients) = peer::room(address, 1)?;
    let [client] = <[_; 1]>::try_from(clients).map_err(|_| "one client")?;
    let there = frame::masked(&message::envelope(&server.id, message::CHECKED, bytes));
    let back = frame::masked(&message::envelope(&client.id, message::CHECKED, bytes));
    let payload = system.received(bytes);
    let (mut server, mut client) = (server.stream, client.stream);
    server.set_nonblocking(true)?;
    client.set_nonblocking(true)?;
    let mut times = Vec::with_capacity(count);
    // A tenth more, at the beginning, is not counted.
    for at in 0..count + count / 10 {
        let start = Instant::now();
        client.write_all(&there)?;
        wait(&mut server, payload)?;
        server.write_all(&back)?;
        wait(&mut client, payload)?;
        if at >= count / 10 {
            times.push(start.elapsed().as_nanos() as f64 / 1000.0);
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// Tries again and again: to sleep would measure how fast this side wakes up.
fn wait(stream: &mut TcpStream, payload: usize) -> Result<(), Failure> {
    let mut counter = Counter::default();
    let mut chunk = [0; 1 << 14];
    let start = Instant::now();
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return Err("the system under test has hung up".into()),
            Ok(length) if counter.count(&chunk[..length], payload)? > 0 => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if start.elapsed() > PATIENCE {
                    return Err("no answer comes".into());
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}
