//! The timeline: one row per event about a lead, for ever. Nothing is ever replaced, so it needs no state.

use crate::event::ViewEvent;
use crate::fold::{Folding, Histories, Poison};
use crate::query::{Context, Error};
use crate::store::{Current, KeyChange, OPEN};
use crate::table::{Column, Document, Table, column, time};
use leadline_domain::lead::Owner;
use leadline_domain::money::Money;
use leadline_domain::{Event, lead, opportunity};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// The view's name.
pub const NAME: &str = "timeline";
/// Most rows of one document.
pub const LIMIT: usize = 500;

/// The tables of the document.
pub const TABLES: &[Table] = &[Table {
    name: "rows",
    doc: "One row per event, oldest first by business time.",
    columns: COLUMNS,
}];

const COLUMNS: &[Column] = &[
    column("position", "Place in the log."),
    column("at", "When it happened, UTC."),
    column("type", "What happened, such as `lead.marked_mql`."),
    column("actor", "The person who answers for it; null for leadline itself."),
    column("stream", "The stream it belongs to."),
    column("from", "What was before: phase, stage or owner."),
    column("to", "What came after: phase, stage, owner, queue or campaign."),
    column("reason", "Why, where a reason was given."),
    column("channel", "Channel of a touch, attempt or response."),
    column("amount_minor", "Amount in minor units."),
    column("currency", "Currency of the amount."),
];

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Row {
    position: u64,
    at: i64,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<String>,
    stream: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
}

impl Row {
    fn steps(mut self, from: &str, to: &str) -> Self {
        (self.from, self.to) = (Some(from.to_owned()), Some(to.to_owned()));
        self
    }

    fn from(mut self, from: &str) -> Self {
        self.from = Some(from.to_owned());
        self
    }

    fn to(mut self, to: &str) -> Self {
        self.to = Some(to.to_owned());
        self
    }

    fn reason(mut self, reason: Option<&str>) -> Self {
        self.reason = reason.map(str::to_owned);
        self
    }

    fn channel(mut self, channel: Option<&str>) -> Self {
        self.channel = channel.map(str::to_owned);
        self
    }

    fn amount(mut self, amount: Option<Money>) -> Self {
        (self.amount_minor, self.currency) = crate::journey::minor(amount);
        self
    }
}

fn owner_name(owner: &Owner) -> &str {
    match owner {
        Owner::Person(name) | Owner::Queue(name) => name,
    }
}

/// The row of an event about a lead; `None` for events about anything else.
fn row(event: &ViewEvent) -> Option<Row> {
    let row = Row {
        position: event.position.0,
        at: event.at(),
        kind: event.event_type.clone().into_owned(),
        actor: event.actor.clone(),
        stream: event.stream.to_string(),
        ..Row::default()
    };
    Some(match &event.event {
        Event::Lead(lead) => lead_row(lead, row),
        Event::Opportunity(opportunity) => opportunity_row(opportunity, row),
        Event::Account(_) | Event::Contact(_) | Event::Subject(_) => row,
        Event::Campaign(_) | Event::Config(_) => return None,
    })
}

/// The row with what an event says beside its type. Nothing personal.
fn lead_row(event: &lead::Event, row: Row) -> Row {
    use lead::Event as E;
    match event {
        E::Captured { amount, source, .. } => Row { to: source.clone(), ..row.amount(*amount) },
        E::Reengaged { source, .. } => Row { to: source.clone(), ..row },
        E::TouchRecorded(touch) => {
            Row { to: touch.campaign.clone(), ..row.channel(touch.channel.as_deref()) }
        }
        E::DetailsChanged { amount, .. } | E::ConversionRecorded { amount } => row.amount(*amount),
        E::SourceSet { source: to } | E::CampaignLinked { campaign: to } => row.to(to),
        E::Assigned { to, from, reason } => {
            let from = from.as_ref().map(|owner| owner_name(owner).to_owned());
            Row { from, ..row.to(owner_name(to)).reason(reason.as_deref()) }
        }
        E::ContactAttempted { channel, from, to, .. }
        | E::ResponseLogged { channel, from, to, .. } => {
            row.steps(from.name(), to.name()).channel(channel.as_deref())
        }
        E::MarkedMql { from, .. } => row.steps(from.name(), "mql"),
        E::MqlRevoked { reason } => row.steps("mql", "working").reason(reason.as_deref()),
        E::AcceptedBySales { .. } => row.steps("mql", "sal"),
        E::RejectedBySales { reason, outcome } => {
            row.steps("mql", outcome.phase().name()).reason(Some(reason))
        }
        E::Qualified { from } => row.steps(from.name(), "qualified"),
        E::Disqualified { from, reason } => {
            row.steps(from.name(), "unqualified").reason(reason.as_deref())
        }
        E::Recycled { from, reason } => {
            row.steps(from.name(), "nurturing").reason(reason.as_deref())
        }
        E::Reopened { to, reason, .. } => {
            row.steps("unqualified", to.name()).reason(reason.as_deref())
        }
        E::Converted { from, no_opportunity_reason: reason, .. } => {
            row.steps(from.name(), "converted").reason(reason.as_deref())
        }
        E::ClockStarted { milestone, .. }
        | E::ReminderDue { milestone, .. }
        | E::Breached { milestone, .. }
        | E::ClockMet { milestone, .. }
        | E::ClockCancelled { milestone, .. } => row.to(milestone.name()),
        E::TaskEnqueued { queue }
        | E::TaskClaimed { queue, .. }
        | E::TaskCompleted { queue, .. }
        | E::TaskCancelled { queue } => row.to(queue),
        _ => row,
    }
}

