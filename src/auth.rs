//! Who may be a server: credentials out of a header or a LOGIN, and their check.
//!
//! Checking a passphrase is made to be slow, so it happens off the event loop, a few at a time, behind
//! a short queue, and an address that fails too often is not checked at all.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroUsize,
    sync::Arc,
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::Sha256;
use tokio::{sync::Semaphore, time::Instant};

use crate::{
    address::AddressKey,
    config::{Entry, FailedLogins, IdStyle, Servers},
    ids::PeerId,
    room::ServerId,
    schema,
};

/// With more entries than this a login must name its own.
const MAX_ENTRIES_TRIED: usize = 8;
/// Logins that wait for their check; about two seconds' worth.
const MAX_WAITING: usize = 64;
/// Addresses with failed logins that are remembered, in each of two generations.
const MAX_ADDRESSES: usize = 32_768;
/// Right passphrases that are remembered.
const MAX_REMEMBERED: usize = 4_096;

/// What a server peer shows at login.
#[derive(Debug, Clone, Deserialize)]
pub struct Credentials {
    passphrase: SecretString,
    #[serde(default)]
    name: Option<String>,
}

impl Credentials {
    /// Out of an `Authorization` header: `Bearer PASSPHRASE` (RFC 6750) or `Basic` with `name:passphrase` (RFC
    /// 7617). `None` where it is neither.
    pub fn from_header(value: &str) -> Option<Self> {
        let (scheme, rest) = value.split_once(' ')?;
        let rest = rest.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self {
                passphrase: rest.into(),
                name: None,
            });
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
        let (name, passphrase) = decoded.split_once(':')?;
        Some(Self {
            passphrase: passphrase.into(),
            name: (!name.is_empty()).then(|| name.to_owned()),
        })
    }

    /// Out of the message of a LOGIN. `None` where it is none, or has a member twice.
    pub fn from_login(message: &str) -> Option<Self> {
        Self::deserialize(schema::parse_message(message).ok()?).ok()
    }
}

/// Why a login was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginError {
    /// The passphrase is wrong, or its name is.
    Wrong,
    /// There are so many entries that the login must name one.
    NameNeeded,
    /// This address has failed too often; it may try again after this long.
    TooManyFailed(Duration),
    /// Too many logins wait already.
    Busy,
}

impl LoginError {
    /// All that [`LoginError::as_str`] may say.
    pub const NAMES: [&str; 4] = ["wrong", "name_needed", "too_many_failed", "busy"];

    /// Its name in metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::NameNeeded => "name_needed",
            Self::TooManyFailed(_) => "too_many_failed",
            Self::Busy => "busy",
        }
    }
}

/// The desk where logins are checked.
pub struct Logins {
    checks: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    failures: Mutex<Failures>,
    /// Keyed digests of passphrases that were right, so that a server which comes back does not wait.
    remembered: Mutex<HashSet<[u8; 32]>>,
    /// Keyed for as long as the process lives.
    mac: Hmac<Sha256>,
}

impl Default for Logins {
    fn default() -> Self {
        // Half of the cores at most, so that relaying goes on beside a storm of logins.
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            checks: Arc::new(Semaphore::new((cores / 2).clamp(1, 4))),
            queue: Arc::new(Semaphore::new(MAX_WAITING)),
            failures: Mutex::default(),
            remembered: Mutex::default(),
            mac: Hmac::<Sha256>::new(&rand::random::<[u8; 64]>().into()),
        }
    }
}

impl Logins {
    /// Checks a login from `address`, and says which id the server gets.
    pub async fn check(
        self: &Arc<Self>,
        servers: &Servers,
        ids: &IdStyle,
        bound: Option<FailedLogins>,
        address: AddressKey,
        credentials: Credentials,
    ) -> Result<ServerId, LoginError> {
        let Servers::Passphrases(entries) = servers else {
            return Ok(ServerId::Random(ids.clone()));
        };
        self.look_at_failures(bound, address)?;
        let candidates = self.candidates(entries, &credentials);
        if let Some(entry) = self.recall(&candidates, &credentials) {
            return Ok(server_id(entry, ids));
        }
        let place = Arc::clone(&self.queue).try_acquire_owned();
        let place = place.map_err(|_| LoginError::Busy)?;
        let turn = Arc::clone(&self.checks).acquire_owned().await;
        let turn = turn.map_err(|_| LoginError::Busy)?;
        // Others of this address may have failed while this one waited.
        self.look_at_failures(bound, address)?;
        let Some(candidates) = candidates else {
            self.fail(bound, address);
            return Err(LoginError::NameNeeded);
        };
        // Whoever goes away in the middle of a check has not taken it back: it keeps its turn until it is done, and
        // counts where it fails.
        let logins = Arc::clone(self);
        let check = move || {
            let _held = (place, turn);
            let entry = first_match(candidates, &credentials);
            match &entry {
                Some(entry) => logins.remember(entry, &credentials),
                None => logins.fail(bound, address),
            }
            entry
        };
        let entry = tokio::task::spawn_blocking(check).await.ok().flatten();
        entry
            .map(|entry| server_id(&entry, ids))
            .ok_or(LoginError::Wrong)
    }

