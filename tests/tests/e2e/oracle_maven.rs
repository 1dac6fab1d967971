//! A hardware seller's opportunities: by owner, product, quarter, manager and region, weighted, and as of five days.

use crate::support::data::{Set, decimals, entries, rounds_to, row, rows, whole};
use crate::support::place::Place;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[test]
fn the_sellers_pipeline_is_that_of_its_files() {
    let Some(set) = Set::named("maven-crm") else { return };
    let oracle = set.oracle();
    let place = Place::new();
    place.policy(&json!({
        "kind": "stage_plan", "name": "two-stages", "version": 1,
        "stages": [
            {"name": "Prospecting", "probability": 10},
            {"name": "Engaging", "probability": 50},
        ],
        "default_stage": "Prospecting",
    }));
    let report = place.import(&set.feed()).stdout;
    assert!(
        report.contains("23811 of 23811 lines imported, 0 refused, 0 known before"),
        "{report}"
    );

    let now = place.view("pipeline", &[]);
    roll(&now["totals"], &oracle["overall"]);
    overall_stages(&now, &oracle["overall"]);
    for (outcome, days) in [("won", "days_won"), ("lost", "days_lost")] {
        cycle(row(&now, "cycles", "outcome", outcome), &oracle[days]);
    }
    for (table, expected) in [
        ("owners", &oracle["by_sales_agent"]),
        ("products", &oracle["by_product"]),
        ("quarters", &oracle["by_close_quarter"]),
    ] {
        assert_eq!(rows(&now, table).len(), expected.as_object().unwrap().len(), "{table}");
        for (name, expected) in entries(expected) {
            roll(row(&now, table, "group", name), expected);
        }
    }
    for (by, expected) in [
        ("owner", &oracle["by_sales_agent"]),
        ("product", &oracle["by_product"]),
        ("attribute:manager", &oracle["by_manager"]),
        ("attribute:region", &oracle["by_region"]),
    ] {
        grouped(&place, by, expected);
    }
    quarters_of_managers(&place, &oracle["won_value_by_manager_quarter"]);
    accounts(&place, &oracle);
    weighted(&place, &now, &oracle["weighted_open_pipeline_at_list_price"]);
    for (day, expected) in entries(&oracle["as_of"]) {
        as_of(&place, day, expected);
    }
}

/// A mean of a view is one of the answers, which are rounded to four decimals.
fn mean(row: &Value, name: &str, expected: &Value, unit: f64) {
    match (decimals(&row[name]), decimals(expected)) {
        (None, None) => {}
        (Some(found), Some(wanted)) => {
            assert!(rounds_to(found / unit, wanted, 4), "{name}: {wanted} and {row}");
        }
        _ => panic!("{name}: {expected} and {row}"),
    }
}

/// A group's figures, but for the stages of its open opportunities.
fn roll(row: &Value, expected: &Value) {
    assert_eq!(row["count"], expected["total"], "{row}");
    assert_eq!(row["won"], expected["won"], "{row}");
    assert_eq!(row["lost"], expected["lost"], "{row}");
    let open = whole(&expected["prospecting"]) + whole(&expected["engaging"]);
    assert_eq!(whole(&row["open"]), open, "{row}");
    assert_eq!(whole(&row["won_minor"]), 100 * whole(&expected["won_value"]), "{row}");
    mean(row, "avg_won_minor", &expected["avg_won_value"], 100.0);
    mean(row, "avg_won_days", &expected["avg_days_won"], 1.0);
    mean(row, "avg_lost_days", &expected["avg_days_lost"], 1.0);
    let (won, closed) = (whole(&row["win_rate_num"]), whole(&row["win_rate_den"]));
    let rate = decimals(&expected["win_rate_pct"]);
    assert_eq!(rate.is_some(), closed > 0, "{row}");
    if let Some(rate) = rate {
        #[expect(clippy::cast_precision_loss, reason = "counts are exact in a float")]
        let found = 100.0 * won as f64 / closed as f64;
        assert!(rounds_to(found, rate, 4), "{rate} and {row}");
    }
}

fn overall_stages(now: &Value, expected: &Value) {
    for (stage, name) in [("Prospecting", "prospecting"), ("Engaging", "engaging")] {
        assert_eq!(row(now, "rows", "stage", stage)["open"], expected[name], "{stage}");
    }
}

fn cycle(row: &Value, expected: &Value) {
    for name in ["p10", "p25", "p50", "p75", "p90", "p95", "p99", "n", "min", "max"] {
        assert_eq!(row[format!("days_{name}")], expected[name], "{name} of {row}");
    }
    let found = decimals(&row["days_mean"]).unwrap();
    assert!(rounds_to(found, decimals(&expected["mean"]).unwrap(), 6), "{row}");
}

