//! The policies that were in force then, as they were known at some position: read once, and kept.

use crate::engine::Engine;
use crate::error::Error;
use leadline_domain::policy::Policies;
use leadline_domain::{Event, StreamId, Timestamp, config};
use leadline_events::{Decoded, decode, stream_key};
use leadline_log::types::{Direction, READ_EVENTS_MAX, Read, Scope};
use leadline_log::{Position, Recorded};
use leadline_views::AsOf;
use std::sync::Arc;

/// The events that change what is in force. Names and keys, of which there are many more, do not.
const POLICY_EVENTS: [&str; 2] = ["config.policy_published", "config.policy_activated"];

/// What was known of policies, since when.
#[derive(Debug, Default)]
pub(crate) struct PolicyHistory {
    /// The last position of the configuration that has been read.
    seen: Position,
    known: config::State,
    /// What was known from each position on, ascending.
    steps: Vec<(Position, config::State)>,
}

impl PolicyHistory {
    fn see(&mut self, recorded: &Recorded) -> Result<(), leadline_events::Error> {
        let event = &recorded.event;
        self.seen = recorded.position;
        if POLICY_EVENTS.contains(&&*event.event_type)
            && let Decoded::Known(Event::Config(changed)) =
                decode(&event.event_type, event.schema_version, &event.data)?
        {
            self.known.evolve(&changed);
            self.steps.push((recorded.position, self.known.clone()));
        }
        Ok(())
    }

    /// What was in force at `at`, as it was known at `position`.
    fn in_force(&self, position: Position, at: Timestamp) -> Arc<Policies> {
        let after = self.steps.partition_point(|(from, _)| *from <= position);
        let known = self.steps.get(..after).and_then(<[_]>::last);
        known.map_or_else(config::State::default, |(_, known)| known.clone()).policies_at(at)
    }
}

impl Engine {
    /// The policies in force at `at`: as they were known at a position where that is asked, else as they are known now.
    pub(crate) async fn policies_as_of(
        &self,
        as_of: AsOf,
        at: Timestamp,
    ) -> Result<Arc<Policies>, Error> {
        let failed = |error| Error::failed("event log", error);
        let mut history = self.policies.lock().await;
        loop {
            let read = Read {
                scope: Scope::Stream(stream_key(&StreamId::Config)),
                after: history.seen,
                through: None,
                direction: Direction::Forward,
                limit: READ_EVENTS_MAX,
            };
            let page = self.log.read(read).await.map_err(failed)?;
            for recorded in &page.events {
                history.see(recorded).map_err(|error| Error::failed("event log", error))?;
            }
            if page.events.len() < READ_EVENTS_MAX {
                break;
            }
        }
        let position = match as_of {
            AsOf::Position(position) => position,
            AsOf::Now | AsOf::Time(_) => history.seen,
        };
        Ok(history.in_force(position, at))
    }
}
