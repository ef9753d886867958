//! The policy: what a reload may change, and the judgement of one envelope by it.
//!
//! It is immutable. All sessions share the current one and take it anew for each envelope.

mod samples;

use std::{borrow::Cow, collections::HashMap, time::Duration};

use foldhash::fast::RandomState;
use serde_json::value::RawValue;

use crate::{
    config::{
        Config, Delivery, Ids, Limits, MessageType, OnInvalid, OnViolation, Problem, Resume,
        Servers, Timeouts, UnknownTypes,
    },
    envelope::{self, Envelope, Hello, Invalid, RESERVED_TYPES, ResumeOffer, Text},
    ice::IceServers,
    json::{Node, Tape},
    outbox::Close,
    schema::{self, Schema, Violation},
};

/// Everything that sessions are held to.
#[derive(Debug)]
pub struct Policy {
    /// Every bound that is not a time.
    pub limits: Limits,
    /// Every wait that has a bound.
    pub timeouts: Timeouts,
    /// Who may be a server.
    pub servers: Servers,
    /// How ids are made.
    pub ids: Ids,
    /// Whether and how a broken connection is resumed.
    pub resume: Option<Resume>,
    rules: HashMap<String, Rule, RandomState>,
    unknown_types: UnknownTypes,
    server_info: Option<Box<RawValue>>,
    ice_servers: IceServers,
}

/// What holds for one message type.
#[derive(Debug)]
pub struct Rule {
    schema: Option<Schema>,
    from_server: bool,
    from_client: bool,
    max_bytes: Option<usize>,
    on_violation: OnViolation,
    /// The lane to the recipient.
    pub delivery: Delivery,
    /// Is it dropped where the recipient's queue is full?
    pub drop_on_full: bool,
}

/// A session's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Has an id that it hands out.
    Server,
    /// Came with a server's id.
    Client,
}

impl Role {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Server, Self::Client];

    /// Its name in logs and sentences.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

/// Why an envelope was not delivered: the `code` of an ERROR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Over the rate, where the configuration rejects for it.
    RateLimited,
    /// Not an envelope.
    InvalidEnvelope,
    /// A type of the relay's own, sent to a peer.
    ReservedType,
    /// A type that nobody knows.
    UnknownType,
    /// This role may not send this type, or not now.
    ForbiddenType,
    /// Over the type's own `max_bytes`.
    TooLarge,
    /// The message breaks its schema.
    SchemaViolation,
    /// No such peer in this room.
    UnknownPeer,
    /// The server's queue is full.
    TooSlow,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::RateLimited,
        Self::InvalidEnvelope,
        Self::ReservedType,
        Self::UnknownType,
        Self::ForbiddenType,
        Self::TooLarge,
        Self::SchemaViolation,
        Self::UnknownPeer,
        Self::TooSlow,
    ];

    /// Its name on the wire, in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RateLimited => "RATE_LIMITED",
            Self::InvalidEnvelope => "INVALID_ENVELOPE",
            Self::ReservedType => "RESERVED_TYPE",
            Self::UnknownType => "UNKNOWN_TYPE",
            Self::ForbiddenType => "FORBIDDEN_TYPE",
            Self::TooLarge => "TOO_LARGE",
            Self::SchemaViolation => "SCHEMA_VIOLATION",
            Self::UnknownPeer => "UNKNOWN_PEER",
            Self::TooSlow => "TOO_SLOW",
        }
    }
}

/// Why an envelope is refused.
#[derive(Debug)]
pub struct Refusal {
    /// The code.
    pub code: Code,
    /// One sentence that says what to mend.
    pub detail: Cow<'static, str>,
    /// Where the message breaks its schema.
    pub errors: Vec<Violation>,
}

impl Refusal {
    /// One without violations.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
        }
    }
}

/// The judgement of an envelope to a peer.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// Deliver it, by this rule where the type has one.
    Deliver(Option<&'a Rule>),
    /// Say nothing.
    Drop,
    /// Tell the sender.
    Refuse(Refusal),
    /// End the sender's session.
    Disconnect(Close),
}

/// What the policy says of an envelope to a peer.
#[derive(Debug)]
pub struct Judgement<'a> {
    /// What becomes of it.
    pub verdict: Verdict<'a>,
    /// Its message does not meet the schema of its type, for which this is what the configuration has in mind.
    pub violation: Option<OnViolation>,
}

