//! Outboxes that are filled, sent from by their loop and by senders at once, cut off, parked and resumed at random, against
//! a model of their peer.
//!
//! A seed is a case; the one of a failure is printed, and can be added to [`SEEDS`].

use std::collections::{HashMap, HashSet};

use rand::{
    Rng, RngExt, SeedableRng,
    distr::{Distribution, StandardUniform},
    rngs::StdRng,
};

use super::*;
use crate::config::QueueBound;

const CASES: u64 = 4_000;
const STEPS: usize = 150;
/// Cases that are tried beside the first [`CASES`] ones.
const SEEDS: [u64; 2] = [0x5eed, u64::MAX];

const LANES_BESIDE: [Lane; 2] = [Lane::Independent, Lane::Datagram];
static PRESENT: AtomicBool = AtomicBool::new(false);

#[test]
fn whatever_happens_to_its_connections_a_peer_gets_everything_once_and_in_order() {
    let mut resumed = 0;
    let mut refused = 0;
    let mut at_once = 0;
    for seed in (0..CASES).chain(SEEDS).chain([rand::random()]) {
        let told = OnFailure(seed);
        let case = Case::new(seed).run();
        resumed += case.resumed;
        at_once += case.at_once;
        refused += usize::from(case.over == Some(Over::Refused));
        drop(told);
    }
    assert!(resumed > 10_000 && refused > 100, "{resumed} {refused}");
    assert!(at_once > 2_000, "{at_once}");
}

/// Prints the seed of a case that fails.
struct OnFailure(u64);

impl Drop for OnFailure {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}", self.0);
        }
    }
}

/// What was accepted, by its number.
struct Sent {
    lane: Lane,
    /// The number of the notice that must be sent first.
    after: Option<usize>,
}

/// Why nothing more comes of a case.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Over {
    /// The session was closed while it was parked.
    Closed,
    /// What the peer needs is no longer kept.
    Refused,
}

