//! What is read from the views' file.

use super::failed;
use crate::generations::{Generations, Tables, check};
use leadline_log::Position;
use leadline_log::types::LogIdentity;
use leadline_views::store::{
    AsOf, Checkpoint, Checksum, Error, Generation, OPEN, Rows, Select, digest_version,
};
use rusqlite::{Connection, OptionalExtension, Row, Transaction};
use std::collections::BTreeMap;
use uuid::Uuid;

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn signed(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(OPEN)
}

pub(super) fn stored_checkpoint(
    connection: &Connection,
    tables: &Tables,
) -> rusqlite::Result<Option<Checkpoint>> {
    connection
        .prepare_cached(
            "SELECT log, epoch, fingerprint, position, event FROM checkpoint
             WHERE name = ?1 AND generation = ?2",
        )?
        .query_row((&tables.view, tables.number), |row| {
            let log = LogIdentity { id: uuid(row, 0)?, epoch: unsigned(row.get(1)?) };
            let position = Position(unsigned(row.get(3)?));
            let (event, fingerprint) = (uuid(row, 4)?, row.get(2)?);
            let build = tables.build();
            Ok(Checkpoint { log, position, event, fingerprint, build })
        })
        .optional()
}

fn uuid(row: &Row<'_>, index: usize) -> rusqlite::Result<Uuid> {
    let bytes: [u8; 16] = row.get(index)?;
    Ok(Uuid::from_bytes(bytes))
}

fn tables(
    connection: &Connection,
    view: &str,
    generation: Generation,
) -> Result<Option<Tables>, Error> {
    check(view)?;
    let generations =
        Generations::read(connection, view).map_err(failed("read the generations of a view"))?;
    Ok(Tables::numbered("", view, generations.number(generation)))
}

pub(super) fn checkpoints(
    connection: &mut Connection,
) -> Result<BTreeMap<String, Checkpoint>, Error> {
    let broken = failed("read the checkpoints");
    let transaction = begin(connection)?;
    let mut live = transaction
        .prepare_cached("SELECT name, live FROM view WHERE live IS NOT NULL")
        .map_err(&broken)?;
    let live = live.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(&broken)?;
    let live = live.collect::<rusqlite::Result<Vec<(String, i64)>>>().map_err(&broken)?;
    let mut checkpoints = BTreeMap::new();
    for (view, number) in live {
        let tables = Tables::of("", &view, number);
        let stored = stored_checkpoint(&transaction, &tables).map_err(&broken)?;
        checkpoints.extend(stored.map(|stored| (view, stored)));
    }
    Ok(checkpoints)
}

fn begin(connection: &mut Connection) -> Result<Transaction<'_>, Error> {
    connection.transaction().map_err(failed("begin to read"))
}

pub(super) fn states(
    connection: &mut Connection,
    view: &str,
    generation: Generation,
    keys: &[Uuid],
) -> Result<Vec<Option<Vec<u8>>>, Error> {
    let transaction = begin(connection)?;
    let Some(tables) = tables(&transaction, view, generation)? else {
        return Ok(vec![None; keys.len()]);
    };
    let broken = failed("read the states of keys");
    let sql = format!("SELECT state FROM {} WHERE key = ?1", tables.state);
    let mut statement = transaction.prepare_cached(&sql).map_err(&broken)?;
    let mut read = |key: &Uuid| {
        statement.query_row([&key.as_bytes()[..]], |row| row.get(0)).optional().map_err(&broken)
    };
    keys.iter().map(&mut read).collect()
}

/// Which history an as-of point is on, and where the present rows say since when they are in it.
struct Source<'a> {
    history: &'a str,
    since: &'static str,
    at: i64,
}

fn source(tables: &Tables, as_of: AsOf) -> Source<'_> {
    let (history, since, at) = match as_of {
        AsOf::Now => (&tables.by_position, "pos_from", OPEN),
        AsOf::Time(at) => (&tables.by_time, "at_from", at.millis()),
        AsOf::Position(position) => (&tables.by_position, "pos_from", signed(position)),
    };
    Source { history, since, at }
}

