//! Examples of the lead's events.

use super::{AT, EITHER, Example, OTHER, email, fields, money, sealed, text};
use leadline_domain::id::{AccountId, ContactId, OpportunityId, SubjectId, TouchId};
use leadline_domain::lead::event::{ClockStep, Event as Lead, Touch};
use leadline_domain::lead::{Milestone, Owner, Phase, RejectOutcome};
use leadline_domain::policy::PolicyRef;
use leadline_domain::sealed::FieldSet;
use leadline_events::Decoded;

const MILESTONE: Milestone = Milestone::Acceptance;

fn lead(full: Lead, minimal: Lead) -> Example {
    let event = |event| Decoded::Known(leadline_domain::Event::Lead(event));
    Example { full: event(full), minimal: event(minimal) }
}

fn mia() -> Owner {
    Owner::Person("mia".to_owned())
}

fn inbound() -> Owner {
    Owner::Queue("inbound".to_owned())
}

pub(crate) fn examples() -> Vec<Example> {
    [details(), facts(), hand_off(), outcomes(), clocks(), work()].into_iter().flatten().collect()
}

fn details() -> Vec<Example> {
    let none = FieldSet::default();
    vec![
        lead(
            Lead::Captured {
                subject: SubjectId(OTHER),
                source: text("web"),
                campaign: text("spring"),
                person: Some(sealed()),
                fields: fields(),
                reserved: email(),
                amount: Some(money()),
            },
            Lead::Captured {
                subject: SubjectId(OTHER),
                source: None,
                campaign: None,
                person: None,
                fields: none,
                reserved: none,
                amount: None,
            },
        ),
        lead(
            Lead::Reengaged {
                subject: SubjectId(OTHER),
                person: Some(sealed()),
                fields: fields(),
                reserved: email(),
                matched: email(),
                source: text("web"),
            },
            Lead::Reengaged {
                subject: SubjectId(OTHER),
                person: None,
                fields: none,
                reserved: none,
                matched: none,
                source: None,
            },
        ),
        lead(
            Lead::DetailsChanged {
                person: Some(sealed()),
                fields: fields(),
                reserved: email(),
                amount: Some(money()),
            },
            Lead::DetailsChanged { person: None, fields: none, reserved: none, amount: None },
        ),
        lead(
            Lead::SubjectErased { subjects: vec![SubjectId(EITHER), SubjectId(OTHER)] },
            Lead::SubjectErased { subjects: Vec::new() },
        ),
    ]
}

fn facts() -> Vec<Example> {
    let (from, to) = (Phase::New, Phase::Working);
    vec![
        lead(
            Lead::TouchRecorded(Touch {
                id: TouchId(EITHER),
                channel: text("paid_search"),
                campaign: text("spring"),
                source: text("web"),
            }),
            Lead::TouchRecorded(Touch {
                id: TouchId(EITHER),
                channel: None,
                campaign: None,
                source: None,
            }),
        ),
        lead(
            Lead::SourceSet { source: "trade \"fair\"".to_owned() },
            Lead::SourceSet { source: String::new() },
        ),
        lead(
            Lead::CampaignLinked { campaign: "spring".to_owned() },
            Lead::CampaignLinked { campaign: String::new() },
        ),
        lead(
            Lead::ContactAttempted { channel: text("phone"), outcome: text("voicemail"), from, to },
            Lead::ContactAttempted { channel: None, outcome: None, from: to, to },
        ),
        lead(
            Lead::ResponseLogged {
                channel: text("email"),
                outcome: text("answered"),
                first: true,
                from,
                to,
            },
            Lead::ResponseLogged { channel: None, outcome: None, first: false, from: to, to },
        ),
        lead(Lead::NoteAdded { note: sealed() }, Lead::NoteAdded { note: sealed() }),
        lead(
            Lead::ConversionRecorded { amount: Some(money()) },
            Lead::ConversionRecorded { amount: None },
        ),
    ]
}

