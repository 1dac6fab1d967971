//! The subjects' keys in a schema of their own.
//!
//! Nodes do not tell each other what they destroy, so no key is kept in memory: a key that is gone is gone for all of
//! them at once. What Postgres keeps besides is in its documentation: a deleted row stays in its page until the next
//! vacuum, and in the write-ahead log and its backups until those are thrown away.

use super::connect::{Database, within};
use super::failed;
use super::pool::Pool;
use crate::keys::{Stock, block, random};
use async_trait::async_trait;
use leadline_log::Error;
use leadline_log::clock::IdGen;
use leadline_log::vault::{Key, MintedSubject, Vault};
use sqlx_core::query::query;
use sqlx_core::row::Row;
use sqlx_postgres::PgBindIterExt;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// Sessions of a vault.
const SESSIONS_MAX: usize = 2;

/// What is there already was stored by a first attempt whose answer was lost.
const MINT: &str = "
    INSERT INTO leadline_keys.key (subject, secret) SELECT * FROM unnest($1::uuid[], $2::bytea[])
    ON CONFLICT DO NOTHING";
const KEYS: &str = "SELECT subject, secret FROM leadline_keys.key WHERE subject = ANY ($1::uuid[])";
const DESTROY: &str = "DELETE FROM leadline_keys.key WHERE subject = ANY ($1::uuid[])";

/// Keys in a Postgres database.
#[derive(Debug)]
pub struct PostgresVault {
    hash_key: Key,
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    ids: Arc<dyn IdGen>,
    stock: Stock,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Inner").field("pool", &self.pool).finish_non_exhaustive()
    }
}

impl PostgresVault {
    /// Whether there is a vault in this database.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn exists(database: &Database) -> Result<bool, Error> {
        const ATTEMPT: &str = "look for the hash key";
        let mut session = database.session("leadline start", &[]).await?;
        let known = query("SELECT 1 FROM leadline_keys.secret").fetch_optional(&mut session);
        Ok(within(known).await.map_err(failed(ATTEMPT))?.is_some())
    }

    /// Opens the vault in this database. Whichever node comes first makes the hash key.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn open(database: &Database, ids: Arc<dyn IdGen>) -> Result<Self, Error> {
        const ATTEMPT: &str = "read the hash key";
        let mut session = database.session("leadline start", &[]).await?;
        let make =
            query("INSERT INTO leadline_keys.secret (hash_key) VALUES ($1) ON CONFLICT DO NOTHING");
        let make = make.bind(random()?.0).execute(&mut session);
        within(make).await.map_err(failed(ATTEMPT))?;
        let known = query("SELECT hash_key FROM leadline_keys.secret").fetch_one(&mut session);
        let row = within(known).await.map_err(failed(ATTEMPT))?;
        let hash_key = Key(row.try_get(0).map_err(failed(ATTEMPT))?);
        let pool = Pool::new(database, "leadline vault", &[], SESSIONS_MAX);
        Ok(Self { hash_key, inner: Arc::new(Inner { pool, ids, stock: Stock::default() }) })
    }
}

impl Inner {
    async fn refill(&self) -> Result<(), Error> {
        self.stock.refill(self.mint_block()).await
    }

    async fn mint_block(&self) -> Result<Vec<MintedSubject>, Error> {
        let block = block(&*self.ids)?;
        let store = || {
            query(MINT)
                .bind(block.iter().map(|minted| minted.subject).bind_iter())
                .bind(block.iter().map(|minted| minted.key.0).bind_iter())
        };
        self.pool.rows("mint keys", store).await?;
        Ok(block)
    }
}

#[async_trait]
impl Vault for PostgresVault {
    fn hash_key(&self) -> Key {
        self.hash_key.clone()
    }

    async fn mint(&self) -> Result<MintedSubject, Error> {
        loop {
            let (minted, low) = self.inner.stock.take();
            let Some(minted) = minted else {
                self.inner.refill().await?;
                continue;
            };
            if low {
                let inner = Arc::clone(&self.inner);
                drop(tokio::spawn(async move {
                    if let Err(error) = inner.refill().await {
                        tracing::warn!(%error, "The next keys could not be minted ahead");
                    }
                }));
            }
            return Ok(minted);
        }
    }

    async fn keys(&self, subjects: &[Uuid]) -> Result<Vec<Option<Key>>, Error> {
        const ATTEMPT: &str = "read keys";
        let wanted = || query(KEYS).bind(subjects.iter().copied().bind_iter());
        let mut found = HashMap::new();
        for row in self.inner.pool.rows(ATTEMPT, wanted).await? {
            let subject: Uuid = row.try_get(0).map_err(failed(ATTEMPT))?;
            found.insert(subject, Key(row.try_get(1).map_err(failed(ATTEMPT))?));
        }
        Ok(subjects.iter().map(|subject| found.get(subject).cloned()).collect())
    }

    async fn destroy(&self, subjects: &[Uuid]) -> Result<(), Error> {
        let gone = || query(DESTROY).bind(subjects.iter().copied().bind_iter());
        self.inner.pool.rows("destroy keys", gone).await.map(drop)
    }
}
