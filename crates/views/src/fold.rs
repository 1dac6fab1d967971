//! Keyed folds with two histories.
//!
//! Each key has a small state. After each of its events the rows that the state shows are compared with those
//! before, and every difference is a step of both histories. An event that happened before one that is already
//! folded refolds its key in the order of business time: its history by time is replaced, its history by position
//! gets one more step. So folding event by event, in pages of any size, or from zero, makes the same rows.

use crate::event::ViewEvent;
use crate::store::{Current, KeyChange, OPEN, RowBytes, Version};
use leadline_log::Position;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use thiserror::Error;
use uuid::Uuid;

/// Most keys whose state a fold keeps in memory from page to page.
pub const CACHED_KEYS_MAX: usize = 50_000;

/// A view as a pure fold. Total: it never fails, and never looks at anything but the events.
pub trait View: Send + Sync + 'static {
    /// The view's name.
    const NAME: &'static str;
    /// Raised whenever the same events would make other rows or another state.
    const FINGERPRINT: u32;
    /// What is known of one key.
    type State: Clone + Default + Send + Sync + Serialize + DeserializeOwned;
    /// A row.
    type Row<'a>: Serialize;

    /// The key that an event belongs to; `None` where the view does not care for it.
    fn key(event: &ViewEvent) -> Option<Uuid>;
    /// Folds one event.
    fn apply(state: &mut Self::State, event: &ViewEvent);
    /// The rows that a state shows, each with the number that identifies it within its key.
    fn rows(state: &Self::State) -> Vec<(i64, Self::Row<'_>)>;
}

/// Why a view cannot go on. It is never passed over.
#[derive(Debug, Error)]
#[error("the view `{view}` cannot fold position {position}: {attempt}")]
pub struct Poison {
    /// The view.
    pub view: &'static str,
    /// The event's position; that of the page's first event where the state before it cannot be read.
    pub position: Position,
    /// What was attempted.
    pub attempt: &'static str,
    /// Why it failed.
    #[source]
    pub source: serde_json::Error,
}

/// The events of roots with a late fact, by position, at least up to the end of the page.
pub type Histories = HashMap<Uuid, Arc<Vec<ViewEvent>>>;

/// A fold without its types: what the projector runs.
pub trait Folding: Send {
    /// The view's name.
    fn name(&self) -> &'static str;
    /// The fold's fingerprint.
    fn fingerprint(&self) -> u32;
    /// The keys of `events` whose state has to be loaded before they are applied.
    fn missing(&self, events: &[ViewEvent]) -> Vec<Uuid>;
    /// Takes the stored state of a key.
    ///
    /// # Errors
    /// The state cannot be read.
    fn load(&mut self, key: Uuid, state: Option<&[u8]>) -> Result<(), serde_json::Error>;
    /// The roots of `events` that have a late one, and so need their history.
    fn late(&self, events: &[ViewEvent]) -> Vec<Uuid>;
    /// Folds `events`.
    ///
    /// # Errors
    /// A row cannot be written. The fold must be [forgotten](Self::forget).
    fn apply(&mut self, events: &[ViewEvent], histories: &Histories) -> Result<(), Poison>;
    /// How many new row versions wait to be taken, both histories counted.
    fn waiting(&self) -> usize;
    /// Everything that changed since the last taking, by key.
    ///
    /// # Errors
    /// A state cannot be written.
    fn take(&mut self) -> Result<Vec<KeyChange>, serde_json::Error>;
    /// Forgets everything that is not stored.
    fn forget(&mut self);
}

/// A row that is valid now, and since when in either history.
#[derive(Clone, Debug)]
struct Shown {
    row: RowBytes,
    at_from: i64,
    pos_from: i64,
    stored: bool,
}

/// What is known of one key, and what waits to be stored of it.
#[derive(Clone, Debug)]
struct Key<S> {
    state: S,
    last_at: i64,
    shown: BTreeMap<i64, Shown>,
    /// Ordinals that the store has a row under.
    stored: BTreeSet<i64>,
    replace_time: bool,
    by_time: Vec<Version>,
    by_position: Vec<Version>,
    touched: bool,
}

