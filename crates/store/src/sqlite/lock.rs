//! One process at a time: an operating-system lock on a file beside the database.
//!
//! The lock goes with the process, however that ends. The file also says how to reach the process that holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use thiserror::Error;

/// Most bytes that a holder may publish.
pub const CONTENT_BYTES_MAX: usize = 4096;

/// Why a lock was not had.
#[derive(Debug, Error)]
pub enum Error {
    /// Another process has the database open.
    #[error("another process has the database open")]
    Held {
        /// What that process published.
        content: String,
    },
    /// The lock file could not be used.
    #[error("could not {attempt} the lock file `{}`", path.display())]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

/// The exclusive right to open a database. Given back when dropped, or when the process ends in any way.
#[derive(Debug)]
pub struct Lock {
    database: PathBuf,
    path: PathBuf,
    file: Mutex<File>,
}

impl Lock {
    /// Takes the lock of the database at this path: the file `<database>.lock`, readable by its owner only.
    ///
    /// # Errors
    /// Another process has it, with what that process published; or the file cannot be used.
    pub fn acquire(database: &Path) -> Result<Self, Error> {
        let path = path_of(database);
        let failed =
            |attempt| move |source| Error::File { attempt, path: path_of(database), source };
        let mut file = open(&path).map_err(failed("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut content = String::new();
                let limit = CONTENT_BYTES_MAX as u64;
                Read::by_ref(&mut file)
                    .take(limit)
                    .read_to_string(&mut content)
                    .map_err(failed("read"))?;
                return Err(Error::Held { content });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
        }
        file.set_len(0).map_err(failed("empty"))?;
        Ok(Self { database: database.to_owned(), path, file: Mutex::new(file) })
    }

    /// The database that this is the lock of.
    pub fn database(&self) -> &Path {
        &self.database
    }

    /// Tells other processes how to reach this one; replaces what was told before.
    ///
    /// # Errors
    /// The file could not be written, or the content is longer than [`CONTENT_BYTES_MAX`].
    pub fn publish(&self, content: &str) -> Result<(), Error> {
        let failed = |source| Error::File { attempt: "write", path: self.path.clone(), source };
        if content.len() > CONTENT_BYTES_MAX {
            return Err(failed(std::io::ErrorKind::FileTooLarge.into()));
        }
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        file.write_all(content.as_bytes()).map_err(failed)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // What was published is of no use any more; the lock itself goes with the file handle.
        let file = self.file.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.set_len(0) {
            tracing::warn!(%error, "The lock file could not be emptied");
        }
    }
}

fn path_of(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}

fn open(path: &Path) -> std::io::Result<File> {
    super::owner_only(OpenOptions::new().read(true).write(true).create(true).truncate(false))
        .open(path)
}
