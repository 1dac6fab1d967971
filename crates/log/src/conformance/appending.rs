//! Conditions, command ids, groups, claims, stamps and limits of appends.

use super::{
    Log, TestClock, append, bounced, claim, claiming, command, committed, event, everything,
    holder, one, stream, take, write,
};
use crate::backend::Error;
use crate::types::{
    APPEND_EVENTS_MAX, Append, ClaimChange, CommandRecord, EVENT_BYTES_MAX, Position, Scope,
    Verdict,
};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use uuid::Uuid;

/// Positions count from 1 without a hole, and so do the versions of each stream.
pub async fn positions_and_versions_are_dense(log: Log, _: Arc<TestClock>) {
    assert_eq!(log.head().await.unwrap(), Position::START);
    let mut two_each = write(2, &[(1, 1), (2, 0)]);
    two_each.events.extend(two_each.events.clone());
    let verdicts = append(&*log, vec![write(1, &[(1, 0)]), two_each]).await;
    assert_eq!(verdicts.iter().map(committed).collect::<Vec<_>>(), [(1, 1), (2, 5)]);
    assert_eq!(committed(&one(&*log, write(3, &[(1, 3), (2, 2)])).await), (6, 7));
    let page = log.read(everything(Scope::All)).await.unwrap();
    let positions: Vec<u64> = page.events.iter().map(|event| event.position.0).collect();
    let versions: Vec<u64> = page.events.iter().map(|event| event.version).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(versions, [1, 2, 1, 3, 2, 4, 3]);
    assert_eq!((page.head, log.head().await.unwrap()), (Position(7), Position(7)));
}

/// The same command id gives the first result, whatever is sent with it.
pub async fn a_command_id_is_appended_once_for_ever(log: Log, _: Arc<TestClock>) {
    let first = write(1, &[(1, 0), (2, 0)]);
    assert_eq!(committed(&one(&*log, first.clone()).await), (1, 2));
    let record = CommandRecord { payload_hash: [1; 16], first: Position(1), last: Position(2) };
    let other = Append { payload_hash: [2; 16], ..write(1, &[(3, 0)]) };
    let impossible = Append { group: Some(1), ..write(1, &[(3, 9)]) };
    for again in [first, other, impossible] {
        assert_eq!(one(&*log, again).await, Verdict::Duplicate(record));
    }
    let known = log.commands(&[command(1), command(2)]).await.unwrap();
    assert_eq!(known, [Some(record), None]);
    assert_eq!(log.head().await.unwrap(), Position(2));
}

/// So it is where both are in one batch; a bounced one does not count.
pub async fn a_command_id_is_appended_once_within_a_batch(log: Log, _: Arc<TestClock>) {
    let batch =
        vec![write(1, &[(1, 5)]), write(1, &[(1, 0)]), write(1, &[(1, 1)]), write(2, &[(1, 1)])];
    let verdicts = append(&*log, batch).await;
    assert_eq!(bounced(&verdicts[0]).streams, [(stream(1), 0)]);
    assert_eq!(committed(&verdicts[1]), (1, 1));
    let record = CommandRecord { payload_hash: [1; 16], first: Position(1), last: Position(1) };
    assert_eq!(verdicts[2], Verdict::Duplicate(record));
    assert_eq!(committed(&verdicts[3]), (2, 2));
}

/// A stream that is only read is a condition too; all that differ are named; too high and too low both bounce.
pub async fn every_expected_stream_is_a_condition(log: Log, _: Arc<TestClock>) {
    let verdicts = append(&*log, vec![write(1, &[(1, 0)]), write(2, &[(2, 0)])]).await;
    assert!(verdicts.iter().all(|verdict| matches!(verdict, Verdict::Committed { .. })));
    for (number, version) in [(1, 0), (1, 2), (3, 1)] {
        let mut reader = write(10, &[(4, 0)]);
        reader.expect.push((stream(number), version));
        let verdict = one(&*log, reader).await;
        let actual = u64::from(number == 1);
        assert_eq!(bounced(&verdict).streams, [(stream(number), actual)]);
    }
    let verdict = one(&*log, write(10, &[(1, 0), (4, 0), (2, 7)])).await;
    assert_eq!(bounced(&verdict).streams, [(stream(1), 1), (stream(2), 1)]);
    assert_eq!(log.head().await.unwrap(), Position(2));
    let mut reader = write(10, &[(4, 0)]);
    reader.expect.extend([(stream(1), 1), (stream(3), 0)]);
    assert_eq!(committed(&one(&*log, reader).await), (3, 3));
}

