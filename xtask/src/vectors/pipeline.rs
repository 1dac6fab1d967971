//! Cases of pipelines and funnels.

mod book;

use super::Mismatch;
use super::json::{compare, list, number, optional_time, small, text, time};
use book::{Book, Deal, Stage};
use leadline_domain::Timestamp;
use leadline_domain::forecast::{Forecast, Movement, Outcome, Snapshot, WinRate, velocity};
use leadline_domain::funnel::{Counts, Journey, Step, cohorts, periods, reached, stays};
use leadline_domain::money::{ProbabilityBp, divide_half_even};
use num_rational::{BigRational, Ratio};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Runs one case on the events and leads of its file.
pub(super) fn judge(file: &Value, case: &Value) -> Result<(), Mismatch> {
    let query = &case["query"];
    let stages = Stage::read(&file["stages"])?;
    let events = list(&file["opportunity_events"]);
    let book = |at: &Value| Book::at(&stages, events, time(at, "as_of")?);
    let as_of = &query["as_of"];
    let metric = text(&query["metric"], "metric")?;
    let found = match metric {
        "weighted_pipeline" => weighted(&book(as_of)?, &query["close_period"]),
        "expected_revenue" => expected_revenue(query)?,
        "forecast_categories" => categories(&book(as_of)?, &query["close_period"]),
        "win_rate" => {
            let within = &query["closed_between"];
            let closed =
                |deal: &Deal<'_>| deal.closed_at.is_none_or(|at| contains(within, &at.to_string()));
            win_rate(book(as_of)?.deals.values().filter(|deal| closed(deal)))
        }
        "win_rate_by_origin" => {
            let book = book(as_of)?;
            let of =
                |origin| win_rate(book.deals.values().filter(move |deal| deal.origin == origin));
            json!({ "converted": of("converted"), "direct": of("direct") })
        }
        "cohort_win_rate" => {
            let within = &query["created_between"];
            let created = |deal: &&Deal<'_>| contains(within, &deal.created_at.to_string());
            win_rate(book(as_of)?.deals.values().filter(created))
        }
        "stage_duration" => {
            let book = book(as_of)?;
            let deal = book.deals.get(text(&query["opp"], "opp")?).ok_or("no such opportunity")?;
            durations(deal, time(as_of, "as_of")?)
        }
        "stage_funnel" => stage_funnel(&book(as_of)?, &stages),
        "lead_funnel_cohort" | "lead_funnel_period" => lead_funnel(&file["leads"], query)?,
        "velocity" if as_of.is_null() => stated_velocity(query)?,
        "velocity" => measured_velocity(&book(as_of)?),
        "pipeline_waterfall" => {
            waterfall(&book(&query["from"])?, &book(&query["to"])?, &query["close_period"])
        }
        "state_at_position" => {
            let last = number(&query["position"], "position")?;
            let at =
                events.iter().find(|event| event["position"] == last).map(|event| &event["at"]);
            state(at.ok_or("no such position")?, &book(at.unwrap_or(&Value::Null))?)
        }
        other => return Err(format!("nothing here computes `{other}`")),
    };
    compare(&case["expected"], &found)
}

/// Whether a date, or the date of an instant, lies between two; anything does where none are given.
fn contains(between: &Value, date: &str) -> bool {
    let date = date.split('T').next().unwrap_or_default();
    match (between[0].as_str(), between[1].as_str()) {
        (Some(first), Some(last)) => (first..=last).contains(&date),
        _ => true,
    }
}

fn weighted(book: &Book<'_>, within: &Value) -> Value {
    let rows: BTreeMap<&str, i64> = book
        .deals
        .iter()
        .filter(|(_, deal)| deal.outcome() == Outcome::Open && contains(within, deal.close_date))
        .map(|(id, deal)| (*id, deal.stage().probability.weigh(deal.minor)))
        .collect();
    json!({ "rows": rows, "total_minor": rows.values().sum::<i64>() })
}

fn expected_revenue(query: &Value) -> Result<Value, Mismatch> {
    let chance = ProbabilityBp::new(small(&query["probability_bps"], "probability_bps")?);
    let chance = chance.ok_or("a probability above 1")?;
    let revenue = match query["amounts_minor"].as_array() {
        Some(amounts) => amounts
            .iter()
            .map(|minor| Ok(json!(chance.weigh(number(minor, "amount")?))))
            .collect::<Result<_, Mismatch>>()?,
        None => json!(chance.weigh(number(&query["amount_minor"], "amount")?)),
    };
    Ok(json!({ "expected_revenue_minor": revenue }))
}

