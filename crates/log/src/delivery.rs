//! Delivery: events that reach a consumer by another road than reading the log.
//!
//! The log alone is true. Whatever brings its events elsewhere may lose, repeat or delay them; positions are dense,
//! so a consumer sees that, and reads what is missing from the log.

use crate::types::{Position, Recorded};
use async_trait::async_trait;
use thiserror::Error;

/// Why nothing was delivered.
#[derive(Debug, Error)]
pub enum Undelivered {
    /// What was delivered does not go on where the consumer is: what lies between must be read from the log.
    #[error("the next event delivered is {found}")]
    Hole {
        /// The next position delivered.
        found: Position,
    },
    /// Nothing is delivered for now; the log must be followed instead. It is tried again with the next call.
    #[error("delivery is interrupted: {reason}")]
    Away {
        /// Why.
        reason: String,
    },
}

/// Brings events in the order of the log.
#[async_trait]
pub trait Delivery: Send + std::fmt::Debug {
    /// The events after `after`, without a hole: at least one, at most `limit`. Waits until there is one. What lies
    /// before is skipped. Dropping the future loses nothing.
    ///
    /// # Errors
    /// See [`Undelivered`].
    async fn next(&mut self, after: Position, limit: usize) -> Result<Vec<Recorded>, Undelivered>;

    /// Whether the way that events come by is open, so that the next one will come by it.
    fn is_open(&self) -> bool;
}
