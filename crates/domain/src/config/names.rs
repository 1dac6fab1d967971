//! The names of one catalogue: a set that is cheap to clone, and cheap to add to while clones of it are around.

use std::cmp::Ordering;
use std::sync::Arc;

/// Names in sorted runs, each more than twice as long as the next: few to search, and a new name copies short ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    runs: Vec<Arc<[Arc<str>]>>,
}

impl Names {
    pub(super) fn contains(&self, name: &str) -> bool {
        self.runs.iter().any(|run| run.binary_search_by(|one| (**one).cmp(name)).is_ok())
    }

    pub(super) fn len(&self) -> usize {
        self.runs.iter().map(|run| run.len()).sum()
    }

    /// In alphabetical order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<&str> =
            self.runs.iter().flat_map(|run| run.iter().map(AsRef::as_ref)).collect();
        names.sort_unstable();
        names.into_iter()
    }

    pub(super) fn insert(&mut self, name: &str) {
        if self.contains(name) {
            return;
        }
        let mut run: Vec<Arc<str>> = vec![Arc::from(name)];
        while let Some(last) = self.runs.pop_if(|last| last.len() <= run.len().saturating_mul(2)) {
            run = merged(&last, &run);
        }
        self.runs.push(run.into());
    }
}

/// Two sorted runs as one.
fn merged(one: &[Arc<str>], other: &[Arc<str>]) -> Vec<Arc<str>> {
    let mut all = Vec::with_capacity(one.len().saturating_add(other.len()));
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    loop {
        let first = match (one.peek(), other.peek()) {
            (Some(left), Some(right)) if left.cmp(right) == Ordering::Greater => other.next(),
            (Some(_), _) => one.next(),
            (None, _) => other.next(),
        };
        let Some(name) = first else { return all };
        all.push(Arc::clone(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_there_once_and_the_runs_stay_few() {
        let mut names = Names::default();
        let mut before = Vec::new();
        for number in 0..2_000_u32 {
            // In no particular order.
            let name = format!("name {}", number.wrapping_mul(2_654_435_761));
            assert!(!names.contains(&name));
            before.push((names.clone(), name.clone()));
            names.insert(&name);
            names.insert(&name);
            assert!(names.contains(&name));
            assert_eq!(names.len(), before.len());
            assert!(names.runs.len() <= 11, "{}", names.runs.len());
        }
        assert!(names.iter().is_sorted());
        assert_eq!(names.iter().count(), 2_000);
        assert!(before.iter().all(|(clone, name)| !clone.contains(name)));
    }
}
