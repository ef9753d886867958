//! What a new configuration asks for that only a restart can give.

use std::sync::Arc;

use crate::{
    config::{Admin, Config, Listener, Tls},
    policy::Policy,
};

/// Which listener of a new configuration each running one is meant by: the one with the same addresses, or else the
/// next of the same transport.
pub(super) fn pair(running: &[Arc<Listener>], new: &[Listener]) -> Vec<Option<usize>> {
    let mut pairs = vec![None; running.len()];
    for wherever in [false, true] {
        for (index, listener) in running.iter().enumerate() {
            if pairs[index].is_none() {
                pairs[index] = (0..new.len()).find(|at| {
                    let new = &new[*at];
                    let free = !pairs.contains(&Some(*at));
                    free && new.transport == listener.transport
                        && (wherever || new.bind == listener.bind)
                });
            }
        }
    }
    pairs
}

/// What differs from what runs and stays as it is until a restart, a clause each. `meant` is what [`pair`] has found.
pub(super) fn waiting(
    policy: &Policy,
    admin: Option<&Admin>,
    running: &[Arc<Listener>],
    meant: &[Option<usize>],
    config: &Config,
) -> Vec<String> {
    let bind = |admin: &Admin| admin.bind.clone();
    let changed = [
        ("ids", policy.ids != config.ids),
        ("resume", policy.resume != config.resume),
        ("admin", admin.map(bind) != config.admin.as_ref().map(bind)),
    ];
    let changed = changed
        .into_iter()
        .filter(|(_, changed)| *changed)
        .map(|(key, _)| format!("`{key}` has changed"));
    let kept = running
        .iter()
        .zip(meant)
        .flat_map(|(running, meant)| match meant {
            Some(at) => differences(running, &config.listeners[*at]),
            None => vec![format!("{} is to go", describe(running))],
        });
    let added = config.listeners.iter().enumerate();
    let added = added
        .filter(|(at, _)| !meant.contains(&Some(*at)))
        .map(|(_, listener)| format!("{} is new", describe(listener)));
    kept.chain(added).chain(changed).collect()
}

fn differences(running: &Listener, new: &Listener) -> Vec<String> {
    let is_off = |listener: &Listener| listener.tls == Tls::Off;
    let address_from = |listener: &Listener| Some(listener.proxies.as_ref()?.address_from);
    // Who is trusted means something only where it is said what for.
    let trusted = |listener: &Listener| {
        let both = running.proxies.is_some() && new.proxies.is_some();
        let proxies = listener.proxies.as_ref().filter(|_| both)?;
        Some(proxies.trusted.clone())
    };
    let changed = [
        ("bind", running.bind != new.bind),
        ("public_url", running.public_url != new.public_url),
        ("tls", is_off(running) != is_off(new)),
        ("address_from", address_from(running) != address_from(new)),
        ("trusted_proxies", trusted(running) != trusted(new)),
        ("demo", running.demo != new.demo),
    ];
    changed
        .into_iter()
        .filter(|(_, changed)| *changed)
        .map(|(key, _)| format!("`{key}` of {} has changed", describe(running)))
        .collect()
}

fn describe(listener: &Listener) -> String {
    let addresses: Vec<_> = listener.bind.iter().map(ToString::to_string).collect();
    format!(
        "the {} listener on {}",
        listener.transport.as_str(),
        addresses.join(" and ")
    )
}
