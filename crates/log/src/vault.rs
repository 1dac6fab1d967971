//! The port to the subjects' keys, which live apart from the log and can be destroyed.

use crate::backend::Error;
use async_trait::async_trait;
use uuid::Uuid;

/// A symmetric key of 256 bits. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(pub [u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Key(..)")
    }
}

/// A subject minted ahead of its first use: its id names its key, which is durable already.
#[derive(Clone, Debug)]
pub struct MintedSubject {
    /// Time-ordered id.
    pub subject: Uuid,
    /// Its key.
    pub key: Key,
}

/// Keys of data subjects, and the secrets of the log as a whole.
#[async_trait]
pub trait Vault: Send + Sync + std::fmt::Debug {
    /// The key of all keyed hashes of this log (match keys, command ids, payloads). Made once, with the vault.
    fn hash_key(&self) -> Key;

    /// Takes a subject whose key is durable. Keys are minted in blocks, so this rarely waits.
    ///
    /// # Errors
    /// A new block could not be stored.
    async fn mint(&self) -> Result<MintedSubject, Error>;

    /// The key of each of `subjects`; `None` where it was destroyed or never was.
    ///
    /// # Errors
    /// The vault could not be read.
    async fn keys(&self, subjects: &[Uuid]) -> Result<Vec<Option<Key>>, Error>;

    /// Destroys keys. When this returns, no file of the vault holds them.
    ///
    /// # Errors
    /// The vault could not be written.
    async fn destroy(&self, subjects: &[Uuid]) -> Result<(), Error>;
}
