//! Time and identity as ports, so that everything above can be replayed.

use uuid::Uuid;

/// Tells the time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now_millis(&self) -> i64;
}

/// Makes identities that sort by the time of their making.
pub trait IdGen: Send + Sync + std::fmt::Debug {
    /// A version 7 UUID that has never been and will never be.
    fn next(&self) -> Uuid;
}

/// The machine's clock and random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Clock for System {
    #[expect(clippy::disallowed_methods, reason = "the one place that may read the clock")]
    fn now_millis(&self) -> i64 {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |elapsed| i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
    }
}

impl IdGen for System {
    #[expect(clippy::disallowed_methods, reason = "the one place that may mint a random identity")]
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}
