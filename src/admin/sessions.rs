//! `/sessions`: who is here, a page at a time, in the order in which the sessions began.

use std::{collections::BTreeMap, net::IpAddr, str::FromStr};

use serde::Serialize;
use url::form_urlencoded;

use crate::{
    account::{Counts, Origin},
    config::Transport,
    hub::Hub,
    policy::Role,
    room::Peer,
};

/// How many sessions a page has where the request does not say.
const LIMIT: usize = 100;
/// How many it has at most, which is some 300 KiB.
const MAX_LIMIT: usize = 1000;

/// Which sessions are asked for.
#[derive(Debug, PartialEq)]
pub struct Query {
    /// Only those with a higher number.
    after: u64,
    limit: usize,
    /// Whole, or as it is shown.
    room: Option<String>,
    role: Option<Role>,
    transport: Option<Transport>,
    address: Option<IpAddr>,
    parked: Option<bool>,
}

impl Query {
    /// Reads a query string. The error is a sentence that says what to mend.
    pub fn parse(query: &str) -> Result<Self, String> {
        let mut read = Self {
            after: 0,
            limit: LIMIT,
            room: None,
            role: None,
            transport: None,
            address: None,
            parked: None,
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "after" => read.after = number(&name, &value)?,
                "limit" => {
                    let most = 1..=MAX_LIMIT;
                    read.limit = number(&name, &value)?;
                    if !most.contains(&read.limit) {
                        return Err(format!("`limit` is a number from 1 to {MAX_LIMIT}\n"));
                    }
                }
                "room" => read.room = Some(value.trim_end_matches('…').to_owned()),
                "role" => read.role = Some(one_of(&name, &value, Role::ALL, Role::as_str)?),
                "transport" => {
                    let found = one_of(&name, &value, Transport::ALL, Transport::as_str)?;
                    read.transport = Some(found);
                }
                "address" => read.address = Some(number(&name, &value)?),
                "parked" => {
                    let found = one_of(&name, &value, [true, false], |it| match it {
                        true => "true",
                        false => "false",
                    })?;
                    read.parked = Some(found);
                }
                _ => {
                    return Err(
                        "there are limit, after, room, role, transport, address and parked\n"
                            .to_owned(),
                    );
                }
            }
        }
        Ok(read)
    }

    fn wants(&self, peer: &Peer<'_>, origin: Origin) -> bool {
        fn fits<T: PartialEq>(wanted: Option<T>, found: T) -> bool {
            wanted.is_none_or(|wanted| wanted == found)
        }
        // Not by any beginning: one could be made longer until it is the whole id.
        let in_room = self
            .room
            .as_deref()
            .is_none_or(|room| room == peer.room.short() || room == &**peer.room);
        in_room
            && fits(self.role, peer.role())
            && fits(self.transport, origin.transport)
            && fits(self.address, origin.address)
            && fits(self.parked, peer.outbox.is_parked())
    }
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T, String> {
    let kind = if name == "address" {
        "an address"
    } else {
        "a number"
    };
    value.parse().map_err(|_| format!("`{name}` is {kind}\n"))
}

fn one_of<T: Copy, const N: usize>(
    name: &str,
    value: &str,
    all: [T; N],
    named: impl Fn(T) -> &'static str,
) -> Result<T, String> {
    all.into_iter()
        .find(|it| named(*it) == value)
        .ok_or_else(|| {
            let names = all.map(named).join(" or ");
            format!("`{name}` is {names}\n")
        })
}

/// What is answered.
#[derive(Serialize)]
pub struct Page {
    /// How many sessions there are that are asked for, on this page or not.
    total: usize,
    /// What `after` is for the next page, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
    sessions: Vec<Listed>,
}

/// One session. Ids are shortened: that of a server is the right to join.
#[derive(Serialize)]
struct Listed {
    session: u64,
    role: &'static str,
    id: String,
    room: String,
    transport: &'static str,
    address: IpAddr,
    /// In seconds.
    age: f64,
    parked: bool,
    #[serde(flatten)]
    counts: Counts,
    queued_envelopes: usize,
    queued_bytes: usize,
}

impl Listed {
    fn new(peer: &Peer<'_>, origin: Origin) -> Self {
        let account = &peer.outbox.account;
        let (queued_envelopes, queued_bytes) = peer.outbox.waiting();
        Self {
            session: account.number,
            role: peer.role().as_str(),
            id: format!("{:?}", peer.client.unwrap_or(peer.room)),
            room: format!("{:?}", peer.room),
            transport: origin.transport.as_str(),
            address: origin.address,
            age: (account.age().as_secs_f64() * 1000.0).round() / 1000.0,
            parked: peer.outbox.is_parked(),
            counts: account.counts(),
            queued_envelopes,
            queued_bytes,
        }
    }
}

impl Page {
    /// Looks at every session, and keeps as many as the page has.
    pub fn find(hub: &Hub, query: &Query) -> Self {
        let mut total = 0;
        let mut first = BTreeMap::new();
        let mut more = false;
        hub.rooms.visit(|peer| {
            // Where it is not there yet the session is about to get its connection.
            let Some(origin) = peer.outbox.account.origin() else {
                return;
            };
            if !query.wants(&peer, origin) {
                return;
            }
            total += 1;
            let number = peer.outbox.account.number;
            if number <= query.after {
                return;
            }
            if first.len() == query.limit {
                more = true;
                if first
                    .last_key_value()
                    .is_some_and(|(last, _)| *last < number)
                {
                    return;
                }
                first.pop_last();
            }
            first.insert(number, Listed::new(&peer, origin));
        });
        let sessions: Vec<_> = first.into_values().collect();
        Self {
            total,
            next: sessions.last().filter(|_| more).map(|last| last.session),
            sessions,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_or_says_what_to_mend() {
        let query = Query::parse(
            "limit=5&after=7&room=V1St%E2%80%A6&role=client&transport=websocket&address=::1&parked=true",
        );
        let query = query.expect("a query");
        assert_eq!((query.limit, query.after), (5, 7));
        assert_eq!(query.room.as_deref(), Some("V1St"));
        assert_eq!(query.role, Some(Role::Client));
        assert_eq!(query.transport, Some(Transport::WebSocket));
        assert_eq!(query.parked, Some(true));
        for (bad, sentence) in [
            ("limit=0", "`limit` is a number from 1 to 1000\n"),
            ("limit=1001", "`limit` is a number from 1 to 1000\n"),
            ("after=-1", "`after` is a number\n"),
            ("role=admin", "`role` is server or client\n"),
            ("parked=1", "`parked` is true or false\n"),
            ("address=localhost", "`address` is an address\n"),
        ] {
            assert_eq!(Query::parse(bad), Err(sentence.to_owned()), "{bad}");
        }
        assert!(Query::parse("offset=1").is_err());
    }
}
