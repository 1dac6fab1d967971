//! The three ports of a database: log, keys, views.

use crate::database::{Right, beside};
use crate::failure::Failure;
use leadline_log::clock::{Clock, IdGen};
use leadline_log::vault::Vault;
use leadline_log::{LogBackend, Position};
use leadline_store::postgres::log::PostgresLog;
use leadline_store::postgres::vault::PostgresVault;
use leadline_store::postgres::views::PostgresViews;
use leadline_store::postgres::{Database, Opening};
use leadline_store::sqlite::log::SqliteLog;
use leadline_store::sqlite::vault::SqliteVault;
use leadline_store::sqlite::views::SqliteViews;
use leadline_views::ViewStore;
use std::fmt::Display;
use std::sync::Arc;

/// Log, keys and views.
pub(crate) struct Stores {
    pub(crate) log: Arc<dyn LogBackend>,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) views: Arc<dyn ViewStore>,
}

impl Stores {
    /// Opens all three; makes them where `create` says so.
    pub(crate) async fn open(
        right: &Right,
        clock: &Arc<dyn Clock>,
        ids: &Arc<dyn IdGen>,
        create: bool,
    ) -> Result<Self, Failure> {
        let shown = right.database().to_string();
        match right {
            Right::Sqlite(lock) => {
                let path = lock.database();
                let log = SqliteLog::open(Arc::clone(lock), Arc::clone(clock), &**ids, create)
                    .map_err(|error| Failure::of("open the event log", &shown, error))?;
                let keys = beside(path, "-keys");
                if !keys.exists() && !is_new(&log, &shown).await? {
                    let cure = format!("an empty file `{}`", keys.display());
                    return Err(lost_keys(&keys.display(), &cure));
                }
                let vault = SqliteVault::open(&keys, Arc::clone(ids), create)
                    .map_err(|error| Failure::of("open the keys of", &shown, error))?;
                let views = SqliteViews::open(&beside(path, "-views"))
                    .map_err(|error| damaged_views(&beside(path, "-views").display(), &error))?;
                Ok(Self { log: Arc::new(log), vault: Arc::new(vault), views: Arc::new(views) })
            }
            Right::Postgres { address, accept_data_loss } => {
                let opening = Opening { create, accept_data_loss: *accept_data_loss };
                let database = Database::open(address.secret(), opening)
                    .await
                    .map_err(|error| Failure::of("open the database", &shown, error))?;
                let log = PostgresLog::open(&database, None, &**ids)
                    .await
                    .map_err(|error| Failure::of("open the event log", &shown, error))?;
                let exists = async || {
                    let exists = PostgresVault::exists(&database).await;
                    exists.map_err(|error| Failure::of("open the keys of", &shown, error))
                };
                // Asked again, for another node may just have made keys and then written the log's first events.
                let lost = !exists().await? && !is_new(&log, &shown).await? && !exists().await?;
                if lost && !accept_data_loss {
                    return Err(lost_keys(&"schema `leadline_keys`", &"--i-accept-data-loss"));
                }
                let vault = PostgresVault::open(&database, Arc::clone(ids))
                    .await
                    .map_err(|error| Failure::of("open the keys of", &shown, error))?;
                let views = PostgresViews::open(&database);
                Ok(Self { log: Arc::new(log), vault: Arc::new(vault), views: Arc::new(views) })
            }
        }
    }
}

/// Whether nothing is in the log yet.
async fn is_new(log: &dyn LogBackend, shown: &str) -> Result<bool, Failure> {
    let head =
        log.head().await.map_err(|error| Failure::of("open the event log", &shown, error))?;
    Ok(head == Position::START)
}

/// New keys beside an old log would make other hashes of the same addresses: nobody would be found again.
fn lost_keys(place: &dyn Display, cure: &dyn Display) -> Failure {
    Failure::plain(format!(
        "the log has events, and the keys that belong to it ({place}) are missing: restore them from a backup. Without \
         them no name can be read, and no address, key or idempotency key leads to what was done under it. To go on \
         without them for good, begin with {cure}"
    ))
}

/// Views hold nothing that the log does not.
fn damaged_views(file: &dyn Display, error: &leadline_views::store::Error) -> Failure {
    let cause =
        std::error::Error::source(error).map_or_else(String::new, |cause| format!(": {cause}"));
    Failure::plain(format!(
        "could not open the views in `{file}`: {error}{cause}. Where it is damaged, delete `{file}`, `{file}-wal` and \
         `{file}-shm`: views are built again from the log"
    ))
}
