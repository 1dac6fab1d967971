//! A map by ordinal for the few rows that a key shows.

/// Values by ordinal, in a sorted list: of two or three entries it takes a fraction of a tree's memory, of which there
/// would be one for every key that is kept.
#[derive(Clone, Debug)]
pub(super) struct Ordinals<T>(Vec<(i64, T)>);

impl<T> Default for Ordinals<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Ordinals<T> {
    fn place(&self, ordinal: i64) -> Result<usize, usize> {
        self.0.binary_search_by_key(&ordinal, |(of, _)| *of)
    }

    pub(super) fn get(&self, ordinal: i64) -> Option<&T> {
        let place = self.place(ordinal).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    pub(super) fn insert(&mut self, ordinal: i64, value: T) {
        match self.place(ordinal) {
            Ok(place) => {
                if let Some(entry) = self.0.get_mut(place) {
                    entry.1 = value;
                }
            }
            Err(place) => self.0.insert(place, (ordinal, value)),
        }
    }

    pub(super) fn remove(&mut self, ordinal: i64) -> Option<T> {
        let place = self.place(ordinal).ok()?;
        Some(self.0.remove(place).1)
    }

    /// By rising ordinals.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, &T)> {
        self.0.iter().map(|(ordinal, value)| (*ordinal, value))
    }

    /// By rising ordinals.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (i64, &mut T)> {
        self.0.iter_mut().map(|(ordinal, value)| (*ordinal, value))
    }

    pub(super) fn ordinals(&self) -> impl Iterator<Item = i64> {
        self.0.iter().map(|(ordinal, _)| *ordinal)
    }
}

#[cfg(test)]
mod tests {
    use super::Ordinals;

    #[test]
    fn entries_are_found_by_ordinal_whatever_the_order_they_came_in() {
        let mut map = Ordinals::default();
        for ordinal in [3, 1, 2, 1] {
            map.insert(ordinal, ordinal * 10);
        }
        assert_eq!(map.iter().collect::<Vec<_>>(), [(1, &10), (2, &20), (3, &30)]);
        assert_eq!(map.remove(2), Some(20));
        assert_eq!(map.remove(2), None);
        assert_eq!((map.get(1), map.get(2)), (Some(&10), None));
        assert_eq!(map.ordinals().collect::<Vec<_>>(), [1, 3]);
    }
}
