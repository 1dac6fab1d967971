//! Leads as they stand: one row per lead.
//!
//! A lead shows three rows, so that a touch does not write its facts and envelopes anew: what it is, who it is
//! (sealed), and how busy it is.

use crate::event::ViewEvent;
use crate::fold::{Changed, View};
use crate::journey::{self, Journey, is_zero};
use crate::query::{Context, Error};
use crate::table::{Column, Document, Sums, Table, column, time_or_null};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use leadline_domain::calendar::clock::is_late;
use leadline_domain::lead::{Milestone, Owner, Phase};
use leadline_domain::{Event, Sealed, StreamId, Timestamp, lead, opportunity};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The view's name.
pub const NAME: &str = "lead";
/// Most rows of one document.
pub const LIMIT: usize = 500;

/// What the view can be asked.
pub const PARAMETERS: &[(&str, &str)] = &[
    ("root", "Id of one lead."),
    ("phase", "Only leads in this phase."),
    ("owner", "Only leads of this person."),
    ("queue", "Only leads in this queue."),
    ("source", "Only leads of this source; `(blank)` for those without."),
    ("cursor", "Id of the last lead of the page before."),
    ("limit", "Most rows; 100, and 500 at most."),
];

/// The tables of the document.
pub const TABLES: &[Table] =
    &[Table { name: "rows", doc: "One row per lead, by id.", columns: COLUMNS }];

const COLUMNS: &[Column] = &[
    column("lead", "Id of the lead."),
    column("phase", "Phase."),
    column("owner", "Person or queue that has the lead."),
    column("owner_kind", "`person` or `queue`."),
    column("queue", "Queue that has the lead."),
    column("source", "Source."),
    column("campaign", "Key of the campaign."),
    column("amount_minor", "Expected value, minor units."),
    column("currency", "Currency of the value."),
    column("cycle", "How often the lead has been MQL."),
    column("captured_at", "Captured."),
    column("mql_at", "First MQL."),
    column("sal_at", "First accepted by sales."),
    column("qualified_at", "First qualified by sales."),
    column("converted_at", "Converted."),
    column("disqualified_at", "Last disqualified."),
    column("recycled_at", "Last sent to nurturing."),
    column("reason", "Why it left the funnel or was sent back, last."),
    column("opportunity", "Id of its opportunity."),
    column("account", "Id of its account."),
    column("contact", "Id of its contact."),
    column("outcome", "`won` or `lost`, for its opportunity."),
    column("won_at", "Its opportunity was won."),
    column("lost_at", "Its opportunity was lost."),
    column("won_minor", "What its opportunities brought, minor units; null of several currencies."),
    column("won_currency", "Currency of what they brought."),
    column("acceptance", "Its acceptance clock: running, overdue, met, late, cancelled."),
    column("acceptance_due_at", "When sales has to have answered."),
    column("touches", "How many touches."),
    column("first_touch_at", "First touch."),
    column("first_touch_channel", "Its channel."),
    column("first_touch_campaign", "Its campaign."),
    column("last_touch_at", "Last touch."),
    column("last_touch_channel", "Its channel."),
    column("last_touch_campaign", "Its campaign."),
    column("last_activity_at", "Last event of the lead."),
    column("person", "Sealed envelopes, oldest first: `subject` and base64 `envelope`."),
];

/// An acceptance clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    cycle: u32,
    due_at: i64,
    state: String,
}

/// One touch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Touch {
    at: i64,
    id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    campaign: Option<String>,
}

/// How busy a lead is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Activity {
    #[serde(skip_serializing_if = "is_zero")]
    touches: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<Touch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Touch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
}

/// What a lead is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    journey: Journey,
    cycle: u32,
    disqualified_at: Option<i64>,
    recycled_at: Option<i64>,
    reason: Option<String>,
    opportunity: Option<Uuid>,
    account: Option<Uuid>,
    contact: Option<Uuid>,
    lost_at: Option<i64>,
    clock: Option<Clock>,
}

/// A sealed envelope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    subject: Uuid,
    envelope: String,
}

/// What is known of one lead.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    facts: Facts,
    activity: Activity,
    person: Vec<Envelope>,
}

