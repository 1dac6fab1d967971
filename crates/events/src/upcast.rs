//! Old versions of stored events, brought up to date when they are read. The log itself is never rewritten.

use crate::codec;
use serde_json::Value;
use std::ops::Range;
use thiserror::Error;

/// Turns the stored form of one version into that of the next.
#[derive(Clone, Copy, Debug)]
pub struct Upcaster {
    /// Name of the type.
    pub event_type: &'static str,
    /// The version that it reads; it writes the one after, so that chains cannot run in circles.
    pub from: u16,
    /// The step. The text of a failure names fields and never values.
    pub step: fn(Value) -> Result<Value, String>,
}

/// Every step from a version that was once written. There is none yet: all types are at their first version.
pub(crate) const UPCASTERS: &[Upcaster] = &[];

/// Why old events cannot be brought up to date.
#[derive(Debug, Error)]
pub enum Error {
    /// A version that may lie in the log has no step to the next.
    #[error("no upcaster leads on from version {from} of `{event_type}`")]
    Gap {
        /// Name of the type.
        event_type: String,
        /// The version without a step.
        from: u16,
    },
    /// Two steps read the same version.
    #[error("two upcasters read version {from} of `{event_type}`")]
    Ambiguous {
        /// Name of the type.
        event_type: &'static str,
        /// The version that both read.
        from: u16,
    },
    /// A step belongs to a type that does not exist, or leads beyond its current version.
    #[error("the upcaster from version {from} of `{event_type}` leads nowhere")]
    Astray {
        /// Name of the type.
        event_type: &'static str,
        /// The version that it reads.
        from: u16,
    },
    /// The bytes are not JSON.
    #[error("an old event is not JSON")]
    Json(#[source] serde_json::Error),
    /// A step did not find what it needs.
    #[error("could not bring `{event_type}` on from version {from}: {reason}")]
    Step {
        /// Name of the type.
        event_type: &'static str,
        /// The version that the step reads.
        from: u16,
        /// What is wrong.
        reason: String,
    },
}

/// Checks that every version ever written of every type leads to the current one by exactly one way.
/// To be called once, before the first event is read.
///
/// # Errors
/// A step is missing, doubled or leads nowhere.
pub fn check() -> Result<(), Error> {
    checked(UPCASTERS, &codec::types())
}

fn checked(
    upcasters: &[Upcaster],
    types: &(impl Iterator<Item = (&'static str, u16)> + Clone),
) -> Result<(), Error> {
    for (event_type, current) in types.clone() {
        for from in 1..current {
            if !upcasters.iter().any(|one| one.event_type == event_type && one.from == from) {
                return Err(Error::Gap { event_type: event_type.to_owned(), from });
            }
        }
    }
    for (index, &Upcaster { event_type, from, .. }) in upcasters.iter().enumerate() {
        if !types.clone().any(|(name, current)| name == event_type && (1..current).contains(&from))
        {
            return Err(Error::Astray { event_type, from });
        }
        let same = |other: &&Upcaster| other.event_type == event_type && other.from == from;
        if upcasters.iter().skip(index.saturating_add(1)).any(|other| same(&other)) {
            return Err(Error::Ambiguous { event_type, from });
        }
    }
    Ok(())
}

/// `data` of the first of `versions`, brought to the version after the last.
pub(crate) fn apply(
    upcasters: &[Upcaster],
    event_type: &str,
    versions: Range<u16>,
    data: &[u8],
) -> Result<Vec<u8>, Error> {
    let mut value: Value = serde_json::from_slice(data).map_err(Error::Json)?;
    for from in versions {
        let &Upcaster { event_type, step, .. } = upcasters
            .iter()
            .find(|one| one.event_type == event_type && one.from == from)
            .ok_or_else(|| Error::Gap { event_type: event_type.to_owned(), from })?;
        value = step(value).map_err(|reason| Error::Step { event_type, from, reason })?;
    }
    Ok(value.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Version 2 of `lead.example` renamed `from` to `source`; version 3 made `cycle` required.
    const EXAMPLE: &[Upcaster] = &[
        Upcaster { event_type: "lead.example", from: 2, step: add_cycle },
        Upcaster { event_type: "lead.example", from: 1, step: rename_source },
    ];

    fn rename_source(mut event: Value) -> Result<Value, String> {
        let fields = event.as_object_mut().ok_or("not an object")?;
        let source = fields.remove("from").ok_or("`from` is missing")?;
        fields.insert("source".to_owned(), source);
        Ok(event)
    }

    fn add_cycle(mut event: Value) -> Result<Value, String> {
        event.as_object_mut().ok_or("not an object")?.insert("cycle".to_owned(), json!(1));
        Ok(event)
    }

    fn example(version: u16) -> impl Iterator<Item = (&'static str, u16)> + Clone {
        std::iter::once(("lead.example", version))
    }

    #[test]
    fn the_shipped_chains_are_whole() {
        check().unwrap();
    }

    #[test]
    fn an_old_event_is_brought_up_to_date_step_by_step() {
        checked(EXAMPLE, &example(3)).unwrap();
        let first = apply(EXAMPLE, "lead.example", 1..3, br#"{"from":"web"}"#).unwrap();
        assert_eq!(first, br#"{"cycle":1,"source":"web"}"#);
        let second = apply(EXAMPLE, "lead.example", 2..3, br#"{"source":"web"}"#).unwrap();
        assert_eq!(second, first);
    }

    #[test]
    fn a_gap_a_double_and_a_stray_step_are_found_at_start() {
        assert!(matches!(checked(EXAMPLE, &example(4)), Err(Error::Gap { from: 3, .. })));
        assert!(matches!(
            checked(EXAMPLE, &example(2)),
            Err(Error::Astray { event_type: "lead.example", from: 2 })
        ));
        let doubled = [EXAMPLE, EXAMPLE].concat();
        assert!(matches!(checked(&doubled, &example(3)), Err(Error::Ambiguous { .. })));
    }

    #[test]
    fn a_step_that_misses_its_field_says_which() {
        let error = apply(EXAMPLE, "lead.example", 1..3, b"{}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "could not bring `lead.example` on from version 1: `from` is missing"
        );
        assert!(matches!(
            apply(EXAMPLE, "lead.other", 1..2, b"{}"),
            Err(Error::Gap { from: 1, .. })
        ));
    }
}
