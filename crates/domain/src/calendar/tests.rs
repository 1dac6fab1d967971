//! Calendars against brute force, and the laws of elapsed time.

use super::*;
use chrono::{DateTime, Datelike, Offset, TimeZone, Timelike};
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn windows(texts: &[(&str, &str)]) -> Vec<Window> {
    texts.iter().map(|(start, end)| Window::parse(start, end).unwrap()).collect()
}

fn office(tz: Tz) -> Calendar {
    let day = || windows(&[("09:00", "12:00"), ("13:00", "17:00")]);
    let weekly = [day(), day(), day(), day(), day(), Vec::new(), Vec::new()];
    let holidays = BTreeMap::from([
        (NaiveDate::from_ymd_opt(2026, 11, 26).unwrap(), Vec::new()),
        (NaiveDate::from_ymd_opt(2026, 11, 27).unwrap(), windows(&[("09:00", "11:00")])),
    ]);
    Calendar::new(tz, weekly, holidays).unwrap()
}

#[test]
fn a_calendar_gives_back_what_it_was_made_of() {
    let calendar = office(Tz::Europe__Lisbon);
    assert_eq!(calendar.tz(), Tz::Europe__Lisbon);
    assert_eq!(calendar.weekly()[0], windows(&[("09:00", "12:00"), ("13:00", "17:00")]));
    assert_eq!(calendar.holidays().len(), 2);
    let again =
        Calendar::new(calendar.tz(), calendar.weekly().clone(), calendar.holidays().clone());
    assert_eq!(again.unwrap(), calendar);
}

#[test]
fn calendars_out_of_order_or_bounds_are_refused() {
    let empty = || -> [Vec<Window>; 7] { Default::default() };
    let mut weekly = empty();
    weekly[2] = windows(&[("09:00", "12:00"), ("11:59", "13:00")]);
    assert_eq!(
        Calendar::new(Tz::UTC, weekly, BTreeMap::new()),
        Err(Error::WindowsOverlap { day: "Wednesday".to_owned() })
    );
    let date = NaiveDate::from_ymd_opt(2026, 1, 6).unwrap();
    let minutes: Vec<Window> =
        (0..25).map(|hour| Window::new(hour * 60, hour * 60 + 1).unwrap()).collect();
    assert_eq!(
        Calendar::new(Tz::UTC, empty(), BTreeMap::from([(date, minutes)])),
        Err(Error::TooManyWindows { day: "2026-01-06".to_owned(), count: 25 })
    );
    let days = date.iter_days().take(MAX_HOLIDAYS + 1).map(|date| (date, Vec::new())).collect();
    assert_eq!(
        Calendar::new(Tz::UTC, empty(), days),
        Err(Error::TooManyHolidays { count: MAX_HOLIDAYS + 1 })
    );
}

#[test]
fn targets_are_reached_at_closing_and_never_before_opening() {
    let calendar = office(Tz::UTC);
    for (start, seconds, due) in [
        ("2026-06-08T09:00:00Z", 3 * 3600, "2026-06-08T12:00:00Z"),
        ("2026-06-08T09:00:00Z", 3 * 3600 + 1, "2026-06-08T13:00:01Z"),
        ("2026-06-08T18:00:00Z", 1, "2026-06-09T09:00:01Z"),
        ("2026-06-13T18:00:00Z", 0, "2026-06-13T18:00:00Z"),
        ("2026-11-25T16:00:00Z", 2 * 3600, "2026-11-27T10:00:00Z"),
        // A year of weeks, and the holidays of one of them.
        ("2026-06-08T09:00:00Z", 52 * 35 * 3600, "2027-06-08T15:00:00Z"),
    ] {
        assert_eq!(calendar.due_at(at(start), seconds), at(due), "{start} + {seconds}");
    }
}

#[test]
fn a_target_beyond_all_time_is_never_due() {
    let closed = Calendar::new(Tz::Europe__Paris, Default::default(), BTreeMap::new()).unwrap();
    let start = at("2026-06-08T09:00:00Z");
    assert_eq!(closed.due_at(start, 1), Timestamp::END);
    assert_eq!(closed.due_after_business_days(start, 1), Timestamp::END);
    assert_eq!(closed.elapsed_seconds(start, Timestamp::END), 0);
    let date = NaiveDate::from_ymd_opt(2030, 1, 1).unwrap();
    let once = BTreeMap::from([(date, vec![Window::WHOLE_DAY])]);
    for tz in [Tz::UTC, Tz::Pacific__Apia, Tz::Pacific__Pago_Pago] {
        let calendar = Calendar::new(tz, Default::default(), once.clone()).unwrap();
        assert_eq!(calendar.elapsed_seconds(Timestamp::BEGINNING, Timestamp::END), 86_400, "{tz}");
        assert_eq!(calendar.due_at(start, 86_401), Timestamp::END);
    }
    let always = Calendar::weekdays(Tz::Asia__Tokyo);
    assert_eq!(always.due_after_business_days(start, u32::MAX), Timestamp::END);
}

#[test]
fn business_days_keep_the_wall_time_within_the_windows() {
    let lisbon = office(Tz::Europe__Lisbon);
    for (start, days, due) in [
        ("2026-06-10T09:15:00Z", 1, "2026-06-11T09:15:00Z"),
        ("2026-06-10T09:15:00Z", 0, "2026-06-10T09:15:00Z"),
        // Saturday starts as Monday at opening.
        ("2026-06-13T20:00:00Z", 1, "2026-06-16T08:00:00Z"),
        // 16:00 on the half day is its close; Thursday is closed and no day.
        ("2026-11-25T16:00:00Z", 1, "2026-11-27T11:00:00Z"),
        ("2026-11-25T16:00:00Z", 2, "2026-11-30T16:00:00Z"),
        // Over the end of summer time the wall time stays.
        ("2026-10-23T09:30:00Z", 1, "2026-10-26T10:30:00Z"),
    ] {
        assert_eq!(lisbon.due_after_business_days(at(start), days), at(due), "{start} + {days}");
    }
}

