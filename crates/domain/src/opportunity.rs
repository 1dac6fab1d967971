//! The opportunity: a possible sale, from its first stage to won or lost.

pub mod decide;
pub mod state;

pub use state::{Outcome, State};

use crate::decision::Class;
use crate::id::{AccountId, ContactId, LeadId};
use crate::money::{Money, ProbabilityBp};
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// How the opportunity came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// By the conversion of this lead, or attached to it: it belongs to its lineage.
    Lead(LeadId),
    /// Opened directly.
    Direct,
}

/// What an opening says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// How it came to be.
    pub origin: Origin,
    /// The account; `None` where it was opened without one.
    pub account: Option<AccountId>,
    /// The contact.
    pub contact: Option<ContactId>,
    /// Who has it.
    pub owner: Option<String>,
    /// First stage.
    pub stage: String,
    /// The stage's odds by the plan; `None` for a stage that no plan knows.
    pub probability: Option<ProbabilityBp>,
    /// Value.
    pub amount: Option<Money>,
    /// Expected close.
    pub close_date: Option<Timestamp>,
    /// Product.
    pub product: Option<String>,
    /// Key of the campaign, carried from the lead.
    pub campaign: Option<String>,
    /// Source, carried from the lead.
    pub source: Option<String>,
    /// Fields of the company's own, such as `region`: business data.
    pub attributes: BTreeMap<String, String>,
    /// The given date is the source system's export date, not the day it was opened.
    pub undated: bool,
}

/// An opportunity as it stood when it was attached to a lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// When it was opened.
    pub opened_at: Timestamp,
    /// What its opening would say by now.
    pub opened: Opened,
    /// The stages that it has been in, in order of the first time.
    pub stages: Vec<String>,
}

/// What happens to an opportunity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was opened (decision).
    Opened(Box<Opened>),
    /// It leaves the lineage of its own that it was opened in, for that of this lead (decision). The last event of
    /// that lineage: [`Event::Attached`] is the first in the new one.
    Detached {
        /// The lead.
        lead: LeadId,
    },
    /// The conversion of a lead made use of it (decision).
    Attached {
        /// The lead.
        lead: LeadId,
        /// How it stands, where it enters the lead's lineage here. One that came from another lead stays in the
        /// lineage of that one: it is won once.
        standing: Option<Box<Standing>>,
    },
    /// A step forward (decision).
    StageAdvanced {
        /// The stage before.
        from: String,
        /// The stage after.
        to: String,
        /// Its odds by the plan.
        probability: Option<ProbabilityBp>,
    },
    /// A step back (decision).
    StageRegressed {
        /// The stage before.
        from: String,
        /// The stage after.
        to: String,
        /// Its odds by the plan.
        probability: Option<ProbabilityBp>,
        /// Why.
        reason: Option<String>,
    },
    /// The value changed (fact).
    AmountChanged {
        /// The value before.
        from: Option<Money>,
        /// The value now.
        to: Money,
    },
    /// The expected close moved (fact).
    CloseDateMoved {
        /// The date before.
        from: Option<Timestamp>,
        /// The date now.
        to: Timestamp,
        /// How often it has moved to a later date, this time included.
        slips: u32,
    },
    /// Won (decision).
    Won {
        /// What it brought.
        amount: Option<Money>,
        /// The stage in which it was won.
        from: String,
    },
    /// Lost (decision).
    Lost {
        /// Why.
        reason: Option<String>,
        /// To whom.
        competitor: Option<String>,
        /// What it might have brought: the value before it was lost.
        amount: Option<Money>,
        /// The stage in which it was lost.
        from: String,
    },
    /// Open again (decision).
    Reopened {
        /// The stage in which it goes on.
        stage: String,
        /// Its odds by the plan.
        probability: Option<ProbabilityBp>,
    },
}

impl Event {
    /// Where the event comes from.
    pub const fn class(&self) -> Class {
        match self {
            Self::AmountChanged { .. } | Self::CloseDateMoved { .. } => Class::Fact,
            Self::Opened(_)
            | Self::Detached { .. }
            | Self::Attached { .. }
            | Self::StageAdvanced { .. }
            | Self::StageRegressed { .. }
            | Self::Won { .. }
            | Self::Lost { .. }
            | Self::Reopened { .. } => Class::Decision,
        }
    }
}

/// Open an opportunity directly.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Open {
    /// The account. Required outside imports.
    pub account: Option<AccountId>,
    /// Who has it; the actor where absent.
    pub owner: Option<String>,
    /// First stage; the plan's default where absent.
    pub stage: Option<String>,
    /// Value.
    pub amount: Option<Money>,
    /// Expected close.
    pub close_date: Option<Timestamp>,
    /// Product.
    pub product: Option<String>,
    /// Key of the campaign.
    pub campaign: Option<String>,
    /// Source.
    pub source: Option<String>,
    /// Fields of the company's own: business data.
    pub attributes: BTreeMap<String, String>,
    /// The given date is the source system's export date.
    pub undated: bool,
}

/// What can be asked of an opportunity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Open it.
    Open(Box<Open>),
    /// Move to a stage: forward, or back where the plan allows it.
    AdvanceStage {
        /// The stage.
        to: String,
        /// Why, for a step back.
        reason: Option<String>,
    },
    /// Change the value.
    ChangeAmount {
        /// The value.
        amount: Money,
    },
    /// Move the expected close.
    ChangeCloseDate {
        /// The date.
        to: Timestamp,
    },
    /// Won.
    CloseWon {
        /// What it brought; its value where absent.
        amount: Option<Money>,
    },
    /// Lost.
    CloseLost {
        /// Why. Required outside imports.
        reason: Option<String>,
        /// To whom.
        competitor: Option<String>,
        /// Closing value, where the source system gives one: recorded as the amount.
        amount: Option<Money>,
    },
    /// Open again.
    Reopen,
}

impl Command {
    /// The command's name, as feeds and the API spell it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open(_) => "OpenOpportunity",
            Self::AdvanceStage { .. } => "AdvanceStage",
            Self::ChangeAmount { .. } => "ChangeAmount",
            Self::ChangeCloseDate { .. } => "ChangeCloseDate",
            Self::CloseWon { .. } => "CloseWon",
            Self::CloseLost { .. } => "CloseLost",
            Self::Reopen => "ReopenOpportunity",
        }
    }
}
