//! Addresses of peers: how they are counted, and how many connections there are.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use parking_lot::Mutex;

/// What counts as one address: an IPv4 address, or the /64 of an IPv6 one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressKey(IpAddr);

impl From<IpAddr> for AddressKey {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(v4.into()),
            IpAddr::V6(v6) => {
                let network = v6.to_bits() >> 64 << 64;
                Self(Ipv6Addr::from_bits(network).into())
            }
        }
    }
}

/// Connections over the limit that are still told so; whatever comes beyond them is closed unheard.
const RESERVE: usize = 64;

/// Counts the connections of all listeners.
#[derive(Debug, Default)]
pub struct Gate {
    all: AtomicUsize,
    each: Mutex<HashMap<AddressKey, usize>>,
}

/// A connection's place; given back when dropped.
#[derive(Debug)]
pub struct Place {
    gate: Arc<Gate>,
    /// What it is counted under, once that is known.
    address: Option<AddressKey>,
    /// Over a limit: it may only be told so.
    pub over: bool,
}

impl Gate {
    /// A place for a connection, under no address yet, or none where even the reserve is used up.
    pub fn enter(self: &Arc<Self>, limit: usize) -> Option<Place> {
        let before = self.all.fetch_add(1, Relaxed);
        if before >= limit.saturating_add(RESERVE) {
            self.all.fetch_sub(1, Relaxed);
            return None;
        }
        Some(Place {
            gate: Arc::clone(self),
            address: None,
            over: before >= limit,
        })
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.all.load(Relaxed)
    }
}

impl Place {
    /// Counts the connection under an address, once. `false`: even the reserve of that address is used up, and it is
    /// not counted there.
    pub fn count_under(&mut self, address: AddressKey, per_address: Option<usize>) -> bool {
        if self.address.is_some() {
            return true;
        }
        let mut each = self.gate.each.lock();
        let here = each.entry(address).or_default();
        self.over |= per_address.is_some_and(|most| *here >= most);
        if per_address.is_some_and(|most| *here >= most.saturating_add(RESERVE)) {
            return false;
        }
        *here += 1;
        self.address = Some(address);
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gate.all.fetch_sub(1, Relaxed);
        let Some(address) = self.address else { return };
        let mut each = self.gate.each.lock();
        if let Some(here) = each.get_mut(&address) {
            *here -= 1;
            if *here == 0 {
                each.remove(&address);
            }
        }
    }
}

/// Whoever is at the other end of a connection.
#[derive(Debug)]
pub struct Caller {
    /// Its address as far as it is known: behind a proxy, that of the proxy at first.
    pub address: IpAddr,
    /// Its place among the connections.
    pub place: Place,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> AddressKey {
        text.parse::<IpAddr>().expect("an address").into()
    }

    #[test]
    fn an_ipv6_address_counts_by_its_64_and_a_mapped_one_as_ipv4() {
        assert_eq!(key("2001:db8::1"), key("2001:db8:0:0:ffff::2"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.7"), key("192.0.2.7"));
        assert_ne!(key("192.0.2.7"), key("192.0.2.8"));
    }

    /// A place for a connection from an address that is known.
    fn enter(
        gate: &Arc<Gate>,
        from: &str,
        limit: usize,
        per_address: Option<usize>,
    ) -> Option<Place> {
        let mut place = gate.enter(limit)?;
        place.count_under(key(from), per_address).then_some(place)
    }

    #[test]
    fn over_a_limit_comes_a_reserve_and_then_nothing() {
        for per_address in [None, Some(1)] {
            let limit = if per_address.is_some() { 1000 } else { 1 };
            let gate = Arc::new(Gate::default());
            let first = enter(&gate, "192.0.2.1", limit, per_address);
            assert!(first.as_ref().is_some_and(|place| !place.over));
            let reserve: Vec<_> = (0..RESERVE)
                .map(|_| enter(&gate, "192.0.2.1", limit, per_address).expect("reserve"))
                .collect();
            assert!(reserve.iter().all(|place| place.over));
            assert!(enter(&gate, "192.0.2.1", limit, per_address).is_none());
            drop((first, reserve));
            assert_eq!(gate.connections(), 0);
            assert!(gate.each.lock().is_empty());
        }
    }

    #[test]
    fn one_address_at_its_limit_costs_no_other_one_anything() {
        let gate = Arc::new(Gate::default());
        let _first = enter(&gate, "192.0.2.1", 100, Some(1));
        for (from, over) in [("192.0.2.1", true), ("192.0.2.2", false)] {
            let place = enter(&gate, from, 100, Some(1));
            assert!(place.is_some_and(|place| place.over == over), "{from}");
        }
        // Behind a proxy nobody is counted until it is known where they are.
        let unknown: Vec<_> = (0..3).map(|_| gate.enter(100)).collect();
        assert!(unknown.iter().flatten().all(|place| !place.over));
    }

    #[test]
    fn a_connection_is_counted_under_one_address() {
        let gate = Arc::new(Gate::default());
        let mut place = gate.enter(1).expect("a place");
        assert!(place.count_under(key("192.0.2.1"), None));
        assert!(place.count_under(key("192.0.2.2"), None));
        assert_eq!(gate.each.lock().len(), 1);
        drop(place);
        assert!(gate.each.lock().is_empty());
    }
}
