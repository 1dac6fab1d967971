//! What is known of an opportunity: the fold of its events, as far as decisions need it.

use super::{Event, Origin};
use crate::id::{AccountId, ContactId};
use crate::money::{Money, ProbabilityBp};
use crate::register::Register;
use crate::time::Timestamp;

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
    /// Who has it.
    pub owner: Option<String>,
    /// The open stage in which it stands, or was closed.
    pub stage: String,
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
            owner: None,
            stage: String::new(),
            probability: None,
            amount: Register::default(),
            close_date: Register::default(),
            slips: 0,
            outcome: None,
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
                self.origin = Some(opened.origin);
                self.account = opened.account;
                self.contact = opened.contact;
                self.owner.clone_from(&opened.owner);
                self.stage.clone_from(&opened.stage);
                self.probability = opened.probability;
                if let Some(amount) = opened.amount {
                    self.amount.set(amount, at);
                }
                if let Some(date) = opened.close_date {
                    self.close_date.set(date, at);
                }
            }
            Event::StageAdvanced { to, probability, .. }
            | Event::StageRegressed { to, probability, .. } => {
                self.stage.clone_from(to);
                self.probability = *probability;
            }
            Event::AmountChanged { to, .. } => self.amount.set(*to, at),
            Event::CloseDateMoved { to, slips, .. } => {
                self.close_date.set(*to, at);
                self.slips = self.slips.max(*slips);
            }
            Event::Won { .. } => self.outcome = Some(Outcome::Won),
            Event::Lost { .. } => self.outcome = Some(Outcome::Lost),
            Event::Reopened { stage, probability } => {
                self.outcome = None;
                self.stage.clone_from(stage);
                self.probability = *probability;
            }
        }
    }
}
