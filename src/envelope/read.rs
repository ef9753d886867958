//! Reading an envelope: one pass over its text, no copy of its message.

use std::{borrow::Cow, collections::HashSet};

use super::{
    Address, EVERYONE, Envelope, Invalid, MAX_DEPTH, MAX_REF_BYTES, MAX_TYPE_BYTES, RELAY,
};
use crate::{
    ids::is_id,
    json::{Fault, Scanner, SyntaxError, Tape},
};

const TOO_DEEP: &str = "`message` is nested more than 128 levels deep";
const NO_OBJECT: &str = "`message` must be an object";

impl<'a> Envelope<'a> {
    /// Reads the text of one envelope from the peer `sender`. The values of its message are on `tape`.
    pub fn parse(text: &'a str, sender: &str, tape: &'a mut Tape) -> Result<Self, Invalid> {
        let members = Members::read(text, tape).map_err(|detail| Invalid {
            detail,
            ..Invalid::default()
        })?;
        members.check(sender, text, tape)
    }
}

/// Checks a message that comes without an envelope. The error is one sentence that says what to mend.
pub fn check_message(text: &str) -> Result<(), Cow<'static, str>> {
    let mut tape = Tape::default();
    tape.read(text, MAX_DEPTH)
        .map_err(|error| error.to_string())?;
    message_fault(text, &tape).map_or(Ok(()), |fault| Err(fault.into()))
}

/// What is wrong with a message, whatever its type is.
fn message_fault(message: &str, tape: &Tape) -> Option<&'static str> {
    if !message.trim_ascii_start().starts_with('{') {
        return Some(NO_OBJECT);
    }
    (tape.fault() == Some(Fault::TooDeep)).then_some(TOO_DEEP)
}

/// Does this text count as an envelope that was sent, where a session can be resumed? What cannot be read does.
pub fn counts(text: &str) -> bool {
    let members = Members::read(text, &mut Tape::default()).ok();
    let kind = members.and_then(|members| members.kind);
    kind_counts(kind.as_ref().and_then(Member::text))
}

/// The same for an envelope that was read already, by its type.
pub fn kind_counts(kind: Option<&str>) -> bool {
    !matches!(kind, Some("HELLO" | "BYE" | "LOGIN" | "RESUME" | "ACK"))
}

/// The members of the envelope's object, not yet judged.
#[derive(Default)]
struct Members<'a> {
    to: Option<Member<'a>>,
    kind: Option<Member<'a>>,
    from: Option<Member<'a>>,
    reference: Option<Member<'a>>,
    message: Option<&'a str>,
    others: HashSet<Cow<'a, str>>,
    twice: bool,
}

impl<'a> Members<'a> {
    /// Reads the members of an envelope; the error is one sentence.
    fn read(text: &'a str, tape: &mut Tape) -> Result<Self, Cow<'static, str>> {
        tape.clear();
        let mut scanner = Scanner::new(text);
        let mut members = Self::default();
        let object = scanner.peek() == Some(b'{');
        let read = match object {
            true => members.read_object(&mut scanner, tape),
            false => tape.skip(&mut scanner),
        };
        match read.and_then(|()| scanner.end()) {
            Err(error) => Err(error.to_string().into()),
            Ok(()) if object => Ok(members),
            Ok(()) => Err("an envelope is a JSON object".into()),
        }
    }

    fn read_object(
        &mut self,
        scanner: &mut Scanner<'a>,
        tape: &mut Tape,
    ) -> Result<(), SyntaxError> {
        scanner.expect(b'{')?;
        if scanner.take(b'}') {
            return Ok(());
        }
        loop {
            let name = text_of(scanner)?;
            scanner.expect(b':')?;
            self.twice |= match name.as_ref() {
                "to" => self.to.replace(member(scanner, tape)?).is_some(),
                "type" => self.kind.replace(member(scanner, tape)?).is_some(),
                "from" => self.from.replace(member(scanner, tape)?).is_some(),
                "ref" => self.reference.replace(member(scanner, tape)?).is_some(),
                "message" => self.read_message(scanner, tape)?,
                _ => {
                    tape.skip(scanner)?;
                    !self.others.insert(name)
                }
            };
            if !scanner.take(b',') {
                return scanner.expect(b'}');
            }
        }
    }

    /// `true`: there was one already.
    fn read_message(
        &mut self,
        scanner: &mut Scanner<'a>,
        tape: &mut Tape,
    ) -> Result<bool, SyntaxError> {
        if self.message.is_some() {
            tape.skip(scanner)?;
            return Ok(true);
        }
        scanner.peek();
        let start = scanner.at();
        tape.value(scanner, MAX_DEPTH)?;
        self.message = Some(&scanner.text()[start..scanner.at()]);
        Ok(false)
    }

    fn check(self, sender: &str, text: &'a str, tape: &'a Tape) -> Result<Envelope<'a>, Invalid> {
        match self.fault(sender, tape) {
            Some(detail) => Err(self.invalid(detail)),
            None => self.envelope(text, tape).ok_or_else(Invalid::default),
        }
    }

