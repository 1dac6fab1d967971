//! The projector: keeps views up to the log, and brings them up to it for whoever asks.

mod report;
mod worker;

use crate::engine::Engine;
use crate::error::Error;
use crate::history::{LogHistory, view_event};
use leadline_log::backend::LogBackend;
use leadline_log::types::{Direction, Read, Scope};
use leadline_log::{Position, Recorded};
use leadline_views::projector::{Rebuilt, Status};
use leadline_views::{Page, Projector, Rebuild, ViewStore};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::sync::{Mutex as AsyncMutex, watch};
use worker::Road;

/// Most events folded into all views in one transaction.
pub const PAGE_EVENTS_MAX: usize = 4_000;
/// How long a question waits for another process to bring a view up to the head of its moment.
const REACH_MAX: Duration = Duration::from_secs(10);
/// How often a question looks how far another process is.
const REACH_LOOK: Duration = Duration::from_millis(5);

/// What to do about a view that reflects another past than the log's.
const ASTRAY: &str = "where the log was restored from a backup, run `leadline log new-epoch`";

/// Where every view is, for readiness and for whoever waits.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Position of each view.
    pub positions: BTreeMap<&'static str, Position>,
    /// Why a view does not follow the log, where it does not.
    pub stopped: BTreeMap<&'static str, String>,
    /// The views that this process brings forward.
    pub leased: BTreeSet<&'static str>,
}

/// The views of a log and the worker that keeps them.
#[derive(Debug)]
pub struct Projections {
    pub(crate) store: Arc<dyn ViewStore>,
    projector: AsyncMutex<Projector>,
    /// The views that this process would bring forward.
    wanted: Vec<&'static str>,
    progress: watch::Sender<Progress>,
    last_error: Mutex<Option<String>>,
    /// By which road the last events came.
    road: Mutex<Option<Road>>,
    me: Weak<Self>,
}

fn failed(error: leadline_views::projector::Error) -> Error {
    Error::failed("projector", error)
}

impl Projections {
    /// The views in `store`, as far as they have come. Those of `wanted` are brought forward by this process, as far
    /// as no other one does.
    ///
    /// # Errors
    /// The store or the log cannot be read.
    pub async fn open(
        log: &Arc<dyn LogBackend>,
        store: Arc<dyn ViewStore>,
        wanted: Vec<&'static str>,
    ) -> Result<Arc<Self>, Error> {
        let history = Arc::new(LogHistory(Arc::clone(log)));
        let mut projector = Projector::open_all(Arc::clone(&store), history, log.identity())
            .await
            .map_err(failed)?;
        projector.lease(&wanted).await.map_err(failed)?;
        let projections = Arc::new_cyclic(|me| Self {
            store,
            projector: AsyncMutex::new(projector),
            wanted,
            progress: watch::Sender::new(Progress::default()),
            last_error: Mutex::new(None),
            road: Mutex::new(None),
            me: Weak::clone(me),
        });
        projections.publish(&*projections.projector.lock().await);
        Ok(projections)
    }

