//! What other processes append to the same log, as far as this one keeps anything of it in memory.

use crate::engine::Engine;
use crate::error::Error;
use leadline_domain::{Event, Timestamp};
use leadline_events::{Decoded, decode};
use leadline_log::types::{Read, Scope};
use leadline_log::{Position, Recorded};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Most events looked through at once.
const PAGE_EVENTS: usize = 4_000;
/// How long to wait after the log could not be read.
const RETRY: Duration = Duration::from_secs(1);

impl Engine {
    /// Follows the log until `stop`: moves the head that everybody in this process waits for, takes in the keys that
    /// others make and revoke, and lets no present lie before one of theirs. For logs that several processes write.
    ///
    /// # Errors
    /// The log ends before what was read of it: it was restored under this process, and what the process remembers is
    /// of a lost past. Nothing may go on.
    pub async fn follow_others(&self, stop: CancellationToken) -> Result<(), Error> {
        // Not at the present head: others may have moved it since the keys were read.
        let mut follower = self.follow(self.keys.began());
        loop {
            let page = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                page = follower.next_page(PAGE_EVENTS) => page,
            };
            match page {
                Ok(page) => self.take_in(&page, follower.position()),
                Err(error @ leadline_log::Error::Receded { .. }) => {
                    return Err(Error::of_log(std::sync::Arc::new(error)));
                }
                Err(error) => {
                    tracing::warn!(%error, "Could not follow what others append; trying again");
                    tokio::select! {
                        () = stop.cancelled() => return Ok(()),
                        () = tokio::time::sleep(RETRY) => {}
                    }
                }
            }
        }
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
