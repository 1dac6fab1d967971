//! `cargo xtask tidy`: rules of this repository that no compiler keeps.

mod arrows;
mod tables;
mod text;

use crate::metadata::Workspace;
use crate::run::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file of the repository.
struct File {
    /// From the repository's root.
    path: PathBuf,
    text: String,
}

impl File {
    fn has_extension(&self, extension: &str) -> bool {
        self.path.extension().is_some_and(|found| found == extension)
    }
}

/// Prints what is untidy; whether nothing is.
///
/// # Errors
/// The repository cannot be read.
pub(crate) fn report(root: &Path) -> Result<bool, Error> {
    let files = files(root)?;
    let mut complaints = text::complaints(&files);
    complaints.extend(arrows::complaints(&Workspace::load(root)?.dependencies, &files));
    complaints.extend(tables::complaints(&files));
    for complaint in &complaints {
        println!("{complaint}");
    }
    println!("tidy: {} files, {} complaints", files.len(), complaints.len());
    Ok(complaints.is_empty())
}

/// All text files that are tracked, or could be.
fn files(root: &Path) -> Result<Vec<File>, Error> {
    let list = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root)
        .output()
        .map_err(|error| Error::failed("list the repository's files with git", error))?;
    if !list.status.success() {
        let message = String::from_utf8_lossy(&list.stderr).into_owned();
        return Err(Error::failed("list the repository's files with git", message));
    }
    let names = String::from_utf8_lossy(&list.stdout).into_owned();
    let read = |name: &str| {
        // What is deleted but still tracked cannot be read, and what is not text has no words.
        let text = std::fs::read_to_string(root.join(name)).ok()?;
        Some(File { path: PathBuf::from(name), text })
    };
    Ok(names.split('\0').filter(|name| !name.is_empty()).filter_map(read).collect())
}

#[cfg(test)]
fn file(path: &str, text: &str) -> File {
    File { path: path.into(), text: text.to_owned() }
}
