//! What is read from the log. Each question is one statement, and so one snapshot.

use super::PLANS;
use super::row::{Unread, columns, holder, position, recorded};
use crate::names::Names;
use crate::postgres::connect::Database;
use crate::postgres::pool::Pool;
use crate::postgres::{Query, failed, refused, signed};
use leadline_log::Error;
use leadline_log::types::{
    ClaimHolder, ClaimKey, CommandRecord, Direction, Page, Position, READ_EVENTS_MAX, Read,
    Recorded, Scope, StreamKey,
};
use sqlx_core::query::query;
use sqlx_core::row::Row;
use sqlx_postgres::{PgBindIterExt, PgRow};
use std::sync::Arc;
use uuid::Uuid;

/// Sessions that read.
const READERS_MAX: usize = 4;

const HEAD: &str = "SELECT coalesce(max(position), 0) FROM leadline.event";

/// A page beside the head, which is there also where the page is empty.
macro_rules! page {
    ($from:literal, $order:literal) => {
        concat!(
            "SELECT h.head, ",
            columns!(),
            " FROM (SELECT coalesce(max(position), 0) AS head FROM leadline.event) AS h
              LEFT JOIN LATERAL (SELECT * FROM ",
            $from,
            " AS e WHERE position > $1 AND position <= $2 ORDER BY ",
            $order,
            " LIMIT $3) AS e ON true"
        )
    };
}
const ALL: [&str; 2] =
    [page!("leadline.event", "position"), page!("leadline.event", "position DESC")];
const STREAM: [&str; 2] = [
    page!("(SELECT * FROM leadline.event WHERE id = $4 AND category = $5)", "version"),
    page!("(SELECT * FROM leadline.event WHERE id = $4 AND category = $5)", "version DESC"),
];
const ROOT: [&str; 2] = [
    page!(
        "(SELECT * FROM leadline.event WHERE id = $4 AND root IS NULL
          UNION ALL SELECT * FROM leadline.event WHERE root = $4)",
        "position"
    ),
    page!(
        "(SELECT * FROM leadline.event WHERE id = $4 AND root IS NULL
          UNION ALL SELECT * FROM leadline.event WHERE root = $4)",
        "position DESC"
    ),
];
const STREAMS: &str = concat!(
    "SELECT (s.number - 1)::integer, ",
    columns!(),
    " FROM unnest($1::uuid[], $2::integer[]) WITH ORDINALITY AS s (id, category, number)
      JOIN leadline.event AS e ON e.id = s.id AND e.category = s.category"
);
const CLAIMS: &str = "
    SELECT (w.number - 1)::integer, c.category, c.holder, c.subject
    FROM unnest($1::uuid[], $2::integer[]) WITH ORDINALITY AS w (key, space, number)
    JOIN leadline.claim AS c ON c.key = w.key AND c.space = w.space";
const COMMANDS: &str = "
    SELECT (w.number - 1)::integer, c.payload_hash, c.first, c.last
    FROM unnest($1::uuid[]) WITH ORDINALITY AS w (id, number)
    JOIN leadline.command AS c ON c.id = w.id";

/// Reads the log.
#[derive(Debug)]
pub(super) struct Readers {
    pool: Pool,
    names: Arc<Names>,
}

impl Readers {
    pub(super) fn new(database: &Database, names: Arc<Names>) -> Self {
        let pool = Pool::new(database, "leadline log-reader", &PLANS, READERS_MAX);
        Self { pool, names }
    }

    pub(super) async fn head(&self) -> Result<Position, Error> {
        const ATTEMPT: &str = "read the head";
        let rows = self.pool.rows(ATTEMPT, || query(HEAD)).await?;
        let head = rows.first().map(|row| position(row, 0)).transpose().map_err(failed(ATTEMPT))?;
        Ok(head.unwrap_or_default())
    }

    pub(super) async fn page(&self, read: Read) -> Result<Page, Error> {
        const ATTEMPT: &str = "read events";
        if let Scope::Stream(stream) = read.scope {
            self.know(std::iter::once(&stream)).await?;
        }
        let rows = self.pool.rows(ATTEMPT, || self.question(read)).await?;
        let head = rows.first().map(|row| position(row, 0)).transpose().map_err(failed(ATTEMPT))?;
        let event = |row: &PgRow| match row.try_get::<Option<i64>, _>(1)? {
            Some(_) => recorded(row, 1, &self.names).map(Some),
            None => Ok(None),
        };
        let found = self.decode(ATTEMPT, &rows, event).await?;
        let mut events: Vec<Recorded> = found.into_iter().flatten().collect();
        // They come in this order; but no statement promises that of a join.
        match read.direction {
            Direction::Forward => events.sort_by_key(|event| event.position),
            Direction::Backward => events.sort_by_key(|event| std::cmp::Reverse(event.position)),
        }
        Ok(Page { events, head: head.unwrap_or_default() })
    }

    fn question(&self, read: Read) -> Query {
        let [forward, backward] = match read.scope {
            Scope::All => ALL,
            Scope::Stream(_) => STREAM,
            Scope::Root(_) => ROOT,
        };
        let sql = if read.direction == Direction::Forward { forward } else { backward };
        let limit = i64::try_from(read.limit.min(READ_EVENTS_MAX)).unwrap_or(i64::MAX);
        let through = read.through.map_or(i64::MAX, |position| signed(position.0));
        let page = query(sql).bind(signed(read.after.0)).bind(through).bind(limit);
        match read.scope {
            Scope::All => page,
            Scope::Stream(stream) => page.bind(stream.id).bind(self.category(&stream)),
            Scope::Root(root) => page.bind(root),
        }
    }