fn categories(book: &Book<'_>, within: &Value) -> Value {
    let mut forecast = Forecast::default();
    for deal in book.deals.values().filter(|deal| contains(within, deal.close_date)) {
        forecast.add(deal.stage().category, deal.minor);
    }
    json!({
        "single": {
            "pipeline": forecast.pipeline,
            "best_case": forecast.best_case,
            "most_likely": forecast.most_likely,
            "commit": forecast.commit,
            "closed": forecast.closed,
            "omitted": forecast.omitted,
        },
        "cumulative": {
            "open_pipeline": forecast.open_pipeline(),
            "best_case_forecast": forecast.best_case_forecast(),
            "most_likely_forecast": forecast.most_likely_forecast(),
            "commit_forecast": forecast.commit_forecast(),
        },
    })
}

fn rate_of<'a, 'b: 'a>(deals: impl Iterator<Item = &'a Deal<'b>>) -> WinRate {
    let mut rate = WinRate::default();
    for deal in deals {
        rate.add(deal.outcome(), deal.minor);
    }
    rate
}

fn win_rate<'a, 'b: 'a>(deals: impl Iterator<Item = &'a Deal<'b>>) -> Value {
    let rate = rate_of(deals);
    let part = |(won, of): (u64, u64)| format!("{won}/{of}");
    let (won, of) = rate.by_value();
    json!({
        "won": rate.won,
        "lost": rate.lost,
        "open": rate.open,
        "win_rate_count": part(rate.by_count()),
        "win_rate_value": Ratio::new(won, of.max(1)).to_string(),
        "win_rate_of_created": part(rate.of_created()),
    })
}

fn durations(deal: &Deal<'_>, as_of: Timestamp) -> Value {
    let stays = stays(&deal.visits, as_of);
    let seconds: BTreeMap<&str, i64> =
        stays.iter().map(|(stage, stay)| (*stage, stay.millis / 1000)).collect();
    let visits: BTreeMap<&str, u32> =
        stays.iter().map(|(stage, stay)| (*stage, stay.visits)).collect();
    let age: i64 = seconds.values().sum();
    json!({ "seconds_by_stage": seconds, "visits": visits, "age_seconds": age })
}

fn stage_funnel(book: &Book<'_>, stages: &[Stage<'_>]) -> Value {
    let order: Vec<&str> =
        stages.iter().filter(|stage| !stage.is_lost()).map(|stage| stage.name).collect();
    let visited: Vec<Vec<&str>> = book
        .deals
        .values()
        .map(|deal| deal.visits.iter().map(|visit| visit.stage).collect())
        .collect();
    let numbers = reached(&order, visited.iter().map(Vec::as_slice));
    let by_stage = |number: fn(&leadline_domain::funnel::Reached) -> u64| -> BTreeMap<&str, u64> {
        order.iter().copied().zip(numbers.iter().map(number)).collect()
    };
    json!({ "reached_or_passed": by_stage(|one| one.or_passed), "strict": by_stage(|one| one.strictly) })
}

fn lead_funnel(leads: &Value, query: &Value) -> Result<Value, Mismatch> {
    let as_of = match query["as_of"].as_str() {
        Some(date) => Some(midnight(date)?),
        None => None,
    };
    let journeys: Vec<Journey> =
        list(leads).iter().map(|lead| journey(lead, as_of)).collect::<Result<_, _>>()?;
    let month = |at: Timestamp| at.to_string().chars().take(7).collect::<String>();
    let (mut counts, name) = if query["cohort"].is_null() {
        let events = journeys.iter().flatten().map(|(step, at)| (*step, *at));
        (periods(events, month), "ratios")
    } else {
        (cohorts(journeys.iter(), month), "rates")
    };
    let asked = query["cohort"].as_str().or(query["period"].as_str()).unwrap_or_default();
    let counts: Counts = counts.remove(asked).ok_or("nothing happened then")?;
    let counts: Vec<(Step, u64)> =
        Step::ALL.map(|step| (step, counts.get(&step).copied().unwrap_or(0))).to_vec();
    let steps: Vec<(&str, u64)> =
        counts.iter().map(|(step, count)| (step.name(), *count)).collect();
    let rates: Map<String, Value> = steps
        .iter()
        .zip(steps.iter().skip(1))
        .map(|((from, of), (to, count))| (format!("{from}->{to}"), json!(format!("{count}/{of}"))))
        .collect();
    let counts: BTreeMap<&str, u64> = steps.into_iter().collect();
    Ok(json!({ "counts": counts, name: rates }))
}

