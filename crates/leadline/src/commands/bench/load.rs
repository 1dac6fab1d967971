//! Clients that live leads' lives, and how long each command took.

use crate::failure::Failure;
use crate::node::Node;
use async_trait::async_trait;
use leadline_domain::StreamId;
use leadline_domain::actor::{Actor, ActorKind};
use leadline_domain::decision::Mode;
use leadline_domain::lead;
use leadline_domain::sealed::Field;
use leadline_engine::{Body, Caller, Engine, Error, Idempotency, Reply, Role, Submission, Target};
use leadline_events::PersonalFields;
use leadline_log::Position;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// A command that clients send.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Capture,
    MarkMql,
    AcceptSal,
    Qualify,
    Contact,
}

/// The commands of a life, in order.
pub(super) const LIFE: [Step; 4] = [Step::Capture, Step::MarkMql, Step::AcceptSal, Step::Qualify];

/// Something that commands can be sent to: one connection.
#[async_trait]
pub(super) trait Connection: Send {
    /// Sends one command of the life of lead `number` and says which lead it is.
    async fn send(
        &mut self,
        step: Step,
        number: u64,
        lead: Option<uuid::Uuid>,
    ) -> Result<uuid::Uuid, Failure>;
}

/// Something that connections can be made to.
#[async_trait]
pub(super) trait Service: Send + Sync {
    async fn connect(&self) -> Result<Box<dyn Connection>, Failure>;
    /// The head of the log behind it.
    fn head(&self) -> Position;
}

/// The engines of nodes in this process, which connections are spread over.
pub(super) struct InProcess {
    engines: Vec<Arc<Engine>>,
    connections: AtomicUsize,
}

impl InProcess {
    pub(super) fn new(nodes: &[Arc<Node>]) -> Self {
        let engines = nodes.iter().map(|node| Arc::clone(&node.engine)).collect();
        Self { engines, connections: AtomicUsize::new(0) }
    }
}

#[async_trait]
impl Service for InProcess {
    async fn connect(&self) -> Result<Box<dyn Connection>, Failure> {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let engine = self.engines.get(number % self.engines.len().max(1));
        let engine = engine.ok_or_else(|| Failure::plain("there is no node".to_owned()))?;
        Ok(Box::new(Direct(Arc::clone(engine))))
    }

    fn head(&self) -> Position {
        let heads = self.engines.iter().map(|engine| *engine.head().borrow());
        heads.max().unwrap_or_default()
    }
}

/// Commands handed to an engine.
struct Direct(Arc<Engine>);

#[async_trait]
impl Connection for Direct {
    async fn send(
        &mut self,
        step: Step,
        number: u64,
        lead: Option<uuid::Uuid>,
    ) -> Result<uuid::Uuid, Failure> {
        let reply = self
            .0
            .execute(submission(step, number, lead)?)
            .await
            .map_err(|error| failed(&error))?;
        Ok(target(&reply))
    }
}

fn failed(error: &Error) -> Failure {
    Failure::plain(format!("a command of the benchmark failed: {error}"))
}

const fn target(reply: &Reply) -> uuid::Uuid {
    match reply.target {
        StreamId::Lead(lead) => lead.0,
        other => other.key(),
    }
}

