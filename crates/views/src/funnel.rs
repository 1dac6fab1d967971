//! The funnel: how far leads come, by cohort and by period.

use crate::conversion::{BLANK, moves};
use crate::event::ViewEvent;
use crate::fold::View;
use crate::journey::Journey;
use crate::query::{Context, Error};
use crate::table::{Column, Document, Table, basis_points, column, period};
use leadline_domain::{Event, lead, opportunity};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The view's name.
pub const NAME: &str = "funnel";

/// What the view can be asked.
pub const PARAMETERS: &[(&str, &str)] = &[
    ("period", "Length of cohorts and periods: day, week (ISO), month (default), quarter, year."),
    ("tz", "Time zone of the calendar, such as Europe/Amsterdam; UTC."),
    ("source", "Only leads of this source; `(blank)` for those without."),
];

/// The tables of the document.
pub const TABLES: &[Table] = &[
    Table { name: "rows", doc: "How many leads reached each step, all in all.", columns: STEPS },
    Table {
        name: "cohorts",
        doc: "Leads by period of capture, and how far they have come since.",
        columns: COHORTS,
    },
    Table {
        name: "periods",
        doc: "Events dated in each period. Of different leads: their ratios are no rates.",
        columns: PERIODS,
    },
    Table { name: "stages", doc: "Opportunities that reached each stage.", columns: STAGES },
    Table {
        name: "standings",
        doc: "Where leads stand, and how far they came.",
        columns: STANDINGS,
    },
];

const STEPS: &[Column] = &[
    column("step", "captured, mql, sal, converted, won."),
    column("reached", "Leads that reached it."),
    column("previous", "Leads that reached the step before."),
    column("of_previous_bps", "Reached of previous, basis points."),
    column("of_captured_bps", "Reached of captured, basis points."),
];

const COHORTS: &[Column] = &[
    column("period", "Period of capture."),
    column("captured", "Leads captured in it."),
    column("mql", "Of them, ever MQL."),
    column("sal", "Of them, ever accepted by sales."),
    column("converted", "Of them, converted."),
    column("won", "Of them, won."),
];

const PERIODS: &[Column] = &[
    column("period", "The period."),
    column("captured", "Captures."),
    column("mql", "Marked MQL."),
    column("sal", "Accepted by sales."),
    column("converted", "Conversions to opportunities."),
    column("won", "Opportunities won."),
    column("lost", "Opportunities lost."),
    column("disqualified", "Disqualified."),
    column("recycled", "Sent to nurturing."),
    column("rejected", "Rejected by sales."),
    column("reopened", "Leads or opportunities taken up again."),
    column("opened", "Opportunities opened."),
    column("stage_advanced", "Steps forward."),
    column("stage_regressed", "Steps back."),
    column("conversions", "Conversions recorded without an opportunity."),
];

const STAGES: &[Column] = &[
    column("stage", "The stage."),
    column("opportunities", "Opportunities that have been in it."),
    column("won", "Of them, won by now."),
    column("lost", "Of them, lost by now."),
];

const STANDINGS: &[Column] = &[
    column("standing", "won, lost, disqualified, recycled, converted (open), or the phase."),
    column("reached", "The furthest step: captured, mql, sal, converted, won."),
    column("reason", "Why it ended; `(blank)` where it did not, or nobody said."),
    column("leads", "How many leads."),
    column("amount_minor", "Their expected value, minor units."),
];

const STEP_NAMES: [&str; 5] = ["captured", "mql", "sal", "converted", "won"];

/// A lead's way with everything dated on it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Way {
    journey: Journey,
    events: Vec<(String, i64)>,
}

/// The stages that an opportunity has been in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stages {
    id: Uuid,
    #[serde(rename = "stages")]
    been: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    outcome: Option<String>,
}

/// What is known of one lineage.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    way: Way,
    opportunities: Vec<Stages>,
}

