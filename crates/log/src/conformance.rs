//! What every backend must do, as a suite of tests to run on it: `leadline_log::conformance!(make)`, where
//! `make(clock)` gives an empty log with its clock.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "a suite of tests: a failure is a panic"
)]

pub mod appending;
pub mod committing;
pub mod histories;
pub mod racing;
pub mod reading;
mod work;

use crate::backend::LogBackend;
use crate::clock::Clock;
use crate::types::{
    Append, Bounce, Category, ClaimChange, ClaimHolder, ClaimKey, Direction, NewEvent, Position,
    Read, Scope, StreamKey, Verdict,
};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use uuid::Uuid;

/// Runs the whole suite, one test each, on the logs that `$make(Arc<dyn Clock>) -> Arc<dyn LogBackend>` makes.
#[macro_export]
macro_rules! conformance {
    ($make:path) => {
        $crate::conformance! { $make;
            appending::positions_and_versions_are_dense
            appending::a_command_id_is_appended_once_for_ever
            appending::a_command_id_is_appended_once_within_a_batch
            appending::every_expected_stream_is_a_condition
            appending::what_is_written_must_be_expected
            appending::a_group_stands_or_falls_together
            appending::a_claim_has_one_holder
            appending::claims_change_hands_in_order
            appending::a_subject_lets_go_of_all_its_claims
            appending::a_bounced_append_leaves_its_claims_alone
            appending::the_stamp_never_goes_back
            appending::the_limits_are_kept
            reading::scopes_directions_and_bounds
            reading::a_root_gathers_its_streams
            reading::several_streams_are_read_at_once
            histories::random_histories_match_the_model
            racing::racing_writers_leave_no_hole
            racing::an_abandoned_append_happens_whole_or_not_at_all
            committing::a_hot_stream_loses_nothing
            committing::decisions_rest_on_what_is_committed
            committing::a_full_queue_is_busy
            committing::an_offender_fails_alone
            committing::a_repeated_command_waits_for_the_first
            committing::the_head_can_be_waited_for
            committing::jobs_in_order_are_never_overtaken
            committing::a_claim_is_held_for_whoever_comes_after_its_taker
            committing::two_takers_of_a_claim_are_decided_in_order
            committing::an_erased_subject_frees_its_claims
            committing::closing_finishes_what_was_taken
            committing::abandoned_commands_are_finished
            committing::a_follower_sees_every_position
        }
    };
    ($make:path; $($module:ident::$test:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                let clock = std::sync::Arc::new($crate::conformance::TestClock::default());
                let log = $make(clock.clone());
                $crate::conformance::$module::$test(log, clock).await;
            }
        )*
    };
}

/// A clock that is set by hand, milliseconds of UTC.
#[derive(Debug, Default)]
pub struct TestClock(pub AtomicI64);

impl Clock for TestClock {
    fn now_millis(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Small, seeded and good enough (splitmix64).
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

pub(crate) fn stream(number: u64) -> StreamKey {
    let category = if number.is_multiple_of(2) { "lead" } else { "account" };
    let category = Category::parse(category).unwrap();
    StreamKey { category, id: Uuid::from_u128(u128::from(number)) }
}

pub(crate) fn command(number: u64) -> [u8; 16] {
    u128::from(number).to_be_bytes()
}

pub(crate) fn claim(number: u64) -> ClaimKey {
    ClaimKey { space: 1, key: command(number) }
}

pub(crate) fn holder(number: u64) -> ClaimHolder {
    let subject = (!number.is_multiple_of(3)).then(|| Uuid::from_u128(u128::from(number % 4)));
    ClaimHolder { holder: stream(number), subject }
}

pub(crate) fn event(stream: StreamKey, data: Vec<u8>) -> NewEvent {
    NewEvent {
        stream,
        event_type: "thing.happened".into(),
        schema_version: 1,
        event_id: Uuid::from_u128(7),
        root: stream.id,
        effective_at: 5,
        meta: Bytes::from_static(b"meta"),
        data: data.into(),
    }
}

/// A command that writes one event to each stream, at these versions.
pub(crate) fn write(number: u64, expect: &[(u64, u64)]) -> Append {
    Append {
        command_id: command(number),
        payload_hash: [1; 16],
        expect: expect.iter().map(|(number, version)| (stream(*number), *version)).collect(),
        claims: Vec::new(),
        events: expect.iter().map(|(number, _)| event(stream(*number), vec![1, 2])).collect(),
        group: None,
    }
}

/// A command that writes to a stream that is not there yet, and changes claims.
pub(crate) fn claiming(number: u64, claims: Vec<ClaimChange>) -> Append {
    Append { claims, ..write(number, &[(1_000_000 + number, 0)]) }
}

pub(crate) fn take(key: u64, by: u64) -> ClaimChange {
    ClaimChange::Take(claim(key), holder(by))
}

/// Appends a batch.
pub(crate) async fn append(log: &dyn LogBackend, batch: Vec<Append>) -> Vec<Verdict> {
    log.append(batch.into()).await.unwrap()
}

/// Appends one command alone.
pub(crate) async fn one(log: &dyn LogBackend, command: Append) -> Verdict {
    append(log, vec![command]).await.remove(0)
}

pub(crate) fn bounced(verdict: &Verdict) -> &Bounce {
    match verdict {
        Verdict::Bounced(bounce) => bounce,
        other => panic_with(other),
    }
}

/// The positions of what was committed.
pub(crate) fn committed(verdict: &Verdict) -> (u64, u64) {
    match verdict {
        Verdict::Committed { first, last, .. } => (first.0, last.0),
        other => panic_with(other),
    }
}

#[expect(clippy::panic, reason = "a suite of tests: a failure is a panic")]
fn panic_with(verdict: &Verdict) -> ! {
    panic!("unexpected verdict {verdict:?}")
}

/// Reads everything of a scope.
pub(crate) fn everything(scope: Scope) -> Read {
    Read {
        scope,
        after: Position::START,
        through: None,
        direction: Direction::Forward,
        limit: usize::MAX,
    }
}

/// What a test is given.
pub(crate) type Log = Arc<dyn LogBackend>;
