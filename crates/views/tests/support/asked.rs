//! A store that answers from histories in memory, for the documents made of them.

use crate::model::{Tables, folded, number};
use async_trait::async_trait;
use leadline_domain::Timestamp;
use leadline_log::Position;
use leadline_views::store::{
    Checkpoint, Checksum, Commit, Error, Generation, Outcome, Rows, Select,
};
use leadline_views::{AsOf, Axis, Request, ViewEvent, ViewStore, query};
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The rows of one view as they stand.
#[derive(Debug)]
struct Standing(Tables);

/// What these tests do not ask for.
fn nothing<T>() -> Result<T, Error> {
    Err(Error::Unbuilt { view: "of a test".into() })
}

#[async_trait]
impl ViewStore for Standing {
    async fn rows(&self, _: &str, _: AsOf, _: Select) -> Result<Rows, Error> {
        let rows = Tables::valid(&self.0.by_time, i64::MAX - 1).into_iter();
        let rows = rows.map(|((key, ordinal), row)| (key, ordinal, row.into_bytes()));
        Ok(Rows { position: Position(0), rows: rows.collect() })
    }

    async fn checkpoints(&self) -> Result<BTreeMap<String, Checkpoint>, Error> {
        nothing()
    }

    async fn states(
        &self,
        _: &str,
        _: Generation,
        _: &[Uuid],
    ) -> Result<Vec<Option<Vec<u8>>>, Error> {
        nothing()
    }

    async fn commit(&self, _: Vec<Commit>) -> Result<Vec<Outcome>, Error> {
        nothing()
    }

    async fn checksum(&self, _: &str, _: Generation) -> Result<Checksum, Error> {
        nothing()
    }

    async fn begin_rebuild(&self, _: &str) -> Result<u64, Error> {
        nothing()
    }

    async fn promote(&self, _: &str, _: u64) -> Result<(), Error> {
        nothing()
    }

    async fn roll_back(&self, _: &str) -> Result<(), Error> {
        nothing()
    }

    async fn drop_view(&self, _: &str) -> Result<(), Error> {
        nothing()
    }
}

/// The document of `view` after `events`, asked at the instant `now` with these parameters.
pub(crate) fn asked(
    view: &str,
    mut events: Vec<ViewEvent>,
    now: i64,
    parameters: &[(&str, &str)],
) -> Value {
    number(&mut events);
    let request = Request {
        view: view.to_owned(),
        as_of: AsOf::Now,
        axis: Axis::True,
        instant: Timestamp::from_millis(now),
        parameters: parameters
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect(),
    };
    let store = Standing(folded(view, &events));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(query(&store, &request)).unwrap()
}

/// The row of `table` whose `column` is `value`.
pub(crate) fn row<'a>(document: &'a Value, table: &str, column: &str, value: &str) -> &'a Value {
    let found = document[table].as_array().unwrap().iter().find(|row| row[column] == value);
    found.unwrap_or_else(|| panic!("no `{value}` in `{table}` of {document}"))
}
