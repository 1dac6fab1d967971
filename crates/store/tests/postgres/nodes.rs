//! Several nodes on one log: what one does, holds, or leaves behind when it ends, and the others.

use crate::proxy::Proxy;
use crate::scratch::Scratch;
use leadline_log::clock::System;
use leadline_log::types::{
    Append, Category, Direction, NewEvent, Page, Position, Read, Scope, Verdict,
};
use leadline_log::{Error, LogBackend, StreamKey};
use leadline_store::postgres::log::PostgresLog;
use leadline_store::postgres::{Database, Opening};
use sqlx_core::raw_sql::raw_sql;
use sqlx_core::sql_str::AssertSqlSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

async fn node(url: &str) -> Arc<PostgresLog> {
    let opening = Opening { create: true, ..Opening::default() };
    let database = Database::open(url, opening).await.unwrap();
    Arc::new(PostgresLog::open(&database, None, &System).await.unwrap())
}

/// Sessions that wait for the log's lock; locks are listed for all databases of the server.
macro_rules! locked_out {
    () => {
        "FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    };
}
const LOCKED_OUT: &str = locked_out!();
const WAITING: &str = concat!("SELECT count(*) = 1 ", locked_out!());

fn stream(number: u128) -> StreamKey {
    StreamKey { category: Category::parse("lead").unwrap(), id: Uuid::from_u128(number) }
}

/// A command that writes one event to each of these streams.
fn write(command: u128, expect: &[(u128, u64)]) -> Append {
    let event = |number: u128| NewEvent {
        stream: stream(number),
        event_type: "lead.captured".into(),
        schema_version: 3,
        event_id: Uuid::from_u128(command),
        root: Uuid::from_u128(2),
        effective_at: -4,
        meta: vec![1; 20].into(),
        data: command.to_be_bytes().to_vec().into(),
    };
    Append {
        command_id: command.to_be_bytes(),
        payload_hash: [3; 16],
        expect: expect.iter().map(|(number, version)| (stream(*number), *version)).collect(),
        claims: Vec::new(),
        events: expect.iter().map(|(number, _)| event(*number)).collect(),
        group: None,
    }
}

async fn one(log: &PostgresLog, append: Append) -> Verdict {
    log.append([append].into()).await.unwrap().remove(0)
}

async fn everything(log: &PostgresLog) -> Page {
    let (scope, direction) = (Scope::All, Direction::Forward);
    let read = Read { scope, after: Position::START, through: None, direction, limit: 10_000 };
    log.read(read).await.unwrap()
}

fn committed(verdict: &Verdict) -> u64 {
    match verdict {
        Verdict::Committed { first, .. } => first.0,
        other => panic!("unexpected verdict {other:?}"),
    }
}

/// Goal: two nodes leave no hole, whoever is faster. Method: both add to the same few streams, each by what it reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_race_leave_no_hole() {
    const ROUNDS: u128 = 60;
    let scratch = Scratch::new().await;
    let url = scratch.url();
    let nodes = [node(&url).await, node(&url).await];
    let writers: Vec<_> = (0..6_u128)
        .map(|writer| {
            let log = Arc::clone(&nodes[usize::from(writer % 2 == 0)]);
            tokio::spawn(async move {
                let mut done = 0;
                for round in 0..ROUNDS {
                    let number = (writer + round) % 3;
                    let known = log.streams(&[stream(number)]).await.unwrap()[0].len() as u64;
                    let verdict = one(&log, write(writer * 1000 + round, &[(number, known)])).await;
                    done += u64::from(matches!(verdict, Verdict::Committed { .. }));
                }
                done
            })
        })
        .collect();
    let mut done = 0;
    for writer in writers {
        done += writer.await.unwrap();
    }
    assert!(done > 60, "too few of the writers got through: {done}");
    let page = everything(&nodes[0]).await;
    assert_eq!((page.events.len() as u64, page.head), (done, Position(done)));
    let positions = page.events.iter().map(|event| event.position.0);
    assert!(positions.eq(1..=done));
    let stamps: Vec<i64> = page.events.iter().map(|event| event.recorded_at).collect();
    assert!(stamps.is_sorted());
}

