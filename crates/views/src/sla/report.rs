//! The document on service levels: attainment, lags and waits.

use super::{CLOCKS, Clock, WAITS, Wait};
use crate::conversion::BLANK;
use crate::journey::{Ending, Journey};
use crate::query::{Context, Error};
use crate::table::{Column, Document, Table, basis_points, column, distribution, time};
use leadline_domain::Timestamp;
use leadline_domain::calendar::clock::{Standing, is_late};
use leadline_domain::lead::Phase;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What the view can be asked.
pub const PARAMETERS: &[(&str, &str)] = &[
    ("owner", "Only clocks charged to this person or queue."),
    ("at_risk", "How many running clocks to list, by due time; 100, and 500 at most."),
];

/// The tables of the document.
pub const TABLES: &[Table] = &[
    Table {
        name: "rows",
        doc: "Acceptance clocks per person or queue answering.",
        columns: COLUMNS,
    },
    Table { name: "lags", doc: "Time between milestones, wall clock.", columns: LAGS },
    Table { name: "queues", doc: "Waits per queue.", columns: QUEUES },
    Table { name: "at_risk", doc: "Running clocks by due time.", columns: AT_RISK },
    Table { name: "accepted", doc: "Leads first accepted, per person.", columns: ACCEPTED },
];

const COLUMNS: &[Column] = &[
    column("owner", "Person or queue that answers; `(blank)` for nobody."),
    column("clocks", "Clocks started."),
    column("met", "Stopped in time."),
    column("breached", "Stopped late."),
    column("breached_open", "Not stopped, and past their due time."),
    column("running", "Not stopped, and not past it."),
    column("cancelled", "Stopped because there was nothing to wait for."),
    column("attainment_num", "Met."),
    column("attainment_den", "Met, breached and breached_open."),
    column("attainment_bps", "Met of those, basis points."),
    column("elapsed_s_p10", "Working seconds of stopped clocks, nearest rank."),
    column("elapsed_s_p25", "Likewise."),
    column("elapsed_s_p50", "Likewise."),
    column("elapsed_s_p75", "Likewise."),
    column("elapsed_s_p90", "Likewise."),
    column("elapsed_s_p95", "Likewise."),
    column("elapsed_s_p99", "Likewise."),
    column("elapsed_s_n", "How many were stopped."),
    column("elapsed_s_min", "Shortest."),
    column("elapsed_s_max", "Longest."),
    column("elapsed_s_sum", "Sum."),
    column("elapsed_s_mean", "Mean, six decimals."),
];

const LAGS: &[Column] = &[
    column(
        "lag",
        "Between which milestones, such as `mql_to_sal`; the first of each, and the first response \
         since the MQL.",
    ),
    column("ms_p10", "Milliseconds, nearest rank."),
    column("ms_p25", "Likewise."),
    column("ms_p50", "Likewise."),
    column("ms_p75", "Likewise."),
    column("ms_p90", "Likewise."),
    column("ms_p95", "Likewise."),
    column("ms_p99", "Likewise."),
    column("ms_n", "How many leads have both."),
    column("ms_min", "Shortest."),
    column("ms_max", "Longest."),
    column("ms_sum", "Sum."),
    column("ms_mean", "Mean, six decimals."),
];

const QUEUES: &[Column] = &[
    column("queue", "The queue."),
    column("scheduled", "Waits begun."),
    column("started", "Waits that a claim ended."),
    column("never_started", "Waits that no claim has ended."),
    column("waiting", "Waits that go on: neither claimed, begun anew nor cancelled."),
    column("met_within_5m", "Claimed within 5 minutes."),
    column("met_within_1h", "Claimed within an hour."),
    column("met_within_4h", "Claimed within 4 hours."),
    column("met_within_24h", "Claimed within 24 hours."),
    column("met_within_72h", "Claimed within 72 hours."),
    column("wait_ms_p10", "Milliseconds of ended waits, nearest rank."),
    column("wait_ms_p25", "Likewise."),
    column("wait_ms_p50", "Likewise."),
    column("wait_ms_p75", "Likewise."),
    column("wait_ms_p90", "Likewise."),
    column("wait_ms_p95", "Likewise."),
    column("wait_ms_p99", "Likewise."),
    column("wait_ms_n", "How many ended."),
    column("wait_ms_min", "Shortest."),
    column("wait_ms_max", "Longest."),
    column("wait_ms_sum", "Sum."),
    column("wait_ms_mean", "Mean, six decimals."),
];

