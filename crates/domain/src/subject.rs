//! The data subject: a person whose data is sealed, and whose key can be destroyed.

use crate::id::{LeadId, SubjectId};

/// What happens to a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The key was ordered destroyed (decision). From here on nothing opens what it sealed.
    Erased {
        /// The lead through which the person was known.
        lead: Option<LeadId>,
        /// Claims on match keys that were released.
        claims_released: u32,
    },
}

/// What can be asked of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Destroy the keys of this lead's subjects, and release its match keys.
    Erase {
        /// The lead.
        lead: LeadId,
    },
}

/// What is known of a subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The key has been ordered destroyed.
    pub erased: bool,
}

/// The subjects of one lead.
pub type Subjects = Vec<SubjectId>;
