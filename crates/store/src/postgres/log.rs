//! The log in Postgres: one session that writes, a few that read.
//!
//! Other nodes may write as well, so nothing is decided on what this one remembers: `leadline.append` judges under the
//! lock of the log.

mod batch;
mod reader;
mod row;
mod verdicts;
mod writer;

use super::connect::{Database, within};
use super::{failed, lock_key, refused};
use crate::names::Names;
use async_trait::async_trait;
use leadline_log::clock::{Clock, IdGen};
use leadline_log::types::{
    Append, ClaimHolder, ClaimKey, CommandRecord, LogIdentity, Page, Position, Read, Recorded,
    StreamKey, Verdict,
};
use leadline_log::{Error, LogBackend};
use sqlx_core::query::query;
use sqlx_core::row::Row;
use std::sync::Arc;

/// The lock of the log, also named in `leadline.append`: whoever appends has it until the end of the transaction.
const LOCK: i64 = lock_key(*b"leadline");

/// All queries of the log find what they want by an index, whatever the planner makes of tables that have just begun.
const PLANS: [(&str, &str); 5] = [
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("plan_cache_mode", "force_generic_plan"),
];

/// A log in a Postgres database.
#[derive(Debug)]
pub struct PostgresLog {
    identity: LogIdentity,
    readers: reader::Readers,
    writer: writer::Writer,
}

impl PostgresLog {
    /// Opens the log in this database. Events are stamped by the database's clock, which all nodes share, unless
    /// another `clock` is given.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn open(
        database: &Database,
        clock: Option<Arc<dyn Clock>>,
        ids: &dyn IdGen,
    ) -> Result<Self, Error> {
        let identity = identify(database, ids).await?;
        let names = Arc::new(Names::default());
        let readers = reader::Readers::new(database, Arc::clone(&names));
        let writer = writer::Writer::start(database, names, clock, identity);
        Ok(Self { identity, readers, writer })
    }
}

/// Raises the epoch of the log in this database, so that nobody who followed it goes on unawares. It takes the rights of
/// the database's owner.
///
/// # Errors
/// Other processes of leadline use the database, it cannot be reached, or this user may not.
pub async fn raise_epoch(database: &Database) -> Result<LogIdentity, Error> {
    const ATTEMPT: &str = "raise the epoch";
    let mut session = database.owner_session("leadline epoch").await?;
    // Those that this process has open are told by their names from those of others.
    let others = query(
        "SELECT count(*) FROM pg_catalog.pg_stat_activity
         WHERE datname = current_database() AND application_name LIKE 'leadline log-%'",
    );
    let others = within(others.fetch_one(&mut session)).await.map_err(failed(ATTEMPT))?;
    if others.try_get::<i64, _>(0).map_err(failed(ATTEMPT))? > 0 {
        let reason = "processes of leadline still use the database; stop them first";
        return Err(refused(ATTEMPT, reason));
    }
    let raise = query("UPDATE leadline.meta SET epoch = epoch + 1 RETURNING log_id, epoch");
    let row = within(raise.fetch_one(&mut session)).await.map_err(failed(ATTEMPT))?;
    let epoch = row.try_get::<i64, _>(1).map_err(failed(ATTEMPT))?;
    Ok(LogIdentity { id: row.try_get(0).map_err(failed(ATTEMPT))?, epoch: epoch.cast_unsigned() })
}

/// The identity of the log: whichever node comes first makes it.
async fn identify(database: &Database, ids: &dyn IdGen) -> Result<LogIdentity, Error> {
    const ATTEMPT: &str = "read the identity of the log";
    let mut session = database.session("leadline start", &[]).await?;
    let make =
        query("INSERT INTO leadline.meta (log_id, epoch) VALUES ($1, 1) ON CONFLICT DO NOTHING");
    within(make.bind(ids.next()).execute(&mut session)).await.map_err(failed(ATTEMPT))?;
    let known = query("SELECT log_id, epoch FROM leadline.meta").fetch_one(&mut session);
    let known = within(known).await.map_err(failed(ATTEMPT))?;
    let epoch = known.try_get::<i64, _>(1).map_err(failed(ATTEMPT))?;
    let id = known.try_get(0).map_err(failed(ATTEMPT))?;
    Ok(LogIdentity { id, epoch: epoch.cast_unsigned() })
}

#[async_trait]
impl LogBackend for PostgresLog {
    fn identity(&self) -> LogIdentity {
        self.identity
    }

    async fn append(&self, batch: Arc<[Append]>) -> Result<Vec<Verdict>, Error> {
        self.writer.append(batch).await
    }

    async fn read(&self, read: Read) -> Result<Page, Error> {
        self.readers.page(read).await
    }

    async fn streams(&self, streams: &[StreamKey]) -> Result<Vec<Vec<Recorded>>, Error> {
        self.readers.streams(streams).await
    }

    async fn claims(&self, keys: &[ClaimKey]) -> Result<Vec<Option<ClaimHolder>>, Error> {
        self.readers.claims(keys).await
    }

    async fn commands(&self, ids: &[[u8; 16]]) -> Result<Vec<Option<CommandRecord>>, Error> {
        self.readers.commands(ids).await
    }

    async fn head(&self) -> Result<Position, Error> {
        self.readers.head().await
    }

    async fn hold(&self) -> Result<(), Error> {
        self.writer.hold().await
    }

    async fn release(&self) {
        self.writer.release().await;
    }
}