const AT_RISK: &[Column] = &[
    column("lead", "Id of the lead."),
    column("cycle", "Which running of the clock."),
    column("owner", "Person or queue that answers."),
    column("started_at", "When it began."),
    column("due_at", "When it is due."),
    column("state", "`running` or `breached_open`."),
];

const ACCEPTED: &[Column] = &[
    column("owner", "Who accepted; `(blank)` where nobody is named."),
    column("leads", "How many leads."),
];

const HOUR: i64 = 3_600_000;
const WITHIN: [(&str, i64); 5] = [
    ("met_within_5m", HOUR / 12),
    ("met_within_1h", HOUR),
    ("met_within_4h", 4 * HOUR),
    ("met_within_24h", 24 * HOUR),
    ("met_within_72h", 72 * HOUR),
];

#[derive(Default)]
struct Clocks {
    counts: BTreeMap<&'static str, i64>,
    elapsed: Vec<i64>,
}

/// A clock's state at `now`: what is not stopped is breached by time alone.
fn state(clock: &Clock, now: i64) -> &'static str {
    match clock.state.as_str() {
        "met" => Standing::Met.name(),
        "late" => Standing::Breached.name(),
        "cancelled" => "cancelled",
        _ if is_late(Timestamp::from_millis(clock.due_at), Timestamp::from_millis(now)) => {
            Standing::BreachedOpen.name()
        }
        _ => Standing::Running.name(),
    }
}

impl Clocks {
    fn add(&mut self, clock: &Clock, now: i64) {
        *self.counts.entry("clocks").or_default() += 1;
        *self.counts.entry(state(clock, now)).or_default() += 1;
        self.elapsed.extend(clock.elapsed_seconds);
    }

    fn into_row(self) -> Map<String, Value> {
        const COUNTS: [&str; 6] =
            ["clocks", "met", "breached", "breached_open", "running", "cancelled"];
        let count = |name: &str| self.counts.get(name).copied().unwrap_or(0);
        let mut row: Map<String, Value> =
            COUNTS.iter().map(|name| ((*name).to_owned(), count(name).into())).collect();
        let judged = count("met") + count("breached") + count("breached_open");
        row.insert("attainment_num".to_owned(), count("met").into());
        row.insert("attainment_den".to_owned(), judged.into());
        row.insert("attainment_bps".to_owned(), basis_points(count("met"), judged));
        distribution(&mut row, "elapsed_s_", self.elapsed);
        row
    }
}

pub(crate) fn document(context: &Context<'_>) -> Result<Document, Error> {
    let (mut journeys, mut clocks, mut waits) = (Vec::new(), Vec::new(), Vec::new());
    for (_, ordinal, row) in context.rows::<Value>()? {
        match ordinal {
            ..CLOCKS => journeys.push(serde_json::from_value(row).map_err(Error::Row)?),
            CLOCKS..WAITS => clocks.push(serde_json::from_value(row).map_err(Error::Row)?),
            _ => waits.push(serde_json::from_value(row).map_err(Error::Row)?),
        }
    }
    let wanted = context.text("owner");
    clocks.retain(|clock: &Clock| {
        wanted.is_none_or(|wanted| clock.owner.as_deref().unwrap_or(BLANK) == wanted)
    });
    let mut document = Document::default();
    clock_tables(&mut document, &clocks, context)?;
    journey_totals(&mut document, &journeys, context.now);
    lags(&mut document, &journeys);
    queues(&mut document, waits);
    Ok(document)
}

fn clock_tables(
    document: &mut Document,
    clocks: &[Clock],
    context: &Context<'_>,
) -> Result<(), Error> {
    let (mut all, mut owners) = (Clocks::default(), BTreeMap::<&str, Clocks>::new());
    for clock in clocks {
        all.add(clock, context.now);
        let owner = clock.owner.as_deref().unwrap_or(BLANK);
        owners.entry(owner).or_default().add(clock, context.now);
    }
    document.totals = all.into_row();
    for (owner, group) in owners {
        let mut row = group.into_row();
        row.insert("owner".to_owned(), owner.into());
        document.push("rows", row.into());
    }
    let mut running: Vec<&Clock> = clocks.iter().filter(|clock| clock.state == "running").collect();
    running.sort_by_key(|clock| (clock.due_at, clock.lead));
    let limit = context.number("at_risk", 100)?.min(500);
    for clock in running.into_iter().take(limit) {
        let row = json!({
            "lead": clock.lead, "cycle": clock.cycle, "owner": clock.owner,
            "started_at": time(clock.started_at), "due_at": time(clock.due_at),
            "state": state(clock, context.now),
        });
        document.push("at_risk", row);
    }
    Ok(())
}

