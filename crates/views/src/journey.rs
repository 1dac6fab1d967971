//! What several views know of a lead's way: its milestones, once each, and where it stands.

use crate::event::ViewEvent;
use leadline_domain::funnel::{self, Step};
use leadline_domain::lead::{self, Owner, Phase, RejectOutcome};
use leadline_domain::money::Money;
use leadline_domain::{Event, StreamId, Timestamp, opportunity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Whether an event belongs to the life of a lead or opportunity.
pub(crate) fn key(event: &ViewEvent) -> Option<Uuid> {
    matches!(event.event, Event::Lead(_) | Event::Opportunity(_)).then_some(event.root)
}

/// The phase that a lead's event leads to; `None` where it leads to none.
pub(crate) fn phase_after(event: &lead::Event) -> Option<Phase> {
    event.phase_change().map(|(_, to)| to)
}

/// How a lead's way came to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Its opportunity was won.
    Won,
    /// Its opportunity was lost.
    Lost,
    /// It was disqualified.
    Disqualified,
    /// It was sent to nurturing.
    Recycled,
}

impl Ending {
    /// The ending's name in rows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Disqualified => "disqualified",
            Self::Recycled => "recycled",
        }
    }
}

/// An end, which a later step may take back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// When, in milliseconds of UTC.
    pub at: i64,
    /// How.
    pub how: Ending,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// A won opportunity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Win {
    /// When, in milliseconds of UTC.
    pub at: i64,
    /// What it brought, minor units.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub minor: Option<i64>,
    /// Currency of `minor`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub currency: Option<String>,
}

/// A lead's way. Times are milliseconds of UTC; a milestone is reached once, the first time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Journey {
    /// Captured; `None` for an opportunity that was opened directly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub captured_at: Option<i64>,
    /// Source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Key of the campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// Expected value of the lead, minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_minor: Option<i64>,
    /// Currency of `amount_minor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Name of the phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Who has the lead, where that is a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// In which queue the lead is, where it has no person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// First MQL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mql_at: Option<i64>,
    /// Last MQL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_mql_at: Option<i64>,
    /// First accepted by sales.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sal_at: Option<i64>,
    /// Who accepted it first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sal_by: Option<String>,
    /// First qualified by sales.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qualified_at: Option<i64>,
    /// Converted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub converted_at: Option<i64>,
    /// First opportunity opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<i64>,
    /// First opportunity won, and still won.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub won_at: Option<i64>,
    /// First response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub responded_at: Option<i64>,
    /// First response since the first MQL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mql_response_at: Option<i64>,
    /// First conversion recorded without an opportunity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_at: Option<i64>,
    /// Conversions recorded without an opportunity.
    #[serde(skip_serializing_if = "is_zero")]
    pub recorded: i64,
    /// The end, if it came to one and was not taken up again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// The company's own fields of its opportunities.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// The opportunities won, and still won.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub wins: BTreeMap<Uuid, Win>,
    /// The lead's stream, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead: Option<Uuid>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
pub(crate) const fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Minor units and currency of an amount.
pub(crate) fn minor(amount: Option<Money>) -> (Option<i64>, Option<String>) {
    (amount.map(|money| money.minor), amount.map(|money| money.currency.code().to_owned()))
}

impl Journey {
    /// Folds one event.
    pub fn apply(&mut self, event: &ViewEvent) {
        match (&event.event, event.stream) {
            (Event::Lead(lead), StreamId::Lead(id)) => {
                self.lead.get_or_insert(id.0);
                self.apply_lead(lead, event.at());
            }
            (Event::Opportunity(opportunity), stream) => {
                self.apply_opportunity(opportunity, stream.key(), event.at());
            }
            _ => {}
        }
    }

    fn owned_by(&mut self, owner: &Owner) {
        (self.owner, self.queue) = match owner {
            Owner::Person(name) => (Some(name.clone()), None),
            Owner::Queue(name) => (None, Some(name.clone())),
        };
    }

