//! Receiving: from any position, with holes told.

use crate::world::{World, patiently};
use leadline_bus::Subscription;
use leadline_bus::stream::Settings;
use leadline_log::Position;
use leadline_log::clock::System;
use leadline_log::delivery::{Delivery, Undelivered};
use leadline_log::memory::MemoryLog;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tokio::test]
async fn a_subscription_begins_after_any_position() {
    let world = World::new().await;
    world.append(100).await;
    world.publish().await.reach(100).await;
    for after in [0, 1, 50, 99] {
        let mut subscription = world.subscribe().await;
        let (events, holes) = world.follow(&mut subscription, after, 100).await;
        assert_eq!((events, holes), (world.log_after(Position(after)).await, 0));
    }
}

#[tokio::test]
async fn a_hole_is_told_until_it_is_filled_and_what_came_after_it_is_kept() {
    let world = World::new().await;
    world.append(40).await;
    world.clock.0.store(10_000, Ordering::Relaxed);
    world.append(20).await;
    world.clock.0.store(3_605_000, Ordering::Relaxed);
    let settings = Settings { max_age: Duration::from_hours(1), ..Settings::events() };
    let mut publishing = world.publish_with(settings).await;
    publishing.reach(60).await;
    let mut subscription = world.subscribe().await;
    for after in [10, 10, 30] {
        let delivered = patiently(subscription.next(Position(after), 5)).await;
        let Err(Undelivered::Hole { found }) = delivered else { panic!("{delivered:?}") };
        assert_eq!(found, Position(41));
    }
    let page = patiently(subscription.next(Position(40), 5)).await.unwrap();
    assert_eq!(page[0].position, Position(41));
    assert!(page.len() <= 5, "{}", page.len());
    let page = patiently(subscription.next(Position(59), 5)).await.unwrap();
    assert_eq!(page, world.log_after(Position(59)).await);
}

/// A page that was received and could not be applied is asked for again: it is read from the log.
#[tokio::test]
async fn going_back_is_a_hole() {
    let world = World::new().await;
    world.append(20).await;
    world.publish().await.reach(20).await;
    let mut subscription = world.subscribe().await;
    let page = patiently(subscription.next(Position::START, 10)).await.unwrap();
    assert!(!page.is_empty());
    world.append(1).await;
    let again = subscription.next(Position::START, 10);
    let found = patiently(again).await;
    assert!(matches!(found, Err(Undelivered::Hole { found }) if found > Position(1)), "{found:?}");
}

#[tokio::test]
async fn a_subscriber_of_another_log_is_stopped() {
    let world = World::new().await;
    world.append(5).await;
    world.publish().await.reach(5).await;
    let other = Arc::new(MemoryLog::new(Arc::new(System), &System));
    let mut subscription = Subscription::new(world.connection().await, other);
    let error = patiently(subscription.next(Position::START, 5)).await.unwrap_err().to_string();
    assert!(error.contains("it is of the log"), "{error}");
}
