//! What other processes append to the same log, as far as this one keeps anything of it in memory.

use crate::engine::Engine;
use crate::error::Error;
use leadline_domain::{Event, Timestamp};
use leadline_events::{Decoded, decode};
use leadline_log::types::{Read, Scope};
use leadline_log::{Misfit, Place, Position, Recorded};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// Most events looked through at once.
const PAGE_EVENTS: usize = 4_000;
/// How long to wait after the log could not be read.
const RETRY: Duration = Duration::from_secs(1);
/// How often to look whether the log still has what was read of it.
const LOOK: Duration = Duration::from_secs(1);

impl Engine {
    /// Follows the log until `stop`: moves the head that everybody in this process waits for, takes in the keys that
    /// others make and revoke, and lets no present lie before one of theirs. For logs that several processes write.
    ///
    /// # Errors
    /// The log ends before what was read of it, or has another event there: it was restored under this process, and what
    /// the process remembers is of a lost past. Nothing may go on.
    pub async fn follow_others(&self, stop: CancellationToken) -> Result<(), Error> {
        stop.run_until_cancelled(self.keep_up()).await.unwrap_or(Ok(()))
    }

    /// Follows the log for as long as that is possible.
    async fn keep_up(&self) -> Result<(), Error> {
        // Not at the present head: others may have moved it since the keys were read.
        let mut follower = self.follow(self.keys.began());
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen: Option<Place> = None;
        loop {
            let position = follower.position();
            let page = {
                let next = follower.next_page(PAGE_EVENTS);
                tokio::pin!(next);
                loop {
                    tokio::select! {
                        biased;
                        // Before the next page: what comes after a lost past is of no use.
                        _ = look.tick() => seen = self.look_back(seen, position).await?,
                        page = &mut next => break page,
                    }
                }
            };
            match page {
                Ok(page) => {
                    self.take_in(&page, follower.position());
                    seen = page.last().map(|last| self.place(last)).or(seen);
                }
                Err(error @ leadline_log::Error::Receded { .. }) => {
                    return Err(Error::of_log(Arc::new(error)));
                }
                Err(error) => {
                    tracing::warn!(%error, "Could not follow what others append; trying again");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Whether the log still has the last event that was read of it, which is at `position`; where none was read yet, the
    /// one that is there now. A log that does not answer is asked again later.
    async fn look_back(
        &self,
        seen: Option<Place>,
        position: Position,
    ) -> Result<Option<Place>, Error> {
        let Some(seen) = seen else {
            let there = self.log.read(Read::at(position)).await;
            return Ok(there.ok().and_then(|page| page.events.first().map(|it| self.place(it))));
        };
        let gone = match seen.misfit(&*self.log).await {
            Ok(Some(Misfit::Beyond { position, head })) => {
                leadline_log::Error::Receded { position, head }
            }
            Ok(Some(_)) => leadline_log::Error::Replaced { position: seen.position },
            Ok(None) | Err(_) => return Ok(Some(seen)),
        };
        Err(Error::of_log(Arc::new(gone)))
    }

    fn place(&self, last: &Recorded) -> Place {
        let (log, event) = (self.log.identity(), last.event.event_id);
        Place { log, position: last.position, event }
    }

    fn take_in(&self, page: &[Recorded], head: Position) {
        if let Some(last) = page.last() {
            self.not_before(last.recorded_at);
        }
        for recorded in page.iter().filter(|one| one.event.stream.category.as_str() == "config") {
            let event = &recorded.event;
            // What cannot be read is of a newer version: its keys are not for this one.
            if let Ok(Decoded::Known(Event::Config(event))) =
                decode(&event.event_type, event.schema_version, &event.data)
            {
                self.keys.fold(&event);
            }
        }
        self.announce(head);
    }

    /// How long the first event after `position` has been in the log; nothing where there is none.
    pub(crate) async fn seconds_behind(&self, position: Position) -> Option<f64> {
        let page = self.log.read(Read::next(Scope::All, position)).await.ok()?;
        let first = page.events.first()?;
        let waited = self.now().millis_since(Timestamp::from_millis(first.recorded_at)).max(0);
        Some(Duration::from_millis(waited.unsigned_abs()).as_secs_f64())
    }
}
