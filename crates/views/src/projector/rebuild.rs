//! Rebuilding a view from zero, beside the one that answers.

use super::{Error, History, prepare, start, take};
use crate::event::Page;
use crate::fold::{Folding, Histories};
use crate::folding;
use crate::store::{Checkpoint, Commit, Generation, Outcome, ViewStore};
use leadline_log::Position;
use leadline_log::types::LogIdentity;
use std::sync::Arc;
use uuid::Uuid;

/// A rebuild stores what it has folded when so many row versions wait.
pub const REBUILD_WAITING_MAX: usize = 100_000;

/// One view, folded from zero beside the one that answers.
pub struct Rebuild {
    store: Arc<dyn ViewStore>,
    history: Arc<dyn History>,
    folding: Box<dyn Folding>,
    stored: Checkpoint,
    position: Position,
    /// The id of the event there.
    event: Uuid,
}

impl std::fmt::Debug for Rebuild {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Rebuild").field(&self.folding.name()).field(&self.position).finish()
    }
}

/// What a rebuild came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// The position that the new rows reflect.
    pub position: Position,
    /// Whether the rows before were the same, where they reflected the same position and came from the same code.
    pub same: Option<bool>,
}

impl Rebuild {
    /// Begins to rebuild `view`. It answers from its present rows until [`Self::finish`].
    ///
    /// # Errors
    /// There is no such view, or the store could not be written.
    pub async fn begin(
        store: Arc<dyn ViewStore>,
        history: Arc<dyn History>,
        log: LogIdentity,
        view: &str,
    ) -> Result<Self, Error> {
        let unknown = || Error::UnknownView { name: view.chars().take(64).collect() };
        let folding = folding(view).ok_or_else(unknown)?;
        let build = store.begin_rebuild(view).await?;
        let stored = Checkpoint { build, ..start(log, folding.fingerprint()) };
        let (position, event) = (stored.position, stored.event);
        Ok(Self { store, history, folding, stored, position, event })
    }

    /// The position after which the next page has to begin.
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Folds a page.
    ///
    /// # Errors
    /// The rebuild cannot go on; the view answers as before.
    pub async fn apply(&mut self, page: &Page) -> Result<(), Error> {
        let view = self.folding.name();
        if page.after != self.position {
            return Err(Error::Gap { view, checkpoint: self.position, after: page.after });
        }
        let ports = (&*self.store, &*self.history);
        let mut histories = Histories::new();
        let target = (Generation::Next, page.through);
        prepare(&mut *self.folding, ports, target, &page.events, &mut histories).await?;
        self.folding.apply(&page.events, &histories)?;
        (self.position, self.event) = (page.through, page.last);
        if self.folding.waiting() > REBUILD_WAITING_MAX {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Error> {
        let (view, generation) = (self.folding.name(), Generation::Next);
        let changes = take(&mut *self.folding, self.position)?;
        let (from, to, event) = (self.stored, self.position, self.event);
        let commit = Commit { view, generation, from, to, event, changes };
        if self.store.commit(vec![commit]).await?.as_slice() != [Outcome::Moved] {
            return Err(Error::Contended { view });
        }
        (self.stored.position, self.stored.event) = (to, event);
        Ok(())
    }

    /// Stores what is folded, compares it with the rows before, and lets it answer from now on.
    ///
    /// # Errors
    /// The rebuild could not be stored; the view answers as before.
    pub async fn finish(mut self) -> Result<Rebuilt, Error> {
        self.flush().await?;
        let view = self.folding.name();
        let live = self.store.checkpoints().await?.remove(view);
        let comparable =
            live.is_some_and(|live| Checkpoint { build: self.stored.build, ..live } == self.stored);
        let same = if comparable {
            let live = self.store.checksum(view, Generation::Live).await?;
            Some(live == self.store.checksum(view, Generation::Next).await?)
        } else {
            None
        };
        self.store.promote(view, self.stored.build).await?;
        Ok(Rebuilt { position: self.position, same })
    }
}
