//! Everything in one Postgres database: a schema for the log, one for the keys, one for the views.
//!
//! Several nodes may use it at once. Appends are serialised by a lock in the database, so that positions are dense and
//! in commit order whoever writes.

mod connect;
pub mod examine;
pub mod log;
mod migrate;
mod pool;
mod sockets;
pub mod vault;
pub mod views;

pub use connect::{Database, Opening};

use leadline_log::Error;
use sqlx_postgres::{PgDatabaseError, PgSeverity};

/// An error of the driver.
type Failed = sqlx_core::Error;
/// A query with its arguments.
type Query = sqlx_core::query::Query<'static, sqlx_postgres::Postgres, sqlx_postgres::PgArguments>;

/// The number that stands for this name as an advisory lock.
const fn lock_key(name: [u8; 8]) -> i64 {
    i64::from_be_bytes(name)
}

/// Says what was attempted when the database failed.
fn failed(attempt: &'static str) -> impl Fn(Failed) -> Error {
    move |source| Error::Unavailable { attempt, source: Box::new(source) }
}

/// Says what was attempted where the reason is our own.
fn refused(attempt: &'static str, reason: impl Into<String>) -> Error {
    Error::Unavailable { attempt, source: reason.into().into() }
}

/// Whether the connection is of no use any more. What was under way on it may have happened, or not.
fn is_lost(error: &Failed) -> bool {
    match error {
        Failed::Database(error) => {
            // A server that has become a standby takes no writes any more: the next connection may find the primary.
            error.code().is_some_and(|code| code == "25006")
                || error.try_downcast_ref::<PgDatabaseError>().is_none_or(|error| {
                    matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic)
                })
        }
        Failed::Io(_) | Failed::Tls(_) | Failed::Protocol(_) | Failed::WorkerCrashed => true,
        _ => false,
    }
}

/// A number that is never negative, as the database counts.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
