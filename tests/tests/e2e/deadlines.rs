//! Deadlines across restarts, on a clock that the test sets.

use crate::support::place::Place;
use leadline_domain::actor::{Actor, ActorKind};
use leadline_domain::decision::Mode;
use leadline_domain::sealed::Field;
use leadline_domain::{Timestamp, lead};
use leadline_engine::{
    Body, Caller, Deadlines, Engine, Idempotency, Parts, Reply, Role, Submission, Target, timer,
};
use leadline_events::PersonalFields;
use leadline_log::clock::{Clock, System};
use leadline_log::committer::Options;
use leadline_store::sqlite::lock::Lock;
use leadline_store::sqlite::log::SqliteLog;
use leadline_store::sqlite::vault::SqliteVault;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use uuid::Uuid;

const HOUR: i64 = 3_600_000;

#[derive(Debug)]
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now_millis(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A Monday morning.
fn monday() -> Timestamp {
    Timestamp::parse("2026-03-02T08:00:00Z").unwrap()
}

async fn open(database: &Path, clock: &Arc<SetClock>) -> (Arc<Engine>, Deadlines) {
    let lock = Arc::new(Lock::acquire(database).unwrap());
    let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
    let log = SqliteLog::open(lock, Arc::clone(&clock), &System, true).unwrap();
    let keys = database.with_extension("keys");
    let vault = SqliteVault::open(&keys, Arc::new(System), true).unwrap();
    let parts = Parts {
        log: Arc::new(log),
        vault: Arc::new(vault),
        clock,
        ids: Arc::new(System),
        commits: Options::default(),
        anonymous: None,
    };
    Engine::start(parts).await.unwrap()
}

async fn send(engine: &Engine, target: Target, command: lead::Command) -> Reply {
    let mut personal = PersonalFields::default();
    if matches!(command, lead::Command::Capture(_)) {
        personal.set(Field::Email, "ada@example.org".to_owned());
    }
    let actor = Actor { kind: ActorKind::Person, id: "mia".to_owned(), on_behalf_of: None };
    let submission = Submission {
        idempotency: Idempotency::None,
        caller: Caller { actor, role: Role::Admin },
        target,
        body: Body::Lead(command),
        personal,
        note: None,
        account_key: None,
        payload: serde_json::value::RawValue::from_string("{}".to_owned()).unwrap(),
        occurred_at: None,
        now: None,
        if_version: None,
        mode: Mode::Live,
        trace_id: None,
    };
    engine.execute(submission).await.unwrap()
}

/// What the timer does when a deadline comes: names of the events, and the next deadline.
async fn settle(engine: &Engine, lead: Uuid) -> (Vec<String>, Option<Timestamp>) {
    let settle = timer::settle(leadline_domain::id::LeadId(lead), None, Mode::Live).unwrap();
    let reply = engine.execute(settle).await.unwrap();
    (reply.events.into_iter().map(|event| event.event_type).collect(), reply.next_due)
}

#[tokio::test]
async fn a_breach_is_not_lost_when_a_reminder_was_sent_before_a_restart() {
    let place = Place::new();
    let clock = Arc::new(SetClock(AtomicI64::new(monday().millis())));
    let hours = |hours: i64| monday().plus_millis(hours * HOUR);
    let (engine, _) = open(&place.database(), &clock).await;
    let captured = send(&engine, Target::New, lead::Command::Capture(Box::default())).await;
    let lead = captured.target.key();
    let marked = send(&engine, Target::Id(lead), lead::Command::MarkMql).await;
    assert_eq!(marked.next_due, Some(hours(12)));
    clock.0.store(hours(13).millis(), Ordering::Relaxed);
    let reminded = (vec!["lead.sla_reminder_due".to_owned()], Some(hours(18)));
    assert_eq!(settle(&engine, lead).await, reminded);
    engine.close().await;
    drop(engine);

    let (engine, mut deadlines) = open(&place.database(), &clock).await;
    assert_eq!(engine.recover_deadlines().await.unwrap(), 1);
    let (_, found) = deadlines.recv().await.unwrap();
    assert_eq!(found.0, lead);
    // Nothing is due yet: the answer says when it is, so that the timer keeps the lead.
    assert_eq!(settle(&engine, lead).await, (Vec::new(), Some(hours(18))));
    clock.0.store(hours(25).millis(), Ordering::Relaxed);
    let (events, next) = settle(&engine, lead).await;
    assert_eq!(events, ["lead.sla_reminder_due", "lead.sla_breached"]);
    assert_eq!(next, None);
    engine.close().await;
}
