//! What readiness tells of views, on a clock that the test sets.

use crate::support::engine::{SetClock, capture, minutes, open};
use crate::support::place::Place;
use leadline_engine::{LagMax, Projections, Target};
use leadline_store::sqlite::views::SqliteViews;
use leadline_views::NAMES;
use std::sync::Arc;

#[tokio::test]
async fn a_view_that_nobody_brings_forward_is_not_ready_though_the_log_is_quiet() {
    const LAG_MAX: LagMax = LagMax { events: 10_000, seconds: 60.0 };
    let place = Place::of_files();
    let clock = SetClock::at(minutes(0));
    let engine = open(&place.database(), &clock).await;
    let store = Arc::new(SqliteViews::open(&place.database().with_extension("views")).unwrap());
    let projections = Projections::open(&engine.log(), store, NAMES.to_vec()).await.unwrap();
    engine.execute(capture(Target::New, "ada@example.org")).await.unwrap();
    let ready = async || engine.ready(&projections, LAG_MAX).await;
    clock.set(minutes(1));
    assert!(ready().await.0, "it may be about to come");
    clock.set(minutes(2));
    let (fine, report) = ready().await;
    let views = report["views"].as_array().unwrap();
    assert!(!fine && views.iter().all(|view| view["ready"] == false), "{report}");
    assert_eq!(views[0]["lag_seconds"], 120.0, "{report}");
    projections.catch_up(&engine).await.unwrap();
    assert!(ready().await.0, "{:?}", ready().await.1);
    engine.close().await;
}
