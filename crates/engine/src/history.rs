//! Events on their way out of the log: decoded for views.

use async_trait::async_trait;
use leadline_domain::Timestamp;
use leadline_events::{Decoded, decode, meta, stream_of};
use leadline_log::backend::LogBackend;
use leadline_log::types::{Direction, READ_EVENTS_MAX, Read, Scope};
use leadline_log::{Misfit, Place, Position, Recorded};
use leadline_views::{History, ViewEvent};
use std::sync::Arc;
use uuid::Uuid;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The event as views read it; `None` where they do not know its type.
///
/// # Errors
/// A known type cannot be read.
pub(crate) fn view_event(recorded: &Recorded) -> Result<Option<ViewEvent>, leadline_events::Error> {
    let stored = &recorded.event;
    let decoded = decode(&stored.event_type, stored.schema_version, &stored.data)?;
    let (Decoded::Known(event), Some(stream)) = (decoded, stream_of(&stored.stream)) else {
        return Ok(None);
    };
    let actor = meta::actor_of(&stored.meta)?;
    Ok(Some(ViewEvent {
        position: recorded.position,
        effective_at: Timestamp::from_millis(stored.effective_at),
        stream,
        version: recorded.version,
        root: stored.root,
        actor: actor.person().map(str::to_owned),
        event_type: stored.event_type.clone(),
        event,
    }))
}

/// The past of one lineage, read from the log.
#[derive(Debug)]
pub(crate) struct LogHistory(pub(crate) Arc<dyn LogBackend>);

#[async_trait]
impl History for LogHistory {
    async fn root_events(&self, root: Uuid, through: Position) -> Result<Vec<ViewEvent>, Failure> {
        let mut events = Vec::new();
        let mut after = Position::START;
        loop {
            let read = Read {
                scope: Scope::Root(root),
                after,
                through: Some(through),
                direction: Direction::Forward,
                limit: READ_EVENTS_MAX,
            };
            let page = self.0.read(read).await?;
            let full = page.events.len() == READ_EVENTS_MAX;
            for recorded in &page.events {
                after = recorded.position;
                events.extend(view_event(recorded)?);
            }
            if !full {
                return Ok(events);
            }
        }
    }

    async fn misfit(&self, place: Place) -> Result<Option<Misfit>, Failure> {
        Ok(place.misfit(&*self.0).await?)
    }
}
