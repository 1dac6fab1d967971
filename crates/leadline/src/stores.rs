//! The three ports of a database: log, keys, views.

use crate::database::{Right, beside};
use crate::failure::Failure;
use leadline_log::LogBackend;
use leadline_log::clock::{Clock, IdGen};
use leadline_log::vault::Vault;
use leadline_store::postgres::log::PostgresLog;
use leadline_store::postgres::vault::PostgresVault;
use leadline_store::postgres::views::PostgresViews;
use leadline_store::postgres::{Database, Opening};
use leadline_store::sqlite::log::SqliteLog;
use leadline_store::sqlite::vault::SqliteVault;
use leadline_store::sqlite::views::SqliteViews;
use leadline_views::ViewStore;
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
                let vault = SqliteVault::open(&beside(path, "-keys"), Arc::clone(ids), create)
                    .map_err(|error| Failure::of("open the keys of", &shown, error))?;
                let views = SqliteViews::open(&beside(path, "-views"))
                    .map_err(|error| Failure::of("open the views of", &shown, error))?;
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
                let vault = PostgresVault::open(&database, Arc::clone(ids))
                    .await
                    .map_err(|error| Failure::of("open the keys of", &shown, error))?;
                let views = PostgresViews::open(&database);
                Ok(Self { log: Arc::new(log), vault: Arc::new(vault), views: Arc::new(views) })
            }
        }
    }
}
