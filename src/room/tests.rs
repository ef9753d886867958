use serde_json::{Value, json};

use super::*;
use crate::{
    config::QueueBound,
    outbox::{Budget, Next},
};

/// Rooms whose queues have these bounds.
struct House {
    rooms: Rooms,
    budget: Arc<Budget>,
    style: IdStyle,
}

impl House {
    fn new() -> Self {
        Self::bounded(1000, 1 << 20)
    }

    /// With at most so many envelopes in a queue, and so many bytes in all.
    fn bounded(messages: usize, total: usize) -> Self {
        let each = QueueBound {
            messages,
            bytes: 1 << 20,
        };
        Self {
            rooms: Rooms::default(),
            budget: Arc::new(Budget::new(each, each, total)),
            style: IdStyle::Nanoid {
                length: 21,
                alphabet: ('a'..='z').collect(),
            },
        }
    }

    fn outbox(&self) -> Arc<Outbox> {
        Arc::new(Outbox::new(Arc::clone(&self.budget), false))
    }

    fn try_open(&self, id: &ServerId, most: usize) -> Result<Arc<Room>, Close> {
        self.rooms.open(id, self.outbox(), most, hello)
    }

    /// A room whose server has had its HELLO.
    fn open(&self, id: &ServerId) -> Arc<Room> {
        let room = self.try_open(id, 1000).expect("a room");
        assert_eq!(
            told(&room.server),
            [from("0", "HELLO", json!({ "id": &*room.id }))]
        );
        room
    }

    fn open_random(&self) -> Arc<Room> {
        self.open(&ServerId::Random(self.style.clone()))
    }

    fn try_join(&self, id: &str, most: usize) -> Result<Arc<Client>, Close> {
        self.rooms
            .join(
                id,
                |id| id == "fixed",
                &self.style,
                self.outbox(),
                most,
                hello,
            )
            .map(|(_, client)| client)
    }

    /// A client that has had its HELLO, and whose PEER_JOINED the server has had.
    fn join(&self, room: &Room) -> Arc<Client> {
        let client = self.try_join(&room.id, 1000).expect("let in");
        assert_eq!(
            told(&client.outbox),
            [from("0", "HELLO", json!({ "id": &*client.id }))]
        );
        assert_eq!(told(&room.server), [joined(&client.id)]);
        client
    }
}

fn hello(id: &PeerId) -> Text {
    envelope::hello(&envelope::Hello {
        id,
        server_info: None,
        ice_servers: None,
        resume: None,
    })
}

fn fixed(on_conflict: OnConflict) -> ServerId {
    ServerId::Fixed {
        id: PeerId::new("fixed"),
        on_conflict,
    }
}

fn from(id: &str, kind: &str, message: Value) -> Value {
    json!({ "from": id, "type": kind, "message": message })
}

fn joined(id: &str) -> Value {
    from("0", "PEER_JOINED", json!({ "id": id }))
}

fn gone(id: &str) -> Value {
    from("0", "PEER_GONE", json!({ "id": id }))
}

fn message(from: &str) -> Outbound {
    Outbound {
        text: envelope::forward(from, "T", "{}"),
        lane: Lane::Ordered,
        drop_on_full: false,
        came: Instant::now(),
    }
}

fn seen(id: &str) -> Value {
    from(id, "T", json!({}))
}

fn droppable(from: &str) -> Outbound {
    Outbound {
        drop_on_full: true,
        ..message(from)
    }
}

/// Sends all that waits, and says what it was.
fn told(outbox: &Outbox) -> Vec<Value> {
    let mut told = Vec::new();
    let mut batch = Vec::new();
    loop {
        let next = {
            let next = std::pin::pin!(outbox.next(Lane::Ordered, &mut batch, usize::MAX));
            futures_util::FutureExt::now_or_never(next)
        };
        let Some(Next::Batch { .. }) = next else {
            return told;
        };
        told.extend(
            batch
                .iter()
                .map(|text| serde_json::from_str::<Value>(text).expect("JSON")),
        );
        outbox.sent(Lane::Ordered, &mut batch);
    }
}

fn closed(outbox: &Outbox) -> Option<u16> {
    outbox.close_reason().map(|close| close.code)
}

