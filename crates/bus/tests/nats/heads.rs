//! Head messages: heard elsewhere, told once, believed only as far as the log goes, and in nobody's way.

use crate::world::{World, patiently};
use futures::StreamExt;
use leadline_bus::connection::{Connection, State};
use leadline_bus::head::{Heads, SUBJECT};
use leadline_log::Position;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// More than the client keeps of what it cannot send.
const MANY: u64 = 2_200;

/// One process: the heads that it exchanges, and its own head, which what it hears moves too.
struct Process {
    heads: Arc<Heads>,
    head: watch::Sender<Position>,
    stop: CancellationToken,
}

impl Process {
    fn new(world: &World, connection: Connection) -> Self {
        let head = watch::Sender::new(Position::START);
        let heads = Heads::new(connection, world.backend(), head.subscribe());
        Self { heads: Arc::new(heads), head, stop: CancellationToken::new() }
    }

    async fn run(&self) {
        let mut heard = self.heads.heard();
        let passing_on = async {
            while heard.changed().await.is_ok() {
                let position = *heard.borrow_and_update();
                self.head.send_if_modified(|head| {
                    let moved = position > *head;
                    *head = position.max(*head);
                    moved
                });
            }
        };
        let exchange = async {
            tokio::join!(self.heads.announce(&self.stop), self.heads.listen(&self.stop)).1
        };
        tokio::select! {
            heard = exchange => heard.unwrap(),
            () = passing_on => {}
        }
    }
}

/// A message that somebody may send.
fn message(world: &World, epoch: u64, position: u64) -> bytes::Bytes {
    let id = world.identity().id;
    format!(r#"{{"log":"{id}","epoch":{epoch},"position":{position}}}"#).into()
}

#[tokio::test]
async fn a_head_that_moves_is_heard_elsewhere_and_is_told_once() {
    let world = World::new().await;
    world.append(9).await;
    let one = Process::new(&world, world.connection().await);
    let other = Process::new(&world, world.connection().await);
    let meddler = async_nats::connect(world.server.url()).await.unwrap();
    let mut told = meddler.subscribe(SUBJECT).await.unwrap();
    meddler.flush().await.unwrap();
    let script = async {
        // The listeners are there when they hear somebody.
        for process in [&one, &other] {
            let mut heard = process.heads.heard();
            while *heard.borrow_and_update() < Position(1) {
                meddler.publish(SUBJECT, message(&world, 1, 1)).await.unwrap();
                drop(tokio::time::timeout(Duration::from_millis(20), heard.changed()).await);
            }
        }
        one.head.send_replace(Position(7));
        let mut heard = other.head.subscribe();
        patiently(heard.wait_for(|head| *head == Position(7))).await.unwrap();
        other.head.send_replace(Position(9));
        let mut heard = one.head.subscribe();
        patiently(heard.wait_for(|head| *head == Position(9))).await.unwrap();
        // Long enough for echoes, which would come 2 ms later.
        tokio::time::sleep(Duration::from_millis(200)).await;
        one.stop.cancel();
        other.stop.cancel();
    };
    let (one, other) = (Box::pin(one.run()), Box::pin(other.run()));
    patiently(async { tokio::join!(one, other, script) }).await;
    meddler.flush().await.unwrap();
    drop(told.unsubscribe().await);
    let (mut sevens, mut nines) = (0, 0);
    while let Some(message) = patiently(told.next()).await {
        let text = String::from_utf8(message.payload.to_vec()).unwrap();
        sevens += u32::from(text.ends_with(":7}"));
        nines += u32::from(text.ends_with(":9}"));
    }
    assert_eq!((sevens, nines), (1, 1));
}

#[tokio::test]
async fn a_head_is_believed_as_far_as_the_log_goes_and_the_next_one_is_heard() {
    let world = World::new().await;
    world.append(5).await;
    let process = Process::new(&world, world.connection().await);
    let meddler = async_nats::connect(world.server.url()).await.unwrap();
    let script = async {
        let mut heard = process.heads.heard();
        while *heard.borrow_and_update() < Position(5) {
            for wrong in [message(&world, 1, u64::MAX), message(&world, 2, 1_000), "x".into()] {
                meddler.publish(SUBJECT, wrong).await.unwrap();
            }
            drop(tokio::time::timeout(Duration::from_millis(20), heard.changed()).await);
        }
        assert_eq!(*heard.borrow_and_update(), Position(5));
        world.append(1).await;
        meddler.publish(SUBJECT, message(&world, 1, 6)).await.unwrap();
        assert!(patiently(heard.wait_for(|head| *head >= Position(6))).await.is_ok());
        let mut own = process.head.subscribe();
        assert_eq!(
            *patiently(own.wait_for(|head| *head >= Position(6))).await.unwrap(),
            Position(6)
        );
        process.stop.cancel();
    };
    patiently(async { tokio::join!(process.run(), script) }).await;
}

#[tokio::test]
async fn stopping_waits_for_no_server_however_often_the_head_has_moved() {
    let mut world = World::new().await;
    let connection = world.connection().await;
    let process = Process::new(&world, connection.clone());
    let mut state = connection.state();
    world.server.kill();
    patiently(state.wait_for(|state| *state == State::Disconnected)).await.unwrap();
    let script = async {
        for position in 1..=MANY {
            process.head.send_replace(Position(position));
            // Each move is to be seen, none is to be joined with the next.
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        process.stop.cancel();
    };
    let ended = async { tokio::join!(process.run(), script) };
    patiently(ended).await;
}
