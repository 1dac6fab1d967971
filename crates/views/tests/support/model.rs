//! The histories of one view as plain maps: what a store has to make of a fold's changes.

use leadline_log::Position;
use leadline_views::ViewEvent;
use leadline_views::fold::{Folding, Histories};
use leadline_views::store::{KeyChange, OPEN, Version};
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

fn insert(history: &mut History, key: Uuid, version: Version) {
    let Version { ordinal, from, to, row } = version;
    assert!(from < to, "an empty version of {ordinal} at {from}");
    let row = String::from_utf8(row.to_vec()).expect("JSON");
    assert_eq!(history.insert((key, ordinal, from), (to, row)), None, "{ordinal} twice at {from}");
}

impl Tables {
    pub(crate) fn commit(&mut self, changes: Vec<KeyChange>) {
        for change in changes {
            let key = change.key;
            let is_replaced = |id: &(Uuid, i64, i64), to: i64| {
                let (other, ordinal, _) = *id;
                let put = change.current.iter().any(|current| current.ordinal == ordinal);
                other == key && to == OPEN && (put || change.gone.contains(&ordinal))
            };
            self.by_position.retain(|id, (to, _)| !is_replaced(id, *to));
            self.by_time.retain(|id, (to, _)| {
                !(is_replaced(id, *to) || id.0 == key && change.replace_time && *to != OPEN)
            });
            change.by_time.into_iter().for_each(|one| insert(&mut self.by_time, key, one));
            change.by_position.into_iter().for_each(|one| insert(&mut self.by_position, key, one));
            for one in change.current {
                let version = |from| Version {
                    ordinal: one.ordinal,
                    from,
                    to: OPEN,
                    row: Arc::clone(&one.row),
                };
                insert(&mut self.by_time, key, version(one.at_from));
                insert(&mut self.by_position, key, version(one.pos_from));
            }
            if let Some(state) = change.state {
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

    /// How large the stored states are.
    pub(crate) fn state_bytes(&self) -> usize {
        self.states.values().map(Vec::len).sum()
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
