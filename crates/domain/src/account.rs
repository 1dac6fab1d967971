//! The account: a company.

use crate::id::{LeadId, SubjectId};
use crate::sealed::Sealed;

/// What happens to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was opened (fact): directly, or by the conversion of `origin`.
    Opened {
        /// The lead whose conversion opened it.
        origin: Option<LeadId>,
        /// The name: a copy of the lead's envelope, or an envelope of the account's own. `None` where nothing is known.
        details: Option<Sealed>,
        /// The subject of `details`.
        subject: Option<SubjectId>,
        /// Who has it.
        owner: Option<String>,
    },
    /// Its name changed (fact).
    Renamed {
        /// The name, sealed.
        details: Sealed,
    },
}

/// What can be asked of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Open it.
    Open {
        /// The name, sealed under the account's own subject. Always set by the engine.
        details: Option<Sealed>,
        /// Who has it; the actor where absent.
        owner: Option<String>,
    },
    /// Change the name.
    Rename {
        /// The name, sealed. Always set by the engine.
        details: Option<Sealed>,
    },
}

impl Command {
    /// The command's name, as feeds and the API spell it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open { .. } => "OpenAccount",
            Self::Rename { .. } => "RenameAccount",
        }
    }
}

/// What is known of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Whether it has been opened.
    pub opened: bool,
    /// The subject under whose key its name is sealed.
    pub subject: Option<SubjectId>,
    /// The latest name.
    pub details: Option<Sealed>,
    /// Who has it.
    pub owner: Option<String>,
}
