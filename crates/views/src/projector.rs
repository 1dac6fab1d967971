//! Brings views forward, page by page, and rebuilds them from zero.

mod lease;
mod rebuild;
mod status;

pub use rebuild::{REBUILD_WAITING_MAX, Rebuild, Rebuilt};
pub use status::Status;

use crate::event::{Page, ViewEvent};
use crate::fold::{Folding, Histories, Poison};
use crate::store::{self, Checkpoint, Commit, Generation, KeyChange, Outcome, ViewStore};
use crate::{NAMES, folding};
use async_trait::async_trait;
use leadline_log::types::LogIdentity;
use leadline_log::{Misfit, Place, Position};
use std::sync::Arc;
use thiserror::Error;
use uuid::Uuid;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong with projecting as a whole. A single view that cannot go on is a [`Status::Poisoned`].
#[derive(Debug, Error)]
pub enum Error {
    /// The store failed; nothing of the page is stored.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The log could not be read for a late fact.
    #[error("could not read the history of a lead for a late fact")]
    History(#[source] Source),
    /// The log could not be read.
    #[error("could not look whether a view reflects the past of the log")]
    Log(#[source] Source),
    /// Positions are missing before the page: read again from the checkpoint.
    #[error("the page begins after position {after}, the view `{view}` ends at {checkpoint}")]
    Gap {
        /// The view.
        view: &'static str,
        /// Where the view ends.
        checkpoint: Position,
        /// Where the page begins.
        after: Position,
    },
    /// A rebuild met an event that it cannot fold.
    #[error(transparent)]
    Poisoned(#[from] Poison),
    /// There is no such view.
    #[error("there is no view `{name}`; there are {}", NAMES.join(", "))]
    UnknownView {
        /// The name.
        name: String,
    },
    /// Another projector wrote into the same generation.
    #[error("another projector moves the view `{view}`")]
    Contended {
        /// The view.
        view: &'static str,
    },
}

/// Reads the past from the log.
#[async_trait]
pub trait History: Send + Sync {
    /// All events of `root` up to position `through`, by position.
    ///
    /// # Errors
    /// The log could not be read.
    async fn root_events(&self, root: Uuid, through: Position) -> Result<Vec<ViewEvent>, Source>;

    /// Why a place is none of the log; nothing where it is.
    ///
    /// # Errors
    /// The log could not be read.
    async fn misfit(&self, place: Place) -> Result<Option<Misfit>, Source>;
}

struct Follower {
    folding: Box<dyn Folding>,
    checkpoint: Checkpoint,
    status: Status,
    /// Whether this process brings the view forward; where it does not, another one may.
    leased: bool,
}

impl Follower {
    const fn follows(&self) -> bool {
        self.leased && matches!(self.status, Status::Following)
    }

    /// Goes on from what is stored. Rows that were built anew meanwhile have nothing of what ailed the former ones, and
    /// may be of other code than this process has.
    fn take_over(&mut self, stored: Checkpoint) {
        self.folding.forget();
        if stored.build != self.checkpoint.build {
            self.status = Status::of(&*self.folding, stored);
        }
        self.checkpoint = stored;
    }
}

/// Folds pages into several views, and commits them in one transaction a page.
pub struct Projector {
    store: Arc<dyn ViewStore>,
    history: Arc<dyn History>,
    log: LogIdentity,
    followers: Vec<Follower>,
    /// A page was begun and not ended: the folds may be ahead of what is stored.
    begun: bool,
}

impl std::fmt::Debug for Projector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.status()).finish()
    }
}

const fn start(log: LogIdentity, fingerprint: u32) -> Checkpoint {
    Checkpoint { log, position: Position::START, event: Uuid::nil(), fingerprint, build: 0 }
}

