//! Whatever becomes of the server, the stream follows the log again.

use crate::world::{World, assert_published, patiently};
use leadline_bus::stream::EVENTS;
use leadline_log::Position;
use leadline_log::delivery::{Delivery, Undelivered};
use std::path::Path;

#[tokio::test]
async fn a_server_that_is_killed_and_started_again_loses_nobody() {
    let mut world = World::new().await;
    let mut publishing = world.publish().await;
    let mut subscription = world.subscribe().await;
    world.append(500).await;
    let (mut events, _) = world.follow(&mut subscription, 0, 200).await;
    let reached = events.len() as u64;
    world.server.kill();
    world.append(500).await;
    world.server.restart().await;
    events.extend(world.follow(&mut subscription, reached, 1_000).await.0);
    publishing.reach(1_000).await;
    assert_eq!(events, world.log_after(Position::START).await);
    assert_published(&world.server.meddler().await, &events).await;
}

#[tokio::test]
async fn a_subscription_tells_that_nothing_is_delivered() {
    let mut world = World::new().await;
    let _publishing = world.publish().await;
    let mut subscription = world.subscribe().await;
    world.append(1).await;
    world.follow(&mut subscription, 0, 1).await;
    world.server.kill();
    for _ in 0..2 {
        let delivered = patiently(subscription.next(Position(1), 1)).await;
        assert!(matches!(delivered, Err(Undelivered::Away { .. })), "{delivered:?}");
    }
}

#[tokio::test]
async fn a_deleted_stream_comes_back_though_nothing_happens() {
    let world = World::new().await;
    world.append(300).await;
    let mut publishing = world.publish().await;
    publishing.reach(300).await;
    let meddler = world.server.meddler().await;
    meddler.delete_stream(EVENTS).await.unwrap();
    patiently(stream_reaches(&meddler, 300)).await;
    assert_published(&meddler, &world.log_after(Position::START).await).await;
}

#[tokio::test]
async fn a_wiped_server_is_filled_again() {
    let mut world = World::new().await;
    world.append(300).await;
    let mut publishing = world.publish().await;
    let mut subscription = world.subscribe().await;
    world.follow(&mut subscription, 0, 300).await;
    publishing.reach(300).await;
    world.server.kill();
    std::fs::remove_dir_all(world.server.store()).unwrap();
    world.server.restart().await;
    world.append(10).await;
    let (events, _) = world.follow(&mut subscription, 300, 310).await;
    assert_eq!(events, world.log_after(Position(300)).await);
    let meddler = world.server.meddler().await;
    assert_published(&meddler, &world.log_after(Position::START).await).await;
}

#[tokio::test]
async fn a_server_rolled_back_to_an_old_copy_catches_up() {
    let mut world = World::new().await;
    world.append(200).await;
    let mut publishing = world.publish().await;
    let mut subscription = world.subscribe().await;
    publishing.reach(200).await;
    world.server.kill();
    copy(&world.server.store(), &world.server.copy());
    world.server.restart().await;
    world.append(200).await;
    publishing.reach(400).await;
    let (mut events, _) = world.follow(&mut subscription, 0, 400).await;
    world.server.kill();
    std::fs::remove_dir_all(world.server.store()).unwrap();
    copy(&world.server.copy(), &world.server.store());
    world.server.restart().await;
    world.append(100).await;
    events.extend(world.follow(&mut subscription, 400, 500).await.0);
    let all = world.log_after(Position::START).await;
    assert_eq!(events, all);
    assert_published(&world.server.meddler().await, &all).await;
}

#[tokio::test]
async fn a_new_epoch_begins_a_new_stream_and_stops_who_knows_the_old_one() {
    let world = World::new().await;
    world.append(20).await;
    let mut publishing = world.publish().await;
    publishing.reach(20).await;
    publishing.stop().await;
    let mut old = world.subscribe().await;
    world.raise_epoch();
    world.append(5).await;
    world.publish().await.reach(25).await;
    let meddler = world.server.meddler().await;
    assert_published(&meddler, &world.log_after(Position::START).await).await;
    let error = patiently(old.next(Position(10), 10)).await.unwrap_err().to_string();
    assert!(error.contains("it is of epoch 2 of the log, and this is epoch 1"), "{error}");
}

/// Goal: events that a restored log does not have are neither followed nor followed up, however long it grows.
/// Method: restore it, look; let it grow beyond the stream, look again; begin a new epoch.
#[tokio::test]
async fn a_stream_ahead_of_a_restored_log_stops_both_ends_until_a_new_epoch() {
    let world = World::new().await;
    world.append(20).await;
    let mut publishing = world.publish().await;
    publishing.reach(20).await;
    publishing.stop().await;
    world.restore(12).await;
    for (appended, cause) in [
        (0, "it is at position 20, and the log ends at 12"),
        (30, "its event at position 20 is not the log's"),
    ] {
        world.append(appended).await;
        let mut publishing = world.publish().await;
        let trouble = publishing.trouble().await;
        assert!(trouble.contains(cause) && publishing.progress.borrow().astray, "{trouble}");
        let away = patiently(world.subscribe().await.next(Position(12), 10)).await.unwrap_err();
        assert!(away.to_string().contains(cause), "{away}");
        publishing.stop().await;
    }
    world.raise_epoch();
    world.publish().await.reach(42).await;
    let log = world.log_after(Position::START).await;
    assert_published(&world.server.meddler().await, &log).await;
}

#[tokio::test]
async fn a_log_restored_under_a_publisher_at_work_stops_it() {
    let world = World::new().await;
    world.append(20).await;
    let mut publishing = world.publish().await;
    publishing.reach(20).await;
    world.restore(12).await;
    let astray = patiently(publishing.progress.wait_for(|progress| progress.astray)).await;
    let trouble = astray.unwrap().trouble.clone().unwrap();
    assert!(trouble.contains("it is at position 20, and the log ends at "), "{trouble}");
}

#[tokio::test]
async fn a_stream_of_another_log_is_left_alone() {
    let world = World::new().await;
    world.append(20).await;
    world.publish().await.reach(20).await;
    let mut other = World::new().await;
    other.server = world.server;
    other.append(5).await;
    let trouble = other.publish().await.trouble().await;
    assert!(trouble.contains("it is of the log"), "{trouble}");
}

/// Waits until the stream is there with its last sequence.
async fn stream_reaches(context: &async_nats::jetstream::Context, sequence: u64) {
    loop {
        if let Ok(stream) = context.get_stream(EVENTS).await
            && stream.cached_info().state.last_sequence >= sequence
        {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
