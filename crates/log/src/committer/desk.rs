//! What a job may ask while it decides.

use super::Model;
use super::cache::Cache;
use crate::types::{ClaimHolder, ClaimKey, StreamKey};
use std::collections::HashSet;
use std::sync::Arc;

/// State in memory: of streams with their version, and of claims. Runs ahead of the log by what is not settled yet.
pub(super) struct Book<M: Model> {
    pub(super) streams: Cache<StreamKey, (u64, Arc<M::State>)>,
    pub(super) claims: Cache<ClaimKey, Option<ClaimHolder>>,
}

impl<M: Model> Book<M> {
    /// Forgets the claims that these streams hold, so that no claim in memory is older than its holder: a decision on
    /// an older one would not be sent back.
    pub(super) fn forget_held(&mut self, streams: &HashSet<StreamKey>) {
        if !streams.is_empty() {
            let held = |holder: &ClaimHolder| streams.contains(&holder.holder);
            self.claims.remove_where(|holder| holder.as_ref().is_some_and(held));
        }
    }

    /// Forgets which of these claims are free. No stream tells when somebody else takes them.
    pub(super) fn forget_free(&mut self, claims: &[ClaimKey]) {
        for key in claims {
            if self.claims.get(key).is_some_and(Option::is_none) && !self.claims.is_pinned(key) {
                self.claims.remove(key);
            }
        }
    }
}

/// Streams and claims.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) streams: Vec<StreamKey>,
    pub(super) claims: Vec<ClaimKey>,
}

impl Keys {
    pub(super) fn is_empty(&self) -> bool {
        self.streams.is_empty() && self.claims.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.streams.clear();
        self.claims.clear();
    }
}

/// Where a job finds the state of streams and claims.
///
/// Ask for everything that will be needed before answering [`Wait`](super::Step::Wait): what is missing is loaded
/// in one go. Every stream that was asked for is a condition of the append, whether the decision says so or not; so is
/// the stream of whoever holds a claim that was asked for.
pub struct Desk<'a, M: Model> {
    pub(super) model: &'a M,
    pub(super) book: &'a mut Book<M>,
    /// Everything asked for.
    pub(super) asked: &'a mut Keys,
    /// What of it is not in memory.
    pub(super) missing: &'a mut Keys,
    /// Claims that were read for this job. That a claim is free is believed by whoever it was read for and by nobody
    /// who came later: no stream tells when somebody else takes it.
    pub(super) read: &'a [ClaimKey],
}

impl<M: Model> Desk<'_, M> {
    /// Version and state of a stream; `None` where it must be loaded first.
    pub fn stream(&mut self, stream: &StreamKey) -> Option<(u64, Arc<M::State>)> {
        self.asked.streams.push(*stream);
        let known = self.book.streams.get(stream).map(|(version, state)| (*version, state.clone()));
        if known.is_none() {
            self.missing.streams.push(*stream);
        }
        known
    }

    /// A stream that this very command begins, under an id minted for it: without events, and nothing is read.
    /// The append's condition proves it.
    pub fn fresh(&mut self, stream: &StreamKey) -> (u64, Arc<M::State>) {
        (0, Arc::new(self.model.initial(stream)))
    }

    /// Who holds a claim; `None` where it, or the holder's stream, must be loaded first: a claim is let go with an event
    /// of its holder.
    #[expect(clippy::option_option, reason = "not known yet, and known to be free, are two things")]
    pub fn claim(&mut self, key: &ClaimKey) -> Option<Option<ClaimHolder>> {
        self.asked.claims.push(*key);
        let known = self.book.claims.get(key).copied();
        match known {
            Some(Some(holder)) => self.stream(&holder.holder).map(|_| Some(holder)),
            Some(None) if self.read.contains(key) || self.book.claims.is_pinned(key) => Some(None),
            Some(None) | None => {
                self.missing.claims.push(*key);
                None
            }
        }
    }

    /// Has a stream read again, for what is in memory may be behind what others have appended. Whether it will be: not
    /// where an append that changes it is on its way.
    pub fn forget(&mut self, stream: &StreamKey) -> bool {
        let forgets = !self.book.streams.is_pinned(stream);
        if forgets {
            self.book.streams.remove(stream);
        }
        forgets
    }
}

impl<M: Model> std::fmt::Debug for Desk<'_, M> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Desk").finish_non_exhaustive()
    }
}
