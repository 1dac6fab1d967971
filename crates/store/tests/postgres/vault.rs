//! The vault in Postgres passes the suite of all databases, and nodes share it.

#[path = "../suites/vault.rs"]
mod suite;

use crate::scratch::Scratch;
use leadline_log::clock::System;
use leadline_log::vault::Vault;
use leadline_store::postgres::vault::PostgresVault;
use std::sync::Arc;

/// A database that goes with the test.
struct Place(Scratch);

impl Place {
    async fn new() -> Self {
        Self(Scratch::new().await)
    }

    async fn vault(&self) -> PostgresVault {
        PostgresVault::open(&self.0.database().await, Arc::new(System)).await.unwrap()
    }
}

#[tokio::test]
async fn nodes_that_start_at_once_share_one_hash_key() {
    let place = Place::new().await;
    let (one, two, three, four) =
        tokio::join!(place.vault(), place.vault(), place.vault(), place.vault());
    for other in [two, three, four] {
        assert!(other.hash_key() == one.hash_key());
    }
}

#[tokio::test]
async fn a_key_that_one_node_destroys_is_gone_for_the_others() {
    let place = Place::new().await;
    let (one, other) = (place.vault().await, place.vault().await);
    let minted = suite::mint(&one, 2).await;
    let subjects = [minted[0].subject, minted[1].subject];
    assert!(other.keys(&subjects).await.unwrap().iter().all(Option::is_some));
    other.destroy(&subjects[..1]).await.unwrap();
    for vault in [&one, &other] {
        assert!(vault.keys(&subjects).await.unwrap() == [None, Some(minted[1].key.clone())]);
    }
}
