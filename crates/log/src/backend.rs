//! The port that a database implements.

use crate::types::{
    Append, ClaimHolder, ClaimKey, CommandRecord, LogIdentity, Page, Position, Read, Recorded,
    StreamKey, Verdict,
};
use async_trait::async_trait;
use std::sync::Arc;
use thiserror::Error;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong with the machine, as opposed to a [`Verdict`].
#[derive(Debug, Error)]
pub enum Error {
    /// The database could not be reached or gave up; nothing is known to be committed. May be tried again.
    #[error("could not {attempt} in the event log")]
    Unavailable {
        /// What was attempted.
        attempt: &'static str,
        /// Why not.
        #[source]
        source: Source,
    },
    /// One append of the batch cannot be stored, whatever is tried: it breaks a limit or the contract.
    #[error("the append cannot be stored: {reason}")]
    Unacceptable {
        /// What it breaks.
        reason: String,
    },
    /// What is stored cannot be read.
    #[error("the event log cannot be read at position {position}")]
    Corrupt {
        /// Where.
        position: Position,
        /// Why.
        #[source]
        source: Source,
    },
    /// The log ends earlier than it was read before: it was restored from an older backup, and whatever is known of
    /// it here is of a past that it does not have.
    #[error(
        "the event log ends at position {head} and was read up to {position} before: it was restored from an older backup"
    )]
    Receded {
        /// Up to where it was read.
        position: Position,
        /// Where it ends.
        head: Position,
    },
    /// The log has another event where one was read before: it was restored, and has gone on since.
    #[error(
        "the event log has another event at position {position} than was read there before: it was restored from an older backup"
    )]
    Replaced {
        /// Where.
        position: Position,
    },
    /// The disk did not confirm a write. The process must end: a second fsync would lie.
    #[error("the disk did not confirm a write to the event log")]
    NotDurable {
        /// Why.
        #[source]
        source: Source,
    },
    /// The queue in front of the log is full. Try again later.
    #[error("the event log is busy: {waiting} commands are waiting")]
    Busy {
        /// How many.
        waiting: usize,
    },
    /// The log is being closed.
    #[error("the event log is shutting down")]
    Closed,
}

/// An append-only log of events with dense positions in commit order.
///
/// Guarantees: positions 1 to head are dense; position order is commit order is visibility order; each append is
/// atomic, and a batch equals its appends one by one; what is acknowledged is durable; a command id returns its
/// first result for ever; versions of a stream are dense; `recorded_at` never decreases along positions.
#[async_trait]
pub trait LogBackend: Send + Sync + std::fmt::Debug {
    /// Which log this is.
    fn identity(&self) -> LogIdentity;

    /// Appends each of `batch` in order, in one transaction, durably. One verdict per append, in order.
    ///
    /// An append is judged by, in this order: its command id (known, in the log or earlier in the batch: `Duplicate`),
    /// its group, the versions that it expects and the claims that it takes (all that differ are named).
    /// A caller that goes away cancels nothing: the batch is committed whole, or not at all.
    ///
    /// # Errors
    /// The whole batch failed and nothing of it is stored.
    async fn append(&self, batch: Arc<[Append]>) -> Result<Vec<Verdict>, Error>;

    /// Reads a page and the head, from one snapshot.
    ///
    /// # Errors
    /// The database could not be read.
    async fn read(&self, read: Read) -> Result<Page, Error>;

    /// All events of each of `streams`, oldest first, from one snapshot.
    ///
    /// # Errors
    /// The database could not be read.
    async fn streams(&self, streams: &[StreamKey]) -> Result<Vec<Vec<Recorded>>, Error>;

    /// Who holds each of `keys`.
    ///
    /// # Errors
    /// The database could not be read.
    async fn claims(&self, keys: &[ClaimKey]) -> Result<Vec<Option<ClaimHolder>>, Error>;

    /// What is known of each of these commands.
    ///
    /// # Errors
    /// The database could not be read.
    async fn commands(&self, ids: &[[u8; 16]]) -> Result<Vec<Option<CommandRecord>>, Error>;

    /// The last position.
    ///
    /// # Errors
    /// The database could not be read.
    async fn head(&self) -> Result<Position, Error>;

    /// Keeps every other writer of the log out: what is read from now on stays true until the next [`append`], which
    /// lets them in again, or [`release`]. A log with one writer has nobody to keep out.
    ///
    /// [`append`]: Self::append
    /// [`release`]: Self::release
    ///
    /// # Errors
    /// The lock could not be had in time.
    async fn hold(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Lets other writers in again after a [`hold`](Self::hold) that no append followed.
    async fn release(&self) {}
}
