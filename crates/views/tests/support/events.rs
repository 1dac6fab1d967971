//! Histories of leads, written by hand or at random.

use leadline_domain::id::{LeadId, OpportunityId, SubjectId, TouchId};
use leadline_domain::lead::event::Touch;
use leadline_domain::lead::{Milestone, Owner, Phase, RejectOutcome};
use leadline_domain::money::{Currency, Money, ProbabilityBp};
use leadline_domain::opportunity::{Opened, Origin};
use leadline_domain::policy::PolicyRef;
use leadline_domain::sealed::{FieldSet, Sealed};
use leadline_domain::{Event, StreamId, Timestamp, lead, opportunity};
use leadline_log::Position;
use leadline_views::ViewEvent;
use std::borrow::Cow;
use std::collections::BTreeMap;
use uuid::Uuid;

pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub(crate) fn money(minor: i64) -> Money {
    Money { minor, currency: Currency::EUR }
}

/// Yen, which have no cents.
pub(crate) fn yen(minor: i64) -> Money {
    Money { minor, currency: Currency::parse("JPY").unwrap() }
}

fn event(stream: StreamId, root: u128, at: i64, event: Event) -> ViewEvent {
    ViewEvent {
        position: Position(0),
        effective_at: Timestamp::from_millis(at),
        stream,
        version: 0,
        root: id(root),
        actor: Some("anna".into()),
        event_type: Cow::Borrowed("test.event"),
        event,
    }
}

/// An event of lead `root`.
pub(crate) fn lead(root: u128, at: i64, of: lead::Event) -> ViewEvent {
    event(StreamId::Lead(LeadId(id(root))), root, at, Event::Lead(of))
}

/// An event of the opportunity of lead `root`.
pub(crate) fn opportunity(root: u128, at: i64, of: opportunity::Event) -> ViewEvent {
    let stream = StreamId::Opportunity(OpportunityId(id(root + 1_000_000)));
    event(stream, root, at, Event::Opportunity(of))
}

pub(crate) fn captured(source: Option<&str>, amount: Option<i64>) -> lead::Event {
    valued(source, amount.map(money))
}

/// A capture with an expected value in any currency.
pub(crate) fn valued(source: Option<&str>, amount: Option<Money>) -> lead::Event {
    lead::Event::Captured {
        subject: SubjectId(id(7)),
        source: source.map(Into::into),
        campaign: None,
        person: Some(Sealed { subject: SubjectId(id(7)), envelope: [1, 2, 3].into() }),
        fields: FieldSet::default(),
        reserved: FieldSet::default(),
        amount,
    }
}

pub(crate) fn touch(number: u128, channel: &str) -> lead::Event {
    let (channel, campaign, source) = (Some(channel.into()), None, None);
    lead::Event::TouchRecorded(Touch { id: TouchId(id(number)), channel, campaign, source })
}

pub(crate) fn mql() -> lead::Event {
    lead::Event::MarkedMql { from: Phase::New, cycle: 1 }
}

pub(crate) fn response() -> lead::Event {
    lead::Event::ResponseLogged {
        channel: None,
        outcome: None,
        first: true,
        from: Phase::Working,
        to: Phase::Working,
    }
}

/// Sales sends an MQL back to marketing.
pub(crate) fn returned() -> lead::Event {
    lead::Event::RejectedBySales { reason: "early".into(), outcome: RejectOutcome::Return }
}

pub(crate) fn revoked() -> lead::Event {
    lead::Event::MqlRevoked { reason: None }
}

pub(crate) fn recycled() -> lead::Event {
    lead::Event::Recycled { from: Phase::Sal, reason: None }
}

pub(crate) fn accepted(owner: &str) -> lead::Event {
    lead::Event::AcceptedBySales { owner: Some(owner.into()), from: None }
}

pub(crate) fn clock(due_at: i64) -> lead::Event {
    lead::Event::ClockStarted {
        milestone: Milestone::Acceptance,
        cycle: 1,
        policy: PolicyRef("acceptance@1".into()),
        target_seconds: 86_400,
        due_at: Timestamp::from_millis(due_at),
        steps: Vec::new(),
    }
}

pub(crate) fn stopped(in_time: bool, elapsed_seconds: i64) -> lead::Event {
    let milestone = Milestone::Acceptance;
    lead::Event::ClockMet { milestone, cycle: 1, in_time, elapsed_seconds }
}

pub(crate) fn assigned(to: &str) -> lead::Event {
    lead::Event::Assigned { to: Owner::Person(to.into()), from: None, reason: None }
}

pub(crate) fn queued(to: &str) -> lead::Event {
    lead::Event::Assigned { to: Owner::Queue(to.into()), from: None, reason: None }
}

pub(crate) fn disqualified(reason: &str) -> lead::Event {
    lead::Event::Disqualified { from: Phase::New, reason: Some(reason.into()) }
}

pub(crate) fn enqueued(queue: &str) -> lead::Event {
    lead::Event::TaskEnqueued { queue: queue.into() }
}

pub(crate) fn claimed(queue: &str) -> lead::Event {
    lead::Event::TaskClaimed { queue: queue.into(), by: None }
}

pub(crate) fn converted(minor: i64) -> lead::Event {
    lead::Event::ConversionRecorded { amount: Some(money(minor)) }
}

pub(crate) fn opened(root: u128, stage: &str, minor: i64, odds: u16) -> opportunity::Event {
    opportunity::Event::Opened(Box::new(Opened {
        origin: Origin::Lead(LeadId(id(root))),
        account: None,
        contact: None,
        owner: Some("ben".into()),
        stage: stage.into(),
        probability: ProbabilityBp::new(odds),
        amount: Some(money(minor)),
        close_date: None,
        product: Some("box".into()),
        campaign: None,
        source: None,
        attributes: BTreeMap::from([("region".to_owned(), "west".to_owned())]),
        undated: false,
    }))
}

pub(crate) fn advanced(to: &str, odds: u16) -> opportunity::Event {
    let probability = ProbabilityBp::new(odds);
    opportunity::Event::StageAdvanced { from: "a".into(), to: to.into(), probability }
}

pub(crate) fn won(minor: i64) -> opportunity::Event {
    brought(money(minor))
}

/// A win of an amount in any currency.
pub(crate) fn brought(amount: Money) -> opportunity::Event {
    opportunity::Event::Won { amount: Some(amount), from: "a".into() }
}

pub(crate) fn reopened() -> opportunity::Event {
    opportunity::Event::Reopened { stage: "a".into(), probability: ProbabilityBp::new(5_000) }
}

pub(crate) fn lost(minor: i64) -> opportunity::Event {
    opportunity::Event::Lost {
        reason: Some("price".into()),
        competitor: None,
        amount: Some(money(minor)),
        from: "a".into(),
    }
}
