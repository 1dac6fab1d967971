//! The subjects' keys in an SQLite file of their own, readable by its owner only.
//!
//! A destroyed key must be in no file: it is overwritten in its place, and the rollback journal, which holds pages as
//! they were, is emptied durably before the destruction is confirmed. A write-ahead log would keep old pages for longer,
//! and deleted rows leave copies where pages were split or merged before.

use super::failed;
use crate::keys::{self, Stock};
use async_trait::async_trait;
use leadline_log::Error;
use leadline_log::clock::IdGen;
use leadline_log::vault::{Key, MintedSubject, Vault};
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;
use zeroize::Zeroize;

/// Keys kept in memory.
pub const KEYS_CACHED_MAX: usize = 65_536;
/// What stands in the place of a destroyed key.
const DESTROYED: [u8; 32] = [0; 32];
/// Format of the file.
const FORMAT: i32 = 1;
/// Marks the file as a vault of this product ("ldv1").
const APPLICATION_ID: i32 = 0x6c64_7631;

const SETTINGS: &str = "
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA secure_delete = ON;
    PRAGMA journal_mode = TRUNCATE;
    PRAGMA synchronous = EXTRA;
    PRAGMA temp_store = MEMORY;
    PRAGMA busy_timeout = 5000;
";

/// Keys in an SQLite file. The file is locked for as long as the vault is open.
#[derive(Debug)]
pub struct SqliteVault {
    hash_key: Key,
    inner: Arc<Inner>,
}

struct Inner {
    connection: Mutex<Connection>,
    ids: Arc<dyn IdGen>,
    stock: Stock,
    cache: Mutex<Cache>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Inner").finish_non_exhaustive()
    }
}

/// Keys in memory; the oldest goes first.
#[derive(Default)]
struct Cache {
    keys: HashMap<Uuid, Key>,
    order: VecDeque<Uuid>,
}

impl SqliteVault {
    /// Opens the vault at this path; makes it where `create` says so and there is none.
    ///
    /// # Errors
    /// There is no such file, or another process has it open, or a newer version has written it.
    pub fn open(path: &Path, ids: Arc<dyn IdGen>, create: bool) -> Result<Self, Error> {
        if create {
            super::create(path)?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection =
            Connection::open_with_flags(path, flags).map_err(failed("open the vault"))?;
        connection.execute_batch(SETTINGS).map_err(failed("configure the vault"))?;
        let hash_key = prepare(&mut connection)?;
        let inner = Inner {
            connection: Mutex::new(connection),
            ids,
            stock: Stock::default(),
            cache: Mutex::default(),
        };
        Ok(Self { hash_key, inner: Arc::new(inner) })
    }

    /// Runs `work` where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        blocking(&self.inner, work).await
    }
}

