//! Conversion: how leads of each source fare.

use crate::event::ViewEvent;
use crate::fold::{Changed, View};
use crate::journey::{self, Ending, Journey};
use crate::query::{Context, Error};
use crate::table::{Column, Document, Sums, Table, basis_points, column, distribution};
use leadline_domain::{Event, lead};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The view's name.
pub const NAME: &str = "conversion";

/// What the view can be asked.
pub const PARAMETERS: &[(&str, &str)] = &[
    ("by", "What to group by: source (default), campaign, owner, phase, month, or attribute:NAME."),
    ("currency", CURRENCY_PARAMETER),
];

/// What the parameter `currency` does where all leads are counted, whatever their amounts.
pub(crate) const CURRENCY_PARAMETER: &str =
    "Add up amounts in this currency only; without it, amounts of several have no sum.";

/// The tables of the document.
pub const TABLES: &[Table] =
    &[Table { name: "rows", doc: "One row per group, by name.", columns: COLUMNS }];

const COLUMNS: &[Column] = &[
    column("group", "The group; `(blank)` for leads that have none."),
    column("leads", "Leads captured."),
    column("mql", "Leads that have been MQL."),
    column("sal", "Leads that sales has accepted."),
    column("converted", "Leads that became an opportunity's lineage."),
    column("won", "Leads with an opportunity won."),
    column("lost", "Leads whose opportunity was lost."),
    column("disqualified", "Leads disqualified, and not taken up again."),
    column("recycled", "Leads sent to nurturing, and not taken up again."),
    column("open", "Leads neither won, lost, disqualified nor recycled."),
    column("with_conversion", "Leads with a conversion recorded without an opportunity."),
    column("conversions", "Conversions recorded without an opportunity."),
    column("win_rate_num", "Leads won."),
    column("win_rate_den", "Leads captured."),
    column("win_rate_bps", "Won of captured, basis points."),
    column("currency", "Currency of the amounts; null where there is none, or several."),
    column("won_minor", "What was won, minor units; null where of several currencies."),
    column("amount_minor", "Expected value of the leads, minor units; null likewise."),
    column("won_with_amount", "Leads won that brought more than nothing."),
    column("closed_within_1d", "Won within 1 day of capture."),
    column("closed_within_7d", "Won within 7 days of capture."),
    column("closed_within_14d", "Won within 14 days of capture."),
    column("closed_within_30d", "Won within 30 days of capture."),
    column("closed_within_60d", "Won within 60 days of capture."),
    column("closed_within_90d", "Won within 90 days of capture."),
    column("closed_within_180d", "Won within 180 days of capture."),
    column("closed_within_365d", "Won within 365 days of capture."),
    column("seconds_to_won_p10", "Capture to won, seconds, nearest rank."),
    column("seconds_to_won_p25", "Likewise."),
    column("seconds_to_won_p50", "Likewise."),
    column("seconds_to_won_p75", "Likewise."),
    column("seconds_to_won_p90", "Likewise."),
    column("seconds_to_won_p95", "Likewise."),
    column("seconds_to_won_p99", "Likewise."),
    column("seconds_to_won_n", "How many were won."),
    column("seconds_to_won_min", "Shortest."),
    column("seconds_to_won_max", "Longest."),
    column("seconds_to_won_sum", "Sum."),
    column("seconds_to_won_mean", "Mean, six decimals."),
];

const WITHIN_DAYS: [i64; 8] = [1, 7, 14, 30, 60, 90, 180, 365];
const DAY_SECONDS: i64 = 86_400;

/// The view as a fold.
#[derive(Clone, Copy, Debug)]
pub struct Conversion;

/// Whether an event may move a [`Journey`].
pub(crate) fn moves(event: &ViewEvent) -> Option<Uuid> {
    use lead::Event as E;
    let Event::Lead(lead) = &event.event else { return journey::key(event) };
    let still = matches!(
        lead,
        E::TouchRecorded(_)
            | E::NoteAdded { .. }
            | E::TaskEnqueued { .. }
            | E::TaskClaimed { .. }
            | E::TaskCompleted { .. }
            | E::TaskCancelled { .. }
            | E::ClockStarted { .. }
            | E::ClockMet { .. }
            | E::ClockCancelled { .. }
            | E::ReminderDue { .. }
            | E::Breached { .. }
            | E::Reengaged { .. }
    );
    (!still).then_some(event.root)
}

impl View for Conversion {
    const NAME: &'static str = NAME;
    const FINGERPRINT: u32 = 2;
    type State = Journey;
    type Row<'a> = &'a Journey;

    fn key(event: &ViewEvent) -> Option<Uuid> {
        moves(event)
    }

