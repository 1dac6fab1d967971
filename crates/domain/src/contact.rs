//! The contact: a person at an account.

use crate::decide::draft::Draft;
use crate::decision::{Class, Event as AnyEvent};
use crate::id::{AccountId, ContactId, LeadId, SubjectId};
use crate::sealed::{FieldSet, Sealed};
use crate::{Refusal, StreamId};

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
        /// The subject whose key seals what is personal about this contact.
        subject: Option<SubjectId>,
    },
    /// Personal fields changed (fact).
    Changed {
        /// The fields that changed.
        person: Sealed,
        /// Which fields `person` holds.
        fields: FieldSet,
    },
    /// The keys of these subjects were ordered destroyed: what they sealed is gone (decision).
    SubjectErased {
        /// The contact's subjects.
        subjects: Vec<SubjectId>,
    },
}

impl Event {
    /// Where the event comes from.
    pub const fn class(&self) -> Class {
        match self {
            Self::Opened { .. } | Self::Changed { .. } => Class::Fact,
            Self::SubjectErased { .. } => Class::Decision,
        }
    }
}

/// What can be asked of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Open it.
    Open {
        /// Where the person works.
        account: AccountId,
        /// The subject under whose key `person` is sealed; minted for this command. Always set by the engine.
        subject: Option<SubjectId>,
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
    /// The lead whose conversion opened it.
    pub origin: Option<LeadId>,
    /// The subjects under whose keys its personal data is sealed, oldest first.
    pub subjects: Vec<SubjectId>,
    /// Whether its subjects' keys were ordered destroyed.
    pub erased: bool,
}

impl State {
    /// Folds `event`. Total.
    pub fn evolve(&mut self, event: &Event) {
        match event {
            Event::Opened { account, origin, person, subject, .. } => {
                self.account = Some(*account);
                self.origin = *origin;
                let sealed = person.as_ref().map(|person| person.subject);
                subject.iter().chain(&sealed).for_each(|subject| self.add_subject(*subject));
            }
            Event::Changed { person, .. } => self.add_subject(person.subject),
            Event::SubjectErased { .. } => self.erased = true,
        }
    }

    fn add_subject(&mut self, subject: SubjectId) {
        if !self.subjects.contains(&subject) {
            self.subjects.push(subject);
        }
    }
}

/// Decides one command on the contact `id`.
pub(crate) fn decide(
    draft: &mut Draft<'_>,
    id: ContactId,
    command: &Command,
) -> Result<(), Refusal> {
    let known = draft.contact(id);
    let event = match command {
        Command::Open { .. } if known.is_some() => {
            return Err(Refusal::AlreadyExists { what: "contact" });
        }
        Command::Open { account, .. } if draft.account(*account).is_none() => {
            return Err(Refusal::AccountUnknown);
        }
        Command::Open { account, subject, person, fields } => Event::Opened {
            account: *account,
            origin: None,
            person: person.clone(),
            fields: *fields,
            subject: *subject,
        },
        Command::Update { .. } if known.is_none() => return Err(Refusal::ContactUnknown),
        Command::Update { .. } if known.is_some_and(|known| known.erased) => {
            return Err(Refusal::Erased);
        }
        Command::Update { person: Some(person), fields } => {
            Event::Changed { person: person.clone(), fields: *fields }
        }
        Command::Update { person: None, .. } => return Ok(()),
    };
    draft.fact(StreamId::Contact(id), AnyEvent::Contact(event));
    Ok(())
}
