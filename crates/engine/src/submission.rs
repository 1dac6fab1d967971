//! A command on its way in, before anything is known about its target, and what comes back.

use crate::role::Role;
use leadline_domain::actor::Actor;
use leadline_domain::decision::Mode;
use leadline_domain::{StreamId, Timestamp, account, campaign, config, contact, lead, opportunity};
use leadline_events::PersonalFields;
use leadline_log::Position;
use serde_json::value::RawValue;
use uuid::Uuid;

/// Longest idempotency key or external key, in bytes.
pub const KEY_BYTES_MAX: usize = 256;

/// Whether and how a repetition of the command would be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// The client named none: the command gets an id of its own and cannot be repeated.
    None,
    /// The client's own key, unique for ever. At most [`KEY_BYTES_MAX`] bytes.
    Key(String),
    /// An id made by leadline itself, such as a timer's.
    Id(Uuid),
}

/// Who sends a command, and with which rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose name the events will carry.
    pub actor: Actor,
    /// What they may do.
    pub role: Role,
}

/// What a command is addressed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Something new, or the one thing of its kind (the configuration).
    New,
    /// Something with this id.
    Id(Uuid),
    /// Something that a source system knows by this key. For a campaign: its key.
    /// For `CaptureLead` and `OpenOpportunity`: the key that the new one will be known by.
    Key(String),
}

/// Through what a person is known whose data is to be erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Through {
    /// A lead.
    Lead,
    /// A contact.
    Contact,
}

/// What is asked. Slots for envelopes are empty: the engine seals [`Submission::personal`] and fills them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Of a lead.
    Lead(lead::Command),
    /// Of an account.
    Account(account::Command),
    /// Of a contact.
    Contact(contact::Command),
    /// Of an opportunity.
    Opportunity(opportunity::Command),
    /// Of a campaign.
    Campaign(campaign::Command),
    /// Of the configuration.
    Config(config::Command),
    /// Destroy the keys of a person's subjects.
    EraseSubject(Through),
}

impl Body {
    /// The command's name, as feeds and the API spell it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Lead(command) => command.name(),
            Self::Account(command) => command.name(),
            Self::Contact(command) => command.name(),
            Self::Opportunity(command) => command.name(),
            Self::Campaign(command) => command.name(),
            Self::Config(command) => command.name(),
            Self::EraseSubject(_) => "EraseSubject",
        }
    }
}

/// A command on its way in.
#[derive(Debug)]
pub struct Submission {
    /// How a repetition would be known.
    pub idempotency: Idempotency,
    /// Who sends it.
    pub caller: Caller,
    /// What it is addressed to.
    pub target: Target,
    /// What is asked.
    pub body: Body,
    /// The personal data of the command, in clear. For an account, its name as [`Field::Company`].
    ///
    /// [`Field::Company`]: leadline_domain::sealed::Field::Company
    pub personal: PersonalFields,
    /// Free text of a note, in clear.
    pub note: Option<String>,
    /// The key by which the source system knows the account of a conversion or opening.
    pub account_key: Option<String>,
    /// What the command said, as canonical JSON, without anything personal: kept in the trigger.
    pub payload: Box<RawValue>,
    /// When it happened; now where absent.
    pub occurred_at: Option<Timestamp>,
    /// The present, for an import; the clock's where absent.
    pub now: Option<Timestamp>,
    /// The version that the target must have.
    pub if_version: Option<u64>,
    /// How strictly the rules apply.
    pub mode: Mode,
    /// W3C trace id, where the caller sent one.
    pub trace_id: Option<String>,
}

impl Submission {
    /// A command of leadline's own making: now, live, without personal data, and with nothing to compare with.
    pub(crate) fn plain(
        caller: Caller,
        target: Target,
        body: Body,
        payload: Box<RawValue>,
    ) -> Self {
        Self {
            idempotency: Idempotency::None,
            caller,
            target,
            body,
            personal: PersonalFields::default(),
            note: None,
            account_key: None,
            payload,
            occurred_at: None,
            now: None,
            if_version: None,
            mode: Mode::Live,
            trace_id: None,
        }
    }
}

/// One event of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// Its place in the log.
    pub position: Position,
    /// Its stream.
    pub stream: StreamId,
    /// Its place in the stream.
    pub version: u64,
    /// Name of its type.
    pub event_type: String,
}

/// What a command led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The last event's place in the log: what `wait` waits for.
    pub position: Position,
    /// What the command was about; for a capture of somebody known, the lead that they already were.
    pub target: StreamId,
    /// The target's version after the command.
    pub version: u64,
    /// What happened; empty where everything already was so.
    pub events: Vec<Happened>,
    /// The command had been handled before; this is its first result.
    pub repeated: bool,
    /// When the next step on the target falls due, where one does.
    pub next_due: Option<Timestamp>,
}
