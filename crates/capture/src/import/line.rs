//! One line of a feed on its way through an import.

use crate::feed::{FeedLine, LineError};
use leadline_domain::{Refusal, Timestamp};

/// A line, and what it was read as.
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) parsed: Result<FeedLine, LineError>,
}

impl Line {
    /// Refuses what is dated later than this: all that comes after it would be dated before it.
    pub(super) fn refuse_after(&mut self, latest: Timestamp) {
        if self.parsed.as_ref().is_ok_and(|line| line.at > latest) {
            let refusal = Refusal::OccurredInFuture;
            self.parsed = Err(LineError { code: refusal.code(), detail: refusal.detail() });
        }
    }
}
