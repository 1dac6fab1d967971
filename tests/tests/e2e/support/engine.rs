//! An engine of its own in this process, on a clock that the test sets.

use super::PATIENCE;
use leadline_domain::actor::{Actor, ActorKind};
use leadline_domain::decision::Mode;
use leadline_domain::sealed::Field;
use leadline_domain::{Timestamp, lead};
use leadline_engine::{Body, Caller, Engine, Idempotency, Parts, Role, Submission, Target, timer};
use leadline_events::PersonalFields;
use leadline_log::Position;
use leadline_log::clock::{Clock, System};
use leadline_log::committer::Options;
use leadline_store::sqlite::lock::Lock;
use leadline_store::sqlite::log::SqliteLog;
use leadline_store::sqlite::vault::SqliteVault;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A clock that stands still until it is set.
#[derive(Debug)]
pub(crate) struct SetClock(AtomicI64);

impl SetClock {
    pub(crate) fn at(at: Timestamp) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(at.millis())))
    }

    pub(crate) fn set(&self, at: Timestamp) {
        self.0.store(at.millis(), Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now_millis(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// So many minutes after a Monday morning.
pub(crate) fn minutes(minutes: i64) -> Timestamp {
    Timestamp::parse("2026-03-02T08:00:00Z").unwrap().plus_millis(minutes * 60_000)
}

pub(crate) fn hours(hours: i64) -> Timestamp {
    minutes(hours * 60)
}

pub(crate) async fn open(database: &Path, clock: &Arc<SetClock>) -> Arc<Engine> {
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

fn caller(kind: ActorKind) -> Caller {
    let actor = Actor { kind, id: "mia".to_owned(), on_behalf_of: None };
    Caller { actor, role: Role::Admin }
}

/// A command that Mia sends, without a key or a time.
pub(crate) fn command(target: Target, command: lead::Command) -> Submission {
    Submission {
        idempotency: Idempotency::None,
        caller: caller(ActorKind::Person),
        target,
        body: Body::Lead(command),
        personal: PersonalFields::default(),
        note: None,
        account_key: None,
        payload: serde_json::value::RawValue::from_string("{}".to_owned()).unwrap(),
        occurred_at: None,
        now: None,
        if_version: None,
        mode: Mode::Live,
        trace_id: None,
    }
}

/// The capture of somebody with this address.
pub(crate) fn capture(target: Target, email: &str) -> Submission {
    let mut personal = PersonalFields::default();
    personal.set(Field::Email, email.to_owned());
    Submission { personal, ..command(target, lead::Command::Capture(Box::default())) }
}

/// The same as a line of an import that says when it happened.
pub(crate) fn imported(submission: Submission, at: Timestamp) -> Submission {
    Submission {
        caller: caller(ActorKind::Migration),
        mode: Mode::Migration { enforce_policies: false, strict: false },
        now: Some(at),
        occurred_at: Some(at),
        ..submission
    }
}

/// The same under a key of the client's.
pub(crate) fn keyed(submission: Submission, key: &str) -> Submission {
    Submission { idempotency: Idempotency::Key(key.to_owned()), ..submission }
}

/// Names of the events after `after`, in order.
pub(crate) async fn types(engine: &Engine, after: Position) -> Vec<String> {
    let page = engine.events(&Caller::system("test"), after, 500).await.unwrap();
    let events = page["events"].as_array().unwrap();
    events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

/// Runs the timer until the log has come to `position`.
pub(crate) async fn run_timer(engine: &Arc<Engine>, position: Position) {
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn(timer::run(Arc::clone(engine), stop.clone()));
    let mut head = engine.head();
    let reached = tokio::time::timeout(PATIENCE, head.wait_for(|head| *head >= position)).await;
    stop.cancel();
    running.await.unwrap();
    drop(reached.expect("the timer settled in time").unwrap());
}