fn midnight(date: &str) -> Result<Timestamp, Mismatch> {
    Timestamp::parse(&format!("{date}T00:00:00Z")).map_err(|error| error.to_string())
}

/// The steps that a lead had taken by `as_of`.
fn journey(lead: &Value, as_of: Option<Timestamp>) -> Result<Journey, Mismatch> {
    let mut journey = Journey::new();
    for step in Step::ALL.into_iter().filter(|step| !lead[step.name()].is_null()) {
        journey.insert(step, midnight(text(&lead[step.name()], "step")?)?);
    }
    journey.retain(|_, at| as_of.is_none_or(|as_of| *at <= as_of));
    Ok(journey)
}

fn stated_velocity(query: &Value) -> Result<Value, Mismatch> {
    let ratio = |value: &Value| -> Result<BigRational, Mismatch> {
        match value.as_str() {
            Some(text) => text.parse().map_err(|error| format!("a ratio: {error}")),
            None => Ok(BigRational::from_integer(value.as_i64().unwrap_or_default().into())),
        }
    };
    let (average, rate) = (ratio(&query["avg_won_minor"])?, ratio(&query["win_rate"])?);
    let open = small(&query["open"], "open")?;
    let exact = velocity(open, &average, &rate, &ratio(&query["cycle_days"])?);
    Ok(json!({ "velocity_minor_per_day": exact.as_ref().and_then(rounded) }))
}

fn measured_velocity(book: &Book<'_>) -> Value {
    const DAY: i64 = 86_400_000;
    let rate = rate_of(book.deals.values());
    let won = i64::try_from(rate.won.max(1)).unwrap_or(i64::MAX);
    let cycle: i64 = book
        .deals
        .values()
        .filter(|deal| deal.outcome() == Outcome::Won)
        .filter_map(|deal| Some(deal.closed_at?.millis_since(deal.created_at)))
        .sum();
    let part = |part: i64, of: i64| BigRational::new(part.into(), of.max(1).into());
    let (average, days) = (part(rate.won_minor, won), part(cycle, won.saturating_mul(DAY)));
    let (part_won, closed) = rate.by_count();
    let win_rate = BigRational::new(part_won.into(), closed.max(1).into());
    let exact = velocity(rate.open, &average, &win_rate, &days);
    json!({
        "open": rate.open,
        "avg_won_minor": average.to_string(),
        "win_rate": win_rate.to_string(),
        "cycle_days": days.to_string(),
        "velocity_minor_per_day": exact.as_ref().and_then(rounded),
        "velocity_exact": exact.map(|exact| exact.to_string()),
    })
}

fn rounded(exact: &BigRational) -> Option<i64> {
    let (numerator, denominator) = (exact.numer().try_into(), exact.denom().try_into());
    Some(divide_half_even(numerator.ok()?, denominator.ok()?))
}

fn waterfall(before: &Book<'_>, after: &Book<'_>, within: &Value) -> Value {
    let snapshot = |deal: &Deal<'_>| Snapshot {
        minor: deal.minor,
        outcome: deal.outcome(),
        in_period: contains(within, deal.close_date),
    };
    let worth = |book: &Book<'_>| -> i64 {
        let deals = book.deals.values().map(snapshot).filter(|snapshot| snapshot.counts());
        deals.map(|snapshot| snapshot.minor).sum()
    };
    let mut sums: BTreeMap<&str, i64> =
        Movement::ALL.iter().map(|movement| (movement.name(), 0)).collect();
    sums.insert("start", worth(before));
    sums.insert("end", worth(after));
    let mut rows = Map::new();
    for (id, deal) in &after.deals {
        let start = before.deals.get(id).map(snapshot);
        if let Some((movement, change)) = Movement::between(start, snapshot(deal)) {
            *sums.entry(movement.name()).or_default() += change;
            rows.insert((*id).to_owned(), json!([movement.name(), change]));
        }
    }
    json!({ "waterfall": sums, "rows": rows })
}

fn state(at: &Value, book: &Book<'_>) -> Value {
    let row = |deal: &Deal<'_>| {
        json!({
            "stage": deal.stage().name,
            "amount_minor": deal.minor,
            "close_date": deal.close_date,
        })
    };
    let rows: Map<String, Value> =
        book.deals.iter().map(|(id, deal)| ((*id).to_owned(), row(deal))).collect();
    let at = optional_time(at, "at").ok().flatten().map(|at| at.to_string());
    json!({ "as_of": at, "opps": rows })
}