/// A row.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Row<'a> {
    /// The lead, or the lineage of a direct opportunity.
    Way(&'a Way),
    /// An opportunity.
    Stages(&'a Stages),
}

/// The view as a fold.
#[derive(Clone, Copy, Debug)]
pub struct Funnel;

impl View for Funnel {
    const NAME: &'static str = NAME;
    const FINGERPRINT: u32 = 1;
    type State = State;
    type Row<'a> = Row<'a>;

    fn key(event: &ViewEvent) -> Option<Uuid> {
        moves(event)
    }

    fn apply(state: &mut State, event: &ViewEvent) {
        state.way.journey.apply(event);
        if let Some(kind) = kind(&event.event) {
            state.way.events.push((kind.to_owned(), event.at()));
        }
        if let Event::Opportunity(opportunity) = &event.event {
            state.apply_opportunity(opportunity, event.stream.key());
        }
    }

    fn rows(state: &State) -> Vec<(i64, Row<'_>)> {
        let opportunities = state.opportunities.iter().map(Row::Stages);
        std::iter::once((0, Row::Way(&state.way))).chain((1..).zip(opportunities)).collect()
    }
}

/// What an event counts as; `None` for what is not counted.
const fn kind(event: &Event) -> Option<&'static str> {
    use lead::Event as L;
    use opportunity::Event as O;
    Some(match event {
        Event::Lead(L::Captured { .. }) => "captured",
        Event::Lead(L::MarkedMql { .. }) => "mql",
        Event::Lead(L::AcceptedBySales { .. }) => "sal",
        Event::Lead(L::RejectedBySales { .. }) => "rejected",
        Event::Lead(L::Converted { .. }) => "converted",
        Event::Lead(L::Disqualified { .. }) => "disqualified",
        Event::Lead(L::Recycled { .. }) => "recycled",
        Event::Lead(L::Reopened { .. }) | Event::Opportunity(O::Reopened { .. }) => "reopened",
        Event::Lead(L::ConversionRecorded { .. }) => "conversions",
        Event::Opportunity(O::Opened(_)) => "opened",
        Event::Opportunity(O::StageAdvanced { .. }) => "stage_advanced",
        Event::Opportunity(O::StageRegressed { .. }) => "stage_regressed",
        Event::Opportunity(O::Won { .. }) => "won",
        Event::Opportunity(O::Lost { .. }) => "lost",
        _ => return None,
    })
}

impl State {
    fn apply_opportunity(&mut self, event: &opportunity::Event, id: Uuid) {
        use opportunity::Event as E;
        if let E::Opened(_) = event {
            self.opportunities.push(Stages { id, ..Stages::default() });
        }
        let Some(one) = self.opportunities.iter_mut().find(|one| one.id == id) else { return };
        let stage = match event {
            E::Opened(opened) => &opened.stage,
            E::StageAdvanced { to, .. } | E::StageRegressed { to, .. } => to,
            E::Won { .. } => return one.outcome = Some("won".to_owned()),
            E::Lost { .. } => return one.outcome = Some("lost".to_owned()),
            E::Reopened { .. } => return one.outcome = None,
            E::AmountChanged { .. } | E::CloseDateMoved { .. } => return,
        };
        if !one.been.contains(stage) {
            one.been.push(stage.clone());
        }
    }
}

type Counts = BTreeMap<&'static str, i64>;

fn steps(journey: &Journey) -> [bool; 5] {
    [
        journey.captured_at.is_some(),
        journey.mql_at.is_some(),
        journey.sal_at.is_some(),
        journey.converted_at.is_some(),
        journey.won_at.is_some(),
    ]
}

fn flat(
    name: &'static str,
    value: String,
    columns: &[Column],
    counts: &BTreeMap<String, i64>,
) -> Value {
    let mut row = Map::new();
    for column in columns {
        let count = counts.get(column.name).copied().unwrap_or(0);
        row.insert(column.name.to_owned(), count.into());
    }
    row.insert(name.to_owned(), value.into());
    row.into()
}

pub(crate) fn document(context: &Context<'_>) -> Result<Document, Error> {
    let (mut ways, mut opportunities) = (Vec::new(), Vec::new());
    for (key, ordinal, row) in context.rows::<Value>()? {
        if ordinal == 0 {
            ways.push((key, serde_json::from_value::<Way>(row).map_err(Error::Row)?));
        } else {
            opportunities.push((key, serde_json::from_value::<Stages>(row).map_err(Error::Row)?));
        }
    }
    if let Some(wanted) = context.text("source") {
        ways.retain(|(_, way)| way.journey.source.as_deref().unwrap_or(BLANK) == wanted);
        let kept: std::collections::BTreeSet<Uuid> = ways.iter().map(|(key, _)| *key).collect();
        opportunities.retain(|(key, _)| kept.contains(key));
    }
    let mut document = Document::default();
    step_table(&mut document, &ways);
    calendar_tables(&mut document, &ways, context)?;
    stage_table(&mut document, &opportunities);
    standing_table(&mut document, &ways);
    Ok(document)
}

