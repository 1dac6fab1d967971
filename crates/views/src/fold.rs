//! Keyed folds with two histories.
//!
//! Each key has a small state. After each of its events the rows that it may have changed are compared with those
//! before, and every difference is a step of both histories. An event that happened before one that is already
//! folded refolds its key in the order of business time: its history by time is replaced, its history by position
//! gets one more step. So folding event by event, in pages of any size, or from zero, makes the same rows.

mod key;

pub use key::Changed;

use crate::event::ViewEvent;
use crate::store::{KeyChange, OPEN};
use key::Key;
use leadline_log::Position;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{HashMap, HashSet};
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
    /// Folds one event, and says which rows may be others now.
    fn apply(state: &mut Self::State, event: &ViewEvent) -> Changed;
    /// The rows that a state shows, each with the number that identifies it within its key.
    fn rows(state: &Self::State) -> Vec<(i64, Self::Row<'_>)>;
    /// One of these rows; `None` where the state does not show it.
    fn row(state: &Self::State, ordinal: i64) -> Option<Self::Row<'_>> {
        Self::rows(state).into_iter().find(|(of, _)| *of == ordinal).map(|(_, row)| row)
    }
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

/// The place of an event in business time. Events of one stream keep their order, as their positions rise with
/// their versions; touches of one instant are ordered by id where they are kept.
const fn order(event: &ViewEvent) -> (i64, u64) {
    (event.at(), event.position.0)
}

fn as_i64(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(OPEN)
}

impl<V: View> Folder<V> {
    fn poison(position: Position, source: serde_json::Error) -> Poison {
        Poison { view: V::NAME, position, attempt: "writing its rows", source }
    }

    fn fold_one(&mut self, id: Uuid, event: &ViewEvent) -> Result<(), Poison> {
        let position = as_i64(event.position);
        let key = self.keys.entry(id).or_default();
        self.waiting += 2 * fold::<V>(key, event, Some(position))
            .map_err(|source| Self::poison(event.position, source))?;
        Ok(())
    }

    /// Folds everything known of a key up to `event`, by business time.
    fn refold(&mut self, id: Uuid, event: &ViewEvent, history: &[ViewEvent]) -> Result<(), Poison> {
        let mut known: Vec<&ViewEvent> = history
            .iter()
            .filter(|one| one.position <= event.position && V::key(one) == Some(id))
            .collect();
        known.sort_by_key(|one| order(one));
        let mut fresh = Key::default();
        for one in known {
            self.waiting += fold::<V>(&mut fresh, one, None)
                .map_err(|source| Self::poison(event.position, source))?;
        }
        self.keys.entry(id).or_default().replace(fresh, as_i64(event.position));
        Ok(())
    }
}

/// Folds one event into its key, and says how many rows are new.
fn fold<V: View>(
    key: &mut Key<V::State>,
    event: &ViewEvent,
    position: Option<i64>,
) -> Result<usize, serde_json::Error> {
    let changed = V::apply(&mut key.state, event);
    let rows = key.rows::<V>(changed)?;
    key.last_at = event.at();
    Ok(key.show(rows, event.at(), position))
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
        let key = state.map_or_else(|| Ok(Key::default()), Key::read::<V>)?;
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
            changes.push(key.take(id)?);
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
