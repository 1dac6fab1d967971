//! The data subject: a person whose data is sealed, and whose key can be destroyed.

use crate::decide::draft::{Draft, Why};
use crate::decision::{ClaimChange, Class, Event as AnyEvent};
use crate::id::{LeadId, SubjectId};
use crate::{Refusal, StreamId, lead};

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

impl Event {
    /// Where the event comes from.
    pub const fn class(&self) -> Class {
        match self {
            Self::Erased { .. } => Class::Decision,
        }
    }
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

impl State {
    /// Folds `event`. Total.
    pub const fn evolve(&mut self, event: &Event) {
        match event {
            Event::Erased { .. } => self.erased = true,
        }
    }
}

/// Decides one command on a data subject.
pub(crate) fn decide(draft: &mut Draft<'_>, command: &Command) -> Result<(), Refusal> {
    let Command::Erase { lead } = *command;
    let state = draft.lead(lead).ok_or(Refusal::LeadUnknown)?;
    if state.erased {
        return Ok(());
    }
    let why = || Why::rule("subject.erased");
    let subjects = state.subjects.clone();
    let claims_released = u32::try_from(state.reserved.iter().count()).unwrap_or(u32::MAX);
    let event = lead::Event::SubjectErased { subjects: subjects.clone() };
    draft.propose(StreamId::Lead(lead), AnyEvent::Lead(event), why());
    // All that the lead holds was made of its first subject's data, or of the same person's under another key.
    let mut released = claims_released;
    for subject in subjects {
        let claims_released = std::mem::take(&mut released);
        let event = Event::Erased { lead: Some(lead), claims_released };
        draft.propose(StreamId::Subject(subject), AnyEvent::Subject(event), why());
        draft.claim(ClaimChange::ReleaseSubject(subject));
    }
    Ok(())
}
