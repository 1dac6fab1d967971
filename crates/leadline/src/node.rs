//! Wiring: a log, its keys and its views, and the engine on top.

use crate::database::Right;
use crate::failure::Failure;
use crate::recorder;
use crate::stores::Stores;
use axum::Router;
use leadline_domain::money::Currency;
use leadline_engine::{Engine, Parts, Projections, Role};
use leadline_http::{Api, Parts as ApiParts};
use leadline_log::clock::{Clock, IdGen, System};
use leadline_log::committer::{BATCH_APPENDS_MAX, Options};
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The currency of amounts that name none.
pub(crate) const CURRENCY: Currency = Currency::EUR;

/// Everything of one process on one log.
pub(crate) struct Node {
    pub(crate) engine: Arc<Engine>,
    pub(crate) projections: Arc<Projections>,
    pub(crate) right: Right,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) stop: CancellationToken,
}

/// How to open a node.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    /// Make the database where there is none.
    pub(crate) create: bool,
    /// What callers without a key may do.
    pub(crate) anonymous: Option<Role>,
    /// The views that this process keeps, as far as no other one does.
    pub(crate) views: Vec<&'static str>,
}

impl Opening {
    /// For all views and callers with keys; `create` makes the database where there is none.
    pub(crate) fn plain(create: bool) -> Self {
        Self { create, anonymous: None, views: leadline_views::NAMES.to_vec() }
    }
}

impl Node {
    /// Opens log, keys and views, and starts the engine.
    pub(crate) async fn open(right: Right, opening: Opening) -> Result<Self, Failure> {
        Self::open_with(right, opening, BATCH_APPENDS_MAX).await
    }

    /// The same, with at most `batch_appends` commands in one commit.
    pub(crate) async fn open_with(
        right: Right,
        opening: Opening,
        batch_appends: usize,
    ) -> Result<Self, Failure> {
        let database = right.database();
        if !opening.create && database.is_missing() {
            return Err(database.missing());
        }
        let shown = database.to_string();
        let clock: Arc<dyn Clock> = Arc::new(System);
        let ids: Arc<dyn IdGen> = Arc::new(System);
        let Stores { log, vault, views } =
            Stores::open(&right, &clock, &ids, opening.create).await?;
        let commits = Options { on_fatal: Box::new(end_process), batch_appends };
        let parts = Parts {
            log: Arc::clone(&log),
            vault,
            clock,
            ids,
            commits,
            anonymous: opening.anonymous,
        };
        let engine =
            Engine::start(parts).await.map_err(|error| Failure::of("start on", &shown, error))?;
        let projections = Projections::open(&log, views, opening.views)
            .await
            .map_err(|error| Failure::of("open the views of", &shown, error))?;
        Ok(Self {
            engine,
            projections,
            right,
            metrics: recorder::handle(),
            stop: CancellationToken::new(),
        })
    }

    /// The API on this node, as a router to be called in this process.
    pub(crate) fn router(&self) -> Router {
        leadline_http::router(Api::new(self.api()))
    }

    /// What the API on this node is made of.
    pub(crate) fn api(&self) -> ApiParts {
        ApiParts {
            engine: Arc::clone(&self.engine),
            projections: Arc::clone(&self.projections),
            metrics: self.metrics.clone(),
            currency: CURRENCY,
            spool: self.right.uploads(),
            stop: self.stop.clone(),
            delivery: None,
            answers: true,
        }
    }
}

/// The disk did not confirm a write: whatever is in memory may be ahead of it, so nothing may go on.
#[expect(clippy::exit, reason = "a failed fsync must end the process, never be tried again")]
#[expect(clippy::needless_pass_by_value, reason = "the committer hands the error over")]
fn end_process(error: Arc<leadline_log::Error>) {
    tracing::error!(%error, "The disk did not confirm a write; the process ends so that nothing unconfirmed is used");
    std::process::exit(1);
}
