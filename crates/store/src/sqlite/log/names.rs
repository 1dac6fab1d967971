//! The dictionary as the file keeps it.

use crate::names::Names;
use rusqlite::{Connection, Transaction, TransactionBehavior};

pub(super) fn load(connection: &Connection) -> rusqlite::Result<Names> {
    let names = Names::default();
    let mut statement = connection.prepare("SELECT code, name FROM name")?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        names.learn(row.get(0)?, row.get(1)?);
    }
    Ok(names)
}

/// Stores those of `wanted` that are not known yet, in a transaction of their own.
pub(super) fn add<'n>(
    names: &Names,
    connection: &Connection,
    wanted: impl Iterator<Item = &'n str>,
) -> rusqlite::Result<()> {
    let unknown = names.unknown(wanted);
    if unknown.is_empty() {
        return Ok(());
    }
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let mut added = Vec::with_capacity(unknown.len());
    for name in unknown {
        transaction.execute("INSERT INTO name (name) VALUES (?1)", [name])?;
        added.push((transaction.last_insert_rowid(), name));
    }
    transaction.commit()?;
    for (code, name) in added {
        names.learn(code, name.to_owned());
    }
    Ok(())
}
