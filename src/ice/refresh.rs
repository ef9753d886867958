//! Fresh ICE servers for peers that are connected: before their credentials run out, and when a reload has changed them.
//!
//! No peer has a timer or a note of its own. Ids are divided into groups, and the groups have their turns one after the other,
//! all of them within a third of the credentials' lifetime: so each peer is told once in that time, and not all in one instant.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use tokio::time::{Instant, sleep, sleep_until};

use crate::hub::Hub;

/// How often a peer gets fresh credentials within the lifetime of those that it has. Where its queue is full at one
/// time, there is another.
const ROUNDS: u32 = 3;
/// Into how many groups peers are divided.
const GROUPS: u32 = 64;
/// The least time between two groups where there is no hurry; where the lifetime is shorter, there are fewer of them.
const PAUSE: Duration = Duration::from_millis(50);

/// Tells peers their ICE servers anew, for ever.
pub async fn refresh(hub: &Hub) {
    let mut turn = Turn {
        hashes: RandomState::new(),
        group: 0,
        of: 1,
    };
    let mut last = Instant::now();
    loop {
        let round = hub.policy.load().ice_lifetime().map(|it| it / ROUNDS);
        let due = round.map(|round| {
            turn.of = groups(round);
            last + round / turn.of
        });
        let changed = tokio::select! {
            () = hub.ice_changed.notified() => true,
            () = reached(due) => false,
        };
        if changed {
            turn.of = GROUPS;
            for _ in 0..GROUPS {
                // A session that began under the old configuration is in its room by now.
                sleep(round.map_or(PAUSE, |round| PAUSE.min(round / GROUPS))).await;
                turn.tell(hub, true);
            }
        } else {
            turn.tell(hub, false);
        }
        // A turn that comes a little late does not put off those after it.
        let now = Instant::now();
        last = due
            .filter(|due| !changed && *due + PAUSE > now)
            .unwrap_or(now);
    }
}

async fn reached(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// How many groups there are where a round takes so long.
fn groups(round: Duration) -> u32 {
    let fitting = round.as_millis() / PAUSE.as_millis();
    u32::try_from(fitting).unwrap_or(GROUPS).clamp(1, GROUPS)
}

/// Whose turn it is.
struct Turn {
    hashes: RandomState,
    group: u32,
    /// How many groups there are.
    of: u32,
}

impl Turn {
    /// Tells the next group; those as well that wait to be resumed, or not: HELLO tells them when they come back, but what is
    /// sent to them again after it would be older than a change.
    fn tell(&mut self, hub: &Hub, parked: bool) {
        self.group = (self.group + 1) % self.of;
        let (group, of) = (u64::from(self.group), u64::from(self.of));
        let policy = hub.policy.load();
        for room in hub.rooms.all() {
            room.tell_each(parked, |id| {
                let chosen = self.hashes.hash_one(id) % of == group;
                chosen.then(|| policy.ice_servers(id))
            });
        }
    }
}

#[cfg(test)]
mod tests;