#[test]
fn a_server_and_its_clients_reach_each_other_and_nobody_else() {
    let house = House::new();
    let (room, other) = (house.open_random(), house.open_random());
    assert_eq!(house.rooms.len(), 2);
    let (one, two) = (house.join(&room), house.join(&room));
    let stranger = house.join(&other);
    assert_eq!(
        room.to_server(&one, message(&one.id), &mut Due::default()),
        Delivery::Done
    );
    assert_eq!(told(&room.server), [seen(&one.id)]);
    assert_eq!(
        room.to_client(&two.id, message(&room.id), &mut Due::default()),
        Delivery::Done
    );
    assert_eq!(told(&two.outbox), [seen(&room.id)]);
    assert_eq!(
        room.to_client(&stranger.id, message(&room.id), &mut Due::default()),
        Delivery::UnknownPeer
    );
    assert_eq!(
        room.to_client(&room.id, message(&room.id), &mut Due::default()),
        Delivery::UnknownPeer
    );
    for peer in [
        &room.server,
        &other.server,
        &one.outbox,
        &two.outbox,
        &stranger.outbox,
    ] {
        assert_eq!(told(peer), [Value::Null; 0]);
    }
}

#[test]
fn a_broadcast_reaches_every_client_of_the_room_once() {
    let house = House::new();
    let (room, other) = (house.open_random(), house.open_random());
    let clients = [house.join(&room), house.join(&room), house.join(&room)];
    let stranger = house.join(&other);
    room.to_everyone(&message(&room.id), &mut Due::default());
    for client in &clients {
        assert_eq!(told(&client.outbox), [seen(&room.id)]);
    }
    assert!(told(&stranger.outbox).is_empty());
}

#[test]
fn an_unknown_server_is_4404_which_is_worth_another_try_for_a_fixed_id_only() {
    let house = House::new();
    let unknown = house.try_join("nobody", 1000).expect_err("unknown");
    assert_eq!((unknown.code, unknown.reconnect_in), (4404, None));
    let absent = house.try_join("fixed", 1000).expect_err("absent");
    assert_eq!(absent.code, 4404);
    assert!(absent.reconnect_in.is_some());
}

#[test]
fn joining_comes_before_and_leaving_after_what_a_client_says_however_much_waits() {
    let house = House::new();
    let room = house.open_random();
    let client = house.try_join(&room.id, 1000).expect("let in");
    room.to_server(&client, message(&client.id), &mut Due::default());
    room.leave(&client);
    room.leave(&client);
    assert_eq!(
        room.to_server(&client, message(&client.id), &mut Due::default()),
        Delivery::UnknownPeer
    );
    let expected = [joined(&client.id), seen(&client.id), gone(&client.id)];
    assert_eq!(told(&room.server), expected);
    assert_eq!(
        room.to_client(&client.id, message(&room.id), &mut Due::default()),
        Delivery::UnknownPeer
    );
    assert_eq!(closed(&client.outbox), None, "it left by itself");
}

#[test]
fn nothing_of_a_server_follows_its_peer_gone() {
    let house = House::new();
    let room = house.open_random();
    let client = house.try_join(&room.id, 1000).expect("let in");
    // As a broadcast that has found the client before the room ended.
    room.to_everyone(&message(&room.id), &mut Due::default());
    house.rooms.close(&room);
    assert_eq!(
        room.push_to(&client, message(&room.id), &mut Due::default()),
        Delivery::UnknownPeer
    );
    room.to_everyone(&message(&room.id), &mut Due::default());
    let hello = from("0", "HELLO", json!({ "id": &*client.id }));
    assert_eq!(
        told(&client.outbox),
        [hello, seen(&room.id), gone(&room.id)]
    );
    let close = client.outbox.close_reason().expect("closed");
    assert_eq!((close.code, close.reconnect_in), (4410, None));
    assert!(house.rooms.is_empty());
    assert_eq!(house.try_join(&room.id, 1000).expect_err("gone").code, 4404);
}

#[test]
fn whoever_finds_a_room_that_is_ending_is_told_that_its_server_has_left() {
    let house = House::new();
    let room = house.open_random();
    room.end();
    let refused = house.try_join(&room.id, 1000).expect_err("ended");
    assert_eq!(refused.code, 4410);
    let room = house.open_random();
    room.server.close(Close::new(4429, "too many messages"));
    let refused = house.try_join(&room.id, 1000).expect_err("ending");
    assert_eq!(refused.code, 4410);
    assert!(room.clients.read().is_empty());
}

