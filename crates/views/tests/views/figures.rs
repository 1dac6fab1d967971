//! Figures of documents that are easily wrong.

use crate::asked::{asked, row};
use crate::events::{
    accepted, assigned, brought, captured, clock, lead, mql, opened, opportunity, queued, recycled,
    response, returned, revoked, valued, won, yen,
};
use leadline_views::ViewEvent;
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// The totals on MQLs that wait: all, and those of more than a day.
fn awaiting(events: Vec<ViewEvent>, now: i64) -> (Value, Value) {
    let totals = &asked("sla", events, now, &[])["totals"];
    (totals["mql_awaiting_sal"].clone(), totals["mql_awaiting_sal_over_24h"].clone())
}

#[test]
fn an_mql_waits_until_it_is_accepted_rejected_or_revoked() {
    let marked = || vec![lead(1, 0, captured(None, None)), lead(1, HOUR, mql())];
    assert_eq!(awaiting(marked(), 20 * HOUR), (json!(1), json!(0)));
    assert_eq!(awaiting(marked(), 26 * HOUR), (json!(1), json!(1)));
    for answer in [accepted("ben"), returned(), revoked()] {
        let mut answered = marked();
        answered.push(lead(1, 2 * HOUR, answer));
        assert_eq!(awaiting(answered, 26 * HOUR), (json!(0), json!(0)));
    }
}

#[test]
fn an_mql_waits_again_in_its_second_cycle_and_from_then_on() {
    let events = vec![
        lead(1, 0, captured(None, None)),
        lead(1, HOUR, mql()),
        lead(1, 2 * HOUR, accepted("ben")),
        lead(1, 3 * HOUR, recycled()),
        lead(1, 9 * DAY, mql()),
    ];
    assert_eq!(awaiting(events.clone(), 9 * DAY + HOUR), (json!(1), json!(0)));
    assert_eq!(awaiting(events, 10 * DAY + HOUR), (json!(1), json!(1)));
}

#[test]
fn the_response_to_an_mql_is_the_first_one_since() {
    let mut events =
        vec![lead(1, 0, captured(None, None)), lead(1, DAY, response()), lead(1, 5 * DAY, mql())];
    let lag = |events: &[ViewEvent], name: &str, figure: &str| {
        let document = asked("sla", events.to_vec(), 9 * DAY, &[]);
        row(&document, "lags", "lag", name)[figure].clone()
    };
    assert_eq!(lag(&events, "mql_to_response", "ms_n"), 0);
    events.push(lead(1, 6 * DAY, response()));
    events.push(lead(1, 7 * DAY, response()));
    assert_eq!(lag(&events, "mql_to_response", "ms_min"), DAY);
    assert_eq!(lag(&events, "mql_to_response", "ms_n"), 1);
    assert_eq!(lag(&events, "capture_to_response", "ms_min"), DAY);
}

#[test]
fn a_clock_runs_until_it_is_past_its_due_time() {
    let events = || vec![lead(1, 0, captured(None, None)), lead(1, 0, clock(DAY))];
    for (now, state) in [(DAY, "running"), (DAY + 1, "breached_open")] {
        let document = asked("sla", events(), now, &[]);
        assert_eq!(document["totals"][state], 1, "{now}");
        assert_eq!(document["at_risk"][0]["state"], state, "{now}");
    }
}

/// A lead of 100.00 euros that brought 80.00 euros, and one of 10,000 yen that brought as many.
fn euros_and_yen() -> Vec<ViewEvent> {
    vec![
        lead(1, 0, valued(Some("web"), Some(crate::events::money(10_000)))),
        lead(2, 0, valued(Some("web"), Some(yen(10_000)))),
        lead(3, 0, captured(Some("fair"), Some(500))),
        opportunity(1, 1, opened(1, "first", 10_000, 5_000)),
        opportunity(1, 2, won(8_000)),
        opportunity(2, 1, opened(2, "first", 10_000, 5_000)),
        opportunity(2, 2, brought(yen(10_000))),
    ]
}

#[test]
fn conversion_adds_no_amounts_of_different_currencies() {
    let document = asked("conversion", euros_and_yen(), DAY, &[]);
    let web = row(&document, "rows", "group", "web");
    assert_eq!((&web["leads"], &web["won"]), (&json!(2), &json!(2)));
    for name in ["currency", "won_minor", "amount_minor"] {
        assert_eq!(web[name], Value::Null, "{name}");
        assert_eq!(document["totals"][name], Value::Null, "{name}");
    }
    let fair = row(&document, "rows", "group", "fair");
    assert_eq!((&fair["currency"], &fair["amount_minor"]), (&json!("EUR"), &json!(500)));

    let document = asked("conversion", euros_and_yen(), DAY, &[("currency", "EUR")]);
    let web = row(&document, "rows", "group", "web");
    assert_eq!((&web["leads"], &web["currency"]), (&json!(2), &json!("EUR")));
    assert_eq!((&web["won_minor"], &web["amount_minor"]), (&json!(8_000), &json!(10_000)));
}

