//! Why a command of the command line did not succeed, and with which exit code.

use std::error::Error;
use std::fmt::{Display, Write as _};

/// Exit code of a machine's failure.
pub(crate) const FAILED: u8 = 1;
/// Exit code of a wrong command line or configuration.
pub(crate) const USAGE: u8 = 2;
/// Exit code of a refusal by a rule.
pub(crate) const REFUSED: u8 = 3;

/// Why a command of the command line did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What was attempted, on what, why it failed and what to do.
    pub(crate) message: String,
    /// The exit code.
    pub(crate) code: u8,
}

impl Failure {
    /// A failure with its causes, each told once.
    pub(crate) fn of(attempt: &str, on: &dyn Display, error: impl Error) -> Self {
        let Self { message, code } = Self::told(&error);
        Self { message: format!("could not {attempt} `{on}`: {message}"), code }
    }

    /// An error that says what was attempted, with its causes, each told once.
    pub(crate) fn told(error: &dyn Error) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !message.ends_with(&text) {
                // Writing to a string cannot fail.
                let _written = write!(message, ": {text}");
            }
            source = cause.source();
        }
        Self { message, code: FAILED }
    }

    /// A failure that says it all.
    pub(crate) const fn plain(message: String) -> Self {
        Self { message, code: FAILED }
    }

    /// A wrong command line.
    pub(crate) const fn usage(message: String) -> Self {
        Self { message, code: USAGE }
    }
}
