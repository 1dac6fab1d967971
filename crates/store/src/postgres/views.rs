//! The views in a schema of their own: tables per generation, as in a file.
//!
//! The schema holds nothing that the log does not: it may be dropped at any moment and is built again.

mod duty;
mod read;
mod schema;
mod write;

use super::connect::{Database, within_time};
use super::pool::{Lease, Pool};
use super::{Failed, Query};
use async_trait::async_trait;
use leadline_views::store::{
    AsOf, Checkpoint, Checksum, Commit, Error, Generation, Outcome, Rows, Select, ViewStore,
};
use sqlx_core::query::query;
use sqlx_core::raw_sql::raw_sql;
use sqlx_core::sql_str::AssertSqlSafe;
use sqlx_postgres::{PgConnection, PgRow};
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

/// Sessions that read.
const READERS_MAX: usize = 3;
/// How long a statement may take: an index of a large view, or a bulk of rows.
const ANSWER_MAX: Duration = Duration::from_secs(905);
/// Settings of the session that writes. What a crash takes is folded again, rows and checkpoint alike; and between two
/// statements there may be much to encode.
const WRITER: [(&str, &str); 6] = [
    ("statement_timeout", "900s"),
    ("idle_in_transaction_session_timeout", "60s"),
    ("synchronous_commit", "off"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];
/// Settings of the sessions that read. Which index is better depends on the as-of point.
const READER: [(&str, &str); 2] =
    [("statement_timeout", "900s"), ("plan_cache_mode", "force_custom_plan")];

fn failed(attempt: &'static str) -> impl Fn(Failed) -> Error {
    move |source| Error::Unavailable { attempt, source: Box::new(source) }
}

/// A statement on the tables of a generation, whose names are made of a checked name and a number.
fn on_tables(sql: String) -> Query {
    query(AssertSqlSafe(sql))
}

async fn all(session: &mut PgConnection, query: Query) -> Result<Vec<PgRow>, Failed> {
    within_time(ANSWER_MAX, query.fetch_all(session)).await
}

async fn one(session: &mut PgConnection, query: Query) -> Result<Option<PgRow>, Failed> {
    within_time(ANSWER_MAX, query.fetch_optional(session)).await
}

/// Runs a statement; how many rows it has changed.
async fn change(session: &mut PgConnection, query: Query) -> Result<u64, Failed> {
    within_time(ANSWER_MAX, query.execute(session)).await.map(|done| done.rows_affected())
}

/// Runs statements without arguments.
async fn run(session: &mut PgConnection, sql: String) -> Result<(), Failed> {
    within_time(ANSWER_MAX, raw_sql(AssertSqlSafe(sql)).execute(session)).await.map(drop)
}

/// Views in a Postgres database.
#[derive(Debug)]
pub struct PostgresViews {
    writer: Pool,
    readers: Pool,
    duty: duty::Duty,
}

impl PostgresViews {
    /// The views in this database.
    pub fn open(database: &Database) -> Self {
        let writer = Pool::new(database, "leadline views-writer", &WRITER, 1);
        let readers = Pool::new(database, "leadline views-reader", &READER, READERS_MAX);
        Self { writer, readers, duty: duty::Duty::new(database) }
    }

    /// A session in a transaction that sees one snapshot.
    async fn snapshot(&self) -> Result<Lease<'_>, Error> {
        begin(&self.readers, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    /// The session that writes, in a transaction.
    async fn transaction(&self) -> Result<Lease<'_>, Error> {
        begin(&self.writer, "BEGIN").await
    }
}

/// Begins a transaction. An idle session may have been lost since it was used last; then so have the others.
async fn begin<'p>(pool: &'p Pool, sql: &str) -> Result<Lease<'p>, Error> {
    let broken = failed("begin a transaction");
    let mut lease = pool.lease().await.map_err(&broken)?;
    if run(&mut lease.session, sql.to_owned()).await.is_ok() {
        return Ok(lease);
    }
    drop(lease);
    pool.forget();
    let mut lease = pool.lease().await.map_err(&broken)?;
    run(&mut lease.session, sql.to_owned()).await.map_err(&broken)?;
    Ok(lease)
}

/// Ends a transaction and gives the session back.
async fn end(mut lease: Lease<'_>) -> Result<(), Error> {
    run(&mut lease.session, "COMMIT".to_owned()).await.map_err(failed("commit"))?;
    lease.keep();
    Ok(())
}

#[async_trait]
impl ViewStore for PostgresViews {
    async fn lease(&self, view: &str) -> Result<bool, Error> {
        self.duty.take(view).await.map_err(failed("take on a view"))
    }

    async fn let_go(&self, view: &str) -> Result<(), Error> {
        self.duty.let_go(view).await.map_err(failed("let go of a view"))
    }

    async fn checkpoints(&self) -> Result<BTreeMap<String, Checkpoint>, Error> {
        read::checkpoints(&self.readers).await
    }

    async fn states(
        &self,
        view: &str,
        generation: Generation,
        keys: &[Uuid],
    ) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let mut lease = self.snapshot().await?;
        let states = read::states(&mut lease.session, view, generation, keys).await?;
        end(lease).await?;
        Ok(states)
    }

    async fn commit(&self, commits: Vec<Commit>) -> Result<Vec<Outcome>, Error> {
        let mut lease = self.transaction().await?;
        let outcomes = write::commit(&mut lease.session, &commits).await?;
        end(lease).await?;
        Ok(outcomes)
    }

    async fn rows(&self, view: &str, as_of: AsOf, select: Select) -> Result<Rows, Error> {
        let mut lease = self.snapshot().await?;
        let rows = read::rows(&mut lease.session, view, as_of, select).await?;
        end(lease).await?;
        Ok(rows)
    }

    async fn checksum(&self, view: &str, generation: Generation) -> Result<Checksum, Error> {
        let mut lease = self.snapshot().await?;
        let checksum = read::checksum(&mut lease.session, view, generation).await?;
        end(lease).await?;
        Ok(checksum)
    }

    async fn begin_rebuild(&self, view: &str) -> Result<u64, Error> {
        let mut lease = self.transaction().await?;
        let build = write::begin_rebuild(&mut lease.session, view).await?;
        end(lease).await?;
        Ok(build)
    }

    async fn promote(&self, view: &str, build: u64) -> Result<(), Error> {
        let mut lease = self.transaction().await?;
        write::promote(&mut lease.session, view, build).await?;
        end(lease).await
    }

    async fn roll_back(&self, view: &str) -> Result<(), Error> {
        let mut lease = self.transaction().await?;
        write::roll_back(&mut lease.session, view).await?;
        end(lease).await
    }

    async fn drop_view(&self, view: &str) -> Result<(), Error> {
        let mut lease = self.transaction().await?;
        write::drop_view(&mut lease.session, view).await?;
        end(lease).await
    }
}
