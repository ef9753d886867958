use std::{net::IpAddr, pin::pin, sync::Arc};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use futures_util::{FutureExt, future::join_all, poll};
use tokio::time::advance;

use super::*;
use crate::{config::OnConflict, passphrase::Hash};

const SECOND: Duration = Duration::from_secs(1);

/// At most two failures in a minute.
const BOUND: Option<FailedLogins> = Some(FailedLogins {
    per_address: 2,
    window: Duration::from_secs(60),
});

/// A hash whose check costs next to nothing.
fn hash(passphrase: &str) -> Hash {
    let params = Params::new(8, 1, 1, None).expect("parameters");
    let made = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password(passphrase.as_bytes())
        .expect("a hash");
    Hash::parse(&made.to_string()).expect("a hash")
}

/// The passphrase of an entry is its name in capitals.
fn entry(name: &str) -> Entry {
    Entry {
        name: name.to_owned(),
        hash: hash(&name.to_uppercase()),
        id: Some(format!("id-of-{name}")),
        on_conflict: OnConflict::Replace,
    }
}

fn servers(names: &[&str]) -> Servers {
    Servers::Passphrases(names.iter().map(|name| entry(name)).collect())
}

fn style() -> IdStyle {
    IdStyle::Words { words: 6 }
}

fn address(last: u8) -> AddressKey {
    IpAddr::from([192, 0, 2, last]).into()
}

fn shown(name: Option<&str>, passphrase: &str) -> Credentials {
    Credentials {
        passphrase: passphrase.into(),
        name: name.map(ToOwned::to_owned),
    }
}

/// One desk, and who comes to it.
struct Desk {
    logins: Arc<Logins>,
    servers: Servers,
    style: IdStyle,
}

impl Desk {
    fn new(names: &[&str]) -> Self {
        Self {
            logins: Arc::default(),
            servers: servers(names),
            style: style(),
        }
    }

    async fn try_from(&self, from: u8, shown: Credentials) -> Result<String, LoginError> {
        let id = self
            .logins
            .check(&self.servers, &self.style, BOUND, address(from), shown)
            .await?;
        match id {
            ServerId::Fixed { id, .. } => Ok(id.to_string()),
            ServerId::Random(_) => Ok("random".to_owned()),
        }
    }

    async fn wrong(&self, from: u8) {
        self.wrong_with(from, "wrong").await;
    }

    async fn wrong_with(&self, from: u8, passphrase: &str) {
        let answer = self.try_from(from, shown(None, passphrase)).await;
        assert_eq!(answer, Err(LoginError::Wrong));
    }

    /// Keeps every check waiting for as long as what it returns is there.
    fn occupy(&self) -> impl Drop + use<'_> {
        let all = self.logins.checks.available_permits() as u32;
        self.logins.checks.try_acquire_many(all).expect("free")
    }
}

fn from_header(value: &str) -> Option<(Option<String>, String)> {
    let found = Credentials::from_header(value)?;
    Some((found.name, found.passphrase.expose_secret().to_owned()))
}

fn from_login(message: &str) -> Option<(Option<String>, String)> {
    let found = Credentials::from_login(message)?;
    Some((found.name, found.passphrase.expose_secret().to_owned()))
}

fn basic(pair: impl AsRef<[u8]>) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(pair))
}

#[test]
fn a_header_is_bearer_or_basic() {
    let only = |passphrase: &str| Some((None, passphrase.to_owned()));
    let named = |name: &str, passphrase: &str| Some((Some(name.to_owned()), passphrase.to_owned()));
    assert_eq!(from_header("Bearer open sesame"), only("open sesame"));
    assert_eq!(from_header("bEARER x"), only("x"));
    assert_eq!(from_header("Bearer   x "), only("x"));
    assert_eq!(
        from_header(&basic("door:open sesame")),
        named("door", "open sesame")
    );
    assert_eq!(from_header(&basic("door:a:b ä")), named("door", "a:b ä"));
    assert_eq!(from_header(&basic(":x")), only("x"));
    assert_eq!(from_header(&basic("door:")), named("door", ""));
    assert_eq!(
        from_header(&basic("door:x").replace("Basic", "BASIC")),
        named("door", "x")
    );
}

#[test]
fn a_header_that_is_neither_is_none() {
    let without_colon = basic("x");
    let not_utf8 = basic(b"\xff:x");
    for wrong in [
        "",
        "Bearer",
        "open sesame",
        "Digest x",
        "Basic ***",
        "Basic",
        &without_colon,
        &not_utf8,
    ] {
        assert_eq!(from_header(wrong), None, "{wrong}");
    }
}

