//! The log on SQLite keeps the contract, and what it has stored.

#![expect(clippy::unwrap_used, reason = "tests")]

use leadline_log::clock::{Clock, System};
use leadline_log::types::{Append, Category, Direction, NewEvent, Position, Read, Scope, Verdict};
use leadline_log::{LogBackend, StreamKey};
use leadline_store::sqlite::lock::Lock;
use leadline_store::sqlite::log::SqliteLog;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

fn open(directory: &Path, clock: Arc<dyn Clock>) -> SqliteLog {
    let lock = Arc::new(Lock::acquire(&directory.join("log.db")).unwrap());
    SqliteLog::open(lock, clock, &System, true).unwrap()
}

fn make(clock: Arc<dyn Clock>) -> Arc<dyn LogBackend> {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), clock);
    Arc::new(Kept { log, _directory: directory })
}

leadline_log::conformance!(make);

/// A log whose directory goes with it.
#[derive(Debug)]
struct Kept {
    log: SqliteLog,
    _directory: tempfile::TempDir,
}

#[async_trait::async_trait]
impl LogBackend for Kept {
    fn identity(&self) -> leadline_log::types::LogIdentity {
        self.log.identity()
    }
    async fn append(&self, batch: Arc<[Append]>) -> Result<Vec<Verdict>, leadline_log::Error> {
        self.log.append(batch).await
    }
    async fn read(&self, read: Read) -> Result<leadline_log::types::Page, leadline_log::Error> {
        self.log.read(read).await
    }
    async fn streams(
        &self,
        streams: &[StreamKey],
    ) -> Result<Vec<Vec<leadline_log::Recorded>>, leadline_log::Error> {
        self.log.streams(streams).await
    }
    async fn claims(
        &self,
        keys: &[leadline_log::ClaimKey],
    ) -> Result<Vec<Option<leadline_log::types::ClaimHolder>>, leadline_log::Error> {
        self.log.claims(keys).await
    }
    async fn commands(
        &self,
        ids: &[[u8; 16]],
    ) -> Result<Vec<Option<leadline_log::types::CommandRecord>>, leadline_log::Error> {
        self.log.commands(ids).await
    }
    async fn head(&self) -> Result<Position, leadline_log::Error> {
        self.log.head().await
    }
}

fn append(number: u128, version: u64, bytes: usize) -> Append {
    let category = Category::parse("lead").unwrap();
    let stream = StreamKey { category, id: Uuid::from_u128(1) };
    let event = NewEvent {
        stream,
        event_type: "lead.captured".into(),
        schema_version: 3,
        event_id: Uuid::from_u128(number),
        root: Uuid::from_u128(2),
        effective_at: -4,
        meta: vec![1; bytes].into(),
        data: vec![2; bytes].into(),
    };
    Append {
        command_id: number.to_be_bytes(),
        payload_hash: [3; 16],
        expect: vec![(stream, version)],
        claims: Vec::new(),
        events: vec![event],
        group: None,
    }
}

const ALL: Read = Read {
    scope: Scope::All,
    after: Position::START,
    through: None,
    direction: Direction::Forward,
    limit: 10_000,
};

#[tokio::test]
async fn what_is_stored_survives_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), Arc::new(System));
    for number in 0..3 {
        log.append([append(u128::from(number), number, 10)].into()).await.unwrap();
    }
    let (before, identity) = (log.read(ALL).await.unwrap(), log.identity());
    assert_eq!((before.events.len(), before.head), (3, Position(3)));
    drop(log);
    let log = open(directory.path(), Arc::new(System));
    assert_eq!(log.identity(), identity);
    assert_eq!(log.read(ALL).await.unwrap(), before);
    let batch = [append(1, 9, 10), append(8, 2, 10), append(9, 3, 10)].into();
    let verdicts = log.append(batch).await.unwrap();
    assert!(matches!(verdicts[0], Verdict::Duplicate(known) if known.first == Position(2)));
    assert!(matches!(verdicts[1], Verdict::Bounced(_)));
    assert!(matches!(verdicts[2], Verdict::Committed { first: Position(4), .. }));
}

#[tokio::test]
async fn events_cannot_be_changed_or_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), Arc::new(System));
    log.append([append(1, 0, 10)].into()).await.unwrap();
    drop(log);
    let connection = Connection::open(directory.path().join("log.db")).unwrap();
    for forbidden in ["UPDATE event SET version = 2", "DELETE FROM event"] {
        let refused = connection.execute(forbidden, ()).unwrap_err();
        assert!(refused.to_string().contains("events are never"), "{refused}");
    }
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path(), Arc::new(System)));
    let path = directory.path().join("log.db");
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let lock = Arc::new(Lock::acquire(&path).unwrap());
    assert!(SqliteLog::open(lock, Arc::new(System), &System, true).is_err());
}

#[tokio::test]
async fn a_log_that_is_missing_is_not_made_by_accident() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.db");
    let lock = Arc::new(Lock::acquire(&path).unwrap());
    assert!(SqliteLog::open(lock, Arc::new(System), &System, false).is_err());
    assert!(!path.exists());
}

/// Goal: the write-ahead log is used again instead of growing. Method: write several times what it may hold while a
/// reader reads, and look at its size.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_write_ahead_log_begins_again() {
    const LIMIT: u64 = 65 << 20;
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path(), Arc::new(System));
    let mut version = 0;
    for _ in 0..300 {
        let batch =
            (0..16).map(|index| append(u128::from(version + index), version + index, 60_000));
        let batch: Arc<[Append]> = batch.collect();
        let verdicts = log.append(batch).await.unwrap();
        assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Committed { .. })));
        version += 16;
        let page =
            log.read(Read { direction: Direction::Backward, limit: 2, ..ALL }).await.unwrap();
        assert_eq!(page.head, Position(version));
    }
    let size = |name| std::fs::metadata(directory.path().join(name)).unwrap().len();
    assert!(size("log.db") > LIMIT, "the test wrote too little");
    let wal = size("log.db-wal");
    // The checkpoint needs time of a core that others may want: it would be four times the limit without it.
    assert!(wal < 3 * LIMIT, "the write-ahead log has grown to {wal} bytes");
}
