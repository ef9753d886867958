//! A `pattern` as an automaton over the bytes of a text, where that is faster than over its
//! characters.
//!
//! A class such as `[^\r\n]` holds every character beyond ASCII. Under `*` an automaton for text
//! still looks at each byte, to see that those of a character belong together. But a text is always
//! UTF-8, so that there is nothing to see: [`rewrite`] lets such a loop take any byte that does not
//! end it, and the automaton then leaps to the next one that does.

use jsonschema_regex::{Search, analyze_pattern, search_form, to_rust_regex};
use regex_automata::{
    Anchored, Input,
    dfa::{Automaton as _, StartKind, dense},
    nfa::thompson::{self, NFA, WhichCaptures},
};
use regex_syntax::hir::{Hir, Look};

use super::{escape::escape, rewrite::rewrite};

/// Of one automaton, and of what is needed to make it. It is some 2 KiB for most patterns.
const MAX_BYTES: usize = 64 * 1024;

/// Of what it is made from.
const MAX_NFA_BYTES: usize = 1024 * 1024;

/// Tells whether a text matches a pattern.
pub(super) struct Matcher {
    text: Automaton,
    escaped: Automaton,
}

impl Matcher {
    /// For a pattern that jsonschema accepts. `None` where jsonschema itself is about as fast.
    pub(super) fn new(pattern: &str) -> Option<Self> {
        let hir = rewrite(&anchored(pattern)?)?;
        Some(Self {
            text: Automaton::new(&hir)?,
            escaped: Automaton::new(&escape(&hir))?,
        })
    }

    /// Whether `text` matches. The time it takes is linear in its length.
    pub(super) fn is_match(&self, text: &str) -> bool {
        self.text.is_match(text)
    }

    /// Whether the text matches that is written as the inside of a JSON string, with [short](crate::json::Escapes::Short)
    /// escapes at most.
    pub(super) fn is_match_escaped(&self, raw: &str) -> bool {
        self.escaped.is_match(raw)
    }

    /// How much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.text.0.memory_usage() + self.escaped.0.memory_usage()
    }
}

struct Automaton(dense::DFA<Vec<u32>>);

impl Automaton {
    /// `None` where it would be too large.
    fn new(hir: &Hir) -> Option<Self> {
        let nfa = NFA::compiler()
            .configure(
                thompson::Config::new()
                    // Where it ends within a character does not matter.
                    .utf8(false)
                    .which_captures(WhichCaptures::None)
                    .nfa_size_limit(Some(MAX_NFA_BYTES)),
            )
            .build_from_hir(hir)
            .ok()?;
        let automaton = dense::Builder::new()
            .configure(
                dense::Config::new()
                    .start_kind(StartKind::Anchored)
                    .dfa_size_limit(Some(MAX_BYTES))
                    .determinize_size_limit(Some(MAX_BYTES)),
            )
            .build_from_nfa(&nfa)
            .ok()?;
        Some(Self(automaton))
    }

    fn is_match(&self, bytes: &str) -> bool {
        let input = Input::new(bytes).anchored(Anchored::Yes).earliest(true);
        // An error would be a byte at which the automaton gives up, and it has none.
        matches!(self.0.try_search_fwd(&input), Ok(Some(_)))
    }
}

/// The expression of `pattern`, if it is one that a text can match at its beginning only.
///
/// Others are better left to an engine that looks for their letters first. And the places that a
/// word boundary holds at are not between characters only.
fn anchored(pattern: &str) -> Option<Hir> {
    if analyze_pattern(pattern).is_some() {
        return None;
    }
    let translated = to_rust_regex(pattern).ok()?;
    let hir = match search_form(pattern, &translated) {
        // jsonschema counts characters.
        Some(Search::RepeatedClass(_)) => return None,
        Some(Search::Collapsed(shorter)) => regex_syntax::parse(&shorter),
        None => regex_syntax::parse(&translated),
    }
    .ok()?;
    let properties = hir.properties();
    let others = properties.look_set().remove(Look::Start).remove(Look::End);
    let starts = properties.look_set_prefix().contains(Look::Start);
    (starts && others.is_empty()).then_some(hir)
}
