//! What is read from the views.

use super::schema::{PREFIX, generations};
use super::{ANSWER_MAX, all, failed, on_tables, one};
use crate::generations::{Tables, check};
use crate::postgres::connect::within_time;
use crate::postgres::pool::Pool;
use crate::postgres::{Failed, Query, signed};
use futures::TryStreamExt;
use leadline_log::Position;
use leadline_log::types::LogIdentity;
use leadline_views::store::{
    AsOf, Checkpoint, Checksum, Error, Generation, OPEN, Rows, Select, digest_version,
};
use sqlx_core::query::query;
use sqlx_core::row::Row;
use sqlx_postgres::{PgBindIterExt, PgConnection, PgRow};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// The columns of a checkpoint, of which there may be more after them.
macro_rules! checkpoint {
    () => {
        "c.log, c.epoch, c.fingerprint, c.position, c.event, c.generation"
    };
}

fn checkpoint(row: &PgRow) -> Result<Checkpoint, Failed> {
    Ok(Checkpoint {
        log: LogIdentity { id: row.try_get(0)?, epoch: row.try_get::<i64, _>(1)?.cast_unsigned() },
        fingerprint: u32::try_from(row.try_get::<i64, _>(2)?).unwrap_or(u32::MAX),
        position: Position(row.try_get::<i64, _>(3)?.cast_unsigned()),
        event: row.try_get(4)?,
        build: row.try_get::<i64, _>(5)?.cast_unsigned(),
    })
}

pub(super) async fn stored_checkpoint(
    session: &mut PgConnection,
    tables: &Tables,
) -> Result<Option<Checkpoint>, Failed> {
    const ONE: &str = concat!(
        "SELECT ",
        checkpoint!(),
        " FROM leadline_views.checkpoint AS c WHERE c.name = $1 AND c.generation = $2"
    );
    let known = query(ONE).bind(tables.view.clone()).bind(tables.number);
    one(session, known).await?.as_ref().map(checkpoint).transpose()
}

/// The checkpoint of every live generation.
pub(super) async fn checkpoints(readers: &Pool) -> Result<BTreeMap<String, Checkpoint>, Error> {
    const LIVE: &str = concat!(
        "SELECT ",
        checkpoint!(),
        ", c.name FROM leadline_views.checkpoint AS c
         JOIN leadline_views.view AS v ON v.name = c.name AND v.live = c.generation"
    );
    let broken = failed("read the checkpoints");
    let rows = readers.try_rows(|| query(LIVE)).await.map_err(&broken)?;
    let named = |row: &PgRow| Ok((row.try_get(6)?, checkpoint(row)?));
    rows.iter().map(named).collect::<Result<_, Failed>>().map_err(&broken)
}

async fn tables(
    session: &mut PgConnection,
    view: &str,
    generation: Generation,
) -> Result<Option<Tables>, Error> {
    check(view)?;
    let generations = generations(session, view).await;
    let generations = generations.map_err(failed("read the generations of a view"))?;
    Ok(Tables::numbered(PREFIX, view, generations.number(generation)))
}

/// The tables of a generation that has a checkpoint.
async fn built(
    session: &mut PgConnection,
    view: &str,
    generation: Generation,
) -> Result<(Tables, Position), Error> {
    let unbuilt = || Error::Unbuilt { view: view.to_owned() };
    let tables = tables(session, view, generation).await?.ok_or_else(unbuilt)?;
    let checkpoint = stored_checkpoint(session, &tables).await;
    let checkpoint = checkpoint.map_err(failed("read a checkpoint"))?.ok_or_else(unbuilt)?;
    Ok((tables, checkpoint.position))
}

pub(super) async fn states(
    session: &mut PgConnection,
    view: &str,
    generation: Generation,
    keys: &[Uuid],
) -> Result<Vec<Option<Vec<u8>>>, Error> {
    let broken = failed("read the states of keys");
    let Some(tables) = tables(session, view, generation).await? else {
        return Ok(vec![None; keys.len()]);
    };
    let sql = format!("SELECT key, state FROM {} WHERE key = ANY ($1::uuid[])", tables.state);
    let wanted = on_tables(sql).bind(keys.iter().copied().bind_iter());
    let mut found = HashMap::new();
    for row in all(session, wanted).await.map_err(&broken)? {
        let key: Uuid = row.try_get(0).map_err(&broken)?;
        found.insert(key, row.try_get::<Vec<u8>, _>(1).map_err(&broken)?);
    }
    Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
}

pub(super) async fn rows(
    session: &mut PgConnection,
    view: &str,
    as_of: AsOf,
    select: Select,
) -> Result<Rows, Error> {
    let broken = failed("read rows");
    let (tables, position) = built(session, view, Generation::Live).await?;
    let found = all(session, valid(&tables, as_of, select)).await.map_err(&broken)?;
    let read = |row: &PgRow| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
    let rows = found.iter().map(read).collect::<Result<Vec<(Uuid, i64, Vec<u8>)>, Failed>>();
    let mut rows = rows.map_err(&broken)?;
    rows.sort_unstable_by_key(|(key, ordinal, _)| (*key, *ordinal));
    Ok(Rows { position, rows })
}

/// The rows that were valid: those that still are and have been since then, and those that have ended later.
fn valid(tables: &Tables, as_of: AsOf, select: Select) -> Query {
    let (history, since, at) = match as_of {
        AsOf::Now => (&tables.by_position, "pos_from", OPEN),
        AsOf::Time(at) => (&tables.by_time, "at_from", at.millis()),
        AsOf::Position(position) => (&tables.by_position, "pos_from", signed(position.0)),
    };
    let (columns, current) = ("SELECT key, ordinal, row FROM", &tables.current);
    let present = format!("{columns} {current} WHERE {since} <= $1");
    let ended = "\"from\" <= $1 AND \"to\" > $1";
    match select {
        Select::All if as_of == AsOf::Now => on_tables(present).bind(at),
        Select::All => {
            on_tables(format!("{present} UNION ALL {columns} {history} WHERE {ended}")).bind(at)
        }
        Select::Key(key) => {
            let sql = format!(
                "{present} AND key = $2 UNION ALL {columns} {history} WHERE key = $2 AND {ended}"
            );
            on_tables(sql).bind(at).bind(key)
        }
    }
}

pub(super) async fn checksum(
    session: &mut PgConnection,
    view: &str,
    generation: Generation,
) -> Result<Checksum, Error> {
    let (tables, position) = built(session, view, generation).await?;
    let mut hasher = blake3::Hasher::new();
    let mut versions = 0;
    let ended = |history: &str| {
        format!(
            "SELECT key, ordinal, \"from\", \"to\", row FROM {history} ORDER BY key, ordinal, \"from\""
        )
    };
    let present = format!(
        "SELECT key, ordinal, at_from, pos_from, row FROM {} ORDER BY key, ordinal",
        tables.current
    );
    for sql in [ended(&tables.by_time), ended(&tables.by_position), present] {
        let digested = digest(session, sql, &mut hasher).await;
        versions += digested.map_err(failed("digest rows"))?;
    }
    hasher.update(&position.0.to_be_bytes());
    Ok(Checksum { digest: *hasher.finalize().as_bytes(), position, versions })
}

async fn digest(
    session: &mut PgConnection,
    sql: String,
    hasher: &mut blake3::Hasher,
) -> Result<u64, Failed> {
    let mut rows = on_tables(sql).fetch(session);
    let mut versions = 0;
    while let Some(row) = within_time(ANSWER_MAX, rows.try_next()).await? {
        let version = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
        digest_version(hasher, row.try_get(0)?, version);
        versions += 1;
    }
    Ok(versions)
}