fn journey_totals(document: &mut Document, journeys: &[Journey], now: i64) {
    let awaiting = journeys
        .iter()
        .filter(|one| one.phase.as_deref() == Some(Phase::Mql.name()))
        .filter_map(|one| one.last_mql_at);
    let older = awaiting.clone().filter(|mql| now - mql > 24 * HOUR).count();
    document.total("captured", journeys.len());
    document.total("mql_awaiting_sal", awaiting.count());
    document.total("mql_awaiting_sal_over_24h", older);
    let mut accepted = BTreeMap::<&str, i64>::new();
    for one in journeys.iter().filter(|one| one.sal_at.is_some()) {
        *accepted.entry(one.sal_by.as_deref().unwrap_or(BLANK)).or_default() += 1;
    }
    document.total("accepting_owners", accepted.len());
    for (owner, leads) in accepted {
        document.push("accepted", json!({ "owner": owner, "leads": leads }));
    }
}

fn lags(document: &mut Document, journeys: &[Journey]) {
    let mut lags = BTreeMap::<String, Vec<i64>>::new();
    for name in ["capture_to_mql", "mql_to_sal", "mql_to_response", "sal_to_convert"] {
        lags.insert(name.to_owned(), Vec::new());
    }
    for one in journeys {
        let ended = one.end.as_ref();
        let end_at = ended.map(|end| end.at);
        let mut lag = |name: &str, from: Option<i64>, to: Option<i64>| {
            if let (Some(from), Some(to)) = (from, to) {
                lags.entry(name.to_owned()).or_default().push(to - from);
            }
        };
        lag("capture_to_mql", one.captured_at, one.mql_at);
        lag("mql_to_sal", one.mql_at, one.sal_at);
        lag("mql_to_response", one.mql_at, one.mql_response_at);
        lag("capture_to_response", one.captured_at, one.responded_at);
        lag("sal_to_convert", one.sal_at, one.converted_at);
        lag("convert_to_won", one.converted_at, one.won_at);
        lag("capture_to_won", one.captured_at, one.won_at);
        lag("capture_to_end", one.captured_at, end_at);
        if let Some(end) = ended.filter(|end| end.how != Ending::Won) {
            lag(&format!("capture_to_{}", end.how.name()), one.captured_at, end_at);
            if let Some(reason) = &end.reason {
                lag(&format!("capture_to_reason:{reason}"), one.captured_at, end_at);
            }
        }
    }
    for (name, values) in lags {
        let mut row = Map::new();
        row.insert("lag".to_owned(), name.into());
        distribution(&mut row, "ms_", values);
        document.push("lags", row.into());
    }
}

fn queues(document: &mut Document, waits: Vec<Wait>) {
    let mut queues = BTreeMap::<String, Vec<Wait>>::new();
    for wait in waits {
        queues.entry(wait.queue.clone()).or_default().push(wait);
    }
    for (queue, waits) in queues {
        let ended: Vec<i64> = waits
            .iter()
            .filter_map(|wait| wait.claimed_at.map(|claimed| claimed - wait.since))
            .collect();
        let waiting =
            waits.iter().filter(|wait| wait.claimed_at.is_none() && !wait.given_up).count();
        let mut row = Map::new();
        row.insert("queue".to_owned(), queue.into());
        row.insert("scheduled".to_owned(), waits.len().into());
        row.insert("started".to_owned(), ended.len().into());
        row.insert("never_started".to_owned(), (waits.len() - ended.len()).into());
        row.insert("waiting".to_owned(), waiting.into());
        for (name, limit) in WITHIN {
            let within = ended.iter().filter(|wait| **wait <= limit).count();
            row.insert(name.to_owned(), within.into());
        }
        distribution(&mut row, "wait_ms_", ended);
        document.push("queues", row.into());
    }
}
