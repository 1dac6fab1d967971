//! What an import needs to know of the log: which lines it has seen, which clocks run, what it registered.

use crate::clocks::Clocks;
use crate::engine::Engine;
use crate::error::Error;
use crate::prepare::{command_id, hash_of};
use crate::submission::Submission;
use leadline_domain::policy::Document;
use leadline_domain::{Event, StreamId, config};
use leadline_events::{Decoded, Record, decode, stream_key, stream_of};
use leadline_log::types::{CommandRecord, Direction, READ_EVENTS_MAX, Read, Scope};
use leadline_log::{Position, Recorded};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What the log knows of a command before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing.
    New,
    /// It was accepted; `changed` where something happened.
    Accepted {
        /// Whether anything came of it.
        changed: bool,
    },
    /// It was refused.
    Refused {
        /// Stable code.
        code: String,
        /// Why.
        detail: String,
    },
    /// Another command has its id.
    Mismatch,
}

fn failed(error: leadline_log::Error) -> Error {
    Error::failed("event log", error)
}

fn unreadable(error: leadline_events::Error) -> Error {
    Error::failed("event log", error)
}

fn decoded(recorded: &Recorded) -> Result<Decoded, Error> {
    let event = &recorded.event;
    decode(&event.event_type, event.schema_version, &event.data).map_err(unreadable)
}

impl Engine {
    /// What the log knows of each of these commands.
    ///
    /// # Errors
    /// A key is not acceptable, or the log cannot be read.
    pub async fn known(&self, submissions: &[&Submission]) -> Result<Vec<Known>, Error> {
        let mut ids = Vec::with_capacity(submissions.len());
        for submission in submissions {
            let id = command_id(self.hash_key(), &submission.idempotency, || self.ids.next())?;
            ids.push(*id.0.as_bytes());
        }
        let records = self.log.commands(&ids).await.map_err(failed)?;
        let attempts = self.attempts(&records).await?;
        let mut known = Vec::with_capacity(records.len());
        for (submission, record) in submissions.iter().zip(records) {
            known.push(match record {
                None => Known::New,
                Some(record) if record.payload_hash != hash_of(self.hash_key(), submission) => {
                    Known::Mismatch
                }
                // A refusal's `attempt` comes last, after whatever had fallen due.
                Some(record) => match attempts.get(&record.last) {
                    Some(Record::Refused(attempt)) => Known::Refused {
                        code: attempt.code.clone(),
                        detail: attempt.detail.clone(),
                    },
                    Some(_) => Known::Accepted { changed: false },
                    None => Known::Accepted { changed: true },
                },
            });
        }
        Ok(known)
    }

    /// The attempts among the last events of commands, by position.
    async fn attempts(
        &self,
        records: &[Option<CommandRecord>],
    ) -> Result<BTreeMap<Position, Record>, Error> {
        let lasts: Vec<Position> = records.iter().flatten().map(|record| record.last).collect();
        let mut attempts = BTreeMap::new();
        let (Some(low), Some(high)) = (lasts.iter().min(), lasts.iter().max()) else {
            return Ok(attempts);
        };
        let mut after = Position(low.0.saturating_sub(1));
        while after < *high {
            let page = self.log_page(after, Some(*high)).await?;
            let Some(last) = page.last() else { break };
            after = last.position;
            for recorded in &page {
                if matches!(stream_of(&recorded.event.stream), Some(StreamId::Attempt(_)))
                    && let Decoded::Record(record) = decoded(recorded)?
                {
                    attempts.insert(recorded.position, record);
                }
            }
        }
        Ok(attempts)
    }

    async fn log_page(
        &self,
        after: Position,
        through: Option<Position>,
    ) -> Result<Vec<Recorded>, Error> {
        let read = Read {
            scope: Scope::All,
            after,
            through,
            direction: Direction::Forward,
            limit: READ_EVENTS_MAX,
        };
        Ok(self.log.read(read).await.map_err(failed)?.events)
    }

    /// The clocks that were started after `after` and still run.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn clocks_after(&self, mut after: Position) -> Result<Clocks, Error> {
        let mut clocks = Clocks::default();
        loop {
            let page = self.log_page(after, None).await?;
            let Some(last) = page.last() else { return Ok(clocks) };
            after = last.position;
            for recorded in &page {
                clocks.see(recorded).map_err(unreadable)?;
            }
        }
    }

    /// Destroys the keys of everybody who was ever erased: an older vault may have been restored beside the log.
    pub(crate) async fn destroy_erased_again(&self, erased: Vec<Uuid>) -> Result<(), Error> {
        let failed = |error| Error::failed("vault", error);
        let keys = self.vault.keys(&erased).await.map_err(failed)?;
        let back: Vec<Uuid> = erased
            .into_iter()
            .zip(keys)
            .filter_map(|(subject, key)| key.map(|_| subject))
            .collect();
        if !back.is_empty() {
            tracing::warn!(
                subjects = back.len(),
                "The vault held keys of erased subjects; they are destroyed again"
            );
            self.vault.destroy(&back).await.map_err(failed)?;
        }
        Ok(())
    }

    /// The shortest time, in milliseconds, in which any clock of any published policy can fall due.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn shortest_clock_millis(&self) -> Result<i64, Error> {
        let mut shortest = i64::MAX;
        for (_, event) in self.config_events().await? {
            if let config::Event::PolicyPublished { document, .. } = event
                && let Document::AcceptanceSla(sla) = *document
            {
                shortest = shortest.min(i64::from(sla.target_seconds).saturating_mul(1_000));
            }
        }
        Ok(shortest)
    }

    /// The names registered after `after`, by catalogue.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn registered_after(
        &self,
        after: Position,
    ) -> Result<BTreeMap<String, Vec<String>>, Error> {
        let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (position, event) in self.config_events().await? {
            if let config::Event::NameRegistered { catalogue, name } = event
                && position > after
            {
                names.entry(catalogue.name().to_owned()).or_default().push(name);
            }
        }
        Ok(names)
    }

    pub(crate) async fn config_events(&self) -> Result<Vec<(Position, config::Event)>, Error> {
        let streams = self.log.streams(&[stream_key(&StreamId::Config)]).await.map_err(failed)?;
        let mut events = Vec::new();
        for recorded in streams.iter().flatten() {
            if let Decoded::Known(Event::Config(event)) = decoded(recorded)? {
                events.push((recorded.position, event));
            }
        }
        Ok(events)
    }
}
