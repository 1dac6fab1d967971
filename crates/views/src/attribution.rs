//! Attribution: one path per conversion is stored, and credit is computed when it is asked for, by any model.

mod credit;

pub(crate) use credit::document;
pub use credit::{PARAMETERS, TABLES};

use crate::event::ViewEvent;
use crate::fold::View;
use crate::journey::minor;
use leadline_domain::{Event, lead, opportunity};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The view's name.
pub const NAME: &str = "attribution";

/// One touch of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Step {
    at: i64,
    id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    campaign: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    source: Option<String>,
}

/// How a path ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A conversion was recorded.
    Recorded,
    /// An opportunity was won.
    Won,
    /// An opportunity was lost: no conversion, but a measure of what might have been.
    Lost,
}

/// What a path led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goal {
    kind: Kind,
    at: i64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    amount_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    opportunity_created_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    campaign: Option<String>,
}

/// An opportunity before its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chance {
    ordinal: i64,
    opened_at: i64,
    campaign: Option<String>,
}

/// What is known of one lineage.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    created_at: Option<i64>,
    touches: BTreeSet<Step>,
    chances: BTreeMap<Uuid, Chance>,
    goals: BTreeMap<i64, Goal>,
}

/// How many touches of which kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    campaign: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    source: Option<String>,
    touches: i64,
}

/// A conversion and the path to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Path {
    #[serde(flatten)]
    goal: Goal,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    previous_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    lead_created_at: Option<i64>,
    #[serde(rename = "path")]
    steps: Vec<Step>,
}

/// A row.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Row {
    /// All touches of a lead, counted.
    Counts(Vec<Count>),
    /// A conversion.
    Path(Path),
}

/// The view as a fold.
#[derive(Clone, Copy, Debug)]
pub struct Attribution;

impl View for Attribution {
    const NAME: &'static str = NAME;
    const FINGERPRINT: u32 = 1;
    type State = State;
    type Row<'a> = Row;

    fn key(event: &ViewEvent) -> Option<Uuid> {
        use lead::Event as L;
        use opportunity::Event as O;
        let counts = matches!(
            &event.event,
            Event::Lead(L::Captured { .. } | L::TouchRecorded(_) | L::ConversionRecorded { .. })
                | Event::Opportunity(
                    O::Opened(_)
                        | O::Won { .. }
                        | O::Lost { .. }
                        | O::Reopened { .. }
                        | O::AmountChanged { .. }
                )
        );
        counts.then_some(event.root)
    }

    fn apply(state: &mut State, event: &ViewEvent) {
        let ordinal = i64::try_from(event.position.0).unwrap_or(i64::MAX);
        match &event.event {
            Event::Lead(lead) => state.apply_lead(lead, ordinal, event.at()),
            Event::Opportunity(opportunity) => {
                state.apply_opportunity(opportunity, event.stream.key(), ordinal, event.at());
            }
            _ => {}
        }
    }

    fn rows(state: &State) -> Vec<(i64, Row)> {
        let mut rows = Vec::with_capacity(state.goals.len() + 1);
        if !state.touches.is_empty() {
            rows.push((0, Row::Counts(state.counts())));
        }
        for (ordinal, goal) in &state.goals {
            rows.push((*ordinal, Row::Path(state.path(*ordinal, goal))));
        }
        rows
    }
}

impl State {
    fn apply_lead(&mut self, event: &lead::Event, ordinal: i64, at: i64) {
        match event {
            lead::Event::Captured { .. } => _ = self.created_at.get_or_insert(at),
            lead::Event::TouchRecorded(touch) => {
                let (channel, campaign) = (touch.channel.clone(), touch.campaign.clone());
                let source = touch.source.clone();
                self.touches.insert(Step { at, id: touch.id.0, channel, campaign, source });
            }
            lead::Event::ConversionRecorded { amount } => {
                let (amount_minor, currency) = minor(*amount);
                let (kind, opportunity_created_at, campaign) = (Kind::Recorded, None, None);
                let goal =
                    Goal { kind, at, amount_minor, currency, opportunity_created_at, campaign };
                self.goals.insert(ordinal, goal);
            }
            _ => {}
        }
    }

    fn apply_opportunity(&mut self, event: &opportunity::Event, id: Uuid, ordinal: i64, at: i64) {
        use opportunity::Event as E;
        if let E::Opened(opened) = event {
            let campaign = opened.campaign.clone();
            self.chances.insert(id, Chance { ordinal, opened_at: at, campaign });
        }
        let Some(chance) = self.chances.get(&id) else { return };
        let (kind, amount) = match event {
            E::Won { amount, .. } => (Kind::Won, *amount),
            E::Lost { amount, .. } => (Kind::Lost, *amount),
            E::Reopened { .. } => {
                self.goals.remove(&chance.ordinal);
                return;
            }
            E::AmountChanged { to, .. } => {
                if let Some(goal) = self.goals.get_mut(&chance.ordinal) {
                    (goal.amount_minor, goal.currency) = minor(Some(*to));
                }
                return;
            }
            _ => return,
        };
        let (amount_minor, currency) = minor(amount);
        let opportunity_created_at = Some(chance.opened_at);
        let campaign = chance.campaign.clone();
        let goal = Goal { kind, at, amount_minor, currency, opportunity_created_at, campaign };
        self.goals.insert(chance.ordinal, goal);
    }

    fn counts(&self) -> Vec<Count> {
        let mut counts = BTreeMap::<_, i64>::new();
        for touch in &self.touches {
            *counts.entry((&touch.channel, &touch.campaign, &touch.source)).or_default() += 1;
        }
        let count =
            |((channel, campaign, source), touches): ((&Option<_>, &Option<_>, &Option<_>), _)| {
                let (channel, campaign, source) =
                    (channel.clone(), campaign.clone(), source.clone());
                Count { channel, campaign, source, touches }
            };
        counts.into_iter().map(count).collect()
    }

    fn path(&self, ordinal: i64, goal: &Goal) -> Path {
        let earlier = self.goals.iter().filter(|(other, one)| {
            one.kind != Kind::Lost && (one.at, **other) < (goal.at, ordinal)
        });
        Path {
            goal: goal.clone(),
            previous_at: earlier.map(|(_, one)| one.at).max(),
            lead_created_at: self.created_at,
            steps: self.touches.iter().filter(|touch| touch.at <= goal.at).cloned().collect(),
        }
    }
}
