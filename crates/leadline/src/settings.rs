//! Configuration: options, environment and file, merged once.

use crate::cli::{Global, LogFormat};
use serde::Deserialize;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why the configuration cannot be used.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// The file cannot be read.
    #[error("could not read the configuration file `{}`; check --config", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("the configuration file `{}` is not valid: {detail}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what was probably meant.
        detail: String,
    },
    /// The database is of no kind that this version knows.
    #[error("the database `{url}` is not supported; use sqlite:PATH, such as sqlite:leadline.db")]
    Database {
        /// As it was given, without what might be a password.
        url: String,
    },
}

/// The configuration file. Keys are the long names of the options.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    database: Option<String>,
    listen: Option<SocketAddr>,
    log_format: Option<String>,
}

/// What a run goes by.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The SQLite file of the log.
    pub(crate) database: PathBuf,
    /// Where the server listens.
    pub(crate) listen: SocketAddr,
    /// How log lines are written.
    pub(crate) log_format: LogFormat,
}

const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

impl Settings {
    /// Merges options, environment and file, in this order of precedence.
    pub(crate) fn load(global: &Global) -> Result<Self, Error> {
        let file = global.config.as_deref().map(read).transpose()?.unwrap_or_default();
        let log_format = match (global.log_format, file.log_format.as_deref()) {
            (Some(format), _) => format,
            (None, None | Some("text")) => LogFormat::Text,
            (None, Some("json")) => LogFormat::Json,
            (None, Some(_)) => {
                return Err(Error::Invalid {
                    path: global.config.clone().unwrap_or_default(),
                    detail: "log_format is `text` or `json`".to_owned(),
                });
            }
        };
        let database = global.database.clone().or(file.database);
        Ok(Self {
            database: sqlite_path(database.as_deref().unwrap_or("sqlite:leadline.db"))?,
            listen: global.listen.or(file.listen).unwrap_or(LISTEN),
            log_format,
        })
    }
}

fn read(path: &Path) -> Result<File, Error> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
    toml::from_str(&text).map_err(|error| {
        let mut detail = error.message().to_owned();
        if let Some(unknown) =
            detail.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next())
            && let Some(near) = leadline_capture::codec::nearest(
                unknown,
                ["database", "listen", "log_format"].into_iter(),
            )
        {
            detail = format!("there is no key `{unknown}`; did you mean `{near}`?");
        }
        Error::Invalid { path: path.to_owned(), detail }
    })
}

fn sqlite_path(url: &str) -> Result<PathBuf, Error> {
    match url.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => Ok(PathBuf::from(path.trim_start_matches("//"))),
        _ => {
            // What follows the colon may hold a password.
            let url =
                url.split_once(':').map_or_else(|| url.to_owned(), |(kind, _)| format!("{kind}:…"));
            Err(Error::Database { url })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_url_names_a_file_and_others_are_refused_without_their_password() {
        assert_eq!(sqlite_path("sqlite:a.db").unwrap(), PathBuf::from("a.db"));
        assert_eq!(sqlite_path("sqlite:///var/a.db").unwrap(), PathBuf::from("/var/a.db"));
        let error = sqlite_path("postgres://me:secret@host/db").unwrap_err().to_string();
        assert!(error.contains("sqlite:") && !error.contains("secret"), "{error}");
    }
}
