//! The contact: a person at an account.

use crate::id::{AccountId, LeadId, SubjectId};
use crate::sealed::{FieldSet, Sealed};

/// What happens to a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was opened (fact): directly, or by the conversion of `origin`.
    Opened {
        /// Where the person works.
        account: AccountId,
        /// The lead whose conversion opened it.
        origin: Option<LeadId>,
        /// Personal fields.
        person: Option<Sealed>,
        /// Which fields `person` holds.
        fields: FieldSet,
        /// The subject of `person`.
        subject: Option<SubjectId>,
    },
    /// Personal fields changed (fact).
    Changed {
        /// The fields that changed.
        person: Sealed,
        /// Which fields `person` holds.
        fields: FieldSet,
    },
}

/// What can be asked of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Open it.
    Open {
        /// Where the person works.
        account: AccountId,
        /// Personal fields.
        person: Option<Sealed>,
        /// Which fields `person` holds.
        fields: FieldSet,
    },
    /// Change personal fields.
    Update {
        /// The fields to change. Always set by the engine.
        person: Option<Sealed>,
        /// Which fields `person` holds.
        fields: FieldSet,
    },
}

impl Command {
    /// The command's name, as feeds and the API spell it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open { .. } => "OpenContact",
            Self::Update { .. } => "UpdateContact",
        }
    }
}

/// What is known of a contact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Where the person works; `None` before it is opened.
    pub account: Option<AccountId>,
    /// The subject under whose key the personal fields are sealed.
    pub subject: Option<SubjectId>,
    /// The envelopes, oldest first; later fields replace earlier ones.
    pub person: Vec<Sealed>,
}
