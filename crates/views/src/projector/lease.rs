//! Which views this process brings forward, and what it takes in of the others.

use super::{Error, Follower, Projector, Status, refresh};

impl Projector {
    /// Takes the lease of every view of `wanted` that is free and can be followed here, and lets go of the rest. What is
    /// not leased is brought forward by another process, and looked up in the store.
    /// A projector that has its store to itself need not ask.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn lease(&mut self, wanted: &[&str]) -> Result<(), Error> {
        for one in &mut self.followers {
            let view = one.folding.name();
            let wants = wanted.contains(&view) && matches!(one.status, Status::Following);
            let held = wants && self.store.lease(view).await?;
            if one.leased && !held {
                self.store.let_go(view).await?;
            }
            // What another process has stored meanwhile is what there is to go on from.
            let is_new = held && !one.leased;
            one.leased = held && !is_new;
            if is_new {
                refresh(one, &*self.store).await?;
                one.leased = true;
            }
        }
        self.look().await
    }

    /// Looks up how far other processes have brought the views that are not followed here.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn look_up(&mut self) -> Result<(), Error> {
        if self.followers.iter().all(Follower::follows) {
            return Ok(());
        }
        self.look().await
    }

    /// Takes in what other processes have stored: how far the views are that are not followed here, and whether a view
    /// has been built anew.
    async fn look(&mut self) -> Result<(), Error> {
        let stored = self.store.checkpoints().await?;
        for one in &mut self.followers {
            let Some(stored) = stored.get(one.folding.name()) else { continue };
            if !one.follows() || stored.build != one.checkpoint.build {
                one.take_over(*stored);
            }
        }
        Ok(())
    }

    /// Whether a view is leased here.
    pub fn leases(&self, view: &str) -> bool {
        self.followers.iter().any(|one| one.leased && one.folding.name() == view)
    }
}
