//! Why a command or query did not succeed.

use leadline_domain::refusal::Category;
use leadline_events::record::Attempt;
use leadline_log::Position;
use std::sync::Arc;
use thiserror::Error;

/// The code of a refusal for another version than the caller believed.
pub const STALE_VERSION: &str = "stale_version";

/// The code of a command that asks for more at once than the log takes.
pub const COMMAND_TOO_LARGE: &str = "command_too_large";

/// A refusal as callers see it: first hand, or read back when the command is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Stable code, `snake_case`.
    pub code: String,
    /// How to take it.
    pub category: Category,
    /// What is wrong and what to do, for people. Nothing personal.
    pub detail: String,
    /// What would be accepted, where that is a list.
    pub allowed: Vec<String>,
    /// What is missing.
    pub missing: Vec<String>,
    /// The target's version.
    pub current_version: Option<u64>,
    /// Whether the same command may succeed later.
    pub retryable: bool,
    /// The `attempt` event that keeps the refusal.
    pub position: Option<Position>,
}

impl Refused {
    /// Whether the command is refused for ever, however often it is repeated. Else the same command may be sent again
    /// under the same idempotency key: when its time has come, or for the version that the target has by then.
    pub(crate) fn is_final(&self) -> bool {
        !self.retryable && self.code != STALE_VERSION
    }

    /// The refusal that an `attempt` event keeps.
    pub(crate) fn read_back(attempt: Attempt, position: Position) -> Self {
        Self {
            code: attempt.code,
            category: attempt.category,
            detail: attempt.detail,
            allowed: attempt.allowed,
            missing: attempt.missing,
            current_version: attempt.current_version,
            retryable: attempt.retryable,
            position: Some(position),
        }
    }
}

/// Why a command or query did not succeed.
#[derive(Clone, Debug, Error)]
pub enum Error {
    /// A rule says no.
    #[error("{}", .0.detail)]
    Refused(Box<Refused>),
    /// The caller's role does not allow it.
    #[error("the role `{role}` may not {what}")]
    Forbidden {
        /// The caller's role.
        role: &'static str,
        /// What was attempted.
        what: String,
    },
    /// The request is not well formed.
    #[error("{detail}")]
    Invalid {
        /// Stable code, `snake_case`.
        code: &'static str,
        /// What is wrong and what to do.
        detail: String,
    },
    /// The idempotency key was used before, for something else.
    #[error(
        "this idempotency key was used before with another payload; use a new key for a new command"
    )]
    IdempotencyPayloadMismatch,
    /// What was asked for does not exist.
    #[error("there is no {what}")]
    NotFound {
        /// What.
        what: String,
    },
    /// A view does not follow the log.
    #[error("the view `{view}` has stopped: {why}")]
    ViewStopped {
        /// The view.
        view: String,
        /// Why, and what to do.
        why: String,
    },
    /// A view has not come far enough in time.
    #[error(
        "the view `{view}` has not reached position {position} yet. Ask again; if it stays so, no process brings it \
         forward: start `leadline project`, or `leadline serve` with the role `project`"
    )]
    ViewBehind {
        /// The view.
        view: String,
        /// The position waited for.
        position: Position,
    },
    /// A position of the log cannot be read.
    #[error(
        "the event log has no position {position}, though it has later ones; restore it from a backup"
    )]
    Hole {
        /// The missing position.
        position: Position,
    },
    /// Too much is waiting.
    #[error("the server is busy; try again in a moment")]
    Busy,
    /// A machine failed.
    #[error("the {part} failed")]
    Failed {
        /// Which part.
        part: &'static str,
        /// Why.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// A failed machine.
    pub fn failed(
        part: &'static str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Failed { part, source: Arc::new(source) }
    }
}
