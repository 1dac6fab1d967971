//! A bounded map that forgets what was not used lately (second chance), and never what is pinned.

use std::collections::HashMap;
use std::hash::Hash;

pub(super) struct Cache<K, V> {
    index: HashMap<K, usize>,
    slots: Vec<Slot<K, V>>,
    hand: usize,
    capacity: usize,
}

struct Slot<K, V> {
    key: K,
    value: V,
    pins: u32,
    used: bool,
}

impl<K: Copy + Eq + Hash, V> Cache<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { index: HashMap::new(), slots: Vec::new(), hand: 0, capacity: capacity.max(1) }
    }

    pub(super) fn get(&mut self, key: &K) -> Option<&V> {
        let slot = self.slots.get_mut(*self.index.get(key)?)?;
        slot.used = true;
        Some(&slot.value)
    }

    #[cfg(test)]
    fn contains(&self, key: &K) -> bool {
        self.index.contains_key(key)
    }

    /// Keeps a value. What is pinned stays pinned.
    pub(super) fn put(&mut self, key: K, value: V) {
        self.put_pinned(key, value, 0);
    }

    /// Keeps a value that must not be forgotten before it is unpinned as many times.
    pub(super) fn pin(&mut self, key: K, value: V) {
        self.put_pinned(key, value, 1);
    }

    fn put_pinned(&mut self, key: K, value: V, pins: u32) {
        let known = self.index.get(&key).and_then(|slot| self.slots.get_mut(*slot));
        if let Some(slot) = known {
            slot.value = value;
            slot.pins += pins;
            slot.used = true;
            return;
        }
        let slot = Slot { key, value, pins, used: false };
        let place = self.spare().unwrap_or(self.slots.len());
        self.index.insert(key, place);
        if let Some(spare) = self.slots.get_mut(place) {
            self.index.remove(&spare.key);
            *spare = slot;
        } else {
            self.slots.push(slot);
        }
    }

    pub(super) fn unpin(&mut self, key: &K) {
        if let Some(slot) = self.index.get(key).and_then(|slot| self.slots.get_mut(*slot)) {
            slot.pins = slot.pins.saturating_sub(1);
        }
    }

    pub(super) fn is_pinned(&self, key: &K) -> bool {
        let slot = self.index.get(key).and_then(|slot| self.slots.get(*slot));
        slot.is_some_and(|slot| slot.pins > 0)
    }

    pub(super) fn remove(&mut self, key: &K) {
        if let Some(place) = self.index.remove(key) {
            self.slots.swap_remove(place);
            if let Some(moved) = self.slots.get(place) {
                self.index.insert(moved.key, place);
            }
        }
    }

    pub(super) fn remove_where(&mut self, unwanted: impl Fn(&V) -> bool) {
        let keys: Vec<K> =
            self.slots.iter().filter(|slot| unwanted(&slot.value)).map(|slot| slot.key).collect();
        for key in keys {
            self.remove(&key);
        }
    }

    /// The place to use again where the cache is full; none where everything is pinned, and the cache must grow.
    fn spare(&mut self) -> Option<usize> {
        if self.slots.len() < self.capacity {
            return None;
        }
        for _ in 0..self.slots.len().saturating_mul(2) {
            let place = if self.hand < self.slots.len() { self.hand } else { 0 };
            self.hand = place + 1;
            let slot = self.slots.get_mut(place)?;
            if slot.pins == 0 && !slot.used {
                return Some(place);
            }
            slot.used = false;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Cache;

    #[test]
    fn what_is_pinned_outlives_what_is_not() {
        let mut cache = Cache::new(3);
        cache.pin(0, 0);
        for key in 1..100 {
            cache.put(key, key);
        }
        assert_eq!(cache.get(&0), Some(&0));
        assert_eq!(cache.slots.len(), 3);
        cache.unpin(&0);
        for key in 100..200 {
            cache.put(key, key);
        }
        assert!(!cache.contains(&0));
        assert_eq!(cache.slots.len(), 3);
        assert!(cache.index.iter().all(|(key, place)| cache.slots[*place].key == *key));
    }

    #[test]
    fn what_is_used_gets_a_second_chance() {
        let mut cache = Cache::new(3);
        for key in 0..3 {
            cache.put(key, key);
        }
        assert_eq!(cache.get(&0), Some(&0));
        cache.put(3, 3);
        assert!(cache.contains(&0));
        assert!(!cache.contains(&1));
    }

    #[test]
    fn when_everything_is_pinned_the_cache_grows() {
        let mut cache = Cache::new(2);
        for key in 0..5 {
            cache.pin(key, key);
        }
        assert!((0..5).all(|key| cache.contains(&key)));
    }
}
