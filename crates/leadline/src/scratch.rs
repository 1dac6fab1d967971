//! Folders for databases that nobody keeps.

use crate::failure::Failure;
use std::path::{Path, PathBuf};

/// A folder that goes with its holder.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A folder of this process, for `purpose`, within `parent`.
    pub(crate) fn make(parent: &Path, purpose: &str) -> Result<Self, Failure> {
        let path = parent.join(format!("leadline-{purpose}-{}", std::process::id()));
        std::fs::create_dir_all(&path)
            .map_err(|error| Failure::of("make", &path.display(), error))?;
        Ok(Self(path))
    }

    /// Where the folder is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, "Could not remove the scratch folder `{}`", self.0.display());
        }
    }
}
