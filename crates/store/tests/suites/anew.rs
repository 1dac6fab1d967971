//! Views that another process builds anew while this one follows them, on any database.

use super::{LOG, NAMES, Place, follow, life};
use leadline_log::Position;
use leadline_views::store::Generation;
use leadline_views::{Projector, Rebuild};
use std::sync::Arc;

/// Rows that somebody else has built anew, perhaps because these were damaged, are gone on with from what they say: what
/// is remembered of the former ones is of no use, even where both reflect the same position.
#[tokio::test]
async fn a_view_that_was_built_anew_elsewhere_is_gone_on_with() {
    let log = life();
    let all = log.0.len();
    let (place, other) = (Place::new().await, Place::new().await);
    let (store, undisturbed) = (place.store().await, other.store().await);
    follow(&undisturbed, &log, 2).await;
    let mut projector = Projector::open_all(Arc::clone(&store), log.clone(), LOG).await.unwrap();
    projector.apply(&log.page(0, 3)).await.unwrap();
    for view in NAMES {
        let mut rebuild = Rebuild::begin(Arc::clone(&store), log.clone(), LOG, view).await.unwrap();
        rebuild.apply(&log.page(0, 3)).await.unwrap();
        rebuild.finish().await.unwrap();
    }
    let build = |view: &str| {
        let (store, view) = (Arc::clone(&store), view.to_owned());
        async move { store.checkpoints().await.unwrap()[&view] }
    };
    let before = build("lead").await;
    projector.apply(&log.page(3, all)).await.unwrap();
    assert_eq!(build("lead").await, before, "nothing is written on the strength of former rows");
    assert_eq!(projector.position(), Some(Position(3)));
    projector.apply(&log.page(3, all)).await.unwrap();
    for view in NAMES {
        let expected = undisturbed.checksum(view, Generation::Live).await.unwrap();
        assert_eq!(store.checksum(view, Generation::Live).await.unwrap(), expected, "{view}");
    }
    // One that is set aside here is taken up again where somebody else has cured it.
    projector.set_aside("lead");
    let mut rebuild = Rebuild::begin(Arc::clone(&store), log.clone(), LOG, "lead").await.unwrap();
    rebuild.apply(&log.page(0, all)).await.unwrap();
    rebuild.finish().await.unwrap();
    projector.lease(&NAMES).await.unwrap();
    assert!(projector.status().all(|(_, _, status)| status.to_string() == "following"));
    projector.lease(&NAMES).await.unwrap();
    assert!(projector.leases("lead"));
}

/// Whoever begins a rebuild last has it: the earlier one does not put the rows of the later one in place half-way.
#[tokio::test]
async fn a_rebuild_that_another_has_overtaken_swaps_nothing() {
    let log = life();
    let place = Place::new().await;
    let store = place.store().await;
    follow(&store, &log, 2).await;
    let before = store.checksum("lead", Generation::Live).await.unwrap();
    let one = store.begin_rebuild("lead").await.unwrap();
    let mut other = Rebuild::begin(Arc::clone(&store), log.clone(), LOG, "lead").await.unwrap();
    let refused = store.promote("lead", one).await.unwrap_err();
    assert_eq!(refused.to_string(), "another rebuild of the view `lead` has begun meanwhile");
    assert_eq!(store.checksum("lead", Generation::Live).await.unwrap(), before);
    other.apply(&log.page(0, log.0.len())).await.unwrap();
    assert_eq!(other.finish().await.unwrap().same, Some(true));
}

/// Rows that somebody else has thrown away are made again from the beginning.
#[tokio::test]
async fn a_view_that_was_dropped_elsewhere_is_begun_again() {
    let log = life();
    let (all, place) = (log.0.len(), Place::new().await);
    let store = place.store().await;
    let mut projector = Projector::open_all(Arc::clone(&store), log.clone(), LOG).await.unwrap();
    projector.apply(&log.page(0, 3)).await.unwrap();
    store.drop_view("lead").await.unwrap();
    projector.apply(&log.page(3, all)).await.unwrap();
    assert_eq!(projector.position(), Some(Position(0)));
    projector.apply(&log.page(0, all)).await.unwrap();
    assert!(store.checkpoints().await.unwrap()["lead"].position == Position(all as u64));
}
