//! Working calendars: which instants count, how much working time lies between two, and when a target is reached.
//!
//! An instant is working time where the wall clock of the calendar's time zone reads a moment in one of the day's
//! half-open windows. Elapsed time is the physical time in that set, so an hour that a zone repeats counts twice
//! and one that it skips counts not at all. All arithmetic is on integer milliseconds.

pub mod clock;
mod window;
mod zone;

pub use window::{DAY_SECONDS, Window};

use crate::time::Timestamp;
use chrono::NaiveDate;
use chrono_tz::Tz;
use std::collections::BTreeMap;
use thiserror::Error;
use zone::{DAY, Segment, WEEK, Zone};

/// Windows in one day.
pub const MAX_WINDOWS: usize = 24;
/// Dates with windows of their own in one calendar.
pub const MAX_HOLIDAYS: usize = 4_000;

/// Why a calendar is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// A time of day is malformed or too late.
    #[error("`{text}` is not a time of day such as 09:00, up to 24:00")]
    TimeOfDay {
        /// What was given.
        text: String,
    },
    /// A window ends before it starts, or where it starts.
    #[error(
        "the window from {start} to {end} is empty: it must end after it starts, on the same day"
    )]
    EmptyWindow {
        /// Its start.
        start: String,
        /// Its end.
        end: String,
    },
    /// The windows of a day overlap or are out of order.
    #[error("the windows of {day} must be in order and must not overlap")]
    WindowsOverlap {
        /// The weekday or date.
        day: String,
    },
    /// There are too many windows in a day.
    #[error("{day} has {count} windows; at most {MAX_WINDOWS} are accepted")]
    TooManyWindows {
        /// The weekday or date.
        day: String,
        /// How many.
        count: usize,
    },
    /// There are too many holidays.
    #[error("there are {count} holidays; at most {MAX_HOLIDAYS} are accepted")]
    TooManyHolidays {
        /// How many.
        count: usize,
    },
}

/// Working hours: windows per weekday and per holiday, in a time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    zone: Zone,
    weekly: [Vec<Window>; 7],
    holidays: BTreeMap<NaiveDate, Vec<Window>>,
    /// Working milliseconds of a week without holidays, on a clock that does not jump.
    week_millis: i64,
}

/// The days of `weekly`, as errors name them.
const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

impl Calendar {
    /// A calendar of `weekly` windows, Monday first, where each date of `holidays` has windows of its own instead
    /// (none: closed). Windows are in order and do not overlap.
    ///
    /// # Errors
    /// Windows of a day overlap or are out of order, or a bound ([`MAX_WINDOWS`], [`MAX_HOLIDAYS`]) is passed.
    pub fn new(
        tz: Tz,
        weekly: [Vec<Window>; 7],
        holidays: BTreeMap<NaiveDate, Vec<Window>>,
    ) -> Result<Self, Error> {
        if holidays.len() > MAX_HOLIDAYS {
            return Err(Error::TooManyHolidays { count: holidays.len() });
        }
        for (name, windows) in WEEKDAYS.iter().zip(&weekly) {
            check_day(name, windows)?;
        }
        for (date, windows) in &holidays {
            check_day(date, windows)?;
        }
        Ok(Self::unchecked(tz, weekly, holidays))
    }

    /// Monday to Friday, all day, no holidays.
    pub fn weekdays(tz: Tz) -> Self {
        let open = || vec![Window::WHOLE_DAY];
        let weekly = [open(), open(), open(), open(), open(), Vec::new(), Vec::new()];
        Self::unchecked(tz, weekly, BTreeMap::new())
    }

    fn unchecked(
        tz: Tz,
        weekly: [Vec<Window>; 7],
        holidays: BTreeMap<NaiveDate, Vec<Window>>,
    ) -> Self {
        let week_millis = weekly.iter().flatten().map(|window| window.millis()).sum();
        Self { zone: Zone::new(tz), weekly, holidays, week_millis }
    }

