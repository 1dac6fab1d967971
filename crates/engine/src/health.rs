//! Whether the process can do its work: the log, the committer in front of it, and the views behind it.

use crate::engine::Engine;
use crate::projection::Projections;
use leadline_domain::Timestamp;
use leadline_log::committer::Outcome;
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// How long a failed append speaks against the log when no other has been tried since, in milliseconds. A process that
/// is sent no command for as long as it is not ready would never learn that it is well again.
const FAILURE_MAX: i64 = 30_000;

/// How long the log may take to say where its head is.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// How the log took the last append.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Last {
    /// None was tried yet.
    #[default]
    Untried,
    /// It is durable.
    Committed,
    /// The machine failed.
    Failed { at: Timestamp, why: String },
}

/// What became of the last append.
#[derive(Debug, Default)]
pub(crate) struct Appends {
    last: Mutex<Last>,
}

impl Appends {
    /// Notes what became of a command. What says nothing of the machine changes nothing: repetitions, refusals of the
    /// contract, a full queue.
    pub(crate) fn note(&self, outcome: &Outcome, at: Timestamp) {
        use leadline_log::Error;
        let new = match outcome {
            Outcome::Committed { .. } => Last::Committed,
            Outcome::Failed(error) => match &**error {
                Error::Unavailable { .. } | Error::Corrupt { .. } | Error::NotDurable { .. } => {
                    Last::Failed { at, why: error.to_string() }
                }
                Error::Unacceptable { .. }
                | Error::Busy { .. }
                | Error::Receded { .. }
                | Error::Replaced { .. }
                | Error::Closed => return,
            },
            Outcome::Duplicate(_) | Outcome::Done => return,
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Last::Failed { why, .. }, false) = (&new, matches!(*last, Last::Failed { .. })) {
            tracing::error!(error = %why, "The log does not take commands");
        }
        *last = new;
    }

    /// Whether nothing speaks against the log, and how it took the last append.
    fn report(&self, now: Timestamp) -> (bool, Value) {
        match &*self.last.lock().unwrap_or_else(PoisonError::into_inner) {
            Last::Untried => (true, Value::Null),
            Last::Committed => (true, json!({"outcome": "committed"})),
            Last::Failed { at, why } => {
                let passed = now.millis().saturating_sub(at.millis()) > FAILURE_MAX;
                (passed, json!({"outcome": "failed", "at": at.to_string(), "error": why}))
            }
        }
    }
}

/// How far a view may trail the log of a process that is ready.
#[derive(Clone, Copy, Debug)]
pub struct LagMax {
    /// Events that it has not taken in.
    pub events: u64,
    /// Seconds that the first of them has been in the log: so a view that nobody brings forward is told of in a quiet
    /// log too.
    pub seconds: f64,
}

impl Engine {
    /// Whether the log is read and written and every view is within `lag_max` of its head, and which is not.
    pub async fn ready(&self, projections: &Projections, lag_max: LagMax) -> (bool, Value) {
        let head = match timeout(ANSWER_MAX, self.log.head()).await {
            Ok(head) => head.map_err(|error| error.to_string()),
            Err(_) => Err("the log does not answer".to_owned()),
        };
        let committing = self.committer.alive();
        let (written, last_append) = self.appends.report(self.now());
        let log_ready = head.is_ok() && committing && written;
        let mut log = json!({
            "ready": log_ready,
            "committer": if committing { "running" } else { "ended" },
            "last_append": last_append,
            "waiting": self.waiting(),
        });
        let told = match &head {
            Ok(head) => ("head", json!(head.0)),
            Err(error) => ("error", json!(error)),
        };
        let (views_ready, mut report) =
            projections.report(self, head.as_ref().ok().copied(), lag_max).await;
        let ready = log_ready && views_ready;
        let waiting = u32::try_from(self.waiting()).unwrap_or(u32::MAX);
        metrics::gauge!("leadline_commands_waiting").set(waiting);
        metrics::gauge!("leadline_log_ready").set(f64::from(u8::from(log_ready)));
        metrics::gauge!("leadline_ready").set(f64::from(u8::from(ready)));
        if let Some(log) = log.as_object_mut() {
            log.insert(told.0.to_owned(), told.1);
        }
        if let Some(report) = report.as_object_mut() {
            report.insert("ready".to_owned(), ready.into());
            report.insert("log".to_owned(), log);
        }
        (ready, report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leadline_log::{Error, Position};
    use std::sync::Arc;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn failed() -> Outcome {
        let source = "the disk is full".into();
        Outcome::Failed(Arc::new(Error::Unavailable { attempt: "append", source }))
    }

    #[test]
    fn a_failed_append_speaks_against_the_log_until_one_succeeds_or_a_while_has_passed() {
        let appends = Appends::default();
        assert!(appends.report(at(0)).0, "nothing was tried");
        appends.note(&failed(), at(0));
        let (ready, told) = appends.report(at(1));
        assert_eq!((ready, &told["outcome"]), (false, &json!("failed")));
        assert!(!appends.report(at(30)).0);
        assert!(appends.report(at(31)).0, "the next command is let through, to learn more");
        appends.note(&failed(), at(31));
        assert!(!appends.report(at(40)).0);
        let position = Position(1);
        let committed = Outcome::Committed { first: position, last: position, recorded_at: 0 };
        appends.note(&committed, at(41));
        assert_eq!(appends.report(at(41)), (true, json!({"outcome": "committed"})));
    }

    #[test]
    fn what_says_nothing_of_the_machine_changes_nothing() {
        let appends = Appends::default();
        appends.note(&failed(), at(0));
        for error in [Error::Busy { waiting: 1 }, Error::Closed] {
            appends.note(&Outcome::Failed(Arc::new(error)), at(1));
            assert!(!appends.report(at(1)).0);
        }
        appends.note(&Outcome::Done, at(1));
        assert!(!appends.report(at(1)).0);
    }
}
