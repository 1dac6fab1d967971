//! `log`: the event log itself.

use super::{Held, held};
use crate::database::{Right, beside};
use crate::failure::Failure;
use crate::output::say;
use crate::settings::Settings;
use leadline_log::clock::System;
use leadline_log::types::LogIdentity;
use leadline_store::postgres::views::PostgresViews;
use leadline_store::postgres::{self, Database, Opening};
use leadline_store::sqlite::log::SqliteLog;
use leadline_store::sqlite::views::SqliteViews;
use leadline_views::{NAMES, ViewStore};

/// `log new-epoch`.
pub(crate) async fn new_epoch(settings: &Settings) -> Result<(), Failure> {
    if settings.database.is_missing() {
        return Err(settings.database.missing());
    }
    let right = match held(settings)? {
        Held::Here(right) => right,
        Held::ByServer(server) => {
            return Err(Failure::plain(format!(
                "process {} serves the database `{}`; stop it first",
                server.pid, settings.database
            )));
        }
    };
    let shown = settings.database.to_string();
    let log = raise(&right, &shown).await?;
    say!("The log {} is in epoch {} from now on.", log.id, log.epoch);
    say!(
        "Views are built anew when the next process starts, and the stream on NATS is begun anew."
    );
    say!("Whoever else subscribes to the stream stops, and has to begin with an empty table.");
    Ok(())
}

/// Raises the epoch, then forgets the views. They would stand still of themselves, for they are of the epoch before.
async fn raise(right: &Right, shown: &str) -> Result<LogIdentity, Failure> {
    const ATTEMPT: &str = "begin a new epoch of";
    let failed = |error| Failure::of(ATTEMPT, &shown, error);
    match right {
        Right::Sqlite(lock) => {
            let log = SqliteLog::raise_epoch(lock, &System).map_err(failed)?;
            let views = SqliteViews::open(&beside(lock.database(), "-views"))
                .map_err(|error| Failure::of("open the views of", &shown, error))?;
            forget(&views, shown).await?;
            Ok(log)
        }
        Right::Postgres { address, accept_data_loss } => {
            let opening = Opening { create: false, accept_data_loss: *accept_data_loss };
            let database = Database::open(address.secret(), opening).await.map_err(failed)?;
            let log = postgres::log::raise_epoch(&database).await.map_err(failed)?;
            forget(&PostgresViews::open(&database), shown).await?;
            Ok(log)
        }
    }
}

async fn forget(views: &dyn ViewStore, shown: &str) -> Result<(), Failure> {
    for view in NAMES {
        let dropped = views.drop_view(view).await;
        dropped.map_err(|error| Failure::of("forget the views of", &shown, error))?;
    }
    Ok(())
}
