//! Where to go on: after the last message of the stream, or where the log is young enough to be kept.

use crate::error::Error;
use crate::wire::{self, PARTITIONS, Stamp, partition};
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use leadline_log::clock::Clock;
use leadline_log::types::{Direction, Page, Position, READ_EVENTS_MAX, Read, Recorded, Scope};
use leadline_log::{Error as LogError, LogBackend, Place};
use std::time::Duration;
use uuid::Uuid;

/// How many messages that are no events are passed over at the end of the stream.
const STRAY_MAX: u64 = 1_000;

/// Where to go on.
#[derive(Debug)]
pub(super) struct Resume {
    /// The last place in the log that needs no publishing.
    pub(super) place: Place,
    /// The last sequence of the stream.
    pub(super) sequence: u64,
    /// The last position of each partition up to there.
    pub(super) previous: Previous,
}

/// The last position of each partition.
#[derive(Debug)]
pub(super) struct Previous([Position; PARTITIONS]);

impl Previous {
    /// The position before this event in its partition; from now on it is the event's.
    pub(super) fn replace(&mut self, recorded: &Recorded) -> Position {
        match self.0.get_mut(partition(recorded.event.root)) {
            Some(position) => std::mem::replace(position, recorded.position),
            None => Position::START,
        }
    }
}

/// Finds where to go on.
pub(super) async fn find(
    stream: &Stream,
    log: &dyn LogBackend,
    clock: &dyn Clock,
    max_age: Duration,
) -> Result<Resume, Error> {
    let (last, sequence) = last(stream).await?;
    let place = match last {
        Some((stamp, _)) => {
            stamp.check_past(log).await?;
            stamp.place
        }
        None => before_kept(log, clock, max_age).await?,
    };
    let previous = previous(log, place.position).await?;
    Ok(Resume { place, sequence, previous })
}

/// Which event the last one of the stream is and its sequence, where there is one, and the last sequence of all.
pub(crate) async fn last(stream: &Stream) -> Result<(Option<(Stamp, u64)>, u64), Error> {
    // First the sequence: where another publisher is at work meanwhile, the last message is newer, and the first
    // one that is sent finds that the stream has moved.
    let info = stream.get_info().await.map_err(Error::nats("look the stream of events up"))?;
    let sequence = info.state.last_sequence;
    let oldest = info.state.first_sequence.max(sequence.saturating_sub(STRAY_MAX)).max(1);
    for at in (oldest..=sequence).rev() {
        let message = match stream.get_raw_message(at).await {
            Ok(message) => message,
            Err(error) if is_missing(&error.kind()) => continue,
            Err(error) => return Err(Error::nats("read the stream of events")(error)),
        };
        match wire::stamp(&message.headers) {
            Ok(stamp) => return Ok((Some((stamp, at)), sequence)),
            Err(error) => {
                tracing::warn!(%error, sequence = at, "The stream of events has a message that is none");
            }
        }
    }
    Ok((None, sequence))
}

fn is_missing(kind: &RawMessageErrorKind) -> bool {
    let RawMessageErrorKind::JetStream(error) = kind else { return false };
    error.error_code() == ErrorCode::NO_MESSAGE_FOUND
}

/// The place before the first event that is young enough to be kept.
async fn before_kept(
    log: &dyn LogBackend,
    clock: &dyn Clock,
    max_age: Duration,
) -> Result<Place, LogError> {
    let mut place = Place { log: log.identity(), position: Position::START, event: Uuid::nil() };
    if max_age.is_zero() {
        return Ok(place);
    }
    let head = log.head().await?;
    let age = i64::try_from(max_age.as_millis()).unwrap_or(i64::MAX);
    let oldest = clock.now_millis().saturating_sub(age);
    // Times never decrease along positions: all up to `low` are too old, all from `high` on are not.
    let (mut low, mut high) = (0_u64, head.0.saturating_add(1));
    while low.saturating_add(1) < high {
        let middle = low.midpoint(high);
        let after = Position(middle.saturating_sub(1));
        let page = read(log, after, None, Direction::Forward, 1).await?;
        if let Some(old) = page.events.first().filter(|event| event.recorded_at < oldest) {
            (place.position, place.event) = (old.position, old.event.event_id);
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(place)
}

/// The last position of each partition up to `position`: read backward until every partition has been met. Roots are
/// spread evenly, so that is soon, except in a log with few roots.
async fn previous(log: &dyn LogBackend, position: Position) -> Result<Previous, LogError> {
    let mut previous = [Position::START; PARTITIONS];
    let mut missing = PARTITIONS;
    let mut through = position;
    while missing > 0 && through > Position::START {
        let start = Position::START;
        let page = read(log, start, Some(through), Direction::Backward, READ_EVENTS_MAX).await?;
        for event in &page.events {
            let known = previous.get_mut(partition(event.event.root));
            if let Some(known) = known.filter(|known| **known == Position::START) {
                *known = event.position;
                missing = missing.saturating_sub(1);
            }
        }
        let Some(oldest) = page.events.last() else { break };
        through = Position(oldest.position.0.saturating_sub(1));
    }
    Ok(Previous(previous))
}

async fn read(
    log: &dyn LogBackend,
    after: Position,
    through: Option<Position>,
    direction: Direction,
    limit: usize,
) -> Result<Page, LogError> {
    log.read(Read { scope: Scope::All, after, through, direction, limit }).await
}
