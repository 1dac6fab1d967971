//! What `leadline.append` answers, as verdicts.

use super::row::{Unread, holder, position};
use crate::names::Names;
use crate::postgres::Failed;
use leadline_log::types::{Append, Bounce, CommandRecord, Position, Verdict};
use sqlx_core::row::Row;
use sqlx_postgres::PgRow;
use std::sync::Arc;
use uuid::Uuid;

fn unexpected(what: &str) -> Unread {
    Unread::Failed(Failed::Protocol(format!("`leadline.append` answers {what}")))
}

/// Reads the verdicts, one per append.
pub(super) fn read(
    batch: &[Append],
    rows: &[PgRow],
    names: &Names,
) -> Result<Vec<Verdict>, Unread> {
    let mut verdicts = Vec::with_capacity(batch.len());
    let mut bounce = Bounce::default();
    // Where the entries of the append begin in the lists of expectations and claims.
    let (mut expect_from, mut change_from) = (0, 0);
    for row in rows {
        let word: &str = row.try_get(0)?;
        if word == "all" {
            return all(batch, row);
        }
        let append = batch.get(verdicts.len()).ok_or_else(|| unexpected("more than was asked"))?;
        let item = |from: usize| -> Result<usize, Unread> {
            let item = usize::try_from(row.try_get::<i32, _>(2)?).unwrap_or(0);
            item.checked_sub(from + 1).ok_or_else(|| unexpected("of no append"))
        };
        let verdict = match word {
            "stream" => {
                let expected = append.expect.get(item(expect_from)?);
                let (stream, _) = expected.ok_or_else(|| unexpected("of no stream"))?;
                bounce.streams.push((*stream, position(row, 4)?.0));
                continue;
            }
            "claim" => {
                let change = append.claims.get(item(change_from)?);
                let key = change.and_then(|change| super::batch::change(change).1);
                let key = key.ok_or_else(|| unexpected("of no claim"))?;
                bounce.claims.push((*key, holder(row, 7, names)?));
                continue;
            }
            "committed" => Verdict::Committed {
                first: position(row, 3)?,
                last: position(row, 4)?,
                recorded_at: row.try_get(5)?,
            },
            "duplicate" => Verdict::Duplicate(CommandRecord {
                payload_hash: row.try_get::<Uuid, _>(6)?.into_bytes(),
                first: position(row, 3)?,
                last: position(row, 4)?,
            }),
            "followed" => {
                Verdict::Bounced(Arc::new(Bounce { followed: true, ..Bounce::default() }))
            }
            "bounced" => Verdict::Bounced(Arc::new(std::mem::take(&mut bounce))),
            other => return Err(unexpected(other)),
        };
        verdicts.push(verdict);
        expect_from += append.expect.len();
        change_from += append.claims.len();
    }
    if verdicts.len() == batch.len() {
        Ok(verdicts)
    } else {
        Err(unexpected("less than was asked"))
    }
}

/// Everything was committed, from the first position on.
fn all(batch: &[Append], row: &PgRow) -> Result<Vec<Verdict>, Unread> {
    let (mut next, recorded_at) = (position(row, 3)?, row.try_get(5)?);
    let committed = batch.iter().map(|append| {
        let first = next;
        next = Position(first.0 + append.events.len() as u64);
        Verdict::Committed { first, last: Position(next.0.saturating_sub(1)), recorded_at }
    });
    Ok(committed.collect())
}
