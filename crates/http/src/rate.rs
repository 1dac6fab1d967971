//! How many requests a key may make.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a key may make in a second it may also make at once.
const BURST: Duration = Duration::from_secs(1);

/// Keeps each key to so many requests a second.
///
/// Of each key there is one time: when the requests that it has made would be through, were they spread evenly (the
/// generic cell rate algorithm).
#[derive(Debug)]
pub(crate) struct Rates {
    /// Requests a second.
    pub(crate) limit: NonZeroU32,
    through: Mutex<BTreeMap<String, Instant>>,
}

impl Rates {
    pub(crate) fn new(limit: NonZeroU32) -> Self {
        Self { limit, through: Mutex::default() }
    }

    /// Counts a request of `key`.
    ///
    /// # Errors
    /// It is one too many; how long until the next one is not.
    pub(crate) fn count(&self, key: &str, now: Instant) -> Result<(), Duration> {
        let mut through = self.through.lock().unwrap_or_else(PoisonError::into_inner);
        let before = through.get(key).copied().filter(|before| *before > now).unwrap_or(now);
        let after = before + BURST / self.limit.get();
        let early = after.duration_since(now).saturating_sub(BURST);
        if !early.is_zero() {
            return Err(early);
        }
        through.insert(key.to_owned(), after);
        Ok(())
    }

    /// Forgets the keys whose requests are through.
    pub(crate) fn forget(&self, now: Instant) {
        let mut through = self.through.lock().unwrap_or_else(PoisonError::into_inner);
        through.retain(|_, through| *through > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_to_its_rate_and_others_are_not_its_matter() {
        let (rates, now) = (Rates::new(NonZeroU32::new(4).unwrap()), Instant::now());
        for _ in 0..4 {
            assert_eq!(rates.count("a", now), Ok(()));
        }
        assert_eq!(rates.count("a", now), Err(Duration::from_millis(250)));
        assert_eq!(rates.count("b", now), Ok(()));
        let later = now + Duration::from_millis(250);
        assert_eq!(rates.count("a", later), Ok(()), "what was refused does not count");
        assert!(rates.count("a", later).is_err());
        rates.forget(later);
        assert_eq!(rates.through.lock().unwrap().len(), 1, "only what still counts is kept");
        let much_later = now + Duration::from_mins(1);
        for _ in 0..4 {
            assert_eq!(rates.count("a", much_later), Ok(()));
        }
        assert!(
            rates.count("a", much_later).is_err(),
            "nothing is saved up beyond a second's worth"
        );
    }
}
