use std::{
    net::Ipv4Addr,
    sync::{LazyLock, atomic::AtomicBool, mpsc},
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use rand::RngExt;
use tokio::time::{Instant, timeout};

use super::*;
use crate::{
    account::Origin,
    config::{QueueBound, Transport},
    metrics::Metrics,
    outbox::{Budget, Close, Next, Writer},
    policy::Role,
};

static PRESENT: AtomicBool = AtomicBool::new(false);

/// How a connection is written to, and something that counts it.
pub(in crate::outbox) fn writer(port: Arc<dyn Port>) -> Writer {
    static METER: LazyLock<Arc<Meter>> = LazyLock::new(|| {
        let metrics = Arc::new(Metrics::new().expect("metrics"));
        let origin = Origin {
            transport: Transport::WebSocket,
            address: Ipv4Addr::LOCALHOST.into(),
        };
        Arc::new(metrics.connect(Role::Client, origin, &outbox()))
    });
    let meter = Arc::clone(&METER);
    Writer { port, meter }
}

fn outbox() -> Arc<Outbox> {
    let each = QueueBound {
        messages: 1 << 20,
        bytes: 1 << 30,
    };
    Arc::new(Outbox::new(
        Arc::new(Budget::new(each, each, 1 << 30)),
        false,
    ))
}

fn push(outbox: &Arc<Outbox>, text: &str, due: &mut Due) {
    outbox
        .push(text.into(), Lane::Ordered, 0, &PRESENT, Instant::now(), due)
        .expect("a place");
}

/// A connection that takes as much as it likes.
#[derive(Default)]
struct Wire {
    line: Mutex<Line>,
    /// What happens before a sender has the connection, while it writes, and when it is waited for.
    before: Mutex<Option<Happening>>,
    settling: Mutex<Option<Happening>>,
}

type Happening = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Line {
    carried: Vec<Text>,
    batches: usize,
    /// What the send loop is to write.
    rest: Vec<Text>,
    /// Takes all of the next batch, or at most half of it.
    halves: bool,
    fails: bool,
    during: Option<Happening>,
}

impl Port for Wire {
    fn at_once(&self, write: &mut dyn FnMut(&mut dyn WriteNow)) -> bool {
        if let Some(happening) = self.before.lock().take() {
            happening();
        }
        let Some(mut line) = self.line.try_lock() else {
            return false;
        };
        write(&mut *line);
        true
    }

    fn settle(&self) {
        if let Some(happening) = self.settling.lock().take() {
            happening();
        }
        drop(self.line.lock());
    }
}

impl WriteNow for Line {
    fn write_now(&mut self, batch: &[Text]) -> io::Result<bool> {
        if let Some(happening) = self.during.take() {
            happening();
        }
        if self.fails {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        assert!(self.rest.is_empty(), "somebody else is writing");
        self.batches += 1;
        let now = match self.halves && rand::rng().random() {
            true => batch.len() / 2,
            false => batch.len(),
        };
        self.carried.extend_from_slice(&batch[..now]);
        self.rest.extend_from_slice(&batch[now..]);
        Ok(self.rest.is_empty())
    }
}

impl Wire {
    fn carried(&self) -> Vec<String> {
        self.line
            .lock()
            .carried
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// As the send loop of a session.
    async fn serve(&self, outbox: &Outbox) {
        let mut batch = Vec::new();
        while let Next::Batch { .. } = outbox.next(Lane::Ordered, &mut batch, 100).await {
            let mut line = self.line.lock();
            let rest = std::mem::take(&mut line.rest);
            line.carried.extend(rest);
            line.carried.append(&mut batch.clone());
            drop(line);
            outbox.sent(Lane::Ordered, &mut batch);
        }
    }
}

/// Is the send loop woken?
async fn is_woken(outbox: &Outbox) -> bool {
    let woken = outbox.lanes[Lane::Ordered as usize].notified();
    timeout(Duration::from_millis(1), woken).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_waits_for_its_sender_and_goes_in_one_batch() {
    let (outbox, wire) = (outbox(), Arc::new(Wire::default()));
    let _attached = outbox.attach(false, Some(writer(Arc::clone(&wire) as _)));
    let mut due = Due::default();
    push(&outbox, "one", &mut due);
    push(&outbox, "two", &mut due);
    assert_eq!(due.outboxes.len(), 1, "once is enough");
    assert_eq!(wire.carried(), [""; 0]);
    assert!(!due.send(9));
    assert_eq!(wire.carried(), ["one", "two"]);
    assert!(!is_woken(&outbox).await, "nothing is left for it");
    assert_eq!(outbox.state.lock().sent, 2);
    assert_eq!(outbox.budget.queued(), 0);
}

#[test]
fn what_others_queue_meanwhile_goes_with_it() {
    let (outbox, wire) = (outbox(), Arc::new(Wire::default()));
    let _attached = outbox.attach(false, Some(writer(Arc::clone(&wire) as _)));
    let (mut first, mut second) = (Due::default(), Due::default());
    for round in ["1", "2"] {
        first.envelope(1);
        push(&outbox, round, &mut first);
        assert!(first.rest(9), "the others have their turn");
        second.envelope(1);
        push(&outbox, "and another", &mut second);
        assert!(!second.rest(9), "that is the first one's to send");
        wire.line.lock().batches = 0;
        assert!(!first.rest(9));
        assert_eq!(wire.line.lock().batches, 1);
    }
    assert_eq!(wire.carried(), ["1", "and another", "2", "and another"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_gone_before_it_sends_leaves_that_to_the_send_loop() {
    let (outbox, wire) = (outbox(), Arc::new(Wire::default()));
    let _attached = outbox.attach(false, Some(writer(Arc::clone(&wire) as _)));
    let mut due = Due::default();
    push(&outbox, "one", &mut due);
    drop(due);
    assert!(is_woken(&outbox).await);
    let mut due = Due::default();
    push(&outbox, "two", &mut due);
    due.send(1);
    assert_eq!(wire.carried(), ["one", "two"], "the next one sends as well");
}

#[tokio::test(start_paused = true)]
async fn without_a_connection_that_can_the_send_loop_is_woken_at_once() {
    let (outbox, wire) = (outbox(), Arc::new(Wire::default()));
    let mut due = Due::default();
    push(&outbox, "one", &mut due);
    assert!(due.outboxes.is_empty() && is_woken(&outbox).await);
    let attached = outbox.attach(false, Some(writer(Arc::clone(&wire) as _)));
    push(&outbox, "two", &mut due);
    drop(attached);
    due.send(1);
    assert_eq!(wire.carried(), [""; 0], "it is not the connection any more");
    assert!(is_woken(&outbox).await);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_somebody_is_at_is_left_to_the_send_loop() {
    let (outbox, wire) = (outbox(), Arc::new(Wire::default()));
    let _attached = outbox.attach(false, Some(writer(Arc::clone(&wire) as _)));
    let mut due = Due::default();
    push(&outbox, "one", &mut due);
    let line = wire.line.lock();
    due.send(1);
    drop(line);
    assert!(is_woken(&outbox).await);
}

#[tokio::test(start_paused = true)]
async fn nobody_writes_while_the_send_loop_does() {
    let (outbox, wire) = (outbox(), Arc::new(Wire::default()));
    let _attached = outbox.attach(false, Some(writer(Arc::clone(&wire) as _)));
    let mut batch = Vec::new();
    outbox.notify("notice".into()).expect("a place");
    outbox.next(Lane::Ordered, &mut batch, 100).await;
    let mut due = Due::default();
    push(&outbox, "message", &mut due);
    due.send(1);
    assert_eq!(wire.carried(), [""; 0]);
    outbox.sent(Lane::Ordered, &mut batch);
    outbox.next(Lane::Ordered, &mut batch, 100).await;
    assert_eq!(batch, ["message"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_connection_does_not_take_at_once_counts_until_the_send_loop_has_written_it() {
    let (outbox, wire) = (outbox(), Arc::new(Wire::default()));
    let _attached = outbox.attach(false, Some(writer(Arc::clone(&wire) as _)));
    wire.line.lock().fails = true;
    let mut due = Due::default();
    push(&outbox, "one", &mut due);
    due.send(1);
    assert!(is_woken(&outbox).await);
    assert_eq!(outbox.budget.queued(), 3);
    outbox.close(Close::new(1001, "going"));
    let mut batch = Vec::new();
    let next = outbox.next(Lane::Ordered, &mut batch, 100).await;
    assert_eq!(next, Next::Batch { oldest: None });
    assert!(batch.is_empty(), "the rest of what was begun");
    outbox.sent(Lane::Ordered, &mut batch);
    assert_eq!(outbox.budget.queued(), 0);
    let next = outbox.next(Lane::Ordered, &mut batch, 100).await;
    assert_eq!(next, Next::Close(Close::new(1001, "going")));
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_sender_writes_is_not_forgotten() {
    let (outbox, wire) = (outbox(), Arc::new(Wire::default()));
    let _attached = outbox.attach(false, Some(writer(Arc::clone(&wire) as _)));
    let same = Arc::clone(&outbox);
    wire.line.lock().during = Some(Box::new(move || {
        same.notify("notice".into()).expect("a place");
        // The send loop is woken for it, looks, and finds somebody writing.
        let mut next = std::pin::pin!(is_woken(&same));
        assert!(futures_util::FutureExt::now_or_never(&mut next).expect("at once"));
        assert_eq!(same.take(Lane::Ordered, &mut Vec::new(), 100), None);
    }));
    let mut due = Due::default();
    push(&outbox, "message", &mut due);
    due.send(1);
    assert_eq!(wire.carried(), ["message"]);
    assert!(is_woken(&outbox).await, "for the notice");
}

#[test]
fn a_connection_is_not_replaced_before_it_has_what_was_taken_for_it() {
    let (outbox, wire) = (outbox(), Arc::new(Wire::default()));
    let _attached = outbox.attach(false, Some(writer(Arc::clone(&wire) as _)));
    let same = Arc::clone(&outbox);
    *wire.before.lock() = Some(Box::new(move || {
        assert!(same.state.is_locked(), "whoever replaces it has to wait");
    }));
    let mut due = Due::default();
    push(&outbox, "message", &mut due);
    due.send(1);
    assert!(wire.before.lock().is_none(), "it was asked for");
    assert_eq!(wire.carried(), ["message"]);
}

#[test]
fn whoever_gives_up_a_connection_waits_for_a_sender_that_writes() {
    let (outbox, wire) = (outbox(), Arc::new(Wire::default()));
    let attached = outbox.attach(false, Some(writer(Arc::clone(&wire) as _)));
    let (writing, is_writing) = mpsc::sync_channel(1);
    let (go_on, may_go_on) = mpsc::sync_channel::<()>(1);
    wire.line.lock().during = Some(Box::new(move || {
        writing.send(()).expect("told");
        _ = may_go_on.recv();
    }));
    // Only waiting for it lets the sender finish.
    *wire.settling.lock() = Some(Box::new(move || go_on.send(()).expect("told")));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut due = Due::default();
            push(&outbox, "message", &mut due);
            due.send(1);
        });
        is_writing.recv().expect("it writes");
        drop(attached);
        let carried = wire.line.try_lock().map(|line| line.carried.len());
        // The thread is let go, whatever came of it.
        *wire.settling.lock() = None;
        assert_eq!(carried, Some(1));
        assert_eq!(outbox.state.lock().sent, 1);
    });
}

#[test]
fn at_most_so_many_are_sent_to_at_once() {
    let connections: Vec<_> = (0..5)
        .map(|_| (outbox(), Arc::new(Wire::default())))
        .collect();
    let attached = connections
        .iter()
        .map(|(outbox, wire)| outbox.attach(false, Some(writer(Arc::clone(wire) as _))));
    let _attached: Vec<_> = attached.collect();
    let mut due = Due::default();
    for (outbox, _) in &connections {
        push(outbox, "one", &mut due);
    }
    assert!(due.send(3));
    let carried = connections.iter().map(|(_, wire)| wire.carried().len());
    assert_eq!(carried.collect::<Vec<_>>(), [1, 1, 1, 0, 0]);
    assert!(!due.send(3));
}

/// Senders, the relay's own notices and the send loop, each on a thread of its own. One that is never woken hangs.
#[test]
fn many_threads_lose_nothing_and_keep_each_senders_order() {
    const SENDERS: usize = 4;
    const EACH: usize = 5_000;
    let (outbox, wire) = (outbox(), Arc::new(Wire::default()));
    wire.line.lock().halves = true;
    let _attached = outbox.attach(false, Some(writer(Arc::clone(&wire) as _)));
    thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let outbox = &outbox;
                scope.spawn(move || {
                    let mut due = Due::default();
                    for number in 0..EACH {
                        let text = format!("{sender} {number}");
                        match number % 10 {
                            0 => _ = outbox.notify(text.as_str().into()).expect("a place"),
                            _ => push(outbox, &text, &mut due),
                        }
                        match number % 3 {
                            0 => _ = due.send(1),
                            1 if number % 7 == 0 => due = Due::default(),
                            _ => {}
                        }
                    }
                })
            })
            .collect();
        let closing = &outbox;
        scope.spawn(move || {
            for sender in senders {
                sender.join().expect("a sender");
            }
            closing.close(Close::new(1001, "going"));
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let served =
            runtime.block_on(async { timeout(Duration::from_secs(60), wire.serve(&outbox)).await });
        served.expect("it ends");
    });
    let carried = wire.carried();
    assert_eq!(carried.len(), SENDERS * EACH);
    for sender in 0..SENDERS {
        let of = carried.iter().filter_map(|text| {
            let (from, number) = text.split_once(' ')?;
            (from == sender.to_string()).then(|| number.parse::<usize>())
        });
        let of: Result<Vec<_>, _> = of.collect();
        assert!(of.expect("numbers").is_sorted(), "{sender}");
    }
}
