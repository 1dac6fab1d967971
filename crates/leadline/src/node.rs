//! Wiring: a log, its keys and its views on SQLite, and the engine on top.

use crate::failure::Failure;
use axum::Router;
use leadline_domain::money::Currency;
use leadline_engine::{Deadlines, Engine, Parts, Projections, Role};
use leadline_http::{Api, Parts as ApiParts};
use leadline_log::clock::{Clock, IdGen, System};
use leadline_log::committer::{BATCH_APPENDS_MAX, Options};
use leadline_store::sqlite::lock::{self, Lock};
use leadline_store::sqlite::log::SqliteLog;
use leadline_store::sqlite::vault::SqliteVault;
use leadline_store::sqlite::views::SqliteViews;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Everything of one process on one log.
pub(crate) struct Node {
    pub(crate) engine: Arc<Engine>,
    pub(crate) projections: Arc<Projections>,
    pub(crate) deadlines: Deadlines,
    pub(crate) lock: Arc<Lock>,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) stop: CancellationToken,
}

/// What another process that holds the database published: where it listens, and how to call it.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Published {
    pub(crate) pid: u32,
    pub(crate) address: String,
    pub(crate) bearer: String,
}

/// How to open a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    /// Make the database where there is none.
    pub(crate) create: bool,
    /// What callers without a key may do.
    pub(crate) anonymous: Option<Role>,
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The folder for uploads on their way in, empty: the lock is held, so nobody uses what a killed process left.
fn uploads(database: &Path) -> std::io::Result<()> {
    let folder = beside(database, "-uploads");
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(&folder)
}

/// There is no such database.
pub(crate) fn missing(database: &Path) -> Failure {
    Failure::plain(format!(
        "there is no database `{}`; `leadline serve` or `leadline import` makes one, and --database names another",
        database.display()
    ))
}

/// The lock of the database, or who holds it.
pub(crate) fn hold(database: &Path) -> Result<Result<Arc<Lock>, Option<Published>>, Failure> {
    match Lock::acquire(database) {
        Ok(lock) => Ok(Ok(Arc::new(lock))),
        Err(lock::Error::Held { content, .. }) => Ok(Err(serde_json::from_str(&content).ok())),
        Err(error) => Err(Failure::of("open the database", &database.display(), error)),
    }
}

impl Node {
    /// Opens log, keys and views, and starts the engine.
    pub(crate) async fn open(lock: Arc<Lock>, opening: Opening) -> Result<Self, Failure> {
        Self::open_with(lock, opening, BATCH_APPENDS_MAX).await
    }

    /// The same, with at most `batch_appends` commands in one commit.
    pub(crate) async fn open_with(
        lock: Arc<Lock>,
        opening: Opening,
        batch_appends: usize,
    ) -> Result<Self, Failure> {
        let database = lock.database().to_owned();
        let shown = database.display().to_string();
        if !opening.create && !database.exists() {
            return Err(missing(&database));
        }
        uploads(&database)
            .map_err(|error| Failure::of("make room for uploads beside", &shown, error))?;
        let clock: Arc<dyn Clock> = Arc::new(System);
        let ids: Arc<dyn IdGen> = Arc::new(System);
        let log = SqliteLog::open(Arc::clone(&lock), Arc::clone(&clock), &*ids, opening.create)
            .map_err(|error| Failure::of("open the event log", &shown, error))?;
        let vault =
            SqliteVault::open(&beside(&database, "-keys"), Arc::clone(&ids), opening.create)
                .map_err(|error| Failure::of("open the keys of", &shown, error))?;
        let views = SqliteViews::open(&beside(&database, "-views"))
            .map_err(|error| Failure::of("open the views of", &shown, error))?;
        let log: Arc<dyn leadline_log::LogBackend> = Arc::new(log);
        let commits = Options { on_fatal: Box::new(end_process), batch_appends };
        let parts = Parts {
            log: Arc::clone(&log),
            vault: Arc::new(vault),
            clock,
            ids,
            commits,
            anonymous: opening.anonymous,
        };
        let (engine, deadlines) =
            Engine::start(parts).await.map_err(|error| Failure::of("start on", &shown, error))?;
        let projections = Projections::open(&log, Arc::new(views))
            .await
            .map_err(|error| Failure::of("open the views of", &shown, error))?;
        Ok(Self {
            engine,
            projections,
            deadlines,
            lock,
            metrics: recorder(),
            stop: CancellationToken::new(),
        })
    }

    /// The API on this node, as a router to be called in this process.
    pub(crate) fn router(&self) -> Router {
        leadline_http::router(self.api())
    }

    /// The API on this node.
    pub(crate) fn api(&self) -> Api {
        Api::new(ApiParts {
            engine: Arc::clone(&self.engine),
            projections: Arc::clone(&self.projections),
            metrics: self.metrics.clone(),
            currency: Currency::EUR,
            spool: beside(self.lock.database(), "-uploads"),
            stop: self.stop.clone(),
        })
    }
}

/// The disk did not confirm a write: whatever is in memory may be ahead of it, so nothing may go on.
#[expect(clippy::exit, reason = "a failed fsync must end the process, never be tried again")]
#[expect(clippy::needless_pass_by_value, reason = "the committer hands the error over")]
fn end_process(error: Arc<leadline_log::Error>) {
    tracing::error!(%error, "The disk did not confirm a write; the process ends so that nothing unconfirmed is used");
    std::process::exit(1);
}

/// The process's one metrics recorder.
fn recorder() -> PrometheusHandle {
    static RECORDER: std::sync::OnceLock<PrometheusHandle> = std::sync::OnceLock::new();
    RECORDER
        .get_or_init(|| {
            let recorder = PrometheusBuilder::new().build_recorder();
            let handle = recorder.handle();
            // Installed once in a process; a second one would only be left out.
            drop(metrics::set_global_recorder(recorder));
            handle
        })
        .clone()
}
