//! Which clocks are watched, and when they are looked at.

use super::*;
use leadline_domain::actor::Actor;
use leadline_domain::decision::{Class, Explanation};
use leadline_domain::id::CommandId;
use leadline_domain::lead::Milestone;
use leadline_domain::policy::PolicyRef;
use leadline_events::{Meta, encode, stream_key};
use leadline_log::{NewEvent, Position};
use std::borrow::Cow;
use uuid::Uuid;

const MILESTONE: Milestone = Milestone::Acceptance;

fn lead(number: u128) -> LeadId {
    LeadId(Uuid::from_u128(number))
}

const fn at(hours: i64) -> Timestamp {
    Timestamp::from_millis(hours * 3_600_000)
}

fn recorded(lead: LeadId, kind: ActorKind, event: lead::Event) -> Recorded {
    let encoded = encode(&Event::Lead(event));
    let actor = Actor { kind, id: "mia".to_owned(), on_behalf_of: None };
    let meta = Meta {
        class: Class::Decision,
        actor: &actor,
        command_id: CommandId(Uuid::nil()),
        command: "MarkMQL",
        correlation: Uuid::nil(),
        causation: None,
        trace_id: None,
        policies: &[],
        explanation: &Explanation::default(),
        subject: None,
        trigger: None,
    };
    let event = NewEvent {
        stream: stream_key(&StreamId::Lead(lead)),
        event_type: Cow::Borrowed(encoded.event_type),
        schema_version: encoded.schema_version,
        event_id: Uuid::nil(),
        root: lead.0,
        effective_at: 0,
        meta: meta.encode(),
        data: encoded.data,
    };
    Recorded { position: Position(1), version: 1, recorded_at: 0, event }
}

fn started(cycle: u32, reminder: i64, breach: i64) -> lead::Event {
    let step = |percent, hours| ClockStep { percent, at: at(hours) };
    lead::Event::ClockStarted {
        milestone: MILESTONE,
        cycle,
        policy: PolicyRef("sla@1".into()),
        target_seconds: 3_600,
        due_at: at(breach),
        steps: vec![step(50, reminder), step(100, breach)],
    }
}

fn qualified() -> lead::Event {
    lead::Event::Qualified { from: lead::Phase::Sal }
}

#[test]
fn there_is_one_entry_per_open_clock_however_much_happens() {
    let (person, timer) = (ActorKind::Person, ActorKind::System);
    let mut clocks = Clocks::default();
    clocks.see(&recorded(lead(1), person, started(1, 2, 4))).unwrap();
    for _ in 0..1_000 {
        clocks.see(&recorded(lead(1), person, qualified())).unwrap();
        clocks.see(&recorded(lead(2), person, qualified())).unwrap();
    }
    assert_eq!((clocks.len(), clocks.order.len(), clocks.next()), (1, 1, Some(at(2))));
    let reminded = lead::Event::ReminderDue { milestone: MILESTONE, cycle: 1, percent: 50 };
    clocks.see(&recorded(lead(1), timer, reminded)).unwrap();
    assert_eq!((clocks.order.len(), clocks.next()), (1, Some(at(4))));
    assert_eq!(clocks.due(at(4), 9), [], "its last instant has not passed");
    clocks.postpone(lead(1), at(5));
    assert_eq!((clocks.due(at(5), 9), clocks.due(at(6), 9)), (Vec::new(), vec![lead(1)]));
    clocks.see(&recorded(lead(1), person, started(2, 7, 9))).unwrap();
    assert_eq!((clocks.order.len(), clocks.next()), (1, Some(at(7))));
    let breached = lead::Event::Breached { milestone: MILESTONE, cycle: 2, charged_to: None };
    clocks.see(&recorded(lead(1), timer, breached)).unwrap();
    assert!(clocks.is_empty() && clocks.order.is_empty());
}

#[test]
fn an_imported_clock_is_watched_from_the_first_live_event_on() {
    let mut clocks = Clocks::default();
    for number in [1, 2] {
        clocks.see(&recorded(lead(number), ActorKind::Migration, started(1, 2, 4))).unwrap();
        clocks.see(&recorded(lead(number), ActorKind::Migration, qualified())).unwrap();
    }
    assert_eq!((clocks.len(), clocks.next()), (2, None));
    clocks.see(&recorded(lead(2), ActorKind::Person, qualified())).unwrap();
    assert_eq!(clocks.due(at(3), 9), [lead(2)]);
    assert_eq!(clocks.breaches().collect::<Vec<_>>(), [(at(4), lead(1)), (at(4), lead(2))]);
}
