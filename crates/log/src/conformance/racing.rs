//! Many writers at once, and callers that go away.

use super::{Dice, Log, TestClock, append, everything, one, stream, write};
use crate::types::{Append, Direction, Position, Read, Scope, Verdict};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const WRITERS: u64 = 16;
const ROUNDS: u64 = 40;

/// Sixteen writers fight over four streams, most of them wrongly; a reader that follows sees every position once, in
/// order, and dense versions.
pub async fn racing_writers_leave_no_hole(log: Log, _: Arc<TestClock>) {
    let done = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn(follow(log.clone(), done.clone()));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let log = log.clone();
            tokio::spawn(async move {
                let mut dice = Dice(writer);
                let mut committed = 0;
                for round in 0..ROUNDS {
                    committed += fight(&log, &mut dice, writer * 1000 + round).await;
                }
                committed
            })
        })
        .collect();
    let mut committed = 0;
    for writer in writers {
        committed += writer.await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    assert_eq!(reader.await.unwrap(), committed);
    assert_eq!(log.head().await.unwrap(), Position(committed));
}

/// One attempt at one of the streams; gives the events that were committed.
async fn fight(log: &Log, dice: &mut Dice, command: u64) -> u64 {
    let number = dice.roll(4);
    let versions = log.streams(&[stream(number)]).await.unwrap();
    if dice.roll(3) == 0 {
        tokio::task::yield_now().await;
    }
    match one(&**log, write(command, &[(number, versions[0].len() as u64)])).await {
        Verdict::Committed { first, last, .. } => last.0 - first.0 + 1,
        Verdict::Bounced(_) | Verdict::Duplicate(_) => 0,
    }
}

/// Reads forward until the writers are done; gives how many events there were.
async fn follow(log: Log, done: Arc<AtomicBool>) -> u64 {
    let (mut seen, mut versions) = (0, HashMap::new());
    loop {
        let finished = done.load(Ordering::SeqCst);
        let direction = Direction::Forward;
        let after = Position(seen);
        let read = Read { scope: Scope::All, after, through: None, direction, limit: 7 };
        let page = log.read(read).await.unwrap();
        for event in &page.events {
            assert_eq!(event.position, Position(seen + 1));
            let version: &mut u64 = versions.entry(event.event.stream).or_default();
            assert_eq!(event.version, *version + 1);
            (seen, *version) = (event.position.0, event.version);
        }
        assert!(page.head >= Position(seen));
        if page.events.is_empty() {
            if finished {
                return seen;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Callers drop their future at any point. Each of their appends is there whole or not at all, and the log works on.
pub async fn an_abandoned_append_happens_whole_or_not_at_all(log: Log, _: Arc<TestClock>) {
    for number in 0..200 {
        let streams = [(number * 2 + 10, 0), (number * 2 + 11, 0)];
        let batch: Arc<[Append]> = [write(number, &streams)].into();
        let appending = log.append(batch);
        tokio::pin!(appending);
        for _ in 0..number % 4 {
            let polled = std::future::poll_fn(|context| {
                std::task::Poll::Ready(appending.as_mut().poll(context).is_ready())
            });
            if polled.await {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    append(&*log, vec![write(9999, &[(1, 0)])]).await;
    let page = log.read(everything(Scope::All)).await.unwrap();
    let known = log.commands(&(0..200).map(super::command).collect::<Vec<_>>()).await.unwrap();
    let whole = known.iter().flatten().filter(|known| known.last.0 == known.first.0 + 1).count();
    assert_eq!(whole, known.iter().flatten().count());
    assert_eq!(page.events.len(), whole * 2 + 1);
    assert!(whole > 0, "what was begun goes on without its caller");
}