    fn apply(state: &mut Journey, event: &ViewEvent) -> Changed {
        state.apply(event);
        Changed::All
    }

    fn rows(state: &Journey) -> Vec<(i64, &Journey)> {
        if state.captured_at.is_some() { vec![(0, state)] } else { Vec::new() }
    }
}

#[derive(Default)]
struct Group {
    counts: BTreeMap<&'static str, i64>,
    sums: Sums,
    seconds: Vec<i64>,
}

impl Group {
    fn of(currency: Option<&str>) -> Self {
        Self { sums: Sums::of(currency), ..Self::default() }
    }

    fn add(&mut self, journey: &Journey) {
        let ended = |how| journey.end.as_ref().is_some_and(|end| end.how == how);
        for (name, counts) in [
            ("leads", true),
            ("mql", journey.mql_at.is_some()),
            ("sal", journey.sal_at.is_some()),
            ("converted", journey.converted_at.is_some()),
            ("won", journey.won_at.is_some()),
            ("lost", ended(Ending::Lost)),
            ("disqualified", ended(Ending::Disqualified)),
            ("recycled", ended(Ending::Recycled)),
            ("open", journey.won_at.is_none() && journey.end.is_none()),
            ("with_conversion", journey.recorded > 0),
            ("won_with_amount", journey.won().any(|(minor, _)| minor > 0)),
        ] {
            *self.counts.entry(name).or_default() += i64::from(counts);
        }
        *self.counts.entry("conversions").or_default() += journey.recorded;
        self.sums.extend("won_minor", journey.won());
        self.sums.extend("amount_minor", journey.amount());
        if let (Some(captured), Some(won)) = (journey.captured_at, journey.won_at) {
            self.seconds.push((won - captured).div_euclid(1000));
        }
    }

    fn into_row(self) -> Map<String, Value> {
        let mut row = Map::new();
        let count = |name: &str| self.counts.get(name).copied().unwrap_or(0);
        row.insert("win_rate_num".into(), count("won").into());
        row.insert("win_rate_den".into(), count("leads").into());
        row.insert("win_rate_bps".into(), basis_points(count("won"), count("leads")));
        row.insert("currency".into(), self.sums.currency());
        for name in ["won_minor", "amount_minor"] {
            row.insert(name.into(), self.sums.minor(name));
        }
        for days in WITHIN_DAYS {
            let within = self.seconds.iter().filter(|seconds| **seconds <= days * DAY_SECONDS);
            row.insert(format!("closed_within_{days}d"), within.count().into());
        }
        row.extend(self.counts.iter().map(|(name, count)| ((*name).to_owned(), json!(count))));
        distribution(&mut row, "seconds_to_won_", self.seconds);
        row
    }
}

/// The name of a group without one. Other than a source that is called `unknown`.
pub(crate) const BLANK: &str = "(blank)";

pub(crate) fn or_blank(name: Option<&str>) -> String {
    name.filter(|name| !name.is_empty()).unwrap_or(BLANK).to_owned()
}

fn group(journey: &Journey, by: &str, context: &Context<'_>) -> Result<String, Error> {
    let name = match by {
        "source" => journey.source.as_deref(),
        "campaign" => journey.campaign.as_deref(),
        "owner" => journey.owner.as_deref().or(journey.queue.as_deref()),
        "phase" => journey.phase.as_deref(),
        "month" => {
            let at = journey.captured_at.unwrap_or(0);
            return Ok(crate::table::period(at, crate::table::Span::Month, context.zone()?));
        }
        other => {
            let expected = || "must be source, campaign, owner, phase, month or attribute:NAME";
            let name = other.strip_prefix("attribute:");
            let name =
                name.ok_or_else(|| Error::Parameter { name: "by", expected: expected().into() })?;
            journey.attributes.get(name).map(String::as_str)
        }
    };
    Ok(or_blank(name))
}

pub(crate) fn document(context: &Context<'_>) -> Result<Document, Error> {
    let by = context.text("by").unwrap_or("source");
    let mut groups = BTreeMap::<String, Group>::new();
    let group_of = || Group::of(context.text("currency"));
    let mut all = group_of();
    for (_, _, journey) in context.rows::<Journey>()? {
        all.add(&journey);
        groups.entry(group(&journey, by, context)?).or_insert_with(group_of).add(&journey);
    }
    let mut document = Document { totals: all.into_row(), ..Document::default() };
    document.total("groups", groups.len());
    for (name, group) in groups {
        let mut row = group.into_row();
        row.insert("group".into(), name.into());
        document.push("rows", row.into());
    }
    Ok(document)
}
