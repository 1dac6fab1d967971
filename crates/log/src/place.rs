//! A consumer's place in a log, and whether it is one of this log.
//!
//! A log that was restored from an older backup ends earlier than it did, and what is appended afterwards is another past
//! than the one that its consumers saw. A position alone does not tell the two apart once the log has grown again; the
//! id of the event there does.

use crate::backend::{Error, LogBackend};
use crate::types::{LogIdentity, Position, Read};
use uuid::Uuid;

/// How far somebody has followed a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The log.
    pub log: LogIdentity,
    /// The last position that was seen.
    pub position: Position,
    /// The id of the event there; nil at the start.
    pub event: Uuid,
}

/// Why a place is none of a log. Whoever is there must not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// It is of another log.
    #[error("it is of the log {found}, and this is the log {expected}")]
    OtherLog {
        /// This log.
        expected: Uuid,
        /// The place's.
        found: Uuid,
    },
    /// It is of another epoch.
    #[error("it is of epoch {found} of the log, and this is epoch {expected}")]
    OtherEpoch {
        /// The log's.
        expected: u64,
        /// The place's.
        found: u64,
    },
    /// The log ends before it.
    #[error("it is at position {position}, and the log ends at {head}")]
    Beyond {
        /// The place's.
        position: Position,
        /// The log's.
        head: Position,
    },
    /// The log has another event there.
    #[error("its event at position {position} is not the log's")]
    OtherPast {
        /// Where.
        position: Position,
    },
}

impl Place {
    /// Whether this is a place of the log of this identity, as far as that alone tells.
    ///
    /// # Errors
    /// It is of another log, or of another epoch of it.
    pub fn check_identity(&self, log: LogIdentity) -> Result<(), Misfit> {
        let found = self.log;
        if found.id != log.id {
            return Err(Misfit::OtherLog { expected: log.id, found: found.id });
        }
        if found.epoch != log.epoch {
            return Err(Misfit::OtherEpoch { expected: log.epoch, found: found.epoch });
        }
        Ok(())
    }

    /// Why this is no place of `log`; nothing where it is one.
    ///
    /// # Errors
    /// The log could not be read.
    pub async fn misfit(&self, log: &dyn LogBackend) -> Result<Option<Misfit>, Error> {
        if let Err(misfit) = self.check_identity(log.identity()) {
            return Ok(Some(misfit));
        }
        let position = self.position;
        if position == Position::START {
            return Ok(None);
        }
        let page = log.read(Read::at(position)).await?;
        Ok(match page.events.first() {
            Some(there) if there.event.event_id == self.event => None,
            Some(_) => Some(Misfit::OtherPast { position }),
            None => Some(Misfit::Beyond { position, head: page.head }),
        })
    }
}