impl<'a> From<Verdict<'a>> for Judgement<'a> {
    fn from(verdict: Verdict<'a>) -> Self {
        Self {
            verdict,
            violation: None,
        }
    }
}

impl From<Refusal> for Judgement<'_> {
    fn from(refusal: Refusal) -> Self {
        Verdict::Refuse(refusal).into()
    }
}

impl Policy {
    /// The policy of a configuration. Every schema that does not compile, and every sample that does not
    /// turn out as the configuration says, is one problem.
    pub fn new(config: &Config) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut rules = HashMap::default();
        for kind in &config.schemas.types {
            match Rule::new(config, kind) {
                Ok(rule) => _ = rules.insert(kind.name.clone(), rule),
                Err(found) => problems.extend(found),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            limits: config.limits.clone(),
            timeouts: config.timeouts.clone(),
            servers: config.servers.clone(),
            ids: config.ids.clone(),
            resume: config.resume,
            rules,
            unknown_types: config.schemas.unknown_types,
            server_info: config
                .server_info
                .clone()
                .and_then(|json| RawValue::from_string(json).ok()),
            ice_servers: IceServers::new(&config.ice_servers),
        })
    }

    /// HELLO for the peer with this id.
    pub fn hello(&self, id: &str, resume: Option<ResumeOffer>) -> Text {
        let told = !self.ice_servers.is_empty();
        let ice_servers = told.then(|| self.ice_servers.for_peer(id)).flatten();
        envelope::hello(&Hello {
            id,
            server_info: self.server_info.as_deref(),
            ice_servers: ice_servers.as_deref(),
            resume,
        })
    }

    /// Fresh ICE servers for the peer with this id, which may be none.
    pub fn ice_servers(&self, id: &str) -> Text {
        envelope::ice_servers(self.ice_servers.for_peer(id).as_deref())
    }

    /// How long the credentials that peers are told last; `None`: for ever.
    pub fn ice_lifetime(&self) -> Option<Duration> {
        self.ice_servers.lifetime()
    }

    /// Would another policy tell peers the same ICE servers?
    pub fn has_same_ice_servers(&self, other: &Self) -> bool {
        self.ice_servers == other.ice_servers
    }

    /// Has a configuration entry this fixed server id?
    pub fn is_fixed_id(&self, id: &str) -> bool {
        match &self.servers {
            Servers::Open => false,
            Servers::Passphrases(entries) => {
                entries.iter().any(|entry| entry.id.as_deref() == Some(id))
            }
        }
    }

    /// Has the configuration an entry for this type?
    pub fn names(&self, kind: &str) -> bool {
        self.rules.contains_key(kind)
    }

    /// Has this type a schema?
    pub fn has_schema(&self, kind: &str) -> bool {
        let rule = self.rules.get(kind);
        rule.is_some_and(|rule| rule.schema.is_some())
    }

    /// May an envelope of this role to a peer be delivered?
    pub fn judge(&self, role: Role, envelope: &Envelope<'_>) -> Judgement<'_> {
        let kind = envelope.kind.as_ref();
        let rule = self.rules.get(kind);
        // Two parsers must not be able to read two different messages, whoever sends them and however large
        // they are: that comes first.
        let schema = rule.and_then(|rule| rule.schema.as_ref());
        let message = match schema.map(|_| envelope.checked_message()).transpose() {
            Ok(message) => message,
            Err(error) => {
                let refusal = Refusal::new(Code::InvalidEnvelope, error.to_string());
                return self.invalid(refusal).into();
            }
        };
        if RESERVED_TYPES.contains(&kind) {
            return Refusal::new(
                Code::ReservedType,
                "this type is the relay's own: choose another name, or send it to \"0\"",
            )
            .into();
        }
        match rule {
            Some(rule) => rule.judge(role, envelope, message),
            None if self.unknown_types == UnknownTypes::Allow => Verdict::Deliver(None).into(),
            None => Refusal::new(
                Code::UnknownType,
                "this relay has no schema for this type, and takes only types that have one",
            )
            .into(),
        }
    }

    /// What an invalid envelope costs.
    pub fn invalid(&self, refusal: Refusal) -> Verdict<'static> {
        match self.limits.on_invalid {
            OnInvalid::Reject => Verdict::Refuse(refusal),
            OnInvalid::Disconnect => Verdict::Disconnect(Close::new(4400, refusal.detail)),
        }
    }
}

