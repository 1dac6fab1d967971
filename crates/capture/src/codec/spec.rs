//! What a command is to the edges: its name, its path, its fields, and how its body is built from them.

use super::{ParseError, Values};
use leadline_domain::sealed::Field;
use leadline_engine::submission::Body;

/// What a command is addressed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aggregate {
    /// A lead.
    Lead,
    /// An account.
    Account,
    /// A contact.
    Contact,
    /// An opportunity.
    Opportunity,
    /// A campaign.
    Campaign,
    /// A policy.
    Policy,
    /// A data subject, named by the lead or contact through which they are known.
    Subject,
}

impl Aggregate {
    /// Every aggregate.
    pub const ALL: [Self; 7] = [
        Self::Lead,
        Self::Account,
        Self::Contact,
        Self::Opportunity,
        Self::Campaign,
        Self::Policy,
        Self::Subject,
    ];

    /// The collection's name in paths.
    pub const fn collection(self) -> &'static str {
        match self {
            Self::Lead => "leads",
            Self::Account => "accounts",
            Self::Contact => "contacts",
            Self::Opportunity => "opportunities",
            Self::Campaign => "campaigns",
            Self::Policy => "policies",
            Self::Subject => "subjects",
        }
    }

    /// The aggregate's name for people.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Account => "account",
            Self::Contact => "contact",
            Self::Opportunity => "opportunity",
            Self::Campaign => "campaign",
            Self::Policy => "policy",
            Self::Subject => "subject",
        }
    }
}

/// What a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text of at most so many bytes.
    Text(usize),
    /// An amount in integer minor units (cents); may be negative in type, never in meaning.
    Amount,
    /// Three capital letters of ISO 4217.
    Currency,
    /// An RFC 3339 time, or a date, which is its first instant in UTC.
    Time,
    /// `true` or `false`.
    Flag,
    /// A UUID.
    Id,
    /// One of these names.
    OneOf(&'static [&'static str]),
    /// An object of texts.
    Map,
}

/// Where a field's value goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Into the payload and the body: nothing personal.
    Payload,
    /// Into the sealed details.
    Person(Field),
    /// Into the sealed details, as fields of the company's own.
    Custom,
    /// The text of a note, sealed.
    Note,
    /// The key by which the source system knows the account.
    AccountKey,
    /// The key by which the source system knows the target.
    Key,
}

/// One field of a command.
#[derive(Clone, Copy, Debug)]
pub struct FieldSpec {
    /// Its name in JSON.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Whether the command is refused without it.
    pub required: bool,
    /// Where its value goes.
    pub place: Place,
    /// What it means, for people.
    pub about: &'static str,
}

impl FieldSpec {
    pub(crate) const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, required: false, place: Place::Payload, about }
    }

    pub(crate) const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    pub(crate) const fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// Whether the value is personal data, or may be.
    pub const fn personal(&self) -> bool {
        !matches!(self.place, Place::Payload)
    }
}

/// What becomes of fields that the table does not list, in feeds. The API refuses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extras {
    /// They are refused.
    Refused,
    /// They are custom fields of the person: personal.
    Custom,
    /// They are attributes: business data.
    Attributes,
}

/// One command.
#[derive(Debug)]
pub struct CommandSpec {
    /// Its name in feeds, such as `CaptureLead`.
    pub name: &'static str,
    /// Its name in paths, such as `mark-mql`.
    pub path: &'static str,
    /// What it is addressed to.
    pub aggregate: Aggregate,
    /// Whether it opens its target: it is posted to the collection.
    pub opens: bool,
    /// What it does, for people.
    pub about: &'static str,
    /// Its fields, in groups that commands share.
    pub fields: &'static [&'static [FieldSpec]],
    /// What becomes of other fields in a feed.
    pub extras: Extras,
    /// A payload that is accepted.
    pub example: &'static str,
    pub(crate) build: fn(&mut Values<'_>) -> Result<Body, ParseError>,
}

impl CommandSpec {
    /// The fields, in their declared order.
    pub fn fields(&self) -> impl Iterator<Item = &'static FieldSpec> {
        self.fields.iter().copied().flatten()
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&'static FieldSpec> {
        self.fields().find(|field| field.name == name)
    }
}
