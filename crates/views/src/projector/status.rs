//! How views are doing, and whether what they reflect is the past of their log.

use super::{Error, Projector};
use crate::fold::{Folding, Poison};
use crate::store::Checkpoint;
use leadline_log::{Misfit, Place};

/// How a view is doing.
#[derive(Debug)]
pub enum Status {
    /// It follows the log.
    Following,
    /// It was folded by other code: it answers as before, and waits for a rebuild.
    Outdated,
    /// It met an event that it cannot fold, and stopped.
    Poisoned(Poison),
    /// What it reflects is not the past of this log.
    Astray(Misfit),
}

impl Status {
    /// How a view is doing whose checkpoint is in the past of the log.
    pub(super) fn of(folding: &dyn Folding, checkpoint: Checkpoint) -> Self {
        let current = checkpoint.fingerprint == folding.fingerprint();
        if current { Self::Following } else { Self::Outdated }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Following => formatter.write_str("following"),
            Self::Outdated => formatter.write_str("outdated: folded by other code"),
            Self::Poisoned(poison) => poison.fmt(formatter),
            Self::Astray(misfit) => write!(formatter, "astray: {misfit}"),
        }
    }
}

impl Projector {
    /// Looks whether what each view reflects is the past of this log. One of which it is not stops, until it is.
    ///
    /// # Errors
    /// The log could not be read.
    pub async fn verify(&mut self) -> Result<(), Error> {
        // Most views are at the same place.
        let mut known: Vec<(Place, Option<Misfit>)> = Vec::new();
        for one in &mut self.followers {
            let place = one.checkpoint.place();
            let looked_at = known.iter().find(|(known, _)| *known == place);
            let misfit = match (looked_at, place.check_identity(self.log)) {
                (Some((_, misfit)), _) => *misfit,
                (None, Err(misfit)) => Some(misfit),
                (None, Ok(())) => self.history.misfit(place).await.map_err(Error::Log)?,
            };
            known.push((place, misfit));
            match (misfit, &one.status) {
                (Some(misfit), _) => one.status = Status::Astray(misfit),
                (None, Status::Astray(_)) => one.status = Status::of(&*one.folding, one.checkpoint),
                (None, _) => {}
            }
        }
        Ok(())
    }
}