/// What `check` says of one message.
#[derive(Debug, PartialEq)]
pub enum MessageCheck {
    /// It meets the schema of its type.
    Passes,
    /// Its type has none, and need not.
    NoSchema,
    /// It would be refused before its schema is asked, for this reason.
    Fails(String),
    /// It breaks its schema here.
    Violates(Vec<Violation>),
}

impl Policy {
    /// Judges one message by its type alone, whoever may send it.
    pub fn check_message(&self, kind: &str, message: &str) -> MessageCheck {
        let Some(rule) = self.rules.get(kind) else {
            return match self.unknown_types {
                UnknownTypes::Allow => MessageCheck::NoSchema,
                UnknownTypes::Reject => MessageCheck::Fails(format!(
                    "{kind} has no schema, and only types that have one are allowed"
                )),
            };
        };
        let message = message.trim();
        if let Err(invalid) = envelope::check_message(message) {
            return MessageCheck::Fails(invalid.into_owned());
        }
        if let Some(most) = rule.max_bytes.filter(|most| message.len() > *most) {
            return MessageCheck::Fails(too_large(most));
        }
        let Some(schema) = &rule.schema else {
            return MessageCheck::NoSchema;
        };
        match schema::read_message(message, &mut Tape::default()) {
            Err(error) => MessageCheck::Fails(error.to_string()),
            Ok(message) if schema.is_valid(message) => MessageCheck::Passes,
            Ok(message) => MessageCheck::Violates(schema.explain(message)),
        }
    }
}

impl From<&Invalid> for Refusal {
    fn from(invalid: &Invalid) -> Self {
        Self::new(Code::InvalidEnvelope, invalid.detail.clone())
    }
}

fn too_large(most: usize) -> String {
    format!("`message` of this type may have at most {most} bytes")
}

impl Rule {
    fn new(config: &Config, kind: &MessageType) -> Result<Self, Vec<Problem>> {
        let schema = match &kind.schema {
            Some(source) => {
                Some(samples::compile(config, source).map_err(|problem| vec![problem])?)
            }
            None => None,
        };
        if let Some(schema) = &schema {
            samples::try_all(config, kind, schema)?;
        }
        Ok(Self {
            schema,
            from_server: kind.from_server,
            from_client: kind.from_client,
            max_bytes: kind.max_bytes,
            on_violation: kind.on_violation,
            delivery: kind.delivery,
            drop_on_full: kind.drop_on_full,
        })
    }

    fn judge(
        &self,
        role: Role,
        envelope: &Envelope<'_>,
        message: Option<Node<'_>>,
    ) -> Judgement<'_> {
        let allowed = match role {
            Role::Server => self.from_server,
            Role::Client => self.from_client,
        };
        if !allowed {
            return Refusal::new(
                Code::ForbiddenType,
                format!("a {} may not send this type", role.as_str()),
            )
            .into();
        }
        if let Some(most) = self.max_bytes.filter(|most| envelope.message.len() > *most) {
            return Refusal::new(Code::TooLarge, too_large(most)).into();
        }
        match (&self.schema, message) {
            (Some(schema), Some(message)) if !schema.is_valid(message) => Judgement {
                verdict: self.violated(schema, envelope, message),
                violation: Some(self.on_violation),
            },
            _ => Verdict::Deliver(Some(self)).into(),
        }
    }

    fn violated(&self, schema: &Schema, envelope: &Envelope<'_>, message: Node<'_>) -> Verdict<'_> {
        match self.on_violation {
            OnViolation::Reject => Verdict::Refuse(Refusal {
                code: Code::SchemaViolation,
                detail: "the message does not meet the schema of its type; see errors".into(),
                errors: schema.explain(message),
            }),
            OnViolation::Drop => Verdict::Drop,
            OnViolation::Disconnect => Verdict::Disconnect(Close::new(
                4422,
                format!("a message does not meet the schema of {}", envelope.kind),
            )),
            OnViolation::Observe => Verdict::Deliver(Some(self)),
        }
    }
}
