//! The example of a subscriber: each event counts once, whatever happens to it.

use crate::world::{World, patiently};
use leadline_bus::stream::Settings;
use leadline_bus::wire::partition;
use leadline_log::Position;
use leadline_log::types::Recorded;
use std::hash::{BuildHasher, RandomState};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

/// A partition that some of the events are in.
fn watched() -> usize {
    partition(Uuid::from_u128(7))
}

fn start(world: &World, api: u16, table: &Path) -> Child {
    let deps = std::env::current_exe().unwrap();
    let binary = deps.ancestors().nth(2).unwrap().join("examples/subscriber");
    let child = Command::new(&binary)
        .args([&world.server.url(), &format!("http://127.0.0.1:{api}"), "key"])
        .arg(table)
        .arg(watched().to_string())
        .stderr(Stdio::piped())
        .spawn();
    child.unwrap_or_else(|error| {
        panic!("{}: {error}; cargo builds examples unless told which targets", binary.display())
    })
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// How many events of the log are in the partition.
async fn expected(world: &World) -> u64 {
    let events = world.log_after(Position::START).await;
    events.iter().filter(|event| partition(event.event.root) == watched()).count() as u64
}

/// How many events the table has counted; 0 where there is no table yet.
fn counted(table: &Path) -> u64 {
    let count = || {
        let database = rusqlite::Connection::open(table)?;
        let sum = "SELECT coalesce(sum(events), 0) FROM counts";
        database.query_row(sum, [], |row| row.get(0))
    };
    count().unwrap_or(0)
}

async fn counts(table: &Path, expected: u64) {
    let reached = async {
        while counted(table) < expected {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    patiently(reached).await;
    assert_eq!(counted(table), expected);
}

/// Answers `GET /v1/events?after=…` as leadline does, in as much as the example needs it.
async fn serve(world: Arc<World>) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let world = Arc::clone(&world);
            tokio::spawn(async move { answer(&world, socket).await });
        }
    });
    port
}

async fn answer(world: &World, mut socket: TcpStream) {
    let mut request = vec![0; 4_096];
    let length = socket.read(&mut request).await.unwrap();
    let request = String::from_utf8_lossy(&request[..length]).into_owned();
    let after = request.split_once("after=").unwrap().1.split(['&', ' ']).next().unwrap();
    let mut events = world.log_after(Position(after.parse().unwrap())).await;
    let head = world.log_after(Position::START).await.len();
    events.truncate(100);
    let next = events.last().map_or_else(|| after.to_owned(), |event| event.position.to_string());
    let listed: Vec<String> = events.iter().map(listed).collect();
    let body = format!(r#"{{"events":[{}],"next":{next},"head":{head}}}"#, listed.join(","));
    let length = body.len();
    let response =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    // A subscriber that was killed does not listen any more.
    drop(socket.write_all(response.as_bytes()).await);
}

fn listed(event: &Recorded) -> String {
    let (position, event) = (event.position, &event.event);
    let (id, root, kind) = (event.event_id, event.root, &event.event_type);
    format!(r#"{{"position":{position},"id":"{id}","root":"{root}","type":"{kind}","data":{{}}}}"#)
}

fn table(world: &World) -> PathBuf {
    world.server.copy().with_extension("db")
}

#[tokio::test]
async fn each_event_counts_once_though_the_subscriber_is_killed_again_and_again() {
    let world = Arc::new(World::new().await);
    let (api, table) = (serve(Arc::clone(&world)).await, table(&world));
    let mut publishing = world.publish().await;
    world.append(100).await;
    publishing.reach(100).await;
    let random = RandomState::new();
    for round in 0..20 {
        let subscriber = start(&world, api, &table);
        let before = counted(&table);
        world.append(400).await;
        let more = random.hash_one(round) % (expected(&world).await - before);
        let begun = async {
            while counted(&table) <= before + more {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            // In a transaction, or between two.
            tokio::time::sleep(Duration::from_micros(random.hash_one(more) % 5_000)).await;
        };
        patiently(begun).await;
        kill(subscriber);
    }
    let subscriber = start(&world, api, &table);
    counts(&table, expected(&world).await).await;
    world.append(300).await;
    counts(&table, expected(&world).await).await;
    kill(subscriber);
    // Without its table it begins again, though the server remembers what it had acknowledged.
    std::fs::remove_file(&table).unwrap();
    let subscriber = start(&world, api, &table);
    counts(&table, expected(&world).await).await;
    kill(subscriber);
}

#[tokio::test]
async fn what_the_stream_does_not_have_is_read_from_the_log() {
    let world = Arc::new(World::new().await);
    let (api, table) = (serve(Arc::clone(&world)).await, table(&world));
    world.append(1_000).await;
    world.clock.0.store(10_000, Ordering::Relaxed);
    world.append(500).await;
    world.clock.0.store(3_605_000, Ordering::Relaxed);
    let settings = Settings { max_age: Duration::from_hours(1), ..Settings::events() };
    let mut publishing = world.publish_with(settings).await;
    publishing.reach(1_500).await;
    let subscriber = start(&world, api, &table);
    counts(&table, expected(&world).await).await;
    kill(subscriber);
}

/// Waits until a subscriber ends by itself, and tells what it says.
async fn complaint(mut subscriber: Child) -> String {
    let ended = async {
        while subscriber.try_wait().unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    patiently(ended).await;
    let mut said = String::new();
    std::io::Read::read_to_string(&mut subscriber.stderr.take().unwrap(), &mut said).unwrap();
    said
}

/// Goal: a table never mixes two pasts.
/// Method: restore the log; start the subscriber while the log is shorter, when it has grown again, and in a new epoch.
#[tokio::test]
async fn a_subscriber_of_a_past_that_was_lost_stops_until_it_begins_anew() {
    let world = Arc::new(World::new().await);
    let (api, table) = (serve(Arc::clone(&world)).await, table(&world));
    let mut publishing = world.publish().await;
    world.append(3_000).await;
    // A subscriber needs the stream to be there.
    publishing.reach(3_000).await;
    let subscriber = start(&world, api, &table);
    counts(&table, expected(&world).await).await;
    kill(subscriber);
    publishing.stop().await;
    world.restore(1_000).await;
    let said = complaint(start(&world, api, &table)).await;
    assert!(said.contains("the log has another past: it ends at 1000"), "{said}");
    world.append(3_000).await;
    let said = complaint(start(&world, api, &table)).await;
    assert!(said.contains("the log has another past: it ends at 4000"), "{said}");
    world.raise_epoch();
    let mut publishing = world.publish().await;
    publishing.reach(4_000).await;
    assert!(complaint(start(&world, api, &table)).await.contains("begin with an empty table"));
    std::fs::remove_file(&table).unwrap();
    let subscriber = start(&world, api, &table);
    counts(&table, expected(&world).await).await;
    kill(subscriber);
}
