//! The views on an SQLite file of their own: one thread that writes, a few that read.
//!
//! The file holds nothing that the log does not: it may be deleted at any moment and is built again.

mod read;
mod schema;
mod worker;
mod write;

use async_trait::async_trait;
use leadline_views::store::{
    AsOf, Checkpoint, Checksum, Commit, Error, Generation, Outcome, Rows, Select, ViewStore,
};
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use uuid::Uuid;
use worker::Worker;

/// How many threads read.
const READERS: usize = 3;

fn failed(attempt: &'static str) -> impl Fn(rusqlite::Error) -> Error {
    move |source| Error::Unavailable { attempt, source: Box::new(source) }
}

/// Views in an SQLite file.
#[derive(Debug)]
pub struct SqliteViews {
    // Readers end before the writer, so that the writer is the last to close the file and leaves it whole.
    readers: Vec<Worker>,
    writer: Worker,
    turn: AtomicUsize,
}

impl SqliteViews {
    /// Opens the views at this path, and makes the file where there is none.
    ///
    /// # Errors
    /// The file cannot be opened, or is of another version.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let connection = connect(path)?;
        schema::prepare(&connection)?;
        let writer = Worker::start("views-writer", connection)?;
        let reader = |_| Worker::start("views-reader", connect(path)?);
        let readers = (0..READERS).map(reader).collect::<Result<_, _>>()?;
        Ok(Self { readers, writer, turn: AtomicUsize::new(0) })
    }

    fn reader(&self) -> &Worker {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % READERS;
        self.readers.get(turn).unwrap_or(&self.writer)
    }
}

fn connect(path: &Path) -> Result<Connection, Error> {
    super::owner_only(std::fs::OpenOptions::new().append(true).create(true)).open(path).map_err(
        |source| Error::Unavailable { attempt: "create the file", source: Box::new(source) },
    )?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed("open the file"))?;
    // Not mapped into memory: whoever truncates a mapped file, or a disk that fails to read it, ends the process.
    connection
        .execute_batch(
            "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
             PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY; PRAGMA busy_timeout = 5000;
             PRAGMA wal_autocheckpoint = 8000;",
        )
        .map_err(failed("configure the file"))?;
    connection.set_prepared_statement_cache_capacity(256);
    Ok(connection)
}

#[async_trait]
impl ViewStore for SqliteViews {
    async fn checkpoints(&self) -> Result<BTreeMap<String, Checkpoint>, Error> {
        self.reader().ask(read::checkpoints).await
    }

    async fn states(
        &self,
        view: &str,
        generation: Generation,
        keys: &[Uuid],
    ) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let (view, keys) = (view.to_owned(), keys.to_vec());
        let read =
            move |connection: &mut Connection| read::states(connection, &view, generation, &keys);
        self.reader().ask(read).await
    }

    async fn commit(&self, commits: Vec<Commit>) -> Result<Vec<Outcome>, Error> {
        self.writer.ask(move |connection| write::commit(connection, &commits)).await
    }

    async fn rows(&self, view: &str, as_of: AsOf, select: Select) -> Result<Rows, Error> {
        let view = view.to_owned();
        self.reader().ask(move |connection| read::rows(connection, &view, as_of, select)).await
    }

    async fn checksum(&self, view: &str, generation: Generation) -> Result<Checksum, Error> {
        let view = view.to_owned();
        self.reader().ask(move |connection| read::checksum(connection, &view, generation)).await
    }

    async fn begin_rebuild(&self, view: &str) -> Result<u64, Error> {
        let view = view.to_owned();
        self.writer.ask(move |connection| write::begin_rebuild(connection, &view)).await
    }

    async fn promote(&self, view: &str, build: u64) -> Result<(), Error> {
        let view = view.to_owned();
        self.writer.ask(move |connection| write::promote(connection, &view, build)).await
    }

    async fn roll_back(&self, view: &str) -> Result<(), Error> {
        let view = view.to_owned();
        self.writer.ask(move |connection| write::roll_back(connection, &view)).await
    }

    async fn drop_view(&self, view: &str) -> Result<(), Error> {
        let view = view.to_owned();
        self.writer.ask(move |connection| write::drop_view(connection, &view)).await
    }
}
