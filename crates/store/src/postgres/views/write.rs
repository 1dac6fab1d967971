//! What is written to the views.

use super::read::stored_checkpoint;
use super::schema::{
    PREFIX, add, create_indexes, drop_tables, generations, lock, lock_rebuild, store,
};
use super::{change, failed, on_tables};
use crate::generations::{Generations, Tables, check};
use crate::postgres::{Failed, signed};
use leadline_views::store::{Commit, Current, Error, Generation, KeyChange, Outcome, Version};
use sqlx_core::query::query;
use sqlx_postgres::{PgBindIterExt, PgConnection};
use uuid::Uuid;

/// Most rows of one statement.
const ROWS_MAX: usize = 10_000;

pub(super) async fn commit(
    session: &mut PgConnection,
    commits: &[Commit],
) -> Result<Vec<Outcome>, Error> {
    let broken = failed("write rows");
    let mut views: Vec<&str> = commits.iter().map(|commit| commit.view).collect();
    views.sort_unstable();
    views.dedup();
    for view in &views {
        check(view)?;
    }
    lock(session, &views).await.map_err(failed("lock views"))?;
    let mut outcomes = Vec::with_capacity(commits.len());
    for commit in commits {
        outcomes.push(commit_one(session, commit).await.map_err(&broken)?);
    }
    Ok(outcomes)
}

async fn commit_one(session: &mut PgConnection, commit: &Commit) -> Result<Outcome, Failed> {
    let Some(tables) = target(session, commit).await? else { return Ok(Outcome::Stale) };
    let guarded = query(
        "UPDATE leadline_views.checkpoint SET position = $3, event = $5
         WHERE name = $1 AND generation = $2 AND position = $4",
    );
    let guarded = guarded.bind(tables.view.clone()).bind(tables.number);
    let guarded = guarded.bind(signed(commit.to.0)).bind(signed(commit.from.position.0));
    let guarded = guarded.bind(commit.event);
    if change(session, guarded).await? != 1 {
        return Ok(Outcome::Stale);
    }
    apply(session, &tables, &commit.changes).await?;
    Ok(Outcome::Moved)
}

/// The tables that a commit goes to, made where there are none yet. `None` where the checkpoint is not the commit's.
async fn target(session: &mut PgConnection, commit: &Commit) -> Result<Option<Tables>, Failed> {
    let mut generations = generations(session, commit.view).await?;
    let tables = match Tables::numbered(PREFIX, commit.view, generations.number(commit.generation))
    {
        Some(tables) => tables,
        None if commit.generation == Generation::Live && commit.from.position.0 == 0 => {
            let tables = add(session, commit.view, &mut generations).await?;
            create_indexes(session, &tables).await?;
            generations.live = Some(tables.number);
            store(session, commit.view, &generations).await?;
            tables
        }
        None => return Ok(None),
    };
    match stored_checkpoint(session, &tables).await? {
        Some(stored) => Ok((stored == commit.from).then_some(tables)),
        None if tables.begin_with(commit) => {
            let log = commit.from.log;
            let begin = query(
                "INSERT INTO leadline_views.checkpoint
                     (name, generation, log, epoch, fingerprint, position, event)
                 VALUES ($1, $2, $3, $4, $5, 0, $6)",
            );
            let begin = begin.bind(tables.view.clone()).bind(tables.number).bind(log.id);
            let begin = begin.bind(signed(log.epoch)).bind(i64::from(commit.from.fingerprint));
            change(session, begin.bind(commit.from.event)).await?;
            Ok(Some(tables))
        }
        None => Ok(None),
    }
}

/// Stores changes, all of one kind at once: no two are about one key. Lists are taken apart in the list of columns: in
/// FROM, each would be copied first.
async fn apply(
    session: &mut PgConnection,
    tables: &Tables,
    changes: &[KeyChange],
) -> Result<(), Failed> {
    let Tables { by_time, by_position, current, state, .. } = tables;
    let late: Vec<Uuid> =
        changes.iter().filter(|change| change.replace_time).map(|change| change.key).collect();
    for part in late.chunks(ROWS_MAX) {
        let clear = on_tables(format!("DELETE FROM {by_time} WHERE key = ANY ($1::uuid[])"));
        change(session, clear.bind(part.iter().copied().bind_iter())).await?;
    }
    insert_history(session, by_time, &of_keys(changes, |change| &change.by_time)).await?;
    insert_history(session, by_position, &of_keys(changes, |change| &change.by_position)).await?;
    for part in of_keys(changes, |change| &change.gone).chunks(ROWS_MAX) {
        let delete = on_tables(format!(
            "DELETE FROM {current} AS c USING unnest($1::uuid[], $2::bigint[]) AS g (key, ordinal)
             WHERE c.key = g.key AND c.ordinal = g.ordinal"
        ));
        let delete = delete.bind(part.iter().map(|(key, _)| *key).bind_iter());
        change(session, delete.bind(part.iter().map(|(_, ordinal)| **ordinal).bind_iter())).await?;
    }
    put_current(session, current, &of_keys(changes, |change| &change.current)).await?;
    let states: Vec<(Uuid, &[u8])> =
        changes.iter().filter_map(|change| Some((change.key, change.state.as_deref()?))).collect();
    for part in states.chunks(ROWS_MAX) {
        let put = on_tables(format!(
            "INSERT INTO {state} SELECT unnest($1::uuid[]), unnest($2::bytea[])
             ON CONFLICT (key) DO UPDATE SET state = excluded.state"
        ));
        let put = put.bind(part.iter().map(|(key, _)| *key).bind_iter());
        change(session, put.bind(part.iter().map(|(_, state)| *state).bind_iter())).await?;
    }
    Ok(())
}

