//! The histories of one view as plain maps: what a store has to make of a fold's changes.

use leadline_log::Position;
use leadline_views::ViewEvent;
use leadline_views::fold::{Folding, Histories};
use leadline_views::store::{KeyChange, OPEN, Steps};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Row versions by key, ordinal and start: end and row.
pub(crate) type History = BTreeMap<(Uuid, i64, i64), (i64, String)>;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tables {
    pub(crate) by_time: History,
    pub(crate) by_position: History,
    states: BTreeMap<Uuid, Vec<u8>>,
}

fn apply(history: &mut History, key: Uuid, steps: &Steps) {
    if steps.replace {
        history.retain(|(other, ..), _| *other != key);
    }
    for close in &steps.closes {
        let id = (key, close.ordinal, close.from);
        if close.to == close.from {
            assert!(history.remove(&id).is_some(), "deletes what is not there: {id:?}");
        } else {
            let stored = history.get_mut(&id).expect("closes what is there");
            assert_eq!(stored.0, OPEN, "closes twice: {id:?}");
            stored.0 = close.to;
        }
    }
    for version in &steps.inserts {
        assert!(version.from < version.to, "an empty version: {version:?}");
        let row = String::from_utf8(version.row.to_vec()).expect("JSON");
        let id = (key, version.ordinal, version.from);
        assert_eq!(history.insert(id, (version.to, row)), None, "inserted twice: {id:?}");
    }
}

impl Tables {
    pub(crate) fn commit(&mut self, changes: Vec<KeyChange>) {
        for KeyChange { key, state, by_time, by_position } in changes {
            apply(&mut self.by_time, key, &by_time);
            apply(&mut self.by_position, key, &by_position);
            if let Some(state) = state {
                self.states.insert(key, state);
            }
        }
    }

    /// Folds `events[done..until]` as one page; `all` is the whole log.
    pub(crate) fn page(
        &mut self,
        fold: &mut dyn Folding,
        all: &[ViewEvent],
        done: usize,
        until: usize,
    ) {
        let page = &all[done..until];
        for key in fold.missing(page) {
            fold.load(key, self.states.get(&key).map(Vec::as_slice)).expect("a state");
        }
        let mut histories = Histories::new();
        for root in fold.late(page) {
            let of_root = all[..until].iter().filter(|event| event.root == root).cloned();
            histories.insert(root, Arc::new(of_root.collect()));
        }
        fold.apply(page, &histories).expect("a fold that never fails");
        let changes = fold.take().expect("a state that can be written");
        self.commit(changes);
    }

    /// The rows that were valid at `at`.
    pub(crate) fn valid(history: &History, at: i64) -> BTreeMap<(Uuid, i64), String> {
        history
            .iter()
            .filter(|((.., from), (to, _))| *from <= at && at < *to)
            .map(|((key, ordinal, _), (_, row))| ((*key, *ordinal), row.clone()))
            .collect()
    }
}

/// Folds everything as one page from nothing.
pub(crate) fn folded(view: &str, events: &[ViewEvent]) -> Tables {
    let mut fold = leadline_views::folding(view).expect("a view");
    let mut tables = Tables::default();
    tables.page(&mut *fold, events, 0, events.len());
    tables
}

/// Positions 1, 2, 3, … and dense versions per stream.
pub(crate) fn number(events: &mut [ViewEvent]) {
    let mut versions = BTreeMap::<_, u64>::new();
    for (position, event) in (1..).zip(events) {
        let version = versions.entry(event.stream).or_default();
        *version += 1;
        (event.position, event.version) = (Position(position), *version);
    }
}

/// All instants at which something of `history` begins or ends, and one before each.
pub(crate) fn instants(history: &History) -> BTreeSet<i64> {
    let bounds = history.iter().flat_map(|((.., from), (to, _))| [*from, *to]);
    bounds.filter(|at| *at != OPEN).flat_map(|at| [at - 1, at]).collect()
}
