//! Looking at the files without changing them, also while a server has them.

use super::failed;
use crate::facts::Facts;
use leadline_log::types::LogIdentity;
use leadline_log::{Error, Place, Position};
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use uuid::Uuid;

/// What is said of a log and its views. None of the files is made or changed.
#[derive(Debug)]
pub struct Examined {
    /// Whether it has a write-ahead log, as it should.
    pub write_ahead: bool,
    /// Whether the triggers are there that keep events from being changed.
    pub guarded: bool,
    /// The log and its views.
    pub facts: Facts,
}

/// Looks at the log and the views at these paths.
///
/// # Errors
/// There is no such log, or it cannot be read.
pub fn examine(log: &Path, views: &Path) -> Result<Examined, Error> {
    const ATTEMPT: &str = "look at the database";
    let connection = connect(log).map_err(failed(ATTEMPT))?;
    let (guarded, mut facts) = read_log(&connection).map_err(failed(ATTEMPT))?;
    let write_ahead = write_ahead(log)
        .map_err(|source| Error::Unavailable { attempt: ATTEMPT, source: Box::new(source) })?;
    if views.exists() {
        let found = connect(views).and_then(|views| read_views(&views));
        for (name, place) in found.map_err(failed("look at the views"))? {
            let there = connection
                .query_row(
                    "SELECT event_id FROM event WHERE position = ?1",
                    [i64::try_from(place.position.0).unwrap_or(i64::MAX)],
                    |row| row.get(0).map(Uuid::from_bytes),
                )
                .optional();
            facts.add(name, place, there.map_err(failed(ATTEMPT))?);
        }
    }
    Ok(Examined { write_ahead, guarded, facts })
}

/// A connection that only reads. Where nobody has left or is writing anything beside the file, it is read as it is: else
/// SQLite would make the files beside it.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let mut beside = path.as_os_str().to_owned();
    beside.push("-wal");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if Path::new(&beside).exists() {
        return Connection::open_with_flags(path, flags);
    }
    let escaped: String = path
        .to_string_lossy()
        .chars()
        .flat_map(|letter| match letter {
            '%' => "%25".chars().collect::<Vec<_>>(),
            '?' => "%3f".chars().collect(),
            '#' => "%23".chars().collect(),
            letter => vec![letter],
        })
        .collect();
    let uri = format!("file:{escaped}?immutable=1");
    Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
}

/// What the file says of its journal: bytes 18 and 19 of its header. A connection to a file that is taken to be immutable
/// does not tell.
fn write_ahead(path: &Path) -> std::io::Result<bool> {
    let mut header = [0; 20];
    File::open(path)?.read_exact(&mut header)?;
    Ok(header.ends_with(&[2, 2]))
}

fn identity(id: [u8; 16], epoch: i64) -> LogIdentity {
    LogIdentity { id: Uuid::from_bytes(id), epoch: epoch.cast_unsigned() }
}

fn read_log(connection: &Connection) -> rusqlite::Result<(bool, Facts)> {
    let triggers: i64 = connection.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'event'",
        (),
        |row| row.get(0),
    )?;
    let log = connection.query_row("SELECT log_id, epoch FROM meta", (), |row| {
        Ok(identity(row.get(0)?, row.get(1)?))
    })?;
    let last = connection
        .query_row(
            "SELECT position, recorded_at FROM event ORDER BY position DESC LIMIT 1",
            (),
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
        )
        .optional()?;
    let head = Position(last.map_or(0, |(position, _)| position.cast_unsigned()));
    let last_recorded_at = last.map(|(_, recorded_at)| recorded_at);
    Ok((triggers >= 2, Facts { log, head, last_recorded_at, views: Vec::new() }))
}

fn read_views(connection: &Connection) -> rusqlite::Result<Vec<(String, Place)>> {
    let mut live = connection.prepare(
        "SELECT c.name, c.log, c.epoch, c.position, c.event FROM checkpoint AS c
         JOIN view AS v ON v.name = c.name AND v.live = c.generation ORDER BY c.name",
    )?;
    let places = live.query_map((), |row| {
        let log = identity(row.get(1)?, row.get(2)?);
        let position = Position(row.get::<_, i64>(3)?.cast_unsigned());
        Ok((row.get(0)?, Place { log, position, event: Uuid::from_bytes(row.get(4)?) }))
    })?;
    places.collect()
}
