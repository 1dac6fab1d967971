//! Rows of the log's tables.

use crate::names::Names;
use crate::postgres::Failed;
use bytes::Bytes;
use leadline_log::types::{Category, ClaimHolder, NewEvent, Position, Recorded, StreamKey};
use sqlx_core::row::Row;
use sqlx_postgres::PgRow;
use std::borrow::Cow;

/// The columns that [`recorded`] reads, of an event that is named `e`.
macro_rules! columns {
    () => {
        "e.position, e.category, e.id, e.version, e.type, e.schema_version, e.event_id, e.root, e.effective_at,
         e.recorded_at, e.meta, e.data"
    };
}
pub(super) use columns;

/// Why a row was not read.
#[derive(Debug)]
pub(super) enum Unread {
    /// It has a name that was added since the dictionary was read.
    Name,
    /// The driver could not.
    Failed(Failed),
}

impl From<Failed> for Unread {
    fn from(error: Failed) -> Self {
        Self::Failed(error)
    }
}

fn unsigned(row: &PgRow, column: usize) -> Result<u64, Failed> {
    row.try_get::<i64, _>(column).map(i64::cast_unsigned)
}

/// A position.
pub(super) fn position(row: &PgRow, column: usize) -> Result<Position, Failed> {
    unsigned(row, column).map(Position)
}

fn category(row: &PgRow, column: usize, names: &Names) -> Result<Category, Unread> {
    names.category(i64::from(row.try_get::<i32, _>(column)?)).ok_or(Unread::Name)
}

/// A holder: its category, its id and the subject, from this column on.
pub(super) fn holder(row: &PgRow, column: usize, names: &Names) -> Result<ClaimHolder, Unread> {
    let category = category(row, column, names)?;
    let holder = StreamKey { category, id: row.try_get(column + 1)? };
    Ok(ClaimHolder { holder, subject: row.try_get(column + 2)? })
}

/// An event, from this column on.
pub(super) fn recorded(row: &PgRow, column: usize, names: &Names) -> Result<Recorded, Unread> {
    let id = row.try_get(column + 2)?;
    let name = names.name(i64::from(row.try_get::<i32, _>(column + 4)?)).ok_or(Unread::Name)?;
    let bytes = |column| row.try_get::<&[u8], _>(column).map(Bytes::copy_from_slice);
    let version = row.try_get::<i32, _>(column + 5)?;
    Ok(Recorded {
        position: position(row, column)?,
        version: unsigned(row, column + 3)?,
        recorded_at: row.try_get(column + 9)?,
        event: NewEvent {
            stream: StreamKey { category: category(row, column + 1, names)?, id },
            event_type: Cow::Owned(name),
            schema_version: u16::try_from(version)
                .map_err(|error| Failed::Decode(Box::new(error)))?,
            event_id: row.try_get(column + 6)?,
            root: row.try_get::<Option<_>, _>(column + 7)?.unwrap_or(id),
            effective_at: row.try_get(column + 8)?,
            meta: bytes(column + 10)?,
            data: bytes(column + 11)?,
        },
    })
}
