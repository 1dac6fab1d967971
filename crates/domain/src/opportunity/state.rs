//! What is known of an opportunity: the fold of its events, as far as decisions need it.

use super::{Event, Opened, Origin};
use crate::id::{AccountId, ContactId};
use crate::money::{Money, ProbabilityBp};
use crate::register::Register;
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// How an opportunity ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Won.
    Won,
    /// Lost.
    Lost,
}

impl Outcome {
    /// The outcome's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }
}

/// What is known of an opportunity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// When it was opened; `None` where it was not.
    pub opened_at: Option<Timestamp>,
    /// How it came to be; `None` before it is opened.
    pub origin: Option<Origin>,
    /// The account.
    pub account: Option<AccountId>,
    /// The contact.
    pub contact: Option<ContactId>,
    /// Product.
    pub product: Option<String>,
    /// Key of the campaign.
    pub campaign: Option<String>,
    /// Source.
    pub source: Option<String>,
    /// Fields of the company's own.
    pub attributes: BTreeMap<String, String>,
    /// The date of its opening is the source system's export date.
    pub undated: bool,
    /// Who has it.
    pub owner: Option<String>,
    /// The open stage in which it stands, or was closed.
    pub stage: String,
    /// The stages that it has been in, in order of the first time.
    pub stages: Vec<String>,
    /// The stage's odds by the plan.
    pub probability: Option<ProbabilityBp>,
    /// Value.
    pub amount: Register<Money>,
    /// Expected close.
    pub close_date: Register<Timestamp>,
    /// How often the expected close has moved to a later date.
    pub slips: u32,
    /// How it ended; `None` while it is open.
    pub outcome: Option<Outcome>,
    /// When it was attached to a lead: nothing may be dated earlier any more, because it belonged elsewhere then.
    pub attached_at: Option<Timestamp>,
    /// When the last decision took effect: none may be dated earlier.
    pub decided_at: Timestamp,
}

impl Default for State {
    fn default() -> Self {
        Self {
            opened_at: None,
            origin: None,
            account: None,
            contact: None,
            product: None,
            campaign: None,
            source: None,
            attributes: BTreeMap::new(),
            undated: false,
            owner: None,
            stage: String::new(),
            stages: Vec::new(),
            probability: None,
            amount: Register::default(),
            close_date: Register::default(),
            slips: 0,
            outcome: None,
            attached_at: None,
            decided_at: Timestamp::BEGINNING,
        }
    }
}

impl State {
    /// Folds `event`, effective `at`. Total.
    pub fn evolve(&mut self, event: &Event, at: Timestamp) {
        if event.class() == crate::decision::Class::Decision {
            self.decided_at = self.decided_at.max(at);
        }
        match event {
            Event::Opened(opened) => {
                self.opened_at = Some(at);
                self.stand(opened);
                if let Some(amount) = opened.amount {
                    self.amount.set(amount, at);
                }
                if let Some(date) = opened.close_date {
                    self.close_date.set(date, at);
                }
            }
            Event::Attached { standing: Some(standing), .. } => {
                self.attached_at = Some(at);
                self.stand(&standing.opened);
            }
            Event::Detached { .. } | Event::Attached { .. } => {}
            Event::StageAdvanced { to, probability, .. }
            | Event::StageRegressed { to, probability, .. } => self.enter(to, *probability),
            Event::AmountChanged { to, .. } => self.amount.set(*to, at),
            Event::CloseDateMoved { to, slips, .. } => {
                self.close_date.set(*to, at);
                self.slips = self.slips.max(*slips);
            }
            Event::Won { .. } => self.outcome = Some(Outcome::Won),
            Event::Lost { .. } => self.outcome = Some(Outcome::Lost),
            Event::Reopened { stage, probability } => {
                self.outcome = None;
                self.enter(stage, *probability);
            }
        }
    }

    /// Takes over what an opening says, but for what is kept with its date.
    fn stand(&mut self, opened: &Opened) {
        self.origin = Some(opened.origin);
        (self.account, self.contact) = (opened.account, opened.contact);
        self.product.clone_from(&opened.product);
        self.campaign.clone_from(&opened.campaign);
        self.source.clone_from(&opened.source);
        self.attributes.clone_from(&opened.attributes);
        self.undated = opened.undated;
        self.owner.clone_from(&opened.owner);
        self.enter(&opened.stage, opened.probability);
    }

    fn enter(&mut self, stage: &str, probability: Option<ProbabilityBp>) {
        stage.clone_into(&mut self.stage);
        self.probability = probability;
        if !self.stages.iter().any(|been| been == stage) {
            self.stages.push(stage.to_owned());
        }
    }
}
