//! Visitors of a shop: credit of 1,157 conversions to 13,159 touches, by every model, window and scope.

use crate::support::data::{Set, decimals, entries, row, rows, whole};
use crate::support::place::Place;
use serde_json::Value;

/// Models: what the answers call them, and what is asked for.
const MODELS: [(&str, &str); 6] = [
    ("first", "first"),
    ("last", "last"),
    ("last_non_direct", "last_non_direct"),
    ("linear", "linear"),
    ("position_40_20_40", "position"),
    ("time_decay_half_life_7d", "decay"),
];

#[test]
fn the_shops_touches_get_the_credit_of_every_model_window_and_scope() {
    let Some(set) = Set::named("mta-sessions") else { return };
    let oracle = set.oracle();
    let place = Place::new();
    let report = place.import(&set.feed()).stdout;
    assert!(
        report.contains("24316 of 24316 lines imported, 0 refused, 0 known before"),
        "{report}"
    );
    let document = place.view("attribution", &[]);
    totals(&document, &oracle);
    sources_and_weeks(&place, &oracle);
    traceable(&place, &oracle["traceable_customer"]);
    assert_eq!(oracle["cases"].as_object().unwrap().len(), 6);
    for (name, case) in entries(&oracle["cases"]) {
        let (scope, window) = name.split_once("|window=").unwrap();
        for (theirs, ours) in MODELS {
            let asked = ["--model", ours, "--window", window, "--scope", scope];
            let document = place.view("attribution", &asked);
            credit(&document, case, theirs, &format!("{name}, {theirs}"));
        }
    }
}

fn totals(document: &Value, oracle: &Value) {
    let totals = &document["totals"];
    let pairs = [
        ("touches", "touches"),
        ("leads_with_touches", "customers"),
        ("conversions", "conversions"),
        ("converting_leads", "converting_customers"),
        ("leads_with_2plus_conversions", "customers_with_2plus_conversions"),
        ("leads_with_1_touch", "customers_with_1_touch"),
        ("longest_journey", "longest_journey"),
    ];
    for (ours, theirs) in pairs {
        assert_eq!(totals[ours], oracle[theirs], "{ours}");
    }
    for (channel, touches) in entries(&oracle["touches_by_channel"]) {
        assert_eq!(&row(document, "rows", "group", channel)["touches"], touches, "{channel}");
    }
}

fn sources_and_weeks(place: &Place, oracle: &Value) {
    let conversion = place.view("conversion", &[]);
    let expected = &oracle["lead_source_funnel"];
    assert_eq!(rows(&conversion, "rows").len(), expected.as_object().unwrap().len());
    for (source, expected) in entries(expected) {
        let found = row(&conversion, "rows", "group", source);
        assert_eq!(found["leads"], expected["leads"], "{source}");
        assert_eq!(found["with_conversion"], expected["converted_leads"], "{source}");
    }
    let weeks = place.view("funnel", &["--param", "period=week"]);
    let expected = &oracle["conversions_by_week_iso"];
    for row in rows(&weeks, "periods") {
        let wanted = expected[row["period"].as_str().unwrap()].as_i64().unwrap_or(0);
        assert_eq!(whole(&row["conversions"]), wanted, "{row}");
    }
    for (week, _) in entries(expected) {
        row(&weeks, "periods", "period", week);
    }
}

/// One visitor's history is the journey of the file.
fn traceable(place: &Place, expected: &Value) {
    let id = format!("key:{}", expected["customer_id"].as_str().unwrap());
    let history = place.run(&["lead", "history", &id, "--format", "json"]).done().json();
    let of = |kind: &str| -> Vec<Value> {
        let events = history.as_array().unwrap().iter();
        events.filter(|event| event["type"] == kind).cloned().collect()
    };
    let at = |event: &Value| {
        leadline_domain::Timestamp::parse(event["effective_at"].as_str().unwrap()).unwrap().millis()
            / 1_000
    };
    let journey = expected["touches"].as_array().unwrap();
    let touches = of("lead.touch_recorded");
    assert_eq!(touches.len(), journey.len());
    for (event, touch) in touches.iter().zip(journey) {
        assert_eq!((at(event), &event["data"]["channel"]), (whole(&touch["t"]), &touch["channel"]));
    }
    let paid: Vec<i64> = journey
        .iter()
        .filter(|touch| !touch["revenue"].is_null())
        .map(|touch| whole(&touch["t"]))
        .collect();
    assert_eq!(of("lead.conversion_recorded").iter().map(at).collect::<Vec<_>>(), paid);
}

fn credit(document: &Value, case: &Value, model: &str, what: &str) {
    let totals = &document["totals"];
    assert_eq!(totals["conversions"], case["conversions"], "{what}");
    let revenue = whole(&totals["revenue_minor"]);
    assert!(same(&case["revenue"], revenue, 0), "{what}");
    let (conversions, money) = (&case["credit_conversions"][model], &case["credit_revenue"][model]);
    let credited = |row: &Value| decimals(&row["credit_conversions"]).unwrap();
    for row in rows(document, "rows") {
        let channel = row["group"].as_str().unwrap();
        let expected = conversions[channel].as_f64().unwrap_or(0.0);
        assert!((credited(row) - expected).abs() <= 1e-6, "{what}, {channel}: {row}");
        // Each touch of a path is rounded to a whole cent.
        let cents = whole(&row["path_touches"]);
        let found = whole(&row["credit_revenue_minor"]);
        let expected = if money[channel].is_null() { &Value::from(0) } else { &money[channel] };
        assert!(same(expected, found, cents), "{what}, {channel}: {row}");
    }
    for (channel, _) in entries(conversions) {
        row(document, "rows", "group", channel);
    }
    for table in ["rows", "campaigns", "sources"] {
        let sum: i64 =
            rows(document, table).iter().map(|row| whole(&row["credit_revenue_minor"])).sum();
        assert_eq!(sum + whole(&totals["unattributed_minor"]), revenue, "{what}, {table}");
        let sum: f64 = rows(document, table).iter().map(credited).sum();
        let unattributed = decimals(&totals["unattributed_conversions"]).unwrap();
        let all = decimals(&totals["conversions"]).unwrap();
        assert!((sum + unattributed - all).abs() < 1e-9, "{what}, {table}: {sum}");
    }
    let lengths = &case["path_length_histogram"];
    assert_eq!(rows(document, "path_lengths").len(), lengths.as_object().unwrap().len(), "{what}");
    for row in rows(document, "path_lengths") {
        assert_eq!(row["conversions"], lengths[row["length"].to_string()], "{what}: {row}");
    }
}

/// Whether an amount of whole units, as the answers have it, is this many cents, give or take `within`.
#[expect(clippy::cast_precision_loss, reason = "cents of a million are exact in a float")]
fn same(amount: &Value, minor: i64, within: i64) -> bool {
    (decimals(amount).unwrap() * 100.0 - minor as f64).abs() <= within as f64 + 1e-3
}
