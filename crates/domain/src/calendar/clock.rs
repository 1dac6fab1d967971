//! One SLA clock on a calendar: its deadline, its pauses, where it stands.

use super::Calendar;
use crate::time::Timestamp;

/// How much may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Working seconds.
    Seconds(u32),
    /// The same wall time this many business days later ([`Calendar::due_after_business_days`]).
    BusinessDays(u32),
}

/// A stretch in which the clock stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Its start.
    pub from: Timestamp,
    /// Its end, not included; `None` while it lasts.
    pub to: Option<Timestamp>,
}

/// Where a clock stands. A cancelled clock stands nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Open, with time left.
    Running,
    /// Open and standing still.
    Paused,
    /// Open, with [`SlaClock::AT_RISK_PERCENT`] of its target gone.
    AtRisk,
    /// Stopped in time.
    Met,
    /// Stopped late.
    Breached,
    /// Open and late.
    BreachedOpen,
}

impl Standing {
    /// The standing's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::AtRisk => "at_risk",
            Self::Met => "met",
            Self::Breached => "breached",
            Self::BreachedOpen => "breached_open",
        }
    }
}

/// Whether something done at `at` comes too late for a deadline. At the very deadline it is in time.
pub fn is_late(due_at: Timestamp, at: Timestamp) -> bool {
    at > due_at
}

/// A clock that was started once.
#[derive(Clone, Debug)]
pub struct SlaClock<'a> {
    calendar: &'a Calendar,
    start: Timestamp,
    /// In working milliseconds.
    target: i64,
    /// In order, apart, none before the start; only the last may be open.
    pauses: Vec<Pause>,
}

impl<'a> SlaClock<'a> {
    /// The share of the target after which an open clock is at risk.
    pub const AT_RISK_PERCENT: u16 = 75;

    /// A clock that starts at `start`. Pauses may overlap and come in any order; their working part is not counted.
    /// Business days are counted as if there were no pause, and then moved by the pauses as working time is.
    pub fn new(calendar: &'a Calendar, start: Timestamp, target: Target, pauses: &[Pause]) -> Self {
        let target = match target {
            Target::Seconds(seconds) => i64::from(seconds).saturating_mul(1000),
            Target::BusinessDays(days) => {
                calendar.elapsed_millis(start, calendar.due_after_business_days(start, days))
            }
        };
        Self { calendar, start, target, pauses: merge(start, pauses) }
    }

    /// When the target is reached; `None` where an open pause comes first.
    pub fn due_at(&self) -> Option<Timestamp> {
        self.reaches(self.target)
    }

    /// When `percent` of the target have passed; `None` where an open pause comes first.
    pub fn percent_at(&self, percent: u16) -> Option<Timestamp> {
        let part = i128::from(self.target).saturating_mul(i128::from(percent)) / 100;
        self.reaches(i64::try_from(part).unwrap_or(i64::MAX))
    }

    /// When `seconds` of working time have passed after the deadline; `None` where an open pause comes first.
    pub fn after_due(&self, seconds: u32) -> Option<Timestamp> {
        self.reaches(self.target.saturating_add(i64::from(seconds).saturating_mul(1000)))
    }

    /// Whole working seconds from the start to `at`, without pauses.
    pub fn elapsed_seconds(&self, at: Timestamp) -> i64 {
        self.elapsed(at).div_euclid(1000)
    }

    /// Whole working seconds left at `at`; negative when late.
    pub fn remaining_seconds(&self, at: Timestamp) -> i64 {
        (self.target - self.elapsed(at)).div_euclid(1000)
    }

    /// Whole working seconds by which `at` is late; 0 where it is in time, or late outside working hours only.
    pub fn overdue_seconds(&self, at: Timestamp) -> i64 {
        self.remaining_seconds(at).saturating_neg().max(0)
    }

    /// Where the clock stands at `now`, having stopped at `stop`.
    pub fn standing(&self, stop: Option<Timestamp>, now: Timestamp) -> Standing {
        let late = |at| self.due_at().is_some_and(|due| is_late(due, at));
        if let Some(stop) = stop {
            return if late(stop) { Standing::Breached } else { Standing::Met };
        }
        if late(now) {
            Standing::BreachedOpen
        } else if self.pauses.iter().any(|pause| pause.covers(now)) {
            Standing::Paused
        } else if self.percent_at(Self::AT_RISK_PERCENT).is_some_and(|at| now >= at) {
            Standing::AtRisk
        } else {
            Standing::Running
        }
    }

    fn elapsed(&self, at: Timestamp) -> i64 {
        let paused: i64 = self
            .pauses
            .iter()
            .map(|pause| {
                let end = pause.to.map_or(at, |to| to.min(at));
                self.calendar.elapsed_millis(pause.from, end)
            })
            .sum();
        self.calendar.elapsed_millis(self.start, at) - paused
    }

    /// The first instant at which `target` milliseconds have passed.
    fn reaches(&self, target: i64) -> Option<Timestamp> {
        let (mut from, mut left) = (self.start, target);
        for pause in &self.pauses {
            let due = self.calendar.due_at_millis(from, left);
            if due <= pause.from {
                return Some(due);
            }
            left -= self.calendar.elapsed_millis(from, pause.from);
            from = pause.to?;
        }
        Some(self.calendar.due_at_millis(from, left))
    }
}