/// One of the rows of a lead.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Row<'a> {
    /// What it is.
    Facts(&'a Facts),
    /// How busy it is.
    Activity(&'a Activity),
    /// Who it is.
    Person(&'a [Envelope]),
}

const FACTS: i64 = 0;
const ACTIVITY: i64 = 1;
const PERSON: i64 = 2;

/// The view as a fold.
#[derive(Clone, Copy, Debug)]
pub struct Leads;

impl View for Leads {
    const NAME: &'static str = NAME;
    const FINGERPRINT: u32 = 2;
    type State = State;
    type Row<'a> = Row<'a>;

    fn key(event: &ViewEvent) -> Option<Uuid> {
        journey::key(event)
    }

    fn apply(state: &mut State, event: &ViewEvent) -> Changed {
        state.facts.journey.apply(event);
        match &event.event {
            Event::Lead(lead) => state.apply_lead(lead, event.at()),
            Event::Opportunity(opportunity) => {
                state.facts.apply_opportunity(opportunity, event.stream, event.at());
            }
            _ => {}
        }
        match &event.event {
            Event::Lead(lead::Event::TouchRecorded(_)) => Changed::Rows(vec![ACTIVITY]),
            _ => Changed::All,
        }
    }

    fn rows(state: &State) -> Vec<(i64, Row<'_>)> {
        if state.facts.journey.captured_at.is_none() {
            return Vec::new();
        }
        let mut rows =
            vec![(FACTS, Row::Facts(&state.facts)), (ACTIVITY, Row::Activity(&state.activity))];
        if !state.person.is_empty() {
            rows.push((PERSON, Row::Person(&state.person)));
        }
        rows
    }
}

impl State {
    fn seal(&mut self, sealed: Option<&Sealed>) {
        if let Some(sealed) = sealed {
            let envelope = STANDARD_NO_PAD.encode(&sealed.envelope);
            self.person.push(Envelope { subject: sealed.subject.0, envelope });
        }
    }

    fn apply_lead(&mut self, event: &lead::Event, at: i64) {
        use lead::Event as E;
        self.activity.at = self.activity.at.max(Some(at));
        match event {
            E::Captured { person, .. }
            | E::Reengaged { person, .. }
            | E::DetailsChanged { person, .. } => self.seal(person.as_ref()),
            E::TouchRecorded(touch) => {
                let (channel, campaign) = (touch.channel.clone(), touch.campaign.clone());
                let touch = Touch { at, id: touch.id.0, channel, campaign };
                self.activity.touches += 1;
                let activity = &mut self.activity;
                if activity.first.as_ref().is_none_or(|first| touch < *first) {
                    activity.first = Some(touch.clone());
                }
                if activity.last.as_ref().is_none_or(|last| touch > *last) {
                    activity.last = Some(touch);
                }
            }
            other => self.facts.apply_lead(other, at),
        }
    }
}

impl Facts {
    fn apply_lead(&mut self, event: &lead::Event, at: i64) {
        use lead::Event as E;
        match event {
            E::MarkedMql { cycle, .. } => self.cycle = *cycle,
            E::Disqualified { reason, .. } => {
                (self.disqualified_at, self.reason) = (Some(at), reason.clone());
            }
            E::Recycled { reason, .. } => {
                (self.recycled_at, self.reason) = (Some(at), reason.clone());
            }
            E::RejectedBySales { reason, outcome } => {
                self.reason = Some(reason.clone());
                match outcome {
                    lead::RejectOutcome::Disqualify => self.disqualified_at = Some(at),
                    lead::RejectOutcome::Nurture => self.recycled_at = Some(at),
                    lead::RejectOutcome::Return => {}
                }
            }
            E::Converted { account, contact, opportunity, .. } => {
                (self.account, self.contact) = (Some(account.0), Some(contact.0));
                self.opportunity = opportunity.map(|id| id.0);
            }
            E::ClockStarted { milestone: Milestone::Acceptance, cycle, due_at, .. } => {
                let (due_at, state) = (due_at.millis(), "running".to_owned());
                self.clock = Some(Clock { cycle: *cycle, due_at, state });
            }
            E::ClockMet { in_time, .. } => self.stop(if *in_time { "met" } else { "late" }),
            E::ClockCancelled { .. } => self.stop("cancelled"),
            _ => {}
        }
    }

    fn stop(&mut self, state: &str) {
        if let Some(clock) = &mut self.clock {
            state.clone_into(&mut clock.state);
        }
    }

    fn apply_opportunity(&mut self, event: &opportunity::Event, stream: StreamId, at: i64) {
        match event {
            opportunity::Event::Opened(_) => _ = self.opportunity.get_or_insert(stream.key()),
            opportunity::Event::Lost { reason, .. } => {
                (self.lost_at, self.reason) = (Some(at), reason.clone());
            }
            opportunity::Event::Reopened { .. } => self.lost_at = None,
            _ => {}
        }
    }

    /// A running clock is overdue by time alone.
    fn acceptance(&self, now: i64) -> Option<&str> {
        let clock = self.clock.as_ref()?;
        let (due_at, now) = (Timestamp::from_millis(clock.due_at), Timestamp::from_millis(now));
        let overdue = clock.state == "running" && is_late(due_at, now);
        Some(if overdue { "overdue" } else { &clock.state })
    }

    fn owner(&self) -> Option<Owner> {
        let person = self.journey.owner.clone().map(Owner::Person);
        person.or_else(|| self.journey.queue.clone().map(Owner::Queue))
    }
}

#[derive(Default)]
struct Lead {
    facts: Facts,
    activity: Activity,
    person: Value,
}

fn flat(id: Uuid, lead: Lead, now: i64) -> Value {
    let Lead { facts, activity, person } = lead;
    let owner = facts.owner();
    let (owner_name, kind) = match &owner {
        Some(Owner::Person(name)) => (Some(name), Some("person")),
        Some(Owner::Queue(name)) => (Some(name), Some("queue")),
        None => (None, None),
    };
    let outcome = match (facts.journey.won_at, facts.lost_at) {
        (Some(_), _) => Some("won"),
        (None, Some(_)) => Some("lost"),
        (None, None) => None,
    };
    let acceptance = facts.acceptance(now);
    let due_at = facts.clock.as_ref().map(|clock| clock.due_at);
    let journey = &facts.journey;
    let mut won = Sums::default();
    won.extend("won", journey.won());
    let (first, last) = (activity.first.as_ref(), activity.last.as_ref());
    json!({
        "lead": journey.lead.unwrap_or(id),
        "phase": journey.phase, "owner": owner_name, "owner_kind": kind, "queue": journey.queue,
        "source": journey.source, "campaign": journey.campaign,
        "amount_minor": journey.amount_minor, "currency": journey.currency, "cycle": facts.cycle,
        "captured_at": time_or_null(journey.captured_at), "mql_at": time_or_null(journey.mql_at),
        "sal_at": time_or_null(journey.sal_at),
        "qualified_at": time_or_null(journey.qualified_at),
        "converted_at": time_or_null(journey.converted_at),
        "disqualified_at": time_or_null(facts.disqualified_at),
        "recycled_at": time_or_null(facts.recycled_at), "reason": facts.reason,
        "opportunity": facts.opportunity, "account": facts.account, "contact": facts.contact,
        "outcome": outcome, "won_at": time_or_null(journey.won_at),
        "lost_at": time_or_null(facts.lost_at), "won_minor": won.minor("won"),
        "won_currency": won.currency(),
        "acceptance": acceptance, "acceptance_due_at": time_or_null(due_at),
        "touches": activity.touches,
        "first_touch_at": time_or_null(first.map(|touch| touch.at)),
        "first_touch_channel": first.and_then(|touch| touch.channel.as_deref()),
        "first_touch_campaign": first.and_then(|touch| touch.campaign.as_deref()),
        "last_touch_at": time_or_null(last.map(|touch| touch.at)),
        "last_touch_channel": last.and_then(|touch| touch.channel.as_deref()),
        "last_touch_campaign": last.and_then(|touch| touch.campaign.as_deref()),
        "last_activity_at": time_or_null(activity.at),
        "person": person,
    })
}

fn matches(facts: &Facts, context: &Context<'_>) -> bool {
    let is = |name: &str, value: Option<&str>| {
        context.text(name).is_none_or(|wanted| {
            value.is_some_and(|value| value == wanted)
                || (value.is_none() && wanted == crate::conversion::BLANK)
        })
    };
    let journey = &facts.journey;
    is("phase", journey.phase.as_deref())
        && is("owner", journey.owner.as_deref())
        && is("queue", journey.queue.as_deref())
        && is("source", journey.source.as_deref())
}

pub(crate) fn document(context: &Context<'_>) -> Result<Document, Error> {
    let mut leads = BTreeMap::<Uuid, Lead>::new();
    for (key, ordinal, row) in context.rows::<Value>()? {
        let lead = leads.entry(key).or_default();
        match ordinal {
            FACTS => lead.facts = serde_json::from_value(row).map_err(Error::Row)?,
            ACTIVITY => lead.activity = serde_json::from_value(row).map_err(Error::Row)?,
            _ => lead.person = row,
        }
    }
    let cursor = context.text("cursor").map(Uuid::parse_str).transpose().map_err(|_| {
        Error::Parameter { name: "cursor", expected: "must be the id of a lead".into() }
    })?;
    if context.text("phase").is_some_and(|phase| Phase::named(phase).is_none()) {
        let names: Vec<&str> = Phase::ALL.into_iter().map(Phase::name).collect();
        return Err(Error::Parameter {
            name: "phase",
            expected: format!("must be one of {}", names.join(", ")),
        });
    }
    let limit = context.number("limit", 100)?.min(LIMIT);
    leads.retain(|_, lead| matches(&lead.facts, context));
    let mut document = Document::default();
    document.total("leads", leads.len());
    let mut page = leads.into_iter().filter(|(key, _)| cursor.is_none_or(|cursor| *key > cursor));
    let mut last = None;
    for (key, lead) in page.by_ref().take(limit) {
        last = Some(key);
        document.push("rows", flat(key, lead, context.now));
    }
    document.set("next_cursor", json!(page.next().and(last)));
    Ok(document)
}