#[test]
fn the_funnel_adds_no_amounts_of_different_currencies() {
    let document = asked("funnel", euros_and_yen(), DAY, &[]);
    assert_eq!(document["totals"]["amount_minor"], Value::Null);
    let won = row(&document, "standings", "standing", "won");
    assert_eq!((&won["leads"], &won["amount_minor"]), (&json!(2), &Value::Null));
    let document = asked("funnel", euros_and_yen(), DAY, &[("currency", "JPY")]);
    let won = row(&document, "standings", "standing", "won");
    assert_eq!((&won["leads"], &won["amount_minor"]), (&json!(2), &json!(10_000)));
    assert_eq!(document["totals"]["currency"], "JPY");
}

#[test]
fn the_pipeline_adds_no_values_of_leads_in_different_currencies() {
    let document = asked("pipeline", euros_and_yen(), DAY, &[]);
    let leads: Vec<_> = document["leads"].as_array().unwrap().iter().collect();
    let row = |currency, leads, minor| json!({ "phase": "new", "currency": currency, "leads": leads, "amount_minor": minor });
    assert_eq!(leads, [&row("EUR", 2, 10_500), &row("JPY", 1, 10_000)]);
}

#[test]
fn what_opportunities_of_a_lead_brought_in_several_currencies_has_no_sum() {
    let mut events = euros_and_yen();
    let brought_of = |events: &[ViewEvent]| {
        let document = asked("lead", events.to_vec(), DAY, &[]);
        let one = &document["rows"][0];
        (one["won_minor"].clone(), one["won_currency"].clone())
    };
    assert_eq!(brought_of(&events), (json!(8_000), json!("EUR")));
    let mut other = [
        opportunity(9, 3, opened(9, "first", 10_000, 5_000)),
        opportunity(9, 3, brought(yen(10_000))),
    ];
    for event in &mut other {
        event.root = crate::events::id(1);
    }
    events.extend(other);
    assert_eq!(brought_of(&events), (Value::Null, Value::Null));
}

#[test]
fn a_lead_given_to_a_queue_has_no_owner_any_more() {
    let mut events = vec![lead(1, 0, captured(None, None)), lead(1, 1, assigned("ann"))];
    let of_ann = |events: &[ViewEvent]| {
        let document = asked("pipeline", events.to_vec(), DAY, &[("owner", "ann")]);
        document["totals"]["leads"].clone()
    };
    assert_eq!(of_ann(&events), 1);
    events.push(lead(1, 2, queued("calls")));
    assert_eq!(of_ann(&events), 0);
}

#[test]
fn open_is_what_has_not_come_to_an_end() {
    let end = |root, at, event| vec![lead(root, 0, captured(None, None)), lead(root, at, event)];
    let mut events = euros_and_yen();
    events.extend(end(4, 1, crate::events::disqualified("none")));
    events.extend(end(5, 1, recycled()));
    let totals = &asked("conversion", events, DAY, &[])["totals"];
    let counts = ["leads", "won", "disqualified", "recycled", "open"].map(|name| &totals[name]);
    assert_eq!(counts, [5, 2, 1, 1, 1].map(|count| json!(count)).each_ref());
}

#[test]
fn the_funnel_has_the_steps_of_the_domain() {
    let document = asked("funnel", euros_and_yen(), DAY, &[]);
    let rows = document["rows"].as_array().unwrap();
    let reached: Vec<_> = rows.iter().map(|row| (&row["step"], &row["reached"])).collect();
    let expected =
        [("captured", 3), ("mql", 0), ("sal", 0), ("converted", 0), ("opportunity", 2), ("won", 2)];
    let expected = expected.map(|(step, count)| (json!(step), json!(count)));
    assert_eq!(reached, expected.each_ref().map(|(step, count)| (step, count)));
    let cohort = row(&document, "cohorts", "period", "1970-01");
    assert_eq!((&cohort["captured"], &cohort["opportunity"]), (&json!(3), &json!(2)));
    assert_eq!(row(&document, "periods", "period", "1970-01")["opened"], 2);
}
