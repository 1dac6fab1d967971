//! What is written to the views' file.

use super::failed;
use super::read::stored_checkpoint;
use crate::generations::{Generations, Tables, check};
use leadline_log::Position;
use leadline_views::store::{Commit, Error, Generation, KeyChange, OPEN, Outcome};
use rusqlite::{CachedStatement, Connection, Transaction, TransactionBehavior};

fn begin(connection: &mut Connection) -> Result<Transaction<'_>, Error> {
    connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed("begin to write"))
}

pub(super) fn commit(
    connection: &mut Connection,
    commits: &[Commit],
) -> Result<Vec<Outcome>, Error> {
    let transaction = begin(connection)?;
    let mut outcomes = Vec::with_capacity(commits.len());
    for commit in commits {
        check(commit.view)?;
        outcomes.push(commit_one(&transaction, commit).map_err(failed("write rows"))?);
    }
    transaction.commit().map_err(failed("commit"))?;
    Ok(outcomes)
}

fn signed(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(OPEN)
}

fn commit_one(connection: &Connection, commit: &Commit) -> rusqlite::Result<Outcome> {
    let Some(tables) = target(connection, commit)? else { return Ok(Outcome::Stale) };
    let moved = connection
        .prepare_cached(
            "UPDATE checkpoint SET position = ?3, event = ?5
             WHERE name = ?1 AND generation = ?2 AND position = ?4",
        )?
        .execute((
            &tables.view,
            tables.number,
            signed(commit.to),
            signed(commit.from.position),
            &commit.event.as_bytes()[..],
        ))?;
    if moved != 1 {
        return Ok(Outcome::Stale);
    }
    let mut statements = Statements::prepare(connection, &tables)?;
    for change in &commit.changes {
        statements.apply(change)?;
    }
    Ok(Outcome::Moved)
}

/// The tables that a commit goes to, made where there are none yet. `None` where the checkpoint is not the commit's.
fn target(connection: &Connection, commit: &Commit) -> rusqlite::Result<Option<Tables>> {
    let mut generations = Generations::read(connection, commit.view)?;
    let number = generations.number(commit.generation);
    let tables = match Tables::numbered("", commit.view, number) {
        Some(tables) => tables,
        None if commit.generation == Generation::Live && commit.from.position.0 == 0 => {
            let tables = generations.add(connection, commit.view)?;
            tables.create_indexes(connection)?;
            generations.live = Some(tables.number);
            generations.write(connection, commit.view)?;
            tables
        }
        None => return Ok(None),
    };
    match stored_checkpoint(connection, &tables)? {
        Some(stored) => Ok((stored == commit.from).then_some(tables)),
        None if tables.begin_with(commit) => {
            let log = commit.from.log;
            connection.execute(
                "INSERT INTO checkpoint (name, generation, log, epoch, fingerprint, position, event)
                 VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)",
                (
                    &tables.view,
                    tables.number,
                    &log.id.as_bytes()[..],
                    i64::try_from(log.epoch).unwrap_or(i64::MAX),
                    commit.from.fingerprint,
                    &commit.from.event.as_bytes()[..],
                ),
            )?;
            Ok(Some(tables))
        }
        None => Ok(None),
    }
}

/// The statements that write one generation.
struct Statements<'c> {
    clear_time: CachedStatement<'c>,
    insert_time: CachedStatement<'c>,
    insert_position: CachedStatement<'c>,
    put_current: CachedStatement<'c>,
    delete_current: CachedStatement<'c>,
    put_state: CachedStatement<'c>,
}

impl<'c> Statements<'c> {
    fn prepare(connection: &'c Connection, tables: &Tables) -> rusqlite::Result<Self> {
        let Tables { by_time, by_position, current, state, .. } = tables;
        let prepare = |sql: String| connection.prepare_cached(&sql);
        Ok(Self {
            clear_time: prepare(format!("DELETE FROM {by_time} WHERE key = ?1"))?,
            insert_time: prepare(format!("INSERT INTO {by_time} VALUES (?1, ?2, ?3, ?4, ?5)"))?,
            insert_position: prepare(format!(
                "INSERT INTO {by_position} VALUES (?1, ?2, ?3, ?4, ?5)"
            ))?,
            put_current: prepare(format!(
                "INSERT OR REPLACE INTO {current} VALUES (?1, ?2, ?3, ?4, ?5)"
            ))?,
            delete_current: prepare(format!(
                "DELETE FROM {current} WHERE key = ?1 AND ordinal = ?2"
            ))?,
            put_state: prepare(format!("INSERT OR REPLACE INTO {state} VALUES (?1, ?2)"))?,
        })
    }