/// An append that breaks the contract is refused with its whole batch.
pub async fn what_is_written_must_be_expected(log: Log, _: Arc<TestClock>) {
    let mut unexpected = write(1, &[(1, 0)]);
    unexpected.expect.clear();
    let mut twice = write(1, &[(1, 0)]);
    twice.expect.push((stream(1), 0));
    let mut empty = write(1, &[(1, 0)]);
    empty.events.clear();
    for broken in [unexpected, twice, empty] {
        let refused = log.append([write(2, &[(2, 0)]), broken].into()).await;
        assert!(matches!(refused, Err(Error::Unacceptable { .. })));
    }
    assert_eq!(log.head().await.unwrap(), Position::START);
}

/// What was decided on an append that did not happen does not happen either; what has nothing to do with it does.
pub async fn a_group_stands_or_falls_together(log: Log, _: Arc<TestClock>) {
    let of = |group, append| Append { group: Some(group), ..append };
    let verdicts = append(
        &*log,
        vec![
            of(1, write(1, &[(1, 0)])),
            of(2, write(2, &[(2, 5)])),
            of(1, write(3, &[(1, 1)])),
            of(2, write(4, &[(3, 0)])),
            write(5, &[(4, 0)]),
        ],
    )
    .await;
    assert_eq!(committed(&verdicts[0]), (1, 1));
    assert!(!bounced(&verdicts[1]).followed);
    assert_eq!(committed(&verdicts[2]), (2, 2));
    assert!(bounced(&verdicts[3]).followed);
    assert_eq!(committed(&verdicts[4]), (3, 3));
    // A repeated command did not happen again; a group does not reach into the next batch.
    let batch = vec![of(1, write(1, &[(1, 2)])), of(1, write(6, &[(5, 0)]))];
    let verdicts = append(&*log, batch).await;
    assert!(matches!(verdicts[0], Verdict::Duplicate(_)));
    assert!(bounced(&verdicts[1]).followed);
    assert_eq!(committed(&one(&*log, of(1, write(6, &[(5, 0)]))).await), (4, 4));
}

/// The second taker bounces and is told who holds the claim, in the same batch or later.
pub async fn a_claim_has_one_holder(log: Log, _: Arc<TestClock>) {
    let verdicts =
        append(&*log, vec![claiming(1, vec![take(1, 1)]), claiming(2, vec![take(1, 2)])]).await;
    assert_eq!(committed(&verdicts[0]), (1, 1));
    assert_eq!(bounced(&verdicts[1]).claims, [(claim(1), holder(1))]);
    for taker in [1, 2] {
        let verdict = one(&*log, claiming(3, vec![take(2, taker), take(1, taker)])).await;
        assert_eq!(bounced(&verdict).claims, [(claim(1), holder(1))]);
    }
    assert_eq!(log.claims(&[claim(2), claim(1)]).await.unwrap(), [None, Some(holder(1))]);
}

