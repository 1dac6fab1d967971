//! A bank's loan applications: the whole life of 7,455 leads, their queues, and five instants of the past.

use crate::support::data::{Set, decimals, entries, rounds_to, row, rows, whole};
use crate::support::place::Place;
use serde_json::Value;

/// Columns of a distribution: what the answers call them, and what views do.
const DISTRIBUTION: [&str; 11] =
    ["p10", "p25", "p50", "p75", "p90", "p95", "p99", "n", "min", "max", "sum"];

#[test]
fn the_banks_figures_are_those_of_its_event_log() {
    let Some(set) = Set::named("bpi2012") else { return };
    let oracle = set.oracle();
    let place = Place::new();
    let report = place.import(&set.feed()).stdout;
    counts(&report, &oracle);
    figures(&place, &oracle);
}

/// What all views say, now and at five instants of the past.
pub(crate) fn figures(place: &Place, oracle: &Value) {
    let funnel = place.view("funnel", &[]);
    funnel_figures(&funnel, oracle);
    outcomes(&funnel, oracle);
    stages(&funnel, oracle);
    let sla = place.view("sla", &[]);
    lags(&sla, oracle);
    queues(&sla, oracle);
    owners(&sla, oracle);
    months(place, &funnel, oracle);
    for (time, expected) in entries(&oracle["as_of"]) {
        as_of(place, time, expected);
    }
}

/// No line is refused, and every command is counted.
fn counts(report: &str, oracle: &Value) {
    assert!(
        report.contains("150256 of 150256 lines imported, 0 refused, 0 known before"),
        "{report}"
    );
    assert!(!report.contains(": refused ("), "{report}");
    let kinds = &oracle["events_by_activity_lifecycle"];
    let of = |wanted: &dyn Fn(&str) -> bool| -> i64 {
        entries(kinds).filter(|(name, _)| wanted(name)).map(|(_, count)| whole(count)).sum()
    };
    let work = |end: &'static str| of(&move |name| name.starts_with("W_") && name.ends_with(end));
    let told = [
        ("CaptureLead", of(&|name| name.starts_with("A_SUBMITTED"))),
        ("MarkMQL", of(&|name| name.starts_with("A_PREACCEPTED"))),
        ("AcceptSAL", of(&|name| name.starts_with("A_ACCEPTED"))),
        ("ConvertLead", of(&|name| name.starts_with("A_FINALIZED"))),
        ("AdvanceStage", of(&|name| name.starts_with("O_SENT"))),
        ("CloseWon", of(&|name| name.starts_with("A_APPROVED"))),
        ("CloseLost", 1_500),
        ("Disqualify", 3_948),
        ("Recycle", 671),
        ("EnqueueWork", work("|SCHEDULE")),
        ("ClaimWork", work("|START")),
        ("CompleteWork", work("|COMPLETE")),
    ];
    for (command, count) in told {
        let line = report.lines().find(|line| line.split_whitespace().next() == Some(command));
        let line = line.unwrap_or_else(|| panic!("{command} is not counted: {report}"));
        assert_eq!(line.split_whitespace().nth(1), Some(&*count.to_string()), "{line}");
    }
    assert!(report.lines().any(|line| {
        line.starts_with("AdvanceStage") && line.ends_with(" 5862 (880 without change)")
    }));
    assert_eq!(told[7].1 + told[6].1 + told[8].1, 4_401 + 1_718);
    let people = format!("registered {} of catalogue `person`", oracle["distinct_resources"]);
    assert!(report.contains(&people), "{report}");
}

fn step(funnel: &Value, name: &str) -> i64 {
    whole(&row(funnel, "rows", "step", name)["reached"])
}

#[expect(clippy::cast_precision_loss, reason = "counts of leads are exact in a float")]
fn percent(part: i64, whole: i64) -> f64 {
    100.0 * part as f64 / whole as f64
}

fn funnel_figures(funnel: &Value, oracle: &Value) {
    let reaching = &oracle["funnel_cases_reaching"];
    let steps = [
        ("captured", "A_SUBMITTED"),
        ("mql", "A_PREACCEPTED"),
        ("sal", "A_ACCEPTED"),
        ("converted", "A_FINALIZED"),
        ("won", "A_APPROVED"),
    ];
    for (name, activity) in steps {
        assert_eq!(step(funnel, name), whole(&reaching[activity]), "{name}");
    }
    assert_eq!(step(funnel, "captured"), whole(&oracle["cases"]));
    let rates = [
        ("mql_rate_pct", "mql", "captured"),
        ("sal_of_mql_pct", "sal", "mql"),
        ("converted_of_sal_pct", "converted", "sal"),
        ("won_of_converted_pct", "won", "converted"),
        ("won_rate_of_submitted_pct", "won", "captured"),
    ];
    for (rate, part, of) in rates {
        let expected = decimals(&oracle[rate]).unwrap();
        let rate_now = percent(step(funnel, part), step(funnel, of));
        assert!(rounds_to(rate_now, expected, 4), "{rate}: {rate_now}");
    }
    assert_eq!(whole(&funnel["totals"]["amount_minor"]), 100 * whole(&oracle["total_amount"]));
}