    /// The code of a stream's category; 0, which no event has, where it is not known.
    fn category(&self, stream: &StreamKey) -> i32 {
        code(&self.names, stream.category.as_str())
    }

    pub(super) async fn streams(&self, streams: &[StreamKey]) -> Result<Vec<Vec<Recorded>>, Error> {
        const ATTEMPT: &str = "read streams";
        self.know(streams.iter()).await?;
        let wanted = || {
            query(STREAMS)
                .bind(streams.iter().map(|stream| stream.id).bind_iter())
                .bind(streams.iter().map(|stream| self.category(stream)).bind_iter())
        };
        let rows = self.pool.rows(ATTEMPT, wanted).await?;
        let event = |row: &PgRow| Ok((place(row)?, recorded(row, 1, &self.names)?));
        let mut found = vec![Vec::new(); streams.len()];
        for (place, event) in self.decode(ATTEMPT, &rows, event).await? {
            if let Some(events) = found.get_mut(place) {
                events.push(event);
            }
        }
        for events in &mut found {
            events.sort_unstable_by_key(|event: &Recorded| event.version);
        }
        Ok(found)
    }

    pub(super) async fn claims(
        &self,
        keys: &[ClaimKey],
    ) -> Result<Vec<Option<ClaimHolder>>, Error> {
        const ATTEMPT: &str = "read claims";
        let wanted = || {
            query(CLAIMS)
                .bind(keys.iter().map(|key| Uuid::from_bytes(key.key)).bind_iter())
                .bind(keys.iter().map(|key| i32::from(key.space)).bind_iter())
        };
        let rows = self.pool.rows(ATTEMPT, wanted).await?;
        let claim = |row: &PgRow| Ok((place(row)?, holder(row, 1, &self.names)?));
        Ok(spread(keys.len(), self.decode(ATTEMPT, &rows, claim).await?))
    }

    pub(super) async fn commands(
        &self,
        ids: &[[u8; 16]],
    ) -> Result<Vec<Option<CommandRecord>>, Error> {
        const ATTEMPT: &str = "read commands";
        let wanted =
            || query(COMMANDS).bind(ids.iter().map(|id| Uuid::from_bytes(*id)).bind_iter());
        let rows = self.pool.rows(ATTEMPT, wanted).await?;
        let command = |row: &PgRow| {
            let payload_hash = row.try_get::<Uuid, _>(1)?.into_bytes();
            let (first, last) = (position(row, 2)?, position(row, 3)?);
            Ok((place(row)?, CommandRecord { payload_hash, first, last }))
        };
        Ok(spread(ids.len(), self.decode(ATTEMPT, &rows, command).await?))
    }

    /// Reads rows. Where one has a name that is not known, another node has added it: the dictionary is read again.
    async fn decode<T>(
        &self,
        attempt: &'static str,
        rows: &[PgRow],
        read: impl Fn(&PgRow) -> Result<T, Unread>,
    ) -> Result<Vec<T>, Error> {
        let all = || rows.iter().map(&read).collect::<Result<Vec<T>, Unread>>();
        let mut found = all();
        if matches!(found, Err(Unread::Name)) {
            self.learn().await?;
            found = all();
        }
        found.map_err(|error| match error {
            Unread::Name => refused(attempt, "it has a name that is not in the dictionary"),
            Unread::Failed(error) => failed(attempt)(error),
        })
    }

    /// Makes sure that a category that is unknown is one of which there is no stream.
    async fn know<'s>(
        &self,
        mut streams: impl Iterator<Item = &'s StreamKey>,
    ) -> Result<(), Error> {
        if streams.any(|stream| self.category(stream) == 0) { self.learn().await } else { Ok(()) }
    }

    async fn learn(&self) -> Result<(), Error> {
        const ATTEMPT: &str = "read the names";
        let known = self.pool.rows(ATTEMPT, || query("SELECT code, name FROM leadline.name"));
        for row in known.await? {
            let code = row.try_get::<i32, _>(0).map_err(failed(ATTEMPT))?;
            self.names.learn(i64::from(code), row.try_get(1).map_err(failed(ATTEMPT))?);
        }
        Ok(())
    }
}

/// The code of a name; 0, which is nobody's, where it has none.
pub(super) fn code(names: &Names, name: &str) -> i32 {
    names.code(name).and_then(|code| i32::try_from(code).ok()).unwrap_or(0)
}

/// Which of the wanted ones a row is about.
fn place(row: &PgRow) -> Result<usize, Unread> {
    Ok(usize::try_from(row.try_get::<i32, _>(0)?).unwrap_or(usize::MAX))
}

fn spread<T>(count: usize, found: Vec<(usize, T)>) -> Vec<Option<T>> {
    let mut all: Vec<Option<T>> = std::iter::repeat_with(|| None).take(count).collect();
    for (place, one) in found {
        if let Some(slot) = all.get_mut(place) {
            *slot = Some(one);
        }
    }
    all
}
