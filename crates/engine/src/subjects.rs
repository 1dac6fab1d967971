//! A bounded memory of which subject a lead is sealed under, so that a note need not read the lead first.

use crate::prepare::Address;
use leadline_domain::id::SubjectId;
use leadline_log::ClaimKey;
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

    /// Notes a subject unless the lead is known already: the first capture decides.
    pub(crate) fn put_new(&self, address: &Address, subject: SubjectId) {
        if self.get(address).is_none() {
            self.put(address, subject);
        }
    }
}
