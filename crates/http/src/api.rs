//! What handlers share.

use crate::imports::Runs;
use leadline_domain::money::Currency;
use leadline_engine::engine::Engine;
use leadline_engine::projection::Projections;
use metrics_exporter_prometheus::PrometheusHandle;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Most requests that are handled at once; one more is answered with 503.
pub(crate) const REQUESTS_MAX: usize = 1_024;
/// Most event streams that are open at once; one more is answered with 503.
pub(crate) const STREAMS_MAX: usize = 256;

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
    /// Where files of imports lie while they run.
    pub spool: PathBuf,
    /// Ends event streams, so that the server can close.
    pub stop: CancellationToken,
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
}

impl Api {
    /// An API on these parts.
    pub fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
            requests: Arc::new(Semaphore::new(REQUESTS_MAX)),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            imports: Arc::default(),
        }
    }
}

impl std::ops::Deref for Api {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}
