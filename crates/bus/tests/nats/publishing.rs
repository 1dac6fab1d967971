//! The stream follows the log.

use crate::world::{World, assert_published, patiently, positions};
use async_nats::jetstream::stream::{Config, StorageType};
use leadline_bus::stream::{EVENTS, Settings};
use leadline_log::Position;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tokio::test]
async fn what_is_appended_is_received_bit_for_bit() {
    let world = World::new().await;
    world.append(300).await;
    let mut publishing = world.publish().await;
    let mut subscription = world.subscribe().await;
    publishing.reach(300).await;
    world.append(700).await;
    let (events, _) = world.follow(&mut subscription, 0, 1_000).await;
    assert_eq!(events, world.log_after(Position::START).await);
    assert_published(&world.server.meddler().await, &events).await;
    publishing.stop().await;
}

#[tokio::test]
async fn a_publisher_that_is_cut_off_anywhere_leaves_no_hole_and_no_repeat() {
    let world = World::new().await;
    world.append(2_000).await;
    for reached in [1, 300, 301, 900, 1_500] {
        let mut publishing = world.publish().await;
        publishing.reach(reached).await;
        publishing.abort().await;
    }
    let mut publishing = world.publish().await;
    publishing.reach(2_000).await;
    publishing.stop().await;
    let events = world.log_after(Position::START).await;
    assert_published(&world.server.meddler().await, &events).await;
}

#[tokio::test]
async fn two_publishers_at_once_are_one() {
    let world = World::new().await;
    let (mut one, mut other) = (world.publish().await, world.publish().await);
    for _ in 0..20 {
        world.append(50).await;
    }
    one.reach(1_000).await;
    other.reach(1_000).await;
    let events = world.log_after(Position::START).await;
    assert_published(&world.server.meddler().await, &events).await;
    one.abort().await;
    world.append(10).await;
    other.reach(1_010).await;
}

#[tokio::test]
async fn a_new_stream_begins_where_events_are_young_enough_to_be_kept() {
    let world = World::new().await;
    world.append(40).await;
    world.clock.0.store(10_000, Ordering::Relaxed);
    world.append(60).await;
    world.clock.0.store(3_605_000, Ordering::Relaxed);
    let settings = Settings { max_age: Duration::from_hours(1), ..Settings::events() };
    world.publish_with(settings).await.reach(100).await;
    let positions = positions(&world.server.meddler().await).await;
    assert_eq!(positions, (41..=100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stream_that_is_kept_otherwise_than_asked_is_refused_by_name() {
    let world = World::new().await;
    let config = Config {
        name: EVENTS.to_owned(),
        subjects: vec!["leadline.events.>".to_owned()],
        storage: StorageType::Memory,
        ..Config::default()
    };
    world.server.meddler().await.create_stream(config).await.unwrap();
    let trouble = world.publish().await.trouble().await;
    assert!(trouble.contains("storage is Memory instead of File"), "{trouble}");
}

#[tokio::test]
async fn changed_settings_reach_the_server() {
    let world = World::new().await;
    world.append(1).await;
    world.publish().await.reach(1).await;
    let settings = Settings { max_age: Duration::from_hours(3), ..Settings::events() };
    world.publish_with(settings).await.reach(1).await;
    let mut stream = world.server.meddler().await.get_stream(EVENTS).await.unwrap();
    let config = &stream.info().await.unwrap().config;
    assert_eq!((config.max_age, config.max_bytes), (Duration::from_hours(3), 1 << 30));
    assert!(config.deny_delete && config.deny_purge);
}

#[tokio::test]
async fn a_stray_message_stops_nobody() {
    let world = World::new().await;
    world.append(10).await;
    let mut publishing = world.publish().await;
    publishing.reach(10).await;
    let meddler = world.server.meddler().await;
    patiently(meddler.publish("leadline.events.stray", "x".into()).await.unwrap()).await.unwrap();
    world.append(10).await;
    publishing.reach(20).await;
    // From before the stray message on, what comes begins one event too late; from after it on, it does not.
    for (after, expected_holes) in [(5, 1), (15, 0)] {
        let mut subscription = world.subscribe().await;
        let (events, holes) = world.follow(&mut subscription, after, 20).await;
        assert_eq!((events, holes), (world.log_after(Position(after)).await, expected_holes));
    }
}
