//! Deciding with every other writer of the log kept out.
//!
//! Deciding ahead of the log and trying again works as long as others seldom write the same streams. Where they do,
//! whoever tries again comes too late again. So a command that was sent back is decided while the log is held, and
//! for a while after that so is everything else.

use super::worker::Worker;
use super::{Model, Outcome};
use crate::types::{Direction, Position, Read, Recorded, Scope};
use std::collections::HashSet;
use std::sync::Arc;

/// Batches that are decided with the log held after somebody else was last seen to write the same streams.
const CONTENDED_BATCHES: u8 = 16;
/// Most events of others that are taken in under the lock. What lies beyond is found out by being sent back.
const REFRESH_EVENTS_MAX: usize = 2_000;

/// How far this committer is from being alone with its streams.
#[derive(Debug, Default)]
pub(super) struct Contention {
    /// Whether the log is held.
    pub(super) holding: bool,
    /// Batches still to be decided with the log held.
    batches: u8,
    /// The streams in memory reflect every event up to here, whoever wrote it.
    reflected: Position,
}

impl Contention {
    pub(super) fn begin(head: Position) -> Self {
        Self { reflected: head, ..Self::default() }
    }

    /// Whether jobs may be decided now.
    pub(super) const fn decides(&self) -> bool {
        self.holding || self.batches == 0
    }

    /// Somebody else wrote what a decision rested on.
    pub(super) const fn met(&mut self) {
        self.batches = CONTENDED_BATCHES;
    }

    /// Takes note of an append of this committer.
    pub(super) fn committed(&mut self, first: Position, last: Position) {
        if first == self.reflected.next() {
            self.reflected = last;
        }
    }
}

impl<M: Model> Worker<M> {
    /// Holds the log where what waits should be decided so.
    pub(super) async fn hold_where_contended(&mut self) {
        let again = self.waiting.iter().any(|entry| entry.attempts > 0);
        let waits = !self.waiting.is_empty() && self.contention.batches > 0;
        if self.flight.is_some() || self.contention.holding || !(again || waits) {
            return;
        }
        match self.backend.hold().await {
            Ok(()) => {
                self.contention.holding = true;
                metrics::counter!("leadline_holds_total").increment(1);
                // What was read before the log was held may be out of date.
                self.loading = None;
                self.refresh().await;
                self.drain();
            }
            Err(error) => {
                self.contention.batches = 0;
                let error = Arc::new(error);
                for entry in std::mem::take(&mut self.waiting) {
                    if entry.attempts > 0 {
                        entry.job.finish(Outcome::Failed(Arc::clone(&error)));
                    } else {
                        self.waiting.push_back(entry);
                    }
                }
            }
        }
    }

    /// Takes in what others have appended meanwhile.
    async fn refresh(&mut self) {
        let read = Read {
            scope: Scope::All,
            after: self.contention.reflected,
            through: None,
            direction: Direction::Forward,
            limit: REFRESH_EVENTS_MAX,
        };
        self.contention.batches = self.contention.batches.saturating_sub(1);
        match self.backend.read(read).await {
            Ok(page) => {
                let mut loose = HashSet::new();
                for event in &page.events {
                    if self.follow(event) {
                        self.contention.met();
                        loose.extend(self.model.lets_go(event).then_some(event.event.stream));
                    }
                }
                self.book.forget_held(&loose);
                self.contention.reflected = page.head;
                self.ports.announce(page.head);
            }
            // What is out of date is sent back and read again.
            Err(error) => tracing::warn!(%error, "Could not read what others have appended"),
        }
    }

    /// Takes an event of somebody else into the state of its stream. Whether that was in memory and behind.
    fn follow(&mut self, event: &Recorded) -> bool {
        let stream = event.event.stream;
        let Some((version, state)) = self.book.streams.get(&stream) else { return false };
        let version = *version;
        if version >= event.version {
            return false;
        }
        let mut state = M::State::clone(state);
        if version + 1 == event.version && self.model.fold(&mut state, event).is_ok() {
            self.book.streams.put(stream, (event.version, Arc::new(state)));
        } else {
            self.book.streams.remove(&stream);
        }
        true
    }

    /// Whether the batch waits for what is being read for those who were sent back: the log is let go with it.
    pub(super) const fn completes(&self) -> bool {
        self.contention.holding && self.loading.is_some()
    }

    /// Lets the log go where nothing is left to append.
    pub(super) async fn release_where_idle(&mut self) {
        if self.contention.holding && self.appends.is_empty() && self.loading.is_none() {
            self.contention.holding = false;
            self.backend.release().await;
        }
    }
}