#[test]
fn a_wall_time_that_is_skipped_is_the_end_of_the_gap() {
    // New York skips 02:00 to 03:00 on 2026-03-08.
    let night = || windows(&[("02:30", "02:45")]);
    let weekly = [night(), night(), night(), night(), night(), night(), night()];
    let calendar = Calendar::new(Tz::America__New_York, weekly, BTreeMap::new()).unwrap();
    let due = calendar.due_after_business_days(at("2026-03-07T07:30:00Z"), 1);
    assert_eq!(due, at("2026-03-08T07:00:00Z"));
    assert_eq!(calendar.elapsed_seconds(at("2026-03-08T00:00:00Z"), at("2026-03-09T00:00:00Z")), 0);
}

/// The definition itself: whether the wall clock at `at` reads a moment in a window.
fn is_working(calendar: &Calendar, at: i64) -> bool {
    let utc = DateTime::from_timestamp_millis(at).unwrap().naive_utc();
    let local = utc + calendar.tz().offset_from_utc_datetime(&utc).fix();
    let second = local.num_seconds_from_midnight();
    let weekday = usize::try_from(local.weekday().num_days_from_monday()).unwrap();
    let windows = calendar.holidays().get(&local.date()).unwrap_or(&calendar.weekly()[weekday]);
    windows.iter().any(|window| (window.start()..window.end()).contains(&second))
}

prop_compose! {
    fn a_day()(cuts in prop::collection::btree_set(0..=48_u32, 0..=6)) -> Vec<Window> {
        let cuts: Vec<u32> = cuts.into_iter().map(|half_hours| half_hours * 1800).collect();
        cuts.chunks_exact(2).map(|pair| Window::new(pair[0], pair[1]).unwrap()).collect()
    }
}

prop_compose! {
    /// Any zone, around one of its changes of offset where it has any after 1970.
    fn a_calendar_and_a_start()(
        tz in (0..chrono_tz::TZ_VARIANTS.len()).prop_map(|index| chrono_tz::TZ_VARIANTS[index]),
        weekly in prop::array::uniform7(a_day()),
        holidays in prop::collection::btree_map(-30..30_i64, a_day(), 0..4),
        guess in 0..1_900_000_000_000_i64,
        before in 0..5 * DAY,
    ) -> (Calendar, Timestamp) {
        let zone = Zone::new(tz);
        let mut start = guess;
        for _ in 0..60 {
            let segment = zone.segment(start, start + 6 * DAY);
            start = segment.end;
            if zone.offset(start) != segment.offset {
                break;
            }
        }
        start -= before;
        let holidays = holidays
            .into_iter()
            .filter_map(|(day, windows)| Some((date(start / DAY + day)?, windows)))
            .collect();
        let calendar = Calendar::new(tz, weekly, holidays).unwrap();
        (calendar, Timestamp::from_millis(start))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn elapsed_time_adds_up(
        (calendar, start) in a_calendar_and_a_start(),
        first in 0..60 * DAY,
        second in 0..60 * DAY,
    ) {
        let (middle, end) = (start.plus_millis(first), start.plus_millis(first + second));
        prop_assert_eq!(
            calendar.elapsed_millis(start, end),
            calendar.elapsed_millis(start, middle) + calendar.elapsed_millis(middle, end)
        );
        prop_assert_eq!(calendar.elapsed_millis(end, start), 0);
    }

    #[test]
    fn a_deadline_is_the_first_instant_at_which_the_target_has_elapsed(
        (calendar, start) in a_calendar_and_a_start(),
        target in 1..200 * 3600 * 1000_i64,
    ) {
        let due = calendar.due_at_millis(start, target);
        if due < Timestamp::END {
            prop_assert_eq!(calendar.elapsed_millis(start, due), target);
            prop_assert_eq!(calendar.elapsed_millis(start, due.plus_millis(-1)), target - 1);
        }
    }

    #[test]
    fn whole_weeks_at_once_are_the_same_as_day_by_day(
        (calendar, start) in a_calendar_and_a_start(),
        days in 0..400_i64,
    ) {
        let utc = Calendar { zone: Zone::new(Tz::UTC), ..calendar };
        let by_day: i64 = (0..days)
            .map(|day| {
                let from = start.plus_millis(day * DAY);
                utc.elapsed_millis(from, from.plus_millis(DAY))
            })
            .sum();
        let all = utc.elapsed_millis(start, start.plus_millis(days * DAY));
        prop_assert_eq!(all, by_day);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]

    #[test]
    fn elapsed_time_is_what_the_definition_counts((calendar, start) in a_calendar_and_a_start()) {
        // Windows, offsets and changes of them lie on whole minutes since 1980: Goose Bay changed at 0:01, and before
        // then Liberia stood at 0:44:30.
        const STEP: i64 = 60_000;
        const SINCE: i64 = 315_532_800_000;
        let start = start.millis().max(SINCE) / STEP * STEP;
        let steps = 10 * DAY / STEP;
        let working = (0..steps).filter(|step| is_working(&calendar, start + step * STEP)).count();
        let elapsed = calendar.elapsed_millis(
            Timestamp::from_millis(start),
            Timestamp::from_millis(start + steps * STEP),
        );
        prop_assert_eq!(elapsed, i64::try_from(working).unwrap() * STEP);
    }
}