async fn blocking<T: Send + 'static>(
    inner: &Arc<Inner>,
    work: impl FnOnce(&Inner) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let inner = inner.clone();
    let done = tokio::task::spawn_blocking(move || work(&inner)).await;
    done.map_err(|source| Error::Unavailable {
        attempt: "use the vault",
        source: Box::new(source),
    })?
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    /// Makes sure that the stock is not low.
    async fn refill(self: &Arc<Self>) -> Result<(), Error> {
        self.stock.refill(blocking(self, Self::mint_block)).await
    }

    fn mint_block(&self) -> Result<Vec<MintedSubject>, Error> {
        let block = keys::block(&*self.ids)?;
        let mut connection = lock(&self.connection);
        let store = |connection: &mut Connection| -> rusqlite::Result<()> {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            {
                let mut insert = transaction
                    .prepare_cached("INSERT INTO key (subject, secret) VALUES (?1, ?2)")?;
                for minted in &block {
                    insert.execute((minted.subject.as_bytes(), minted.key.0))?;
                }
            }
            transaction.commit()
        };
        store(&mut connection).map_err(failed("mint keys"))?;
        Ok(block)
    }

    fn load(&self, subjects: &[Uuid]) -> Result<Vec<Option<Key>>, Error> {
        // The connection is held until the cache knows: a destruction comes before all of this, or after.
        let connection = lock(&self.connection);
        let find = || -> rusqlite::Result<Vec<Option<Key>>> {
            let mut select =
                connection.prepare_cached("SELECT secret FROM key WHERE subject = ?1")?;
            let mut key = |subject: &Uuid| {
                let key = select.query_row([subject.as_bytes()], |row| row.get(0)).optional()?;
                Ok(key.filter(|key| *key != DESTROYED).map(Key))
            };
            subjects.iter().map(&mut key).collect()
        };
        let keys = find().map_err(failed("read keys"))?;
        let mut cache = lock(&self.cache);
        for (subject, key) in subjects.iter().zip(&keys) {
            if let Some(key) = key {
                cache.put(*subject, key.clone());
            }
        }
        Ok(keys)
    }

    fn destroy(&self, subjects: &[Uuid]) -> Result<(), Error> {
        let mut connection = lock(&self.connection);
        lock(&self.cache).wipe(subjects);
        let overwrite = |connection: &mut Connection| -> rusqlite::Result<()> {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            {
                let mut overwrite =
                    transaction.prepare_cached("UPDATE key SET secret = ?2 WHERE subject = ?1")?;
                for subject in subjects {
                    overwrite.execute((subject.as_bytes(), DESTROYED))?;
                }
            }
            transaction.commit()
        };
        overwrite(&mut connection).map_err(failed("destroy keys"))
    }
}

impl Cache {
    fn put(&mut self, subject: Uuid, key: Key) {
        if self.keys.insert(subject, key).is_some() {
            return;
        }
        self.order.push_back(subject);
        if self.order.len() > KEYS_CACHED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.wipe(&[oldest]);
        }
    }

    fn wipe(&mut self, subjects: &[Uuid]) {
        for subject in subjects {
            if let Some(key) = self.keys.get_mut(subject) {
                key.0.zeroize();
                self.keys.remove(subject);
            }
        }
    }
}

#[async_trait]
impl Vault for SqliteVault {
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
                let inner = self.inner.clone();
                drop(tokio::spawn(async move {
                    if let Err(error) = inner.refill().await {
                        tracing::warn!(%error, "The next keys could not be minted ahead");
                    }
                }));
            }
            lock(&self.inner.cache).put(minted.subject, minted.key.clone());
            return Ok(minted);
        }
    }

    async fn keys(&self, subjects: &[Uuid]) -> Result<Vec<Option<Key>>, Error> {
        let cached: Vec<Option<Key>> = {
            let cache = lock(&self.inner.cache);
            subjects.iter().map(|subject| cache.keys.get(subject).cloned()).collect()
        };
        if cached.iter().all(Option::is_some) {
            return Ok(cached);
        }
        let subjects = subjects.to_vec();
        self.blocking(move |inner| inner.load(&subjects)).await
    }

    async fn destroy(&self, subjects: &[Uuid]) -> Result<(), Error> {
        let subjects = subjects.to_vec();
        self.blocking(move |inner| inner.destroy(&subjects)).await
    }
}

/// Brings the file to the current format, and gives the hash key back.
fn prepare(connection: &mut Connection) -> Result<Key, Error> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Exclusive)
        .map_err(failed("lock the vault"))?;
    let pragma = |name| transaction.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let format = pragma("user_version").map_err(failed("read the vault's format"))?;
    let application = pragma("application_id").map_err(failed("read the vault's format"))?;
    if format == 0 {
        transaction.execute_batch(include_str!("vault.sql")).map_err(failed("make the vault"))?;
        transaction
            .execute("INSERT INTO secret (one, hash_key) VALUES (1, ?1)", [keys::random()?.0])
            .map_err(failed("make the vault"))?;
    } else if format > FORMAT || application != APPLICATION_ID {
        let source = "the file is of a newer version of leadline, or of another product".into();
        return Err(Error::Unavailable { attempt: "open the vault", source });
    }
    let key = transaction
        .query_row("SELECT hash_key FROM secret", (), |row| row.get(0).map(Key))
        .map_err(failed("read the hash key"))?;
    transaction.commit().map_err(failed("make the vault"))?;
    Ok(key)
}
