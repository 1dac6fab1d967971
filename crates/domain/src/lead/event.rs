//! What happens to a lead. Events carry results: folding them never calculates.

use super::{Milestone, Owner, Phase, RejectOutcome};
use crate::decision::Class;
use crate::id::{AccountId, ContactId, OpportunityId, SubjectId, TouchId};
use crate::money::Money;
use crate::policy::PolicyRef;
use crate::sealed::{FieldSet, Sealed};
use crate::time::Timestamp;

/// One touch: an interaction that attribution may credit. Its time is the event's `effective_at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Identity; a touch counts once.
    pub id: TouchId,
    /// Channel, such as `paid_search`.
    pub channel: Option<String>,
    /// Key of the campaign.
    pub campaign: Option<String>,
    /// Source, where the touch names one.
    pub source: Option<String>,
}

/// A step on a clock's ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockStep {
    /// Percent of the target that has elapsed when the step fires; 100 is the breach.
    pub percent: u16,
    /// The instant at which it fires.
    pub at: Timestamp,
}

/// What happens to a lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// First interest (fact). Opens the stream in phase New, cycle 1.
    Captured {
        /// The subject whose key seals what is personal about this lead.
        subject: SubjectId,
        /// Lead source; `None` where the source system left it blank.
        source: Option<String>,
        /// Key of the campaign that the capture names.
        campaign: Option<String>,
        /// Personal fields, company and external key.
        person: Option<Sealed>,
        /// Which fields `person` holds.
        fields: FieldSet,
        /// Which match keys this lead now holds.
        reserved: FieldSet,
        /// Expected value.
        amount: Option<Money>,
    },
    /// A capture of somebody who already is this lead (fact).
    Reengaged {
        /// The subject of the new envelope: the same person, under a key of the lead's or another.
        subject: SubjectId,
        /// What the capture said, sealed.
        person: Option<Sealed>,
        /// Which fields `person` holds.
        fields: FieldSet,
        /// Which match keys this lead took in addition.
        reserved: FieldSet,
        /// Which match key found the lead.
        matched: FieldSet,
        /// The source that the capture names.
        source: Option<String>,
    },
    /// An interaction (fact).
    TouchRecorded(Touch),
    /// Details were changed (fact).
    DetailsChanged {
        /// The fields that changed.
        person: Option<Sealed>,
        /// Which fields `person` holds.
        fields: FieldSet,
        /// Which match keys this lead took in addition.
        reserved: FieldSet,
        /// New expected value, where it changed.
        amount: Option<Money>,
    },
    /// The lead source was set (fact).
    SourceSet {
        /// The source.
        source: String,
    },
    /// The lead was linked to a campaign (fact).
    CampaignLinked {
        /// Key of the campaign.
        campaign: String,
    },
    /// Ownership went to a person or queue (decision).
    Assigned {
        /// Who has it now.
        to: Owner,
        /// Who had it.
        from: Option<Owner>,
        /// Why, in the assigner's words or the rule's name.
        reason: Option<String>,
    },
    /// Somebody tried to reach the prospect (fact). The first one takes New to Working.
    ContactAttempted {
        /// How.
        channel: Option<String>,
        /// With what result.
        outcome: Option<String>,
        /// The phase before.
        from: Phase,
        /// The phase after.
        to: Phase,
    },
    /// The prospect was answered (fact). The first one takes New to Working.
    ResponseLogged {
        /// How.
        channel: Option<String>,
        /// With what result.
        outcome: Option<String>,
        /// Whether it is the first response of this cycle.
        first: bool,
        /// The phase before.
        from: Phase,
        /// The phase after.
        to: Phase,
    },
    /// Marketing holds the lead to be sales-ready (decision).
    MarkedMql {
        /// The phase before.
        from: Phase,
        /// How often the lead has been MQL, this time included.
        cycle: u32,
    },
    /// Marketing took the MQL back (decision). Back to Working.
    MqlRevoked {
        /// Why.
        reason: Option<String>,
    },
    /// Sales takes responsibility (decision).
    AcceptedBySales {
        /// Who has the lead from now on; `None` only in history that names nobody.
        owner: Option<String>,
        /// Who had it before.
        from: Option<Owner>,
    },
    /// Sales sends the lead back (decision).
    RejectedBySales {
        /// Why: one of the process's reasons.
        reason: String,
        /// What follows.
        outcome: RejectOutcome,
    },
    /// Sales confirmed need and means (decision).
    Qualified {
        /// The phase before.
        from: Phase,
    },
    /// No business to be had (decision).
    Disqualified {
        /// The phase before.
        from: Phase,
        /// Why.
        reason: Option<String>,
    },
    /// Sent to Nurturing (decision).
    Recycled {
        /// The phase before.
        from: Phase,
        /// Why.
        reason: Option<String>,
    },
    /// An unqualified lead came back (decision).
    Reopened {
        /// New, Working or Nurturing.
        to: Phase,
        /// How often the lead has begun, this time included.
        cycle: u32,
        /// Why.
        reason: Option<String>,
    },
    /// Became account, contact and perhaps opportunity (decision).
    Converted {
        /// The phase before.
        from: Phase,
        /// The account, opened here or used.
        account: AccountId,
        /// The contact, opened here or used.
        contact: ContactId,
        /// The opportunity, opened here or attached.
        opportunity: Option<OpportunityId>,
        /// Why there is none.
        no_opportunity_reason: Option<String>,
    },
    /// A service-level clock began to run (decision). Its policy and deadlines are pinned here, for ever.
    ClockStarted {
        /// Which clock.
        milestone: Milestone,
        /// Which running of it.
        cycle: u32,
        /// The policy version that it runs under, to the end.
        policy: PolicyRef,
        /// The target, in working seconds.
        target_seconds: u32,
        /// The first instant at which the target has elapsed.
        due_at: Timestamp,
        /// When each rung of the ladder fires, the breach at 100 % included; in order of time.
        steps: Vec<ClockStep>,
    },
    /// A rung below the breach was reached (decision, by settle).
    ReminderDue {
        /// Which clock.
        milestone: Milestone,
        /// Which running of it.
        cycle: u32,
        /// Which rung.
        percent: u16,
    },
    /// The deadline passed (decision, by settle; effective at the deadline).
    Breached {
        /// Which clock.
        milestone: Milestone,
        /// Which running of it.
        cycle: u32,
        /// Who had the lead at the deadline and answers for the breach.
        charged_to: Option<Owner>,
    },
    /// The clock stopped because what it waits for was done (decision), in time or late.
    ClockMet {
        /// Which clock.
        milestone: Milestone,
        /// Which running of it.
        cycle: u32,
        /// Whether it stopped at or before its deadline.
        in_time: bool,
        /// Working seconds that it ran.
        elapsed_seconds: i64,
    },
    /// The clock stopped because there is nothing to wait for any more (decision).
    ClockCancelled {
        /// Which clock.
        milestone: Milestone,
        /// Which running of it.
        cycle: u32,
    },
    /// Work waits in a queue (fact).
    TaskEnqueued {
        /// The queue.
        queue: String,
    },
    /// Somebody took the work (fact).
    TaskClaimed {
        /// The queue.
        queue: String,
        /// Who.
        by: Option<String>,
    },
    /// The work was done (fact).
    TaskCompleted {
        /// The queue.
        queue: String,
        /// By whom.
        by: Option<String>,
    },
    /// The work is no longer wanted (fact).
    TaskCancelled {
        /// The queue.
        queue: String,
    },
    /// A note (fact). Free text, and so personal.
    NoteAdded {
        /// The text.
        note: Sealed,
    },
    /// The keys of these subjects were ordered destroyed: what they sealed is gone (decision).
    SubjectErased {
        /// The lead's subjects.
        subjects: Vec<SubjectId>,
    },
    /// The lead converted for attribution without an opportunity: a web order, a sign-up (fact).
    ConversionRecorded {
        /// What it was worth.
        amount: Option<Money>,
    },
}

