//! Sets of streams and claims that decisions may rest on.

use super::flight;
use crate::types::{Append, ClaimKey, StreamKey};
use std::collections::HashSet;

/// Streams and claims: what must be forgotten because the append that made it so did not happen, or what a job that
/// waits has asked for.
#[derive(Default)]
pub(super) struct Affected {
    pub(super) streams: HashSet<StreamKey>,
    pub(super) claims: HashSet<ClaimKey>,
    pub(super) all_claims: bool,
}

impl Affected {
    pub(super) fn is_empty(&self) -> bool {
        self.streams.is_empty() && self.claims.is_empty() && !self.all_claims
    }

    /// Adds all that an append would have changed.
    pub(super) fn add(&mut self, append: &Append) {
        self.streams.extend(append.events.iter().map(|event| event.stream));
        self.claims.extend(flight::changed_claims(append));
        self.all_claims |= flight::releases_subject(append);
    }

    /// Whether the append would change any of it.
    pub(super) fn changed_by(&self, append: &Append) -> bool {
        append.events.iter().any(|event| self.streams.contains(&event.stream))
            || flight::changed_claims(append).any(|key| self.claims.contains(&key))
    }

    /// Whether the append, or a decision that asked for these claims, rests on any of it.
    pub(super) fn concerns(&self, append: &Append, claims: &[ClaimKey]) -> bool {
        self.all_claims
            || append.expect.iter().any(|(stream, _)| self.streams.contains(stream))
            || claims.iter().any(|key| self.claims.contains(key))
            || flight::changed_claims(append).any(|key| self.claims.contains(&key))
    }
}
