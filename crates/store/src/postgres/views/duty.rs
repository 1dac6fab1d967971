//! Which views this process brings forward: locks that a session of its own holds, so that they go with the process.

use super::super::Failed;
use super::super::connect::{Database, within};
use sqlx_core::query::query;
use sqlx_core::row::Row;
use sqlx_postgres::PgConnection;
use std::collections::BTreeSet;
use tokio::sync::Mutex;

/// The first half of every lock's name, which no other lock in the database has.
const SPACE: i32 = 0x6c64_7677;

/// The locks of this process.
#[derive(Debug)]
pub(super) struct Duty {
    database: Database,
    held: Mutex<Option<Held>>,
}

#[derive(Debug)]
struct Held {
    session: PgConnection,
    views: BTreeSet<String>,
}

impl Duty {
    pub(super) fn new(database: &Database) -> Self {
        Self { database: database.clone(), held: Mutex::new(None) }
    }

    /// Whether the view is this process's to bring forward, from now on or already. A lost session loses its locks, and
    /// another process may have taken them since.
    pub(super) async fn take(&self, view: &str) -> Result<bool, Failed> {
        let mut held = self.held.lock().await;
        let mut current = match held.take() {
            Some(current) => current,
            None => Held {
                session: self.database.try_session("leadline views-duty", &[]).await?,
                views: BTreeSet::new(),
            },
        };
        // Dropped with its session where the statement fails: whoever asks next begins anew.
        let taken = if current.views.contains(view) {
            within(query("SELECT 1").execute(&mut current.session)).await?;
            true
        } else {
            let lock = query("SELECT pg_try_advisory_lock($1, $2)").bind(SPACE).bind(number(view));
            let row = within(lock.fetch_one(&mut current.session)).await?;
            row.try_get(0)?
        };
        if taken {
            current.views.insert(view.to_owned());
        }
        *held = Some(current);
        Ok(taken)
    }

    /// Lets another process have the view.
    pub(super) async fn let_go(&self, view: &str) -> Result<(), Failed> {
        let mut held = self.held.lock().await;
        // Without a session there is no lock.
        let Some(mut current) = held.take() else { return Ok(()) };
        if current.views.remove(view) {
            let unlock = query("SELECT pg_advisory_unlock($1, $2)").bind(SPACE).bind(number(view));
            within(unlock.execute(&mut current.session)).await?;
        }
        *held = Some(current);
        Ok(())
    }
}

/// The number that stands for a view as a lock. Two views of one number would wait for each other, no more.
fn number(view: &str) -> i32 {
    let hash = view
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.cast_signed()
}
