//! A log in memory, what follows it, and what looks at the stream.

use crate::server::Server;
use async_nats::jetstream::Context;
use async_trait::async_trait;
use bytes::Bytes;
use leadline_bus::connection::{Connection, State};
use leadline_bus::publisher::Progress;
use leadline_bus::stream::{EVENTS, Settings};
use leadline_bus::wire::partition;
use leadline_bus::{Publisher, Subscription};
use leadline_log::clock::{Clock, System};
use leadline_log::delivery::{Delivery, Undelivered};
use leadline_log::memory::MemoryLog;
use leadline_log::tailer::Tailer;
use leadline_log::types::{
    Append, Category, ClaimHolder, ClaimKey, CommandRecord, Direction, LogIdentity, NewEvent, Page,
    Position, READ_EVENTS_MAX, Read, Recorded, Scope, StreamKey, Verdict,
};
use leadline_log::{Error as LogError, LogBackend};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many roots the events of a test have.
const ROOTS: u128 = 300;

/// A clock that is set by hand.
#[derive(Debug, Default)]
pub(crate) struct TestClock(pub(crate) AtomicI64);

impl Clock for TestClock {
    fn now_millis(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A log that can be restored, and whose epoch can be raised.
#[derive(Debug)]
struct Log {
    id: Uuid,
    epoch: AtomicU64,
    memory: Mutex<Arc<MemoryLog>>,
    /// How often it was restored: part of the ids of events that are appended from then on.
    restored: AtomicU64,
}

impl Log {
    fn memory(&self) -> Arc<MemoryLog> {
        Arc::clone(&self.memory.lock().unwrap())
    }
}

#[async_trait]
impl LogBackend for Log {
    fn identity(&self) -> LogIdentity {
        LogIdentity { id: self.id, epoch: self.epoch.load(Ordering::Relaxed) }
    }

    async fn append(&self, batch: Arc<[Append]>) -> Result<Vec<Verdict>, LogError> {
        self.memory().append(batch).await
    }

    async fn read(&self, read: Read) -> Result<Page, LogError> {
        self.memory().read(read).await
    }

    async fn streams(&self, streams: &[StreamKey]) -> Result<Vec<Vec<Recorded>>, LogError> {
        self.memory().streams(streams).await
    }

    async fn claims(&self, keys: &[ClaimKey]) -> Result<Vec<Option<ClaimHolder>>, LogError> {
        self.memory().claims(keys).await
    }

    async fn commands(&self, ids: &[[u8; 16]]) -> Result<Vec<Option<CommandRecord>>, LogError> {
        self.memory().commands(ids).await
    }

    async fn head(&self) -> Result<Position, LogError> {
        self.memory().head().await
    }
}

/// A server and a log.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) clock: Arc<TestClock>,
    log: Arc<Log>,
    head: watch::Sender<Position>,
}

/// A publisher at work.
pub(crate) struct Publishing {
    pub(crate) progress: watch::Receiver<Progress>,
    pub(crate) stop: CancellationToken,
    task: JoinHandle<()>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let server = Server::start().await;
        let clock = Arc::new(TestClock::default());
        let memory = MemoryLog::new(Arc::clone(&clock) as Arc<dyn Clock>, &System);
        let log = Arc::new(Log {
            id: memory.identity().id,
            epoch: AtomicU64::new(1),
            memory: Mutex::new(Arc::new(memory)),
            restored: AtomicU64::new(0),
        });
        Self { server, clock, log, head: watch::Sender::default() }
    }

    pub(crate) fn identity(&self) -> LogIdentity {
        self.log.identity()
    }

    /// The log.
    pub(crate) fn backend(&self) -> Arc<dyn LogBackend> {
        Arc::clone(&self.log) as Arc<dyn LogBackend>
    }

    pub(crate) fn raise_epoch(&self) {
        self.log.epoch.fetch_add(1, Ordering::Relaxed);
    }

    /// Puts the log back to where it ended with `position`; what is appended then is another past than it was.
    pub(crate) async fn restore(&self, position: u64) {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        *self.log.memory.lock().unwrap() = Arc::new(MemoryLog::new(clock, &System));
        let restored = self.log.restored.swap(0, Ordering::Relaxed);
        self.append(position).await;
        self.log.restored.store(restored + 1, Ordering::Relaxed);
    }

    pub(crate) async fn connection(&self) -> Connection {
        let connection = Connection::open(&self.server.url()).await.unwrap();
        let mut state = connection.state();
        let connected = state.wait_for(|state| *state != State::Disconnected);
        assert!(patiently(connected).await.is_ok());
        connection
    }

    /// Appends `count` events, in appends of up to ten.
    pub(crate) async fn append(&self, count: u64) {
        let restored = self.log.restored.load(Ordering::Relaxed);
        let head = self.log.head().await.unwrap().0;
        let numbers: Vec<u64> = (head..head + count).collect();
        for numbers in numbers.chunks(10) {
            let events: Vec<NewEvent> =
                numbers.iter().map(|number| event(*number, restored)).collect();
            let append = Append {
                command_id: u128::from(numbers[0]).to_be_bytes(),
                payload_hash: [0; 16],
                expect: events.iter().map(|event| (event.stream, 0)).collect(),
                claims: Vec::new(),
                events,
                group: None,
            };
            let verdicts = self.log.append(Arc::from([append])).await.unwrap();
            assert!(matches!(verdicts[..], [Verdict::Committed { .. }]), "{verdicts:?}");
            self.head.send_replace(self.log.head().await.unwrap());
        }
    }

