//! The `config` stream: policies, catalogues and people. Every decision is conditioned on it.

pub mod decide;
mod names;
pub mod state;

pub use state::State;

use crate::decision::Class;
use crate::policy::{Document, PolicyRef};
use crate::time::Timestamp;

/// Most names of one catalogue: nobody keeps more apart, and every start reads them.
pub const NAMES_PER_CATALOGUE_MAX: usize = 10_000;

/// A list of names that leads and opportunities refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Catalogue {
    /// Lead sources.
    Source,
    /// Channels of touches.
    Channel,
    /// Queues of work.
    Queue,
    /// Stages of opportunities beside the plan's.
    Stage,
    /// Reasons for leaving without a sale.
    Reason,
    /// Products.
    Product,
    /// People who act and own.
    Person,
}

impl Catalogue {
    /// Every catalogue.
    pub const ALL: [Self; 7] = [
        Self::Source,
        Self::Channel,
        Self::Queue,
        Self::Stage,
        Self::Reason,
        Self::Product,
        Self::Person,
    ];

    /// The catalogue's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Channel => "channel",
            Self::Queue => "queue",
            Self::Stage => "stage",
            Self::Reason => "reason",
            Self::Product => "product",
            Self::Person => "person",
        }
    }

    /// The catalogue of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|catalogue| catalogue.name() == name)
    }
}

/// What happens to the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A policy version was published (decision). It never changes.
    PolicyPublished {
        /// Name, version and hash.
        reference: PolicyRef,
        /// The policy.
        document: Box<Document>,
        /// The document as it was given, canonical JSON: what the hash is of.
        source: String,
    },
    /// A published version is in force from an instant on (decision).
    PolicyActivated {
        /// Which.
        reference: PolicyRef,
        /// From when.
        effective_from: Timestamp,
    },
    /// A name was seen for the first time (fact).
    NameRegistered {
        /// In which catalogue.
        catalogue: Catalogue,
        /// The name.
        name: String,
    },
    /// Somebody may call the API (decision).
    KeyCreated {
        /// The key's public id.
        key: String,
        /// What it is for.
        label: String,
        /// The role.
        role: String,
        /// The secret's digest, in hexadecimal.
        digest: String,
    },
    /// A key is no longer good (decision).
    KeyRevoked {
        /// The key's public id.
        key: String,
    },
}

impl Event {
    /// Where the event comes from.
    pub const fn class(&self) -> Class {
        match self {
            Self::NameRegistered { .. } => Class::Fact,
            Self::PolicyPublished { .. }
            | Self::PolicyActivated { .. }
            | Self::KeyCreated { .. }
            | Self::KeyRevoked { .. } => Class::Decision,
        }
    }
}

/// What can be asked of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Publish a policy version.
    Publish {
        /// The policy.
        document: Box<Document>,
        /// Canonical JSON.
        source: String,
        /// Name, version and hash of `source`.
        reference: PolicyRef,
    },
    /// Put a published version in force.
    Activate {
        /// `name@version`.
        policy: String,
        /// From when; now where absent.
        effective_from: Option<Timestamp>,
    },
    /// Create an API key.
    CreateKey {
        /// Public id.
        key: String,
        /// What it is for.
        label: String,
        /// The role.
        role: String,
        /// The secret's digest, in hexadecimal.
        digest: String,
    },
    /// Revoke an API key.
    RevokeKey {
        /// Public id.
        key: String,
    },
}

impl Command {
    /// The command's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Publish { .. } => "PublishPolicy",
            Self::Activate { .. } => "ActivatePolicy",
            Self::CreateKey { .. } => "CreateKey",
            Self::RevokeKey { .. } => "RevokeKey",
        }
    }
}
