//! Configuration: options, environment and file, merged once.

use crate::cli::{Global, LogFormat, address};
use crate::database::{Database, Unsupported};
use serde::Deserialize;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
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
    #[error(transparent)]
    Database(#[from] Unsupported),
}

/// The configuration file. Keys are the long names of the options.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    database: Option<String>,
    nats: Option<String>,
    nats_monitor: Option<String>,
    listen: Option<String>,
    log_format: Option<String>,
    rate_limit: Option<u32>,
}

/// What a run goes by.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where log, keys and views are kept.
    pub(crate) database: Database,
    /// The NATS servers that events are published to, where there are any.
    pub(crate) nats: Option<String>,
    /// Where a NATS server tells how it does.
    pub(crate) nats_monitor: Option<String>,
    /// Go on although the database may lose what it has confirmed.
    pub(crate) accept_data_loss: bool,
    /// Where the server listens.
    pub(crate) listen: SocketAddr,
    /// How log lines are written.
    pub(crate) log_format: LogFormat,
    /// Requests a second that each key may make of the server, where there is a limit.
    pub(crate) rate_limit: Option<NonZeroU32>,
}

const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

impl Settings {
    /// Merges options, environment and file, in this order of precedence.
    pub(crate) fn load(global: &Global) -> Result<Self, Error> {
        let file = global.config.as_deref().map(read).transpose()?.unwrap_or_default();
        let invalid =
            |detail| Error::Invalid { path: global.config.clone().unwrap_or_default(), detail };
        let log_format = match (global.log_format, file.log_format.as_deref()) {
            (Some(format), _) => format,
            (None, None | Some("text")) => LogFormat::Text,
            (None, Some("json")) => LogFormat::Json,
            (None, Some(_)) => return Err(invalid("log_format is `text` or `json`".to_owned())),
        };
        let listen = match (global.listen, &file.listen) {
            (Some(listen), _) => listen,
            (None, Some(text)) => {
                address(text).map_err(|detail| invalid(format!("listen: {detail}")))?
            }
            (None, None) => LISTEN,
        };
        let database = global.database.clone().or(file.database);
        Ok(Self {
            database: Database::parse(database.as_deref().unwrap_or("sqlite:leadline.db"))?,
            nats: global.nats.clone().or(file.nats),
            nats_monitor: global.nats_monitor.clone().or(file.nats_monitor),
            accept_data_loss: global.i_accept_data_loss,
            listen,
            log_format,
            rate_limit: global.rate_limit.or(file.rate_limit).and_then(NonZeroU32::new),
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
                ["database", "nats", "nats_monitor", "listen", "log_format", "rate_limit"]
                    .into_iter(),
            )
        {
            detail = format!("there is no key `{unknown}`; did you mean `{near}`?");
        }
        Error::Invalid { path: path.to_owned(), detail }
    })
}
