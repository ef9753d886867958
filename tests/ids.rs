//! Ids look as the configuration says.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod common;

use std::collections::HashSet;

use common::{EVERY_TRANSPORT, OPEN, TestRelay};

/// Ids of servers and clients, some of each.
async fn ids(config: &str) -> [HashSet<String>; 2] {
    let relay = TestRelay::start(&format!("{OPEN}{config}")).await;
    let mut ids = [HashSet::new(), HashSet::new()];
    let mut peers = Vec::new();
    for via in EVERY_TRANSPORT {
        let mut server = relay.server(via).await;
        let client = relay.client(via, &mut server).await;
        let second = relay.client(via, &mut server).await;
        ids[0].insert(server.id.clone());
        ids[1].extend([client.id.clone(), second.id.clone()]);
        peers.extend([server, client, second]);
    }
    assert_eq!(
        (ids[0].len(), ids[1].len()),
        (3, 6),
        "each has its own: {ids:?}"
    );
    ids
}

fn in_alphabet(id: &str, alphabet: &str) -> bool {
    id.chars().all(|c| alphabet.contains(c))
}

const URL_SAFE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

#[tokio::test]
async fn ids_are_21_random_characters_unless_configured() {
    for id in ids("").await.iter().flatten() {
        assert_eq!(id.len(), 21, "{id}");
        assert!(in_alphabet(id, URL_SAFE), "{id}");
    }
}

#[tokio::test]
async fn length_and_alphabet_are_as_configured_for_each_role() {
    let config =
        "ids: { server: { length: 64 }, client: { style: nanoid, length: 33, alphabet: ab } }\n";
    let [servers, clients] = ids(config).await;
    for id in servers {
        assert!(id.len() == 64 && in_alphabet(&id, URL_SAFE), "{id}");
    }
    for id in clients {
        assert!(id.len() == 33 && in_alphabet(&id, "ab"), "{id}");
    }
}

#[tokio::test]
async fn ids_of_words_are_words() {
    let config = "ids: { server: { style: words }, client: { style: words, words: 2 } }\n";
    let words = |id: &str, count: usize| {
        assert!(id.len() <= 64, "{id}");
        // A word may not have a dash in it, nor anything else that is no letter.
        let words: Vec<_> = id.split('-').collect();
        assert_eq!(words.len(), count, "{id}");
        let is_word = |word: &&str| word.len() >= 3 && word.chars().all(|c| c.is_ascii_lowercase());
        assert!(words.iter().all(is_word), "{id}");
    };
    let [servers, clients] = ids(config).await;
    servers.iter().for_each(|id| words(id, 6));
    clients.iter().for_each(|id| words(id, 2));
}
