//! Keyed folds with two histories.
//!
//! Each key has a small state. After each of its events the rows that it may have changed are compared with those
//! before, and every difference is a step of both histories. An event that happened before one that is already
//! folded refolds its key in the order of business time: its history by time is replaced, its history by position
//! gets one more step. So folding event by event, in pages of any size, or from zero, makes the same rows.

mod key;
mod ordinals;

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

/// About how many bytes of keys a fold keeps in memory from page to page.
pub const CACHED_BYTES_MAX: usize = 16 << 20;

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
    /// The keys of `events` whose state has to be loaded before they are applied. Those that are at hand stay so until
    /// the next taking.
    fn missing(&mut self, events: &[ViewEvent]) -> Vec<Uuid>;
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
    /// What was used lately, and what waits to be taken.
    keys: HashMap<Uuid, Key<V::State>>,
    /// What was used before that. It goes when `keys` has grown to half of what may be kept, and takes its place.
    former: HashMap<Uuid, Key<V::State>>,
    /// What `keys` takes of memory.
    bytes: usize,
    touched: Vec<Uuid>,
    waiting: usize,
}

impl<V: View> Default for Folder<V> {
    fn default() -> Self {
        let (keys, former) = (HashMap::new(), HashMap::new());
        Self { keys, former, bytes: 0, touched: Vec::new(), waiting: 0 }
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

    fn missing(&mut self, events: &[ViewEvent]) -> Vec<Uuid> {
        let (mut seen, mut missing) = (HashSet::new(), Vec::new());
        for id in events.iter().filter_map(V::key) {
            if !seen.insert(id) || self.keys.contains_key(&id) {
                continue;
            }
            match self.former.remove(&id) {
                Some(key) => {
                    self.bytes += key.weight;
                    self.keys.insert(id, key);
                }
                None => missing.push(id),
            }
        }
        missing
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
            let before = key.weight;
            changes.push(key.take(id)?);
            self.bytes = self.bytes.saturating_sub(before) + key.weight;
        }
        if self.bytes > CACHED_BYTES_MAX / 2 {
            self.former = std::mem::take(&mut self.keys);
            self.bytes = 0;
        }
        Ok(changes)
    }

    fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::{CACHED_BYTES_MAX, Changed, Folder, Folding, Histories, View};
    use crate::event::ViewEvent;
    use leadline_domain::id::LeadId;
    use leadline_domain::{Event, StreamId, Timestamp, lead};
    use leadline_log::Position;
    use std::borrow::Cow;
    use uuid::Uuid;

    const ROW_BYTES: usize = 10_000;
    const EVERYBODY: u128 = 4 * (CACHED_BYTES_MAX / ROW_BYTES) as u128;

    /// Counts the events of a lead, in long rows.
    struct Counting;

    impl View for Counting {
        const NAME: &'static str = "counting";
        const FINGERPRINT: u32 = 1;
        type State = u32;
        type Row<'a> = String;

        fn key(event: &ViewEvent) -> Option<Uuid> {
            Some(event.root)
        }

        fn apply(count: &mut u32, _: &ViewEvent) -> Changed {
            *count += 1;
            Changed::All
        }

        fn rows(count: &u32) -> Vec<(i64, String)> {
            vec![(0, format!("{count:>ROW_BYTES$}"))]
        }
    }

    fn happened(root: u128) -> ViewEvent {
        ViewEvent {
            position: Position(1),
            effective_at: Timestamp::from_millis(0),
            stream: StreamId::Lead(LeadId(Uuid::from_u128(root))),
            version: 1,
            root: Uuid::from_u128(root),
            actor: None,
            event_type: Cow::Borrowed("test.event"),
            event: Event::Lead(lead::Event::MarkedMql { from: lead::Phase::New, cycle: 1 }),
        }
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_is_used_again_and_again_stays() {
        let mut fold = Folder::<Counting>::default();
        let always = happened(0);
        for root in 1..=EVERYBODY {
            let page = [always.clone(), happened(root)];
            let missing = fold.missing(&page);
            assert_eq!(missing.contains(&always.root), root == 1, "kept before lead {root}");
            for key in missing {
                fold.load(key, None).unwrap();
            }
            fold.apply(&page, &Histories::new()).unwrap();
            assert_eq!(fold.take().unwrap().len(), 2);
            if root % 100 == 0 {
                let kept = fold.keys.values().chain(fold.former.values()).map(|key| key.weight);
                assert!(kept.sum::<usize>() <= CACHED_BYTES_MAX + 3 * ROW_BYTES, "lead {root}");
            }
        }
        assert_eq!(fold.missing(&[happened(1)]), [Uuid::from_u128(1)], "the first was let go");
        assert!(fold.missing(&[happened(EVERYBODY)]).is_empty(), "the last is at hand");
    }
}
