//! The dictionary of category and type names, shared by the sessions of one log.

use leadline_log::Append;
use leadline_log::types::{Category, ClaimChange};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// Names and their codes. Holds only what is committed; a writer adds names before it writes events that use them.
#[derive(Debug, Default)]
pub(crate) struct Names {
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    codes: HashMap<String, i64>,
    names: HashMap<i64, String>,
}

impl Names {
    pub(crate) fn learn(&self, code: i64, name: String) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.names.insert(code, name.clone());
        known.codes.insert(name, code);
    }

    pub(crate) fn code(&self, name: &str) -> Option<i64> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).codes.get(name).copied()
    }

    pub(crate) fn name(&self, code: i64) -> Option<String> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).names.get(&code).cloned()
    }

    pub(crate) fn category(&self, code: i64) -> Option<Category> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.names.get(&code).and_then(|name| Category::parse(name))
    }

    /// Those of `wanted` that have no code yet, each once, in order.
    pub(crate) fn unknown<'n>(&self, wanted: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
        let mut unknown: Vec<&str> = wanted.filter(|name| self.code(name).is_none()).collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown
    }
}

/// Every name that a batch needs in the dictionary.
pub(crate) fn words(batch: &[Append]) -> impl Iterator<Item = &str> {
    batch.iter().flat_map(|append| {
        let events = append.events.iter();
        let holders = append.claims.iter().filter_map(|change| match change {
            ClaimChange::Take(_, holder) => Some(holder.holder.category.as_str()),
            ClaimChange::Release(_) | ClaimChange::ReleaseSubject(_) => None,
        });
        events.flat_map(|event| [event.stream.category.as_str(), &*event.event_type]).chain(holders)
    })
}
