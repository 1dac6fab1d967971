//! A time zone as stretches of constant offset.

use chrono::{DateTime, LocalResult, Offset, TimeZone};
use chrono_tz::Tz;

/// Milliseconds of a day on a clock that does not jump.
pub(super) const DAY: i64 = 86_400_000;
/// Milliseconds of a week on a clock that does not jump.
pub(super) const WEEK: i64 = 7 * DAY;
/// How far the search for the next change of offset looks at once: less than the time between any two changes of
/// any zone (the closest are 6.96 days apart), so that at most one lies within it.
const STRIDE: i64 = 6 * DAY;

/// A time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Zone {
    tz: Tz,
    /// Whether the offset is always 0, so that nothing need be looked up.
    utc: bool,
}

/// From an instant to `end`, the wall clock is `offset` milliseconds ahead of UTC.
pub(super) struct Segment {
    pub(super) offset: i64,
    pub(super) end: i64,
}

impl Zone {
    pub(super) fn new(tz: Tz) -> Self {
        Self { tz, utc: matches!(tz, Tz::UTC | Tz::Etc__UTC) }
    }

    pub(super) fn tz(self) -> Tz {
        self.tz
    }

    /// How far ahead of UTC the wall clock is at an instant; all in milliseconds.
    pub(super) fn offset(self, at: i64) -> i64 {
        if self.utc {
            return 0;
        }
        let Some(at) = DateTime::from_timestamp_millis(at) else { return 0 };
        let seconds = self.tz.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc();
        i64::from(seconds) * 1000
    }

    /// The stretch of constant offset from `from`, cut at `until`. It may end early, but never late.
    pub(super) fn segment(self, from: i64, until: i64) -> Segment {
        let offset = self.offset(from);
        if self.utc {
            return Segment { offset, end: until };
        }
        let end = until.min(from + STRIDE);
        if self.offset(end) == offset {
            return Segment { offset, end };
        }
        let (mut same, mut other) = (from, end);
        while other - same > 1 {
            let middle = same + (other - same) / 2;
            if self.offset(middle) == offset {
                same = middle;
            } else {
                other = middle;
            }
        }
        Segment { offset, end: other }
    }

    /// The first instant at which the wall clock reads `local` milliseconds since 1970-01-01T00:00, or the first
    /// one after a gap that skips it.
    pub(super) fn instant(self, local: i64) -> i64 {
        if self.utc {
            return local;
        }
        let Some(wall) = DateTime::from_timestamp_millis(local) else { return local };
        match self.tz.offset_from_local_datetime(&wall.naive_utc()) {
            LocalResult::Single(offset) | LocalResult::Ambiguous(offset, _) => {
                local - i64::from(offset.fix().local_minus_utc()) * 1000
            }
            // No offset is wider than a day, so this instant is before the gap, and the gap ends its stretch.
            LocalResult::None => self.segment(local - 2 * DAY, local + 2 * DAY).end,
        }
    }
}
