//! The send loop: what the outbox holds goes out, in order on the ordered lane, and beside it on the others.

use std::io;

use futures_util::{StreamExt, future::join, stream::FuturesUnordered};
use serde::Serialize;
use tokio::sync::Notify;

use crate::{
    envelope::{self, Text},
    metrics::Meter,
    outbox::{BATCH_BYTES, Close, Lane, Next, Outbox},
    transport::{Transmit, webtransport::Lanes},
};

/// Independent envelopes that are under way to one peer at once.
const MAX_OUTGOING_STREAMS: usize = 16;

/// Sends everything until the outbox is closed and empty, and says BYE. An error means that the connection is
/// gone.
pub async fn everything<T: Transmit>(
    outbox: &Outbox,
    transmitter: &mut T,
    lanes: Option<&Lanes>,
    ping: &Notify,
    meter: &Meter,
) -> io::Result<()> {
    let in_order = ordered(outbox, transmitter, ping, meter);
    let Some(lanes) = lanes else {
        return in_order.await;
    };
    // Boxed, so that a session without lanes does not have their size.
    let beside = Box::pin(join(
        independent(outbox, lanes, meter),
        datagrams(outbox, lanes, meter),
    ));
    tokio::select! {
        sent = in_order => sent,
        _ = beside => Err(io::ErrorKind::BrokenPipe.into()),
    }
}

async fn ordered<T: Transmit>(
    outbox: &Outbox,
    transmitter: &mut T,
    ping: &Notify,
    meter: &Meter,
) -> io::Result<()> {
    let mut batch = Vec::new();
    loop {
        let next = tokio::select! {
            next = outbox.next(Lane::Ordered, &mut batch, BATCH_BYTES) => next,
            () = ping.notified() => {
                transmitter.ping().await?;
                continue;
            }
        };
        match next {
            Next::Batch { oldest } => {
                transmitter.send(&batch).await?;
                meter.sent(&batch, oldest);
                outbox.sent(Lane::Ordered, &mut batch);
                // An idle peer costs no buffer.
                batch = Vec::new();
            }
            Next::Close(close) => return transmitter.goodbye(bye(&close), &close).await,
        }
    }
}

async fn independent(outbox: &Outbox, lanes: &Lanes, meter: &Meter) {
    let mut under_way = FuturesUnordered::new();
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            next = outbox.next(Lane::Independent, &mut batch, 1), if under_way.len() < MAX_OUTGOING_STREAMS => {
                let Next::Batch { oldest } = next else { return };
                for text in batch.drain(..) {
                    under_way.push(async move {
                        // What a lost connection loses here is known to the session through its receive half.
                        _ = lanes.independent(text.clone()).await;
                        (text, oldest)
                    });
                }
            }
            Some((text, oldest)) = under_way.next() => {
                let mut batch = vec![text];
                meter.sent(&batch, oldest);
                outbox.sent(Lane::Independent, &mut batch);
            }
        }
    }
}

async fn datagrams(outbox: &Outbox, lanes: &Lanes, meter: &Meter) {
    let mut batch = Vec::new();
    while let Next::Batch { oldest } = outbox.next(Lane::Datagram, &mut batch, BATCH_BYTES).await {
        for text in batch.extract_if(.., |text| !lanes.datagram(text)) {
            outbox.requeue(text, Lane::Independent);
        }
        meter.sent(&batch, oldest);
        outbox.sent(Lane::Datagram, &mut batch);
    }
}

/// The last envelope of a session that the relay ends.
pub fn bye(close: &Close) -> Text {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Bye<'a> {
        code: u16,
        reason: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reconnect_in: Option<f64>,
    }
    debug_assert!(
        Close::CODES.contains(&close.code),
        "no peer knows {}",
        close.code
    );
    // A thousandth of a second is more than exact enough, and short to read.
    let seconds = close
        .reconnect_in
        .map(|after| (after.as_secs_f64() * 1000.0).round() / 1000.0);
    envelope::from_relay(
        "BYE",
        &Bye {
            code: close.code,
            reason: &close.reason,
            reconnect_in: seconds,
        },
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bye_tells_code_reason_and_when_to_return() {
        let close = Close::new(1001, "going").reconnect_in(Duration::from_millis(1_500));
        assert_eq!(
            bye(&close).as_str(),
            r#"{"from":"0","type":"BYE","message":{"code":1001,"reason":"going","reconnectIn":1.5}}"#
        );
        assert_eq!(
            bye(&Close::new(4404, "none")).as_str(),
            r#"{"from":"0","type":"BYE","message":{"code":4404,"reason":"none"}}"#
        );
    }
}
