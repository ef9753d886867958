use std::{pin::pin, task::Poll, time::Duration};

use futures_util::poll;
use tokio::time::{advance, timeout};

use super::*;
use crate::config::QueueBound;

const PLENTY: usize = 1 << 20;
static PRESENT: AtomicBool = AtomicBool::new(false);

fn budget(messages: usize, bytes: usize, total: usize) -> Arc<Budget> {
    let each = QueueBound { messages, bytes };
    Arc::new(Budget::new(each, each, total))
}

/// An outbox with these bounds of its own.
fn bounded(messages: usize, bytes: usize) -> Arc<Outbox> {
    Arc::new(Outbox::new(budget(messages, bytes, PLENTY), false))
}

/// An outbox that is never full, whose connection has every lane.
fn with_lanes() -> Arc<Outbox> {
    let outbox = bounded(PLENTY, PLENTY);
    drop(outbox.attach(true, None));
    outbox
}

fn push(outbox: &Arc<Outbox>, text: &'static str) -> Result<(), Refused> {
    push_from(outbox, text, &PRESENT)
}

fn push_from(outbox: &Arc<Outbox>, text: &'static str, left: &AtomicBool) -> Result<(), Refused> {
    let due = &mut Due::default();
    outbox.push(text.into(), Lane::Ordered, 0, left, Instant::now(), due)
}

fn push_on(outbox: &Arc<Outbox>, lane: Lane, after: u64, text: &'static str) {
    outbox
        .push(
            text.into(),
            lane,
            after,
            &PRESENT,
            Instant::now(),
            &mut Due::default(),
        )
        .expect("there is a place");
}

/// What must come without anything else happening. The clock is paused, so that a hang fails at once.
async fn soon<F: Future>(coming: F) -> F::Output {
    timeout(Duration::from_secs(1), coming)
        .await
        .expect("it comes")
}

/// What a lane has to send now, without saying that it was sent. `None`: nothing.
fn taken(outbox: &Arc<Outbox>, lane: Lane) -> Option<Vec<Text>> {
    let mut batch = Vec::new();
    let next = outbox.take(lane, &mut batch, PLENTY);
    matches!(next, Some(Next::Batch { .. })).then_some(batch)
}

/// Sends what a lane has now.
fn send(outbox: &Arc<Outbox>, lane: Lane) -> Vec<String> {
    let mut batch = taken(outbox, lane).unwrap_or_default();
    let texts = batch.iter().map(ToString::to_string).collect();
    outbox.sent(lane, &mut batch);
    texts
}

/// Sends what the ordered lane has, until it has nothing more.
fn send_all(outbox: &Arc<Outbox>) -> Vec<String> {
    std::iter::from_fn(|| Some(send(outbox, Lane::Ordered)).filter(|sent| !sent.is_empty()))
        .flatten()
        .collect()
}

fn told_to_close(outbox: &Arc<Outbox>) -> Option<u16> {
    match outbox.take(Lane::Ordered, &mut Vec::new(), PLENTY) {
        Some(Next::Close(close)) => Some(close.code),
        _ => None,
    }
}

#[test]
fn a_queue_is_full_at_its_bound_of_messages_and_has_a_place_once_one_is_sent() {
    let outbox = bounded(2, PLENTY);
    assert_eq!(push(&outbox, "a"), Ok(()));
    assert_eq!(push(&outbox, "b"), Ok(()));
    assert_eq!(push(&outbox, "c"), Err(Refused::Full));
    assert_eq!(outbox.notify("c".into()), Err(Refused::Full));
    assert_eq!(send(&outbox, Lane::Ordered), ["a", "b"]);
    assert_eq!(push(&outbox, "c"), Ok(()));
}

#[test]
fn a_queue_is_full_at_its_bound_of_bytes() {
    let outbox = bounded(PLENTY, 10);
    assert_eq!(push(&outbox, "12345"), Ok(()));
    assert_eq!(push(&outbox, "123456"), Err(Refused::Full));
    assert_eq!(push(&outbox, "12345"), Ok(()));
    assert_eq!(push(&outbox, "1"), Err(Refused::Full));
}

#[test]
fn what_is_being_written_still_counts_as_waiting() {
    let outbox = bounded(1, PLENTY);
    assert_eq!(push(&outbox, "a"), Ok(()));
    let mut batch = taken(&outbox, Lane::Ordered).expect("a batch");
    assert_eq!(push(&outbox, "b"), Err(Refused::Full));
    outbox.sent(Lane::Ordered, &mut batch);
    assert!(batch.is_empty());
    assert_eq!(push(&outbox, "b"), Ok(()));
}

