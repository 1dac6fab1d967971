//! The tables of the log and their migrations.

use leadline_log::Error;
use leadline_log::clock::IdGen;
use leadline_log::types::LogIdentity;
use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

use crate::sqlite::failed;

/// Marks the file as a log of this product ("ldl1").
const APPLICATION_ID: i32 = 0x6c64_6c31;

/// Each step leads from the format of its index to the next; the file's `user_version` says how many it has seen.
const MIGRATIONS: [&str; 1] = [include_str!("0001.sql")];
/// The current format: as many as there are migrations.
const FORMAT: i32 = 1;

/// Settings of the writing connection. Commits survive a loss of power: the log is synced at each of them. Moving
/// the log's tail into the database file is arranged by the writer, never done by a commit. The cache is small because
/// SQLite walks all of it after every commit that has split a page; what is not in it, the system has.
const WRITER: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA journal_size_limit = -1;
    PRAGMA cache_size = -8192;
    PRAGMA temp_store = MEMORY;
    PRAGMA busy_timeout = 5000;
";

/// Settings of the connections that only read, and of the one that checkpoints.
const READER: &str = "
    PRAGMA query_only = ON;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA cache_size = -16384;
    PRAGMA temp_store = MEMORY;
    PRAGMA busy_timeout = 5000;
";

/// Prepares the writing connection and brings the file to the current format.
pub(super) fn prepare(connection: &mut Connection, ids: &dyn IdGen) -> Result<LogIdentity, Error> {
    connection.execute_batch(WRITER).map_err(failed("configure the database"))?;
    connection.set_prepared_statement_cache_capacity(64);
    migrate(connection)?;
    let known = "SELECT log_id, epoch FROM meta";
    let identity = |connection: &Connection| {
        connection.query_row(known, (), |row| {
            let id = Uuid::from_bytes(row.get(0)?);
            Ok(LogIdentity { id, epoch: row.get::<_, i64>(1)?.cast_unsigned() })
        })
    };
    if let Some(known) = identity(connection).optional().map_err(failed("read the identity"))? {
        return Ok(known);
    }
    connection
        .execute("INSERT INTO meta (one, log_id, epoch) VALUES (1, ?1, 1)", [ids.next().as_bytes()])
        .map_err(failed("store the identity"))?;
    identity(connection).map_err(failed("read the identity"))
}

/// Prepares a connection that never writes events.
pub(super) fn prepare_reader(connection: &Connection) -> Result<(), Error> {
    connection.execute_batch(READER).map_err(failed("configure a reader"))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn migrate(connection: &mut Connection) -> Result<(), Error> {
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive)
        .map_err(failed("lock the database"))?;
    let pragma = |name| transaction.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let version = pragma("user_version").map_err(failed("read the format"))?;
    let application = pragma("application_id").map_err(failed("read the format"))?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if version > FORMAT || (done > 0 && application != APPLICATION_ID) {
        let source = "the file is of a newer version of leadline, or of another product".into();
        return Err(Error::Unavailable { attempt: "open the database", source });
    }
    for migration in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(migration).map_err(failed("migrate the database"))?;
    }
    transaction
        .pragma_update(None, "user_version", FORMAT)
        .and_then(|()| transaction.pragma_update(None, "application_id", APPLICATION_ID))
        .map_err(failed("store the format"))?;
    transaction.commit().map_err(failed("migrate the database"))
}