impl Projector {
    /// A projector of `folds` that goes on from their checkpoints in `store`.
    ///
    /// # Errors
    /// The store or the log could not be read.
    pub async fn open(
        store: Arc<dyn ViewStore>,
        history: Arc<dyn History>,
        log: LogIdentity,
        folds: Vec<Box<dyn Folding>>,
    ) -> Result<Self, Error> {
        let mut followers = Vec::with_capacity(folds.len());
        let stored = store.checkpoints().await?;
        for folding in folds {
            let stored = stored.get(folding.name()).copied();
            let checkpoint = stored.unwrap_or_else(|| start(log, folding.fingerprint()));
            let status = Status::of(&*folding, checkpoint);
            followers.push(Follower { folding, checkpoint, status, leased: true });
        }
        let mut projector = Self { store, history, log, followers, begun: false };
        projector.verify().await?;
        Ok(projector)
    }

    /// A projector of every view.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_all(
        store: Arc<dyn ViewStore>,
        history: Arc<dyn History>,
        log: LogIdentity,
    ) -> Result<Self, Error> {
        let folds = NAMES.iter().filter_map(|name| folding(name)).collect();
        Self::open(store, history, log, folds).await
    }

    /// The position after which the next page has to begin: the least checkpoint of the views that follow the
    /// log and are leased. `None` where none is.
    pub fn position(&self) -> Option<Position> {
        self.followers.iter().filter(|one| one.follows()).map(|one| one.checkpoint.position).min()
    }

    /// How each view is doing: name, checkpoint, status.
    pub fn status(&self) -> impl Iterator<Item = (&'static str, Position, &Status)> {
        self.followers.iter().map(|one| (one.folding.name(), one.checkpoint.position, &one.status))
    }

    /// Folds a page into every view that follows the log. A view that is further already takes what is new to it.
    /// A view that cannot fold the page stops with its status, and the others go on.
    ///
    /// # Errors
    /// Nothing of the page is stored; the same page may be applied again.
    pub async fn apply(&mut self, page: &Page) -> Result<(), Error> {
        if std::mem::replace(&mut self.begun, true) {
            // The page before was dropped half-way, stored or not: begin again from what is stored.
            self.resume().await?;
        }
        self.apply_whole(page).await?;
        self.begun = false;
        Ok(())
    }

    async fn resume(&mut self) -> Result<(), Error> {
        for one in &mut self.followers {
            refresh(one, &*self.store).await?;
        }
        Ok(())
    }

    /// Leaves a view behind until it is taken up again by [`Self::retry`].
    pub fn set_aside(&mut self, view: &str) {
        for one in self.followers.iter_mut().filter(|one| one.folding.name() == view) {
            one.folding.forget();
            one.status = Status::Outdated;
        }
    }

    async fn apply_whole(&mut self, page: &Page) -> Result<(), Error> {
        let mut commits = Vec::new();
        let mut moved = Vec::new();
        let mut histories = Histories::new();
        for (index, one) in self.followers.iter_mut().enumerate() {
            let (view, from) = (one.folding.name(), one.checkpoint);
            if !one.follows() || from.position >= page.through {
                continue;
            }
            if from.position < page.after {
                return Err(Error::Gap { view, checkpoint: from.position, after: page.after });
            }
            let ports = (&*self.store, &*self.history);
            let fresh = page.events.partition_point(|event| event.position <= from.position);
            let events = page.events.get(fresh..).unwrap_or_default();
            let target = (Generation::Live, page.through);
            match fold(&mut *one.folding, ports, target, events, &mut histories).await {
                Ok(changes) => {
                    let (generation, to) = target;
                    commits.push(Commit { view, generation, from, to, event: page.last, changes });
                    moved.push(index);
                }
                Err(Error::Poisoned(poison)) => {
                    one.folding.forget();
                    one.status = Status::Poisoned(poison);
                }
                Err(error) => {
                    self.forget();
                    return Err(error);
                }
            }
        }
        let outcomes = match self.store.commit(commits).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                self.forget();
                return Err(error.into());
            }
        };
        for (index, outcome) in moved.into_iter().zip(outcomes) {
            if let Some(one) = self.followers.get_mut(index) {
                settle(one, &*self.store, outcome, page).await?;
            }
        }
        Ok(())
    }

    fn forget(&mut self) {
        for one in &mut self.followers {
            one.folding.forget();
        }
    }

    /// Takes a view up again after its rebuild, its rollback, or the repair of what poisoned it.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn retry(&mut self, view: &str) -> Result<(), Error> {
        let stored = self.store.checkpoints().await?;
        for one in self.followers.iter_mut().filter(|one| one.folding.name() == view) {
            one.folding.forget();
            let fingerprint = one.folding.fingerprint();
            let stored = stored.get(view).copied();
            one.checkpoint = stored.unwrap_or_else(|| start(one.checkpoint.log, fingerprint));
            one.status = Status::of(&*one.folding, one.checkpoint);
        }
        Ok(())
    }
}

