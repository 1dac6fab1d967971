//! As of when: a time or a position, on one of two axes.

use crate::engine::Engine;
use crate::error::Error;
use leadline_domain::Timestamp;
use leadline_log::Position;
use leadline_log::types::Read;
use leadline_views::{AsOf, Axis};
use std::collections::BTreeMap;

fn log_failed(error: leadline_log::Error) -> Error {
    Error::failed("event log", error)
}

/// As of when, as callers write it: an RFC 3339 time or a position, and an axis.
pub(crate) struct Moment {
    pub(crate) as_of: AsOf,
    pub(crate) axis: Axis,
    pub(crate) instant: Timestamp,
}

impl Engine {
    pub(crate) async fn moment(
        &self,
        parameters: &mut BTreeMap<String, String>,
    ) -> Result<Moment, Error> {
        let axis = match parameters.remove("axis").filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => Some(Axis::named(&text).ok_or_else(|| Error::Invalid {
                code: "parameter_invalid",
                detail: "the parameter `axis` must be `known` or `true`".to_owned(),
            })?),
        };
        let Some(text) = parameters.remove("as_of").filter(|text| !text.is_empty()) else {
            return Ok(Moment {
                as_of: AsOf::Now,
                axis: axis.unwrap_or_default(),
                instant: self.now(),
            });
        };
        if let Ok(position) = text.parse::<u64>() {
            let position = Position(position);
            let invalid = |detail: String| Error::Invalid { code: "parameter_invalid", detail };
            if axis == Some(Axis::True) {
                let detail =
                    "a position asks what was known: leave `axis` out, or give a time".to_owned();
                return Err(invalid(detail));
            }
            let head = self.log.head().await.map_err(log_failed)?;
            if position > head {
                return Err(invalid(format!("`as_of`: the log ends at position {head}")));
            }
            let instant = self.recorded_at(position).await?.unwrap_or_else(|| self.now());
            return Ok(Moment { as_of: AsOf::Position(position), axis: Axis::Known, instant });
        }
        let at = Timestamp::parse(&text).map_err(|error| Error::Invalid {
            code: "parameter_invalid",
            detail: format!("`as_of` takes a position, or a time with its offset, such as 2026-03-31T23:59:59Z: {error}"),
        })?;
        let axis = axis.unwrap_or(Axis::True);
        let as_of = match axis {
            Axis::True => AsOf::Time(at),
            Axis::Known => AsOf::Position(self.last_recorded_by(at).await?),
        };
        Ok(Moment { as_of, axis, instant: at })
    }

    async fn recorded_at(&self, position: Position) -> Result<Option<Timestamp>, Error> {
        let page = self.log.read(Read::at(position)).await.map_err(log_failed)?;
        Ok(page.events.first().map(|event| Timestamp::from_millis(event.recorded_at)))
    }

    /// The last position recorded at or before `at`: `recorded_at` never decreases, so halving finds it.
    async fn last_recorded_by(&self, at: Timestamp) -> Result<Position, Error> {
        let (mut low, mut high) = (0, self.log.head().await.map_err(log_failed)?.0);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            match self.recorded_at(Position(middle)).await? {
                Some(recorded) if recorded <= at => low = middle,
                _ => high = middle - 1,
            }
        }
        Ok(Position(low))
    }
}