    /// The first rule that the members break.
    fn fault(&self, sender: &str, tape: &Tape) -> Option<&'static str> {
        if self.twice {
            return Some("a member of the envelope is there twice");
        }
        match self.to.as_ref().map(Member::text) {
            None => return Some("`to` is missing: say which peer the message is for"),
            Some(None) => return Some("`to` must be a string: the id of a peer"),
            Some(Some(to)) if to != EVERYONE && !is_id(to) => {
                return Some("`to` is no id: 1 to 64 of A-Z a-z 0-9 _ -, or \"*\"");
            }
            _ => {}
        }
        match self.kind.as_ref().map(Member::text) {
            None => return Some("`type` is missing: name the type of the message"),
            Some(Some("")) | Some(None) => return Some("`type` must be a non-empty string"),
            Some(Some(kind)) if kind.len() > MAX_TYPE_BYTES => {
                return Some("`type` is longer than 128 bytes");
            }
            _ => {}
        }
        if let Some(from) = &self.from
            && from.text() != Some(sender)
        {
            return Some("`from` is not your own id: leave it out");
        }
        match self.reference.as_ref().map(Member::text) {
            Some(None) => return Some("`ref` must be a string"),
            Some(Some(reference)) if reference.len() > MAX_REF_BYTES => {
                return Some("`ref` is longer than 64 bytes");
            }
            _ => {}
        }
        match self.message {
            None => Some("`message` is missing: it must be an object, if only {}"),
            Some(message) => message_fault(message, tape),
        }
    }

    /// The envelope, of whose members none is missing or of another kind.
    fn envelope(self, text: &'a str, tape: &'a Tape) -> Option<Envelope<'a>> {
        let to = self.to?.into_text()?;
        Some(Envelope {
            to: match to.as_ref() {
                RELAY => Address::Relay,
                EVERYONE => Address::Everyone,
                _ => Address::Peer(to),
            },
            kind: self.kind?.into_text()?,
            message: self.message?,
            reference: self.reference.and_then(Member::into_text),
            text,
            tape,
        })
    }

    fn invalid(self, detail: &'static str) -> Invalid {
        let text = |member: Option<Member<'a>>, max: usize| {
            let text = member.and_then(Member::into_text)?;
            (text.len() <= max && !text.is_empty()).then(|| text.into_owned())
        };
        Invalid {
            detail: detail.into(),
            to: text(self.to, crate::ids::MAX_ID_BYTES).filter(|to| to == EVERYONE || is_id(to)),
            kind: text(self.kind, MAX_TYPE_BYTES),
            reference: text(self.reference, MAX_REF_BYTES),
        }
    }
}

/// What the string says that must come next.
fn text_of<'a>(scanner: &mut Scanner<'a>) -> Result<Cow<'a, str>, SyntaxError> {
    let string = scanner.string()?;
    scanner.read(string).ok_or_else(|| scanner.error())
}

/// A member that should be a string.
enum Member<'a> {
    Text(Cow<'a, str>),
    Other,
}

/// Reads a member that should be a string.
fn member<'a>(scanner: &mut Scanner<'a>, tape: &mut Tape) -> Result<Member<'a>, SyntaxError> {
    if scanner.peek() == Some(b'"') {
        return text_of(scanner).map(Member::Text);
    }
    tape.skip(scanner)?;
    Ok(Member::Other)
}

impl<'a> Member<'a> {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Other => None,
        }
    }

    fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Other => None,
        }
    }
}