    /// Where every view is, as it moves.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    fn publish(&self, projector: &Projector) {
        let mut progress = Progress::default();
        for (name, position, status) in projector.status() {
            progress.positions.insert(name, position);
            if projector.leases(name) {
                progress.leased.insert(name);
            }
            match status {
                Status::Following => {}
                Status::Outdated => {
                    let cure = format!("built by another version; run `leadline rebuild {name}`");
                    progress.stopped.insert(name, cure);
                }
                Status::Poisoned(poison) => {
                    progress.stopped.insert(name, poison.to_string());
                }
                Status::Astray(misfit) => {
                    progress.stopped.insert(name, format!("{misfit}; {ASTRAY}"));
                }
            }
        }
        self.progress.send_replace(progress);
    }

    /// Runs `work` in a task of its own: a fold that is dropped half-way would be ahead of what is stored, and a
    /// caller that goes away must not be able to do that.
    async fn to_the_end<T, F>(
        &self,
        engine: &Engine,
        work: impl FnOnce(Arc<Self>, Arc<Engine>) -> F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let closed = || Error::of_log(Arc::new(leadline_log::Error::Closed));
        let this = self.me.upgrade().ok_or_else(closed)?;
        let work = work(this, engine.owned().ok_or_else(closed)?);
        tokio::spawn(work).await.map_err(|error| Error::failed("projector's task", error))?
    }

    /// Folds one page of the log into the views. Whether there was one.
    async fn step(&self, engine: &Engine) -> Result<bool, Error> {
        self.to_the_end(engine, |this, engine| async move { this.step_here(&engine).await }).await
    }

    async fn step_here(&self, engine: &Engine) -> Result<bool, Error> {
        let mut projector = self.projector.lock().await;
        let Some(after) = projector.position() else { return Ok(false) };
        let page = read_page(engine, after, None).await?;
        let through = page.through;
        if through == after {
            return Ok(false);
        }
        engine.destroy_erased(&page).await?;
        projector.apply(&page).await.map_err(failed)?;
        self.publish(&projector);
        Ok(true)
    }

    /// Brings a view up to the head of this moment, or waits for the process that does; what is appended meanwhile
    /// may wait.
    ///
    /// # Errors
    /// There is no such view, it has stopped or does not come forward, or the log or the views failed.
    pub async fn reach(&self, engine: &Engine, view: &str) -> Result<(), Error> {
        let head = engine.log.head().await.map_err(|error| Error::failed("event log", error))?;
        let begun = tokio::time::Instant::now();
        loop {
            let progress = self.progress.borrow().clone();
            if let Some(why) = progress.stopped.get(view) {
                return Err(Error::ViewStopped { view: view.to_owned(), why: why.clone() });
            }
            let reached = progress.positions.get(view).ok_or_else(|| unknown_view(view))?;
            if *reached >= head {
                return Ok(());
            }
            if progress.leased.contains(view) && self.step(engine).await? {
                continue;
            }
            if begun.elapsed() >= REACH_MAX {
                return Err(Error::ViewBehind { view: view.to_owned(), position: head });
            }
            tokio::time::sleep(REACH_LOOK).await;
            let mut projector = self.projector.lock().await;
            projector.look_up().await.map_err(failed)?;
            self.publish(&projector);
        }
    }

    /// Brings every view up to the head of this moment.
    ///
    /// # Errors
    /// As [`Self::reach`].
    pub async fn catch_up(&self, engine: &Engine) -> Result<(), Error> {
        for view in leadline_views::NAMES {
            self.reach(engine, view).await?;
        }
        Ok(())
    }

    /// Waits until a view has applied `position`.
    ///
    /// # Errors
    /// There is no such view, it has stopped, or it took longer than `timeout`.
    pub async fn wait_for(
        &self,
        view: &str,
        position: Position,
        timeout: Duration,
    ) -> Result<(), Error> {
        let mut progress = self.progress();
        let reached = progress.wait_for(|progress| {
            progress.stopped.contains_key(view)
                || progress.positions.get(view).is_none_or(|reached| *reached >= position)
        });
        match tokio::time::timeout(timeout, reached).await {
            Ok(Ok(progress)) => match (progress.stopped.get(view), progress.positions.get(view)) {
                (Some(why), _) => {
                    Err(Error::ViewStopped { view: view.to_owned(), why: why.clone() })
                }
                (None, Some(_)) => Ok(()),
                (None, None) => Err(unknown_view(view)),
            },
            _ => Err(Error::ViewBehind { view: view.to_owned(), position }),
        }
    }

    /// Rebuilds a view beside the one that answers, then swaps. `progress` is told of events folded and of all.
    ///
    /// # Errors
    /// There is no such view, or the log or the views failed; the view answers as before.
    pub async fn rebuild(
        &self,
        engine: &Engine,
        view: &str,
        progress: impl Fn(u64, u64) + Send + Sync + 'static,
    ) -> Result<Rebuilt, Error> {
        if !leadline_views::NAMES.contains(&view) {
            return Err(unknown_view(view));
        }
        let view = view.to_owned();
        let work = |this: Arc<Self>, engine: Arc<Engine>| async move {
            this.rebuild_here(&engine, &view, progress).await
        };
        self.to_the_end(engine, work).await
    }

    async fn rebuild_here(
        &self,
        engine: &Engine,
        view: &str,
        progress: impl Fn(u64, u64) + Send + Sync,
    ) -> Result<Rebuilt, Error> {
        let history = Arc::new(LogHistory(Arc::clone(&engine.log)));
        let store = Arc::clone(&self.store);
        let mut rebuild =
            Rebuild::begin(store, history, engine.log.identity(), view).await.map_err(failed)?;
        // The last page is folded, and the swap made, while the live projector stands still: both then reflect the
        // same position, and can be compared.
        loop {
            let page = read_page(engine, rebuild.position(), None).await?;
            let head = *engine.head().borrow();
            if page.through == rebuild.position() || page.through >= head {
                break;
            }
            rebuild.apply(&page).await.map_err(failed)?;
            progress(rebuild.position().0, head.0);
        }
        let mut projector = self.projector.lock().await;
        while let Some(after) = projector.position() {
            let page = read_page(engine, after, None).await?;
            if page.through == after {
                break;
            }
            engine.destroy_erased(&page).await?;
            if let Err(error) = projector.apply(&page).await {
                // What is to be cured may be what ails: it is left behind, and not compared with.
                tracing::warn!(%error, "The views could not follow; rebuilding without a comparison");
                projector.set_aside(view);
                break;
            }
        }
        let live = projector.position();
        loop {
            let page = read_page(engine, rebuild.position(), live).await?;
            if page.through <= rebuild.position() {
                break;
            }
            rebuild.apply(&page).await.map_err(failed)?;
            progress(rebuild.position().0, page.through.0);
        }
        let outcome = rebuild.finish().await.map_err(failed)?;
        projector.retry(view).await.map_err(failed)?;
        self.publish(&projector);
        Ok(outcome)
    }
}

