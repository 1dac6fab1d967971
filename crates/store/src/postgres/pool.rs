//! A few sessions that are lent out.
//!
//! A session comes back only when whoever had it says that it is in order. One that failed, or whose borrower went away
//! half-way through a query, is closed: so nobody ever gets a session with somebody else's transaction open.

use super::connect::{Database, within};
use super::{Failed, Query, failed, is_lost};
use leadline_log::Error;
use sqlx_postgres::{PgConnection, PgRow};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How long to wait for a session.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// At most so many sessions of one kind.
#[derive(Debug)]
pub(super) struct Pool {
    database: Database,
    name: &'static str,
    settings: &'static [(&'static str, &'static str)],
    permits: Semaphore,
    idle: Mutex<Vec<PgConnection>>,
}

/// A session that is lent out; closed when dropped, unless it is [kept](Self::keep).
#[derive(Debug)]
pub(super) struct Lease<'p> {
    pool: &'p Pool,
    _permit: SemaphorePermit<'p>,
    pub(super) session: PgConnection,
}

impl Pool {
    pub(super) fn new(
        database: &Database,
        name: &'static str,
        settings: &'static [(&'static str, &'static str)],
        sessions_max: usize,
    ) -> Self {
        let permits = Semaphore::new(sessions_max);
        Self { database: database.clone(), name, settings, permits, idle: Mutex::default() }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<PgConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Borrows a session, made now where none is idle.
    pub(super) async fn lease(&self) -> Result<Lease<'_>, Failed> {
        let permit = match tokio::time::timeout(WAIT_MAX, self.permits.acquire()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(Failed::PoolClosed),
            Err(_) => return Err(Failed::PoolTimedOut),
        };
        let idle = self.idle().pop();
        let session = match idle {
            Some(session) => session,
            None => self.database.try_session(self.name, self.settings).await?,
        };
        Ok(Lease { pool: self, _permit: permit, session })
    }

    /// The rows of a query that only reads. It is asked once more where its session turns out to be lost: the server may
    /// have been started anew since it was used last, and then so are the other idle ones.
    pub(super) async fn rows(
        &self,
        attempt: &'static str,
        query: impl Fn() -> Query + Send + Sync,
    ) -> Result<Vec<PgRow>, Error> {
        self.try_rows(query).await.map_err(failed(attempt))
    }

    /// The same, or the driver's error.
    pub(super) async fn try_rows(
        &self,
        query: impl Fn() -> Query + Send + Sync,
    ) -> Result<Vec<PgRow>, Failed> {
        match self.rows_once(query()).await {
            Err(error) if is_lost(&error) => {
                self.forget();
                self.rows_once(query()).await
            }
            other => other,
        }
    }

    /// Closes the sessions that are idle: the server that they were with is not there any more.
    pub(super) fn forget(&self) {
        self.idle().clear();
    }

    async fn rows_once(&self, query: Query) -> Result<Vec<PgRow>, Failed> {
        let mut lease = self.lease().await?;
        let rows = within(query.fetch_all(&mut lease.session)).await?;
        lease.keep();
        Ok(rows)
    }
}

impl Lease<'_> {
    /// Gives the session back for others to use.
    pub(super) fn keep(self) {
        self.pool.idle().push(self.session);
    }
}
