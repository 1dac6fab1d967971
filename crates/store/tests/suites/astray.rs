//! Views of another past than their log's, on any database.

use super::{LOG, Log, Place, follow, life};
use leadline_log::Position;
use leadline_log::types::LogIdentity;
use leadline_views::store::{Commit, Generation};
use leadline_views::{Projector, Rebuild, ViewStore};
use std::sync::Arc;
use uuid::Uuid;

/// Why each view stands still, as a projector says that opens them on this log.
async fn astray(store: &Arc<dyn ViewStore>, log: &Arc<Log>, identity: LogIdentity) -> Vec<String> {
    let mut projector =
        Projector::open_all(Arc::clone(store), log.clone(), identity).await.unwrap();
    let said = projector.status().map(|(_, _, status)| status.to_string()).collect();
    if projector.position().is_none() {
        let before = store.checksum("lead", Generation::Live).await.unwrap();
        projector.apply(&log.page(0, log.0.len())).await.unwrap();
        assert_eq!(store.checksum("lead", Generation::Live).await.unwrap(), before);
    }
    said
}

/// Goal: rows of a past that the log does not have are never built on.
/// Method: offer the views a log of another epoch, one that ends earlier, and one that has grown again differently.
#[tokio::test]
async fn views_of_another_past_stand_still_and_say_why() {
    let log = life();
    let folder = Place::new().await;
    let store = folder.store().await;
    follow(&store, &log, 4).await;
    assert!(astray(&store, &log, LOG).await.iter().all(|said| said == "following"));
    let all = log.0.len();
    let epoch = LogIdentity { epoch: 2, ..LOG };
    let restored = Arc::new(Log(log.0[..all - 3].to_vec()));
    for (log, identity, cause) in [
        (&log, epoch, "astray: it is of epoch 1 of the log, and this is epoch 2".to_owned()),
        (
            &restored,
            LOG,
            format!("astray: it is at position {all}, and the log ends at {}", all - 3),
        ),
    ] {
        let said = astray(&store, log, identity).await;
        assert!(said.iter().all(|said| *said == cause), "{said:?}");
    }
    let commit = Commit {
        view: "lead",
        generation: Generation::Live,
        from: store.checkpoints().await.unwrap()["lead"],
        to: Position(all as u64),
        event: Uuid::from_u128(77),
        changes: Vec::new(),
    };
    store.commit(vec![commit]).await.unwrap();
    let said = astray(&store, &log, LOG).await;
    assert!(said.contains(&format!("astray: its event at position {all} is not the log's")));
    // A rebuild cures a view.
    let mut rebuild = Rebuild::begin(Arc::clone(&store), log.clone(), LOG, "lead").await.unwrap();
    rebuild.apply(&log.page(0, all)).await.unwrap();
    rebuild.finish().await.unwrap();
    assert!(astray(&store, &log, LOG).await.iter().all(|said| said == "following"));
}
