//! One key of a fold: its state, the rows that it shows, and what waits to be stored of both.

use super::View;
use super::ordinals::Ordinals;
use crate::store::{Current, KeyChange, RowBytes, Version};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// What a key takes of memory without its rows and its state, in bytes.
const KEY_BYTES: usize = size_of::<Uuid>() + size_of::<Key<()>>();
/// What a row takes without its text.
const ROW_BYTES: usize = size_of::<(i64, Shown)>() + 2 * size_of::<usize>() + size_of::<i64>();
/// What a state takes in memory for each byte of its stored form.
const STATE_FACTOR: usize = 2;

/// Rows by ordinal; `None` for one that is not shown any more.
pub(super) type Rows = BTreeMap<i64, Option<Vec<u8>>>;

/// Which rows of its key an event may have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Any of them.
    All,
    /// None but those of these ordinals.
    Rows(Vec<i64>),
}

impl Changed {
    /// No row at all.
    pub const NOTHING: Self = Self::Rows(Vec::new());
}

/// A row that is valid now, and since when in either history.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) row: RowBytes,
    pub(super) at_from: i64,
    pub(super) pos_from: i64,
    pub(super) stored: bool,
}

/// What is known of one key, and what waits to be stored of it.
#[derive(Clone, Debug)]
pub(super) struct Key<S> {
    pub(super) state: S,
    pub(super) last_at: i64,
    pub(super) shown: Ordinals<Shown>,
    /// Ordinals that the store has a row under, rising.
    pub(super) stored: Vec<i64>,
    pub(super) replace_time: bool,
    pub(super) by_time: Vec<Version>,
    pub(super) by_position: Vec<Version>,
    pub(super) touched: bool,
    /// What it takes of memory, in bytes and about, as of the last taking.
    pub(super) weight: usize,
}

impl<S: Default> Default for Key<S> {
    fn default() -> Self {
        Self {
            state: S::default(),
            last_at: i64::MIN,
            shown: Ordinals::default(),
            stored: Vec::new(),
            replace_time: false,
            by_time: Vec::new(),
            by_position: Vec::new(),
            touched: false,
            weight: 0,
        }
    }
}

/// The stored form of a key: its rows are made anew from the state.
#[derive(Serialize, Deserialize)]
struct Stored<S> {
    #[serde(rename = "s")]
    state: S,
    #[serde(rename = "t")]
    last_at: i64,
    /// Ordinal, start by time, start by position.
    #[serde(rename = "r")]
    shown: Vec<(i64, i64, i64)>,
}

fn row<V: View>(row: &V::Row<'_>) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(row)
}

impl<S> Key<S> {
    /// The key as it was stored.
    pub(super) fn read<V: View<State = S>>(bytes: &[u8]) -> Result<Self, serde_json::Error>
    where
        S: Default + for<'de> Deserialize<'de>,
    {
        let stored: Stored<S> = serde_json::from_slice(bytes)?;
        let mut shown = Ordinals::default();
        let mut rows: BTreeMap<i64, V::Row<'_>> = V::rows(&stored.state).into_iter().collect();
        for (ordinal, at_from, pos_from) in stored.shown {
            let Some(of_state) = rows.remove(&ordinal) else { continue };
            let row = row::<V>(&of_state)?.into();
            shown.insert(ordinal, Shown { row, at_from, pos_from, stored: true });
        }
        drop(rows);
        let ordinals = shown.ordinals().collect();
        Ok(Self {
            state: stored.state,
            last_at: stored.last_at,
            shown,
            stored: ordinals,
            ..Self::default()
        })
    }

    /// The rows of the state that `changed` tells of, and those shown that it has no more.
    pub(super) fn rows<V: View<State = S>>(
        &self,
        changed: Changed,
    ) -> Result<Rows, serde_json::Error> {
        let mut rows = Rows::new();
        match changed {
            Changed::All => {
                rows.extend(self.shown.ordinals().map(|ordinal| (ordinal, None)));
                for (ordinal, of_state) in V::rows(&self.state) {
                    rows.insert(ordinal, Some(row::<V>(&of_state)?));
                }
            }
            Changed::Rows(ordinals) => {
                for ordinal in ordinals {
                    let of_state = V::row(&self.state, ordinal);
                    rows.insert(ordinal, of_state.as_ref().map(row::<V>).transpose()?);
                }
            }
        }
        Ok(rows)
    }

