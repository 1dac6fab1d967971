//! What handlers share.

use crate::imports::Runs;
use crate::rate::Rates;
use leadline_domain::money::Currency;
use leadline_engine::engine::Engine;
use leadline_engine::projection::Projections;
use metrics_exporter_prometheus::PrometheusHandle;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Most requests that are handled at once; one more is answered with 503.
pub(crate) const REQUESTS_MAX: usize = 1_024;
/// Most event streams that are open at once; one more is answered with 503.
pub(crate) const STREAMS_MAX: usize = 256;

/// Tells of delivery, asked for at each look.
pub type DeliveryReport = Arc<dyn Fn() -> serde_json::Value + Send + Sync>;

/// What the API is made of.
#[derive(Clone)]
pub struct Parts {
    /// Runs commands and answers questions.
    pub engine: Arc<Engine>,
    /// The views.
    pub projections: Arc<Projections>,
    /// Renders the process's metrics.
    pub metrics: PrometheusHandle,
    /// The currency of amounts that name none.
    pub currency: Currency,
    /// The folder whose disk takes the files of imports while they run. They have no names there.
    pub spool: PathBuf,
    /// Ends event streams, so that the server can close.
    pub stop: CancellationToken,
    /// What readiness and metrics tell of delivery, where there is any.
    pub delivery: Option<DeliveryReport>,
    /// Whether commands and questions are answered too, or only health, readiness, metrics and documentation.
    pub answers: bool,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Parts").field("currency", &self.currency).finish_non_exhaustive()
    }
}

/// The API's shared state. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Api {
    parts: Arc<Parts>,
    pub(crate) requests: Arc<Semaphore>,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) imports: Arc<Runs>,
    pub(crate) rates: Option<Arc<Rates>>,
}

impl Api {
    /// An API on these parts.
    pub fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
            requests: Arc::new(Semaphore::new(REQUESTS_MAX)),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            imports: Arc::default(),
            rates: None,
        }
    }

    /// The same, where each key may make `limit` requests a second; without one, any number.
    #[must_use]
    pub fn with_rate_limit(self, limit: Option<NonZeroU32>) -> Self {
        Self { rates: limit.map(|limit| Arc::new(Rates::new(limit))), ..self }
    }
}

impl std::ops::Deref for Api {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}
