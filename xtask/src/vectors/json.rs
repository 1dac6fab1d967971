//! Reading cases, and comparing what they expect.

use super::Mismatch;
use leadline_domain::Timestamp;
use serde_json::Value;

/// A text.
pub(super) fn text<'a>(value: &'a Value, what: &str) -> Result<&'a str, Mismatch> {
    value.as_str().ok_or_else(|| format!("{what} is not a text"))
}

/// An instant.
pub(super) fn time(value: &Value, what: &str) -> Result<Timestamp, Mismatch> {
    Timestamp::parse(text(value, what)?).map_err(|error| format!("{what}: {error}"))
}

/// An instant that may be left out or null.
pub(super) fn optional_time(value: &Value, what: &str) -> Result<Option<Timestamp>, Mismatch> {
    if value.is_null() { Ok(None) } else { time(value, what).map(Some) }
}

/// A whole number.
pub(super) fn number(value: &Value, what: &str) -> Result<i64, Mismatch> {
    value.as_i64().ok_or_else(|| format!("{what} is not a whole number"))
}

/// A whole number that is not negative and fits.
pub(super) fn small<T: TryFrom<i64>>(value: &Value, what: &str) -> Result<T, Mismatch> {
    T::try_from(number(value, what)?).map_err(|_| format!("{what} is out of bounds"))
}

/// A list; an absent one is empty.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Whether `found` has every field that `expected` has, with the same value. Fields beyond are not looked at.
pub(super) fn compare(expected: &Value, found: &Value) -> Result<(), Mismatch> {
    let Some(fields) = expected.as_object() else {
        return Err("the case expects nothing".to_owned());
    };
    for (name, value) in fields {
        let there = &found[name];
        if there != value {
            return Err(format!("{name} is {there} instead of {value}"));
        }
    }
    Ok(())
}