    /// Shows `rows` from `at` on, and says how many of them are new. What is replaced goes into the history by
    /// time, unless it began at this very instant: that leaves no trace. It goes into the history by position
    /// where there is a `position`.
    pub(super) fn show(&mut self, rows: Rows, at: i64, position: Option<i64>) -> usize {
        let mut new = 0;
        for (ordinal, row) in rows {
            let former = self.shown.get(ordinal);
            if former.map(|former| &*former.row) == row.as_deref() {
                continue;
            }
            if let Some(Shown { row, at_from, pos_from, .. }) = self.shown.remove(ordinal) {
                if let Some(to) = position {
                    let row = Arc::clone(&row);
                    self.by_position.push(Version { ordinal, from: pos_from, to, row });
                }
                if at_from != at {
                    self.by_time.push(Version { ordinal, from: at_from, to: at, row });
                }
            }
            if let Some(row) = row {
                new += 1;
                let (row, pos_from) = (row.into(), position.unwrap_or_default());
                self.shown.insert(ordinal, Shown { row, at_from: at, pos_from, stored: false });
            }
        }
        new
    }

    /// Goes on as `fresh`, which was folded from everything known at `position`: the history by time is that of
    /// `fresh`, the history by position gets one more step.
    pub(super) fn replace(&mut self, mut fresh: Self, position: i64) {
        for (ordinal, former) in self.shown.iter() {
            if fresh.shown.get(ordinal).is_none_or(|one| one.row != former.row) {
                let (from, row) = (former.pos_from, Arc::clone(&former.row));
                self.by_position.push(Version { ordinal, from, to: position, row });
            }
        }
        for (ordinal, one) in fresh.shown.iter_mut() {
            let former = self.shown.get(ordinal).filter(|former| former.row == one.row);
            one.pos_from = former.map_or(position, |former| former.pos_from);
            one.stored =
                former.is_some_and(|former| former.stored && former.at_from == one.at_from);
        }
        fresh.replace_time = true;
        fresh.stored = std::mem::take(&mut self.stored);
        fresh.by_position = std::mem::take(&mut self.by_position);
        (fresh.touched, fresh.weight) = (self.touched, self.weight);
        *self = fresh;
    }
}

impl<S: Serialize> Key<S> {
    /// Everything that changed since the last taking.
    pub(super) fn take(&mut self, id: Uuid) -> Result<KeyChange, serde_json::Error> {
        self.touched = false;
        let mut gone = std::mem::take(&mut self.stored);
        gone.retain(|ordinal| self.shown.get(*ordinal).is_none());
        self.stored.extend(self.shown.ordinals());
        let mut current = Vec::new();
        for (ordinal, one) in self.shown.iter_mut().filter(|(_, one)| !one.stored) {
            let row = Arc::clone(&one.row);
            one.stored = true;
            current.push(Current { ordinal, at_from: one.at_from, pos_from: one.pos_from, row });
        }
        let shown = self.shown.iter().map(|(ordinal, row)| (ordinal, row.at_from, row.pos_from));
        let stored = Stored { state: &self.state, last_at: self.last_at, shown: shown.collect() };
        let state = serde_json::to_vec(&stored)?;
        let rows = self.shown.iter().map(|(_, one)| one.row.len() + ROW_BYTES);
        self.weight = KEY_BYTES + STATE_FACTOR * state.len() + rows.sum::<usize>();
        Ok(KeyChange {
            key: id,
            state: Some(state),
            current,
            gone,
            replace_time: std::mem::take(&mut self.replace_time),
            by_time: std::mem::take(&mut self.by_time),
            by_position: std::mem::take(&mut self.by_position),
        })
    }
}
