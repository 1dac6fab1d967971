//! The port to the database that keeps views.

use async_trait::async_trait;
use leadline_domain::Timestamp;
use leadline_log::types::LogIdentity;
use leadline_log::{Place, Position};
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;
use uuid::Uuid;

/// After every position and instant.
pub const OPEN: i64 = i64::MAX;

/// The serialised form of a row: compact JSON.
pub type RowBytes = Arc<[u8]>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong with the store of views.
#[derive(Debug, Error)]
pub enum Error {
    /// The database could not be reached or gave up. May be tried again.
    #[error("could not {attempt} in the store of views")]
    Unavailable {
        /// What was attempted.
        attempt: &'static str,
        /// Why not.
        #[source]
        source: Source,
    },
    /// The view has never been built.
    #[error("the view `{view}` has not been built yet")]
    Unbuilt {
        /// Its name.
        view: String,
    },
    /// Another rebuild of the view has begun meanwhile, and goes on.
    #[error("another rebuild of the view `{view}` has begun meanwhile")]
    Overtaken {
        /// Its name.
        view: String,
    },
    /// There is no former generation to go back to.
    #[error("the view `{view}` has no former generation to go back to")]
    NoFormer {
        /// Its name.
        view: String,
    },
}

/// How far a view has been folded, from which log, and by which code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log.
    pub log: LogIdentity,
    /// The last position that its rows reflect.
    pub position: Position,
    /// The id of the event there; nil at the start.
    pub event: Uuid,
    /// The fold's fingerprint.
    pub fingerprint: u32,
    /// Which set of rows, of all that there have been of the view; 0 before the first commit.
    pub build: u64,
}

impl Checkpoint {
    /// The place in the log.
    pub const fn place(&self) -> Place {
        Place { log: self.log, position: self.position, event: self.event }
    }
}

/// Which of a view's sets of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Generation {
    /// The one that answers.
    Live,
    /// The one that is being rebuilt beside it.
    Next,
}

/// A row version of either history that has ended: valid from `from` up to, not including, `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Which row of the key.
    pub ordinal: i64,
    /// Position or milliseconds of UTC.
    pub from: i64,
    /// Position or milliseconds of UTC; above `from`.
    pub to: i64,
    /// The row.
    pub row: RowBytes,
}

/// A row that is valid now. Both histories end with it, so it is kept once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current {
    /// Which row of the key.
    pub ordinal: i64,
    /// Since when it has been so, milliseconds of UTC.
    pub at_from: i64,
    /// Since which position it has been known to be so.
    pub pos_from: i64,
    /// The row.
    pub row: RowBytes,
}

/// What becomes of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// The key.
    pub key: Uuid,
    /// Its new state, for the fold to go on from; `None` for a view that keeps none.
    pub state: Option<Vec<u8>>,
    /// Rows that are valid now, in place of what is stored under their ordinals.
    pub current: Vec<Current>,
    /// Ordinals under which there is no row any more.
    pub gone: Vec<i64>,
    /// A late fact: every ended version of the history by time goes before `by_time` comes.
    pub replace_time: bool,
    /// What happened, as known now: versions that have ended.
    pub by_time: Vec<Version>,
    /// What was known: versions that have ended.
    pub by_position: Vec<Version>,
}

/// A view's changes and its new checkpoint: all of it is stored, or none.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The view.
    pub view: &'static str,
    /// Which set of rows.
    pub generation: Generation,
    /// The checkpoint that the changes build on: nothing is stored unless it is still the view's.
    pub from: Checkpoint,
    /// The position that the rows reflect afterwards.
    pub to: Position,
    /// The id of the event there.
    pub event: Uuid,
    /// The changes, by key.
    pub changes: Vec<KeyChange>,
}

/// What became of a [`Commit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Stored.
    Moved,
    /// Another projector has moved the checkpoint. Nothing was stored.
    Stale,
}

/// In which history a time is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Axis {
    /// What was known.
    Known,
    /// What happened, as known now.
    #[default]
    True,
}

impl Axis {
    /// The axis's name in requests and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::True => "true",
        }
    }

    /// The axis of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Known, Self::True].into_iter().find(|axis| axis.name() == name)
    }
}

/// As of when rows are wanted. A time on the axis `known` is a position: the last one recorded by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// At the view's checkpoint.
    Now,
    /// At an instant of business time, as known now.
    Time(Timestamp),
    /// When the log ended with this position.
    Position(Position),
}

