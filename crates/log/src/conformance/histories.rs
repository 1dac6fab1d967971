//! Random histories, compared with the reference model verdict by verdict.

use super::{Dice, Log, TestClock, claim, command, event, everything, stream, take, write};
use crate::backend::LogBackend;
use crate::clock::System;
use crate::memory::MemoryLog;
use crate::types::{Append, ClaimChange, Scope, Verdict};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use uuid::Uuid;

const STREAMS: u64 = 8;
const CLAIMS: u64 = 6;
const BATCHES: u64 = 150;
const SEEDS: u64 = 4;
/// More command ids than are used.
const COMMANDS: u64 = SEEDS * SEED_COMMANDS;
const SEED_COMMANDS: u64 = 5_000;

/// Goal: a batch means the same on every backend. Method: feed random batches, in which versions are often right,
/// sometimes wrong, ids repeat, groups mix and claims collide, to the log and to the model; compare all verdicts, and
/// in the end all that can be read.
pub async fn random_histories_match_the_model(log: Log, clock: Arc<TestClock>) {
    for seed in 0..SEEDS {
        let mut dice = Dice(seed);
        // The log goes on from one seed to the next, and so does the model that replays it.
        let model = replayed(&*log, clock.clone()).await;
        let mut counts = [0_u32; 3];
        let mut next = seed * SEED_COMMANDS;
        for number in 0..BATCHES {
            clock.0.store(dice.roll(1000).cast_signed(), Ordering::SeqCst);
            let versions = versions(&model).await;
            let batch = batch(&mut dice, versions, &mut next);
            let batch: Arc<[Append]> = batch.into();
            let expected = model.append(batch.clone()).await.unwrap();
            let verdicts = log.append(batch.clone()).await.unwrap();
            assert_eq!(verdicts, expected, "seed {seed}, batch {number}: {batch:?}");
            for verdict in verdicts {
                counts[match verdict {
                    Verdict::Committed { .. } => 0,
                    Verdict::Duplicate(_) => 1,
                    Verdict::Bounced(_) => 2,
                }] += 1;
            }
        }
        assert!(counts.iter().all(|count| *count > 30), "a dull history: {counts:?}");
        compare(&*log, &model).await;
    }
}

/// A model that holds what the log holds, claims and commands included.
async fn replayed(log: &dyn LogBackend, clock: Arc<TestClock>) -> MemoryLog {
    let model = MemoryLog::new(clock, &System);
    let events = log.read(everything(Scope::All)).await.unwrap().events;
    let keys: Vec<_> = (0..CLAIMS).map(claim).collect();
    let ids: Vec<_> = (0..COMMANDS).map(command).collect();
    let claims = keys.iter().copied().zip(log.claims(&keys).await.unwrap());
    let commands = ids.iter().copied().zip(log.commands(&ids).await.unwrap());
    let commands = commands.filter_map(|(id, record)| Some((id, record?))).collect();
    model.restore(events, commands, claims.filter_map(|(key, held)| Some((key, held?))).collect());
    model
}

async fn versions(model: &MemoryLog) -> HashMap<u64, u64> {
    let streams: Vec<_> = (0..STREAMS).map(stream).collect();
    let events = model.streams(&streams).await.unwrap();
    (0..STREAMS).zip(events).map(|(number, events)| (number, events.len() as u64)).collect()
}

/// A batch in which most appends fit if those before them do.
fn batch(dice: &mut Dice, mut versions: HashMap<u64, u64>, next: &mut u64) -> Vec<Append> {
    let size = 1 + dice.roll(6);
    (0..size)
        .map(|_| {
            let mut expect: Vec<(u64, u64)> = Vec::new();
            for _ in 0..=dice.roll(2) {
                let number = dice.roll(STREAMS);
                let wrong = if dice.roll(8) == 0 { dice.roll(3) } else { 0 };
                if expect.iter().all(|(other, _)| *other != number) {
                    expect.push((number, versions[&number] + wrong));
                }
            }
            *next += 1;
            let id = if dice.roll(4) == 0 { next.saturating_sub(dice.roll(12)) } else { *next };
            let mut append = write(id, &expect);
            if append.events.len() > 1 && dice.roll(3) == 0 {
                append.events.pop();
            }
            if dice.roll(4) == 0 {
                append.events.push(event(append.events[0].stream, vec![3; 10]));
            }
            for event in &append.events {
                let number = event.stream.id.as_u128() as u64;
                *versions.entry(number).or_default() += 1;
            }
            append.claims = (0..dice.roll(3)).map(|_| change(dice)).collect();
            append.group = (dice.roll(2) == 0).then(|| dice.roll(2) as u32);
            append
        })
        .collect()
}

fn change(dice: &mut Dice) -> ClaimChange {
    match dice.roll(5) {
        0 => ClaimChange::Release(claim(dice.roll(CLAIMS))),
        1 => ClaimChange::ReleaseSubject(Uuid::from_u128(u128::from(dice.roll(4)))),
        _ => take(dice.roll(CLAIMS), dice.roll(STREAMS)),
    }
}

/// Everything that can be read is the same on both.
async fn compare(log: &dyn LogBackend, model: &MemoryLog) {
    for scope in (0..STREAMS)
        .flat_map(|number| [Scope::Stream(stream(number)), Scope::Root(stream(number).id)])
        .chain([Scope::All])
    {
        let (one, two) = (log.read(everything(scope)).await, model.read(everything(scope)).await);
        assert_eq!(one.unwrap(), two.unwrap());
    }
    let keys: Vec<_> = (0..CLAIMS).map(claim).collect();
    assert_eq!(log.claims(&keys).await.unwrap(), model.claims(&keys).await.unwrap());
    let ids: Vec<_> = (0..COMMANDS).map(command).collect();
    assert_eq!(log.commands(&ids).await.unwrap(), model.commands(&ids).await.unwrap());
}
