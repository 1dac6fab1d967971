//! What readiness and metrics tell of views.

use super::Projections;
use super::worker::Road;
use crate::engine::Engine;
use crate::health::LagMax;
use leadline_log::Position;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::PoisonError;

impl Projections {
    /// How every view is doing against `head`, where the log tells it.
    pub(crate) async fn report(
        &self,
        engine: &Engine,
        head: Option<Position>,
        lag_max: LagMax,
    ) -> (bool, Value) {
        let progress = self.progress.borrow().clone();
        let (mut ready, mut rows) = (true, Vec::with_capacity(progress.positions.len()));
        let mut seconds: BTreeMap<Position, Option<f64>> = BTreeMap::new();
        for (name, position) in &progress.positions {
            let lag = head.map(|head| head.0.saturating_sub(position.0));
            let behind = match (lag, seconds.get(position)) {
                (None, _) => None,
                (Some(0), _) => Some(0.0),
                (Some(_), Some(known)) => *known,
                (Some(_), None) => {
                    let behind = engine.seconds_behind(*position).await;
                    seconds.insert(*position, behind);
                    behind
                }
            };
            let stopped = progress.stopped.get(name);
            let here = progress.leased.contains(name);
            let near = lag.is_some_and(|lag| lag <= lag_max.events)
                && behind.is_none_or(|behind| behind <= lag_max.seconds);
            let fine = stopped.is_none() && near;
            ready &= fine;
            // Of a log that does not answer nobody knows how far it is ahead.
            let events = lag.map_or(f64::NAN, to_f64);
            metrics::gauge!("leadline_view_lag_events", "view" => *name).set(events);
            metrics::gauge!("leadline_view_lag_seconds", "view" => *name)
                .set(behind.unwrap_or(f64::NAN));
            metrics::gauge!("leadline_view_here", "view" => *name).set(f64::from(u8::from(here)));
            rows.push(json!({
                "name": name,
                "position": position.0,
                "lag_events": lag,
                "lag_seconds": behind,
                "here": here,
                "ready": fine,
                "stopped": stopped,
            }));
        }
        let error = self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let road = self.road.lock().unwrap_or_else(PoisonError::into_inner).map(Road::name);
        (ready && error.is_none(), json!({"views": rows, "road": road, "error": error}))
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "a gauge is a float by its nature"
)]
const fn to_f64(count: u64) -> f64 {
    count as f64
}
