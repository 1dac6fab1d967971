//! Where log, keys and views are kept: what `--database` names.

use crate::failure::Failure;
use leadline_store::sqlite::lock::{self, Lock};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// What `--database` was given names no database.
#[derive(Debug, Error)]
pub(crate) enum Unsupported {
    /// It is of no kind that this version knows.
    #[error(
        "the database `{url}` is not supported; use sqlite:PATH, such as sqlite:leadline.db, or postgres://USER:PASSWORD@HOST/NAME"
    )]
    Kind {
        /// As it was given, without what might be a password.
        url: String,
    },
    /// It names no file.
    #[error(
        "the database `{url}`: the path is missing; use sqlite:PATH, such as sqlite:leadline.db"
    )]
    NoPath {
        /// As it was given.
        url: String,
    },
}

/// Where log, keys and views are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    /// A file, with others beside it, for one process at a time.
    Sqlite(PathBuf),
    /// A database of a Postgres server, for any number of processes.
    Postgres(Address),
}

/// A URL that may hold a password; it is not printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address(String);

impl Address {
    /// The URL, password included.
    pub(crate) fn secret(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, formatter)
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, rest) = self.0.split_once("://").unwrap_or(("postgres", ""));
        let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
        // Options may hold a password too.
        let place = place.split('?').next().unwrap_or_default();
        write!(formatter, "{kind}://{place}")
    }
}

impl std::fmt::Display for Database {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(formatter),
            Self::Postgres(address) => address.fmt(formatter),
        }
    }
}

impl Database {
    /// Reads what `--database` takes.
    pub(crate) fn parse(url: &str) -> Result<Self, Unsupported> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            // `//` begins an empty host; any further slash belongs to the path.
            return match path.strip_prefix("//").unwrap_or(path) {
                "" => Err(Unsupported::NoPath { url: url.to_owned() }),
                path => Ok(Self::Sqlite(PathBuf::from(path))),
            };
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(Address(url.to_owned())));
        }
        // What follows the colon may hold a password.
        let url =
            url.split_once(':').map_or_else(|| url.to_owned(), |(kind, _)| format!("{kind}:…"));
        Err(Unsupported::Kind { url })
    }

    /// Whether there is surely none; a server is asked when it is opened.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Sqlite(path) if !path.exists())
    }

    /// Where it is, in full.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Sqlite(path) => {
                std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string()
            }
            Self::Postgres(address) => address.to_string(),
        }
    }

    /// There is no such database.
    pub(crate) fn missing(&self) -> Failure {
        Failure::plain(format!(
            "there is no database `{self}`; `leadline serve` or `leadline import` makes one, and --database names another"
        ))
    }

    /// The right to use it, or who has it.
    pub(crate) fn hold(&self) -> Result<Result<Right, Option<Published>>, Failure> {
        match self {
            Self::Postgres(address) => {
                Ok(Ok(Right::Postgres { address: address.clone(), accept_data_loss: false }))
            }
            // Before a lock is made beside it.
            Self::Sqlite(path) if path.is_dir() => Err(Failure::plain(format!(
                "the database `{}` is a folder; name a file in it",
                path.display()
            ))),
            Self::Sqlite(path) => match Lock::acquire(path) {
                Ok(lock) => Ok(Ok(Right::Sqlite(Arc::new(lock)))),
                Err(lock::Error::Held { content, .. }) => {
                    Ok(Err(serde_json::from_str(&content).ok()))
                }
                Err(error) => Err(Failure::of("open the database", &path.display(), error)),
            },
        }
    }

    /// The right to use a database that nobody else knows of.
    pub(crate) fn hold_alone(&self) -> Result<Right, Failure> {
        self.hold()?.map_err(|_| Failure::plain(format!("the database `{self}` is in use")))
    }
}

/// The right to use a database.
#[derive(Clone, Debug)]
pub(crate) enum Right {
    /// A file's lock.
    Sqlite(Arc<Lock>),
    /// Whoever has the address may.
    Postgres {
        /// The server's.
        address: Address,
        /// Although the server may lose what it has confirmed.
        accept_data_loss: bool,
    },
}

impl Right {
    /// The database.
    pub(crate) fn database(&self) -> Database {
        match self {
            Self::Sqlite(lock) => Database::Sqlite(lock.database().to_owned()),
            Self::Postgres { address, .. } => Database::Postgres(address.clone()),
        }
    }

    /// Whether other processes may write the same log.
    pub(crate) const fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres { .. })
    }

    /// The same, although the server may lose what it has confirmed.
    pub(crate) fn accepting_data_loss(self, accept: bool) -> Self {
        match self {
            Self::Postgres { address, .. } => Self::Postgres { address, accept_data_loss: accept },
            Self::Sqlite(_) => self,
        }
    }

    /// Tells other commands on this machine how to reach this process, where they cannot open the database themselves.
    pub(crate) fn publish(&self, published: &Published) -> Result<(), Failure> {
        let Self::Sqlite(lock) = self else { return Ok(()) };
        let content = serde_json::to_string(published)
            .map_err(|error| Failure::of("write", &"the lock file", error))?;
        lock.publish(&content).map_err(|error| Failure::of("write", &"the lock file", error))
    }

    /// The folder whose disk takes uploads on their way in: the database's, or that for temporary files. They have no
    /// names there.
    pub(crate) fn uploads(&self) -> PathBuf {
        match self {
            Self::Sqlite(lock) => folder_of(lock.database()).to_owned(),
            Self::Postgres { .. } => std::env::temp_dir(),
        }
    }
}

/// The folder that a file is in.
pub(crate) fn folder_of(file: &Path) -> &Path {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// A file beside the database's.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// What another process that holds the database published: where it listens, and how to call it.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Published {
    pub(crate) pid: u32,
    pub(crate) address: String,
    pub(crate) bearer: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_file_or_a_server() {
        let sqlite = |path: &str| Database::Sqlite(PathBuf::from(path));
        assert_eq!(Database::parse("sqlite:a.db").unwrap(), sqlite("a.db"));
        assert_eq!(Database::parse("sqlite:///var/a.db").unwrap(), sqlite("/var/a.db"));
        assert_eq!(Database::parse("sqlite:////var/a.db").unwrap(), sqlite("//var/a.db"));
        for url in ["sqlite:", "sqlite://"] {
            let error = Database::parse(url).unwrap_err().to_string();
            assert!(error.contains("the path is missing"), "{error}");
        }
        let error = Database::parse("mysql://me:secret@host/db").unwrap_err().to_string();
        assert!(error.contains("sqlite:") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn no_password_is_shown() {
        let url = "postgres://me:secret@host/db?password=secret";
        let database = Database::parse(url).unwrap();
        assert_eq!(database.to_string(), "postgres://host/db");
        assert!(!format!("{database:?}").contains("secret"));
        assert!(matches!(database, Database::Postgres(address) if address.secret() == url));
    }
}
