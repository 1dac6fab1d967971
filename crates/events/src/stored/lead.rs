//! The stored events of a lead.

use super::{stored_events, stored_struct};
use leadline_domain::id::{AccountId, ContactId, OpportunityId, SubjectId, TouchId};
use leadline_domain::lead::event::{ClockStep, Touch};
use leadline_domain::lead::{Event, Milestone, Owner, Phase, RejectOutcome};
use leadline_domain::money::Money;
use leadline_domain::policy::PolicyRef;
use leadline_domain::sealed::{FieldSet, Sealed};
use leadline_domain::time::Timestamp;

stored_struct!(TouchRecordedV1 = Touch {
    id: TouchId;
    channel: Option<String>, campaign: Option<String>, source: Option<String>
});

stored_events! {
    fields {
        "lead.captured" 1 CapturedV1 = Captured {
            subject: SubjectId;
            source: Option<String>, campaign: Option<String>, person: Option<Sealed>,
            fields: FieldSet, reserved: FieldSet, amount: Option<Money>
        }
        "lead.reengaged" 1 ReengagedV1 = Reengaged {
            subject: SubjectId;
            person: Option<Sealed>, fields: FieldSet, reserved: FieldSet, matched: FieldSet,
            source: Option<String>
        }
        "lead.details_changed" 1 DetailsChangedV1 = DetailsChanged {
            ;
            person: Option<Sealed>, fields: FieldSet, reserved: FieldSet, amount: Option<Money>
        }
        "lead.source_set" 1 SourceSetV1 = SourceSet { source: String; }
        "lead.campaign_linked" 1 CampaignLinkedV1 = CampaignLinked { campaign: String; }
        "lead.assigned" 1 AssignedV1 = Assigned {
            to: Owner;
            from: Option<Owner>, reason: Option<String>
        }
        "lead.contact_attempted" 1 ContactAttemptedV1 = ContactAttempted {
            from: Phase, to: Phase;
            channel: Option<String>, outcome: Option<String>
        }
        "lead.response_logged" 1 ResponseLoggedV1 = ResponseLogged {
            first: bool, from: Phase, to: Phase;
            channel: Option<String>, outcome: Option<String>
        }
        "lead.marked_mql" 1 MarkedMqlV1 = MarkedMql { from: Phase, cycle: u32; }
        "lead.mql_revoked" 1 MqlRevokedV1 = MqlRevoked { ; reason: Option<String> }
        "lead.accepted_by_sales" 1 AcceptedBySalesV1 = AcceptedBySales {
            ;
            owner: Option<String>, from: Option<Owner>
        }
        "lead.rejected_by_sales" 1 RejectedBySalesV1 = RejectedBySales {
            reason: String, outcome: RejectOutcome;
        }
        "lead.qualified" 1 QualifiedV1 = Qualified { from: Phase; }
        "lead.disqualified" 1 DisqualifiedV1 = Disqualified { from: Phase; reason: Option<String> }
        "lead.recycled" 1 RecycledV1 = Recycled { from: Phase; reason: Option<String> }
        "lead.reopened" 1 ReopenedV1 = Reopened {
            to: Phase, cycle: u32;
            reason: Option<String>
        }
        "lead.converted" 1 ConvertedV1 = Converted {
            from: Phase, account: AccountId, contact: ContactId;
            opportunity: Option<OpportunityId>, no_opportunity_reason: Option<String>
        }
        "lead.sla_clock_started" 1 ClockStartedV1 = ClockStarted {
            milestone: Milestone, cycle: u32, policy: PolicyRef, target_seconds: u32, due_at: Timestamp;
            steps: Vec<ClockStep>
        }
        "lead.sla_reminder_due" 1 ReminderDueV1 = ReminderDue {
            milestone: Milestone, cycle: u32, percent: u16;
        }
        "lead.sla_breached" 1 BreachedV1 = Breached {
            milestone: Milestone, cycle: u32;
            charged_to: Option<Owner>
        }
        "lead.sla_clock_met" 1 ClockMetV1 = ClockMet {
            milestone: Milestone, cycle: u32, in_time: bool, elapsed_seconds: i64;
        }
        "lead.sla_clock_cancelled" 1 ClockCancelledV1 = ClockCancelled {
            milestone: Milestone, cycle: u32;
        }
        "lead.task_enqueued" 1 TaskEnqueuedV1 = TaskEnqueued { queue: String; }
        "lead.task_claimed" 1 TaskClaimedV1 = TaskClaimed { queue: String; by: Option<String> }
        "lead.task_completed" 1 TaskCompletedV1 = TaskCompleted { queue: String; by: Option<String> }
        "lead.task_cancelled" 1 TaskCancelledV1 = TaskCancelled { queue: String; }
        "lead.note_added" 1 NoteAddedV1 = NoteAdded { note: Sealed; }
        "lead.subject_erased" 1 SubjectErasedV1 = SubjectErased { ; subjects: Vec<SubjectId> }
        "lead.conversion_recorded" 1 ConversionRecordedV1 = ConversionRecorded {
            ;
            amount: Option<Money>
        }
    }
    whole {
        "lead.touch_recorded" 1 = TouchRecorded(Touch)
    }
    by {}
}