/// Changes of one append are made in order; letting go of what nobody holds does nothing.
pub async fn claims_change_hands_in_order(log: Log, _: Arc<TestClock>) {
    let release = ClaimChange::Release(claim(1));
    committed(&one(&*log, claiming(1, vec![release, take(1, 1)])).await);
    committed(&one(&*log, claiming(2, vec![release, take(1, 2)])).await);
    assert_eq!(log.claims(&[claim(1)]).await.unwrap(), [Some(holder(2))]);
    let verdict = one(&*log, claiming(3, vec![take(2, 3), take(2, 4)])).await;
    assert_eq!(bounced(&verdict).claims, [(claim(2), holder(3))]);
    let erased = ClaimChange::ReleaseSubject(holder(2).subject.unwrap());
    committed(&one(&*log, claiming(4, vec![erased, take(1, 4)])).await);
    assert_eq!(log.claims(&[claim(1), claim(2)]).await.unwrap(), [Some(holder(4)), None]);
    committed(&one(&*log, claiming(5, vec![release])).await);
    assert_eq!(log.claims(&[claim(1)]).await.unwrap(), [None]);
}

/// Erasing a subject frees all its claims and nobody else's.
pub async fn a_subject_lets_go_of_all_its_claims(log: Log, _: Arc<TestClock>) {
    // Holders 1 and 5 are of subject 1, holder 2 of subject 2, holder 3 of none.
    let claims = vec![take(1, 1), take(2, 2), take(3, 3), take(5, 5)];
    committed(&one(&*log, claiming(1, claims)).await);
    let erased = ClaimChange::ReleaseSubject(Uuid::from_u128(1));
    committed(&one(&*log, claiming(2, vec![erased])).await);
    let left = log.claims(&[claim(1), claim(2), claim(3), claim(5)]).await.unwrap();
    assert_eq!(left, [None, Some(holder(2)), Some(holder(3)), None]);
}

/// A bounce takes nothing and lets go of nothing.
pub async fn a_bounced_append_leaves_its_claims_alone(log: Log, _: Arc<TestClock>) {
    committed(&one(&*log, claiming(1, vec![take(1, 1)])).await);
    let changes = vec![ClaimChange::Release(claim(1)), take(2, 2)];
    let wrong = Append { claims: changes, ..write(2, &[(1, 9)]) };
    let verdict = one(&*log, wrong).await;
    assert_eq!(bounced(&verdict).streams, [(stream(1), 0)]);
    assert_eq!(log.claims(&[claim(1), claim(2)]).await.unwrap(), [Some(holder(1)), None]);
    assert_eq!(log.commands(&[command(2)]).await.unwrap(), [None]);
}

/// A clock that jumps back does not take the stamps with it.
pub async fn the_stamp_never_goes_back(log: Log, clock: Arc<TestClock>) {
    let mut stamps = Vec::new();
    for (number, now) in [(0, 100), (1, 90), (2, 101), (3, -5)] {
        clock.0.store(now, Ordering::SeqCst);
        match one(&*log, write(number, &[(1, number)])).await {
            Verdict::Committed { recorded_at, .. } => stamps.push(recorded_at),
            other => assert_eq!(other, Verdict::Bounced(Arc::default())),
        }
    }
    assert_eq!(stamps, [100, 100, 101, 101]);
    let page = log.read(everything(Scope::All)).await.unwrap();
    assert!(page.events.iter().map(|event| event.recorded_at).eq(stamps));
}

/// The largest event and the longest append are stored; one more of either is refused.
pub async fn the_limits_are_kept(log: Log, _: Arc<TestClock>) {
    let sized = |number, bytes, events| Append {
        events: vec![event(stream(number), vec![9; bytes]); events],
        ..write(number, &[(number, 0)])
    };
    let largest = one(&*log, sized(1, EVENT_BYTES_MAX, 1)).await;
    assert_eq!(committed(&largest), (1, 1));
    let longest = one(&*log, sized(2, 3, APPEND_EVENTS_MAX)).await;
    assert_eq!(committed(&longest), (2, 257));
    for broken in [sized(3, EVENT_BYTES_MAX + 1, 1), sized(3, 3, APPEND_EVENTS_MAX + 1)] {
        let refused = log.append([broken].into()).await;
        assert!(matches!(refused, Err(Error::Unacceptable { .. })));
    }
    let page = log.read(everything(Scope::Stream(stream(1)))).await.unwrap();
    assert_eq!(page.events[0].event.data.len(), EVENT_BYTES_MAX);
}
