//! The timer worker: sends `Settle` when a clock's next step falls due.
//!
//! It follows the log, and keeps one entry per lead with a running clock. Nothing depends on it to be right: what is due
//! on a lead is settled first by whatever command comes next, each step effective at its due time; the timer only sees
//! to it that this happens without one.

use crate::clocks::Clocks;
use crate::engine::Engine;
use crate::error::Error;
use crate::subjects::erased_in;
use crate::submission::{Body, Caller, Reply, Submission, Target};
use futures::future::join_all;
use leadline_domain::decision::Mode;
use leadline_domain::id::LeadId;
use leadline_domain::{Timestamp, lead};
use leadline_log::tailer::Follower;
use leadline_log::{Position, Recorded};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The longest sleep: the wall clock may be set while the timer sleeps.
const SLEEP_MAX: Duration = Duration::from_secs(30);
/// How long the timer waits before it looks at a lead again that it could not settle, or where nothing was due.
const RETRY_MILLIS: i64 = 1_000;
/// How long the timer lets events gather before it reads on.
const GATHER: Duration = Duration::from_millis(200);
/// Most events that the timer reads at once.
const PAGE_EVENTS: usize = 4_000;
/// Most leads that the timer settles at a time.
const SETTLED_AT_ONCE: usize = 64;

/// A `Settle` of this lead, with the caller and mode of whoever settles.
///
/// # Errors
/// Never in practice: the payload is a constant.
pub fn settle(
    lead: LeadId,
    now: Option<Timestamp>,
    mode: Mode,
) -> Result<Submission, serde_json::Error> {
    let payload = serde_json::value::RawValue::from_string("{}".to_owned())?;
    let (target, body) = (Target::Id(lead.0), Body::Lead(lead::Command::Settle));
    let plain = Submission::plain(Caller::system("timer"), target, body, payload);
    Ok(Submission { occurred_at: now, now, mode, ..plain })
}

/// Runs until `stop`: follows the log, and settles each lead whose clock has a step that is due.
///
/// It sees what every server appends. Where several do the same, the first settles, and the others find nothing due.
pub async fn run(engine: Arc<Engine>, stop: CancellationToken) {
    let mut timer = Timer::new(engine);
    tokio::select! {
        () = stop.cancelled() => {}
        () = timer.work() => {}
    }
}

struct Timer {
    follower: Follower,
    clocks: Clocks,
    engine: Arc<Engine>,
}

impl Timer {
    fn new(engine: Arc<Engine>) -> Self {
        let follower = engine.follow(Position::START);
        Self { follower, clocks: Clocks::default(), engine }
    }

    async fn work(&mut self) {
        // Until it has caught up, what is due is settled by whatever command comes next.
        let mut erased = Vec::new();
        let head = *self.engine.head().borrow();
        while self.follower.position() < head {
            let page = self.look().await;
            match erased_in(page.iter()) {
                Ok(subjects) => erased.extend(subjects),
                Err(error) => tracing::error!(%error, "Could not read who was erased"),
            }
        }
        let found = self.clocks.len();
        tracing::info!(clocks = found, "Found {found} running clocks");
        if let Err(error) = self.engine.destroy_erased_again(erased).await {
            tracing::error!(%error, "Could not look for keys of erased subjects in the vault");
        }
        loop {
            self.settle_due().await;
            // A deadline is missed after its last instant, not in it.
            let pause = self.clocks.next().map_or(SLEEP_MAX, |next| {
                let until = next.millis_since(self.engine.now()).saturating_add(1);
                Duration::from_millis(until.max(0).unsigned_abs()).min(SLEEP_MAX)
            });
            if let Ok(page) = tokio::time::timeout(pause, self.look()).await
                && page.len() < PAGE_EVENTS
            {
                // Many small pages would cost more than they are worth: nothing falls due that soon.
                tokio::time::sleep(GATHER).await;
            }
        }
    }

    /// Folds the next page of the log. A caller that goes away loses nothing.
    async fn look(&mut self) -> Arc<[Recorded]> {
        let page = loop {
            match self.follower.next_page(PAGE_EVENTS).await {
                Ok(page) => break page,
                Err(error) => {
                    tracing::error!(%error, "The timer cannot read the event log; clocks are settled by the next command");
                    tokio::time::sleep(SLEEP_MAX).await;
                }
            }
        };
        for recorded in page.iter() {
            if let Err(error) = self.clocks.see(recorded) {
                let position = recorded.position;
                tracing::error!(%error, "The timer cannot read position {position}; its clock is settled by the next command");
            }
        }
        if let Some(last) = page.last() {
            self.engine.not_before(last.recorded_at);
        }
        page
    }

    /// Settles what is due, several leads at a time, and reads what came of it.
    async fn settle_due(&mut self) {
        loop {
            let now = self.engine.now();
            let due = self.clocks.due(now, SETTLED_AT_ONCE);
            if due.is_empty() {
                return;
            }
            let settled = join_all(due.iter().map(|lead| self.settle(*lead))).await;
            let mut through = Position::START;
            for (lead, settled) in due.into_iter().zip(settled) {
                // Looked at again unless the log says what became of it.
                self.clocks.postpone(lead, now.plus_millis(RETRY_MILLIS));
                match settled {
                    Ok(reply) => through = through.max(reply.position),
                    Err(error) => {
                        tracing::warn!(lead.id = %lead, %error, "Could not settle the lead; trying again");
                    }
                }
            }
            while self.follower.position() < through {
                drop(self.look().await);
            }
        }
    }

    async fn settle(&self, lead: LeadId) -> Result<Reply, Error> {
        let submission =
            settle(lead, None, Mode::Live).map_err(|error| Error::failed("codec", error))?;
        self.engine.execute(submission).await
    }
}