/// A command as an edge would hand it over.
pub(super) fn submission(
    step: Step,
    number: u64,
    lead: Option<uuid::Uuid>,
) -> Result<Submission, Failure> {
    let mut personal = PersonalFields::default();
    let (body, payload) = match step {
        Step::Capture => {
            personal.set(Field::Email, format!("person{number}@bench.example"));
            personal.set(Field::Phone, format!("+49 30 {number:09}"));
            personal.set(Field::FirstName, "Ada".to_owned());
            personal.set(Field::LastName, format!("Number {number}"));
            let capture = lead::command::Capture {
                source: Some("Website".to_owned()),
                channel: Some("organic".to_owned()),
                ..lead::command::Capture::default()
            };
            (
                lead::Command::Capture(Box::new(capture)),
                r#"{"channel":"organic","source":"Website"}"#,
            )
        }
        Step::MarkMql => (lead::Command::MarkMql, "{}"),
        Step::AcceptSal => (lead::Command::AcceptSal, "{}"),
        Step::Qualify => (lead::Command::Qualify, "{}"),
        Step::Contact => {
            let channel = Some("telephone".to_owned());
            let command = lead::Command::LogContactAttempt { channel, outcome: None };
            (command, r#"{"channel":"telephone"}"#)
        }
    };
    let payload = serde_json::value::RawValue::from_string(payload.to_owned())
        .map_err(|error| Failure::of("write", &"a command", error))?;
    let actor = Actor { kind: ActorKind::Person, id: "bench".to_owned(), on_behalf_of: None };
    Ok(Submission {
        idempotency: Idempotency::None,
        caller: Caller { actor, role: Role::Admin },
        target: lead.map_or(Target::New, Target::Id),
        body: Body::Lead(body),
        personal,
        note: None,
        account_key: None,
        payload,
        occurred_at: None,
        now: None,
        if_version: None,
        mode: Mode::Live,
        trace_id: None,
    })
}

/// What a measurement came to.
#[derive(Debug)]
pub(super) struct Measured {
    latencies: Vec<u32>,
    elapsed: Duration,
    appended: u64,
}

impl Measured {
    fn per_second(&self, count: u64) -> u64 {
        let milliseconds = u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        count.saturating_mul(1_000) / milliseconds
    }

    pub(super) fn commands_per_second(&self) -> u64 {
        self.per_second(u64::try_from(self.latencies.len()).unwrap_or(u64::MAX))
    }

    /// Events appended a second.
    pub(super) fn appends_per_second(&self) -> u64 {
        self.per_second(self.appended)
    }

    /// Nearest rank, in microseconds.
    pub(super) fn percentile_micros(&self, percent: usize) -> u32 {
        let rank = (self.latencies.len() * percent).div_ceil(100).saturating_sub(1);
        self.latencies.get(rank).copied().unwrap_or(0)
    }
}

/// Lives of one client, at most.
const LIVES_MAX: u64 = 1_000_000;
/// Numbers of one measurement: a telephone number takes no more digits.
const NUMBERS: u64 = 5_000_000_000;

/// The first number of the next measurement: measurements may share a database, and everybody in it is somebody else.
pub(super) fn first_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(NUMBERS, Ordering::Relaxed)
}

/// Lets `clients` live lives one after the other for `time`.
pub(super) async fn measure(
    service: &impl Service,
    clients: usize,
    time: Duration,
) -> Result<Measured, Failure> {
    let numbers = first_number();
    run(service, clients, time, |connection, index, end| {
        live(connection, numbers + index * LIVES_MAX, end)
    })
    .await
}

/// Lets `clients` write to one lead for `time`.
pub(super) async fn measure_one_lead(
    service: &impl Service,
    clients: usize,
    time: Duration,
) -> Result<Measured, Failure> {
    let mut first = service.connect().await?;
    let number = first_number();
    let lead = first.send(Step::Capture, number, None).await?;
    run(service, clients, time, |connection, _, end| contact(connection, number, lead, end)).await
}

/// Lets `clients` do something for `time` that measures how long each command takes.
async fn run<F>(
    service: &impl Service,
    clients: usize,
    time: Duration,
    client: impl Fn(Box<dyn Connection>, u64, Instant) -> F,
) -> Result<Measured, Failure>
where
    F: Future<Output = Result<Vec<u32>, Failure>> + Send + 'static,
{
    let mut connections = Vec::with_capacity(clients);
    for _ in 0..clients {
        connections.push(service.connect().await?);
    }
    let head = service.head();
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for (index, connection) in (0..).zip(connections) {
        tasks.spawn(client(connection, index, begun + time));
    }
    let mut latencies = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        let lived = joined.map_err(|error| Failure::of("run", &"a client", error))??;
        latencies.extend(lived);
    }
    let elapsed = begun.elapsed();
    latencies.sort_unstable();
    let appended = service.head().0.saturating_sub(head.0);
    Ok(Measured { latencies, elapsed, appended })
}

async fn live(
    mut connection: Box<dyn Connection>,
    first: u64,
    end: Instant,
) -> Result<Vec<u32>, Failure> {
    let mut latencies = Vec::new();
    let mut number = first;
    while Instant::now() < end {
        let mut lead = None;
        for step in LIFE {
            let begun = Instant::now();
            lead = Some(connection.send(step, number, lead).await?);
            latencies.push(micros(begun));
        }
        number += 1;
    }
    Ok(latencies)
}

async fn contact(
    mut connection: Box<dyn Connection>,
    number: u64,
    lead: uuid::Uuid,
    end: Instant,
) -> Result<Vec<u32>, Failure> {
    let mut latencies = Vec::new();
    while Instant::now() < end {
        let begun = Instant::now();
        connection.send(Step::Contact, number, Some(lead)).await?;
        latencies.push(micros(begun));
    }
    Ok(latencies)
}

fn micros(since: Instant) -> u32 {
    u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX)
}
