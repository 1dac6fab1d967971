//! The funnel: how far leads come, by cohort and by period.

use crate::conversion::{BLANK, CURRENCY_PARAMETER, moves};
use crate::event::ViewEvent;
use crate::fold::{Changed, View};
use crate::journey::Journey;
use crate::query::{Context, Error};
use crate::table::{Column, Document, Sums, Table, basis_points, column, period};
use leadline_domain::funnel::{self, Step};
use leadline_domain::{Event, Timestamp, lead, opportunity};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The view's name.
pub const NAME: &str = "funnel";

/// What the view can be asked.
pub const PARAMETERS: &[(&str, &str)] = &[
    ("period", "Length of cohorts and periods: day, week (ISO), month (default), quarter, year."),
    ("tz", "Time zone of the calendar, such as Europe/Amsterdam; UTC."),
    ("source", "Only leads of this source; `(blank)` for those without."),
    ("currency", CURRENCY_PARAMETER),
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
    column("step", "captured, mql, sal, converted, opportunity, won."),
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
    column("opportunity", "Of them, with an opportunity opened."),
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
    column("reached", "The furthest step: captured, mql, sal, converted, opportunity, won."),
    column("reason", "Why it ended; `(blank)` where it did not, or nobody said."),
    column("leads", "How many leads."),
    column("currency", "Currency of the value; null where there is none, or several."),
    column("amount_minor", "Their expected value, minor units; null where of several currencies."),
];

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
    const FINGERPRINT: u32 = 2;
    type State = State;
    type Row<'a> = Row<'a>;

    fn key(event: &ViewEvent) -> Option<Uuid> {
        moves(event)
    }

    fn apply(state: &mut State, event: &ViewEvent) -> Changed {
        state.way.journey.apply(event);
        if let Some(kind) = kind(&event.event) {
            state.way.events.push((kind.to_owned(), event.at()));
        }
        if let Event::Opportunity(opportunity) = &event.event {
            state.apply_opportunity(opportunity, event.stream.key());
        }
        Changed::All
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
        match event {
            E::Opened(_) => self.opportunities.push(Stages { id, ..Stages::default() }),
            E::Attached { standing: Some(standing), .. } => {
                let been = standing.stages.clone();
                self.opportunities.push(Stages { id, been, ..Stages::default() });
            }
            E::Detached { .. } => self.opportunities.retain(|one| one.id != id),
            _ => {}
        }
        let Some(one) = self.opportunities.iter_mut().find(|one| one.id == id) else { return };
        let stage = match event {
            E::Opened(opened) => &opened.stage,
            E::StageAdvanced { to, .. } | E::StageRegressed { to, .. } => to,
            E::Won { .. } => return one.outcome = Some("won".to_owned()),
            E::Lost { .. } => return one.outcome = Some("lost".to_owned()),
            E::Reopened { .. } => return one.outcome = None,
            E::Attached { .. }
            | E::Detached { .. }
            | E::AmountChanged { .. }
            | E::CloseDateMoved { .. } => return,
        };
        if !one.been.contains(stage) {
            one.been.push(stage.clone());
        }
    }
}

pub(crate) fn document(context: &Context<'_>) -> Result<Document, Error> {
    let wanted = context.text("source");
    let (mut ways, mut opportunities, mut kept) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (key, ordinal, row) in context.rows::<Value>()? {
        // The way comes first of its key.
        if ordinal == 0 {
            let way = serde_json::from_value::<Way>(row).map_err(Error::Row)?;
            let source = way.journey.source.as_deref().unwrap_or(BLANK);
            if wanted.is_none_or(|wanted| source == wanted) {
                kept.insert(key);
                ways.push(way);
            }
        } else if kept.contains(&key) {
            opportunities.push(serde_json::from_value::<Stages>(row).map_err(Error::Row)?);
        }
    }
    let currency = context.text("currency");
    let mut document = Document::default();
    step_table(&mut document, &ways, currency);
    calendar_tables(&mut document, &ways, context)?;
    stage_table(&mut document, &opportunities);
    standing_table(&mut document, &ways, currency);
    Ok(document)
}

