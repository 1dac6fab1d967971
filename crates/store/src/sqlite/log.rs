//! The log in one SQLite file: one thread that writes, a few that read.
//!
//! The process that opens it holds the [`Lock`], so what the writer remembers is authoritative.

mod batch;
mod names;
mod reader;
mod schema;
mod writer;

use super::failed;
use super::lock::Lock;
use async_trait::async_trait;
use leadline_log::clock::{Clock, IdGen};
use leadline_log::types::{
    Append, ClaimHolder, ClaimKey, CommandRecord, LogIdentity, Page, Position, Read, Recorded,
    StreamKey, Verdict,
};
use leadline_log::{Error, LogBackend};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::sync::Arc;

/// A log in an SQLite file.
#[derive(Debug)]
pub struct SqliteLog {
    identity: LogIdentity,
    // Readers end before the writer, so that the writer is the last to close the file and leaves it whole; the lock
    // is given back after both.
    readers: reader::Readers,
    writer: writer::Writer,
    lock: Arc<Lock>,
}

impl SqliteLog {
    /// Opens the log that `lock` is the lock of; makes it where `create` says so and there is none.
    ///
    /// # Errors
    /// There is no such file, or it cannot be read, or a newer version has written it.
    pub fn open(
        lock: Arc<Lock>,
        clock: Arc<dyn Clock>,
        ids: &dyn IdGen,
        create: bool,
    ) -> Result<Self, Error> {
        let path = lock.database().to_owned();
        let mut connection = connect(&path, create)?;
        let identity = schema::prepare(&mut connection, ids)?;
        let names = Arc::new(names::load(&connection).map_err(failed("read the names"))?);
        let reader = || {
            let reader = connect(&path, false)?;
            schema::prepare_reader(&reader)?;
            Ok(reader)
        };
        let helper = reader()?;
        let readers = reader::Readers::start(reader, &names)?;
        let files = writer::Files::of(&path).map_err(|source| Error::Unavailable {
            attempt: "look at the files of the log",
            source: Box::new(source),
        })?;
        let parts = writer::Parts { connection, helper, files, names, clock };
        let writer = writer::Writer::start(parts)?;
        Ok(Self { identity, readers, writer, lock })
    }

    /// Raises the epoch of the log that `lock` is the lock of, so that nobody who followed it goes on unawares.
    ///
    /// # Errors
    /// There is no such log, or it cannot be read or written.
    pub fn raise_epoch(lock: &Lock, ids: &dyn IdGen) -> Result<LogIdentity, Error> {
        let mut connection = connect(lock.database(), false)?;
        schema::prepare(&mut connection, ids)?;
        connection
            .execute("UPDATE meta SET epoch = epoch + 1", ())
            .map_err(failed("raise the epoch"))?;
        schema::prepare(&mut connection, ids)
    }

    /// The lock that is held while the log is open.
    pub fn lock(&self) -> &Lock {
        &self.lock
    }
}

fn connect(path: &Path, create: bool) -> Result<Connection, Error> {
    if create {
        super::create(path)?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(failed("open the database"))
}

#[async_trait]
impl LogBackend for SqliteLog {
    fn identity(&self) -> LogIdentity {
        self.identity
    }

    async fn append(&self, batch: Arc<[Append]>) -> Result<Vec<Verdict>, Error> {
        self.writer.append(batch).await
    }

    async fn read(&self, read: Read) -> Result<Page, Error> {
        self.readers.ask(move |reader| reader.page(read)).await
    }

    async fn streams(&self, streams: &[StreamKey]) -> Result<Vec<Vec<Recorded>>, Error> {
        let streams = streams.to_vec();
        self.readers.ask(move |reader| reader.streams(&streams)).await
    }

    async fn claims(&self, keys: &[ClaimKey]) -> Result<Vec<Option<ClaimHolder>>, Error> {
        let keys = keys.to_vec();
        self.readers.ask(move |reader| reader.claims(&keys)).await
    }

    async fn commands(&self, ids: &[[u8; 16]]) -> Result<Vec<Option<CommandRecord>>, Error> {
        let ids = ids.to_vec();
        self.readers.ask(move |reader| reader.commands(&ids)).await
    }

    async fn head(&self) -> Result<Position, Error> {
        self.readers.ask(reader::Reader::head).await
    }
}
