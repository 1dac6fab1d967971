//! Attribution: one path per conversion is stored, and credit is computed when it is asked for, by any model.

mod credit;

pub(crate) use credit::document;
pub use credit::{PARAMETERS, TABLES};

use crate::event::ViewEvent;
use crate::fold::{Changed, View};
use crate::journey::minor;
use leadline_domain::{Event, lead, opportunity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The view's name.
pub const NAME: &str = "attribution";
/// Most touches on a path. Of a longer one it keeps the first half and the last: whoever touches a lead more often
/// is seldom a person.
pub const TOUCHES_PER_PATH_MAX: usize = 2 * PATH_END;
/// Touches kept from either end of a path.
const PATH_END: usize = 250;
/// Most combinations of channel, campaign and source that the touches of one lead are told apart by; touches of any
/// further combination count as `(blank)`.
pub const COMBINATIONS_PER_LEAD_MAX: usize = 1_000;

const COUNTS: i64 = 0;

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
    /// Touches up to it, with those that its path leaves out.
    touches: i64,
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
    /// How many touches there have been, by names.
    counts: Vec<Count>,
    /// The touches that a path may need, in the order of paths.
    touches: Vec<Step>,
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
pub enum Row<'a> {
    /// All touches of a lead, counted.
    Counts(&'a [Count]),
    /// A conversion.
    Path(Path),
}

/// The view as a fold.
#[derive(Clone, Copy, Debug)]
pub struct Attribution;

impl View for Attribution {
    const NAME: &'static str = NAME;
    const FINGERPRINT: u32 = 2;
    type State = State;
    type Row<'a> = Row<'a>;

    fn key(event: &ViewEvent) -> Option<Uuid> {
        use lead::Event as L;
        use opportunity::Event as O;
        let counts = matches!(
            &event.event,
            Event::Lead(L::Captured { .. } | L::TouchRecorded(_) | L::ConversionRecorded { .. })
                | Event::Opportunity(
                    O::Opened(_)
                        | O::Attached { .. }
                        | O::Detached { .. }
                        | O::Won { .. }
                        | O::Lost { .. }
                        | O::Reopened { .. }
                        | O::AmountChanged { .. }
                )
        );
        counts.then_some(event.root)
    }

    fn apply(state: &mut State, event: &ViewEvent) -> Changed {
        let ordinal = i64::try_from(event.position.0).unwrap_or(i64::MAX);
        match &event.event {
            Event::Lead(lead) => state.apply_lead(lead, ordinal, event.at()),
            Event::Opportunity(opportunity) => {
                state.apply_opportunity(opportunity, event.stream.key(), ordinal, event.at())
            }
            _ => Changed::NOTHING,
        }
    }

    fn rows(state: &State) -> Vec<(i64, Row<'_>)> {
        let ordinals = std::iter::once(COUNTS).chain(state.goals.keys().copied());
        ordinals.filter_map(|ordinal| Some((ordinal, Self::row(state, ordinal)?))).collect()
    }

    fn row(state: &State, ordinal: i64) -> Option<Row<'_>> {
        if ordinal == COUNTS {
            return (!state.counts.is_empty()).then_some(Row::Counts(&state.counts));
        }
        state.goals.get(&ordinal).map(|goal| Row::Path(state.path(ordinal, goal)))
    }
}

impl Count {
    fn names(&self) -> [Option<&str>; 3] {
        [self.channel.as_deref(), self.campaign.as_deref(), self.source.as_deref()]
    }
}

impl State {
    fn apply_lead(&mut self, event: &lead::Event, ordinal: i64, at: i64) -> Changed {
        match event {
            lead::Event::Captured { .. } if self.created_at.is_none() => {
                self.created_at = Some(at);
                Changed::All
            }
            lead::Event::TouchRecorded(touch) => {
                let (channel, campaign) = (touch.channel.clone(), touch.campaign.clone());
                let source = touch.source.clone();
                self.add_touch(Step { at, id: touch.id.0, channel, campaign, source })
            }
            lead::Event::ConversionRecorded { amount } => {
                let (amount_minor, currency) = minor(*amount);
                let (opportunity_created_at, campaign) = (None, None);
                self.reach(
                    ordinal,
                    Goal {
                        kind: Kind::Recorded,
                        at,
                        amount_minor,
                        currency,
                        opportunity_created_at,
                        campaign,
                        touches: self.touched(),
                    },
                )
            }
            _ => Changed::NOTHING,
        }
    }