/// What a node remembers of versions may be old, and what it expects too high: it is told so.
#[tokio::test]
async fn a_node_that_is_behind_is_told_so() {
    let scratch = Scratch::new().await;
    let (behind, ahead) = (node(&scratch.url()).await, node(&scratch.url()).await);
    assert_eq!(committed(&one(&behind, write(1, &[(1, 0), (2, 0)])).await), 1);
    assert_eq!(committed(&one(&ahead, write(2, &[(1, 1)])).await), 3);
    let bounced = |verdict: Verdict, version: u64| match verdict {
        Verdict::Bounced(bounce) => assert_eq!(bounce.streams, [(stream(1), version)]),
        other => panic!("unexpected verdict {other:?}"),
    };
    bounced(one(&behind, write(3, &[(1, 1)])).await, 2);
    bounced(one(&behind, write(3, &[(1, 5)])).await, 2);
    assert_eq!(committed(&one(&ahead, write(4, &[(1, 2)])).await), 4);
    // Only read, not written.
    let mut reading = write(5, &[(2, 1), (1, 2)]);
    reading.events.pop();
    bounced(one(&behind, reading).await, 3);
}

#[tokio::test]
async fn names_that_another_node_has_brought_are_understood() {
    let scratch = Scratch::new().await;
    let (reader, writer) = (node(&scratch.url()).await, node(&scratch.url()).await);
    assert_eq!(everything(&reader).await.events.len(), 0);
    one(&writer, write(1, &[(1, 0)])).await;
    assert_eq!(everything(&reader).await.events[0].event.event_type, "lead.captured");
    assert_eq!(reader.streams(&[stream(1)]).await.unwrap()[0].len(), 1);
}