    /// How long this address has to wait before a login of it is looked at.
    pub fn blocked_for(
        &self,
        bound: Option<FailedLogins>,
        address: AddressKey,
    ) -> Option<Duration> {
        let bound = bound?;
        self.failures
            .lock()
            .blocked_for(bound, address, Instant::now())
    }

    fn look_at_failures(
        &self,
        bound: Option<FailedLogins>,
        address: AddressKey,
    ) -> Result<(), LoginError> {
        match self.blocked_for(bound, address) {
            Some(wait) => Err(LoginError::TooManyFailed(wait)),
            None => Ok(()),
        }
    }

    fn fail(&self, bound: Option<FailedLogins>, address: AddressKey) {
        if let Some(bound) = bound {
            self.failures.lock().add(bound, address, Instant::now());
        }
    }

    /// The entries to try. An unknown name is checked all the same, against an entry that can only fail, so
    /// that the answer takes as long as for a name that exists.
    fn candidates(&self, entries: &[Entry], credentials: &Credentials) -> Option<Vec<Candidate>> {
        let Some(name) = &credentials.name else {
            return (entries.len() <= MAX_ENTRIES_TRIED)
                .then(|| entries.iter().map(Candidate::real).collect());
        };
        let candidate = entries
            .iter()
            .find(|entry| entry.name == *name)
            .map_or_else(
                || {
                    let digest = self.digest(&[name.as_bytes()]);
                    Candidate::decoy(&entries[usize::from(digest[0]) % entries.len()])
                },
                Candidate::real,
            );
        Some(vec![candidate])
    }

    fn recall<'a>(
        &self,
        candidates: &'a Option<Vec<Candidate>>,
        credentials: &Credentials,
    ) -> Option<&'a Entry> {
        let remembered = self.remembered.lock();
        candidates
            .iter()
            .flatten()
            .filter(|candidate| candidate.real)
            .map(|candidate| &candidate.entry)
            .find(|entry| remembered.contains(&self.digest_of(entry, credentials)))
    }

    fn remember(&self, entry: &Entry, credentials: &Credentials) {
        let digest = self.digest_of(entry, credentials);
        let mut remembered = self.remembered.lock();
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(digest);
    }

    fn digest_of(&self, entry: &Entry, credentials: &Credentials) -> [u8; 32] {
        let passphrase = credentials.passphrase.expose_secret();
        self.digest(&[entry.hash.as_str().as_bytes(), passphrase.as_bytes()])
    }

    /// A digest that nobody else can compute. A PHC string has no zero byte, so that the parts
    /// cannot run into each other.
    fn digest(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.mac.clone();
        for part in parts {
            mac.update(part);
            mac.update(&[0]);
        }
        mac.finalize().into_bytes().into()
    }
}

/// An entry to try a passphrase against.
#[derive(Clone)]
struct Candidate {
    entry: Entry,
    /// A decoy is checked and fails.
    real: bool,
}

impl Candidate {
    fn real(entry: &Entry) -> Self {
        Self {
            entry: entry.clone(),
            real: true,
        }
    }

    fn decoy(entry: &Entry) -> Self {
        Self {
            entry: entry.clone(),
            real: false,
        }
    }
}

fn first_match(candidates: Vec<Candidate>, credentials: &Credentials) -> Option<Entry> {
    let passphrase = credentials.passphrase.expose_secret();
    candidates
        .into_iter()
        .find(|candidate| candidate.entry.hash.verify(passphrase) && candidate.real)
        .map(|candidate| candidate.entry)
}

fn server_id(entry: &Entry, ids: &IdStyle) -> ServerId {
    match &entry.id {
        Some(id) => ServerId::Fixed {
            id: PeerId::new(id),
            on_conflict: entry.on_conflict,
        },
        None => ServerId::Random(ids.clone()),
    }
}

/// Failed logins by address, in two generations, so that however many addresses fail, memory is bounded
/// and the older half is forgotten first.
#[derive(Default)]
struct Failures {
    young: HashMap<AddressKey, Failed>,
    old: HashMap<AddressKey, Failed>,
}

#[derive(Clone, Copy)]
struct Failed {
    count: u32,
    first: Instant,
}

impl Failures {
    fn add(&mut self, bound: FailedLogins, address: AddressKey, now: Instant) {
        let mut failed = self.get(bound, address, now).unwrap_or(Failed {
            count: 0,
            first: now,
        });
        failed.count = failed.count.saturating_add(1);
        self.old.remove(&address);
        if self.young.len() >= MAX_ADDRESSES {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(address, failed);
    }

    fn get(&self, bound: FailedLogins, address: AddressKey, now: Instant) -> Option<Failed> {
        let failed = self.young.get(&address).or_else(|| self.old.get(&address));
        failed
            .filter(|failed| now < failed.first + bound.window)
            .copied()
    }

    fn blocked_for(
        &self,
        bound: FailedLogins,
        address: AddressKey,
        now: Instant,
    ) -> Option<Duration> {
        let failed = self.get(bound, address, now)?;
        (failed.count >= bound.per_address).then(|| failed.first + bound.window - now)
    }
}

#[cfg(test)]
mod tests;
