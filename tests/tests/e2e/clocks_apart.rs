//! Callers and servers whose clocks differ, and commands that come again.

use crate::support::engine::{SetClock, capture, command, hours, keyed, minutes, open};
use crate::support::place::Place;
use leadline_domain::id::LeadId;
use leadline_domain::{StreamId, lead};
use leadline_engine::{Caller, Engine, Error, Refused, Reply, Submission, Target};
use uuid::Uuid;

fn at(lead: Uuid, of: lead::Command) -> Submission {
    command(Target::Id(lead), of)
}

async fn refused(engine: &Engine, submission: Submission) -> Refused {
    match engine.execute(submission).await {
        Err(Error::Refused(refused)) => *refused,
        other => panic!("{other:?}"),
    }
}

/// When the last event of a reply happened.
async fn effective_at(engine: &Engine, reply: &Reply) -> String {
    let event = engine.explain(&Caller::system("test"), reply.position).await.unwrap();
    event["effective_at"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_dated_a_little_ahead_bars_nothing_that_comes_after_it() {
    let place = Place::of_files();
    let clock = SetClock::at(minutes(0));
    let engine = open(&place.database(), &clock).await;
    let dated = |submission, at| Submission { occurred_at: Some(minutes(at)), ..submission };
    let captured = dated(capture(Target::New, "ada@example.org"), 3);
    let lead = engine.execute(captured).await.unwrap().target.key();
    let marked = keyed(at(lead, lead::Command::MarkMql), "m");
    let marked = engine.execute(marked).await.unwrap();
    assert_eq!(effective_at(&engine, &marked).await, minutes(3).to_string());
    engine.execute(dated(at(lead, lead::Command::AcceptSal), 4)).await.unwrap();
    engine.close().await;
    drop(engine);

    // The next server's clock is behind.
    clock.set(minutes(-2));
    let engine = open(&place.database(), &clock).await;
    let qualified = engine.execute(at(lead, lead::Command::Qualify)).await.unwrap();
    assert_eq!(effective_at(&engine, &qualified).await, minutes(4).to_string());
    // What a caller dates itself is taken at its word.
    let told_late = dated(at(lead, lead::Command::Recycle { reason: None }), 3);
    assert_eq!(refused(&engine, told_late).await.code, "backdate_not_allowed");
    engine.close().await;
}

#[tokio::test]
async fn a_repeated_refusal_is_the_first_one_in_every_field() {
    let place = Place::of_files();
    let engine = open(&place.database(), &SetClock::at(hours(0))).await;
    let captured = engine.execute(capture(Target::New, "ada@example.org")).await.unwrap();
    let lead = captured.target.key();
    engine.execute(at(lead, lead::Command::MarkMql)).await.unwrap();
    let reject = || lead::Command::RejectSal { reason: None, outcome: None };
    for (key, of) in [("a", lead::Command::MarkMql), ("b", reject())] {
        let first = refused(&engine, keyed(at(lead, of.clone()), key)).await;
        assert!(first.current_version.is_some() && first.position.is_some(), "{first:?}");
        engine
            .execute(at(lead, lead::Command::EnqueueWork { queue: format!("q{key}") }))
            .await
            .unwrap();
        assert_eq!(refused(&engine, keyed(at(lead, of), key)).await, first);
    }
    let missing = refused(&engine, keyed(at(lead, reject()), "b")).await.missing;
    assert_eq!(missing, ["reason"]);
    engine.close().await;
}

#[tokio::test]
async fn a_refusal_that_passes_does_not_stick_to_its_key() {
    let place = Place::of_files();
    let clock = SetClock::at(minutes(0));
    let engine = open(&place.database(), &clock).await;
    let captured = engine.execute(capture(Target::New, "ada@example.org")).await.unwrap();
    let lead = captured.target.key();
    let soon = || Submission {
        occurred_at: Some(minutes(10)),
        ..keyed(at(lead, lead::Command::MarkMql), "soon")
    };
    for minute in [0, 1] {
        clock.set(minutes(minute));
        let early = refused(&engine, soon()).await;
        assert_eq!((early.code.as_str(), early.retryable), ("occurred_in_future", true));
    }
    clock.set(minutes(10));
    let first = engine.execute(soon()).await.unwrap();
    let again = engine.execute(soon()).await.unwrap();
    assert_eq!((again.position, again.repeated), (first.position, true));

    let read_at = |version| Submission {
        if_version: Some(version),
        ..keyed(at(lead, lead::Command::AcceptSal), "read")
    };
    let stale = refused(&engine, read_at(1)).await;
    assert_eq!(
        (stale.code.as_str(), stale.current_version),
        ("stale_version", Some(first.version))
    );
    let accepted = engine.execute(read_at(first.version)).await.unwrap();
    assert!(!accepted.repeated);
    engine.close().await;
}

#[tokio::test]
async fn a_repeated_reply_names_the_target_of_the_first() {
    let place = Place::of_files();
    let clock = SetClock::at(hours(0));
    let engine = open(&place.database(), &clock).await;
    let key = || Target::Key("crm/1".to_owned());
    let known = engine.execute(capture(key(), "ada@example.org")).await.unwrap().target;
    let other = engine.execute(capture(Target::New, "bob@example.org")).await.unwrap().target;
    engine.execute(at(other.key(), lead::Command::MarkMql)).await.unwrap();
    // The other lead's clock is overdue, and its breach comes first in the log.
    clock.set(hours(60));
    let again = || keyed(capture(key(), "bob@example.org"), "both");
    let first = engine.execute(again()).await.unwrap();
    assert_eq!(first.events[0].stream, StreamId::Lead(LeadId(other.key())));
    let repeated = engine.execute(again()).await.unwrap();
    assert_eq!((first.target, repeated.target), (known, known));
    assert_eq!((repeated.version, repeated.events), (first.version, first.events));
    // Nothing to change is an answer as well, and stays the same one.
    let source = || keyed(at(known.key(), lead::Command::SetSource { source: "Web".into() }), "s");
    engine
        .execute(at(known.key(), lead::Command::SetSource { source: "Web".into() }))
        .await
        .unwrap();
    let first = engine.execute(source()).await.unwrap();
    engine.execute(at(known.key(), lead::Command::MarkMql)).await.unwrap();
    let repeated = engine.execute(source()).await.unwrap();
    assert!(first.events.is_empty());
    assert_eq!((repeated.target, repeated.version), (first.target, first.version));
    engine.close().await;
}