/// Of the two indexes of a history, the one that leaves fewer versions to look at: early points by their start, late
/// ones by their end.
fn index(transaction: &Transaction<'_>, source: &Source<'_>) -> rusqlite::Result<&'static str> {
    let Source { history, at, .. } = source;
    let sql = format!(
        "SELECT (SELECT min(\"from\") FROM {history}), (SELECT max(\"from\") FROM {history})"
    );
    let (first, last): (Option<i64>, Option<i64>) =
        transaction.prepare_cached(&sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let middle = first.zip(last).map_or(0, |(first, last)| first / 2 + last / 2);
    Ok(if *at < middle { "from" } else { "to" })
}

pub(super) fn rows(
    connection: &mut Connection,
    view: &str,
    as_of: AsOf,
    select: Select,
) -> Result<Rows, Error> {
    let unbuilt = || Error::Unbuilt { view: view.to_owned() };
    let transaction = begin(connection)?;
    let tables = tables(&transaction, view, Generation::Live)?.ok_or_else(unbuilt)?;
    let checkpoint =
        stored_checkpoint(&transaction, &tables).map_err(failed("read a checkpoint"))?;
    let position = checkpoint.ok_or_else(unbuilt)?.position;
    let rows = valid(&transaction, &tables, as_of, select).map_err(failed("read rows"))?;
    Ok(Rows { position, rows })
}

fn valid(
    transaction: &Transaction<'_>,
    tables: &Tables,
    as_of: AsOf,
    select: Select,
) -> rusqlite::Result<Vec<(Uuid, i64, Vec<u8>)>> {
    let source = source(tables, as_of);
    let Source { history, since, at } = &source;
    let read = |row: &Row<'_>| Ok((uuid(row, 0)?, row.get(1)?, row.get(2)?));
    let (columns, current) = ("SELECT key, ordinal, row FROM", &tables.current);
    let mut sql = format!("{columns} {current} WHERE {since} <= ?1");
    let ended = "\"from\" <= ?1 AND \"to\" > ?1";
    let mut rows: Vec<_> = match select {
        Select::All => {
            if as_of != AsOf::Now {
                let index = index(transaction, &source)?;
                sql = format!(
                    "{sql} UNION ALL {columns} {history} INDEXED BY {history}_{index} WHERE {ended}"
                );
            }
            transaction.prepare_cached(&sql)?.query_map([at], read)?.collect::<Result<_, _>>()?
        }
        Select::Key(key) => {
            sql = format!(
                "{sql} AND key = ?2 UNION ALL {columns} {history} WHERE key = ?2 AND {ended}"
            );
            let mut statement = transaction.prepare_cached(&sql)?;
            statement.query_map((at, &key.as_bytes()[..]), read)?.collect::<Result<_, _>>()?
        }
    };
    rows.sort_unstable_by_key(|(key, ordinal, _)| (*key, *ordinal));
    Ok(rows)
}

pub(super) fn checksum(
    connection: &mut Connection,
    view: &str,
    generation: Generation,
) -> Result<Checksum, Error> {
    let unbuilt = || Error::Unbuilt { view: view.to_owned() };
    let transaction = begin(connection)?;
    let tables = tables(&transaction, view, generation)?.ok_or_else(unbuilt)?;
    let checkpoint =
        stored_checkpoint(&transaction, &tables).map_err(failed("read a checkpoint"))?;
    let position = checkpoint.ok_or_else(unbuilt)?.position;
    let mut hasher = blake3::Hasher::new();
    let mut versions = 0;
    for history in [&tables.by_time, &tables.by_position] {
        let sql = format!(
            "SELECT key, ordinal, \"from\", \"to\", row FROM {history}
             ORDER BY key, ordinal, \"from\""
        );
        versions += digest(&transaction, &sql, &mut hasher).map_err(failed("digest rows"))?;
    }
    let sql = format!(
        "SELECT key, ordinal, at_from, pos_from, row FROM {} ORDER BY key, ordinal",
        tables.current
    );
    versions += digest(&transaction, &sql, &mut hasher).map_err(failed("digest rows"))?;
    hasher.update(&position.0.to_be_bytes());
    Ok(Checksum { digest: *hasher.finalize().as_bytes(), position, versions })
}

fn digest(
    transaction: &Transaction<'_>,
    sql: &str,
    hasher: &mut blake3::Hasher,
) -> rusqlite::Result<u64> {
    let mut statement = transaction.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut versions = 0;
    while let Some(row) = rows.next()? {
        let bytes = row.get_ref(4)?.as_blob()?;
        digest_version(hasher, uuid(row, 0)?, (row.get(1)?, row.get(2)?, row.get(3)?, bytes));
        versions += 1;
    }
    Ok(versions)
}
