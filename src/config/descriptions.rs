//! What each key of the file is for, in the words that an editor shows.

/// A key a line, by its path; a test finds what is missing or left over.
const DESCRIPTIONS: &str = include_str!("descriptions.txt");

/// What the key at this path is for.
pub(super) fn of(path: &str) -> Option<&'static str> {
    all().find_map(|(key, text)| (key == path).then_some(text))
}

fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    DESCRIPTIONS
        .lines()
        .filter_map(|line| line.split_once(": "))
}

#[cfg(test)]
mod tests {
    use super::{DESCRIPTIONS, all};
    use crate::config::Config;

    #[test]
    fn every_key_is_described_once_and_nothing_else() {
        let described: Vec<_> = all().map(|(key, _)| key.to_owned()).collect();
        let mut wanted = Config::keys();
        wanted.insert("schemas.types.*".to_owned());
        let sorted: Vec<_> = wanted.into_iter().collect();
        assert_eq!(described, sorted);
        assert_eq!(described.len(), DESCRIPTIONS.lines().count());
    }
}
