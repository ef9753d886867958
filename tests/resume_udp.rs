//! WebTransport whose UDP stops: nobody is told, and each peer comes back on a new connection, on either transport,
//! with nothing lost, doubled or reordered.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::ops::Range;

use common::{
    PATIENCE, TestPeer, TestRelay, Via,
    proxy::{ALL, DOWN, Proxy, Signals, UP, Udp},
    resuming::{anything, peer_at, resume, token},
};
use futures_util::future::{join, join_all};
use intercessor::client::{Event, ResumingPeer};
use serde_json::{Value, json};
use tokio::time::timeout;

const UNLIMITED: &str = "servers: { open: true }\nlimits: { messages_per_second: off }\n";
/// The same, where silence is noticed soon, and not so soon that a busy machine is taken for it.
const ATTENTIVE: &str = "servers: { open: true }\nlimits: { messages_per_second: off }\n\
                         timeouts: { ping: 1s, pong: 1s }\n";
/// Every way in which UDP can stop.
const WAYS: [&[usize]; 3] = [&[UP, DOWN], &[UP], &[DOWN]];
const AFTERWARDS: [Via; 2] = [Via::WebTransport, Via::Ws];

/// A peer whose UDP can be stopped.
struct Fragile {
    proxy: Udp,
    peer: TestPeer,
    token: String,
    /// How many it has received before its numbered messages.
    noticed: u64,
}

impl Fragile {
    async fn connect(relay: &TestRelay, path: &str) -> Self {
        let mut proxy = Udp::new(relay, &Signals::default(), || [ALL, ALL]);
        let mut peer = peer_at(&format!("{}{path}?resume", proxy.url().await)).await;
        let token = token(&peer.hello().await);
        Self {
            proxy,
            peer,
            token,
            noticed: 0,
        }
    }

    /// PEER_JOINED of a client, which counts.
    async fn notice(&mut self, client: &TestPeer) {
        let joined = self.peer.expect("PEER_JOINED").await;
        assert_eq!(joined, json!({ "id": client.id }));
        self.noticed = 1;
    }

    /// Comes back, having heard so many numbers and told the relay so many. Returns the old connection.
    async fn come_back(&mut self, relay: &TestRelay, via: Via, heard: u64, told: u64) -> TestPeer {
        let url = match via {
            Via::WebTransport => format!("{}/resume", self.proxy.url().await),
            _ => relay.url(via, "/resume"),
        };
        let mut new = peer_at(&url).await;
        let resumed = resume(&mut new.peer, &self.token, self.noticed + heard);
        // A relay that waits for QUIC to notice the silence comes too late.
        let resumed = timeout(PATIENCE / 2, resumed).await.expect("in time");
        let hello = resumed.expect("HELLO");
        assert_eq!(hello["id"], self.peer.id);
        assert_eq!(hello["resume"]["received"], told);
        self.token = token(&hello);
        new.id.clone_from(&self.peer.id);
        std::mem::replace(&mut self.peer, new)
    }
}

/// A room with one peer that stays, and one that is fragile.
async fn room(relay: &TestRelay, server_is_fragile: bool) -> (Fragile, TestPeer) {
    let (mut fragile, mut stays);
    if server_is_fragile {
        fragile = Fragile::connect(relay, "/server").await;
        stays = relay
            .peer(Via::WebTransport, &format!("/client/{}", fragile.peer.id))
            .await;
        stays.hello().await;
        fragile.notice(&stays).await;
    } else {
        stays = relay.server(Via::WebTransport).await;
        fragile = Fragile::connect(relay, &format!("/client/{}", stays.id)).await;
        stays.expect("PEER_JOINED").await;
    }
    exchange(&mut fragile.peer, &mut stays, 0..3).await;
    (fragile, stays)
}

async fn say(peer: &mut TestPeer, to: &str, numbers: Range<u64>) {
    for n in numbers {
        peer.tell(to, "N", json!({ "n": n })).await;
    }
}

async fn hear(peer: &mut TestPeer, from: &str, numbers: Range<u64>) {
    for n in numbers {
        assert_eq!(
            peer.next().await,
            json!({ "from": from, "type": "N", "message": { "n": n } })
        );
    }
}

async fn exchange(one: &mut TestPeer, other: &mut TestPeer, numbers: Range<u64>) {
    say(one, &other.id, numbers.clone()).await;
    say(other, &one.id, numbers.clone()).await;
    hear(one, &other.id, numbers.clone()).await;
    hear(other, &one.id, numbers).await;
}

/// What is missing is sent again, and nothing else is.
async fn catch_up(fragile: &mut Fragile, stays: &mut TestPeer, heard: u64, told: u64) {
    let peer = &mut fragile.peer;
    hear(peer, &stays.id, heard..8).await;
    say(peer, &stays.id, told..8).await;
    hear(stays, &peer.id, told..8).await;
    peer.nothing_else().await;
    stays.nothing_else().await;
}

#[tokio::test]
async fn whichever_way_udp_stops_the_peer_takes_its_session_over_at_once() {
    let relay = TestRelay::start(UNLIMITED).await;
    for server_is_fragile in [true, false] {
        for after in AFTERWARDS {
            for stopped in WAYS {
                take_over(&relay, server_is_fragile, after, stopped).await;
            }
        }
    }
}

