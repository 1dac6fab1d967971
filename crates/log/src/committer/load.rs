//! What the committer's task reads on behalf of waiting jobs.

use super::desk::Keys;
use super::flight::Landed;
use super::worker::{Worker, landing};
use super::{Model, Outcome};
use crate::backend::Error;
use crate::types::{ClaimKey, Recorded, StreamKey};
use std::collections::HashSet;
use std::sync::Arc;

impl<M: Model> Worker<M> {
    /// Loads what the waiting jobs miss, while the flight goes on.
    pub(super) async fn load(&mut self) -> Option<Result<Vec<Landed>, Arc<Error>>> {
        let (mut streams, mut claims) = (HashSet::new(), HashSet::new());
        for entry in &self.waiting {
            streams.extend(&entry.missing.streams);
            claims.extend(&entry.missing.claims);
        }
        let streams: Vec<StreamKey> = streams.into_iter().copied().collect();
        let claims: Vec<ClaimKey> = claims.into_iter().copied().collect();
        let backend = self.backend.clone();
        let loading = async {
            let events =
                if streams.is_empty() { Vec::new() } else { backend.streams(&streams).await? };
            let holders =
                if claims.is_empty() { Vec::new() } else { backend.claims(&claims).await? };
            Ok((events, holders))
        };
        let mut loading = std::pin::pin!(loading);
        let mut landed = None;
        let loaded = loop {
            let in_flight = self.flight.is_some() && landed.is_none();
            tokio::select! {
                biased;
                loaded = &mut loading => break loaded,
                result = landing(&mut self.flight), if in_flight => landed = Some(result),
            }
        };
        match loaded {
            Ok((events, holders)) => {
                for (key, holder) in claims.iter().zip(holders) {
                    self.book.claims.put(*key, holder);
                }
                for (stream, events) in streams.iter().zip(events) {
                    self.fold(*stream, &events);
                }
                for entry in &mut self.waiting {
                    entry.missing.clear();
                }
            }
            Err(error) => self.fail_waiting(&Arc::new(error), |_| true),
        }
        landed
    }

    /// Takes a stream's events in; fails the jobs that need it where it cannot be read.
    fn fold(&mut self, stream: StreamKey, events: &[Recorded]) {
        let mut state = self.model.initial(&stream);
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
                entry.job.finish(Outcome::Failed(error.clone()));
            } else {
                self.waiting.push_back(entry);
            }
        }
    }
}
