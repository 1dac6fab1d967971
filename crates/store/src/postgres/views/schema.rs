//! The tables of a generation, and which generations there are.

use super::{all, change, one, run};
use crate::generations::{Generations, Tables};
use crate::postgres::Failed;
use sqlx_core::query::query;
use sqlx_core::row::Row;
use sqlx_postgres::PgConnection;

/// Where the tables are.
pub(super) const PREFIX: &str = "leadline_views.";
/// Class of the locks of views: the second number is of the view's name.
const LOCKS: i32 = i32::from_be_bytes(*b"view");

/// Keeps other writers of these views away until the transaction ends. The names are in order, so that nobody waits for
/// one who waits for him.
pub(super) async fn lock(session: &mut PgConnection, views: &[&str]) -> Result<(), Failed> {
    let names: Vec<String> = views.iter().map(|view| (*view).to_owned()).collect();
    let lock =
        query("SELECT pg_advisory_xact_lock($1, hashtext(name)) FROM unnest($2::text[]) AS name");
    all(session, lock.bind(LOCKS).bind(names)).await.map(drop)
}

/// Class of the locks of rebuilds.
const REBUILDS: i32 = i32::from_be_bytes(*b"rebu");

/// Keeps other rebuilds of the view away until the transaction ends. Taken before the lock of the view, which need not be
/// held as long.
pub(super) async fn lock_rebuild(session: &mut PgConnection, view: &str) -> Result<(), Failed> {
    let lock = query("SELECT pg_advisory_xact_lock($1, hashtext($2))");
    all(session, lock.bind(REBUILDS).bind(view.to_owned())).await.map(drop)
}

pub(super) async fn create(session: &mut PgConnection, tables: &Tables) -> Result<(), Failed> {
    let Tables { by_time, by_position, current, state, .. } = tables;
    let history = |table: &str| {
        format!(
            "CREATE TABLE {table} (
                 key uuid NOT NULL, ordinal bigint NOT NULL, \"from\" bigint NOT NULL,
                 \"to\" bigint NOT NULL, row bytea NOT NULL, PRIMARY KEY (key, ordinal, \"from\"));"
        )
    };
    let (by_time, by_position) = (history(by_time), history(by_position));
    // What is updated again and again has room for its next version in the same page.
    let present = format!(
        "CREATE TABLE {current} (
             key uuid NOT NULL, ordinal bigint NOT NULL, at_from bigint NOT NULL,
             pos_from bigint NOT NULL, row bytea NOT NULL,
             PRIMARY KEY (key, ordinal)) WITH (fillfactor = 80);
         CREATE TABLE {state} (key uuid PRIMARY KEY, state bytea NOT NULL) WITH (fillfactor = 80);"
    );
    run(session, format!("{by_time} {by_position} {present}")).await
}

/// What as-of questions need, and bulk writing does not.
pub(super) async fn create_indexes(
    session: &mut PgConnection,
    tables: &Tables,
) -> Result<(), Failed> {
    let Tables { by_time, by_position, current, .. } = tables;
    let indexes = |history: &str| {
        format!(
            "CREATE INDEX ON {history} (\"from\", \"to\"); CREATE INDEX ON {history} (\"to\", \"from\");"
        )
    };
    let (first, second) = (indexes(by_time), indexes(by_position));
    run(session, format!("{first} {second} ANALYZE {by_time}, {by_position}, {current};")).await
}

pub(super) async fn drop_tables(session: &mut PgConnection, tables: &Tables) -> Result<(), Failed> {
    let Tables { view, number, by_time, by_position, current, state } = tables;
    run(session, format!("DROP TABLE IF EXISTS {by_time}, {by_position}, {current}, {state}"))
        .await?;
    let forget = query("DELETE FROM leadline_views.checkpoint WHERE name = $1 AND generation = $2");
    change(session, forget.bind(view.clone()).bind(*number)).await.map(drop)
}

pub(super) async fn generations(
    session: &mut PgConnection,
    view: &str,
) -> Result<Generations, Failed> {
    let known = query("SELECT last, live, former, next FROM leadline_views.view WHERE name = $1");
    let Some(row) = one(session, known.bind(view.to_owned())).await? else {
        return Ok(Generations::default());
    };
    let (last, live) = (row.try_get(0)?, row.try_get(1)?);
    Ok(Generations { last, live, former: row.try_get(2)?, next: row.try_get(3)? })
}

pub(super) async fn store(
    session: &mut PgConnection,
    view: &str,
    generations: &Generations,
) -> Result<(), Failed> {
    let Generations { last, live, former, next } = *generations;
    let put = query(
        "INSERT INTO leadline_views.view (name, last, live, former, next) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (name) DO UPDATE SET last = $2, live = $3, former = $4, next = $5",
    );
    let put = put.bind(view.to_owned()).bind(last).bind(live).bind(former).bind(next);
    change(session, put).await.map(drop)
}

/// Tables of a new generation.
pub(super) async fn add(
    session: &mut PgConnection,
    view: &str,
    generations: &mut Generations,
) -> Result<Tables, Failed> {
    generations.last += 1;
    let tables = Tables::of(PREFIX, view, generations.last);
    create(session, &tables).await?;
    Ok(tables)
}
