//! Following the log: one reader for the whole process, any number of followers.
//!
//! A [`Tailer`] keeps the last page that it read, so that followers that are near the head share one read. A
//! follower that is far behind reads for itself. Every page is checked for continuity: positions are dense, so a
//! hole is proof of a fault and ends the following, loudly.

use crate::backend::{Error, LogBackend};
use crate::types::{Direction, Position, READ_EVENTS_MAX, Read, Recorded, Scope};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};

/// Shortest pause between two looks at the log where nobody reports the head.
pub const POLL_MIN: Duration = Duration::from_millis(20);
/// Longest pause between two looks at the log where nobody reports the head.
pub const POLL_MAX: Duration = Duration::from_secs(1);

/// Reads the log forward for several followers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tailer {
    backend: Arc<dyn LogBackend>,
    head: watch::Receiver<Position>,
    /// The page that was read last, for whoever stands at the same place.
    latest: Arc<Mutex<Arc<[Recorded]>>>,
}

impl Tailer {
    /// A tailer that is woken by `head`, and looks by itself now and then in case that another process appends.
    pub fn new(backend: Arc<dyn LogBackend>, head: watch::Receiver<Position>) -> Self {
        let none: Arc<[Recorded]> = Arc::new([]);
        Self { backend, head, latest: Arc::new(Mutex::new(none)) }
    }

    /// A follower that has seen everything up to `position`.
    pub fn follow(&self, position: Position) -> Follower {
        Follower { tailer: self.clone(), position, pause: POLL_MIN }
    }

    /// What comes after `position`, at most `limit` events; nothing at the head.
    async fn page(&self, position: Position, limit: usize) -> Result<Arc<[Recorded]>, Error> {
        let mut latest = self.latest.lock().await;
        match latest.first().map(|event| event.position) {
            Some(first) if first == position.next() && latest.len() <= limit => {
                return Ok(latest.clone());
            }
            Some(first) if first > position.next() => {
                drop(latest);
                return self.read(position, limit).await;
            }
            _ => {}
        }
        let events = self.read(position, limit).await?;
        if !events.is_empty() {
            *latest = events.clone();
        }
        Ok(events)
    }

    async fn read(&self, position: Position, limit: usize) -> Result<Arc<[Recorded]>, Error> {
        let read = Read {
            scope: Scope::All,
            after: position,
            through: None,
            direction: Direction::Forward,
            limit: limit.min(READ_EVENTS_MAX),
        };
        let page = self.backend.read(read).await?;
        if page.head < position {
            return Err(Error::Receded { position, head: page.head });
        }
        Ok(page.events.into())
    }
}

/// A place in the log that moves forward.
#[derive(Debug)]
pub struct Follower {
    tailer: Tailer,
    position: Position,
    pause: Duration,
}

impl Follower {
    /// The last position seen.
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Waits for the next events, at least one and at most `limit`. A caller that goes away loses nothing.
    ///
    /// # Errors
    /// The log could not be read, has a hole, or ends before what was seen of it: following must stop.
    pub async fn next_page(&mut self, limit: usize) -> Result<Arc<[Recorded]>, Error> {
        loop {
            let told = *self.tailer.head.borrow() > self.position;
            let events = self.tailer.page(self.position, limit.max(1)).await?;
            if let Some(last) = continuous(self.position, &events)? {
                self.position = last;
                self.pause = POLL_MIN;
                return Ok(events);
            }
            if told {
                // Somebody tells of a head that the log does not have.
                tokio::time::sleep(POLL_MIN).await;
            }
            self.pause_or_wake().await;
        }
    }

    /// Returns when the head has moved past here, or when it is time to look in any case.
    async fn pause_or_wake(&mut self) {
        let position = self.position;
        let moved = self.tailer.head.wait_for(|head| *head > position);
        // Where nobody reports the head any more, only the pause is left.
        let pause = tokio::time::sleep(self.pause);
        self.pause = self.pause.saturating_mul(2).min(POLL_MAX);
        tokio::pin!(pause);
        tokio::select! {
            Ok(_) = moved => {}
            () = &mut pause => {}
        }
    }
}

/// The last position of a page that begins right after `position` and has no hole; `None` of an empty page.
fn continuous(position: Position, events: &[Recorded]) -> Result<Option<Position>, Error> {
    let mut last = position;
    for event in events {
        if event.position != last.next() {
            let source = format!("the log has a hole after position {last}").into();
            return Err(Error::Corrupt { position: last.next(), source });
        }
        last = event.position;
    }
    Ok((last > position).then_some(last))
}