fn step_table(document: &mut Document, ways: &[(Uuid, Way)]) {
    let leads = || ways.iter().filter(|(_, way)| way.journey.captured_at.is_some());
    let mut reached = Counts::new();
    for (_, way) in leads() {
        for (name, counts) in STEP_NAMES.into_iter().zip(steps(&way.journey)) {
            *reached.entry(name).or_default() += i64::from(counts);
        }
    }
    let count = |name: &str| reached.get(name).copied().unwrap_or(0);
    let mut previous = count("captured");
    for name in STEP_NAMES {
        let number = count(name);
        document.total(name, number);
        document.push(
            "rows",
            json!({
                "step": name, "reached": number, "previous": previous,
                "of_previous_bps": basis_points(number, previous),
                "of_captured_bps": basis_points(number, count("captured")),
            }),
        );
        previous = number;
    }
    let amounts = leads().filter_map(|(_, way)| way.journey.amount_minor);
    document.total("amount_minor", amounts.fold(0, i64::saturating_add));
}

fn calendar_tables(
    document: &mut Document,
    ways: &[(Uuid, Way)],
    context: &Context<'_>,
) -> Result<(), Error> {
    let (span, zone) = (context.span()?, context.zone()?);
    let mut cohorts = BTreeMap::<String, BTreeMap<String, i64>>::new();
    let mut periods = BTreeMap::<String, BTreeMap<String, i64>>::new();
    let mut events = BTreeMap::<String, i64>::new();
    for (_, way) in ways {
        if let Some(captured) = way.journey.captured_at {
            let cohort = cohorts.entry(period(captured, span, zone)).or_default();
            for (name, counts) in STEP_NAMES.into_iter().zip(steps(&way.journey)) {
                *cohort.entry(name.to_owned()).or_default() += i64::from(counts);
            }
        }
        for (kind, at) in &way.events {
            let counts = periods.entry(period(*at, span, zone)).or_default();
            *counts.entry(kind.clone()).or_default() += 1;
            *events.entry(kind.clone()).or_default() += 1;
        }
    }
    for (name, counts) in cohorts {
        document.push("cohorts", flat("period", name, COHORTS, &counts));
    }
    for (name, counts) in periods {
        document.push("periods", flat("period", name, PERIODS, &counts));
    }
    for column in PERIODS.iter().filter(|column| column.name != "period") {
        let count = events.get(column.name).copied().unwrap_or(0);
        document.total(&format!("events_{}", column.name), count);
    }
    Ok(())
}

fn stage_table(document: &mut Document, opportunities: &[(Uuid, Stages)]) {
    let mut stages = BTreeMap::<&str, BTreeMap<String, i64>>::new();
    for (_, one) in opportunities {
        for stage in &one.been {
            let counts = stages.entry(stage).or_default();
            *counts.entry("opportunities".to_owned()).or_default() += 1;
            if let Some(outcome) = &one.outcome {
                *counts.entry(outcome.clone()).or_default() += 1;
            }
        }
    }
    document.total("opportunities", opportunities.len());
    for (stage, counts) in stages {
        document.push("stages", flat("stage", stage.to_owned(), STAGES, &counts));
    }
}

fn standing_table(document: &mut Document, ways: &[(Uuid, Way)]) {
    let mut standings = BTreeMap::<(&str, &str, &str), (i64, i64)>::new();
    for (_, way) in ways.iter().filter(|(_, way)| way.journey.captured_at.is_some()) {
        let journey = &way.journey;
        let reason = journey.end.as_ref().and_then(|end| end.reason.as_deref()).unwrap_or(BLANK);
        let (leads, amount) =
            standings.entry((journey.standing(), journey.reached(), reason)).or_default();
        *leads += 1;
        *amount = amount.saturating_add(journey.amount_minor.unwrap_or(0));
    }
    for ((standing, reached, reason), (leads, amount)) in standings {
        document.push(
            "standings",
            json!({
                "standing": standing, "reached": reached, "reason": reason, "leads": leads,
                "amount_minor": amount,
            }),
        );
    }
}