    /// Everything in the log after `position`.
    pub(crate) async fn log_after(&self, position: Position) -> Vec<Recorded> {
        let read = Read {
            scope: Scope::All,
            after: position,
            through: None,
            direction: Direction::Forward,
            limit: READ_EVENTS_MAX,
        };
        let events = self.log.read(read).await.unwrap().events;
        assert!(events.len() < READ_EVENTS_MAX, "the log has outgrown a page");
        events
    }

    pub(crate) async fn publish(&self) -> Publishing {
        self.publish_with(Settings { max_bytes: 1 << 26, ..Settings::events() }).await
    }

    pub(crate) async fn publish_with(&self, settings: Settings) -> Publishing {
        let log = Arc::clone(&self.log) as Arc<dyn LogBackend>;
        let tailer = Tailer::new(Arc::clone(&log), self.head.subscribe());
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let connection = self.connection().await;
        let publisher = Publisher::new(connection, log, tailer, clock, settings);
        let (progress, stop) = (publisher.progress(), CancellationToken::new());
        let token = stop.clone();
        let task = tokio::spawn(async move { publisher.run(token).await });
        Publishing { progress, stop, task }
    }

    /// A subscription of a process that has opened the log as it is now: it does not learn of a later epoch.
    pub(crate) async fn subscribe(&self) -> Subscription {
        let log = Log {
            id: self.log.id,
            epoch: AtomicU64::new(self.identity().epoch),
            memory: Mutex::new(self.log.memory()),
            restored: AtomicU64::default(),
        };
        Subscription::new(self.connection().await, Arc::new(log))
    }

    /// Receives everything after `after` up to `last` as a projector does, except that it waits where nothing is
    /// delivered. Gives what came, and how many holes there were.
    pub(crate) async fn follow(
        &self,
        from: &mut Subscription,
        after: u64,
        last: u64,
    ) -> (Vec<Recorded>, u32) {
        let (mut events, mut holes) = (Vec::new(), 0);
        let mut after = Position(after);
        while after < Position(last) {
            match patiently(from.next(after, 100)).await {
                Ok(page) => events.extend(page),
                Err(Undelivered::Hole { found }) => {
                    let missing = self.log_after(after).await;
                    events.extend(missing.into_iter().filter(|event| event.position < found));
                    holes += 1;
                }
                Err(Undelivered::Away { .. }) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            after = events.last().map_or(after, |event: &Recorded| event.position);
        }
        (events, holes)
    }
}

impl Publishing {
    /// Waits until the server has acknowledged `position`.
    pub(crate) async fn reach(&mut self, position: u64) {
        let reached = self.progress.wait_for(|progress| progress.position >= Position(position));
        assert!(patiently(reached).await.is_ok());
    }

    /// Waits until something keeps the publisher from going on, and tells what.
    pub(crate) async fn trouble(&mut self) -> String {
        let troubled = self.progress.wait_for(|progress| progress.trouble.is_some());
        patiently(troubled).await.unwrap().trouble.clone().unwrap()
    }

    /// Stops it as it should be.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        patiently(self.task).await.unwrap();
    }

    /// Stops it wherever it is.
    pub(crate) async fn abort(self) {
        self.task.abort();
        assert!(patiently(self.task).await.is_err_and(|error| error.is_cancelled()));
    }
}

/// The event at this place of a log that was restored so often.
fn event(number: u64, restored: u64) -> NewEvent {
    let stream = StreamKey {
        category: Category::parse("lead").unwrap(),
        id: Uuid::from_u128(number.into()),
    };
    NewEvent {
        stream,
        event_type: Cow::Borrowed("lead.captured"),
        schema_version: 1,
        event_id: Uuid::from_u128((u128::from(number) << 64) + u128::from(restored)),
        root: Uuid::from_u128(u128::from(number) * 7 % ROOTS),
        effective_at: 1_767_225_600_000,
        meta: Bytes::from_static(br#"{"class":"fact"}"#),
        data: Bytes::from(format!(r#"{{"number":{number}}}"#)),
    }
}

/// Waits for something that has to come.
pub(crate) async fn patiently<F: IntoFuture>(future: F) -> F::Output {
    let waited = tokio::time::timeout(PATIENCE, future).await;
    waited.unwrap_or_else(|_| panic!("it did not come within {PATIENCE:?}"))
}

/// The positions in the stream, in its order; each with the previous one of its partition that it names.
pub(crate) async fn positions(context: &Context) -> Vec<u64> {
    let stream = context.get_stream(EVENTS).await.unwrap();
    let state = stream.cached_info().state.clone();
    let mut positions = Vec::new();
    for sequence in state.first_sequence..=state.last_sequence {
        let message = stream.get_raw_message(sequence).await.unwrap();
        let header = |name: &str| message.headers.get(name).unwrap().as_str().parse().unwrap();
        positions.push(header("ce-sequence"));
    }
    positions
}

/// Checks that the stream has all of `events`, once, in order, each with the previous position of its partition.
pub(crate) async fn assert_published(context: &Context, events: &[Recorded]) {
    let stream = context.get_stream(EVENTS).await.unwrap();
    let state = stream.cached_info().state.clone();
    let mut previous = BTreeMap::new();
    let mut expected = Vec::new();
    for event in events {
        let partition = partition(event.event.root);
        let before = previous.insert(partition, event.position.0).unwrap_or_default();
        expected.push((partition.to_string(), event.position.0, before));
    }
    let mut found = Vec::new();
    for sequence in state.first_sequence..=state.last_sequence {
        let message = stream.get_raw_message(sequence).await.unwrap();
        let header = |name: &str| message.headers.get(name).unwrap().as_str().parse().unwrap();
        let partition = message.subject.split('.').nth(2).unwrap().to_owned();
        found.push((partition, header("ce-sequence"), header("Leadline-Prev")));
    }
    assert_eq!(found, expected);
}
