//! Instants, as integer milliseconds of UTC.

use chrono::{DateTime, SecondsFormat};
use thiserror::Error;

/// An instant: milliseconds since 1970-01-01T00:00:00Z. Finer fractions of an input are cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text is not an instant.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not an RFC 3339 time such as 2026-01-31T09:00:00Z, in the years 0001 to 9999")]
pub struct ParseTimestampError {
    text: String,
}

impl Timestamp {
    /// Before every event: the instant from which shipped policies are effective (0001-01-01T00:00:00Z).
    pub const BEGINNING: Self = Self(-62_135_596_800_000);
    /// After every event (9999-12-31T23:59:59.999Z).
    pub const END: Self = Self(253_402_300_799_999);

    /// The instant `milliseconds` after 1970-01-01T00:00:00Z, held within [`Self::BEGINNING`] and [`Self::END`].
    pub const fn from_millis(milliseconds: i64) -> Self {
        if milliseconds < Self::BEGINNING.0 {
            Self::BEGINNING
        } else if milliseconds > Self::END.0 {
            Self::END
        } else {
            Self(milliseconds)
        }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// This instant moved by `milliseconds`, which may be negative.
    #[must_use]
    pub const fn plus_millis(self, milliseconds: i64) -> Self {
        Self::from_millis(self.0.saturating_add(milliseconds))
    }

    /// Milliseconds from `earlier` to this instant; negative where `earlier` is later.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads an RFC 3339 time with any offset.
    ///
    /// # Errors
    /// The text is no such time, or lies outside the years 0001 to 9999.
    pub fn parse(text: &str) -> Result<Self, ParseTimestampError> {
        let error = || ParseTimestampError { text: text.chars().take(64).collect() };
        let milliseconds =
            DateTime::parse_from_rfc3339(text).map_err(|_| error())?.timestamp_millis();
        let instant = Self::from_millis(milliseconds);
        if instant.0 == milliseconds { Ok(instant) } else { Err(error()) }
    }
}

impl std::fmt::Display for Timestamp {
    /// RFC 3339 in UTC: whole seconds without a fraction, else three digits.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let precision =
            if self.0.rem_euclid(1000) == 0 { SecondsFormat::Secs } else { SecondsFormat::Millis };
        match DateTime::from_timestamp_millis(self.0) {
            Some(instant) => formatter.write_str(&instant.to_rfc3339_opts(precision, true)),
            None => write!(formatter, "{}ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_reads_back_as_it_is_written() {
        for text in ["2011-09-30T22:38:44.546Z", "2026-01-31T09:00:00Z", "0001-01-01T00:00:00Z"] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), text);
        }
        let offset = Timestamp::parse("2012-03-15T00:59:59.999+01:00").unwrap();
        assert_eq!(offset.to_string(), "2012-03-14T23:59:59.999Z");
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in ["", "2026-01-31", "2026-13-01T00:00:00Z", "yesterday", "0000-01-01T00:00:00Z"]
        {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }
}
