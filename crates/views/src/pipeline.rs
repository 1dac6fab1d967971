//! The pipeline: leads by phase, opportunities by stage and by whatever else they can be told apart.

mod report;

pub(crate) use report::document;
pub use report::{PARAMETERS, TABLES};

use crate::event::ViewEvent;
use crate::fold::{Changed, View};
use crate::journey::{self, minor};
use leadline_domain::lead::{self, Owner};
use leadline_domain::money::ProbabilityBp;
use leadline_domain::opportunity::Opened;
use leadline_domain::{Event, opportunity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The view's name.
pub const NAME: &str = "pipeline";

const DAYS: i64 = 86_400_000;

/// The lead of a lineage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lead {
    phase: String,
    amount_minor: Option<i64>,
    currency: Option<String>,
    owner: Option<String>,
}

/// An opportunity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Opportunity {
    id: Uuid,
    state: String,
    stage: String,
    opened_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    close_date: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount_minor: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probability_bps: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_minor: Option<i64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    undated: bool,
}

/// What is known of one lineage.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    lead: Option<Lead>,
    opportunities: Vec<Opportunity>,
}

/// A row.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Row<'a> {
    /// The lead.
    Lead(&'a Lead),
    /// An opportunity.
    Opportunity(&'a Opportunity),
}

/// The view as a fold.
#[derive(Clone, Copy, Debug)]
pub struct Pipeline;

impl View for Pipeline {
    const NAME: &'static str = NAME;
    const FINGERPRINT: u32 = 2;
    type State = State;
    type Row<'a> = Row<'a>;

    fn key(event: &ViewEvent) -> Option<Uuid> {
        match &event.event {
            Event::Lead(lead) => (journey::phase_after(lead).is_some()
                || matches!(
                    lead,
                    lead::Event::Assigned { .. }
                        | lead::Event::DetailsChanged { amount: Some(_), .. }
                ))
            .then_some(event.root),
            _ => journey::key(event),
        }
    }

    fn apply(state: &mut State, event: &ViewEvent) -> Changed {
        match &event.event {
            Event::Lead(lead) => state.lead.get_or_insert_default().apply(lead),
            Event::Opportunity(opportunity) => {
                state.apply_opportunity(opportunity, event.stream.key(), event.at());
            }
            _ => {}
        }
        Changed::All
    }

    fn rows(state: &State) -> Vec<(i64, Row<'_>)> {
        let lead = state.lead.iter().map(Row::Lead).map(|row| (0, row));
        let opportunities = state.opportunities.iter().map(Row::Opportunity);
        lead.chain((1..).zip(opportunities)).collect()
    }
}

impl Lead {
    fn apply(&mut self, event: &lead::Event) {
        if let Some(phase) = journey::phase_after(event) {
            phase.name().clone_into(&mut self.phase);
        }
        match event {
            lead::Event::Captured { amount, .. }
            | lead::Event::DetailsChanged { amount: amount @ Some(_), .. } => {
                (self.amount_minor, self.currency) = minor(*amount);
            }
            lead::Event::Assigned { to, .. } => {
                self.owner = match to {
                    Owner::Person(name) => Some(name.clone()),
                    Owner::Queue(_) => None,
                };
            }
            lead::Event::AcceptedBySales { owner: Some(name), .. } => {
                self.owner = Some(name.clone());
            }
            _ => {}
        }
    }
}

fn odds(probability: Option<ProbabilityBp>) -> Option<u16> {
    probability.map(ProbabilityBp::basis_points)
}

impl State {
    fn apply_opportunity(&mut self, event: &opportunity::Event, id: Uuid, at: i64) {
        use opportunity::Event as E;
        match event {
            E::Opened(opened) => self.opportunities.push(Opportunity::opened(id, opened, at)),
            E::Attached { standing: Some(standing), .. } => {
                let opened_at = standing.opened_at.millis();
                self.opportunities.push(Opportunity::opened(id, &standing.opened, opened_at));
            }
            E::Detached { .. } => self.opportunities.retain(|one| one.id != id),
            _ => {
                if let Some(one) = self.opportunities.iter_mut().find(|one| one.id == id) {
                    one.apply(event, at);
                }
            }
        }
    }
}

impl Opportunity {
    fn opened(id: Uuid, opened: &Opened, opened_at: i64) -> Self {
        let (amount_minor, currency) = minor(opened.amount);
        Self {
            id,
            state: "open".to_owned(),
            stage: opened.stage.clone(),
            opened_at,
            close_date: opened.close_date.map(leadline_domain::Timestamp::millis),
            amount_minor,
            currency,
            probability_bps: odds(opened.probability),
            owner: opened.owner.clone(),
            product: opened.product.clone(),
            account: opened.account.map(|account| account.0),
            campaign: opened.campaign.clone(),
            source: opened.source.clone(),
            attributes: opened.attributes.clone(),
            undated: opened.undated,
            ..Self::default()
        }
    }

    fn apply(&mut self, event: &opportunity::Event, at: i64) {
        use opportunity::Event as E;
        match event {
            E::Opened(_) | E::Attached { .. } | E::Detached { .. } => {}
            E::StageAdvanced { to, probability, .. }
            | E::StageRegressed { to, probability, .. } => {
                (self.stage, self.probability_bps) = (to.clone(), odds(*probability));
            }
            E::AmountChanged { to, .. } => (self.amount_minor, self.currency) = minor(Some(*to)),
            E::CloseDateMoved { to, .. } => self.close_date = Some(to.millis()),
            E::Won { amount, .. } => {
                (self.state, self.closed_at) = ("won".to_owned(), Some(at));
                if amount.is_some() {
                    (self.amount_minor, self.currency) = minor(*amount);
                }
            }
            E::Lost { reason, amount, .. } => {
                (self.state, self.closed_at) = ("lost".to_owned(), Some(at));
                self.reason.clone_from(reason);
                self.lost_minor = amount.map(|money| money.minor);
            }
            E::Reopened { stage, probability } => {
                (self.state, self.closed_at, self.reason) = ("open".to_owned(), None, None);
                (self.stage, self.probability_bps) = (stage.clone(), odds(*probability));
                self.lost_minor = None;
            }
        }
    }

    fn days(&self) -> Option<i64> {
        let closed = self.closed_at.filter(|_| !self.undated)?;
        Some((closed - self.opened_at).div_euclid(DAYS))
    }
}