impl Pause {
    fn covers(self, at: Timestamp) -> bool {
        self.from <= at && self.to.is_none_or(|to| at < to)
    }
}

/// The pauses in order, with those that touch made one, cut at `start`.
fn merge(start: Timestamp, pauses: &[Pause]) -> Vec<Pause> {
    let mut sorted: Vec<Pause> =
        pauses.iter().map(|pause| Pause { from: pause.from.max(start), to: pause.to }).collect();
    sorted.retain(|pause| pause.to.is_none_or(|to| to > pause.from));
    sorted.sort_by_key(|pause| pause.from);
    let mut merged: Vec<Pause> = Vec::with_capacity(sorted.len());
    for pause in sorted {
        match merged.last_mut() {
            Some(last) if last.to.is_none_or(|to| to >= pause.from) => {
                last.to = last.to.zip(pause.to).map(|(one, other)| one.max(other));
            }
            _ => merged.push(pause),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    /// Monday to Friday, all day, UTC; 2026-06-08 is a Monday.
    fn calendar() -> Calendar {
        Calendar::weekdays(chrono_tz::Tz::UTC)
    }

    fn pause(from: &str, to: &str) -> Pause {
        Pause { from: at(from), to: (!to.is_empty()).then(|| at(to)) }
    }

    #[test]
    fn only_the_working_part_of_pauses_moves_the_deadline() {
        let calendar = calendar();
        let start = at("2026-06-12T20:00:00Z");
        let target = Target::Seconds(8 * 3600);
        let free = SlaClock::new(&calendar, start, target, &[]);
        assert_eq!(free.due_at(), Some(at("2026-06-15T04:00:00Z")));
        // Friday 22:00 to Monday 01:00, given in two overlapping pieces out of order: 3 working hours.
        let pauses = [
            pause("2026-06-13T05:00:00Z", "2026-06-15T01:00:00Z"),
            pause("2026-06-12T22:00:00Z", "2026-06-14T00:00:00Z"),
            pause("2026-06-12T22:00:00Z", "2026-06-12T22:00:00Z"),
        ];
        let clock = SlaClock::new(&calendar, start, target, &pauses);
        assert_eq!(clock.due_at(), Some(at("2026-06-15T07:00:00Z")));
        assert_eq!(clock.elapsed_seconds(at("2026-06-15T02:00:00Z")), 3 * 3600);
        assert_eq!(clock.percent_at(25), Some(at("2026-06-12T22:00:00Z")));
    }

    #[test]
    fn a_clock_under_an_open_pause_has_no_deadline() {
        let calendar = calendar();
        let start = at("2026-06-08T00:00:00Z");
        let pauses = [pause("2026-06-08T03:00:00Z", "")];
        let clock = SlaClock::new(&calendar, start, Target::Seconds(4 * 3600), &pauses);
        assert_eq!(clock.due_at(), None);
        assert_eq!(clock.standing(None, at("2026-06-08T02:59:59Z")), Standing::Running);
        assert_eq!(clock.standing(None, at("2026-06-09T00:00:00Z")), Standing::Paused);
        assert_eq!(clock.elapsed_seconds(at("2026-06-09T00:00:00Z")), 3 * 3600);
    }

    #[test]
    fn a_clock_stands_by_its_deadline() {
        let calendar = calendar();
        let clock =
            SlaClock::new(&calendar, at("2026-06-08T00:00:00Z"), Target::Seconds(4 * 3600), &[]);
        let stands = |stop: Option<&str>, now| clock.standing(stop.map(at), at(now)).name();
        assert_eq!(stands(None, "2026-06-08T02:59:59.999Z"), "running");
        assert_eq!(stands(None, "2026-06-08T03:00:00Z"), "at_risk");
        assert_eq!(stands(None, "2026-06-08T04:00:00Z"), "at_risk");
        assert_eq!(stands(None, "2026-06-08T04:00:00.001Z"), "breached_open");
        assert_eq!(stands(Some("2026-06-08T04:00:00Z"), "2026-06-09T00:00:00Z"), "met");
        assert_eq!(stands(Some("2026-06-08T04:00:01Z"), "2026-06-09T00:00:00Z"), "breached");
        assert_eq!(clock.overdue_seconds(at("2026-06-08T05:00:00Z")), 3600);
        assert_eq!(clock.remaining_seconds(at("2026-06-08T01:00:00Z")), 3 * 3600);
        assert_eq!(clock.after_due(3600), Some(at("2026-06-08T05:00:00Z")));
    }

    #[test]
    fn business_days_are_moved_by_pauses() {
        let calendar = calendar();
        let start = at("2026-06-11T10:00:00Z");
        let due = |pauses: &[Pause]| {
            SlaClock::new(&calendar, start, Target::BusinessDays(2), pauses).due_at().unwrap()
        };
        assert_eq!(due(&[]), at("2026-06-15T10:00:00Z"));
        let day = pause("2026-06-12T00:00:00Z", "2026-06-13T00:00:00Z");
        assert_eq!(due(&[day]), at("2026-06-16T10:00:00Z"));
    }
}