/// Moves on where the store has, and starts afresh from the store where another projector was quicker.
async fn settle(
    one: &mut Follower,
    store: &dyn ViewStore,
    outcome: Outcome,
    page: &Page,
) -> Result<(), Error> {
    match outcome {
        // Only the store knows which build the first commit has begun.
        Outcome::Moved if one.checkpoint.build == 0 => refresh(one, store).await?,
        Outcome::Moved => {
            one.checkpoint =
                Checkpoint { position: page.through, event: page.last, ..one.checkpoint };
        }
        Outcome::Stale => refresh(one, store).await?,
    }
    Ok(())
}

/// Begins a view again from what is stored.
async fn refresh(one: &mut Follower, store: &dyn ViewStore) -> Result<(), Error> {
    if let Some(stored) = store.checkpoints().await?.get(one.folding.name()) {
        one.take_over(*stored);
    } else {
        one.folding.forget();
        one.checkpoint = start(one.checkpoint.log, one.folding.fingerprint());
    }
    Ok(())
}

async fn prepare(
    folding: &mut dyn Folding,
    (store, history): (&dyn ViewStore, &dyn History),
    (generation, through): (Generation, Position),
    events: &[ViewEvent],
    histories: &mut Histories,
) -> Result<(), Error> {
    let view = folding.name();
    let missing = folding.missing(events);
    if !missing.is_empty() {
        let states = store.states(view, generation, &missing).await?;
        let position = events.first().map_or(Position::START, |event| event.position);
        for (key, state) in missing.into_iter().zip(states) {
            folding.load(key, state.as_deref()).map_err(|source| Poison {
                view,
                position,
                attempt: "reading the state before it",
                source,
            })?;
        }
    }
    for root in folding.late(events) {
        if let std::collections::hash_map::Entry::Vacant(entry) = histories.entry(root) {
            let events = history.root_events(root, through).await.map_err(Error::History)?;
            entry.insert(Arc::new(events));
        }
    }
    Ok(())
}

async fn fold(
    folding: &mut dyn Folding,
    ports: (&dyn ViewStore, &dyn History),
    target: (Generation, Position),
    events: &[ViewEvent],
    histories: &mut Histories,
) -> Result<Vec<KeyChange>, Error> {
    prepare(folding, ports, target, events, histories).await?;
    folding.apply(events, histories)?;
    take(folding, target.1)
}

fn take(folding: &mut dyn Folding, position: Position) -> Result<Vec<KeyChange>, Error> {
    let view = folding.name();
    let poison = |source| Poison { view, position, attempt: "writing its state", source };
    Ok(folding.take().map_err(poison)?)
}

/// A set of folds by name, for a projector of some views.
///
/// # Errors
/// One of the names is no view.
pub fn folds(names: &[&str]) -> Result<Vec<Box<dyn Folding>>, Error> {
    let unknown = |name: &str| Error::UnknownView { name: name.chars().take(64).collect() };
    names.iter().map(|name| folding(name).ok_or_else(|| unknown(name))).collect()
}
