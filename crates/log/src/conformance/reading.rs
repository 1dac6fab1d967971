//! Pages, scopes, directions and bounds.

use super::{Log, TestClock, append, everything, one, stream, write};
use crate::types::{Append, Direction, Position, Read, Recorded, Scope};
use std::sync::Arc;
use uuid::Uuid;

fn positions(events: &[Recorded]) -> Vec<u64> {
    events.iter().map(|event| event.position.0).collect()
}

/// Every combination of scope, direction, bounds and limit gives what filtering the whole log gives.
pub async fn scopes_directions_and_bounds(log: Log, _: Arc<TestClock>) {
    let batch = (0..20).map(|number| write(number, &[(number % 3, number / 3)])).collect();
    append(&*log, batch).await;
    let all = log.read(everything(Scope::All)).await.unwrap().events;
    assert_eq!(positions(&all), (1..=20).collect::<Vec<_>>());
    for scope in [Scope::All, Scope::Stream(stream(1)), Scope::Root(stream(2).id)] {
        for direction in [Direction::Forward, Direction::Backward] {
            for (after, through, limit) in
                [(0, None, 4), (5, None, 100), (5, Some(12), 2), (5, Some(12), 100), (20, None, 9)]
            {
                let through = through.map(Position);
                let read = Read { scope, after: Position(after), through, direction, limit };
                let page = log.read(read).await.unwrap();
                let mut expected: Vec<Recorded> = all
                    .iter()
                    .filter(|event| match scope {
                        Scope::All => true,
                        Scope::Stream(stream) => event.event.stream == stream,
                        Scope::Root(root) => event.event.root == root,
                    })
                    .filter(|event| event.position > Position(after))
                    .filter(|event| through.is_none_or(|through| event.position <= through))
                    .cloned()
                    .collect();
                if direction == Direction::Backward {
                    expected.reverse();
                }
                expected.truncate(limit);
                assert_eq!(page.events, expected, "{read:?}");
                assert_eq!(page.head, Position(20));
            }
        }
    }
    let unknown = log.read(everything(Scope::Stream(stream(99)))).await.unwrap();
    assert_eq!(unknown.events, []);
}

/// A root finds the events of its own stream and of all others that name it, and none that name another root.
pub async fn a_root_gathers_its_streams(log: Log, _: Arc<TestClock>) {
    let rooted = |number, stream, version, root: u64| {
        let mut append: Append = write(number, &[(stream, version)]);
        append.events[0].root = Uuid::from_u128(u128::from(root));
        append
    };
    let batch = vec![
        rooted(1, 2, 0, 2),
        rooted(2, 4, 0, 2),
        rooted(3, 4, 1, 4),
        rooted(4, 2, 1, 4),
        rooted(5, 6, 0, 2),
        rooted(6, 2, 2, 2),
    ];
    append(&*log, batch).await;
    let of = |root: u64| everything(Scope::Root(Uuid::from_u128(u128::from(root))));
    assert_eq!(positions(&log.read(of(2)).await.unwrap().events), [1, 2, 5, 6]);
    assert_eq!(positions(&log.read(of(4)).await.unwrap().events), [3, 4]);
    assert_eq!(positions(&log.read(of(6)).await.unwrap().events), [] as [u64; 0]);
    let backward = Read { direction: Direction::Backward, limit: 3, ..of(2) };
    assert_eq!(positions(&log.read(backward).await.unwrap().events), [6, 5, 2]);
}

/// Streams come back in the order asked for, whole, and empty where there is nothing.
pub async fn several_streams_are_read_at_once(log: Log, _: Arc<TestClock>) {
    one(&*log, write(1, &[(1, 0), (2, 0)])).await;
    one(&*log, write(2, &[(1, 1)])).await;
    let streams = log.streams(&[stream(2), stream(9), stream(1)]).await.unwrap();
    let positions: Vec<Vec<u64>> = streams.iter().map(|events| positions(events)).collect();
    assert_eq!(positions, [vec![2], vec![], vec![1, 3]]);
    assert_eq!(streams[2][1].version, 2);
    assert_eq!(&streams[2][1].event, &write(2, &[(1, 1)]).events[0]);
}
