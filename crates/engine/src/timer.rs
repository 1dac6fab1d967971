//! The timer worker: sends `Settle` when a clock's next step falls due.
//!
//! Nothing depends on it to be right. What is due on a lead is settled first by whatever command comes next, each
//! step effective at its due time; the timer only sees to it that this happens without one.

use crate::engine::{Deadlines, Engine};
use crate::submission::{Body, Caller, Submission, Target};
use leadline_domain::decision::Mode;
use leadline_domain::id::LeadId;
use leadline_domain::{Timestamp, lead};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The longest sleep: the wall clock may be set while the timer sleeps.
const SLEEP_MAX: Duration = Duration::from_secs(30);
/// How long the timer waits after a failure before it tries the same deadline again.
const RETRY_MILLIS: i64 = 1_000;

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

/// Runs until `stop`: settles each lead of `deadlines` when its instant comes.
pub async fn run(engine: Arc<Engine>, mut deadlines: Deadlines, stop: CancellationToken) {
    let mut waiting: BinaryHeap<Reverse<(Timestamp, LeadId)>> = BinaryHeap::new();
    loop {
        let sleep = waiting.peek().map_or(SLEEP_MAX, |Reverse((due, _))| {
            // A deadline is missed after its last instant, not in it.
            let milliseconds =
                due.millis_since(engine.now()).saturating_add(1).max(0).unsigned_abs();
            Duration::from_millis(milliseconds).min(SLEEP_MAX)
        });
        tokio::select! {
            () = stop.cancelled() => return,
            noted = deadlines.recv() => match noted {
                Some(deadline) => waiting.push(Reverse(deadline)),
                None => return,
            },
            () = tokio::time::sleep(sleep) => {}
        }
        let now = engine.now();
        while let Some(Reverse((due, lead))) = waiting.peek().copied() {
            if due >= now {
                break;
            }
            waiting.pop();
            // The reply names the lead's next deadline, and the engine notes it here.
            let settled = match settle(lead, None, Mode::Live) {
                Ok(submission) => engine.execute(submission).await,
                Err(_) => continue,
            };
            if let Err(error) = settled {
                tracing::warn!(lead.id = %lead, %error, "Could not settle the lead; trying again");
                waiting.push(Reverse((now.plus_millis(RETRY_MILLIS), lead)));
                break;
            }
        }
    }
}