    /// The time zone whose wall clock rules.
    pub fn tz(&self) -> Tz {
        self.zone.tz()
    }

    /// The windows of each weekday, Monday first.
    pub fn weekly(&self) -> &[Vec<Window>; 7] {
        &self.weekly
    }

    /// The dates that have windows of their own in place of their weekday's; none: closed.
    pub fn holidays(&self) -> &BTreeMap<NaiveDate, Vec<Window>> {
        &self.holidays
    }

    /// The first instant at which [`Self::elapsed_seconds`] since `start` reaches `target_seconds`: closing time,
    /// not the next opening, where the two coincide. `start` itself for 0; [`Timestamp::END`] where the target
    /// is never reached.
    pub fn due_at(&self, start: Timestamp, target_seconds: u32) -> Timestamp {
        self.due_at_millis(start, i64::from(target_seconds).saturating_mul(1000))
    }

    /// [`Self::due_at`] with the target in milliseconds; `start` for none or less.
    pub fn due_at_millis(&self, start: Timestamp, target: i64) -> Timestamp {
        self.walk(start, Timestamp::END, target).reached
    }

    /// Whole working seconds between two instants; 0 where `to` is not after `from`.
    pub fn elapsed_seconds(&self, from: Timestamp, to: Timestamp) -> i64 {
        self.elapsed_millis(from, to).div_euclid(1000)
    }

    /// Working milliseconds between two instants; 0 where `to` is not after `from`.
    /// Additive: what passes from a to c is what passes from a to b and from b to c.
    pub fn elapsed_millis(&self, from: Timestamp, to: Timestamp) -> i64 {
        self.walk(from, to, i64::MAX).worked
    }

    /// The deadline `days` business days after `start`: the first working instant at or after `start`, then the
    /// same wall time on the `days`-th later date that has a window, held to that date's windows (an hour at
    /// which the date is closed becomes the close before it, or the first opening). `start` itself for 0 days;
    /// [`Timestamp::END`] where there is no such date.
    pub fn due_after_business_days(&self, start: Timestamp, days: u32) -> Timestamp {
        if days == 0 {
            return start;
        }
        // The instant at which one millisecond has been worked is one millisecond after the first working one.
        let anchor = self.due_at_millis(start, 1).millis().saturating_sub(1);
        if anchor >= Timestamp::END.millis() - 1 {
            return Timestamp::END;
        }
        let local = anchor.saturating_add(self.zone.offset(anchor));
        let (mut day, wall) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let mut left = days;
        while left > 0 {
            day = day.saturating_add(1);
            if day > Timestamp::END.millis() / DAY {
                return Timestamp::END;
            }
            left -= u32::from(!self.windows(day).is_empty());
        }
        let wall = hold(self.windows(day), wall);
        Timestamp::from_millis(self.zone.instant(day.saturating_mul(DAY).saturating_add(wall)))
    }

    /// The windows of a local day, counted from 1970-01-01.
    fn windows(&self, day: i64) -> &[Window] {
        if !self.holidays.is_empty()
            && let Some(windows) = date(day).and_then(|date| self.holidays.get(&date))
        {
            return windows;
        }
        // 1970-01-01 was a Thursday, the fourth day of a week that begins on Monday.
        let weekday = usize::try_from((day + 3).rem_euclid(7)).unwrap_or_default();
        self.weekly.get(weekday).map_or(&[], Vec::as_slice)
    }

    /// Walks from `from` until `until`, or until `target` milliseconds have been worked.
    fn walk(&self, from: Timestamp, until: Timestamp, target: i64) -> Walk {
        if target <= 0 {
            return Walk { reached: from, worked: 0 };
        }
        let (mut now, horizon) = (from.millis(), until.millis().min(self.horizon()));
        let mut worked = 0;
        while now < horizon {
            let Segment { offset, end } = self.zone.segment(now, horizon);
            let (local, local_end) = (now + offset, end + offset);
            if let Some(local) = self.walk_wall_clock(local, local_end, target, &mut worked) {
                return Walk { reached: Timestamp::from_millis(local - offset), worked };
            }
            now = end;
        }
        Walk { reached: from.max(until), worked }
    }

