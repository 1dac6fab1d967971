//! Cases of SLA clocks and their metrics.

use super::json::{compare, list, optional_time, small, text, time};
use super::{Judged, Mismatch};
use chrono::NaiveDate;
use leadline_domain::Timestamp;
use leadline_domain::calendar::clock::{Pause, SlaClock, Target};
use leadline_domain::calendar::{Calendar, Window};
use leadline_domain::percentile::nearest_rank;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Runs one case.
pub(super) fn judge(calendars: &Value, case: &Value) -> Result<(), Mismatch> {
    let input = &case["input"];
    let calendar = calendar(&calendars[text(&input["calendar"], "calendar")?])?;
    let start = time(&input["start"], "start")?;
    let target = if input["target_business_days"].is_null() {
        Target::Seconds(small(&input["target_seconds"], "target_seconds")?)
    } else {
        Target::BusinessDays(small(&input["target_business_days"], "target_business_days")?)
    };
    let pauses: Vec<Pause> = list(&input["pauses"])
        .iter()
        .map(|pause| {
            let (from, to) = (time(&pause[0], "pause")?, optional_time(&pause[1], "pause")?);
            Ok(Pause { from, to })
        })
        .collect::<Result<_, Mismatch>>()?;
    let clock = SlaClock::new(&calendar, start, target, &pauses);
    let stop = optional_time(&input["stop"], "stop")?;
    let now = optional_time(&input["now"], "now")?.or(stop).unwrap_or(start);
    let expected = &case["expected"];
    let found = json!({
        "due_at": clock.due_at().map(|due| due.to_string()),
        "elapsed_business_seconds": clock.elapsed_seconds(stop.unwrap_or(now)),
        "elapsed_wall_seconds": stop.unwrap_or(now).millis_since(start).div_euclid(1000),
        "state": clock.standing(stop, now).name(),
        "overdue_business_seconds": clock.overdue_seconds(stop.unwrap_or(now)),
        "remaining_business_seconds": clock.remaining_seconds(now),
        "escalations": escalations(&clock, list(&input["escalations"]))?,
    });
    compare(expected, &found)
}

fn escalations(clock: &SlaClock<'_>, rungs: &[Value]) -> Result<Vec<Value>, Mismatch> {
    let fire = |rung: &Value| {
        let at: Option<Timestamp> = if rung["percent"].is_null() {
            clock.after_due(small(&rung["after_due_seconds"], "after_due_seconds")?)
        } else {
            clock.percent_at(small(&rung["percent"], "percent")?)
        };
        Ok(json!({ "name": rung["name"], "fires_at": at.map(|at| at.to_string()) }))
    };
    rungs.iter().map(fire).collect()
}

fn calendar(value: &Value) -> Result<Calendar, Mismatch> {
    let tz = text(&value["tz"], "tz")?.parse().map_err(|error| format!("tz: {error}"))?;
    let mut weekly: [Vec<Window>; 7] = Default::default();
    for (name, day) in WEEKDAYS.iter().zip(&mut weekly) {
        *day = windows(&value["weekly"][name])?;
    }
    let holidays = list(&value["holidays"])
        .iter()
        .map(|holiday| {
            let date: NaiveDate = text(&holiday["date"], "holiday")?
                .parse()
                .map_err(|error| format!("holiday: {error}"))?;
            Ok((date, windows(&holiday["windows"])?))
        })
        .collect::<Result<BTreeMap<_, _>, Mismatch>>()?;
    Calendar::new(tz, weekly, holidays).map_err(|error| error.to_string())
}

fn windows(value: &Value) -> Result<Vec<Window>, Mismatch> {
    let window = |pair: &Value| {
        Window::parse(text(&pair[0], "window")?, text(&pair[1], "window")?)
            .map_err(|error| error.to_string())
    };
    list(value).iter().map(window).collect()
}

/// Runs the worked set of metrics: all clocks, and the clocks of each person and queue.
pub(super) fn metrics(set: &Value) -> Vec<Judged> {
    let rows = list(&set["rows"]);
    let expected = &set["expected"];
    let all: Vec<&Value> = rows.iter().collect();
    let mut results = vec![("metrics".to_owned(), compare(&expected["all"], &measure(&all)))];
    for (group, field) in [("by_rep", "rep"), ("by_queue", "queue")] {
        for (name, expected) in expected[group].as_object().into_iter().flatten() {
            let own: Vec<&Value> = rows.iter().filter(|row| row[field] == *name).collect();
            results.push((format!("metrics of {name}"), compare(expected, &measure(&own))));
        }
    }
    results
}

fn measure(rows: &[&Value]) -> Value {
    let count = |state: &str| rows.iter().filter(|row| row["state"] == state).count();
    let (met, breached) = (count("met"), count("breached") + count("breached_open"));
    let judged = met + breached;
    let mut elapsed: Vec<i64> =
        rows.iter().filter_map(|row| row["elapsed_business_seconds"].as_i64()).collect();
    elapsed.sort_unstable();
    let wide = |count: usize| i128::try_from(count).unwrap_or(i128::MAX);
    json!({
        "met": met,
        "breached": breached,
        "open_not_due": count("running") + count("at_risk") + count("paused"),
        "cancelled": count("cancelled"),
        "attainment": format!("{met}/{judged}"),
        "attainment_bps":
            leadline_domain::money::divide_half_even(wide(met) * 10_000, wide(judged)),
        "median_s": nearest_rank(&elapsed, 50),
        "p90_s": nearest_rank(&elapsed, 90),
    })
}
