//! The vault on SQLite passes the suite of all databases, and a destroyed key is gone from every file.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

#[path = "suites/vault.rs"]
mod suite;

use leadline_log::clock::System;
use leadline_log::vault::{Key, MintedSubject, Vault};
use leadline_store::keys::BLOCK_SUBJECTS;
use leadline_store::sqlite::vault::SqliteVault;
use std::collections::HashSet;
use std::future::ready;
use std::path::Path;
use std::sync::Arc;
use suite::mint;

fn open(directory: &Path) -> SqliteVault {
    SqliteVault::open(&directory.join("keys.db"), Arc::new(System), true).unwrap()
}

/// How many of `keys` are somewhere in the files of `directory`.
fn found(directory: &Path, keys: &[MintedSubject]) -> usize {
    let wanted: HashSet<&[u8]> = keys.iter().map(|minted| &minted.key.0[..]).collect();
    let mut found = HashSet::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        found
            .extend(bytes.windows(32).filter(|window| wanted.contains(window)).map(<[u8]>::to_vec));
    }
    found.len()
}

/// A folder that goes with the test.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> impl Future<Output = Self> {
        ready(Self(tempfile::tempdir().unwrap()))
    }

    fn vault(&self) -> impl Future<Output = SqliteVault> {
        ready(open(self.0.path()))
    }
}

#[tokio::test]
async fn a_minted_key_is_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let minted = mint(&open(directory.path()), BLOCK_SUBJECTS / 2).await;
    assert_eq!(found(directory.path(), &minted), minted.len());
}

/// Goal: no file of the vault holds a destroyed key. Method: destroy in several patterns, some interleaved with minting
/// so that pages split and merge, and scan the raw bytes of every file after each.
#[tokio::test]
async fn a_destroyed_key_is_in_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let vault = open(directory.path());
    let mut kept = mint(&vault, BLOCK_SUBJECTS * 4).await;
    for (round, step) in [7, 3, 2, 2, 5, 2].into_iter().enumerate() {
        let mut destroyed = Vec::new();
        let mut others = Vec::new();
        for (index, minted) in kept.drain(..).enumerate() {
            if index % step == 0 { destroyed.push(minted) } else { others.push(minted) }
        }
        kept = others;
        let subjects: Vec<_> = destroyed.iter().map(|minted| minted.subject).collect();
        vault.destroy(&subjects).await.unwrap();
        assert_eq!(found(directory.path(), &destroyed), 0, "round {round}");
        assert_eq!(found(directory.path(), &kept), kept.len(), "round {round}");
        assert!(vault.keys(&subjects).await.unwrap().iter().all(Option::is_none));
        kept.extend(mint(&vault, 300).await);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let vault = open(directory.path());
    vault.mint().await.unwrap();
    let metadata = std::fs::metadata(directory.path().join("keys.db")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_vault_that_is_missing_is_not_made_by_accident() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.db");
    assert!(SqliteVault::open(&path, Arc::new(System), false).is_err());
    assert!(!path.exists());
}

#[test]
fn a_key_is_never_printed() {
    assert_eq!(format!("{:?}", Key([7; 32])), "Key(..)");
}
