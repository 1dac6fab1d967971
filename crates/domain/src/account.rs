//! The account: a company.

use crate::config::Catalogue;
use crate::decide::draft::Draft;
use crate::decision::{Class, Event as AnyEvent};
use crate::id::{AccountId, LeadId, SubjectId};
use crate::sealed::Sealed;
use crate::{Refusal, StreamId};

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

impl Event {
    /// Where the event comes from.
    pub const fn class(&self) -> Class {
        match self {
            Self::Opened { .. } | Self::Renamed { .. } => Class::Fact,
        }
    }
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
    /// The lead whose conversion opened it.
    pub origin: Option<LeadId>,
    /// The subject under whose key its name is sealed.
    pub subject: Option<SubjectId>,
    /// The latest name.
    pub details: Option<Sealed>,
    /// Who has it.
    pub owner: Option<String>,
}

impl State {
    /// Folds `event`. Total.
    pub fn evolve(&mut self, event: &Event) {
        match event {
            Event::Opened { origin, details, subject, owner } => {
                self.opened = true;
                self.origin = *origin;
                self.subject = *subject;
                self.details.clone_from(details);
                self.owner.clone_from(owner);
            }
            Event::Renamed { details } => self.details = Some(details.clone()),
        }
    }
}

/// Decides one command on the account `id`.
pub(crate) fn decide(
    draft: &mut Draft<'_>,
    id: AccountId,
    command: &Command,
) -> Result<(), Refusal> {
    let known = draft.account(id).is_some();
    let event = match command {
        Command::Open { .. } if known => {
            return Err(Refusal::AlreadyExists { what: "account" });
        }
        Command::Open { details, owner } => {
            let owner = owner.clone().or_else(|| draft.person());
            if let Some(owner) = &owner {
                draft.name(Catalogue::Person, owner)?;
            }
            let subject = details.as_ref().map(|details| details.subject);
            Event::Opened { origin: None, details: details.clone(), subject, owner }
        }
        Command::Rename { .. } if !known => return Err(Refusal::AccountUnknown),
        Command::Rename { details: Some(details) } => Event::Renamed { details: details.clone() },
        Command::Rename { details: None } => return Ok(()),
    };
    draft.fact(StreamId::Account(id), AnyEvent::Account(event));
    Ok(())
}