/// Leads and money of the standings that `wanted` picks by standing, how far they came, and reason.
fn standings(funnel: &Value, wanted: impl Fn(&str, &str, &str) -> bool) -> (i64, i64) {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    rows(funnel, "standings")
        .iter()
        .filter(|row| wanted(&text(row, "standing"), &text(row, "reached"), &text(row, "reason")))
        .fold((0, 0), |(leads, minor), row| {
            (leads + whole(&row["leads"]), minor + whole(&row["amount_minor"]))
        })
}

fn outcomes(funnel: &Value, oracle: &Value) {
    let (outcome, amount) = (&oracle["outcome"], &oracle["outcome_amount"]);
    let told = [
        ("won", standings(funnel, |standing, _, _| standing == "won")),
        ("declined", standings(funnel, |_, _, reason| reason == "declined")),
        ("cancelled", standings(funnel, |_, _, reason| reason == "cancelled")),
    ];
    for (name, (leads, minor)) in told {
        assert_eq!(leads, whole(&outcome[name]), "{name}");
        assert_eq!(minor, 100 * whole(&amount[name]), "{name}");
    }
    assert_eq!(told.iter().map(|(_, (leads, _))| leads).sum::<i64>(), whole(&oracle["cases"]));
    let decided = percent(told[0].1.0, told.iter().map(|(_, (leads, _))| leads).sum());
    assert!(rounds_to(decided, decimals(&oracle["won_rate_of_decided_pct"]).unwrap(), 4));
    let disqualified = |from: &'static str| {
        standings(funnel, move |standing, reached, _| standing == "disqualified" && reached == from)
            .0
    };
    assert_eq!(disqualified("captured"), whole(&oracle["disqualified_before_mql"]));
    assert_eq!(disqualified("mql"), whole(&oracle["declined_after_mql_before_sal"]));
    let lost = standings(funnel, |standing, _, reason| standing == "lost" && reason == "declined");
    assert_eq!(lost.0, whole(&oracle["declined_after_conversion"]));
    let of = |wanted: &'static str| standings(funnel, move |standing, _, _| standing == wanted).0;
    assert_eq!((of("disqualified"), of("recycled"), of("lost")), (3_948, 671, 1_500));
}

/// 5,862 lines ask for a stage: 4,982 move, 188 of them back, and 880 change nothing.
fn stages(funnel: &Value, oracle: &Value) {
    let totals = &funnel["totals"];
    let (on, back) =
        (whole(&totals["events_stage_advanced"]), whole(&totals["events_stage_regressed"]));
    assert_eq!((on + back, back), (4_982, 188));
    for (stage, activity) in [("Proposal", "O_SENT"), ("Negotiation", "O_SENT_BACK")] {
        let reached = whole(&row(funnel, "stages", "stage", stage)["opportunities"]);
        assert_eq!(reached, whole(&oracle["funnel_cases_reaching"][activity]), "{stage}");
    }
}

/// Every column of a distribution is the one of the answers.
fn distribution(row: &Value, prefix: &str, expected: &Value) {
    for name in DISTRIBUTION {
        let (found, wanted) = (&row[format!("{prefix}{name}")], &expected[name]);
        if wanted.is_null() {
            assert!(found.is_null() || name == "sum" && whole(found) == 0, "{name} of {row}");
        } else {
            assert_eq!(found, wanted, "{name} of {row}");
        }
    }
}

fn lags(sla: &Value, oracle: &Value) {
    let names = [
        ("submitted_to_mql", "capture_to_mql"),
        ("mql_to_sal", "mql_to_sal"),
        ("sal_to_convert", "sal_to_convert"),
        ("convert_to_won", "convert_to_won"),
        ("submitted_to_outcome", "capture_to_end"),
        ("submitted_to_won", "capture_to_won"),
        ("submitted_to_declined", "capture_to_reason:declined"),
        ("submitted_to_cancelled", "capture_to_reason:cancelled"),
    ];
    assert_eq!(names.len(), oracle["lag_ms"].as_object().unwrap().len());
    for (theirs, ours) in names {
        distribution(row(sla, "lags", "lag", ours), "ms_", &oracle["lag_ms"][theirs]);
    }
}

