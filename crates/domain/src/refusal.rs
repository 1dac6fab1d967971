//! Why a command is refused: values with stable codes, not failures.

use crate::Timestamp;
use crate::lead::Phase;
use crate::sealed::Field;

mod describe;
mod shown;

pub use shown::shown;

/// How a caller should take a refusal. Edges map it to their own statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// Not possible from where things stand: another command was first, or the step does not exist.
    Conflict,
    /// A rule or gate forbids it, or a value is not acceptable.
    Rule,
    /// The target does not exist.
    NotFound,
    /// This actor may not.
    Forbidden,
    /// The personal data was erased.
    Erased,
}

impl Category {
    /// The category's name in records of refused commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Rule => "rule",
            Self::NotFound => "not_found",
            Self::Forbidden => "forbidden",
            Self::Erased => "erased",
        }
    }
}

/// Why a command is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No such lead.
    LeadUnknown,
    /// No such account.
    AccountUnknown,
    /// No such contact.
    ContactUnknown,
    /// Nobody is to be erased there: the lead or contact is not known, or its key was released by an erasure.
    PersonUnknown {
        /// Whether the person was named by a contact, not by a lead.
        contact: bool,
    },
    /// No such opportunity.
    OpportunityUnknown,
    /// No such campaign.
    CampaignUnknown {
        /// Its key.
        campaign: String,
    },
    /// No such policy version has been published.
    PolicyUnknown {
        /// `name@version`.
        policy: String,
    },
    /// No such API key.
    KeyUnknown {
        /// Public id.
        key: String,
    },
    /// The stream that the command would open exists.
    AlreadyExists {
        /// What.
        what: &'static str,
    },
    /// The phase allows no such step.
    TransitionNotAllowed {
        /// The present phase.
        phase: Phase,
        /// The commands that are open from here.
        allowed: Vec<&'static str>,
    },
    /// The status process does not use this step.
    StepDisabled {
        /// The command.
        step: &'static str,
    },
    /// The lead is MQL already.
    AlreadyMql,
    /// Sales has accepted already.
    AlreadyAccepted {
        /// Who.
        owner: Option<String>,
    },
    /// The lead is qualified already.
    AlreadyQualified,
    /// The lead is converted already.
    AlreadyConverted {
        /// Account.
        account: crate::id::AccountId,
        /// Contact.
        contact: crate::id::ContactId,
        /// Opportunity.
        opportunity: Option<crate::id::OpportunityId>,
    },
    /// The lead is unqualified already.
    AlreadyUnqualified,
    /// The lead is nurturing already.
    AlreadyNurturing,
    /// The lead is not MQL.
    NotMql {
        /// The present phase.
        phase: Phase,
    },
    /// Somebody else has the lead.
    NotAssignee {
        /// Who.
        owner: String,
    },
    /// A queue has the lead; take it out first.
    OwnerIsQueue {
        /// Which.
        queue: String,
    },
    /// The owner is the same.
    SameOwner,
    /// The lead's phase does not allow conversion.
    NotQualified {
        /// The present phase.
        phase: Phase,
        /// The phases that do.
        convert_from: Vec<Phase>,
    },
    /// The lead's details are frozen once it has converted.
    FieldLockedAfterConversion,
    /// Fields are missing.
    FieldsMissing {
        /// The rule's code, such as `name_or_company_required`.
        code: &'static str,
        /// Which fields.
        missing: Vec<Field>,
    },
    /// A touch names no channel, campaign or source.
    TouchEmpty,
    /// A note has no text.
    NoteRequired,
    /// A source is needed.
    SourceRequired,
    /// The source is not in the catalogue.
    SourceUnknown {
        /// Which.
        source: String,
    },
    /// A name is not in its catalogue, and the run is strict.
    NameUnknown {
        /// Catalogue.
        catalogue: &'static str,
        /// Name.
        name: String,
    },
    /// A catalogue has as many names as it takes, and this is another.
    CatalogueFull {
        /// Which.
        catalogue: &'static str,
    },
    /// A reason is needed.
    ReasonRequired,
    /// The reason is not one of the process's.
    ReasonUnknown {
        /// Which.
        reason: String,
        /// The accepted ones.
        allowed: Vec<String>,
    },
    /// It happened before the lead was captured.
    OccurredBeforeCapture {
        /// When the lead was captured.
        captured_at: Timestamp,
    },
    /// It lies in the future.
    OccurredInFuture,
    /// A decision cannot take effect before the stream's last one.
    BackdateNotAllowed {
        /// When the last one took effect.
        last: Timestamp,
    },
    /// The campaign has not started.
    CampaignNotStarted {
        /// Its key.
        campaign: String,
    },
    /// The campaign has ended.
    CampaignEnded {
        /// Its key.
        campaign: String,
    },
    /// The campaign stands elsewhere.
    CampaignNotOpen {
        /// Where.
        stage: &'static str,
    },
    /// The stage is in no plan.
    StageUnknown {
        /// Which.
        stage: String,
        /// The plan's stages.
        allowed: Vec<String>,
    },
    /// The plan forbids a step back.
    BackwardNotAllowed,
    /// The plan forbids skipping stages.
    StageSkipNotAllowed {
        /// The next one.
        next: String,
    },
    /// The opportunity is closed.
    AlreadyClosed {
        /// `won` or `lost`.
        outcome: &'static str,
    },
    /// The opportunity is open.
    NotClosed,
    /// An opportunity needs an account.
    AccountRequired,
    /// The contact belongs to another account.
    ContactNotInAccount,
    /// The policy wants an opportunity.
    OpportunityRequired,
    /// A conversion without opportunity needs a reason.
    NoOpportunityReasonRequired,
    /// A lost opportunity needs a reason.
    LostReasonRequired,
    /// Amounts are never negative.
    AmountNegative,
    /// The opportunity is in another currency.
    CurrencyMismatch {
        /// The opportunity's.
        expected: String,
    },
    /// The task is not open.
    TaskUnknown {
        /// Its queue.
        queue: String,
    },
    /// A published version never changes.
    VersionImmutable {
        /// `name@version`.
        policy: String,
    },
    /// The person's data was erased.
    Erased,
    /// The details belong to somebody else's match key.
    MatchKeyTaken {
        /// Which field.
        field: Field,
    },
}
