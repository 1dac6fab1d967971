//! The tables: two that say which generations there are, and four per generation of a view.

use super::failed;
use crate::generations::{Generations, Tables};
use leadline_views::store::Error;
use rusqlite::{Connection, OptionalExtension};

/// Raised with every change of the tables below: another one's file is emptied, for the log has it all.
const VERSION: i64 = 1;

pub(super) fn prepare(connection: &Connection) -> Result<(), Error> {
    let broken = failed("prepare the tables");
    let version: i64 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(&broken)?;
    if version == VERSION {
        return Ok(());
    }
    if version != 0 {
        return Err(Error::Unavailable {
            attempt: "open a file of another version",
            source: "delete the file; the views are built again from the log".into(),
        });
    }
    connection
        .execute_batch(&format!(
            "BEGIN IMMEDIATE;
             CREATE TABLE IF NOT EXISTS view (
                 name TEXT PRIMARY KEY, last INTEGER NOT NULL,
                 live INTEGER, former INTEGER, next INTEGER) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS checkpoint (
                 name TEXT NOT NULL, generation INTEGER NOT NULL, log BLOB NOT NULL,
                 epoch INTEGER NOT NULL, fingerprint INTEGER NOT NULL, position INTEGER NOT NULL,
                 event BLOB NOT NULL, PRIMARY KEY (name, generation)) WITHOUT ROWID;
             PRAGMA user_version = {VERSION};
             COMMIT;"
        ))
        .map_err(&broken)
}

impl Tables {
    fn create(&self, connection: &Connection) -> rusqlite::Result<()> {
        let Self { by_time, by_position, current, state, .. } = self;
        for history in [by_time, by_position] {
            connection.execute_batch(&format!(
                "CREATE TABLE {history} (
                     key BLOB NOT NULL, ordinal INTEGER NOT NULL, \"from\" INTEGER NOT NULL,
                     \"to\" INTEGER NOT NULL, row BLOB NOT NULL,
                     PRIMARY KEY (key, ordinal, \"from\")) WITHOUT ROWID"
            ))?;
        }
        connection.execute_batch(&format!(
            "CREATE TABLE {current} (
                 key BLOB NOT NULL, ordinal INTEGER NOT NULL, at_from INTEGER NOT NULL,
                 pos_from INTEGER NOT NULL, row BLOB NOT NULL,
                 PRIMARY KEY (key, ordinal)) WITHOUT ROWID;
             CREATE TABLE {state} (key BLOB PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;"
        ))
    }

    /// What as-of questions need, and bulk writing does not.
    pub(super) fn create_indexes(&self, connection: &Connection) -> rusqlite::Result<()> {
        for history in [&self.by_time, &self.by_position] {
            connection.execute_batch(&format!(
                "CREATE INDEX {history}_from ON {history} (\"from\", \"to\");
                 CREATE INDEX {history}_to ON {history} (\"to\", \"from\");"
            ))?;
        }
        Ok(())
    }

    pub(super) fn drop(&self, connection: &Connection) -> rusqlite::Result<()> {
        for table in [&self.by_time, &self.by_position, &self.current, &self.state] {
            connection.execute_batch(&format!("DROP TABLE IF EXISTS {table}"))?;
        }
        connection
            .execute(
                "DELETE FROM checkpoint WHERE name = ?1 AND generation = ?2",
                (&self.view, self.number),
            )
            .map(|_| ())
    }
}

impl Generations {
    pub(super) fn read(connection: &Connection, view: &str) -> rusqlite::Result<Self> {
        let found = connection
            .prepare_cached("SELECT last, live, former, next FROM view WHERE name = ?1")?
            .query_row([view], |row| {
                let (last, live) = (row.get(0)?, row.get(1)?);
                Ok(Self { last, live, former: row.get(2)?, next: row.get(3)? })
            })
            .optional()?;
        Ok(found.unwrap_or_default())
    }

    pub(super) fn write(&self, connection: &Connection, view: &str) -> rusqlite::Result<()> {
        connection
            .execute(
                "INSERT INTO view (name, last, live, former, next) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (name) DO UPDATE SET last = ?2, live = ?3, former = ?4, next = ?5",
                (view, self.last, self.live, self.former, self.next),
            )
            .map(|_| ())
    }

    /// Tables of a new generation.
    pub(super) fn add(&mut self, connection: &Connection, view: &str) -> rusqlite::Result<Tables> {
        self.last += 1;
        let tables = Tables::of("", view, self.last);
        tables.create(connection)?;
        Ok(tables)
    }
}
