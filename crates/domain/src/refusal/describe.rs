//! How refusals present themselves: codes for machines, advice for people. Never personal data.

use super::{Category, Refusal};
use crate::config::NAMES_PER_CATALOGUE_MAX;
use crate::lead::Phase;

impl Refusal {
    /// The stable code: snake case, never renamed.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::LeadUnknown | Self::PersonUnknown { contact: false } => "lead_unknown",
            Self::AccountUnknown => "account_unknown",
            Self::ContactUnknown | Self::PersonUnknown { contact: true } => "contact_unknown",
            Self::OpportunityUnknown => "opportunity_unknown",
            Self::CampaignUnknown { .. } => "campaign_unknown",
            Self::PolicyUnknown { .. } => "policy_unknown",
            Self::KeyUnknown { .. } => "key_unknown",
            Self::AlreadyExists { .. } => "already_exists",
            Self::TransitionNotAllowed { .. } => "transition_not_allowed",
            Self::StepDisabled { .. } => "step_disabled",
            Self::AlreadyMql => "already_mql",
            Self::AlreadyAccepted { .. } => "already_accepted",
            Self::AlreadyQualified => "already_qualified",
            Self::AlreadyConverted { .. } => "already_converted",
            Self::AlreadyUnqualified => "already_unqualified",
            Self::AlreadyNurturing => "already_nurturing",
            Self::NotMql { .. } => "not_mql",
            Self::NotAssignee { .. } => "not_assignee",
            Self::OwnerIsQueue { .. } => "owner_is_queue",
            Self::SameOwner => "same_owner",
            Self::NotQualified { .. } => "not_qualified",
            Self::FieldLockedAfterConversion => "field_locked_after_conversion",
            Self::FieldsMissing { code, .. } => code,
            Self::TouchEmpty => "touch_empty",
            Self::NoteRequired => "note_required",
            Self::SourceRequired => "source_required",
            Self::SourceUnknown { .. } => "source_unknown",
            Self::NameUnknown { .. } => "name_unknown",
            Self::CatalogueFull { .. } => "catalogue_full",
            Self::ReasonRequired => "reason_required",
            Self::ReasonUnknown { .. } => "reason_unknown",
            Self::OccurredBeforeCapture { .. } => "occurred_before_capture",
            Self::OccurredInFuture => "occurred_in_future",
            Self::BackdateNotAllowed { .. } => "backdate_not_allowed",
            Self::CampaignNotStarted { .. } => "campaign_not_started",
            Self::CampaignEnded { .. } => "campaign_ended",
            Self::CampaignNotOpen { .. } => "campaign_not_open",
            Self::StageUnknown { .. } => "stage_unknown",
            Self::BackwardNotAllowed => "backward_not_allowed",
            Self::StageSkipNotAllowed { .. } => "stage_skip_not_allowed",
            Self::AlreadyClosed { .. } => "already_closed",
            Self::NotClosed => "not_closed",
            Self::AccountRequired => "account_required",
            Self::ContactNotInAccount => "contact_not_in_account",
            Self::OpportunityRequired => "opportunity_required",
            Self::NoOpportunityReasonRequired => "no_opportunity_reason_required",
            Self::LostReasonRequired => "lost_reason_required",
            Self::AmountNegative => "amount_negative",
            Self::CurrencyMismatch { .. } => "currency_mismatch",
            Self::TaskUnknown { .. } => "task_unknown",
            Self::VersionImmutable { .. } => "version_immutable",
            Self::Erased => "erased",
            Self::MatchKeyTaken { .. } => "match_key_taken",
        }
    }

    /// How a caller should take it.
    pub const fn category(&self) -> Category {
        match self {
            Self::LeadUnknown
            | Self::PersonUnknown { .. }
            | Self::AccountUnknown
            | Self::ContactUnknown
            | Self::OpportunityUnknown
            | Self::CampaignUnknown { .. }
            | Self::PolicyUnknown { .. }
            | Self::KeyUnknown { .. }
            | Self::TaskUnknown { .. } => Category::NotFound,
            Self::NotAssignee { .. } => Category::Forbidden,
            Self::Erased => Category::Erased,
            Self::AlreadyExists { .. }
            | Self::TransitionNotAllowed { .. }
            | Self::StepDisabled { .. }
            | Self::AlreadyMql
            | Self::AlreadyAccepted { .. }
            | Self::AlreadyQualified
            | Self::AlreadyConverted { .. }
            | Self::AlreadyUnqualified
            | Self::AlreadyNurturing
            | Self::NotMql { .. }
            | Self::OwnerIsQueue { .. }
            | Self::SameOwner
            | Self::NotQualified { .. }
            | Self::FieldLockedAfterConversion
            | Self::BackdateNotAllowed { .. }
            | Self::CampaignNotOpen { .. }
            | Self::AlreadyClosed { .. }
            | Self::NotClosed
            | Self::VersionImmutable { .. }
            | Self::MatchKeyTaken { .. } => Category::Conflict,
            Self::FieldsMissing { .. }
            | Self::TouchEmpty
            | Self::NoteRequired
            | Self::SourceRequired
            | Self::SourceUnknown { .. }
            | Self::NameUnknown { .. }
            | Self::CatalogueFull { .. }
            | Self::ReasonRequired
            | Self::ReasonUnknown { .. }
            | Self::OccurredBeforeCapture { .. }
            | Self::OccurredInFuture
            | Self::CampaignNotStarted { .. }
            | Self::CampaignEnded { .. }
            | Self::StageUnknown { .. }
            | Self::BackwardNotAllowed
            | Self::StageSkipNotAllowed { .. }
            | Self::AccountRequired
            | Self::ContactNotInAccount
            | Self::OpportunityRequired
            | Self::NoOpportunityReasonRequired
            | Self::LostReasonRequired
            | Self::AmountNegative
            | Self::CurrencyMismatch { .. } => Category::Rule,
        }
    }

    /// What is the matter and what to do about it, for people. Business names only, no personal data.
    pub fn detail(&self) -> String {
        self.detail_of_target()
            .or_else(|| self.detail_of_step())
            .unwrap_or_else(|| self.detail_of_value())
    }

    /// What the caller may do or say instead.
    pub fn allowed(&self) -> Vec<String> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        match self {
            Self::TransitionNotAllowed { allowed, .. } => owned(allowed),
            Self::NotQualified { convert_from, .. } => {
                convert_from.iter().map(|phase| phase.name().to_owned()).collect()
            }
            Self::ReasonUnknown { allowed, .. } | Self::StageUnknown { allowed, .. } => {
                allowed.clone()
            }
            Self::StageSkipNotAllowed { next } => vec![next.clone()],
            _ => Vec::new(),
        }
    }

    /// The fields that are missing.
    pub fn missing(&self) -> Vec<&'static str> {
        match self {
            Self::FieldsMissing { missing, .. } => {
                missing.iter().map(|field| field.name()).collect()
            }
            Self::TouchEmpty => vec!["channel", "campaign", "source"],
            Self::NoteRequired => vec!["note"],
            Self::SourceRequired => vec!["source"],
            Self::ReasonRequired | Self::LostReasonRequired | Self::NoOpportunityReasonRequired => {
                vec!["reason"]
            }
            Self::AccountRequired => vec!["account"],
            Self::OpportunityRequired => vec!["opportunity"],
            _ => Vec::new(),
        }
    }

    /// Whether the same command may be accepted later without anything else being changed first.
    pub const fn retryable(&self) -> bool {
        matches!(self, Self::OccurredInFuture)
    }

    /// About what is, or is not, there.
    fn detail_of_target(&self) -> Option<String> {
        Some(match self {
            Self::LeadUnknown => "There is no such lead. Capture it first.".to_owned(),
            Self::AccountUnknown => "There is no such account. Open it first.".to_owned(),
            Self::ContactUnknown => "There is no such contact. Open it first.".to_owned(),
            Self::PersonUnknown { contact } => format!(
                "Nobody is reached by this: unknown, or erased before, which released the key. \
                 Name the {} by its id.",
                if *contact { "contact" } else { "lead" }
            ),
            Self::OpportunityUnknown => "There is no such opportunity. Open it first.".to_owned(),
            Self::CampaignUnknown { campaign } => {
                format!("There is no campaign `{campaign}`. Plan it first.")
            }
            Self::PolicyUnknown { policy } => {
                format!("No policy `{policy}` has been published. Publish it first.")
            }
            Self::KeyUnknown { key } => format!("There is no API key `{key}`."),
            Self::TaskUnknown { queue } => {
                format!("The lead has no open task in queue `{queue}`; there is nothing to cancel.")
            }
            Self::AlreadyExists { what } => {
                format!(
                    "The {what} exists already. Use another identity, or change the existing one."
                )
            }
            Self::VersionImmutable { policy } => format!(
                "`{policy}` is published with other content, and a published version never changes. \
                 Publish the next version."
            ),
            Self::Erased => {
                "The person's data was erased. Capture a new lead for a new enquiry.".to_owned()
            }
            Self::MatchKeyTaken { field } => format!(
                "Another record holds this {}. Change that one, or leave the field out.",
                field.name()
            ),
            _ => return None,
        })
    }

    /// About the steps of a lead's or opportunity's life.
    fn detail_of_step(&self) -> Option<String> {
        Some(match self {
            Self::TransitionNotAllowed { phase, allowed } if allowed.is_empty() => {
                format!("The lead is {}; no step leads on from here.", phase.name())
            }
            Self::TransitionNotAllowed { phase, allowed } => {
                format!("The lead is {}; from here: {}.", phase.name(), allowed.join(", "))
            }
            Self::StepDisabled { step } => {
                format!(
                    "The status process in force does not use {step}. Qualify the lead directly."
                )
            }
            Self::AlreadyMql => {
                "The lead is MQL already; sales has to accept or reject it.".to_owned()
            }
            Self::AlreadyAccepted { .. } => "Sales has accepted the lead already.".to_owned(),
            Self::AlreadyQualified => "The lead is qualified already; convert it.".to_owned(),
            Self::AlreadyConverted { .. } => {
                "The lead is converted already; go on with its opportunity.".to_owned()
            }
            Self::AlreadyUnqualified => "The lead is unqualified already.".to_owned(),
            Self::AlreadyNurturing => "The lead is nurturing already.".to_owned(),
            Self::NotMql { phase } => {
                format!("The lead is {}, not MQL. Mark it as MQL first.", phase.name())
            }
            Self::NotAssignee { .. } => {
                "Somebody else has the lead. Let it be assigned to you first.".to_owned()
            }
            Self::OwnerIsQueue { queue } => {
                format!("Queue `{queue}` has the lead. Assign it to yourself first.")
            }
            Self::SameOwner => "The lead is with this owner already.".to_owned(),
            Self::NotQualified { phase, convert_from } => format!(
                "The lead is {}; leads convert from: {}.",
                phase.name(),
                convert_from.iter().map(|one| Phase::name(*one)).collect::<Vec<_>>().join(", ")
            ),
            Self::FieldLockedAfterConversion => {
                "The lead has converted. Change its contact or opportunity instead.".to_owned()
            }
            Self::CampaignNotStarted { campaign } => {
                format!("Campaign `{campaign}` has not started. Start it first.")
            }
            Self::CampaignEnded { campaign } => {
                format!("Campaign `{campaign}` has ended and takes no more touches.")
            }
            Self::CampaignNotOpen { stage } => {
                format!("The campaign is {stage}, which does not allow this step.")
            }
            Self::AlreadyClosed { outcome } => {
                format!("The opportunity is {outcome} already. Reopen it first.")
            }
            Self::NotClosed => "The opportunity is open.".to_owned(),
            Self::BackwardNotAllowed => "The stage plan in force allows no step back.".to_owned(),
            Self::StageSkipNotAllowed { next } => {
                format!("The stage plan in force allows no skipping; the next stage is `{next}`.")
            }
            _ => return None,
        })
    }

    /// About values that are missing or not acceptable.
    fn detail_of_value(&self) -> String {
        match self {
            Self::FieldsMissing { .. } | Self::TouchEmpty => {
                format!("Give at least one of: {}.", self.missing().join(", "))
            }
            Self::NoteRequired => "Give the text of the `note`.".to_owned(),
            Self::SourceRequired => "Give the lead's source.".to_owned(),
            Self::SourceUnknown { source } => {
                format!(
                    "Source `{source}` is not in the catalogue. Use a listed one, or have it added."
                )
            }
            Self::NameUnknown { catalogue, name } => {
                format!("`{name}` is not a known {catalogue}, and the run is strict.")
            }
            Self::CatalogueFull { catalogue } => format!(
                "The catalogue of {catalogue} names is full, at {NAMES_PER_CATALOGUE_MAX}. Use a name that is known."
            ),
            Self::ReasonRequired => "Give a reason.".to_owned(),
            Self::ReasonUnknown { reason, allowed } => {
                format!("`{reason}` is no accepted reason. Accepted: {}.", allowed.join(", "))
            }
            Self::OccurredBeforeCapture { captured_at } => {
                format!(
                    "It is dated before {captured_at}, when the record begins. Correct the date."
                )
            }
            Self::OccurredInFuture => {
                "It is dated in the future. Correct the date, or send it again then.".to_owned()
            }
            Self::BackdateNotAllowed { last } => format!(
                "It is dated before the last decision, of {last}. Decisions must follow one another in time."
            ),
            Self::StageUnknown { stage, allowed } => {
                format!(
                    "Stage `{stage}` is in no plan. The plan in force has: {}.",
                    allowed.join(", ")
                )
            }
            Self::AccountRequired => "Name the account of the opportunity.".to_owned(),
            Self::ContactNotInAccount => {
                "The contact belongs to another account. Use that account, or another contact."
                    .to_owned()
            }
            Self::OpportunityRequired => {
                "The conversion policy in force wants an opportunity. Create or attach one."
                    .to_owned()
            }
            Self::NoOpportunityReasonRequired => {
                "Say why the lead converts without an opportunity.".to_owned()
            }
            Self::LostReasonRequired => "Say why the opportunity was lost.".to_owned(),
            Self::AmountNegative => {
                "The amount is out of range: it must not be negative, and a cost must be positive."
                    .to_owned()
            }
            Self::CurrencyMismatch { expected } => {
                format!("The opportunity is in {expected}. Give the amount in that currency.")
            }
            other => other.code().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealed::Field;

    #[test]
    fn a_refusal_says_what_is_missing_and_what_is_allowed() {
        let refusal = Refusal::FieldsMissing {
            code: "name_or_company_required",
            missing: vec![Field::LastName, Field::Company],
        };
        assert_eq!(refusal.code(), "name_or_company_required");
        assert_eq!(refusal.missing(), ["last_name", "company"]);
        assert_eq!(refusal.detail(), "Give at least one of: last_name, company.");
        let detail = Refusal::TouchEmpty.detail();
        assert_eq!(detail, "Give at least one of: channel, campaign, source.");
        assert_eq!(Refusal::NoteRequired.missing(), ["note"]);
        let refusal = Refusal::TransitionNotAllowed {
            phase: Phase::Nurturing,
            allowed: vec!["MarkMQL", "QualifyLead"],
        };
        assert_eq!(refusal.category(), Category::Conflict);
        assert_eq!(refusal.allowed(), ["MarkMQL", "QualifyLead"]);
        assert_eq!(refusal.detail(), "The lead is nurturing; from here: MarkMQL, QualifyLead.");
    }

    #[test]
    fn advice_names_no_person() {
        let owner = "Ada Lovelace".to_owned();
        let refusals = [
            Refusal::NotAssignee { owner: owner.clone() },
            Refusal::AlreadyAccepted { owner: Some(owner) },
        ];
        for refusal in refusals {
            assert!(!refusal.detail().contains("Ada"), "{}", refusal.code());
        }
    }

    #[test]
    fn an_erasure_of_nobody_does_not_advise_to_capture() {
        let (lead, contact) =
            ([false, true].map(|contact| Refusal::PersonUnknown { contact })).into();
        let codes = (Refusal::code(&lead), Refusal::code(&contact));
        assert_eq!(codes, ("lead_unknown", "contact_unknown"));
        assert!(lead.detail().ends_with("released the key. Name the lead by its id."));
        assert!(contact.detail().ends_with("Name the contact by its id."));
    }

    #[test]
    fn only_time_alone_heals_a_date_in_the_future() {
        assert!(Refusal::OccurredInFuture.retryable());
        assert!(!Refusal::AlreadyMql.retryable());
        assert_eq!(Refusal::Erased.category().name(), "erased");
        assert_eq!(Refusal::NotAssignee { owner: String::new() }.category(), Category::Forbidden);
    }
}
