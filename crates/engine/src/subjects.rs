//! A bounded memory of which subject a lead is sealed under, so that a note need not read the lead first.

use crate::engine::Engine;
use crate::error::Error;
use crate::prepare::{Address, Prepared};
use crate::submission::Body;
use leadline_domain::id::{LeadId, SubjectId};
use leadline_domain::{Event, StreamId, contact, lead};
use leadline_events::{Decoded, decode, stream_key};
use leadline_log::types::{ClaimHolder, NewEvent, Read, Scope};
use leadline_log::{ClaimKey, Position, Recorded};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

/// Most leads remembered.
const SUBJECTS_MAX: usize = 100_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Id(Uuid),
    Held(ClaimKey),
}

/// Subjects by how commands address their leads. Forgets everything when full: it is only a shortcut.
#[derive(Debug, Default)]
pub(crate) struct Subjects {
    known: Mutex<BTreeMap<Name, SubjectId>>,
}

const fn name(address: &Address) -> Option<Name> {
    match address {
        Address::Id(id) => Some(Name::Id(*id)),
        Address::Held(claim) => Some(Name::Held(*claim)),
        Address::New | Address::Campaign(_) => None,
    }
}

impl Subjects {
    pub(crate) fn get(&self, address: &Address) -> Option<SubjectId> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&name(address)?).copied()
    }

    pub(crate) fn put(&self, address: &Address, subject: SubjectId) {
        if let Some(name) = name(address) {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= SUBJECTS_MAX {
                known.clear();
            }
            known.insert(name, subject);
        }
    }

    fn forget(&self, address: &Address) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        name(address).is_some_and(|name| known.remove(&name).is_some())
    }

    /// Notes a subject unless the lead is known already: the first capture decides.
    pub(crate) fn put_new(&self, address: &Address, subject: SubjectId) {
        if self.get(address).is_none() {
            self.put(address, subject);
        }
    }
}

impl Engine {
    /// The subjects whose keys were ordered destroyed with those of this lead or contact.
    pub(crate) async fn erased_subjects(&self, stream: StreamId) -> Result<Vec<Uuid>, Error> {
        let failed = |error| Error::failed("event log", error);
        let streams = self.log.streams(&[stream_key(&stream)]).await.map_err(failed)?;
        erased_in(streams.iter().flatten())
    }

    /// The subject whose key seals what is personal about the command's target, where that is a lead that is known.
    pub(crate) async fn known_subject(
        &self,
        prepared: &Prepared,
    ) -> Result<Option<SubjectId>, Error> {
        let failed = |error| Error::failed("event log", error);
        if matches!(prepared.body, Body::Lead(lead::Command::Capture(_)) | Body::Account(_)) {
            return Ok(None);
        }
        if let Some(subject) = self.subjects.get(&prepared.address) {
            return Ok(Some(subject));
        }
        let stream = match &prepared.address {
            Address::New | Address::Campaign(_) => None,
            Address::Id(id) => match prepared.body {
                Body::Lead(_) => Some(stream_key(&StreamId::Lead(LeadId(*id)))),
                Body::Contact(_) => {
                    Some(stream_key(&StreamId::Contact(leadline_domain::id::ContactId(*id))))
                }
                _ => None,
            },
            Address::Held(claim) => {
                let held = self.log.claims(&[*claim]).await.map_err(failed)?;
                held.into_iter().next().flatten().map(|held| held.holder)
            }
        };
        let Some(stream) = stream else { return Ok(None) };
        let first = Read::next(Scope::Stream(stream), Position::START);
        let page = self.log.read(first).await.map_err(failed)?;
        let subject = page.events.first().and_then(subject_of);
        if let Some(subject) = subject {
            self.subjects.put(&prepared.address, subject);
        }
        Ok(subject)
    }

    /// The same once more, where what was remembered may be out of date: another process may have let go of the
    /// address since, and somebody else have it.
    pub(crate) async fn known_subject_anew(
        &self,
        prepared: &Prepared,
    ) -> Result<Option<SubjectId>, Error> {
        if self.subjects.forget(&prepared.address) {
            self.known_subject(prepared).await
        } else {
            Ok(None)
        }
    }

    /// Notes the subject of a lead that is about to be captured, for commands that follow at once.
    pub(crate) fn remember_subject(&self, prepared: &Prepared, subject: SubjectId) {
        if matches!(prepared.body, Body::Lead(lead::Command::Capture(_))) {
            for claim in prepared.matches.iter().filter_map(crate::claims::of_match) {
                // Where history comes over, a match key other than the lead's own leads to nobody.
                if claim.space == crate::claims::LEAD_KEYS || prepared.mode.enforces() {
                    self.subjects.put_new(&Address::Held(claim), subject);
                }
            }
        }
    }

    /// The subject that the lead which a capture may find was last seen to have.
    pub(crate) fn likely_subject(&self, prepared: &Prepared) -> Option<SubjectId> {
        let captures = matches!(prepared.body, Body::Lead(lead::Command::Capture(_)));
        let claims = prepared.matches.iter().filter_map(crate::claims::of_match);
        let mut claims = claims.filter(|_| captures && prepared.mode.enforces());
        claims.find_map(|claim| self.subjects.get(&Address::Held(claim)))
    }

    /// Notes whose data made a claim.
    pub(crate) fn learn_subject(&self, claim: ClaimKey, held: &ClaimHolder) {
        if let Some(subject) = held.subject {
            self.subjects.put(&Address::Held(claim), SubjectId(subject));
        }
    }
}

/// Types of events that list erased subjects.
const ERASURES: [&str; 2] = ["lead.subject_erased", "contact.subject_erased"];

/// Whether the event lists erased subjects.
pub(crate) fn erases(event: &NewEvent) -> bool {
    ERASURES.contains(&&*event.event_type)
}

/// The subjects whose keys `recorded` order destroyed.
pub(crate) fn erased_in<'a>(
    recorded: impl Iterator<Item = &'a Recorded>,
) -> Result<Vec<Uuid>, Error> {
    let mut erased = Vec::new();
    for event in recorded.map(|one| &one.event) {
        if erases(event) {
            let decoded = decode(&event.event_type, event.schema_version, &event.data)
                .map_err(|error| Error::failed("event log", error))?;
            if let Decoded::Known(known) = decoded {
                erased.extend(known.erases().iter().map(|subject| subject.0));
            }
        }
    }
    Ok(erased)
}

/// The subject that a stream's first event names.
fn subject_of(recorded: &Recorded) -> Option<SubjectId> {
    let event = &recorded.event;
    match decode(&event.event_type, event.schema_version, &event.data).ok()? {
        Decoded::Known(Event::Lead(lead::Event::Captured { subject, .. })) => Some(subject),
        Decoded::Known(Event::Contact(contact::Event::Opened { subject, .. })) => subject,
        _ => None,
    }
}
