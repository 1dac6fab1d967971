//! The committer and the tailer on top of the backend.

use super::work::{Digest, Look, Work, digest, work};
use super::{Dice, Log, TestClock, claim, everything, holder, one, stream, write};
use crate::backend::Error;
use crate::committer::{Committer, Desk, Handle, Job, Options, Outcome, QUEUE_COMMANDS_MAX, Step};
use crate::tailer::Tailer;
use crate::types::{EVENT_BYTES_MAX, Position, Scope, Verdict};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

async fn start(log: &Log) -> Handle<Digest> {
    Committer::start(log.clone(), Digest, Options::default()).await.unwrap()
}

/// Submits a job and waits for its outcome.
async fn run(
    handle: &Handle<Digest>,
    (work, answer): (Work, oneshot::Receiver<Outcome>),
) -> Outcome {
    handle.submit_wait(Box::new(work)).await.unwrap();
    answer.await.unwrap()
}

fn is_committed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Committed { .. })
}

/// Every event was decided on exactly the history that is before it in its stream.
async fn prove_decisions(log: &Log) -> usize {
    let events = log.read(everything(Scope::All)).await.unwrap().events;
    let mut states = std::collections::HashMap::new();
    for recorded in &events {
        let state = states.entry(recorded.event.stream).or_insert(1_u64);
        assert_eq!(recorded.event.data[..8], state.to_be_bytes(), "at {}", recorded.position);
        *state = digest(*state, &recorded.event.event_id);
    }
    events.len()
}

