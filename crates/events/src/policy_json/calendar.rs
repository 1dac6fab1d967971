//! Working calendars as they are written in policies.

use chrono::NaiveDate;
use chrono_tz::Tz;
use leadline_domain::calendar::{Calendar, Window};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `{"tz": "Europe/Berlin", "weekly": {"mon": [["09:00", "17:00"]]}, "holidays": {"2026-12-25": []}}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CalendarForm {
    tz: String,
    weekly: WeekForm,
    /// Dates with windows of their own; none means closed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    holidays: BTreeMap<String, DayForm>,
}

/// Start and end of each window, `HH:MM`; the end may be `24:00`.
type DayForm = Vec<(String, String)>;

/// Days that are left out are closed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct WeekForm {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mon: DayForm,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tue: DayForm,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    wed: DayForm,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    thu: DayForm,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fri: DayForm,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sat: DayForm,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sun: DayForm,
}

impl CalendarForm {
    /// The calendar as it is written.
    pub(super) fn of(calendar: &Calendar) -> Self {
        let [mon, tue, wed, thu, fri, sat, sun] = calendar.weekly().each_ref().map(|day| form(day));
        let holidays =
            calendar.holidays().iter().map(|(date, day)| (date.to_string(), form(day))).collect();
        Self {
            tz: calendar.tz().name().to_owned(),
            weekly: WeekForm { mon, tue, wed, thu, fri, sat, sun },
            holidays,
        }
    }

    /// The calendar, or `None` with what is wrong with it noted in `errors`.
    pub(super) fn read(&self, errors: &mut Vec<String>) -> Option<Calendar> {
        let before = errors.len();
        let tz = self.tz.parse::<Tz>().ok();
        if tz.is_none() {
            errors
                .push(format!("calendar.tz: `{}` is no time zone such as Europe/Berlin", self.tz));
        }
        let WeekForm { mon, tue, wed, thu, fri, sat, sun } = &self.weekly;
        let named = [
            ("mon", mon),
            ("tue", tue),
            ("wed", wed),
            ("thu", thu),
            ("fri", fri),
            ("sat", sat),
            ("sun", sun),
        ];
        let weekly =
            named.map(|(name, day)| windows(&format!("calendar.weekly.{name}"), day, errors));
        let mut holidays = BTreeMap::new();
        for (text, day) in &self.holidays {
            let place = format!("calendar.holidays.{text}");
            let windows = windows(&place, day, errors);
            // Only the written-out form: two texts of one date would quietly become one.
            match text.parse::<NaiveDate>() {
                Ok(date) if date.to_string() == *text => {
                    holidays.insert(date, windows);
                }
                _ => errors.push(format!("{place}: a date such as 2026-12-25 is needed")),
            }
        }
        if errors.len() > before {
            return None;
        }
        Calendar::new(tz?, weekly, holidays)
            .map_err(|error| errors.push(format!("calendar: {error}")))
            .ok()
            .filter(|calendar| {
                let open = calendar.weekly().iter().any(|day| !day.is_empty());
                if !open {
                    errors.push("calendar.weekly: at least one day must be open".to_owned());
                }
                open
            })
    }
}

fn form(windows: &[Window]) -> DayForm {
    windows.iter().map(|window| (window.start_text(), window.end_text())).collect()
}

fn windows(place: &str, day: &DayForm, errors: &mut Vec<String>) -> Vec<Window> {
    let mut windows = Vec::with_capacity(day.len());
    for (index, (start, end)) in day.iter().enumerate() {
        match Window::parse(start, end) {
            Ok(window) => windows.push(window),
            Err(error) => errors.push(format!("{place}[{index}]: {error}")),
        }
    }
    windows
}