    fn apply_opportunity(
        &mut self,
        event: &opportunity::Event,
        id: Uuid,
        ordinal: i64,
        at: i64,
    ) -> Changed {
        use opportunity::Event as E;
        match event {
            E::Opened(opened) => {
                let campaign = opened.campaign.clone();
                self.chances.insert(id, Chance { ordinal, opened_at: at, campaign });
            }
            E::Attached { standing: Some(standing), .. } => {
                let campaign = standing.opened.campaign.clone();
                let opened_at = standing.opened_at.millis();
                self.chances.insert(id, Chance { ordinal, opened_at, campaign });
            }
            E::Detached { .. } => drop(self.chances.remove(&id)),
            _ => {}
        }
        let Some(chance) = self.chances.get(&id) else { return Changed::NOTHING };
        let ordinal = chance.ordinal;
        let (kind, amount) = match event {
            E::Won { amount, .. } => (Kind::Won, *amount),
            E::Lost { amount, .. } => (Kind::Lost, *amount),
            E::Reopened { .. } => {
                let gone = self.goals.remove(&ordinal);
                return gone.map_or(Changed::NOTHING, |_| Changed::All);
            }
            E::AmountChanged { to, .. } => {
                if let Some(goal) = self.goals.get_mut(&ordinal) {
                    (goal.amount_minor, goal.currency) = minor(Some(*to));
                }
                return Changed::Rows(vec![ordinal]);
            }
            _ => return Changed::NOTHING,
        };
        let (amount_minor, currency) = minor(amount);
        let opportunity_created_at = Some(chance.opened_at);
        let (campaign, touches) = (chance.campaign.clone(), self.touched());
        let goal =
            Goal { kind, at, amount_minor, currency, opportunity_created_at, campaign, touches };
        self.reach(ordinal, goal)
    }

    fn touched(&self) -> i64 {
        self.counts.iter().map(|count| count.touches).sum()
    }

    /// Events come in the order of time, so that a new goal is at or after all others: it changes no path but those
    /// to goals of the same instant.
    fn reach(&mut self, ordinal: i64, goal: Goal) -> Changed {
        let at = goal.at;
        if self.goals.insert(ordinal, goal).is_some() {
            return Changed::All;
        }
        let same = self.goals.iter().filter(|(_, one)| one.at == at);
        Changed::Rows(same.map(|(ordinal, _)| *ordinal).collect())
    }

    fn add_touch(&mut self, step: Step) -> Changed {
        let Err(place) = self.touches.binary_search(&step) else { return Changed::NOTHING };
        let at = step.at;
        self.count(&step);
        self.touches.insert(place, step);
        self.thin(at);
        let mut changed = vec![COUNTS];
        for (ordinal, goal) in self.goals.iter_mut().filter(|(_, goal)| goal.at == at) {
            goal.touches += 1;
            changed.push(*ordinal);
        }
        Changed::Rows(changed)
    }

    fn count(&mut self, step: &Step) {
        let names = [step.channel.as_deref(), step.campaign.as_deref(), step.source.as_deref()];
        let place = |counts: &[Count], names: [Option<&str>; 3]| {
            counts.binary_search_by(|count| count.names().cmp(&names))
        };
        let names = match place(&self.counts, names) {
            Err(_) if self.counts.len() >= COMBINATIONS_PER_LEAD_MAX => [None; 3],
            _ => names,
        };
        let index = place(&self.counts, names).unwrap_or_else(|index| {
            let [channel, campaign, source] = names.map(|name| name.map(str::to_owned));
            self.counts.insert(index, Count { channel, campaign, source, touches: 0 });
            index
        });
        if let Some(count) = self.counts.get_mut(index) {
            count.touches += 1;
        }
    }

    /// Forgets the touches that no path can need after one at `at`, the latest: those that are neither among the
    /// first of all nor among the last before the present or a goal.
    fn thin(&mut self, at: i64) {
        let before = self.goals.values().map(|goal| goal.at).filter(|goal| *goal < at).max();
        let passed = before.map_or(0, |goal| self.touches.partition_point(|one| one.at <= goal));
        let (first, last) = (passed.max(PATH_END), self.touches.len().saturating_sub(PATH_END));
        if first < last {
            self.touches.drain(first..last);
        }
    }

    fn path(&self, ordinal: i64, goal: &Goal) -> Path {
        let earlier = self.goals.iter().filter(|(other, one)| {
            one.kind != Kind::Lost && (one.at, **other) < (goal.at, ordinal)
        });
        let known = self.touches.partition_point(|touch| touch.at <= goal.at);
        let first = known.min(PATH_END);
        let last = known.saturating_sub(PATH_END).max(first);
        let steps = self.touches.iter().take(known).enumerate();
        let steps = steps.filter(|(index, _)| *index < first || *index >= last);
        Path {
            goal: goal.clone(),
            previous_at: earlier.map(|(_, one)| one.at).max(),
            lead_created_at: self.created_at,
            steps: steps.map(|(_, step)| step.clone()).collect(),
        }
    }
}