/// Groups, and the stages of what is open in them.
fn grouped(place: &Place, by: &str, expected: &Value) {
    let document = place.view("pipeline", &["--param", &format!("by={by}")]);
    assert_eq!(rows(&document, "rows").len(), expected.as_object().unwrap().len(), "{by}");
    let stages = place.view("pipeline", &["--param", &format!("by={by},stage")]);
    for (name, expected) in entries(expected) {
        roll(row(&document, "rows", "group", name), expected);
        for (stage, column) in [("Prospecting", "prospecting"), ("Engaging", "engaging")] {
            let group = format!("{name} / {stage}");
            let found = rows(&stages, "rows").iter().find(|row| row["group"] == group);
            let open = found.map_or(0, |row| whole(&row["open"]));
            assert_eq!(open, whole(&expected[column]), "{group}");
        }
    }
}

fn quarters_of_managers(place: &Place, expected: &Value) {
    let asked = ["--param", "by=attribute:manager,close_quarter"];
    let document = place.view("pipeline", &asked);
    for (manager, quarters) in entries(expected) {
        for (quarter, value) in entries(quarters) {
            let row = row(&document, "rows", "group", &format!("{manager} / {quarter}"));
            assert_eq!(whole(&row["won_minor"]), 100 * whole(value), "{row}");
        }
    }
}

/// Accounts are known by their ids here, so the best ten are compared by their figures.
fn accounts(place: &Place, oracle: &Value) {
    let document = place.view("pipeline", &["--param", "by=account,stage"]);
    let mut open = BTreeMap::new();
    let mut accounts = BTreeMap::<&str, (i64, i64, i64)>::new();
    for row in rows(&document, "rows") {
        let account = row["account"].as_str().unwrap();
        if account == "(blank)" {
            open.insert(row["stage"].as_str().unwrap().to_owned(), row["open"].clone());
            continue;
        }
        let sums = accounts.entry(account).or_default();
        sums.0 += whole(&row["won_minor"]);
        sums.1 += whole(&row["won"]);
        sums.2 += whole(&row["lost"]);
    }
    assert_eq!(json!(open), oracle["open_without_account"]);
    let mut best: Vec<_> = accounts.into_values().collect();
    best.sort_unstable_by(|one, other| other.cmp(one));
    for (expected, found) in
        oracle["top10_accounts_by_won_value"].as_array().unwrap().iter().zip(best)
    {
        let number = |name: &str| whole(&expected[name]);
        assert_eq!(found, (100 * number("won_value"), number("won"), number("lost")), "{expected}");
    }
}

/// A hundredth of a percent of a unit is a cent, so the answers' hundredfold sums are cents.
fn weighted(place: &Place, now: &Value, expected: &Value) {
    let totals = &now["totals"];
    assert_eq!(whole(&totals["amount_minor"]), 100 * whole(&expected["open_list_value"]));
    assert_eq!(totals["weighted_minor"], expected["weighted_x100"]);
    let managers = place.view("pipeline", &["--param", "by=attribute:manager"]);
    for (manager, sum) in entries(&expected["by_manager_weighted_x100"]) {
        assert_eq!(&row(&managers, "rows", "group", manager)["weighted_minor"], sum, "{manager}");
    }
}

/// The end of a day, without what carries no date of its own.
fn as_of(place: &Place, day: &str, expected: &Value) {
    let at = format!("{day}T23:59:59.999Z");
    let asked = ["--as-of", at.as_str(), "--param", "dated=true", "--param", "by=attribute:region"];
    let document = place.view("pipeline", &asked);
    let totals = &document["totals"];
    for (ours, theirs) in [
        ("open", "engaging"),
        ("won", "won"),
        ("lost", "lost"),
        ("oldest_open_days", "oldest_open_days"),
    ] {
        assert_eq!(totals[ours], expected[theirs], "{ours} at {day}");
    }
    assert_eq!(
        whole(&totals["amount_minor"]),
        100 * whole(&expected["engaging_list_value"]),
        "{day}"
    );
    assert_eq!(whole(&totals["won_minor"]), 100 * whole(&expected["won_value"]), "{day}");
    let open: BTreeMap<&str, i64> = rows(&document, "rows")
        .iter()
        .map(|row| (row["group"].as_str().unwrap(), whole(&row["open"])))
        .filter(|(_, open)| *open > 0)
        .collect();
    assert_eq!(json!(open), expected["engaging_by_region"], "{day}");
}
