//! Who is told when, on a clock that the tests turn.

use std::{collections::HashMap, pin::pin, sync::Arc};

use futures_util::FutureExt;
use serde_json::Value;
use tokio::time::advance;

use super::*;
use crate::{
    config::{Config, QueueBound},
    ids::PeerId,
    outbox::{Budget, Lane, Next, Outbox},
    policy::Policy,
    room::ServerId,
};

const TICK: Duration = Duration::from_millis(20);

fn policy(ice_servers: &str) -> Policy {
    let yaml = format!(
        "listeners: [{{ transport: websocket, bind: '[::1]:0', tls: off }}]\n\
         servers: {{ open: true }}\nice_servers: {ice_servers}"
    );
    let examined = Config::examine_text("relay.yaml".as_ref(), &yaml, &|_| None);
    Policy::new(&examined.config.expect("a configuration")).expect("a policy")
}

fn time_limited(ttl: &str) -> Policy {
    policy(&format!(
        "[{{ urls: turn:turn.example, secret: north, ttl: {ttl} }}]"
    ))
}

/// A relay, its peers, and what they were told.
struct Peers {
    hub: Hub,
    outboxes: HashMap<PeerId, Arc<Outbox>>,
    told: Vec<(Instant, PeerId, Value)>,
}

impl Peers {
    fn new(policy: Policy, count: usize) -> Self {
        let hub = Hub::new(policy).expect("a hub");
        let style = hub.policy.load().ids.server.clone();
        let mut outboxes = HashMap::new();
        for _ in 0..count {
            let bound = QueueBound {
                messages: 1024,
                bytes: 1 << 20,
            };
            let budget = Arc::new(Budget::new(bound, bound, 1 << 30));
            let outbox = Arc::new(Outbox::new(budget, true));
            let hello = |id: &PeerId| crate::envelope::peer_gone(id);
            let id = ServerId::Random(style.clone());
            let room = hub.rooms.open(&id, Arc::clone(&outbox), count, hello);
            outboxes.insert(room.expect("a room").id.clone(), outbox);
        }
        let mut peers = Self {
            hub,
            outboxes,
            told: Vec::new(),
        };
        peers.take();
        peers.told.clear();
        peers
    }

    /// Takes what waits for each peer.
    fn take(&mut self) {
        let mut batch = Vec::new();
        for (id, outbox) in &self.outboxes {
            let next = outbox
                .next(Lane::Ordered, &mut batch, 1 << 20)
                .now_or_never();
            assert!(!matches!(next, Some(Next::Close(_))));
            for text in &batch {
                let envelope: Value = serde_json::from_str(text).expect("JSON");
                self.told.push((Instant::now(), id.clone(), envelope));
            }
            if next.is_some() {
                outbox.sent(Lane::Ordered, &mut batch);
            }
        }
    }

    /// Lets time pass.
    async fn wait(&mut self, time: Duration) {
        let end = Instant::now() + time;
        let hub = std::mem::replace(&mut self.hub, Hub::new(policy("[]")).expect("a hub"));
        {
            let mut refreshing = pin!(refresh(&hub));
            while Instant::now() < end {
                assert!(futures_util::poll!(&mut refreshing).is_pending());
                self.take();
                advance(TICK).await;
            }
        }
        self.hub = hub;
    }
}

#[tokio::test(start_paused = true)]
async fn everybody_is_told_three_times_in_a_lifetime_and_not_all_at_once() {
    let mut peers = Peers::new(time_limited("60s"), 200);
    let began = Instant::now();
    peers.wait(Duration::from_secs(90)).await;
    let mut last: HashMap<_, _> = peers
        .outboxes
        .keys()
        .map(|id| (id.clone(), began))
        .collect();
    let mut at_once: HashMap<Instant, usize> = HashMap::new();
    for (at, id, envelope) in &peers.told {
        assert_eq!(envelope["type"], "ICE_SERVERS");
        assert_eq!(envelope["from"], "0");
        let server = &envelope["message"]["iceServers"][0];
        let username = server["username"].as_str().expect("a user name");
        assert!(username.ends_with(&format!(":{}", &**id)), "{username}");
        let before = last.insert(id.clone(), *at).expect("a peer");
        assert!(
            *at - before <= Duration::from_secs(21),
            "{:?}",
            *at - before
        );
        *at_once.entry(*at).or_default() += 1;
    }
    for at in last.values() {
        assert!(Instant::now() - *at <= Duration::from_secs(21));
    }
    assert!(
        (800..=1000).contains(&peers.told.len()),
        "{}",
        peers.told.len()
    );
    let most = at_once.values().max().expect("some");
    assert!(*most < 25, "{most} at once");
}

#[tokio::test(start_paused = true)]
async fn the_least_lifetime_is_kept_up_with_and_credentials_that_last_are_left_alone() {
    let mut peers = Peers::new(time_limited("1s"), 20);
    peers.wait(Duration::from_secs(3)).await;
    assert!(
        (140..=220).contains(&peers.told.len()),
        "{}",
        peers.told.len()
    );
    let lasting = "[{ urls: turn:turn.example, username: a, credential: b }]";
    let mut peers = Peers::new(policy(lasting), 1);
    peers.wait(Duration::from_secs(3)).await;
    assert!(peers.told.is_empty(), "{:?}", peers.told);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_told_to_everybody_soon_and_nothing_else_is() {
    let mut peers = Peers::new(time_limited("12h"), 300);
    peers.hub.adopt(time_limited("12h"));
    peers.wait(Duration::from_secs(5)).await;
    assert!(peers.told.is_empty(), "{:?}", peers.told);
    // One that waits to be resumed is told as well.
    let parked = peers.outboxes.values().next().expect("one");
    parked.park();
    for (servers, count) in [("[{ urls: stun:stun.example }]", 1), ("[]", 0)] {
        peers.hub.adopt(policy(servers));
        peers.wait(Duration::from_secs(5)).await;
        assert_eq!(peers.told.len(), 300);
        let moments: std::collections::HashSet<_> = peers.told.iter().map(|it| it.0).collect();
        assert!(moments.len() > 30, "{}", moments.len());
        for (_, _, envelope) in peers.told.drain(..) {
            let told = envelope["message"]["iceServers"]
                .as_array()
                .expect("a list");
            assert_eq!(told.len(), count);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_to_be_resumed_is_not_told_again_and_again() {
    let mut peers = Peers::new(time_limited("6s"), 2);
    let parked = peers.outboxes.keys().next().expect("one").clone();
    peers.outboxes[&parked].park();
    peers.wait(Duration::from_secs(12)).await;
    assert!(peers.told.len() >= 5);
    assert!(peers.told.iter().all(|(_, id, _)| *id != parked));
}