#[test]
fn a_kicked_client_is_closed_and_its_server_told() {
    let house = House::new();
    let room = house.open_random();
    let (client, other) = (house.join(&room), house.join(&room));
    assert_eq!(room.kick(&client.id, "out".to_owned()), Delivery::Done);
    assert_eq!(client.outbox.close_reason(), Some(Close::new(4403, "out")));
    assert_eq!(told(&room.server), [gone(&client.id)]);
    assert_eq!(
        room.kick(&client.id, "out".to_owned()),
        Delivery::UnknownPeer
    );
    assert_eq!(room.kick("nobody", "out".to_owned()), Delivery::UnknownPeer);
    // Its session ends a little later, and says nothing again.
    room.leave(&client);
    assert!(told(&room.server).is_empty());
    assert_eq!(closed(&other.outbox), None);
}

#[test]
fn a_newer_login_replaces_the_session_with_its_fixed_id_and_only_that() {
    let house = House::new();
    let old = house.open(&fixed(OnConflict::Reject));
    let client = house.join(&old);
    let new = house.open(&fixed(OnConflict::Replace));
    assert_eq!(closed(&old.server), Some(4409));
    assert_eq!(told(&client.outbox), [gone("fixed")]);
    let close = client.outbox.close_reason().expect("closed");
    assert_eq!(close.code, 4410);
    assert!(close.reconnect_in.is_some(), "the id is a fixed one");
    // The end of the old session takes nothing away from the new one.
    house.rooms.close(&old);
    let client = house.join(&new);
    assert_eq!(closed(&client.outbox), None);
    assert_eq!(closed(&new.server), None);
    assert_eq!(house.rooms.len(), 1);
}

#[test]
fn a_fixed_id_that_is_connected_can_be_kept_by_the_newcomers_entry() {
    let house = House::new();
    let old = house.open(&fixed(OnConflict::Replace));
    let refused = house
        .try_open(&fixed(OnConflict::Reject), 1000)
        .expect_err("connected");
    assert_eq!(refused.code, 1013);
    assert!(refused.reconnect_in.is_some());
    assert_eq!(closed(&old.server), None);
    house.join(&old);
    house.rooms.close(&old);
    house.open(&fixed(OnConflict::Reject));
}

#[test]
fn over_the_limit_of_servers_or_clients_is_1013_and_a_place_is_given_back() {
    let full = |refused: Close| {
        assert_eq!(refused.code, 1013);
        assert!(refused.reconnect_in.is_some());
    };
    let house = House::new();
    let random = ServerId::Random(house.style.clone());
    let room = house.open(&fixed(OnConflict::Replace));
    full(house.try_open(&random, 1).expect_err("full"));
    let replacing = house
        .try_open(&fixed(OnConflict::Replace), 1)
        .expect("takes no place");
    house.rooms.close(&replacing);
    house.try_open(&random, 1).expect("a place");
    drop(room);

    let room = house.open_random();
    let client = house.join(&room);
    full(house.try_join(&room.id, 1).expect_err("full"));
    assert!(told(&room.server).is_empty());
    room.leave(&client);
    house.try_join(&room.id, 1).expect("a place");
}

#[test]
fn a_client_that_is_too_slow_is_expelled_and_costs_nobody_else_anything() {
    let house = House::bounded(2, 1 << 20);
    let room = house.open_random();
    let (slow, quick) = (house.join(&room), house.join(&room));
    for n in 0..3 {
        room.to_everyone(&message(&room.id), &mut Due::default());
        assert_eq!(told(&quick.outbox), [seen(&room.id)], "{n}");
    }
    assert_eq!(closed(&slow.outbox), Some(4508));
    assert_eq!(closed(&quick.outbox), None);
    assert_eq!(told(&room.server), [gone(&slow.id)]);
    assert_eq!(
        room.to_client(&slow.id, message(&room.id), &mut Due::default()),
        Delivery::UnknownPeer
    );

    let slow = house.join(&room);
    for delivery in [Delivery::Done, Delivery::Done, Delivery::Expelled] {
        assert_eq!(
            room.to_client(&slow.id, message(&room.id), &mut Due::default()),
            delivery
        );
    }
    assert_eq!(closed(&slow.outbox), Some(4508));
    assert_eq!(told(&room.server), [gone(&slow.id)]);
}

#[test]
fn a_server_that_is_too_slow_refuses_messages_and_clients_and_is_told_who_left() {
    let house = House::bounded(2, 1 << 20);
    let room = house.open_random();
    let client = house.join(&room);
    for delivery in [Delivery::Done, Delivery::Done, Delivery::TooSlow] {
        assert_eq!(
            room.to_server(&client, message(&client.id), &mut Due::default()),
            delivery
        );
    }
    let refused = house.try_join(&room.id, 1000).expect_err("full");
    assert_eq!(refused.code, 1013);
    assert!(refused.reconnect_in.is_some());
    room.leave(&client);
    let expected = [seen(&client.id), seen(&client.id), gone(&client.id)];
    assert_eq!(told(&room.server), expected);
    assert_eq!(closed(&room.server), None);
    house.join(&room);
}

