//! The vault on any database: keys are durable before they are used, and answered until they are destroyed.

use super::Place;
use leadline_log::vault::{Key, MintedSubject, Vault};
use leadline_store::keys::BLOCK_SUBJECTS;
use std::collections::HashSet;

pub(crate) async fn mint(vault: &dyn Vault, count: usize) -> Vec<MintedSubject> {
    let mut minted = Vec::new();
    for _ in 0..count {
        minted.push(vault.mint().await.unwrap());
    }
    minted
}

#[tokio::test]
async fn a_minted_key_survives_reopening() {
    let place = Place::new().await;
    let vault = place.vault().await;
    let hash_key = vault.hash_key();
    // Half of a block is left, so nothing is being minted ahead when the vault is closed.
    let minted = mint(&vault, BLOCK_SUBJECTS / 2).await;
    let distinct: HashSet<_> = minted.iter().map(|minted| minted.subject).collect();
    assert_eq!(distinct.len(), minted.len());
    drop(vault);
    let vault = place.vault().await;
    assert!(vault.hash_key() == hash_key);
    let subjects: Vec<_> = minted.iter().map(|minted| minted.subject).collect();
    let keys = vault.keys(&subjects).await.unwrap();
    assert!(mint(&vault, BLOCK_SUBJECTS * 3).await.iter().all(|m| !distinct.contains(&m.subject)));
    let expected: Vec<Option<Key>> = minted.into_iter().map(|minted| Some(minted.key)).collect();
    assert!(keys == expected);
}

#[tokio::test]
async fn destroying_twice_or_what_never_was_does_nothing() {
    let place = Place::new().await;
    let vault = place.vault().await;
    let minted = mint(&vault, 2).await;
    vault.destroy(&[minted[0].subject, uuid::Uuid::nil()]).await.unwrap();
    vault.destroy(&[minted[0].subject]).await.unwrap();
    let keys = vault.keys(&[minted[0].subject, minted[1].subject]).await.unwrap();
    assert!(keys == [None, Some(minted[1].key.clone())]);
}
