//! What can go wrong between the log and NATS.

use crate::stream::{CAPTURE, EVENTS};
use crate::wire::Malformed;
use leadline_log::Misfit;
use thiserror::Error;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What the operator of a log may do about a stream that is none of it.
pub fn cure(misfit: Misfit) -> String {
    match misfit {
        Misfit::OtherLog { found, .. } => format!(
            "this NATS account belongs to the log {found}; give this log an account of its own (--nats), \
             or delete the streams {EVENTS} and {CAPTURE}"
        ),
        Misfit::OtherEpoch { .. } | Misfit::Beyond { .. } | Misfit::OtherPast { .. } => {
            "where the log was restored from a backup, stop all processes, run `leadline log new-epoch`, \
             and start them"
                .to_owned()
        }
    }
}

/// Why something was not published or not received.
#[derive(Debug, Error)]
pub enum Error {
    /// NATS could not be reached, or did not do it. May be tried again.
    #[error("could not {attempt} on NATS")]
    Unavailable {
        /// What was attempted.
        attempt: &'static str,
        /// Why not.
        #[source]
        source: Source,
    },
    /// How to reach NATS cannot be read.
    #[error("the settings of NATS cannot be used")]
    Unusable {
        /// Why not.
        #[source]
        source: Source,
    },
    /// The server keeps a stream otherwise than it was asked to.
    #[error("the server keeps the stream `{stream}` otherwise than asked: {differences}")]
    KeptOtherwise {
        /// The stream.
        stream: String,
        /// Each field with what was asked and what is.
        differences: String,
    },
    /// The stream is not a copy of this log: it carries another one, for one account of NATS carries one log, or the
    /// log was restored from an older backup.
    #[error("the stream of events does not fit the log: {0}")]
    Astray(Misfit),
    /// The stream is another log's: one account of NATS carries one log.
    #[error("the stream `{stream}` does not fit the log: {misfit}")]
    OtherLog {
        /// The stream.
        stream: String,
        /// Whose it is.
        misfit: Misfit,
    },
    /// The stream is not where this publisher left it: another one is at work, or the server lost something.
    #[error("the stream is not where it was left")]
    Moved,
    /// A message is not in the form of an event.
    #[error("a message of the stream is not in the form of an event")]
    Malformed(#[from] Malformed),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] leadline_log::Error),
}

impl Error {
    /// An error of the client library. Its own text already tells its causes, so it is kept as one cause.
    pub(crate) fn nats<E: std::fmt::Display>(attempt: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::Unavailable { attempt, source: error.to_string().into() }
    }

    /// Why a stream is none of this log, where that is it.
    pub(crate) const fn misfit(&self) -> Option<Misfit> {
        match self {
            Self::Astray(misfit) | Self::OtherLog { misfit, .. } => Some(*misfit),
            _ => None,
        }
    }

    /// The error with its causes, for a reader.
    pub(crate) fn whole(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}