impl Event {
    /// Where the event comes from.
    pub const fn class(&self) -> Class {
        match self {
            Self::Captured { .. }
            | Self::Reengaged { .. }
            | Self::TouchRecorded(_)
            | Self::DetailsChanged { .. }
            | Self::SourceSet { .. }
            | Self::CampaignLinked { .. }
            | Self::ContactAttempted { .. }
            | Self::ResponseLogged { .. }
            | Self::TaskEnqueued { .. }
            | Self::TaskClaimed { .. }
            | Self::TaskCompleted { .. }
            | Self::TaskCancelled { .. }
            | Self::NoteAdded { .. }
            | Self::ConversionRecorded { .. } => Class::Fact,
            Self::Assigned { .. }
            | Self::MarkedMql { .. }
            | Self::MqlRevoked { .. }
            | Self::AcceptedBySales { .. }
            | Self::RejectedBySales { .. }
            | Self::Qualified { .. }
            | Self::Disqualified { .. }
            | Self::Recycled { .. }
            | Self::Reopened { .. }
            | Self::Converted { .. }
            | Self::ClockStarted { .. }
            | Self::ReminderDue { .. }
            | Self::Breached { .. }
            | Self::ClockMet { .. }
            | Self::ClockCancelled { .. }
            | Self::SubjectErased { .. } => Class::Decision,
        }
    }

    /// The phase before and after, where the event changes it; nothing comes before the capture.
    pub const fn phase_change(&self) -> Option<(Option<Phase>, Phase)> {
        Some(match self {
            Self::Captured { .. } => (None, Phase::New),
            Self::ContactAttempted { from: Phase::New, to: Phase::Working, .. }
            | Self::ResponseLogged { from: Phase::New, to: Phase::Working, .. } => {
                (Some(Phase::New), Phase::Working)
            }
            Self::MarkedMql { from, .. } => (Some(*from), Phase::Mql),
            Self::MqlRevoked { .. } => (Some(Phase::Mql), Phase::Working),
            Self::AcceptedBySales { .. } => (Some(Phase::Mql), Phase::Sal),
            Self::RejectedBySales { outcome, .. } => (Some(Phase::Mql), outcome.phase()),
            Self::Qualified { from } => (Some(*from), Phase::Qualified),
            Self::Disqualified { from, .. } => (Some(*from), Phase::Unqualified),
            Self::Recycled { from, .. } => (Some(*from), Phase::Nurturing),
            Self::Reopened { to, .. } => (Some(Phase::Unqualified), *to),
            Self::Converted { from, .. } => (Some(*from), Phase::Converted),
            _ => return None,
        })
    }

    /// Whether later decisions must not be dated before this event: it changes the phase, or is a decision of
    /// somebody. Reminders and breaches fire on time by themselves, and do not bar what was done before them
    /// and is told later; nor does an erasure.
    pub const fn moves_decided_at(&self) -> bool {
        match self {
            Self::Captured { .. }
            | Self::ReminderDue { .. }
            | Self::Breached { .. }
            | Self::SubjectErased { .. } => false,
            _ => self.phase_change().is_some() || matches!(self.class(), Class::Decision),
        }
    }
}