#[test]
fn all_queues_share_a_budget_that_is_given_back_when_something_is_sent_or_a_queue_goes() {
    let budget = budget(PLENTY, PLENTY, 10);
    let one = Arc::new(Outbox::new(Arc::clone(&budget), false));
    let other = Arc::new(Outbox::new(Arc::clone(&budget), false));
    assert_eq!(push(&one, "123456"), Ok(()));
    assert_eq!(push(&other, "12345"), Err(Refused::Full));
    assert_eq!(push(&other, "1234"), Ok(()));
    assert_eq!(budget.queued(), 10);
    send(&one, Lane::Ordered);
    assert_eq!(budget.queued(), 4);
    assert_eq!(push(&one, "123456"), Ok(()));
    drop(one);
    assert_eq!(budget.queued(), 4);
    drop(other);
    assert_eq!(budget.queued(), 0);
}

#[test]
fn an_ending_session_is_closed_rather_than_full() {
    let outbox = bounded(1, PLENTY);
    assert_eq!(push(&outbox, "a"), Ok(()));
    outbox.close(Close::new(1001, "going"));
    assert_eq!(push(&outbox, "b"), Err(Refused::Closed));
    assert_eq!(outbox.notify("b".into()), Err(Refused::Closed));
    outbox.notify_always("b".into(), None);
    assert_eq!(send_all(&outbox), ["a"]);
}

#[test]
fn the_order_is_kept_whatever_waits_for_what() {
    let outbox = bounded(PLENTY, PLENTY);
    let joined = outbox.notify("joined".into()).expect("a place");
    push_on(&outbox, Lane::Ordered, joined, "message");
    outbox.notify_always("gone".into(), None);
    assert_eq!(send_all(&outbox), ["joined", "message", "gone"]);
}

#[test]
fn a_batch_ends_once_it_has_its_bytes() {
    let outbox = bounded(PLENTY, PLENTY);
    for text in ["123", "456", "789"] {
        push(&outbox, text).expect("a place");
    }
    let mut batch = Vec::new();
    assert!(outbox.take(Lane::Ordered, &mut batch, 4).is_some());
    assert_eq!(batch.len(), 2);
}

#[test]
fn without_lanes_everything_is_in_one_order() {
    let outbox = bounded(PLENTY, PLENTY);
    push_on(&outbox, Lane::Datagram, 0, "a");
    push_on(&outbox, Lane::Ordered, 0, "b");
    push_on(&outbox, Lane::Independent, 7, "c");
    assert_eq!(taken(&outbox, Lane::Datagram), None);
    assert_eq!(taken(&outbox, Lane::Independent), None);
    assert_eq!(send_all(&outbox), ["a", "b", "c"]);
}

