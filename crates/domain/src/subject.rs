//! The data subject: a person whose data is sealed, and whose key can be destroyed.

use crate::decide::draft::{Draft, Why};
use crate::decision::{ClaimChange, Class, Event as AnyEvent};
use crate::id::{ContactId, LeadId, SubjectId};
use crate::{Refusal, StreamId, contact, lead};

/// Most subjects that one event of an erasure lists: an event holds so many, and an append enough of them for any
/// lead, because somebody captured again is sealed under a subject that their lead has already.
pub const SUBJECTS_PER_EVENT_MAX: usize = 1_000;

/// What happens to a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The person's keys were ordered destroyed (decision), on the stream of their first subject: all of their
    /// subjects are listed by the lead or contact. From here on nothing opens what the keys sealed.
    Erased {
        /// The lead through which the person was known.
        lead: Option<LeadId>,
        /// The contact through which they were known, where no lead was.
        contact: Option<ContactId>,
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
    EraseLead(LeadId),
    /// Destroy the keys of the subjects of a contact that was opened directly, and release its key. The person of a
    /// contact that a conversion opened is erased through the lead.
    EraseContact(ContactId),
}

/// What is known of a subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The key has been ordered destroyed.
    pub erased: bool,
}

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
    match *command {
        Command::EraseLead(id) => {
            let state = draft.lead(id).ok_or(Refusal::PersonUnknown { contact: false })?;
            if !state.erased {
                let claims = u32::try_from(state.reserved.iter().count()).unwrap_or(u32::MAX);
                let listed = |subjects| AnyEvent::Lead(lead::Event::SubjectErased { subjects });
                erase(draft, StreamId::Lead(id), &state.subjects, &listed);
                certify(draft, &state.subjects, (Some(id), None), claims);
            }
        }
        Command::EraseContact(id) => {
            let state = draft.contact(id).ok_or(Refusal::PersonUnknown { contact: true })?;
            if !state.erased {
                let listed =
                    |subjects| AnyEvent::Contact(contact::Event::SubjectErased { subjects });
                erase(draft, StreamId::Contact(id), &state.subjects, &listed);
                certify(draft, &state.subjects, (None, Some(id)), 0);
            }
        }
    }
    Ok(())
}

/// Lists the subjects on the stream through which the person is known, and lets go of what their data made.
fn erase(
    draft: &mut Draft<'_>,
    stream: StreamId,
    subjects: &[SubjectId],
    listed: &dyn Fn(Vec<SubjectId>) -> AnyEvent,
) {
    let pages = subjects.chunks(SUBJECTS_PER_EVENT_MAX).map(<[SubjectId]>::to_vec);
    let none = subjects.is_empty().then(Vec::new);
    for page in pages.chain(none) {
        draft.propose(stream, listed(page), Why::rule("subject.erased"));
    }
    for subject in subjects {
        draft.claim(ClaimChange::ReleaseSubject(*subject));
    }
}

fn certify(
    draft: &mut Draft<'_>,
    subjects: &[SubjectId],
    (lead, contact): (Option<LeadId>, Option<ContactId>),
    claims_released: u32,
) {
    if let Some(first) = subjects.first() {
        let event = Event::Erased { lead, contact, claims_released };
        let why = Why::rule("subject.erased");
        draft.propose(StreamId::Subject(*first), AnyEvent::Subject(event), why);
    }
}