#[test]
fn a_login_has_a_passphrase_and_may_have_a_name_each_once() {
    let passphrase = || "x".to_owned();
    assert_eq!(
        from_login(r#"{"passphrase":"x"}"#),
        Some((None, passphrase()))
    );
    assert_eq!(
        from_login(r#"{"name":"d","more":[1],"passphrase":"x"}"#),
        Some((Some("d".to_owned()), passphrase()))
    );
    for wrong in [
        "{}",
        r#"{"name":"d"}"#,
        r#"{"passphrase":1}"#,
        r#"{"passphrase":null}"#,
        r#"{"passphrase":"x","name":1}"#,
        r#"{"passphrase":"x","passphrase":"x"}"#,
        r#"{"passphrase":"x","p\u0061ssphrase":"y"}"#,
        r#"{"passphrase":"x","name":"d","name":"d"}"#,
        r#"{"passphrase":"x","more":1,"more":2}"#,
        r#"{"passphrase":"x","more":{"deep":1,"deep":2}}"#,
    ] {
        assert_eq!(from_login(wrong), None, "{wrong}");
    }
}

#[test]
fn a_passphrase_is_never_debugged() {
    let shown = format!("{:?}", shown(Some("door"), "open sesame"));
    assert!(!shown.contains("sesame"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn open_servers_ask_for_nothing() {
    let desk = Desk {
        servers: Servers::Open,
        ..Desk::new(&[])
    };
    assert_eq!(
        desk.try_from(1, shown(None, "")).await.as_deref(),
        Ok("random")
    );
}

#[tokio::test(start_paused = true)]
async fn a_name_picks_its_entry_and_without_one_every_entry_is_tried() {
    let desk = Desk::new(&["a", "b", "c"]);
    for (name, passphrase, expected) in [
        (None, "A", Ok("id-of-a")),
        (None, "C", Ok("id-of-c")),
        (Some("b"), "B", Ok("id-of-b")),
        (Some("b"), "A", Err(LoginError::Wrong)),
    ] {
        let answer = desk.try_from(1, shown(name, passphrase)).await;
        assert_eq!(
            answer.as_deref(),
            expected.as_ref().map(|id| *id),
            "{name:?} {passphrase}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_without_an_id_gets_a_random_one() {
    let mut only = entry("a");
    only.id = None;
    let desk = Desk {
        servers: Servers::Passphrases(vec![only]),
        ..Desk::new(&[])
    };
    assert_eq!(
        desk.try_from(1, shown(None, "A")).await.as_deref(),
        Ok("random")
    );
}

#[tokio::test(start_paused = true)]
async fn with_more_than_8_entries_a_login_must_name_its_own() {
    let eight = Desk::new(&["a", "b", "c", "d", "e", "f", "g", "h"]);
    assert_eq!(
        eight.try_from(1, shown(None, "H")).await.as_deref(),
        Ok("id-of-h")
    );
    let nine = Desk::new(&["a", "b", "c", "d", "e", "f", "g", "h", "i"]);
    assert_eq!(
        nine.try_from(1, shown(None, "A")).await,
        Err(LoginError::NameNeeded)
    );
    assert_eq!(
        nine.try_from(1, shown(Some("i"), "I")).await.as_deref(),
        Ok("id-of-i")
    );
}

#[tokio::test(start_paused = true)]
async fn an_unknown_name_costs_one_check_like_a_known_one_and_fails() {
    let desk = Desk::new(&["a"]);
    let Servers::Passphrases(entries) = &desk.servers else {
        unreachable!()
    };
    for (name, real) in [("a", true), ("nobody", false)] {
        let candidates = desk
            .logins
            .candidates(entries, &shown(Some(name), "A"))
            .expect("named");
        assert_eq!(candidates.len(), 1);
        assert_eq!(candidates[0].real, real);
    }
    // The passphrase of whichever entry it is checked against does not help, remembered or not.
    for _ in 0..2 {
        let answer = desk.try_from(1, shown(Some("nobody"), "A")).await;
        assert_eq!(answer, Err(LoginError::Wrong));
        desk.try_from(2, shown(Some("a"), "A"))
            .await
            .expect("right");
    }
    // It waits its turn too.
    let _occupied = desk.occupy();
    let mut waiting = pin!(desk.try_from(3, shown(Some("nobody"), "A")));
    assert!(poll!(&mut waiting).is_pending());
}

#[tokio::test(start_paused = true)]
async fn after_too_many_failures_even_the_right_passphrase_waits_for_the_window_to_pass() {
    let desk = Desk::new(&["a"]);
    desk.try_from(1, shown(None, "A"))
        .await
        .expect("right, and remembered");
    desk.wrong(1).await;
    advance(20 * SECOND).await;
    desk.try_from(1, shown(None, "A"))
        .await
        .expect("one failure is not too many");
    desk.wrong(1).await;
    advance(10 * SECOND).await;
    let refused = Err(LoginError::TooManyFailed(30 * SECOND));
    assert_eq!(
        desk.try_from(1, shown(None, "A")).await,
        refused,
        "a minute after the first"
    );
    desk.try_from(2, shown(None, "A"))
        .await
        .expect("another address");
    advance(30 * SECOND).await;
    desk.try_from(1, shown(None, "A"))
        .await
        .expect("the window has passed");
    desk.wrong(1).await;
    desk.try_from(1, shown(None, "A"))
        .await
        .expect("a new window");
}

#[tokio::test(start_paused = true)]
async fn refusals_do_not_make_the_window_longer() {
    let desk = Desk::new(&["a"]);
    desk.wrong(1).await;
    desk.wrong(1).await;
    advance(59 * SECOND).await;
    for _ in 0..10 {
        let refused = Err(LoginError::TooManyFailed(SECOND));
        assert_eq!(desk.try_from(1, shown(None, "wrong")).await, refused);
    }
    advance(SECOND).await;
    desk.try_from(1, shown(None, "A"))
        .await
        .expect("the window has passed");
}

#[tokio::test(start_paused = true)]
async fn a_missing_name_counts_as_a_failure() {
    let desk = Desk::new(&["a", "b", "c", "d", "e", "f", "g", "h", "i"]);
    for _ in 0..2 {
        assert_eq!(
            desk.try_from(1, shown(None, "x")).await,
            Err(LoginError::NameNeeded)
        );
    }
    let answer = desk.try_from(1, shown(Some("a"), "A")).await;
    assert_eq!(answer, Err(LoginError::TooManyFailed(60 * SECOND)));
}

#[tokio::test(start_paused = true)]
async fn without_a_bound_failures_are_not_counted() {
    let desk = Desk::new(&["a"]);
    for _ in 0..20 {
        let wrong = desk.logins.check(
            &desk.servers,
            &desk.style,
            None,
            address(1),
            shown(None, "wrong"),
        );
        assert!(matches!(wrong.await, Err(LoginError::Wrong)));
    }
    desk.try_from(1, shown(None, "A")).await.expect("right");
}

#[tokio::test(start_paused = true)]
async fn however_many_addresses_fail_what_is_remembered_of_them_is_bounded() {
    let bound = BOUND.expect("a bound");
    let now = Instant::now();
    let mut failures = Failures::default();
    let many = |n: usize| AddressKey::from(IpAddr::from((n as u32).to_be_bytes()));
    for n in 0..3 * MAX_ADDRESSES {
        failures.add(bound, many(n), now);
        failures.add(bound, many(n), now);
        assert!(failures.young.len() + failures.old.len() <= 2 * MAX_ADDRESSES);
    }
    // The newest half is known for certain, the oldest is forgotten.
    let newest = 2 * MAX_ADDRESSES..3 * MAX_ADDRESSES;
    for n in newest {
        assert_eq!(
            failures.blocked_for(bound, many(n), now),
            Some(bound.window)
        );
    }
    assert_eq!(failures.blocked_for(bound, many(0), now), None);
}

#[tokio::test(start_paused = true)]
async fn failures_are_added_up_across_both_generations() {
    let bound = BOUND.expect("a bound");
    let now = Instant::now();
    let mut failures = Failures::default();
    failures.add(bound, address(1), now);
    failures.old = std::mem::take(&mut failures.young);
    assert_eq!(failures.blocked_for(bound, address(1), now), None);
    failures.add(bound, address(1), now + SECOND);
    assert_eq!(
        failures.blocked_for(bound, address(1), now + SECOND),
        Some(bound.window - SECOND)
    );
}

#[tokio::test(start_paused = true)]
async fn a_passphrase_that_was_right_is_not_checked_again() {
    let desk = Desk::new(&["a", "b"]);
    desk.try_from(1, shown(None, "B")).await.expect("right");
    let _occupied = desk.occupy();
    for name in [None, Some("b")] {
        let again = desk.try_from(1, shown(name, "B")).now_or_never();
        assert_eq!(again, Some(Ok("id-of-b".to_owned())), "{name:?}");
    }
    for (name, passphrase) in [(Some("a"), "B"), (None, "A"), (None, "b")] {
        let other = desk.try_from(1, shown(name, passphrase)).now_or_never();
        assert_eq!(other, None, "{name:?} {passphrase} is checked");
    }
}

#[tokio::test(start_paused = true)]
async fn a_remembered_passphrase_is_worth_nothing_once_its_entry_is_gone_or_changed() {
    let mut desk = Desk::new(&["a", "b"]);
    desk.try_from(1, shown(None, "A")).await.expect("right");
    let mut changed = entry("a");
    changed.hash = hash("other");
    desk.servers = Servers::Passphrases(vec![changed, entry("b")]);
    desk.wrong_with(1, "A").await;
    desk.servers = servers(&["b"]);
    desk.wrong_with(2, "A").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_is_bounded() {
    let desk = Desk::new(&["a"]);
    let only = entry("a");
    for n in 0..2 * MAX_REMEMBERED {
        desk.logins.remember(&only, &shown(None, &n.to_string()));
        assert!(desk.logins.remembered.lock().len() <= MAX_REMEMBERED);
    }
}

#[tokio::test(start_paused = true)]
async fn where_too_many_logins_wait_another_one_is_told_so() {
    let desk = Desk::new(&["a"]);
    let occupied = desk.occupy();
    // From as many addresses, so that the failures of one are nothing to another.
    let mut waiting: Vec<_> = (0..MAX_WAITING as u8)
        .map(|from| Box::pin(desk.try_from(from, shown(None, "wrong"))))
        .collect();
    for login in &mut waiting {
        assert!(poll!(login).is_pending());
    }
    let over = desk.try_from(200, shown(None, "A")).now_or_never();
    assert_eq!(over, Some(Err(LoginError::Busy)));
    drop(occupied);
    let answers = join_all(waiting).await;
    assert!(
        answers
            .iter()
            .all(|answer| *answer == Err(LoginError::Wrong))
    );
    desk.try_from(200, shown(None, "A"))
        .await
        .expect("being told so is no failure");
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_given_up_gives_its_place_back() {
    let desk = Desk::new(&["a"]);
    let occupied = desk.occupy();
    for _ in 0..2 * MAX_WAITING {
        assert_eq!(desk.try_from(1, shown(None, "A")).now_or_never(), None);
    }
    drop(occupied);
    desk.try_from(1, shown(None, "A")).await.expect("a place");
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_given_up_during_its_check_keeps_its_turn_and_counts() {
    let desk = Desk::new(&["a"]);
    let all = desk.logins.checks.available_permits() as u32;
    for _ in 0..2 {
        _ = desk.try_from(1, shown(None, "wrong")).now_or_never();
        // All turns are free again: the check is done.
        _ = desk
            .logins
            .checks
            .acquire_many(all)
            .await
            .expect("never closed");
    }
    let answer = desk.try_from(1, shown(None, "A")).await;
    assert_eq!(answer, Err(LoginError::TooManyFailed(60 * SECOND)));
}

#[tokio::test(start_paused = true)]
async fn logins_that_waited_while_others_of_their_address_failed_are_refused_unchecked() {
    let desk = Desk::new(&["a"]);
    let occupied = desk.occupy();
    let mut waiting = pin!(desk.try_from(1, shown(None, "A")));
    assert!(poll!(&mut waiting).is_pending());
    for _ in 0..2 {
        desk.logins.fail(BOUND, address(1));
    }
    drop(occupied);
    assert_eq!(waiting.await, Err(LoginError::TooManyFailed(60 * SECOND)));
}

#[tokio::test]
async fn a_check_does_not_hold_up_the_event_loop() {
    let desk = Desk {
        servers: Servers::Passphrases(vec![Entry {
            hash: Hash::make("A").expect("a hash"),
            ..entry("a")
        }]),
        ..Desk::new(&[])
    };
    let mut checking = pin!(desk.try_from(1, shown(None, "wrong")));
    // Were it done here, there would be an answer at once.
    assert!(poll!(&mut checking).is_pending());
    assert_eq!(checking.await, Err(LoginError::Wrong));
}