#[test]
fn other_lanes_wait_for_the_notice_that_comes_first_and_for_nothing_else() {
    let outbox = with_lanes();
    push_on(&outbox, Lane::Ordered, 0, "before");
    let joined = outbox.notify("joined".into()).expect("a place");
    push_on(&outbox, Lane::Independent, joined, "stream");
    push_on(&outbox, Lane::Datagram, joined, "datagram");
    push_on(&outbox, Lane::Datagram, 0, "of somebody else");
    assert_eq!(taken(&outbox, Lane::Independent), None);
    assert_eq!(send(&outbox, Lane::Datagram), ["of somebody else"]);
    let mut batch = taken(&outbox, Lane::Ordered).expect("a batch");
    assert_eq!(taken(&outbox, Lane::Independent), None, "taken is not sent");
    outbox.sent(Lane::Ordered, &mut batch);
    push_on(&outbox, Lane::Ordered, 0, "after");
    assert_eq!(send(&outbox, Lane::Independent), ["stream"]);
    assert_eq!(send(&outbox, Lane::Datagram), ["datagram"]);
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_waits_for_a_notice_is_woken_when_it_is_sent() {
    let outbox = with_lanes();
    let joined = outbox.notify("joined".into()).expect("a place");
    push_on(&outbox, Lane::Independent, joined, "stream");
    let mut batch = Vec::new();
    {
        let mut next = pin!(outbox.next(Lane::Independent, &mut batch, PLENTY));
        assert_eq!(poll!(&mut next), Poll::Pending);
        send(&outbox, Lane::Ordered);
        assert!(matches!(soon(next).await, Next::Batch { .. }));
    }
    assert_eq!(batch.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lane_is_woken_by_an_envelope_and_by_a_close() {
    let outbox = bounded(PLENTY, PLENTY);
    let mut batch = Vec::new();
    {
        let mut next = pin!(outbox.next(Lane::Ordered, &mut batch, PLENTY));
        assert_eq!(poll!(&mut next), Poll::Pending);
        push(&outbox, "a").expect("a place");
        assert!(matches!(soon(next).await, Next::Batch { .. }));
    }
    outbox.sent(Lane::Ordered, &mut batch);
    let mut next = pin!(outbox.next(Lane::Ordered, &mut batch, PLENTY));
    assert_eq!(poll!(&mut next), Poll::Pending);
    outbox.close(Close::new(4403, "out"));
    assert_eq!(soon(next).await, Next::Close(Close::new(4403, "out")));
}

#[tokio::test(start_paused = true)]
async fn a_close_is_told_once_everything_on_every_lane_is_sent() {
    let outbox = with_lanes();
    push_on(&outbox, Lane::Ordered, 0, "line");
    push_on(&outbox, Lane::Independent, 0, "stream");
    push_on(&outbox, Lane::Datagram, 0, "datagram");
    outbox.close(Close::new(1001, "going"));
    assert_eq!(send(&outbox, Lane::Ordered), ["line"]);
    assert_eq!(told_to_close(&outbox), None);
    assert_eq!(send(&outbox, Lane::Datagram), ["datagram"]);
    assert_eq!(told_to_close(&outbox), None);
    let mut batch = taken(&outbox, Lane::Independent).expect("a batch");
    let mut waiting = Vec::new();
    let mut next = pin!(outbox.next(Lane::Ordered, &mut waiting, PLENTY));
    assert_eq!(poll!(&mut next), Poll::Pending, "taken is not sent");
    outbox.sent(Lane::Independent, &mut batch);
    assert_eq!(soon(next).await, Next::Close(Close::new(1001, "going")));
}

#[test]
fn what_one_lane_could_not_carry_goes_on_another_and_counts_all_the_while() {
    let budget = budget(1, PLENTY, PLENTY);
    let outbox = Arc::new(Outbox::new(Arc::clone(&budget), false));
    drop(outbox.attach(true, None));
    push_on(&outbox, Lane::Datagram, 0, "large");
    outbox.close(Close::new(1001, "going"));
    let mut batch = taken(&outbox, Lane::Datagram).expect("a batch");
    // The other lane may look before it comes: that must not be the last time.
    assert_eq!(
        outbox.take(Lane::Independent, &mut Vec::new(), PLENTY),
        None
    );
    outbox.requeue(batch.remove(0), Lane::Independent);
    outbox.sent(Lane::Datagram, &mut batch);
    assert_eq!(budget.queued(), 5);
    assert_eq!(told_to_close(&outbox), None);
    assert_eq!(send(&outbox, Lane::Independent), ["large"]);
    assert_eq!(budget.queued(), 0);
    assert_eq!(told_to_close(&outbox), Some(1001));
}

#[test]
fn the_first_close_counts() {
    let outbox = bounded(1, PLENTY);
    assert_eq!(outbox.close_reason(), None);
    assert!(outbox.close(Close::new(1001, "going")));
    assert!(!outbox.close(Close::new(4410, "the server has left")));
    assert_eq!(told_to_close(&outbox), Some(1001));
    assert_eq!(outbox.close_reason(), Some(Close::new(1001, "going")));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_close_is_woken_by_it_or_by_one_before() {
    let outbox = bounded(1, PLENTY);
    {
        let mut closing = pin!(outbox.closing());
        assert!(poll!(&mut closing).is_pending());
        push(&outbox, "a").expect("a place");
        assert!(poll!(&mut closing).is_pending());
        outbox.close(Close::new(1001, "going"));
        soon(closing).await;
    }
    soon(outbox.closing()).await;
}

#[test]
fn a_notice_that_must_have_a_place_has_one_and_ends_its_senders_words() {
    let outbox = bounded(1, PLENTY);
    let left = AtomicBool::new(false);
    push_from(&outbox, "message", &left).expect("a place");
    outbox.notify_always("gone".into(), Some(&left));
    let late = push_from(&outbox, "late", &left);
    assert_eq!(late, Err(Refused::Closed), "not Full: its sender has left");
    assert_eq!(send_all(&outbox), ["message", "gone"]);
    let late = push_from(&outbox, "late", &left);
    assert_eq!(late, Err(Refused::Closed));
}

/// Waits with a refusal while `free` makes a place, or ends the session.
async fn waiting_for_a_place(
    outbox: &Arc<Outbox>,
    free: impl Future<Output = ()>,
) -> Result<(), Refused> {
    let mut waiting = pin!(outbox.notify_when_free("refusal".into()));
    assert!(poll!(&mut waiting).is_pending());
    free.await;
    soon(waiting).await
}

#[tokio::test(start_paused = true)]
async fn a_refusal_waits_for_a_place_in_its_own_queue() {
    let outbox = bounded(1, PLENTY);
    push(&outbox, "a").expect("a place");
    let free = async { assert_eq!(send(&outbox, Lane::Ordered), ["a"]) };
    assert_eq!(waiting_for_a_place(&outbox, free).await, Ok(()));
    assert_eq!(send(&outbox, Lane::Ordered), ["refusal"]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_waits_for_a_place_in_all_queues_together() {
    let budget = budget(PLENTY, PLENTY, 8);
    let outbox = Arc::new(Outbox::new(Arc::clone(&budget), false));
    let other = Arc::new(Outbox::new(Arc::clone(&budget), false));
    push(&other, "12345").expect("a place");
    let free = async { assert_eq!(send(&other, Lane::Ordered), ["12345"]) };
    assert_eq!(waiting_for_a_place(&outbox, free).await, Ok(()));
    assert_eq!(send(&outbox, Lane::Ordered), ["refusal"]);
    push(&other, "12345").expect("a place");
    let free = async { drop(other) };
    assert_eq!(waiting_for_a_place(&outbox, free).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_waits_no_longer_than_the_session_lasts() {
    let outbox = bounded(1, PLENTY);
    push(&outbox, "a").expect("a place");
    let close = async { assert!(outbox.close(Close::new(1001, "going"))) };
    assert_eq!(
        waiting_for_a_place(&outbox, close).await,
        Err(Refused::Closed)
    );
    assert_eq!(send_all(&outbox), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn only_what_another_peer_sends_is_a_sign_of_use() {
    let outbox = bounded(1, PLENTY);
    let made = outbox.touched();
    advance(Duration::from_secs(1)).await;
    outbox.notify("notice".into()).expect("a place");
    assert_eq!(push(&outbox, "refused"), Err(Refused::Full));
    assert_eq!(outbox.touched(), made);
    send(&outbox, Lane::Ordered);
    push(&outbox, "a").expect("a place");
    assert_eq!(outbox.touched(), made + Duration::from_secs(1));
}

#[test]
fn what_was_sent_on_the_ordered_lane_is_counted() {
    let outbox = with_lanes();
    push_on(&outbox, Lane::Ordered, 0, "a");
    push_on(&outbox, Lane::Ordered, 0, "b");
    push_on(&outbox, Lane::Datagram, 0, "c");
    assert_eq!(outbox.state.lock().sent, 0);
    send(&outbox, Lane::Ordered);
    send(&outbox, Lane::Datagram);
    assert_eq!(outbox.state.lock().sent, 2);
}

#[test]
fn a_reason_is_cut_to_123_bytes_of_whole_characters() {
    assert_eq!(Close::new(1000, "x".repeat(123)).reason, "x".repeat(123));
    assert_eq!(Close::new(1000, "x".repeat(124)).reason, "x".repeat(123));
    assert_eq!(Close::new(1000, "ä".repeat(62)).reason, "ä".repeat(61));
    assert_eq!(Close::new(1000, "🦀".repeat(40)).reason, "🦀".repeat(30));
}

#[test]
fn many_peers_are_told_times_that_differ_and_grow_with_their_number() {
    let after = |peers| {
        let close = Close::new(1001, "going").spread(peers);
        close.reconnect_in.expect("a time").as_secs_f64()
    };
    let few: Vec<f64> = (0..100).map(|_| after(1)).collect();
    assert!(few.iter().all(|after| (0.5..1.5).contains(after)));
    assert!(few.iter().any(|after| *after != few[0]));
    assert!((0..1000).any(|_| after(10_000) > 10.0));
}

/// In chunks, over threads of which some queue what others send.
#[test]
fn the_total_is_kept_to_whoever_takes_of_it() {
    const TOTAL: usize = 64 << 20;
    let budget = budget(PLENTY, PLENTY, TOTAL);
    let (queue, sent) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (budget, queue) = (&budget, queue.clone());
            scope.spawn(move || {
                while budget.admits(10_000) {
                    budget.take(10_000);
                    queue.send(10_000).expect("nobody has gone");
                }
            });
        }
    });
    drop(queue);
    let full = budget.queued();
    // Four threads may each have seen the last place.
    assert!(
        (TOTAL / 100 * 99..TOTAL + 4 * 80_000).contains(&full),
        "{full}"
    );
    sent.iter().for_each(|bytes| budget.give_back(bytes));
    assert_eq!(budget.queued(), 0);
    assert!(budget.admits(TOTAL / 100 * 99));
}