    fn apply(&mut self, change: &KeyChange) -> rusqlite::Result<()> {
        let key = &change.key.as_bytes()[..];
        if change.replace_time {
            self.clear_time.execute([key])?;
        }
        for one in &change.by_time {
            self.insert_time.execute((key, one.ordinal, one.from, one.to, &*one.row))?;
        }
        for one in &change.by_position {
            self.insert_position.execute((key, one.ordinal, one.from, one.to, &*one.row))?;
        }
        for ordinal in &change.gone {
            self.delete_current.execute((key, ordinal))?;
        }
        for one in &change.current {
            self.put_current.execute((key, one.ordinal, one.at_from, one.pos_from, &*one.row))?;
        }
        if let Some(state) = &change.state {
            self.put_state.execute((key, state))?;
        }
        Ok(())
    }
}

/// Changes which generations there are, in one transaction.
fn change<T>(
    connection: &mut Connection,
    view: &str,
    attempt: &'static str,
    change: impl FnOnce(&Connection, &mut Generations) -> Result<T, Error>,
) -> Result<T, Error> {
    check(view)?;
    let transaction = begin(connection)?;
    let mut generations = Generations::read(&transaction, view).map_err(failed(attempt))?;
    let changed = change(&transaction, &mut generations)?;
    generations.write(&transaction, view).map_err(failed(attempt))?;
    transaction.commit().map_err(failed(attempt))?;
    Ok(changed)
}

fn remove(
    connection: &Connection,
    view: &str,
    number: Option<i64>,
    attempt: &'static str,
) -> Result<(), Error> {
    let tables = Tables::numbered("", view, number);
    tables.map_or(Ok(()), |tables| tables.drop(connection).map_err(failed(attempt)))
}

pub(super) fn begin_rebuild(connection: &mut Connection, view: &str) -> Result<u64, Error> {
    const ATTEMPT: &str = "begin a rebuild";
    change(connection, view, ATTEMPT, |connection, generations| {
        remove(connection, view, generations.next.take(), ATTEMPT)?;
        let tables = generations.add(connection, view).map_err(failed(ATTEMPT))?;
        generations.next = Some(tables.number);
        Ok(tables.build())
    })
}

pub(super) fn promote(connection: &mut Connection, view: &str, build: u64) -> Result<(), Error> {
    const ATTEMPT: &str = "swap a rebuilt view in";
    change(connection, view, ATTEMPT, |connection, generations| {
        let overtaken = || Error::Overtaken { view: view.to_owned() };
        let next = generations.next.take();
        let tables = Tables::numbered("", view, next).filter(|next| next.build() == build);
        let tables = tables.ok_or_else(overtaken)?;
        tables.create_indexes(connection).map_err(failed(ATTEMPT))?;
        remove(connection, view, generations.former, ATTEMPT)?;
        generations.former = generations.live.take();
        generations.live = next;
        Ok(())
    })
}

pub(super) fn roll_back(connection: &mut Connection, view: &str) -> Result<(), Error> {
    change(connection, view, "swap a former view in", |_, generations| {
        if generations.former.is_none() {
            return Err(Error::NoFormer { view: view.to_owned() });
        }
        std::mem::swap(&mut generations.live, &mut generations.former);
        Ok(())
    })
}

pub(super) fn drop_view(connection: &mut Connection, view: &str) -> Result<(), Error> {
    const ATTEMPT: &str = "drop a view";
    change(connection, view, ATTEMPT, |connection, generations| {
        let numbers = [generations.live.take(), generations.former.take(), generations.next.take()];
        for number in numbers {
            remove(connection, view, number, ATTEMPT)?;
        }
        Ok(())
    })
}