fn hand_off() -> Vec<Example> {
    vec![
        lead(
            Lead::Assigned { to: mia(), from: Some(inbound()), reason: text("territory") },
            Lead::Assigned { to: inbound(), from: None, reason: None },
        ),
        lead(
            Lead::MarkedMql { from: Phase::Nurturing, cycle: 2 },
            Lead::MarkedMql { from: Phase::New, cycle: 1 },
        ),
        lead(Lead::MqlRevoked { reason: text("by mistake") }, Lead::MqlRevoked { reason: None }),
        lead(
            Lead::AcceptedBySales { owner: text("mia"), from: Some(inbound()) },
            Lead::AcceptedBySales { owner: None, from: None },
        ),
        lead(
            Lead::RejectedBySales {
                reason: "no budget".to_owned(),
                outcome: RejectOutcome::Disqualify,
            },
            Lead::RejectedBySales { reason: String::new(), outcome: RejectOutcome::Return },
        ),
    ]
}

fn outcomes() -> Vec<Example> {
    vec![
        lead(Lead::Qualified { from: Phase::Sal }, Lead::Qualified { from: Phase::Working }),
        lead(
            Lead::Disqualified { from: Phase::Mql, reason: text("competitor") },
            Lead::Disqualified { from: Phase::New, reason: None },
        ),
        lead(
            Lead::Recycled { from: Phase::Qualified, reason: text("no time") },
            Lead::Recycled { from: Phase::New, reason: None },
        ),
        lead(
            Lead::Reopened { to: Phase::Nurturing, cycle: 3, reason: text("called back") },
            Lead::Reopened { to: Phase::New, cycle: 2, reason: None },
        ),
        lead(
            Lead::Converted {
                from: Phase::Qualified,
                account: AccountId(EITHER),
                contact: ContactId(OTHER),
                opportunity: Some(OpportunityId(EITHER)),
                no_opportunity_reason: text("partner"),
            },
            Lead::Converted {
                from: Phase::Sal,
                account: AccountId(EITHER),
                contact: ContactId(OTHER),
                opportunity: None,
                no_opportunity_reason: None,
            },
        ),
    ]
}

fn clocks() -> Vec<Example> {
    let (milestone, cycle) = (MILESTONE, 1);
    let started = |steps| Lead::ClockStarted {
        milestone,
        cycle,
        policy: PolicyRef("acceptance@1#00ff".into()),
        target_seconds: 86_400,
        due_at: AT.plus_millis(86_400_000),
        steps,
    };
    let steps = vec![
        ClockStep { percent: 50, at: AT.plus_millis(43_200_000) },
        ClockStep { percent: 100, at: AT.plus_millis(86_400_000) },
    ];
    vec![
        lead(started(steps), started(Vec::new())),
        lead(
            Lead::ReminderDue { milestone, cycle: 2, percent: 75 },
            Lead::ReminderDue { milestone, cycle, percent: 50 },
        ),
        lead(
            Lead::Breached { milestone, cycle: 2, charged_to: Some(mia()) },
            Lead::Breached { milestone, cycle, charged_to: None },
        ),
        lead(
            Lead::ClockMet { milestone, cycle: 2, in_time: true, elapsed_seconds: 3_600 },
            Lead::ClockMet { milestone, cycle, in_time: false, elapsed_seconds: 0 },
        ),
        lead(
            Lead::ClockCancelled { milestone, cycle: 2 },
            Lead::ClockCancelled { milestone, cycle },
        ),
    ]
}

fn work() -> Vec<Example> {
    let queue = || "inbound".to_owned();
    vec![
        lead(Lead::TaskEnqueued { queue: queue() }, Lead::TaskEnqueued { queue: String::new() }),
        lead(
            Lead::TaskClaimed { queue: queue(), by: text("mia") },
            Lead::TaskClaimed { queue: queue(), by: None },
        ),
        lead(
            Lead::TaskCompleted { queue: queue(), by: text("mia") },
            Lead::TaskCompleted { queue: queue(), by: None },
        ),
        lead(Lead::TaskCancelled { queue: queue() }, Lead::TaskCancelled { queue: String::new() }),
    ]
}