fn step_table(document: &mut Document, ways: &[Way], currency: Option<&str>) {
    let journeys: Vec<_> = ways.iter().map(|way| way.journey.steps()).collect();
    let all = funnel::cohorts(journeys.iter(), |_| ()).remove(&()).unwrap_or_default();
    let count = |step: Step| all.get(&step).copied().unwrap_or(0);
    let mut previous = count(Step::Captured);
    for step in Step::ALL {
        let number = count(step);
        document.total(step.name(), number);
        document.push(
            "rows",
            json!({
                "step": step.name(), "reached": number, "previous": previous,
                "of_previous_bps": basis_points(number, previous),
                "of_captured_bps": basis_points(number, count(Step::Captured)),
            }),
        );
        previous = number;
    }
    let mut sums = Sums::of(currency);
    for way in ways.iter().filter(|way| way.journey.captured_at.is_some()) {
        sums.extend("amount_minor", way.journey.amount());
    }
    document.total("currency", sums.currency());
    document.total("amount_minor", sums.minor("amount_minor"));
}

fn calendar_tables(
    document: &mut Document,
    ways: &[Way],
    context: &Context<'_>,
) -> Result<(), Error> {
    let (span, zone) = (context.span()?, context.zone()?);
    let label = |at: Timestamp| period(at.millis(), span, zone);
    let journeys: Vec<_> = ways.iter().map(|way| way.journey.steps()).collect();
    for (name, counts) in funnel::cohorts(journeys.iter(), label) {
        let mut row: Map<String, Value> =
            counts.iter().map(|(step, count)| (step.name().to_owned(), json!(count))).collect();
        row.insert("period".to_owned(), name.into());
        document.push("cohorts", row.into());
    }
    let events = || {
        let dated = ways.iter().flat_map(|way| &way.events);
        dated.map(|(kind, at)| (kind.as_str(), Timestamp::from_millis(*at)))
    };
    for (name, counts) in funnel::periods(events(), label) {
        document.push("periods", flat("period", &name, PERIODS, &counts));
    }
    let all = funnel::periods(events(), |_| ()).remove(&()).unwrap_or_default();
    for column in PERIODS.iter().filter(|column| column.name != "period") {
        let count = all.get(column.name).copied().unwrap_or(0);
        document.total(&format!("events_{}", column.name), count);
    }
    Ok(())
}

/// A row with a count for every column but the first, which names what is counted.
fn flat(first: &str, name: &str, columns: &[Column], counts: &BTreeMap<&str, u64>) -> Value {
    let mut row = Map::new();
    for column in columns {
        let count = counts.get(column.name).copied().unwrap_or(0);
        row.insert(column.name.to_owned(), count.into());
    }
    row.insert(first.to_owned(), name.into());
    row.into()
}

fn stage_table(document: &mut Document, opportunities: &[Stages]) {
    let mut stages = BTreeMap::<&str, BTreeMap<&str, u64>>::new();
    for one in opportunities {
        for stage in &one.been {
            let counts = stages.entry(stage).or_default();
            for name in ["opportunities"].into_iter().chain(one.outcome.as_deref()) {
                *counts.entry(name).or_default() += 1;
            }
        }
    }
    document.total("opportunities", opportunities.len());
    for (stage, counts) in stages {
        document.push("stages", flat("stage", stage, STAGES, &counts));
    }
}

fn standing_table(document: &mut Document, ways: &[Way], currency: Option<&str>) {
    let mut standings = BTreeMap::<(&str, Step, &str), (u64, Sums)>::new();
    for Way { journey, .. } in ways {
        let steps = journey.steps();
        let Some(reached) = steps.keys().next_back().filter(|_| journey.captured_at.is_some())
        else {
            continue;
        };
        let reason = journey.end.as_ref().and_then(|end| end.reason.as_deref()).unwrap_or(BLANK);
        let (leads, sums) = standings
            .entry((journey.standing(), *reached, reason))
            .or_insert_with(|| (0, Sums::of(currency)));
        *leads += 1;
        sums.extend("amount_minor", journey.amount());
    }
    for ((standing, reached, reason), (leads, sums)) in standings {
        document.push(
            "standings",
            json!({
                "standing": standing, "reached": reached.name(), "reason": reason, "leads": leads,
                "currency": sums.currency(), "amount_minor": sums.minor("amount_minor"),
            }),
        );
    }
}
