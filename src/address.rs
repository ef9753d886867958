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
    address: AddressKey,
    /// Over a limit: it may only be told so.
    pub over: bool,
}

impl Gate {
    /// A place for a connection from `address`, or none where even the reserve is used up.
    pub fn enter(
        self: &Arc<Self>,
        address: AddressKey,
        limit: usize,
        per_address: Option<usize>,
    ) -> Option<Place> {
        let before = self.all.fetch_add(1, Relaxed);
        if before >= limit.saturating_add(RESERVE) {
            self.all.fetch_sub(1, Relaxed);
            return None;
        }
        let mut each = self.each.lock();
        let here = each.entry(address).or_default();
        let over_each =
            per_address.map(|most| (*here >= most, *here >= most.saturating_add(RESERVE)));
        if let Some((_, true)) = over_each {
            self.all.fetch_sub(1, Relaxed);
            return None;
        }
        *here += 1;
        Some(Place {
            gate: Arc::clone(self),
            address,
            over: before >= limit || over_each.is_some_and(|(over, _)| over),
        })
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.all.load(Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gate.all.fetch_sub(1, Relaxed);
        let mut each = self.gate.each.lock();
        if let Some(here) = each.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                each.remove(&self.address);
            }
        }
    }
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

    #[test]
    fn over_a_limit_comes_a_reserve_and_then_nothing() {
        let gate = Arc::new(Gate::default());
        let first = gate.enter(key("192.0.2.1"), 1, None);
        assert!(first.as_ref().is_some_and(|place| !place.over));
        let reserve: Vec<_> = (0..RESERVE)
            .map(|_| gate.enter(key("192.0.2.2"), 1, None).expect("reserve"))
            .collect();
        assert!(reserve.iter().all(|place| place.over));
        assert!(gate.enter(key("192.0.2.3"), 1, None).is_none());
        drop((first, reserve));
        assert_eq!(gate.connections(), 0);
        assert!(gate.each.lock().is_empty());
    }

    #[test]
    fn one_address_at_its_limit_costs_no_other_one_anything() {
        let gate = Arc::new(Gate::default());
        let _first = gate.enter(key("192.0.2.1"), 100, Some(1));
        assert!(
            gate.enter(key("192.0.2.1"), 100, Some(1))
                .is_some_and(|place| place.over)
        );
        assert!(
            gate.enter(key("192.0.2.2"), 100, Some(1))
                .is_some_and(|place| !place.over)
        );
    }
}