    /// Walks from one reading of the wall clock to another while it does not jump, adding to `worked`. Where that
    /// comes to `target`, it gives the reading.
    fn walk_wall_clock(
        &self,
        mut local: i64,
        local_end: i64,
        target: i64,
        worked: &mut i64,
    ) -> Option<i64> {
        while local < local_end {
            let weeks = self.whole_weeks(local, local_end, target - *worked);
            if weeks > 0 {
                *worked += weeks * self.week_millis;
                local += weeks * WEEK;
                continue;
            }
            let day = local.div_euclid(DAY);
            let (midnight, day_end) = (day * DAY, local_end.min((day + 1) * DAY));
            for window in self.windows(day) {
                let open = local.max(midnight + window.start_millis());
                let close = day_end.min(midnight + window.end_millis()).max(open);
                let wanted = target - *worked;
                if close - open >= wanted {
                    *worked = target;
                    return Some(open + wanted);
                }
                *worked += close - open;
            }
            local = day_end;
        }
        None
    }

    /// After this instant nothing is ever open: far away, unless only holidays have windows.
    fn horizon(&self) -> i64 {
        if self.week_millis > 0 {
            return i64::MAX;
        }
        // Two days more than the last date has, for the widest offset.
        let last = self.holidays.iter().rev().find(|(_, windows)| !windows.is_empty());
        last.map_or(i64::MIN, |(date, _)| midnight_of(*date).saturating_add(3 * DAY))
    }

    /// How many whole weeks from `local` have no holiday, end by `local_end` and fall short of `wanted`.
    fn whole_weeks(&self, local: i64, local_end: i64, wanted: i64) -> i64 {
        if local_end - local < WEEK {
            return 0;
        }
        let mut end = local_end;
        if !self.holidays.is_empty()
            && let Some(today) = date(local.div_euclid(DAY))
            && let Some((holiday, _)) = self.holidays.range(today..).next()
        {
            end = end.min(midnight_of(*holiday));
        }
        let weeks = (end - local).div_euclid(WEEK).max(0);
        // One unit short of the target, so that the week in which it is reached is walked day by day.
        match (wanted - 1).checked_div(self.week_millis) {
            Some(short) => weeks.min(short),
            None => weeks,
        }
    }
}

/// Where a walk ended.
struct Walk {
    /// The instant.
    reached: Timestamp,
    /// Working milliseconds on the way.
    worked: i64,
}

/// `wall` milliseconds into a day, or the moment of the day's windows that stands for it.
fn hold(windows: &[Window], wall: i64) -> i64 {
    let mut held = None;
    for window in windows {
        if wall < window.start_millis() {
            break;
        }
        held = Some(wall.min(window.end_millis()));
    }
    held.or_else(|| windows.first().map(|window| window.start_millis())).unwrap_or(wall)
}

/// The date of a day counted from 1970-01-01.
fn date(day: i64) -> Option<NaiveDate> {
    NaiveDate::from_epoch_days(i32::try_from(day).ok()?)
}

/// Milliseconds from 1970-01-01T00:00 to a date's midnight, on the same wall clock.
fn midnight_of(date: NaiveDate) -> i64 {
    i64::from(date.to_epoch_days()) * DAY
}

/// Checks the number and order of a day's windows.
fn check_day(day: &impl ToString, windows: &[Window]) -> Result<(), Error> {
    if windows.len() > MAX_WINDOWS {
        return Err(Error::TooManyWindows { day: day.to_string(), count: windows.len() });
    }
    let ordered =
        windows.iter().zip(windows.iter().skip(1)).all(|(one, next)| one.end() <= next.start());
    if ordered { Ok(()) } else { Err(Error::WindowsOverlap { day: day.to_string() }) }
}

#[cfg(test)]
mod tests;
