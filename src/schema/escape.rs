//! From an expression over a text to one over the inside of the JSON string that says it, so that nothing
//! has to be unescaped to be matched.
//!
//! Where all escapes of a string are [short](crate::json::Escapes::Short), each character is written in one way: as it is, or
//! as a backslash and a letter; a slash in either. What a character is to the one expression, its way of writing is
//! to the other.

use regex_syntax::hir::{
    Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Repetition,
};

/// The last of the control characters that stand in no JSON string.
const LAST_CONTROL: u8 = 0x1f;

/// The characters that a letter after a backslash stands for (RFC 8259, 7), with that letter.
const SHORT: [(u8, u8); 8] = [
    (b'"', b'"'),
    (b'\\', b'\\'),
    (b'/', b'/'),
    (0x08, b'b'),
    (0x0c, b'f'),
    (b'\n', b'n'),
    (b'\r', b'r'),
    (b'\t', b't'),
];

/// `hir` over what JSON strings hold. It must have no groups, and its classes of bytes must be those of loops over bytes.
pub(super) fn escape(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => hir.clone(),
        HirKind::Literal(literal) => {
            Hir::concat(literal.0.iter().copied().map(byte).collect::<Vec<_>>())
        }
        HirKind::Class(Class::Unicode(class)) => characters(class),
        HirKind::Class(Class::Bytes(class)) => bytes(class),
        HirKind::Repetition(repetition) => Hir::repetition(Repetition {
            sub: Box::new(escape(&repetition.sub)),
            ..repetition.clone()
        }),
        HirKind::Capture(group) => escape(&group.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(escape).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(escape).collect()),
    }
}

/// A byte of a literal, of which those beyond ASCII are parts of characters.
fn byte(byte: u8) -> Hir {
    let itself = match byte {
        b'"' | b'\\' | ..=LAST_CONTROL => Hir::fail(),
        _ => Hir::literal([byte]),
    };
    Hir::alternation(vec![itself, letters(|short| short == byte)])
}

fn characters(class: &ClassUnicode) -> Hir {
    let mut plain = ClassUnicode::new([
        ClassUnicodeRange::new('\0', char::from(LAST_CONTROL)),
        ClassUnicodeRange::new('"', '"'),
        ClassUnicodeRange::new('\\', '\\'),
    ]);
    plain.negate();
    plain.intersect(class);
    let has = |short| {
        let short = char::from(short);
        class
            .iter()
            .any(|range| (range.start()..=range.end()).contains(&short))
    };
    Hir::alternation(vec![Hir::class(Class::Unicode(plain)), letters(has)])
}

/// A loop is left by a backslash, and what else the class is without. Quotes and control characters do not come, so that the
/// loop may as well take them: the fewer bytes end it, the faster it is.
fn bytes(class: &ClassBytes) -> Hir {
    let never = [
        ClassBytesRange::new(0, LAST_CONTROL),
        ClassBytesRange::new(b'"', b'"'),
    ];
    let mut plain = class.clone();
    plain.union(&ClassBytes::new(never));
    plain.difference(&ClassBytes::new([ClassBytesRange::new(b'\\', b'\\')]));
    let has = |short| {
        class
            .iter()
            .any(|range| (range.start()..=range.end()).contains(&short))
    };
    Hir::alternation(vec![Hir::class(Class::Bytes(plain)), letters(has)])
}

/// A backslash and the letter for any of these characters.
fn letters(has: impl Fn(u8) -> bool) -> Hir {
    let letters = SHORT.iter().filter(|(short, _)| has(*short));
    let letters = letters.map(|(_, letter)| ClassBytesRange::new(*letter, *letter));
    let letters = ClassBytes::new(letters);
    match letters.ranges().is_empty() {
        true => Hir::fail(),
        false => Hir::concat(vec![
            Hir::literal(*b"\\"),
            Hir::class(Class::Bytes(letters)),
        ]),
    }
}