#[test]
fn what_may_be_dropped_is_dropped_where_a_queue_is_full_and_nothing_else_happens() {
    let house = House::bounded(1, 1 << 20);
    let room = house.open_random();
    let client = house.join(&room);
    for _ in 0..3 {
        assert_eq!(
            room.to_server(&client, droppable(&client.id), &mut Due::default()),
            Delivery::Done
        );
        assert_eq!(
            room.to_client(&client.id, droppable(&room.id), &mut Due::default()),
            Delivery::Done
        );
        room.to_everyone(&droppable(&room.id), &mut Due::default());
    }
    assert_eq!(told(&room.server), [seen(&client.id)]);
    assert_eq!(told(&client.outbox), [seen(&room.id)]);
    assert_eq!(closed(&client.outbox), None);
}

#[test]
fn with_all_queues_full_together_nobody_comes_in_and_no_trace_is_left() {
    // Enough for one envelope, and not for PEER_JOINED and HELLO together.
    let tight = House::bounded(1000, 80);
    let room = tight.open_random();
    let refused = tight.try_join(&room.id, 1000).expect_err("full");
    assert_eq!(refused.code, 1013);
    let told = told(&room.server);
    assert_eq!(told.len(), 2, "{told:?}");
    let id = told[0]["message"]["id"].as_str().expect("an id");
    assert_eq!(told, [joined(id), gone(id)]);
    assert!(room.clients.read().is_empty());
    assert_eq!(tight.budget.queued(), 0);

    let tiny = House::bounded(1000, 10);
    let random = ServerId::Random(tiny.style.clone());
    assert_eq!(tiny.try_open(&random, 1000).expect_err("full").code, 1013);
    assert!(tiny.rooms.is_empty());
}

#[test]
fn an_id_that_is_taken_is_drawn_again_and_none_is_left_in_the_end() {
    let tiny = IdStyle::Nanoid {
        length: 1,
        alphabet: vec!['a', 'b'],
    };
    let house = House {
        style: tiny.clone(),
        ..House::new()
    };
    let random = ServerId::Random(tiny.clone());
    let room = house.open(&random);
    let other = house.open(&random);
    assert_ne!(room.id, other.id);
    assert_eq!(
        house
            .try_open(&random, 1000)
            .expect_err("no id is free")
            .code,
        1013
    );
    // A client's id is not its server's, nor another client's; in another room it may be.
    let client = house.join(&room);
    assert_eq!(client.id, other.id);
    assert_eq!(
        house
            .try_join(&room.id, 1000)
            .expect_err("no id is free")
            .code,
        1013
    );
    assert_eq!(house.join(&other).id, room.id);
}

#[test]
fn a_drain_tells_everybody_1001_and_lets_nobody_in() {
    let house = House::new();
    let (room, other) = (house.open_random(), house.open(&fixed(OnConflict::Replace)));
    let clients = [house.join(&room), house.join(&other)];
    house.rooms.drain();
    let peers = [
        &room.server,
        &other.server,
        &clients[0].outbox,
        &clients[1].outbox,
    ];
    let going = |close: Option<Close>| {
        let close = close.expect("closed");
        assert_eq!(close.code, 1001);
        assert!(close.reconnect_in.is_some());
    };
    peers.iter().for_each(|peer| going(peer.close_reason()));
    going(house.try_join(&room.id, 1000).err());
    going(house.try_open(&fixed(OnConflict::Replace), 1000).err());
    // Servers that end now take nobody with them.
    house.rooms.close(&room);
    house.rooms.close(&other);
    peers.iter().for_each(|peer| going(peer.close_reason()));
    assert!(clients.iter().all(|client| told(&client.outbox).is_empty()));
}

#[test]
fn a_drain_waits_for_whoever_is_on_the_way_in() {
    let house = House::new();
    let room = house.open_random();
    let mut held = false;
    let hello = |id: &PeerId| {
        held = house.rooms.open.try_write().is_none();
        hello(id)
    };
    let joined = house.rooms.join(
        &room.id,
        |_| false,
        &house.style,
        house.outbox(),
        1000,
        hello,
    );
    let (_, client) = joined.expect("let in");
    assert!(
        held,
        "a drain could have looked for clients before this one was there"
    );
    house.rooms.drain();
    assert_eq!(closed(&client.outbox), Some(1001));
}
