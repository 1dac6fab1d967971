//! Where clients wait for one another, so that they act at the same instant.

use super::PATIENCE;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Where two clients wait for one another before each request. One that never comes fails the other.
#[derive(Debug, Default)]
pub(crate) struct Meeting(AtomicUsize);

impl Meeting {
    /// Waits until both have come for the `round`th time, counted from zero.
    pub(crate) fn attend(&self, round: usize) {
        self.0.fetch_add(1, Ordering::AcqRel);
        let deadline = Instant::now() + PATIENCE;
        while self.0.load(Ordering::Acquire) < 2 * (round + 1) {
            assert!(Instant::now() < deadline, "the other client did not come");
            std::hint::spin_loop();
            std::thread::yield_now();
        }
    }
}
