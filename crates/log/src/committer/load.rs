//! What is read on behalf of waiting jobs, while all others go on.

use super::desk::Keys;
use super::flight::changed_claims;
use super::worker::Worker;
use super::{Model, Outcome};
use crate::backend::Error;
use crate::types::{Append, ClaimHolder, ClaimKey, Recorded, StreamKey};
use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;

/// The events of each stream and the holder of each claim that were asked for, in order.
type Found = (Vec<Vec<Recorded>>, Vec<Option<ClaimHolder>>);

/// A reading on its way.
///
/// No stream in it can be changed by a job meanwhile: whoever changes a stream has asked for it, and waits. A claim can:
/// one that is free is read for each job anew, and the job that it was read for before may take it.
pub(super) struct Loading {
    streams: Vec<StreamKey>,
    claims: Vec<ClaimKey>,
    /// Claims that were changed since it began: what is found of them is out of date.
    changed: HashSet<ClaimKey>,
    found: Pin<Box<dyn Future<Output = Result<Found, Error>> + Send>>,
}

/// Polls the reading; never ready where there is none.
pub(super) async fn loaded(loading: &mut Option<Loading>) -> Result<Found, Error> {
    match loading {
        Some(loading) => loading.found.as_mut().await,
        None => std::future::pending().await,
    }
}

impl<M: Model> Worker<M> {
    /// Begins to read what the waiting jobs miss, unless a reading is on its way: then it is the next one's turn.
    pub(super) fn begin_load(&mut self) {
        if self.loading.is_some() {
            return;
        }
        let (mut streams, mut claims) = (HashSet::new(), HashSet::new());
        for entry in &self.waiting {
            streams.extend(&entry.missing.streams);
            claims.extend(&entry.missing.claims);
        }
        if streams.is_empty() && claims.is_empty() {
            return;
        }
        let streams: Vec<StreamKey> = streams.into_iter().copied().collect();
        let claims: Vec<ClaimKey> = claims.into_iter().copied().collect();
        let backend = self.backend.clone();
        let (wanted, keys) = (streams.clone(), claims.clone());
        let found = Box::pin(async move {
            let events =
                if wanted.is_empty() { Vec::new() } else { backend.streams(&wanted).await? };
            let holders = if keys.is_empty() { Vec::new() } else { backend.claims(&keys).await? };
            Ok((events, holders))
        });
        self.loading = Some(Loading { streams, claims, changed: HashSet::new(), found });
    }

    /// Takes note of claims that an append changes.
    pub(super) fn note_changed(&mut self, append: &Append) {
        if let Some(loading) = &mut self.loading {
            loading.changed.extend(changed_claims(append));
        }
    }

    /// Takes in what was read.
    pub(super) fn end_load(&mut self, found: Result<Found, Error>) {
        let Some(Loading { streams, claims, changed, .. }) = self.loading.take() else { return };
        let (events, holders) = match found {
            Ok(found) => found,
            Err(error) => {
                let error = Arc::new(error);
                return self.fail_waiting(&error, |missing| {
                    missing.streams.iter().any(|stream| streams.contains(stream))
                        || missing.claims.iter().any(|key| claims.contains(key))
                });
            }
        };
        for (stream, events) in streams.iter().zip(events) {
            self.fold(*stream, &events);
        }
        for (key, holder) in claims.iter().zip(holders) {
            if !changed.contains(key) {
                self.book.claims.put(*key, holder);
            }
        }
        let (streams, claims): (HashSet<_>, HashSet<_>) =
            (streams.into_iter().collect(), claims.into_iter().collect());
        for entry in &mut self.waiting {
            entry.missing.streams.retain(|stream| !streams.contains(stream));
            entry.missing.claims.retain(|key| !claims.contains(key));
        }
    }

    /// Takes a stream's events in; fails the jobs that need it where it cannot be read.
    fn fold(&mut self, stream: StreamKey, events: &[Recorded]) {
        let mut state = self.model.initial(&stream);
        if events.iter().any(|event| self.model.lets_go(event)) {
            self.book.forget_held(&HashSet::from([stream]));
        }
        for event in events {
            if let Err(source) = self.model.fold(&mut state, event) {
                let error = Arc::new(Error::Corrupt { position: event.position, source });
                return self.fail_waiting(&error, |missing| missing.streams.contains(&stream));
            }
        }
        let version = events.last().map_or(0, |event| event.version);
        self.book.streams.put(stream, (version, Arc::new(state)));
    }

    /// Ends the jobs that wait for something and are concerned.
    fn fail_waiting(&mut self, error: &Arc<Error>, concerned: impl Fn(&Keys) -> bool) {
        for entry in std::mem::take(&mut self.waiting) {
            if !entry.missing.is_empty() && concerned(&entry.missing) {
                self.book.forget_free(&entry.asked.claims);
                entry.job.finish(Outcome::Failed(error.clone()));
            } else {
                self.waiting.push_back(entry);
            }
        }
    }
}
