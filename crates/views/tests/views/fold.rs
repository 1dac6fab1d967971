//! Folding event by event, in pages of any size, or from zero makes the same rows, late facts included.

use crate::events::{
    accepted, advanced, assigned, captured, claimed, clock, converted, disqualified, enqueued,
    lead, lost, mql, opened, opportunity, queued, reopened, response, returned, stopped, touch,
    won,
};
use crate::model::{Tables, folded, instants, number};
use leadline_views::{NAMES, ViewEvent};
use proptest::prelude::*;

/// One of the things that happen, to one of three leads, at one of a few instants: so many of them late, and many at
/// once.
fn anything() -> impl Strategy<Value = ViewEvent> {
    (0..22_u8, 1..4_u128, 0..12_i64, 1..4_u128).prop_map(|(kind, root, at, salt)| {
        let minor = i64::try_from(salt).unwrap() * 100;
        match kind {
            0 => lead(root, at, captured(Some("web"), Some(minor))),
            1 | 2 => lead(root, at, touch(salt + 100 * u128::from(at.unsigned_abs()), "ads")),
            3 => lead(root, at, mql()),
            4 => lead(root, at, clock(at + 3)),
            5 => lead(root, at, stopped(salt > 1, 60)),
            6 => lead(root, at, accepted("ben")),
            7 => lead(root, at, assigned("eve")),
            8 => lead(root, at, disqualified("none")),
            9 => lead(root, at, enqueued("calls")),
            10 => lead(root, at, claimed("calls")),
            11 => lead(root, at, converted(minor)),
            12 => opportunity(root, at, opened(root, "first", minor, 5_000)),
            13 => opportunity(root, at, advanced(&format!("stage {salt}"), 7_000)),
            14 => opportunity(root, at, won(minor)),
            15 => opportunity(root, at, lost(minor)),
            16 => lead(root, at, captured(None, None)),
            17 => lead(root, at, response()),
            18 => lead(root, at, returned()),
            19 => lead(root, at, queued("calls")),
            20 => opportunity(root, at, reopened()),
            _ => lead(root, at, touch(salt, "direct")),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn pages_of_any_size_and_a_rebuild_make_the_same_rows(
        mut events in prop::collection::vec(anything(), 1..40),
        cuts in prop::collection::vec((1..9_usize, any::<bool>()), 40),
    ) {
        number(&mut events);
        for view in NAMES {
            let whole = folded(view, &events);
            let mut fold = leadline_views::folding(view).unwrap();
            let (mut tables, mut done) = (Tables::default(), 0);
            for (step, restart) in &cuts {
                let until = events.len().min(done + step);
                if done == until { break }
                tables.page(&mut *fold, &events, done, until);
                if *restart { fold.forget(); }
                done = until;
                prop_assert_eq!(&tables, &folded(view, &events[..done]), "{} at {}", view, done);
            }
            tables.page(&mut *fold, &events, done, events.len());
            prop_assert_eq!(&tables, &whole, "{}", view);
        }
    }

    #[test]
    fn histories_say_what_happened_and_what_was_known(
        mut events in prop::collection::vec(anything(), 1..25),
    ) {
        number(&mut events);
        for view in NAMES {
            let tables = folded(view, &events);
            // What was known at a position: the rows of the log up to it, by time at the end of time.
            for known in 0..=events.len() {
                let then = folded(view, &events[..known]);
                let at = i64::try_from(known).unwrap();
                prop_assert_eq!(
                    Tables::valid(&tables.by_position, at),
                    Tables::valid(&then.by_time, i64::MAX - 1),
                    "{} at position {}", view, known
                );
            }
            // What happened by an instant: the rows of what took effect by then, whenever it became known.
            for at in instants(&tables.by_time) {
                let by_then = events.iter().filter(|event| event.at() <= at).cloned();
                let then = folded(view, &by_then.collect::<Vec<_>>());
                prop_assert_eq!(
                    Tables::valid(&tables.by_time, at),
                    Tables::valid(&then.by_time, i64::MAX - 1),
                    "{} at instant {}", view, at
                );
            }
        }
    }
}
