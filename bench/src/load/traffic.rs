//! Traffic in a closed loop: for each message that comes, one is sent, so that as many are under way as at first.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use rustix::{
    event::epoll::{self, Event, EventData, EventFlags},
    fd::OwnedFd,
    time::Timespec,
};

use super::Stretch;
use crate::{
    Failure,
    frame::{self, Counter},
    peer::Peer,
    system,
};

/// Without a message for so long something is wrong.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is read at once.
const READ: usize = 256 * 1024;

/// One peer of the load.
pub struct Line {
    stream: TcpStream,
    /// What it sends: a number of equal frames.
    frames: Vec<u8>,
    /// Of one of them.
    frame: usize,
    /// After so many bytes it begins anew.
    period: usize,
    /// Where in them the next byte is.
    offset: usize,
    /// Bytes that are to be sent.
    owed: usize,
    counter: Counter,
    /// The length of the envelopes that come.
    payload: usize,
    /// Whose turn it is to send when some have come here.
    next: usize,
    /// So many have to have come.
    together: usize,
    /// And so many have.
    came: usize,
}

impl Line {
    /// A peer that sends `text`, and is sent envelopes of `payload` bytes. Up to `window` of its messages are under
    /// way at once.
    pub fn new(
        peer: Peer,
        text: &str,
        window: usize,
        payload: usize,
        next: usize,
    ) -> Result<Self, Failure> {
        peer.stream.set_nonblocking(true)?;
        let one = frame::masked(text);
        Ok(Self {
            stream: peer.stream,
            frame: one.len(),
            period: one.len(),
            // Twice as many as are sent at once, so that one write is enough wherever it begins.
            frames: one.repeat(window * 2),
            offset: 0,
            owed: 0,
            counter: Counter::default(),
            payload,
            next,
            together: 1,
            came: 0,
        })
    }

    /// Nobody sends for what comes here until so many have come: however the bytes were split on their way, they
    /// go on together.
    pub fn together(self, together: usize) -> Self {
        Self { together, ..self }
    }

    /// Peer 0, which sends these texts, as long as each other, in turn.
    pub fn in_turn(
        peer: Peer,
        texts: impl Iterator<Item = String>,
        payload: usize,
    ) -> Result<Self, Failure> {
        let mut line = Self::new(peer, "", 1, payload, 0)?;
        line.frames.clear();
        for text in texts {
            let one = frame::masked(&text);
            line.frame = one.len();
            line.frames.extend_from_slice(&one);
        }
        line.period = line.frames.len();
        Ok(line)
    }

    fn send(&mut self) -> Result<(), Failure> {
        while self.owed > 0 {
            let end = self.frames.len().min(self.offset + self.owed);
            match self.stream.write(&self.frames[self.offset..end]) {
                Ok(written) => {
                    self.owed -= written;
                    self.offset = (self.offset + written) % self.period;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// All of the load.
pub struct Traffic {
    epoll: OwnedFd,
    lines: Vec<Line>,
    /// Peer 0 sends one message for all others whenever all have had the last one; so many still have to.
    awaited: Option<usize>,
    dirty: Vec<usize>,
    events: Vec<Event>,
    read: Vec<u8>,
    delivered: u64,
    last: Instant,
}

impl Traffic {
    /// Each of `lines` sends `window` messages, and from then on for each one that comes.
    pub fn pairs(lines: Vec<Line>, window: usize, active: usize) -> Result<Self, Failure> {
        let mut traffic = Self::new(lines, None)?;
        for line in traffic.lines.iter_mut().take(active) {
            line.owed = line.frame * window;
        }
        Ok(traffic)
    }

    /// The first of `lines` sends to all others.
    pub fn fan_out(lines: Vec<Line>) -> Result<Self, Failure> {
        let others = lines.len() - 1;
        let mut traffic = Self::new(lines, Some(others))?;
        if let Some(line) = traffic.lines.first_mut() {
            line.owed = line.frame;
        }
        Ok(traffic)
    }

    fn new(lines: Vec<Line>, awaited: Option<usize>) -> Result<Self, Failure> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (at, line) in lines.iter().enumerate() {
            epoll::add(
                &epoll,
                &line.stream,
                EventData::new_u64(at as u64),
                EventFlags::IN,
            )?;
        }
        Ok(Self {
            epoll,
            dirty: (0..lines.len()).collect(),
            lines,
            awaited,
            events: Vec::with_capacity(1024),
            read: vec![0; READ],
            delivered: 0,
            last: Instant::now(),
        })
    }

    /// Warms up, then measures the process.
    pub fn measure(
        &mut self,
        pid: u32,
        warm_up: Duration,
        measured: Duration,
    ) -> Result<Stretch, Failure> {
        self.run(warm_up)?;
        let (cpu, own, start) = (
            system::run_time(pid)?,
            system::own_run_time()?,
            Instant::now(),
        );
        let delivered = self.run(measured)?;
        let elapsed = start.elapsed();
        let cpu = system::run_time(pid)? - cpu;
        let own = system::own_run_time()? - own;
        Ok(Stretch {
            cpu: cpu as f64 / 1000.0 / delivered as f64,
            rate: delivered as f64 / elapsed.as_secs_f64(),
            busy: own as f64 / elapsed.as_nanos() as f64,
        })
    }

    /// Keeps the traffic up for some time, and returns how many messages came.
    pub fn run(&mut self, duration: Duration) -> Result<u64, Failure> {
        let before = self.delivered;
        let end = Instant::now() + duration;
        self.last = Instant::now();
        while Instant::now() < end {
            self.turn()?;
        }
        Ok(self.delivered - before)
    }

    fn turn(&mut self) -> Result<(), Failure> {
        while let Some(at) = self.dirty.pop() {
            self.lines[at].send()?;
        }
        self.events.clear();
        let timeout = Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        };
        epoll::wait(
            &self.epoll,
            rustix::buffer::spare_capacity(&mut self.events),
            Some(&timeout),
        )?;
        if self.events.is_empty() && self.last.elapsed() > PATIENCE {
            return Err("nothing comes any more".into());
        }
        for event in 0..self.events.len() {
            self.receive(self.events[event].data.u64() as usize)?;
        }
        Ok(())
    }

    fn receive(&mut self, at: usize) -> Result<(), Failure> {
        let line = &mut self.lines[at];
        let came = match line.stream.read(&mut self.read) {
            Ok(0) => return Err("the system under test has hung up".into()),
            Ok(length) => line.counter.count(&self.read[..length], line.payload)?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error.into()),
        };
        if came == 0 {
            return Ok(());
        }
        self.delivered += came as u64;
        self.last = Instant::now();
        let (next, answers) = match &mut self.awaited {
            None => {
                line.came += came;
                let answers = line.came - line.came % line.together;
                line.came -= answers;
                (line.next, answers)
            }
            Some(awaited) => {
                *awaited -= came;
                if *awaited > 0 {
                    return Ok(());
                }
                *awaited = self.lines.len() - 1;
                (0, 1)
            }
        };
        let next_line = &mut self.lines[next];
        next_line.owed += next_line.frame * answers;
        self.dirty.push(next);
        Ok(())
    }
}