/// Two committers, each on a connection of its own to one log, fight over one stream: none of their callers loses a
/// command, and every decision rests on the history before it. For logs that several processes may write.
pub async fn two_committers_share_a_hot_stream(log: Log, other: Log) {
    let handles = [start(&log).await, start(&other).await];
    let callers: Vec<_> = (0..8)
        .map(|caller: u64| {
            let handle = handles[(caller % 2) as usize].clone();
            tokio::spawn(async move {
                for round in 0..50 {
                    let command = work(caller * 100 + round, &[1, 2 + caller]);
                    assert!(is_committed(&run(&handle, command).await));
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    for handle in handles {
        handle.close().await;
    }
    assert_eq!(prove_decisions(&log).await, 800);
}

/// Sixteen callers on one stream: every command commits, each on the state that the one before it left.
pub async fn a_hot_stream_loses_nothing(log: Log, _: Arc<TestClock>) {
    let handle = start(&log).await;
    let callers: Vec<_> = (0..16)
        .map(|caller| {
            let handle = handle.clone();
            tokio::spawn(async move {
                for round in 0..50 {
                    assert!(is_committed(&run(&handle, work(caller * 100 + round, &[1])).await));
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    handle.close().await;
    assert_eq!(prove_decisions(&log).await, 800);
}

/// Goal: no decision on what did not happen is ever committed. Method: random commands on few streams and claims, with
/// repeated ids and unacceptable appends among them, while another writer takes versions behind the committer's back.
pub async fn decisions_rest_on_what_is_committed(log: Log, _: Arc<TestClock>) {
    let handle = start(&log).await;
    let foreign = tokio::spawn(interfere(log.clone()));
    let mut dice = Dice(9);
    let mut answers = Vec::new();
    for number in 0..1500 {
        let repeated = dice.roll(10) == 0;
        let id = if repeated { number - dice.roll(number.min(30) + 1) } else { number };
        let target = dice.roll(6);
        let mut job = work(id, &[target, 6 + dice.roll(3)]);
        job.0.reads = vec![stream(dice.roll(6))];
        job.0.take = (dice.roll(3) == 0).then(|| claim(dice.roll(40)));
        job.0.bytes = if dice.roll(25) == 0 { EVENT_BYTES_MAX } else { 0 };
        handle.submit_wait(Box::new(job.0)).await.unwrap();
        answers.push(job.1);
    }
    let (mut committed, mut duplicate, mut failed) = (0, 0, 0);
    for answer in answers {
        match answer.await.unwrap() {
            Outcome::Committed { .. } => committed += 1,
            Outcome::Duplicate(_) => duplicate += 1,
            Outcome::Failed(_) => failed += 1,
            Outcome::Done => {}
        }
    }
    handle.close().await;
    let foreign = foreign.await.unwrap();
    assert!(committed > 500 && duplicate > 20 && failed > 20, "{committed} {duplicate} {failed}");
    assert_eq!(prove_decisions(&log).await, committed * 2 + foreign);
}

/// Appends to the committer's streams behind its back; gives how many events.
async fn interfere(log: Log) -> usize {
    let mut committed = 0;
    for number in 0..60 {
        let target = number % 6;
        let events = log.streams(&[stream(target)]).await.unwrap().remove(0);
        let state = events.iter().fold(1, |state, event| digest(state, &event.event.event_id));
        let mut append = write(1_000_000 + number, &[(target, events.len() as u64)]);
        append.events[0].data = state.to_be_bytes().to_vec().into();
        append.events[0].event_id = uuid::Uuid::from_u128(u128::from(number) + 1);
        committed += usize::from(matches!(one(&*log, append).await, Verdict::Committed { .. }));
        tokio::task::yield_now().await;
    }
    committed
}

/// What passes the queue's limit is told so at once; what was taken is done.
pub async fn a_full_queue_is_busy(log: Log, _: Arc<TestClock>) {
    let handle = start(&log).await;
    let (release, gate) = std::sync::mpsc::channel::<()>();
    handle.submit(Box::new(Gate(gate))).unwrap();
    let (mut answers, mut refused) = (Vec::new(), 0);
    for number in 0..QUEUE_COMMANDS_MAX as u64 * 2 {
        let (job, answer) = work(number, &[number]);
        match handle.submit(Box::new(job)) {
            Ok(()) => answers.push(answer),
            Err(Error::Busy { waiting }) => {
                assert_eq!(waiting, QUEUE_COMMANDS_MAX);
                refused += 1;
            }
            Err(other) => assert!(matches!(other, Error::Busy { .. }), "{other}"),
        }
    }
    assert!(refused > 0 && answers.len() + 1 >= QUEUE_COMMANDS_MAX);
    release.send(()).unwrap();
    for answer in answers {
        assert!(is_committed(&answer.await.unwrap()));
    }
}

/// Holds the committer up until the test lets go.
struct Gate(std::sync::mpsc::Receiver<()>);

impl Job<Digest> for Gate {
    fn decide(&mut self, _: &mut Desk<'_, Digest>) -> Step<Digest> {
        self.0.recv().unwrap();
        Step::Done
    }

    fn finish(self: Box<Self>, outcome: Outcome) {
        assert!(matches!(outcome, Outcome::Done));
    }
}

/// An append that cannot be stored fails; its batch mates commit.
pub async fn an_offender_fails_alone(log: Log, _: Arc<TestClock>) {
    let handle = start(&log).await;
    let mut answers = Vec::new();
    for number in 0..100 {
        let (mut job, answer) = work(number, &[number]);
        job.bytes = if number == 37 { EVENT_BYTES_MAX } else { 0 };
        handle.submit(Box::new(job)).unwrap();
        answers.push(answer);
    }
    for (number, answer) in answers.into_iter().enumerate() {
        let outcome = answer.await.unwrap();
        assert_eq!(is_committed(&outcome), number != 37, "{outcome:?}");
    }
    assert!(is_committed(&run(&handle, work(200, &[37])).await));
}

/// Two of the same id at once: one commits, the other gets its record.
pub async fn a_repeated_command_waits_for_the_first(log: Log, _: Arc<TestClock>) {
    let handle = start(&log).await;
    for number in 0..50 {
        let (one, first) = work(number, &[1]);
        let (two, second) = work(number, &[1]);
        handle.submit(Box::new(one)).unwrap();
        handle.submit(Box::new(two)).unwrap();
        let Outcome::Committed { first, last, .. } = first.await.unwrap() else {
            return assert_eq!(number, u64::MAX, "the first did not commit");
        };
        match second.await.unwrap() {
            Outcome::Duplicate(record) => assert_eq!((record.first, record.last), (first, last)),
            other => assert!(matches!(other, Outcome::Duplicate(_)), "{other:?}"),
        }
    }
    assert_eq!(prove_decisions(&log).await, 50);
}

/// Whoever waits for a position is woken when it is committed, and reads it.
pub async fn the_head_can_be_waited_for(log: Log, _: Arc<TestClock>) {
    let handle = start(&log).await;
    let waiter = handle.clone();
    let waiting = tokio::spawn(async move { waiter.wait_for(Position(3)).await });
    for number in 0..3 {
        assert!(is_committed(&run(&handle, work(number, &[1])).await));
        assert_eq!(*handle.head().borrow(), Position(number + 1));
    }
    waiting.await.unwrap().unwrap();
    handle.close().await;
    assert!(matches!(handle.wait_for(Position(4)).await, Err(Error::Closed)));
}

/// Of two commands that want a claim, the second sees the first one's holder, although neither waited for the other.
pub async fn two_takers_of_a_claim_are_decided_in_order(log: Log, _: Arc<TestClock>) {
    let handle = start(&log).await;
    let mut answers = Vec::new();
    for number in 0..40 {
        let (mut job, answer) = work(number, &[number]);
        job.take = Some(claim(number / 8));
        handle.submit(Box::new(job)).unwrap();
        answers.push(answer);
    }
    for answer in answers {
        assert!(is_committed(&answer.await.unwrap()));
    }
    let holders = log.claims(&(0..5).map(claim).collect::<Vec<_>>()).await.unwrap();
    let holders: Vec<_> = holders.into_iter().flatten().map(|held| held.holder).collect();
    assert_eq!(holders, [0, 8, 16, 24, 32].map(stream));
}

/// A claim that the command before has taken is not read as free, however late one asks while that one waits for
/// something else, is decided, or is on its way.
pub async fn a_claim_is_held_for_whoever_comes_after_its_taker(log: Log, _: Arc<TestClock>) {
    const PAIRS: u64 = 100;
    let first = start(&log).await;
    for number in 0..PAIRS {
        assert!(is_committed(&run(&first, work(number, &[number])).await));
    }
    first.close().await;
    let handle = start(&log).await;
    let mut looked = Vec::new();
    for number in 0..PAIRS {
        // It asks for the claim first, and only then for its stream, which is not in memory.
        let (mut taking, _taken) = work(1_000 + number, &[number]);
        (taking.take, taking.in_order) = (Some(claim(number)), true);
        handle.submit(Box::new(taking)).unwrap();
        // At any time of the other one's way, whichever database it is.
        let (handed_over, later) = (Instant::now(), Duration::from_micros(number * number / 4));
        while handed_over.elapsed() < later {
            tokio::task::yield_now().await;
        }
        let (reply, answer) = oneshot::channel();
        let look = Look { number: 2_000 + number, key: claim(number), reply };
        handle.submit(Box::new(look)).unwrap();
        looked.push(answer);
    }
    for (number, answer) in (0..PAIRS).zip(looked) {
        assert!(is_committed(&answer.await.unwrap()));
        let told = log.streams(&[stream(2_000 + number)]).await.unwrap();
        assert_eq!(&*told[0][0].event.data, [1], "pair {number}");
    }
    handle.close().await;
}

/// Jobs that keep their order lie in the log as they were handed over, although every other one of them has to wait
/// for a stream and a claim to be read, and the one behind it for nothing.
pub async fn jobs_in_order_are_never_overtaken(log: Log, _: Arc<TestClock>) {
    let first = start(&log).await;
    for number in 0..20 {
        assert!(is_committed(&run(&first, work(number, &[number])).await));
    }
    first.close().await;
    let handle = start(&log).await;
    assert!(is_committed(&run(&handle, work(100, &[100])).await));
    let mut answers = Vec::new();
    for number in 0..40 {
        let cold = number % 2 == 0;
        let (mut job, answer) = work(200 + number, &[if cold { number / 2 } else { 100 }]);
        job.take = cold.then(|| claim(number));
        job.in_order = true;
        handle.submit(Box::new(job)).unwrap();
        answers.push(answer);
    }
    let mut positions = Vec::new();
    for answer in answers {
        if let Outcome::Committed { first, .. } = answer.await.unwrap() {
            positions.push(first);
        }
    }
    assert_eq!(positions.len(), 40);
    assert!(positions.is_sorted(), "{positions:?}");
    prove_decisions(&log).await;
}

/// What a subject's erasure frees can be taken by the command right behind it.
pub async fn an_erased_subject_frees_its_claims(log: Log, _: Arc<TestClock>) {
    let handle = start(&log).await;
    let taking = |number| {
        let (mut job, answer) = work(number, &[number]);
        job.take = Some(claim(1));
        (job, answer)
    };
    assert!(is_committed(&run(&handle, taking(1)).await));
    let (mut erasing, erased) = work(2, &[1]);
    erasing.erase = holder(1).subject;
    let (next, taken) = taking(5);
    handle.submit(Box::new(erasing)).unwrap();
    handle.submit(Box::new(next)).unwrap();
    assert!(is_committed(&erased.await.unwrap()) && is_committed(&taken.await.unwrap()));
    let held = log.claims(&[claim(1)]).await.unwrap()[0];
    assert_eq!(held.map(|held| held.holder), Some(stream(5)));
}

/// Everything that was accepted has an outcome when closing is over, and nothing is accepted after.
pub async fn closing_finishes_what_was_taken(log: Log, _: Arc<TestClock>) {
    let handle = start(&log).await;
    let mut answers = Vec::new();
    for number in 0..1000 {
        let (job, answer) = work(number, &[number % 7]);
        handle.submit(Box::new(job)).unwrap();
        answers.push(answer);
    }
    handle.close().await;
    for mut answer in answers {
        assert!(is_committed(&answer.try_recv().unwrap()));
    }
    let (late, _answer) = work(5000, &[1]);
    assert!(matches!(handle.submit(Box::new(late)), Err(Error::Closed)));
    assert_eq!(prove_decisions(&log).await, 1000);
}

/// A client that goes away cancels nothing.
pub async fn abandoned_commands_are_finished(log: Log, _: Arc<TestClock>) {
    let handle = start(&log).await;
    for number in 0..100 {
        drop(handle.submit(Box::new(work(number, &[number]).0)));
    }
    handle.close().await;
    assert_eq!(log.head().await.unwrap(), Position(100));
}

/// A follower gets every event once and in order, from the middle and beyond the head of when it began.
pub async fn a_follower_sees_every_position(log: Log, _: Arc<TestClock>) {
    let handle = start(&log).await;
    let tailer = Tailer::new(log.clone(), handle.head());
    for number in 0..20 {
        assert!(is_committed(&run(&handle, work(number, &[1])).await));
    }
    let followers: Vec<_> = [0, 5, 20]
        .map(|from| {
            let mut follower = tailer.follow(Position(from));
            tokio::spawn(async move {
                while follower.position() < Position(60) {
                    let before = follower.position();
                    let page = follower.next_page(8).await.unwrap();
                    assert!((1..=8).contains(&page.len()));
                    assert_eq!(page[0].position, before.next());
                }
            })
        })
        .into();
    for number in 20..60 {
        assert!(is_committed(&run(&handle, work(number, &[1])).await));
    }
    for follower in followers {
        follower.await.unwrap();
    }
}