    fn apply_lead(&mut self, event: &lead::Event, at: i64) {
        use lead::Event as E;
        if let Some(phase) = phase_after(event) {
            self.phase = Some(phase.name().to_owned());
            self.end = ending(event, at);
        }
        match event {
            E::Captured { source, campaign, amount, .. } => {
                self.captured_at.get_or_insert(at);
                (self.source, self.campaign) = (source.clone(), campaign.clone());
                (self.amount_minor, self.currency) = minor(*amount);
            }
            E::DetailsChanged { amount: amount @ Some(_), .. } => {
                (self.amount_minor, self.currency) = minor(*amount);
            }
            E::SourceSet { source } => self.source = Some(source.clone()),
            E::CampaignLinked { campaign } => self.campaign = Some(campaign.clone()),
            E::Assigned { to, .. } => self.owned_by(to),
            E::ResponseLogged { .. } => {
                self.responded_at.get_or_insert(at);
                if self.mql_at.is_some() {
                    self.mql_response_at.get_or_insert(at);
                }
            }
            E::MarkedMql { .. } => {
                self.mql_at.get_or_insert(at);
                self.last_mql_at = Some(at);
            }
            E::AcceptedBySales { owner, .. } => {
                if self.sal_at.is_none() {
                    (self.sal_at, self.sal_by) = (Some(at), owner.clone());
                }
                if let Some(owner) = owner {
                    self.owned_by(&Owner::Person(owner.clone()));
                }
            }
            E::Qualified { .. } => _ = self.qualified_at.get_or_insert(at),
            E::Converted { .. } => _ = self.converted_at.get_or_insert(at),
            E::ConversionRecorded { .. } => {
                self.recorded_at.get_or_insert(at);
                self.recorded += 1;
            }
            _ => {}
        }
    }

    fn apply_opportunity(&mut self, event: &opportunity::Event, id: Uuid, at: i64) {
        use opportunity::Event as E;
        match event {
            E::Opened(opened) => {
                self.opened_at.get_or_insert(at);
                self.attributes.extend(opened.attributes.clone());
            }
            E::Won { amount, .. } => {
                let (minor, currency) = minor(*amount);
                self.wins.insert(id, Win { at, minor, currency });
                self.end = Some(End { at, how: Ending::Won, reason: None });
            }
            E::Lost { reason, .. } => {
                self.end = Some(End { at, how: Ending::Lost, reason: reason.clone() });
            }
            E::Reopened { .. } => {
                self.wins.remove(&id);
                self.end = None;
            }
            E::AmountChanged { to, .. } => {
                if let Some(win) = self.wins.get_mut(&id) {
                    (win.minor, win.currency) = minor(Some(*to));
                }
            }
            E::Attached { standing: Some(standing), .. } => {
                self.opened_at.get_or_insert(at);
                self.attributes.extend(standing.opened.attributes.clone());
            }
            E::Attached { .. }
            | E::Detached { .. }
            | E::StageAdvanced { .. }
            | E::StageRegressed { .. }
            | E::CloseDateMoved { .. } => {}
        }
        self.won_at = self.wins.values().map(|win| win.at).min();
    }

    /// The expected value: minor units and currency.
    pub fn amount(&self) -> Option<(i64, &str)> {
        self.amount_minor.zip(self.currency.as_deref())
    }

    /// What each won opportunity brought: minor units and currency.
    pub fn won(&self) -> impl Iterator<Item = (i64, &str)> {
        self.wins.values().filter_map(|win| win.minor.zip(win.currency.as_deref()))
    }

    /// When the lead took each step first.
    pub fn steps(&self) -> funnel::Journey {
        let taken = [
            (Step::Captured, self.captured_at),
            (Step::Mql, self.mql_at),
            (Step::Sal, self.sal_at),
            (Step::Converted, self.converted_at),
            (Step::Opportunity, self.opened_at),
            (Step::Won, self.won_at),
        ];
        let at = |(step, at): (Step, Option<i64>)| Some((step, Timestamp::from_millis(at?)));
        taken.into_iter().filter_map(at).collect()
    }

    /// Where the lead stands: its ending's name, `open` with an open opportunity, else its phase.
    pub fn standing(&self) -> &str {
        match (&self.end, &self.phase) {
            (Some(end), _) => end.how.name(),
            (None, Some(phase)) if phase == Phase::Converted.name() => "converted",
            (None, Some(phase)) => phase,
            (None, None) => "open",
        }
    }
}

fn ending(event: &lead::Event, at: i64) -> Option<End> {
    use lead::Event as E;
    let (how, reason) = match event {
        E::Disqualified { reason, .. } => (Ending::Disqualified, reason.clone()),
        E::RejectedBySales { reason, outcome: RejectOutcome::Disqualify } => {
            (Ending::Disqualified, Some(reason.clone()))
        }
        E::Recycled { reason, .. } => (Ending::Recycled, reason.clone()),
        E::RejectedBySales { reason, outcome: RejectOutcome::Nurture } => {
            (Ending::Recycled, Some(reason.clone()))
        }
        _ => return None,
    };
    Some(End { at, how, reason })
}