struct Case {
    rng: StdRng,
    outbox: Arc<Outbox>,
    /// The connection, as senders write to it.
    port: Arc<TestPort>,
    due: Due,
    each: QueueBound,
    kept: QueueBound,
    total: usize,
    accepted: Vec<Sent>,
    /// Notices and their places.
    notices: Vec<(usize, u64)>,
    /// What needs no place, and its bytes.
    always: (usize, usize),
    /// What was taken off the ordered lane for the first time, and how much of that has been let go.
    counted: Vec<(usize, usize)>,
    before: usize,
    connected: bool,
    closed: bool,
    over: Option<Over>,
    resumed: usize,
    /// How often senders wrote.
    at_once: usize,
    /// The batch that each lane's loop has.
    writing: [Vec<Text>; LANES],
    /// The one in order was begun by a sender, and the loop does not know of it yet.
    begun: bool,
    /// What the present connection has carried in order, and how much of it the peer has read.
    wire: Vec<Text>,
    read: usize,
    /// What the peer has received in order, and on other lanes.
    received: Vec<usize>,
    beside: HashSet<usize>,
    /// What was on its way on other lanes when a connection was cut.
    lost: HashSet<usize>,
    /// How much had been taken in order when an independent envelope's connection was cut, if it waited.
    moved: HashMap<usize, usize>,
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut bound = |messages, bytes| QueueBound {
            messages: rng.random_range(1..messages),
            bytes: rng.random_range(20..bytes),
        };
        let (each, kept) = (bound(40, 1_000), bound(60, 1_500));
        let total = rng.random_range(100..3_000);
        let budget = Arc::new(Budget::new(each, kept, total));
        let mut case = Self {
            rng,
            outbox: Arc::new(Outbox::new(budget, true)),
            port: Arc::default(),
            due: Due::default(),
            each,
            kept,
            total,
            accepted: Vec::new(),
            notices: Vec::new(),
            always: (0, 0),
            counted: Vec::new(),
            before: 0,
            connected: false,
            closed: false,
            over: None,
            resumed: 0,
            at_once: 0,
            writing: Default::default(),
            begun: false,
            wire: Vec::new(),
            read: 0,
            received: Vec::new(),
            beside: HashSet::new(),
            lost: HashSet::new(),
            moved: HashMap::new(),
        };
        case.connect();
        case
    }

    fn run(mut self) -> Self {
        for _ in 0..STEPS {
            self.step();
            self.check_bounds();
            if self.over.is_some() {
                break;
            }
        }
        self.finish();
        let budget = Arc::clone(&self.outbox.budget);
        let none = Arc::new(Budget::new(self.each, self.kept, 0));
        let none = Arc::new(Outbox::new(none, true));
        self.due = Due::default();
        drop(std::mem::replace(&mut self.outbox, none));
        assert_eq!(budget.queued(), 0);
        self
    }

    fn step(&mut self) {
        match self.rng.random_range(0..100) {
            0..28 => self.push(),
            28..36 => self.send_due(),
            36..42 => self.notify(),
            42..44 => self.notify_always(),
            44..47 => self.outbox.ack(self.rng.random_range(0..1_000)),
            47..54 => self.acknowledge(),
            54..93 if self.connected => self.use_connection(),
            93..98 if self.connected => self.cut(),
            98 if self.rng.random_bool(0.1) => self.close(),
            54..100 if !self.connected && self.rng.random_bool(0.3) => self.come_back(),
            _ => {}
        }
    }

    fn text(&mut self) -> Text {
        let padding = "x".repeat(self.rng.random_range(0..40));
        format!("{} {padding}", self.accepted.len()).into()
    }

    fn push(&mut self) {
        let text = self.text();
        let lane = [Lane::Ordered, Lane::Independent, Lane::Datagram][self.rng.random_range(0..3)];
        let notice = match self.notices.len() {
            0 => None,
            notices => Some(self.notices[self.rng.random_range(0..notices)]),
        };
        let place = notice.map_or(0, |(_, place)| place);
        let full = self.is_full(text.len());
        let taken = self
            .outbox
            .push(text, lane, place, &PRESENT, Instant::now(), &mut self.due);
        let dropped = !self.connected && lane == Lane::Datagram;
        self.expect(taken, full && !dropped);
        if taken.is_ok() && !dropped {
            let after = notice.map(|(number, _)| number);
            self.accepted.push(Sent { lane, after });
        }
    }

    fn notify(&mut self) {
        let text = self.text();
        let full = self.is_full(text.len());
        let taken = self.outbox.notify(text);
        self.expect(taken.map(drop), full);
        if let Ok(place) = taken {
            self.notices.push((self.accepted.len(), place));
            self.accept_notice();
        }
    }

    fn notify_always(&mut self) {
        let text = self.text();
        self.always.0 += 1;
        self.always.1 += text.len();
        self.outbox.notify_always(text, None);
        if !self.closed {
            self.accept_notice();
        }
    }

    fn accept_notice(&mut self) {
        self.accepted.push(Sent {
            lane: Lane::Ordered,
            after: None,
        });
    }

    fn is_full(&self, bytes: usize) -> bool {
        let state = self.outbox.state.lock();
        state.messages >= self.each.messages
            || state.bytes + bytes > self.each.bytes
            || self.outbox.budget.queued() + bytes > self.total
    }

    fn expect(&self, taken: Result<(), Refused>, full: bool) {
        let expected = match (self.closed, full) {
            (true, _) => Err(Refused::Closed),
            (false, true) => Err(Refused::Full),
            (false, false) => Ok(()),
        };
        assert_eq!(taken, expected);
    }

    fn acknowledge(&mut self) {
        let sent = self.counted.len();
        let (count, ok) = match self.rng.random_range(0..4) {
            0 => (sent + self.rng.random_range(1..5), false),
            1 => (self.rng.random_range(0..=self.received.len()), true),
            _ => (self.received.len(), true),
        };
        assert_eq!(self.outbox.acknowledge(count as u64).is_ok(), ok);
        if ok {
            self.before = self.before.max(count);
        }
    }

    fn use_connection(&mut self) {
        match self.rng.random_range(0..10) {
            0..3 => self.read_some(),
            3..8 => self.write(Lane::Ordered),
            8 => self.write(Lane::Independent),
            _ => self.write(Lane::Datagram),
        }
    }

    /// The senders write what they have queued, or leave it to the send loop.
    fn send_due(&mut self) {
        *self.port.takes.lock() = self.rng.random();
        match self.rng.random_bool(0.9) {
            true => _ = self.due.send(1),
            false => self.due = Due::default(),
        }
        let Some((batch, whole)) = self.port.written.lock().take() else {
            return;
        };
        self.at_once += 1;
        assert!(self.connected && self.writing[Lane::Ordered as usize].is_empty());
        for text in &batch {
            if let Some(number) = number(text) {
                self.count(number, text.len());
            }
        }
        match whole {
            true => self.wire.extend(batch),
            false => {
                self.begun = true;
                self.writing[Lane::Ordered as usize] = batch;
            }
        }
    }

    /// Takes a batch, or is done with the one that was taken.
    fn write(&mut self, lane: Lane) {
        if lane == Lane::Ordered && std::mem::take(&mut self.begun) {
            let mut batch = Vec::new();
            let next = self.outbox.take(lane, &mut batch, 1);
            assert_eq!(next, Some(Next::Batch { oldest: None }));
            assert!(batch.is_empty(), "somebody is writing");
        }
        let mut batch = std::mem::take(&mut self.writing[lane as usize]);
        if batch.is_empty() {
            let bytes = self.rng.random_range(1..300);
            self.take(lane, &mut batch, bytes);
            self.writing[lane as usize] = batch;
            return;
        }
        match lane {
            Lane::Ordered => self.wire.extend(batch.iter().cloned()),
            Lane::Independent => self.arrive_beside(&batch),
            Lane::Datagram => {
                // Some do not fit into a datagram.
                for text in batch.extract_if(.., |_| self.rng.random_bool(0.2)) {
                    self.outbox.requeue(text, Lane::Independent);
                }
                self.arrive_beside(&batch);
            }
        }
        self.outbox.sent(lane, &mut batch);
    }

    fn take(&mut self, lane: Lane, batch: &mut Vec<Text>, bytes: usize) -> Option<Next> {
        let next = self.outbox.take(lane, batch, bytes);
        for text in batch.iter() {
            match (number(text), lane) {
                (None, _) => {}
                (Some(number), Lane::Ordered) => self.count(number, text.len()),
                (Some(number), _) => self.check_notice(number),
            }
        }
        next
    }

    /// What is taken off the ordered lane is kept from then on, in the bounds.
    fn count(&mut self, number: usize, bytes: usize) {
        if self.counted.iter().any(|(known, _)| *known == number) {
            return;
        }
        self.counted.push((number, bytes));
        let kept = |before: usize| self.counted[before..].iter();
        while kept(self.before).count() > self.kept.messages
            || kept(self.before).map(|(_, bytes)| bytes).sum::<usize>() > self.kept.bytes
        {
            self.before += 1;
        }
    }

    /// Whoever an envelope is from, the peer has been told, or the present connection has carried it.
    fn check_notice(&self, number: usize) {
        if let Some(notice) = self.accepted[number].after {
            let carried = self.wire.iter().filter_map(self::number);
            assert!(
                carried
                    .chain(self.received.iter().copied())
                    .any(|it| it == notice)
            );
        }
    }

    fn arrive_beside(&mut self, batch: &[Text]) {
        for number in batch.iter().filter_map(number) {
            assert!(self.beside.insert(number), "{number} twice");
        }
    }

    fn read_some(&mut self) {
        let until = self.rng.random_range(self.read..=self.wire.len());
        for at in self.read..until {
            let text = &self.wire[at];
            assert_eq!(text.as_str() == "hello", at == 0, "HELLO is first");
            if let Some(number) = number(text) {
                assert_eq!(self.counted[self.received.len()].0, number);
                self.received.push(number);
            }
        }
        self.read = until;
    }

    /// Somewhere in what is being written; the peer may have read some of it.
    fn cut(&mut self) {
        let batch = std::mem::take(&mut self.writing[Lane::Ordered as usize]);
        let written = self.rng.random_range(0..=batch.len());
        self.wire.extend(batch.into_iter().take(written));
        self.read_some();
        for lane in LANES_BESIDE {
            let batch = std::mem::take(&mut self.writing[lane as usize]);
            self.lost.extend(batch.iter().filter_map(number));
        }
        self.begun = false;
        self.attached(None);
        self.outbox.park();
        self.connected = false;
        self.note_moved();
        assert!(self.outbox.is_parked());
        if self.closed {
            self.over = Some(Over::Closed);
        }
    }

    fn note_moved(&mut self) {
        let counted: HashSet<_> = self.counted.iter().map(|(number, _)| *number).collect();
        for (number, sent) in self.accepted.iter().enumerate() {
            let gone = [&counted, &self.beside, &self.lost];
            if sent.lane == Lane::Independent && !gone.iter().any(|gone| gone.contains(&number)) {
                self.moved.entry(number).or_insert(counted.len());
            }
        }
    }

    fn come_back(&mut self) {
        let sent = self.counted.len();
        let count = match self.rng.random_range(0..10) {
            0 => sent + self.rng.random_range(1..5),
            1 => self.rng.random_range(0..=self.received.len()),
            _ => self.received.len(),
        };
        let possible = (self.before..=sent).contains(&count);
        assert_eq!(self.outbox.can_rewind(count as u64), possible);
        assert_eq!(self.outbox.rewind(count as u64).is_some(), possible);
        if possible {
            // A peer may have lost some of what it had received.
            self.received.truncate(count);
            self.before = count;
            self.resumed += 1;
            self.connect();
        } else if self.received.len() < self.before {
            self.over = Some(Over::Refused);
        }
    }

    fn connect(&mut self) {
        self.wire.clear();
        self.read = 0;
        self.outbox.greet("hello".into());
        self.port = Arc::default();
        match self.rng.random_range(0..5) {
            0 => drop(self.outbox.attach(true, None)),
            1 => drop(self.outbox.attach(false, None)),
            _ => self.attached(Some(Arc::clone(&self.port) as Arc<dyn Port>)),
        }
        self.connected = true;
    }

    /// Leaves the outbox attached: what it returns borrows it.
    fn attached(&mut self, port: Option<Arc<dyn Port>>) {
        match port {
            None => drop(Attached(&self.outbox)),
            Some(port) => {
                std::mem::forget(self.outbox.attach(false, Some(due::tests::writer(port))))
            }
        }
    }

    fn close(&mut self) {
        assert_eq!(self.outbox.close(Close::new(4403, "")), !self.closed);
        self.closed = true;
        if !self.connected {
            self.over = Some(Over::Closed);
        }
    }

    /// The peer comes back and takes in everything, unless it cannot.
    fn finish(&mut self) {
        while self.over.is_none() && !self.connected {
            self.come_back();
        }
        if self.over.is_some() {
            return;
        }
        self.close();
        while !self.ends() {
            for lane in LANES_BESIDE {
                self.write(lane);
            }
        }
        while self.read < self.wire.len() {
            self.read_some();
        }
        self.check_received();
    }

    /// Writes in order. Is there nothing more?
    fn ends(&mut self) -> bool {
        if !self.writing[Lane::Ordered as usize].is_empty() {
            self.write(Lane::Ordered);
        }
        let mut batch = Vec::new();
        let next = self.take(Lane::Ordered, &mut batch, 100);
        self.writing[Lane::Ordered as usize] = batch;
        matches!(next, Some(Next::Close(_)))
    }

    fn check_received(&self) {
        let of = |lane, among: &[usize]| -> Vec<_> {
            let among = among.iter().copied();
            among.filter(|it| self.accepted[*it].lane == lane).collect()
        };
        assert!(of(Lane::Ordered, &self.received).is_sorted());
        // What waited for a stream of its own has been passed by what was sent before the cut, and by nothing else.
        for (at, number) in self.received.iter().enumerate() {
            let from = self.moved.get(number).map_or(at, |from| *from);
            let passed_by = of(Lane::Ordered, &self.received[from..at]);
            assert!(passed_by.iter().all(|it| it < number), "{number}");
        }
        let received: HashSet<_> = self.received.iter().copied().collect();
        assert_eq!(received.len(), self.received.len(), "none twice");
        assert!(received.is_disjoint(&self.beside), "none on two lanes");
        for (number, sent) in self.accepted.iter().enumerate() {
            let arrived = received.contains(&number)
                || sent.lane != Lane::Ordered && self.beside.contains(&number);
            let may_be_lost = sent.lane == Lane::Datagram || self.lost.contains(&number);
            assert!(arrived || may_be_lost, "{number} is lost");
        }
    }

    fn check_bounds(&self) {
        let state = self.outbox.state.lock();
        let kept = state.kept.as_ref().expect("it can be resumed");
        let (more, more_bytes) = self.always;
        assert!(state.messages <= self.each.messages + more);
        assert!(state.bytes <= self.each.bytes + more_bytes);
        assert!(kept.texts.len() <= self.kept.messages && kept.bytes <= self.kept.bytes);
        assert_eq!(
            (kept.before, kept.sent()),
            (self.before as u64, self.counted.len() as u64)
        );
        let queued = self.outbox.budget.queued();
        assert!(queued <= self.total + more_bytes);
        assert_eq!(queued, state.bytes + kept.bytes - state.writing.bytes);
        let waiting = state.queues.iter().map(VecDeque::len).sum::<usize>();
        let beside = LANES_BESIDE.map(|lane| self.writing[lane as usize].len());
        assert_eq!(
            state.messages,
            waiting + state.writing.messages as usize + beside.iter().sum::<usize>()
        );
    }
}

/// A connection that takes the next batch whole, in part or not at all.
#[derive(Default)]
struct TestPort {
    takes: Mutex<Takes>,
    written: Mutex<Option<(Vec<Text>, bool)>>,
}

#[derive(Default, Clone, Copy)]
enum Takes {
    #[default]
    None,
    Part,
    All,
}

impl Distribution<Takes> for StandardUniform {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> Takes {
        [Takes::None, Takes::Part, Takes::All][rng.random_range(0..3)]
    }
}

impl Port for TestPort {
    fn at_once(&self, write: &mut dyn FnMut(&mut dyn WriteNow)) -> bool {
        if let Takes::None = *self.takes.lock() {
            return false;
        }
        write(&mut &*self);
        true
    }

    fn settle(&self) {}
}

impl WriteNow for &TestPort {
    fn write_now(&mut self, batch: &[Text]) -> std::io::Result<bool> {
        let whole = matches!(*self.takes.lock(), Takes::All);
        let before = self.written.lock().replace((batch.to_vec(), whole));
        assert!(before.is_none(), "one at a time");
        Ok(whole)
    }
}

/// `None`: HELLO or an ACK.
fn number(text: &Text) -> Option<usize> {
    text.split(' ').next()?.parse().ok()
}