fn opportunity_row(event: &opportunity::Event, row: Row) -> Row {
    use opportunity::Event as E;
    match event {
        E::Opened(opened) => row.to(&opened.stage).amount(opened.amount),
        E::Attached { standing: Some(standing), .. } => {
            row.to(&standing.opened.stage).amount(standing.opened.amount)
        }
        E::Attached { .. } | E::Detached { .. } => row,
        E::StageAdvanced { from, to, .. } => row.steps(from, to),
        E::StageRegressed { from, to, reason, .. } => row.steps(from, to).reason(reason.as_deref()),
        E::AmountChanged { to, .. } => row.amount(Some(*to)),
        E::CloseDateMoved { from, to, .. } => {
            let from = from.map(|from| from.to_string());
            Row { from, ..row.to(&to.to_string()) }
        }
        E::Won { amount, from } => row.from(from).amount(*amount),
        E::Lost { reason, amount, from, .. } => {
            row.from(from).reason(reason.as_deref()).amount(*amount)
        }
        E::Reopened { stage, .. } => row.to(stage),
    }
}

type Entry = (i64, i64, Arc<[u8]>);

fn row_of((position, at_from, row): Entry) -> Current {
    Current { ordinal: position, at_from, pos_from: position, row }
}

/// The fold of the timeline: each event is one row of both histories, by position as its ordinal.
#[derive(Debug, Default)]
pub struct Timeline {
    /// Position, time and row of each event that waits, by root.
    waiting: BTreeMap<Uuid, Vec<Entry>>,
    count: usize,
}

impl Folding for Timeline {
    fn name(&self) -> &'static str {
        NAME
    }

    fn fingerprint(&self) -> u32 {
        1
    }

    fn missing(&mut self, _: &[ViewEvent]) -> Vec<Uuid> {
        Vec::new()
    }

    fn load(&mut self, _: Uuid, _: Option<&[u8]>) -> Result<(), serde_json::Error> {
        Ok(())
    }

    fn late(&self, _: &[ViewEvent]) -> Vec<Uuid> {
        Vec::new()
    }

    fn apply(&mut self, events: &[ViewEvent], _: &Histories) -> Result<(), Poison> {
        for event in events {
            let Some(row) = row(event) else { continue };
            let bytes = serde_json::to_vec(&row).map_err(|source| Poison {
                view: NAME,
                position: event.position,
                attempt: "writing its row",
                source,
            })?;
            let ordinal = i64::try_from(event.position.0).unwrap_or(OPEN);
            self.waiting.entry(event.root).or_default().push((ordinal, event.at(), bytes.into()));
            self.count += 1;
        }
        Ok(())
    }

    fn waiting(&self) -> usize {
        self.count
    }

    fn take(&mut self) -> Result<Vec<KeyChange>, serde_json::Error> {
        self.count = 0;
        let waiting = std::mem::take(&mut self.waiting);
        let changes = waiting.into_iter().map(|(key, rows)| KeyChange {
            key,
            state: None,
            current: rows.into_iter().map(row_of).collect(),
            gone: Vec::new(),
            replace_time: false,
            by_time: Vec::new(),
            by_position: Vec::new(),
        });
        Ok(changes.collect())
    }

    fn forget(&mut self) {
        *self = Self::default();
    }
}

/// The events of one lead.
pub(crate) fn document(context: &Context<'_>) -> Result<Document, Error> {
    let mut rows = Vec::new();
    for (_, _, row) in context.rows::<Row>()? {
        rows.push(row);
    }
    rows.sort_by_key(|row| (row.at, row.position));
    let offset = context.number("offset", 0)?;
    let limit = context.number("limit", LIMIT)?.min(LIMIT);
    let total = rows.len();
    let mut document = Document::default();
    document.total("events", total);
    for row in rows.into_iter().skip(offset).take(limit) {
        let at = time(row.at);
        let mut flat = serde_json::to_value(&row).map_err(Error::Row)?;
        if let Some(object) = flat.as_object_mut() {
            for column in COLUMNS {
                object.entry(column.name).or_insert(Value::Null);
            }
            object.insert("at".to_owned(), at);
        }
        document.push("rows", flat);
    }
    Ok(document)
}