/// Which rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    /// Of every key.
    All,
    /// Of one key.
    Key(Uuid),
}

/// Rows that were valid at an as-of point, from one snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// The view's checkpoint in the snapshot.
    pub position: Position,
    /// Key, ordinal and row, by key and ordinal.
    pub rows: Vec<(Uuid, i64, Vec<u8>)>,
}

/// A digest of all row versions of both histories and the position that they reflect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// BLAKE3 of the row versions by key, ordinal and start: those that have ended, first by time, then by position,
    /// and the present ones.
    pub digest: [u8; 32],
    /// The position that they reflect.
    pub position: Position,
    /// How many row versions there are.
    pub versions: u64,
}

/// Feeds one row version to a checksum: ordinal, start, end and row, or ordinal, both starts and row of a present one.
/// Every store does it alike, so that checksums compare across stores.
pub fn digest_version(hasher: &mut blake3::Hasher, key: Uuid, version: (i64, i64, i64, &[u8])) {
    let (ordinal, from, to, row) = version;
    hasher.update(key.as_bytes());
    for number in [ordinal, from, to, i64::try_from(row.len()).unwrap_or(i64::MAX)] {
        hasher.update(&number.to_be_bytes());
    }
    hasher.update(row);
}

/// Keeps the rows, states and checkpoints of views.
#[async_trait]
pub trait ViewStore: Send + Sync + std::fmt::Debug {
    /// Whether this process may bring the view forward from now on: one process does at a time. The lease is kept
    /// until the process ends or [lets it go](Self::let_go). It only spares work: commits are guarded by their
    /// checkpoints.
    ///
    /// # Errors
    /// The database could not be reached.
    async fn lease(&self, view: &str) -> Result<bool, Error> {
        // A store that one process can open has nobody to share the work with.
        let _only_here = view;
        Ok(true)
    }

    /// Gives back the lease of a view.
    ///
    /// # Errors
    /// The database could not be reached.
    async fn let_go(&self, view: &str) -> Result<(), Error> {
        let _only_here = view;
        Ok(())
    }

    /// The live checkpoint of every view that has one, by its name.
    ///
    /// # Errors
    /// The database could not be read.
    async fn checkpoints(&self) -> Result<BTreeMap<String, Checkpoint>, Error>;

    /// The state of each of `keys`; `None` for a key that has none.
    ///
    /// # Errors
    /// The database could not be read.
    async fn states(
        &self,
        view: &str,
        generation: Generation,
        keys: &[Uuid],
    ) -> Result<Vec<Option<Vec<u8>>>, Error>;

    /// Stores the commits in one transaction. Each is guarded by its own checkpoint; one that is stale does not
    /// keep the others back. A view that has no checkpoint begins with one at position 0.
    ///
    /// # Errors
    /// Nothing of any commit was stored.
    async fn commit(&self, commits: Vec<Commit>) -> Result<Vec<Outcome>, Error>;

    /// The rows of a view that were valid at `as_of`.
    ///
    /// # Errors
    /// The database could not be read, or the view was never built.
    async fn rows(&self, view: &str, as_of: AsOf, select: Select) -> Result<Rows, Error>;

    /// Digests a generation of a view.
    ///
    /// # Errors
    /// The database could not be read, or the view was never built.
    async fn checksum(&self, view: &str, generation: Generation) -> Result<Checksum, Error>;

    /// Begins an empty generation beside the live one, and says which [build](Checkpoint::build) it is; an unfinished
    /// one goes first.
    ///
    /// # Errors
    /// The database could not be written.
    async fn begin_rebuild(&self, view: &str) -> Result<u64, Error>;

    /// Makes the generation of this [build](Checkpoint::build) the live one, in one step, and keeps the one before it for
    /// [`Self::roll_back`].
    ///
    /// # Errors
    /// The database could not be written, or another rebuild has begun since.
    async fn promote(&self, view: &str, build: u64) -> Result<(), Error>;

    /// Makes the generation before the live one the live one again.
    ///
    /// # Errors
    /// The database could not be written, or there is none.
    async fn roll_back(&self, view: &str) -> Result<(), Error>;

    /// Forgets a view, all generations of it.
    ///
    /// # Errors
    /// The database could not be written.
    async fn drop_view(&self, view: &str) -> Result<(), Error>;
}