/// What the changes have of one kind, each with its key.
fn of_keys<T>(changes: &[KeyChange], list: impl Fn(&KeyChange) -> &Vec<T>) -> Vec<(Uuid, &T)> {
    changes.iter().flat_map(|change| list(change).iter().map(|one| (change.key, one))).collect()
}

async fn insert_history(
    session: &mut PgConnection,
    table: &str,
    versions: &[(Uuid, &Version)],
) -> Result<(), Failed> {
    for part in versions.chunks(ROWS_MAX) {
        let insert = on_tables(format!(
            "INSERT INTO {table} SELECT unnest($1::uuid[]), unnest($2::bigint[]), unnest($3::bigint[]),
                 unnest($4::bigint[]), unnest($5::bytea[])"
        ));
        let insert = insert
            .bind(part.iter().map(|(key, _)| *key).bind_iter())
            .bind(part.iter().map(|(_, one)| one.ordinal).bind_iter())
            .bind(part.iter().map(|(_, one)| one.from).bind_iter())
            .bind(part.iter().map(|(_, one)| one.to).bind_iter())
            .bind(part.iter().map(|(_, one)| &*one.row).bind_iter());
        change(session, insert).await?;
    }
    Ok(())
}

async fn put_current(
    session: &mut PgConnection,
    table: &str,
    rows: &[(Uuid, &Current)],
) -> Result<(), Failed> {
    for part in rows.chunks(ROWS_MAX) {
        let put = on_tables(format!(
            "INSERT INTO {table} SELECT unnest($1::uuid[]), unnest($2::bigint[]), unnest($3::bigint[]),
                 unnest($4::bigint[]), unnest($5::bytea[])
             ON CONFLICT (key, ordinal) DO UPDATE
                 SET at_from = excluded.at_from, pos_from = excluded.pos_from, row = excluded.row"
        ));
        let put = put
            .bind(part.iter().map(|(key, _)| *key).bind_iter())
            .bind(part.iter().map(|(_, one)| one.ordinal).bind_iter())
            .bind(part.iter().map(|(_, one)| one.at_from).bind_iter())
            .bind(part.iter().map(|(_, one)| one.pos_from).bind_iter())
            .bind(part.iter().map(|(_, one)| &*one.row).bind_iter());
        change(session, put).await?;
    }
    Ok(())
}

/// Locks a view and finds its generations.
async fn begin(session: &mut PgConnection, view: &str) -> Result<Generations, Error> {
    check(view)?;
    lock(session, &[view]).await.map_err(failed("lock a view"))?;
    generations(session, view).await.map_err(failed("read the generations of a view"))
}

async fn remove(session: &mut PgConnection, view: &str, number: Option<i64>) -> Result<(), Failed> {
    match Tables::numbered(PREFIX, view, number) {
        Some(tables) => drop_tables(session, &tables).await,
        None => Ok(()),
    }
}

pub(super) async fn begin_rebuild(session: &mut PgConnection, view: &str) -> Result<u64, Error> {
    let broken = failed("begin a rebuild");
    lock_rebuild(session, view).await.map_err(&broken)?;
    let mut generations = begin(session, view).await?;
    remove(session, view, generations.next.take()).await.map_err(&broken)?;
    let tables = add(session, view, &mut generations).await.map_err(&broken)?;
    generations.next = Some(tables.number);
    store(session, view, &generations).await.map_err(&broken)?;
    Ok(tables.build())
}

pub(super) async fn promote(
    session: &mut PgConnection,
    view: &str,
    build: u64,
) -> Result<(), Error> {
    let broken = failed("swap a rebuilt view in");
    check(view)?;
    lock_rebuild(session, view).await.map_err(&broken)?;
    let next = generations(session, view).await.map_err(&broken)?.next;
    let tables = Tables::numbered(PREFIX, view, next).filter(|next| next.build() == build);
    let tables = tables.ok_or_else(|| Error::Overtaken { view: view.to_owned() })?;
    // Indexes take their time, in which whoever keeps the view that answers goes on: it is locked only afterwards.
    create_indexes(session, &tables).await.map_err(&broken)?;
    let mut generations = begin(session, view).await?;
    let next = generations.next.take();
    remove(session, view, generations.former).await.map_err(&broken)?;
    generations.former = generations.live.take();
    generations.live = next;
    store(session, view, &generations).await.map_err(&broken)
}

pub(super) async fn roll_back(session: &mut PgConnection, view: &str) -> Result<(), Error> {
    let mut generations = begin(session, view).await?;
    if generations.former.is_none() {
        return Err(Error::NoFormer { view: view.to_owned() });
    }
    std::mem::swap(&mut generations.live, &mut generations.former);
    store(session, view, &generations).await.map_err(failed("swap a former view in"))
}

pub(super) async fn drop_view(session: &mut PgConnection, view: &str) -> Result<(), Error> {
    let broken = failed("drop a view");
    lock_rebuild(session, view).await.map_err(&broken)?;
    let mut generations = begin(session, view).await?;
    let numbers = [generations.live.take(), generations.former.take(), generations.next.take()];
    for number in numbers {
        remove(session, view, number).await.map_err(&broken)?;
    }
    store(session, view, &generations).await.map_err(&broken)
}
