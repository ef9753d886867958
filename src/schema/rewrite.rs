//! From an expression over characters to one over bytes that accepts the same texts.
//!
//! Only loops change: `C*`, where `C` is a class, becomes a loop over single bytes, with all of them
//! that can begin or go on with a character of `C` and with none that is not in `C`. A byte that begins
//! characters of both kinds is left to the class itself.
//!
//! This may split a character between two loops, or end within one, and still accepts the same
//! texts. Take any way through the new expression, and a character of which it takes bytes one by
//! one. The loop that takes the first of them could take the whole character, in the old expression
//! as well, since the loop is not bounded; every other loop that takes a rest of it could do without,
//! since a loop may run no times at all. Nothing else takes a rest: all that is not a loop takes
//! whole characters. And nothing looks at the place within the character: `^` and `$` never hold there, and
//! an expression that looks at more than those must not be given to [`rewrite`]. So there is a way
//! through the old expression that takes the same characters. The other direction is plain, for the new loops take
//! all that the old ones did.
//!
//! `C+` and `C{n,}` are `C{n}` and a loop: a byte must not count as a character.

use regex_syntax::hir::{
    Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Repetition,
};

/// Of the bytes that end a loop. An automaton looks for up to three at once.
const MAX_EXITS: usize = 3;

/// `hir` with its loops over bytes and without its groups, which are of no use for a verdict.
/// `None` where no loop gains by it.
pub(super) fn rewrite(hir: &Hir) -> Option<Hir> {
    let mut gains = false;
    let hir = walk(hir, &mut gains);
    gains.then_some(hir)
}

fn walk(hir: &Hir, gains: &mut bool) -> Hir {
    match hir.kind() {
        HirKind::Capture(group) => walk(&group.sub, gains),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(|it| walk(it, gains)).collect()),
        HirKind::Alternation(parts) => {
            Hir::alternation(parts.iter().map(|it| walk(it, gains)).collect())
        }
        HirKind::Repetition(repetition) => repeat(repetition, gains),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => hir.clone(),
    }
}

fn repeat(repetition: &Repetition, gains: &mut bool) -> Hir {
    let mut gains_within = false;
    let sub = walk(&repetition.sub, &mut gains_within);
    *gains |= gains_within;
    let with = |min, max, sub| {
        Hir::repetition(Repetition {
            min,
            max,
            greedy: repetition.greedy,
            sub: Box::new(sub),
        })
    };
    // What is there twice must not have loops that are there twice: they would double at each level.
    let may_be_twice = repetition.min == 0 || !gains_within;
    match over_bytes(&sub) {
        Some(bytes) if repetition.max.is_none() && may_be_twice => {
            *gains = true;
            let least = with(repetition.min, Some(repetition.min), sub);
            Hir::concat(vec![least, with(0, None, bytes)])
        }
        _ => with(repetition.min, repetition.max, sub),
    }
}

/// What a loop over `hir` may take instead: `C`, or `C|…`.
fn over_bytes(hir: &Hir) -> Option<Hir> {
    let parts = match hir.kind() {
        HirKind::Alternation(parts) => parts.as_slice(),
        _ => std::slice::from_ref(hir),
    };
    let place = parts
        .iter()
        .position(|part| class_over_bytes(part).is_some())?;
    let mut parts = parts.to_vec();
    parts[place] = class_over_bytes(&parts[place])?;
    Some(Hir::alternation(parts))
}

fn class_over_bytes(hir: &Hir) -> Option<Hir> {
    let HirKind::Class(Class::Unicode(class)) = hir.kind() else {
        return None;
    };
    let exits = exits(class);
    let count: usize = exits.iter().map(ClassBytesRange::len).sum();
    // A blank is so frequent that no automaton looks for it, and where nothing ends a loop there is
    // nothing to look for.
    let blank = exits
        .iter()
        .any(|range| (range.start()..=range.end()).contains(&b' '));
    if !(1..=MAX_EXITS).contains(&count) || blank {
        return None;
    }
    let mixed = exits.iter().flat_map(|range| range.start()..=range.end());
    let mut mixed = ClassUnicode::new(mixed.filter_map(beginning_with));
    mixed.intersect(class);
    let mut bytes = exits;
    bytes.negate();
    let bytes = Hir::class(Class::Bytes(bytes));
    let mixed = Hir::class(Class::Unicode(mixed));
    Some(Hir::alternation(vec![bytes, mixed]))
}

/// The bytes that begin a character that is not in `class`.
fn exits(class: &ClassUnicode) -> ClassBytes {
    let mut others = class.clone();
    others.negate();
    let begin = |character: char| character.encode_utf8(&mut [0; 4]).as_bytes()[0];
    ClassBytes::new(
        others
            .iter()
            .map(|range| ClassBytesRange::new(begin(range.start()), begin(range.end()))),
    )
}

/// The characters beyond ASCII that `byte` is the first of.
fn beginning_with(byte: u8) -> Option<ClassUnicodeRange> {
    let (bits, first, least) = match byte {
        0xc2..=0xdf => (6, 0xc0, '\u{80}'),
        0xe0..=0xef => (12, 0xe0, '\u{800}'),
        0xf0..=0xf4 => (18, 0xf0, '\u{10000}'),
        _ => return None,
    };
    let start = u32::from(byte - first) << bits;
    let end = start + (1 << bits) - 1;
    Some(ClassUnicodeRange::new(
        char::from_u32(start)?.max(least),
        // Behind the last one come surrogates, which are no characters, or nothing.
        char::from_u32(end).unwrap_or(if byte == 0xed { '\u{d7ff}' } else { char::MAX }),
    ))
}