fn queues(sla: &Value, oracle: &Value) {
    assert_eq!(rows(sla, "queues").len(), oracle["sla_queue"].as_object().unwrap().len());
    for (item, expected) in entries(&oracle["sla_queue"]) {
        let queue = row(sla, "queues", "queue", item.strip_prefix("W_").unwrap());
        for name in ["scheduled", "started", "never_started"] {
            assert_eq!(queue[name], expected[name], "{name} of {queue}");
        }
        distribution(queue, "wait_ms_", &expected["wait_ms"]);
        for (limit, met) in entries(&expected["met_within"]) {
            assert_eq!(&queue[format!("met_within_{limit}")], met, "{limit} of {queue}");
        }
    }
}

fn owners(sla: &Value, oracle: &Value) {
    assert_eq!(sla["totals"]["accepting_owners"], oracle["sal_owners"]);
    let mut accepted: Vec<(i64, &str)> = rows(sla, "accepted")
        .iter()
        .map(|row| (-whole(&row["leads"]), row["owner"].as_str().unwrap()))
        .collect();
    accepted.sort_unstable();
    for (pair, (leads, owner)) in
        oracle["sal_by_owner_top15"].as_array().unwrap().iter().zip(accepted)
    {
        assert_eq!((pair[0].as_str(), whole(&pair[1])), (Some(owner), -leads));
    }
}

fn months(place: &Place, funnel: &Value, oracle: &Value) {
    let check = |document: &Value, table: &str, column: &str, expected: &Value| {
        for row in rows(document, table) {
            let wanted = expected[row["period"].as_str().unwrap()].as_i64().unwrap_or(0);
            assert_eq!(whole(&row[column]), wanted, "{column} of {row}");
        }
        for (month, _) in entries(expected) {
            row(document, table, "period", month);
        }
    };
    check(funnel, "cohorts", "captured", &oracle["submitted_by_month_utc"]);
    check(funnel, "periods", "won", &oracle["won_by_month_utc"]);
    let local = place.view("funnel", &["--param", "tz=Europe/Amsterdam"]);
    let expected = &oracle["submitted_by_month_local(Europe/Amsterdam)"];
    check(&local, "cohorts", "captured", expected);
}

/// What the standings and phases of an instant are called in the answers.
fn as_of(place: &Place, time: &str, expected: &Value) {
    let at = time.replace("+00:00", "Z");
    let funnel = place.view("funnel", &["--as-of", &at]);
    let standing = |name: &'static str| standings(&funnel, move |standing, _, _| standing == name);
    let reason = |name: &'static str| standings(&funnel, move |_, _, reason| reason == name);
    let told = [
        ("A_SUBMITTED", standing("new")),
        ("A_PREACCEPTED", standing("mql")),
        ("A_ACCEPTED", standing("sal")),
        ("A_FINALIZED", standing("converted")),
        ("A_APPROVED", standing("won")),
        ("A_DECLINED", reason("declined")),
        ("A_CANCELLED", reason("cancelled")),
    ];
    let number = |name: &str, state: &str| expected[name][state].as_i64().unwrap_or(0);
    for (state, (leads, minor)) in told {
        assert_eq!(leads, number("state_counts", state), "{state} at {time}");
        assert_eq!(minor, 100 * number("state_amount", state), "{state} at {time}");
    }
    assert_eq!(funnel["totals"]["captured"], expected["captured_so_far"], "{time}");

    let pipeline = place.view("pipeline", &["--as-of", &at]);
    let phase = |name: &str| {
        let found = rows(&pipeline, "leads").iter().find(|row| row["phase"] == name);
        found.map_or(0, |row| whole(&row["leads"]))
    };
    for (name, state) in [("new", "A_SUBMITTED"), ("mql", "A_PREACCEPTED"), ("sal", "A_ACCEPTED")] {
        assert_eq!(phase(name), number("state_counts", state), "{name} at {time}");
    }
    let totals = &pipeline["totals"];
    assert_eq!(whole(&totals["open"]), number("state_counts", "A_FINALIZED"), "{time}");
    assert_eq!(whole(&totals["won"]), number("state_counts", "A_APPROVED"), "{time}");
    assert_eq!(
        phase("nurturing") + phase("unqualified") + whole(&totals["lost"]),
        number("state_counts", "A_DECLINED") + number("state_counts", "A_CANCELLED"),
        "{time}"
    );

    let sla = place.view("sla", &["--as-of", &at]);
    assert_eq!(sla["totals"]["mql_awaiting_sal"], expected["mql_awaiting_sal"], "{time}");
    assert_eq!(
        sla["totals"]["mql_awaiting_sal_over_24h"], expected["of_them_older_than_24h"],
        "{time}"
    );
    let depth = "lead_queue_depth(W_Afhandelen leads scheduled, not started, outcome ignored)";
    let queue = row(&sla, "queues", "queue", "Afhandelen leads");
    assert_eq!(queue["waiting"], expected[depth], "{time}");
}
