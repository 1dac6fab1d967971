//! What can be asked of a lead.

use super::{Owner, Phase, RejectOutcome};
use crate::id::{AccountId, ContactId, OpportunityId, SubjectId};
use crate::money::Money;
use crate::sealed::{FieldSet, Sealed};
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// First interest. The lead's identity is the command's target.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Capture {
    /// The subject under whose key `person` is sealed; minted for this command. Always set by the engine.
    pub subject: Option<SubjectId>,
    /// Personal fields, company and external key.
    pub person: Option<Sealed>,
    /// The same, sealed under a subject that the lead of somebody known probably has already.
    pub again: Option<Sealed>,
    /// Which fields `person` holds.
    pub fields: FieldSet,
    /// Lead source.
    pub source: Option<String>,
    /// Key of the campaign.
    pub campaign: Option<String>,
    /// Channel of the interaction that the capture is. With `channel` or `campaign` a touch is recorded.
    pub channel: Option<String>,
    /// Expected value.
    pub amount: Option<Money>,
}

/// How a conversion finds its account or contact.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum CreateOrUse<Id> {
    /// Open a new one from the lead's details.
    #[default]
    Create,
    /// Use this one.
    Use(Id),
}

/// What a conversion does about an opportunity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpportunityChoice {
    /// Open one.
    Create {
        /// Value; the lead's expected value where absent.
        amount: Option<Money>,
        /// Expected close.
        close_date: Option<Timestamp>,
        /// First stage; the plan's default where absent.
        stage: Option<String>,
        /// Product.
        product: Option<String>,
    },
    /// Attach an open one.
    Attach(OpportunityId),
    /// None, for this reason.
    None {
        /// Why. Required unless the conversion policy says otherwise.
        reason: Option<String>,
    },
}

impl Default for OpportunityChoice {
    fn default() -> Self {
        Self::Create { amount: None, close_date: None, stage: None, product: None }
    }
}

/// Become account, contact and perhaps opportunity.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Convert {
    /// The account.
    pub account: CreateOrUse<AccountId>,
    /// The contact.
    pub contact: CreateOrUse<ContactId>,
    /// The opportunity.
    pub opportunity: OpportunityChoice,
    /// Fields of the company's own for the opportunity, such as `segment`: business data, not sealed.
    pub attributes: BTreeMap<String, String>,
}

/// What can be asked of a lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// First interest, or another sign of it by somebody known.
    Capture(Box<Capture>),
    /// Change details.
    UpdateDetails {
        /// The fields to change.
        person: Option<Sealed>,
        /// Which fields `person` holds.
        fields: FieldSet,
        /// New expected value.
        amount: Option<Money>,
    },
    /// Set the lead source.
    SetSource {
        /// The source.
        source: String,
    },
    /// Link to a campaign.
    LinkCampaign {
        /// Key of the campaign.
        campaign: String,
    },
    /// Record an interaction.
    RecordTouch {
        /// Channel.
        channel: Option<String>,
        /// Key of the campaign.
        campaign: Option<String>,
        /// Source.
        source: Option<String>,
    },
    /// Give it to a person or queue.
    Assign {
        /// To whom.
        to: Owner,
        /// Why.
        reason: Option<String>,
    },
    /// Somebody tried to reach the prospect.
    LogContactAttempt {
        /// How.
        channel: Option<String>,
        /// With what result.
        outcome: Option<String>,
    },
    /// The prospect was answered.
    LogResponse {
        /// How.
        channel: Option<String>,
        /// With what result.
        outcome: Option<String>,
    },
    /// Hand over to sales.
    MarkMql,
    /// Take the hand-over back.
    RevokeMql {
        /// Why.
        reason: Option<String>,
    },
    /// Sales takes responsibility.
    AcceptSal,
    /// Sales sends it back.
    RejectSal {
        /// Why. Required.
        reason: Option<String>,
        /// What follows; back to marketing where absent.
        outcome: Option<RejectOutcome>,
    },
    /// Need and means are confirmed.
    Qualify,
    /// No business to be had.
    Disqualify {
        /// Why. Required outside imports.
        reason: Option<String>,
    },
    /// Bring an unqualified lead back.
    Reopen {
        /// New, Working or Nurturing; Working where absent.
        to: Option<Phase>,
        /// Why.
        reason: Option<String>,
    },
    /// Send to Nurturing.
    Recycle {
        /// Why. Required outside imports.
        reason: Option<String>,
    },
    /// Become account, contact and perhaps opportunity.
    Convert(Box<Convert>),
    /// Let work wait in a queue.
    EnqueueWork {
        /// The queue.
        queue: String,
    },
    /// Take the work.
    ClaimWork {
        /// The queue.
        queue: String,
    },
    /// The work is done.
    CompleteWork {
        /// The queue.
        queue: String,
    },
    /// The work is no longer wanted.
    CancelWork {
        /// The queue.
        queue: String,
    },
    /// Add a note.
    AddNote {
        /// The text. Always set by the engine.
        note: Option<Sealed>,
    },
    /// A conversion without an opportunity.
    RecordConversion {
        /// What it was worth.
        amount: Option<Money>,
    },
    /// Do what has fallen due. Sent by the timer worker; does nothing else.
    Settle,
}

impl Command {
    /// The command's name, as feeds and the API spell it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Capture(_) => "CaptureLead",
            Self::UpdateDetails { .. } => "UpdateLeadDetails",
            Self::SetSource { .. } => "SetLeadSource",
            Self::LinkCampaign { .. } => "LinkCampaign",
            Self::RecordTouch { .. } => "RecordTouch",
            Self::Assign { .. } => "AssignLead",
            Self::LogContactAttempt { .. } => "LogContactAttempt",
            Self::LogResponse { .. } => "LogResponse",
            Self::MarkMql => "MarkMQL",
            Self::RevokeMql { .. } => "RevokeMQL",
            Self::AcceptSal => "AcceptSAL",
            Self::RejectSal { .. } => "RejectSAL",
            Self::Qualify => "QualifyLead",
            Self::Disqualify { .. } => "Disqualify",
            Self::Reopen { .. } => "ReopenLead",
            Self::Recycle { .. } => "Recycle",
            Self::Convert(_) => "ConvertLead",
            Self::EnqueueWork { .. } => "EnqueueWork",
            Self::ClaimWork { .. } => "ClaimWork",
            Self::CompleteWork { .. } => "CompleteWork",
            Self::CancelWork { .. } => "CancelWork",
            Self::AddNote { .. } => "AddNote",
            Self::RecordConversion { .. } => "RecordConversion",
            Self::Settle => "Settle",
        }
    }
}