async fn take_over(relay: &TestRelay, server_is_fragile: bool, after: Via, stopped: &[usize]) {
    let (mut fragile, mut stays) = room(relay, server_is_fragile).await;
    let spent = fragile.token.clone();
    fragile.proxy.stop(stopped);
    say(&mut fragile.peer, &stays.id, 3..8).await;
    say(&mut stays, &fragile.peer.id, 3..8).await;
    let (mut heard, mut told) = (3, 3);
    if !stopped.contains(&UP) {
        // It arrives, and the peer cannot know.
        hear(&mut stays, &fragile.peer.id, 3..8).await;
        told = 8;
    }
    if !stopped.contains(&DOWN) {
        hear(&mut fragile.peer, &stays.id, 3..8).await;
        heard = 8;
    }
    stays.nothing_else().await;
    assert_eq!(relay.hub.parking.parked(), 0, "the relay has noticed");
    let mut old = fragile.come_back(relay, after, heard, told).await;
    catch_up(&mut fragile, &mut stays, heard, told).await;
    if !stopped.contains(&DOWN) {
        assert_eq!(old.expect("BYE").await["code"], 4409);
    }
    // The relay has had something after the HELLO with the new one.
    let mut late = relay.peer(after, "/resume").await;
    let message = json!({ "token": spent, "received": heard });
    late.tell("0", "RESUME", message).await;
    late.closed(4404).await;
    fragile.peer.leave().await;
}

#[tokio::test]
async fn a_session_waits_whose_silence_the_relay_notices_first() {
    let relay = TestRelay::start(ATTENTIVE).await;
    let mut rooms = Vec::new();
    for server_is_fragile in [true, false] {
        for after in AFTERWARDS {
            let (mut fragile, stays) = room(&relay, server_is_fragile).await;
            fragile.proxy.stop(WAYS[0]);
            say(&mut fragile.peer, &stays.id, 3..8).await;
            rooms.push((fragile, stays, after));
        }
    }
    let noticed = async {
        while relay.hub.parking.parked() < rooms.len() {
            for (_, stays, _) in &mut rooms {
                stays.nothing_else().await;
            }
        }
    };
    timeout(PATIENCE, noticed).await.expect("noticed in time");
    for (mut fragile, mut stays, after) in rooms {
        say(&mut stays, &fragile.peer.id, 3..8).await;
        stays.nothing_else().await;
        fragile.come_back(&relay, after, 3, 3).await;
        catch_up(&mut fragile, &mut stays, 3, 3).await;
    }
}

#[tokio::test]
async fn both_ends_of_a_room_are_gone_at_once_and_come_back() {
    let relay = TestRelay::start(UNLIMITED).await;
    for server_is_first in [true, false] {
        for (first_via, second_via) in [
            (Via::WebTransport, Via::WebTransport),
            (Via::WebTransport, Via::Ws),
            (Via::Ws, Via::WebTransport),
        ] {
            let mut server = Fragile::connect(&relay, "/server").await;
            let path = format!("/client/{}", server.peer.id);
            let mut client = Fragile::connect(&relay, &path).await;
            server.notice(&client.peer).await;
            exchange(&mut server.peer, &mut client.peer, 0..3).await;
            server.proxy.stop(WAYS[0]);
            client.proxy.stop(WAYS[0]);
            say(&mut server.peer, &client.peer.id, 3..8).await;
            say(&mut client.peer, &server.peer.id, 3..8).await;
            let (mut first, mut second) = match server_is_first {
                true => (server, client),
                false => (client, server),
            };
            first.come_back(&relay, first_via, 3, 3).await;
            say(&mut first.peer, &second.peer.id, 3..8).await;
            // All of it is on its way to a connection that is gone.
            first.peer.nothing_else().await;
            second.come_back(&relay, second_via, 3, 3).await;
            let first_id = first.peer.id.clone();
            hear(&mut second.peer, &first_id, 3..8).await;
            say(&mut second.peer, &first_id, 3..8).await;
            hear(&mut first.peer, &second.peer.id, 3..8).await;
            second.peer.nothing_else().await;
            first.peer.nothing_else().await;
        }
    }
}

#[tokio::test]
async fn the_client_notices_by_itself_and_comes_back() {
    let relay = TestRelay::start(ATTENTIVE).await;
    join_all(WAYS.map(|stopped| silence(&relay, stopped))).await;
}

async fn silence(relay: &TestRelay, stopped: &[usize]) {
    let mut proxy = Udp::new(relay, &Signals::default(), || [ALL, ALL]);
    let mut server = relay.server(Via::WebTransport).await;
    let url = format!("{}/client/{}", proxy.url().await, server.id);
    let (mut client, _) = ResumingPeer::connect(&url, anything())
        .await
        .expect("connects");
    let joined = server.expect("PEER_JOINED").await;
    let id = joined["id"].as_str().expect("an id").to_owned();
    let from = server.id.clone();
    let to_server = |n: u64| json!({ "to": from, "type": "N", "message": { "n": n } });
    for n in 0..5 {
        client.send(&to_server(n).to_string()).await.expect("kept");
    }
    say(&mut server, &id, 0..5).await;
    hear(&mut server, &id, 0..5).await;
    proxy.stop(stopped);
    for n in 5..50 {
        client.send(&to_server(n).to_string()).await.expect("kept");
    }
    say(&mut server, &id, 5..50).await;
    join(hear(&mut server, &id, 5..50), resumed(&mut client, &from)).await;
}

/// Hears 50 numbers, and comes back on the way.
async fn resumed(client: &mut ResumingPeer, server: &str) {
    let (mut heard, mut resumed) = (0, false);
    while heard < 50 || !resumed {
        match timeout(PATIENCE, client.receive()).await.expect("in time") {
            Event::Resumed => resumed = true,
            Event::Envelope(text) => {
                let envelope: Value = serde_json::from_str(&text).expect("JSON");
                let number = json!({ "from": server, "type": "N", "message": { "n": heard } });
                assert_eq!(envelope, number);
                heard += 1;
            }
            end => panic!("{end:?}"),
        }
    }
}
