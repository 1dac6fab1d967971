//! Deadlines across restarts, on a clock that the test sets.

use crate::support::engine::{SetClock, capture, command, hours, imported, open, run_timer, types};
use crate::support::place::Place;
use leadline_domain::decision::Mode;
use leadline_domain::id::LeadId;
use leadline_domain::{Timestamp, lead};
use leadline_engine::{Engine, Target, timer};
use leadline_log::Position;
use uuid::Uuid;

async fn captured(engine: &Engine, email: &str) -> Uuid {
    engine.execute(capture(Target::New, email)).await.unwrap().target.key()
}

fn mark_mql(lead: Uuid) -> leadline_engine::Submission {
    command(Target::Id(lead), lead::Command::MarkMql)
}

/// What the timer does when a deadline comes: names of the events, and the next deadline.
async fn settle(engine: &Engine, lead: Uuid) -> (Vec<String>, Option<Timestamp>) {
    let settle = timer::settle(LeadId(lead), None, Mode::Live).unwrap();
    let reply = engine.execute(settle).await.unwrap();
    (reply.events.into_iter().map(|event| event.event_type).collect(), reply.next_due)
}

fn head(engine: &Engine) -> Position {
    *engine.head().borrow()
}

#[tokio::test]
async fn a_breach_is_not_lost_when_a_reminder_was_sent_before_a_restart() {
    let place = Place::of_files();
    let clock = SetClock::at(hours(0));
    let engine = open(&place.database(), &clock).await;
    let lead = captured(&engine, "ada@example.org").await;
    let marked = engine.execute(mark_mql(lead)).await.unwrap();
    assert_eq!(marked.next_due, Some(hours(12)));
    clock.set(hours(13));
    let reminded = (vec!["lead.sla_reminder_due".to_owned()], Some(hours(18)));
    assert_eq!(settle(&engine, lead).await, reminded);
    assert_eq!(settle(&engine, lead).await, (Vec::new(), Some(hours(18))));
    engine.close().await;
    drop(engine);

    clock.set(hours(25));
    let engine = open(&place.database(), &clock).await;
    let before = head(&engine);
    run_timer(&engine, Position(before.0 + 2)).await;
    let events = types(&engine, before).await;
    assert_eq!(events, ["lead.sla_reminder_due", "lead.sla_breached"]);
    assert_eq!(settle(&engine, lead).await, (Vec::new(), None));
    engine.close().await;
}

#[tokio::test]
async fn an_imported_lead_is_watched_after_its_first_live_event_also_by_the_next_process() {
    let place = Place::of_files();
    let clock = SetClock::at(hours(1));
    let engine = open(&place.database(), &clock).await;
    let mut leads = Vec::new();
    for email in ["ada@example.org", "bob@example.org"] {
        let lead = engine.execute(imported(capture(Target::New, email), hours(0))).await.unwrap();
        let lead = lead.target.key();
        engine.execute(imported(mark_mql(lead), hours(0))).await.unwrap();
        leads.push(lead);
    }
    let assign = lead::Command::Assign { to: lead::Owner::Person("mia".to_owned()), reason: None };
    engine.execute(command(Target::Id(leads[1]), assign)).await.unwrap();
    engine.close().await;
    drop(engine);

    clock.set(hours(60));
    let engine = open(&place.database(), &clock).await;
    let before = head(&engine);
    run_timer(&engine, Position(before.0 + 3)).await;
    let events = types(&engine, before).await;
    assert_eq!(events.last().map(String::as_str), Some("lead.sla_breached"));
    assert_eq!(events.len(), 3, "the other lead was left alone: {events:?}");
    assert_eq!(settle(&engine, leads[1]).await, (Vec::new(), None));
    engine.close().await;
}

#[tokio::test]
async fn deadlines_that_come_all_at_once_are_all_met_with() {
    const LEADS: u64 = 200;
    let place = Place::of_files();
    let clock = SetClock::at(hours(0));
    let engine = open(&place.database(), &clock).await;
    for number in 0..LEADS {
        let lead = captured(&engine, &format!("ada{number}@example.org")).await;
        engine.execute(mark_mql(lead)).await.unwrap();
    }
    clock.set(hours(60));
    let before = head(&engine);
    // Two timers, as two servers on one log would have: what one settles, the other finds settled.
    let all = Position(before.0 + 3 * LEADS);
    tokio::join!(run_timer(&engine, all), run_timer(&engine, all));
    assert_eq!(head(&engine), all);
    engine.close().await;
}