pub(crate) fn unknown_view(view: &str) -> Error {
    let names = leadline_views::NAMES.join(", ");
    let view: String = view.chars().take(64).collect();
    Error::NotFound { what: format!("view `{view}`; there are {names}") }
}

/// The page after `after`, up to `through` where it is given.
async fn read_page(
    engine: &Engine,
    after: Position,
    through: Option<Position>,
) -> Result<Page, Error> {
    let read = Read {
        scope: Scope::All,
        after,
        through,
        direction: Direction::Forward,
        limit: PAGE_EVENTS_MAX,
    };
    let read = engine.log.read(read).await.map_err(|error| Error::failed("event log", error))?;
    page(after, &read.events)
}

/// A page of events as views read them.
fn page(after: Position, recorded: &[Recorded]) -> Result<Page, Error> {
    let mut through = after;
    let mut events = Vec::with_capacity(recorded.len());
    for recorded in recorded {
        if recorded.position != through.next() {
            metrics::counter!("leadline_holes_total").increment(1);
            return Err(Error::Hole { position: through.next() });
        }
        through = recorded.position;
        events.extend(view_event(recorded).map_err(|error| Error::failed("event log", error))?);
    }
    let last = recorded.last().map(|last| last.event.event_id).unwrap_or_default();
    Ok(Page { after, through, last, events })
}

impl Engine {
    /// Destroys the keys of subjects whose erasure is in the page: again where the process died between the
    /// commit and the destruction.
    async fn destroy_erased(&self, page: &Page) -> Result<(), Error> {
        let erased: Vec<uuid::Uuid> =
            page.events.iter().flat_map(|one| one.event.erases()).map(|one| one.0).collect();
        if erased.is_empty() {
            return Ok(());
        }
        self.vault.destroy(&erased).await.map_err(|error| Error::failed("vault", error))
    }
}