/// Goal: what is read under a hold stays true until the append. Method: another node wants to write meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_keeps_other_nodes_out_until_the_append() {
    let scratch = Scratch::new().await;
    let (holder, other) = (node(&scratch.url()).await, node(&scratch.url()).await);
    holder.hold().await.unwrap();
    let waiting = tokio::spawn(async move { one(&other, write(1, &[(1, 0)])).await });
    scratch.until(WAITING).await;
    assert_eq!(holder.head().await.unwrap(), Position(0));
    assert_eq!(committed(&one(&holder, write(2, &[(1, 0)])).await), 1);
    let Verdict::Bounced(bounce) = waiting.await.unwrap() else { panic!("not bounced") };
    assert_eq!(bounce.streams, [(stream(1), 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_is_released_lets_others_in() {
    let scratch = Scratch::new().await;
    let (holder, other) = (node(&scratch.url()).await, node(&scratch.url()).await);
    holder.hold().await.unwrap();
    holder.hold().await.unwrap();
    holder.release().await;
    assert_eq!(committed(&one(&other, write(1, &[(1, 0)])).await), 1);
    holder.release().await;
    assert_eq!(committed(&one(&holder, write(2, &[(1, 1)])).await), 2);
}

/// A holder that stops without a word delays the others for less than five seconds, and goes on afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_that_stops_is_put_out() {
    let scratch = Scratch::new().await;
    let (holder, other) = (node(&scratch.url()).await, node(&scratch.url()).await);
    holder.hold().await.unwrap();
    let begun = Instant::now();
    assert_eq!(committed(&one(&other, write(1, &[(1, 0)])).await), 1);
    assert!(begun.elapsed() < Duration::from_secs(5), "delayed by {:?}", begun.elapsed());
    assert!(matches!(one(&holder, write(2, &[(1, 0)])).await, Verdict::Bounced(_)));
    assert_eq!(committed(&one(&holder, write(2, &[(1, 1)])).await), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_that_is_killed_delays_nobody() {
    let scratch = Scratch::new().await;
    let (holder, other) = (node(&scratch.url()).await, node(&scratch.url()).await);
    holder.hold().await.unwrap();
    drop(holder);
    let begun = Instant::now();
    assert_eq!(committed(&one(&other, write(1, &[(1, 0)])).await), 1);
    assert!(begun.elapsed() < Duration::from_secs(2), "delayed by {:?}", begun.elapsed());
}

/// The session is lost before the database has done anything: the batch is appended once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_lost_while_it_waits_is_made_anew() {
    let scratch = Scratch::new().await;
    let log = node(&scratch.url()).await;
    one(&log, write(1, &[(1, 0)])).await;
    let mut blocker = scratch.session().await;
    let lock = format!("SELECT pg_advisory_lock({})", i64::from_be_bytes(*b"leadline"));
    raw_sql(AssertSqlSafe(lock)).execute(&mut blocker).await.unwrap();
    let waiting = tokio::spawn(async move { (one(&log, write(2, &[(1, 1)])).await, log) });
    scratch.until(WAITING).await;
    scratch.run(&format!("SELECT pg_terminate_backend(pid) {LOCKED_OUT}")).await.unwrap();
    drop(blocker);
    let (verdict, log) = waiting.await.unwrap();
    assert_eq!(committed(&verdict), 2);
    assert_eq!(everything(&log).await.head, Position(2));
}

/// The batch is committed and its answer lost: the writer finds it in the log, and says what the answer would have said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_lost_is_found_in_the_log() {
    let scratch = Scratch::new().await;
    let proxy = Proxy::new(&scratch.url()).await;
    let log = node(proxy.url()).await;
    one(&log, write(1, &[(1, 0)])).await;
    let batch = || [write(2, &[(1, 1), (2, 0)]), write(1, &[(1, 0)]), write(3, &[(9, 9)])];
    proxy.cut_next_answer();
    let verdicts = log.append(batch().into()).await.unwrap();
    assert!(matches!(
        verdicts[0],
        Verdict::Committed { first: Position(2), last: Position(3), .. }
    ));
    assert!(matches!(verdicts[2], Verdict::Bounced(_)));
    assert_eq!(everything(&log).await.head, Position(3));
    // Without a lost answer, the same is known for what it is.
    let verdicts = log.append(batch().into()).await.unwrap();
    assert!(matches!(verdicts[0], Verdict::Duplicate(known) if known.last == Position(3)));
    assert_eq!(everything(&log).await.head, Position(3));
}

/// Another command of the same id that was there before is not taken for one's own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_duplicate_stays_one_when_its_answer_is_lost() {
    let scratch = Scratch::new().await;
    let proxy = Proxy::new(&scratch.url()).await;
    let log = node(proxy.url()).await;
    one(&log, write(1, &[(1, 0)])).await;
    one(&log, write(2, &[(1, 1)])).await;
    proxy.cut_next_answer();
    // The same bytes, expected at another version.
    let verdict = one(&log, write(1, &[(1, 2)])).await;
    assert!(matches!(verdict, Verdict::Duplicate(known) if known.first == Position(1)));
}

/// A database that was restored, or another server behind the same name: what this node remembers is of no use there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_connects_again_writes_to_its_own_log_only() {
    let scratch = Scratch::new().await;
    let log = node(&scratch.url()).await;
    one(&log, write(1, &[(1, 0)])).await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'leadline log-writer'";
    scratch.run(cut).await.unwrap();
    one(&log, write(2, &[(1, 1)])).await;
    scratch.run("UPDATE leadline.meta SET epoch = epoch + 1").await.unwrap();
    scratch.run(cut).await.unwrap();
    let refused = log.append([write(3, &[(1, 2)])].into()).await.unwrap_err();
    assert!(matches!(refused, Error::Receded { position: Position(2), .. }), "{refused}");
    assert_eq!(everything(&log).await.head, Position(2));
}

/// Readers find a server that was started anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_survive_the_loss_of_their_session() {
    let scratch = Scratch::new().await;
    let log = node(&scratch.url()).await;
    one(&log, write(1, &[(1, 0)])).await;
    for _ in 0..3 {
        scratch
            .run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .await
            .unwrap();
        assert_eq!(everything(&log).await.head, Position(1));
    }
}

/// Callers go away at any moment; nobody after them gets a session in disorder.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_that_are_abandoned_leave_nothing_behind() {
    let scratch = Scratch::new().await;
    let log = node(&scratch.url()).await;
    one(&log, write(1, &[(1, 0)])).await;
    for number in 0..40_u64 {
        let asked = tokio::time::timeout(Duration::from_micros(number * 40), everything(&log));
        drop(asked.await);
    }
    assert_eq!(everything(&log).await.events.len(), 1);
    let open = "SELECT count(*) = 0 FROM pg_stat_activity
                WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    scratch.until(open).await;
}