impl<S: Default> Default for Key<S> {
    fn default() -> Self {
        Self {
            state: S::default(),
            last_at: i64::MIN,
            shown: BTreeMap::new(),
            stored: BTreeSet::new(),
            replace_time: false,
            by_time: Vec::new(),
            by_position: Vec::new(),
            touched: false,
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

/// The fold of a [`View`].
#[derive(Debug)]
pub struct Folder<V: View> {
    keys: HashMap<Uuid, Key<V::State>>,
    touched: Vec<Uuid>,
    waiting: usize,
}

impl<V: View> Default for Folder<V> {
    fn default() -> Self {
        Self { keys: HashMap::new(), touched: Vec::new(), waiting: 0 }
    }
}

fn rows<V: View>(state: &V::State) -> Result<BTreeMap<i64, Vec<u8>>, serde_json::Error> {
    V::rows(state)
        .into_iter()
        .map(|(ordinal, row)| Ok((ordinal, serde_json::to_vec(&row)?)))
        .collect()
}

/// The place of an event in business time. Events of one stream keep their order, as their positions rise with
/// their versions; touches of one instant are ordered by id where they are kept.
const fn order(event: &ViewEvent) -> (i64, u64) {
    (event.at(), event.position.0)
}

fn as_i64(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(OPEN)
}

/// The rows that are not shown any more, or not so.
fn ended<'a>(
    shown: &'a BTreeMap<i64, Shown>,
    rows: &BTreeMap<i64, Vec<u8>>,
) -> impl Iterator<Item = (i64, &'a Shown)> {
    shown
        .iter()
        .filter(|(ordinal, one)| rows.get(ordinal).is_none_or(|row| **row != *one.row))
        .map(|(ordinal, one)| (*ordinal, one))
}

impl<S> Key<S> {
    /// Ends the row versions that `rows` no longer shows, in the history by position.
    fn step_position(&mut self, rows: &BTreeMap<i64, Vec<u8>>, to: i64) {
        for (ordinal, one) in ended(&self.shown, rows) {
            let row = Arc::clone(&one.row);
            self.by_position.push(Version { ordinal, from: one.pos_from, to, row });
        }
    }

    /// Ends the row versions that `rows` no longer shows, in the history by time. One that began at this very
    /// instant leaves no trace.
    fn step_time(&mut self, rows: &BTreeMap<i64, Vec<u8>>, to: i64) {
        for (ordinal, one) in ended(&self.shown, rows).filter(|(_, one)| one.at_from != to) {
            let row = Arc::clone(&one.row);
            self.by_time.push(Version { ordinal, from: one.at_from, to, row });
        }
    }

    /// Shows `rows` from now on, and says how many of them are new.
    fn show(&mut self, rows: BTreeMap<i64, Vec<u8>>, at: i64, position: i64) -> usize {
        let mut new = 0;
        let mut former = std::mem::take(&mut self.shown);
        for (ordinal, row) in rows {
            let shown = match former.remove(&ordinal) {
                Some(shown) if *shown.row == *row => shown,
                _ => {
                    new += 1;
                    let row = row.into();
                    Shown { row, at_from: at, pos_from: position, stored: false }
                }
            };
            self.shown.insert(ordinal, shown);
        }
        new
    }
}

impl<V: View> Folder<V> {
    fn poison(position: Position, source: serde_json::Error) -> Poison {
        Poison { view: V::NAME, position, attempt: "writing its rows", source }
    }

    fn fold_one(&mut self, id: Uuid, event: &ViewEvent) -> Result<(), Poison> {
        let key = self.keys.entry(id).or_default();
        V::apply(&mut key.state, event);
        let rows = rows::<V>(&key.state).map_err(|source| Self::poison(event.position, source))?;
        let (at, position) = (event.at(), as_i64(event.position));
        key.step_position(&rows, position);
        key.step_time(&rows, at);
        self.waiting += 2 * key.show(rows, at, position);
        key.last_at = at;
        Ok(())
    }

    /// Folds everything known of a key up to `event`, by business time.
    fn refold(&mut self, id: Uuid, event: &ViewEvent, history: &[ViewEvent]) -> Result<(), Poison> {
        let poison = |source| Self::poison(event.position, source);
        let mut known: Vec<&ViewEvent> = history
            .iter()
            .filter(|one| one.position <= event.position && V::key(one) == Some(id))
            .collect();
        known.sort_by_key(|one| order(one));
        let mut fresh = Key::<V::State>::default();
        for one in known {
            V::apply(&mut fresh.state, one);
            let rows = rows::<V>(&fresh.state).map_err(poison)?;
            fresh.step_time(&rows, one.at());
            self.waiting += fresh.show(rows, one.at(), 0);
            fresh.last_at = one.at();
        }
        let position = as_i64(event.position);
        let key = self.keys.entry(id).or_default();
        let rows = fresh.shown.iter().map(|(ordinal, shown)| (*ordinal, shown.row.to_vec()));
        key.step_position(&rows.collect(), position);
        for (ordinal, one) in &mut fresh.shown {
            let former = key.shown.get(ordinal).filter(|former| former.row == one.row);
            one.pos_from = former.map_or(position, |former| former.pos_from);
            one.stored =
                former.is_some_and(|former| former.stored && former.at_from == one.at_from);
        }
        fresh.replace_time = true;
        fresh.stored = std::mem::take(&mut key.stored);
        fresh.by_position = std::mem::take(&mut key.by_position);
        fresh.touched = key.touched;
        *key = fresh;
        Ok(())
    }
}

impl<V: View> Folding for Folder<V> {
    fn name(&self) -> &'static str {
        V::NAME
    }

    fn fingerprint(&self) -> u32 {
        V::FINGERPRINT
    }

    fn missing(&self, events: &[ViewEvent]) -> Vec<Uuid> {
        let mut seen = HashSet::new();
        let keys = events.iter().filter_map(V::key);
        keys.filter(|key| !self.keys.contains_key(key) && seen.insert(*key)).collect()
    }

    fn load(&mut self, id: Uuid, state: Option<&[u8]>) -> Result<(), serde_json::Error> {
        let mut key = Key::<V::State>::default();
        if let Some(bytes) = state {
            let stored: Stored<V::State> = serde_json::from_slice(bytes)?;
            let mut rows = rows::<V>(&stored.state)?;
            for (ordinal, at_from, pos_from) in stored.shown {
                let Some(row) = rows.remove(&ordinal) else { continue };
                let row = row.into();
                key.stored.insert(ordinal);
                key.shown.insert(ordinal, Shown { row, at_from, pos_from, stored: true });
            }
            (key.state, key.last_at) = (stored.state, stored.last_at);
        }
        self.keys.insert(id, key);
        Ok(())
    }

    fn late(&self, events: &[ViewEvent]) -> Vec<Uuid> {
        let mut last = HashMap::new();
        let mut late = HashSet::new();
        for event in events {
            let Some(id) = V::key(event) else { continue };
            let last = last
                .entry(id)
                .or_insert_with(|| self.keys.get(&id).map_or(i64::MIN, |k| k.last_at));
            if event.at() < *last {
                late.insert(event.root);
            } else {
                *last = event.at();
            }
        }
        late.into_iter().collect()
    }

    fn apply(&mut self, events: &[ViewEvent], histories: &Histories) -> Result<(), Poison> {
        for event in events {
            let Some(id) = V::key(event) else { continue };
            let key = self.keys.entry(id).or_default();
            if !std::mem::replace(&mut key.touched, true) {
                self.touched.push(id);
            }
            if event.at() >= key.last_at {
                self.fold_one(id, event)?;
            } else {
                let history =
                    histories.get(&event.root).map_or(&[][..], |events| events.as_slice());
                self.refold(id, event, history)?;
            }
        }
        Ok(())
    }

    fn waiting(&self) -> usize {
        self.waiting
    }

    fn take(&mut self) -> Result<Vec<KeyChange>, serde_json::Error> {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        self.waiting = 0;
        let mut changes = Vec::with_capacity(touched.len());
        for id in touched {
            let Some(key) = self.keys.get_mut(&id) else { continue };
            changes.push(take_key(id, key)?);
        }
        if self.keys.len() > CACHED_KEYS_MAX {
            self.keys.clear();
        }
        Ok(changes)
    }

    fn forget(&mut self) {
        *self = Self::default();
    }
}

fn take_key<S: Serialize + Clone>(
    id: Uuid,
    key: &mut Key<S>,
) -> Result<KeyChange, serde_json::Error> {
    key.touched = false;
    let present: BTreeSet<i64> = key.shown.keys().copied().collect();
    let gone = key.stored.difference(&present).copied().collect();
    key.stored = present;
    let mut current = Vec::new();
    for (ordinal, one) in key.shown.iter_mut().filter(|(_, one)| !one.stored) {
        let (ordinal, row) = (*ordinal, Arc::clone(&one.row));
        one.stored = true;
        current.push(Current { ordinal, at_from: one.at_from, pos_from: one.pos_from, row });
    }
    let shown = key.shown.iter().map(|(ordinal, row)| (*ordinal, row.at_from, row.pos_from));
    let stored = Stored { state: &key.state, last_at: key.last_at, shown: shown.collect() };
    Ok(KeyChange {
        key: id,
        state: Some(serde_json::to_vec(&stored)?),
        current,
        gone,
        replace_time: std::mem::take(&mut key.replace_time),
        by_time: std::mem::take(&mut key.by_time),
        by_position: std::mem::take(&mut key.by_position),
    })
}
