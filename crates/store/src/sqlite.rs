//! Everything on SQLite files: one for the log, one for the keys, one for the views.

pub mod examine;
pub mod lock;
pub mod log;
pub mod vault;
pub mod views;

use leadline_log::Error;
use std::fs::OpenOptions;
use std::path::Path;

/// Makes new files readable by their owner only, where the system knows owners.
fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Makes an empty file where there is none. SQLite gives its other files the permissions of this one.
fn create(path: &Path) -> Result<(), Error> {
    let file = owner_only(OpenOptions::new().append(true).create(true)).open(path);
    file.map(drop).map_err(|source| Error::Unavailable {
        attempt: "create the database",
        source: Box::new(source),
    })
}

/// Says what was attempted when the database failed.
fn failed(attempt: &'static str) -> impl FnOnce(rusqlite::Error) -> Error {
    move |source| Error::Unavailable { attempt, source: Box::new(source) }
}
