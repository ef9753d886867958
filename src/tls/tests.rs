//! Which certificate is shown when.

use super::{
    self_signed::{BACKDATED, LIFETIME},
    *,
};

fn names() -> Vec<String> {
    vec!["localhost".to_owned(), "127.0.0.1".to_owned()]
}

fn made() -> SelfSigned {
    self_signed(&names(), SystemTime::now()).expect("made")
}

fn identity(tls: &Tls, now: SystemTime) -> Identity {
    let identity = Identity::load(tls, now).expect("loads");
    identity.expect("a certificate")
}

#[test]
fn the_next_certificate_is_told_before_its_turn_and_takes_over_in_time() {
    let start = SystemTime::now();
    let identity = identity(&Tls::SelfSigned(names()), start);
    let [_, next] = identity.pinned()[..] else {
        panic!("a current and a next certificate");
    };
    let early = identity.look(start + TURN - Duration::from_secs(1));
    assert_eq!(early, Ok(None));
    let news = identity.look(start + TURN).expect("a renewal");
    assert!(news.is_some_and(|news| news.contains("localhost, 127.0.0.1 was renewed")));
    assert_eq!(identity.pinned()[0], next);
    assert_ne!(identity.pinned()[1], next);
    const { assert!(TURN.as_secs() < LIFETIME.as_secs() - BACKDATED.as_secs()) };
    const { assert!(LIFETIME.as_secs() <= 14 * 24 * 3600) };
}

#[test]
fn a_self_signed_certificate_out_of_files_is_to_be_pinned_and_its_key_must_belong_to_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let [ours, other] = [(); 2].map(|()| self_signed(&names(), SystemTime::now()).expect("made"));
    let (cert, key) = (dir.path().join("a.pem"), dir.path().join("a.key"));
    std::fs::write(&cert, ours.certificate_pem()).expect("written");
    write_private(&key, &ours.key_pem(), false).expect("written");
    let tls = Tls::Files {
        cert: cert.clone(),
        key: key.clone(),
    };
    let identity = Identity::load(&tls, SystemTime::now()).expect("loads");
    let pinned = identity.map(|identity| identity.pinned());
    assert_eq!(pinned, Some(vec![fingerprint(ours.certificate())]));
    write_private(&key, &other.key_pem(), true).expect("written");
    let error = Identity::load(&tls, SystemTime::now()).expect_err("a mismatch");
    assert!(error.contains("does not belong to"), "{error}");
    std::fs::write(&cert, "nothing").expect("written");
    let error = Identity::load(&tls, SystemTime::now()).expect_err("no certificate");
    assert!(error.contains("no certificate in PEM"), "{error}");
}

#[test]
fn a_private_key_is_never_written_over_another_file_nor_readable_to_others() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("a.key");
    write_private(&file, "first", false).expect("written");
    write_private(&file, "second", false).expect_err("is there already");
    let mode = std::fs::metadata(&file)
        .expect("is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn another_identity_is_adopted_but_for_a_certificate_that_peers_have_pinned() {
    let now = SystemTime::now();
    let same = Tls::SelfSigned(names());
    let other = Tls::SelfSigned(vec!["localhost".to_owned()]);
    let running = identity(&same, now);
    let pinned = running.pinned();
    running.adopt(identity(&same, now));
    assert_eq!(running.pinned(), pinned);
    // Its renewal is where it was as well.
    running.look(now + TURN).expect("a renewal");
    assert_eq!(running.pinned()[0], pinned[1]);
    let new = identity(&other, now);
    let pinned = new.pinned();
    running.adopt(new);
    assert_eq!(running.pinned(), pinned);
    running.adopt(identity(&same, now));
    assert_ne!(running.pinned(), pinned);
}

#[tokio::test(start_paused = true)]
async fn what_is_new_on_disk_is_shown_within_a_minute() {
    let dir = tempfile::tempdir().expect("a directory");
    let (cert, key) = (dir.path().join("a.pem"), dir.path().join("a.key"));
    let [before, after] = [made(), made()];
    let write = |made: &SelfSigned| {
        std::fs::write(&cert, made.certificate_pem()).expect("written");
        std::fs::write(&key, made.key_pem()).expect("written");
    };
    write(&before);
    let tls = Tls::Files {
        cert: cert.clone(),
        key: key.clone(),
    };
    let identity = Arc::new(identity(&tls, SystemTime::now()));
    let watch = Certificates::from_iter([Arc::clone(&identity)]).watch();
    let watch = tokio::spawn(watch);
    // The clock jumps to whatever is waited for next, so this takes no time. The first look is over then.
    tokio::time::sleep(Duration::from_secs(1)).await;
    write(&after);
    let start = tokio::time::Instant::now();
    while identity.pinned() != [fingerprint(after.certificate())] {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(start.elapsed() <= Duration::from_secs(60));
    }
    watch.abort();
}
