//! The acceptance clock: deadlines, reminders, breaches.

use crate::given::{LEAD, World, captured, hour, some};
use crate::phases::lead_in;
use leadline_domain::calendar::Calendar;
use leadline_domain::decision::{Context, Decider, Inputs, Leadline, Mode};
use leadline_domain::lead::state::ClockState;
use leadline_domain::lead::{Command, Event, Milestone, Owner, Phase};
use leadline_domain::policy::{Document, PolicyRef, shipped};
use leadline_domain::{Command as AnyCommand, Event as AnyEvent, StreamId, config};
use std::collections::BTreeMap;

const MILESTONE: Milestone = Milestone::Acceptance;

fn reminder(percent: u16) -> Event {
    Event::ReminderDue { milestone: MILESTONE, cycle: 1, percent }
}

fn breached(owner: Option<Owner>) -> Event {
    Event::Breached { milestone: MILESTONE, cycle: 1, charged_to: owner }
}

fn met(in_time: bool, elapsed_seconds: i64) -> Event {
    Event::ClockMet { milestone: MILESTONE, cycle: 1, in_time, elapsed_seconds }
}

fn accepted() -> Event {
    Event::AcceptedBySales { owner: some("ada"), from: None }
}

#[test]
fn each_step_fires_once_at_its_own_time() {
    let world = lead_in(Phase::Mql);
    assert_eq!(world.clone().at(13).settled(), [], "its instant has not passed yet");
    assert_eq!(world.clone().at(14).settled(), [(hour(13), reminder(50))]);
    let reminded = world.at(14).settle();
    assert_eq!(reminded.settled(), []);
    assert_eq!(reminded.state().next_due(), Some(hour(19)));
    let late = reminded.at(60);
    assert_eq!(late.settled(), [(hour(19), reminder(75)), (hour(25), breached(None))]);
    assert_eq!(late.settle().settled(), []);
}

#[test]
fn a_breach_is_charged_to_whoever_has_the_lead() {
    let owner = Owner::Queue("north".to_owned());
    let assigned = Event::Assigned { to: owner.clone(), from: None, reason: None };
    let world = lead_in(Phase::Mql).lead(5, assigned).at(26);
    assert_eq!(world.settled().pop(), Some((hour(25), breached(Some(owner)))));
}

#[test]
fn history_reminds_nobody() {
    let world = lead_in(Phase::Mql).import();
    assert_eq!(world.clone().at(25).settled(), []);
    assert_eq!(world.state().breach_due(), Some(hour(25)));
    let world = world.at(26);
    assert_eq!(world.settled(), [(hour(25), breached(None))]);
    let world = world.settle().mode(Mode::Live);
    assert_eq!((world.settled(), world.state().breach_due()), (Vec::new(), None));
}

#[test]
fn what_is_done_at_the_deadline_itself_is_in_time_and_no_breach() {
    let world = lead_in(Phase::Mql).at(25);
    assert!(!world.settled().iter().any(|(_, event)| matches!(event, Event::Breached { .. })));
    assert_eq!(
        world.settle().lead_when(Command::AcceptSal),
        Ok(vec![accepted(), met(true, 24 * 3_600)])
    );
}

#[test]
fn in_time_is_a_matter_of_when_it_was_done() {
    let world = lead_in(Phase::Mql).at(60).settle();
    assert!(world.state().acceptance.as_ref().unwrap().breached);
    let accepted_at = |hours| world.clone().told_late(hours).lead_when(Command::AcceptSal);
    assert_eq!(accepted_at(25), Ok(vec![accepted(), met(true, 24 * 3_600)]));
    assert_eq!(accepted_at(26), Ok(vec![accepted(), met(false, 25 * 3_600)]));
}

#[test]
fn a_breach_does_not_bar_what_was_done_before_it() {
    let world = lead_in(Phase::Mql).at(60).settle().told_late(20);
    assert!(world.lead_when(Command::RevokeMql { reason: None }).is_ok());
}

#[test]
fn the_weekend_does_not_count() {
    // Friday 16:00 plus 24 working hours is Monday 16:00.
    let world = World::new().lead(0, captured()).at(4 * 24 + 16);
    match world.lead_when(Command::MarkMql).unwrap().as_slice() {
        [_, Event::ClockStarted { due_at, .. }] => assert_eq!(*due_at, hour(7 * 24 + 16)),
        other => panic!("{other:?}"),
    }
}

/// The shipped acceptance policy, but only Mondays count.
fn mondays_only() -> Document {
    let mut sla = (*shipped::policies().acceptance.policy).clone();
    let mut weekly = sla.calendar.weekly().clone();
    weekly.iter_mut().skip(1).for_each(Vec::clear);
    let calendar = Calendar::new(sla.calendar.tz(), weekly, BTreeMap::new()).unwrap();
    sla.calendar = calendar.into();
    Document::AcceptanceSla(sla)
}

/// Publishes the policy and puts it in force from the beginning of the week on.
fn in_force(world: World, document: Document, reference: &PolicyRef) -> World {
    let policy = reference.name_and_version().to_owned();
    let (document, source) = (Box::new(document), String::new());
    let publish = config::Command::Publish { document, source, reference: reference.clone() };
    let activate = config::Command::Activate { policy, effective_from: Some(hour(0)) };
    let world = world.run(&AnyCommand::Config(publish)).unwrap();
    world.run(&AnyCommand::Config(activate)).unwrap()
}

#[test]
fn a_clock_runs_to_its_end_under_the_policy_that_it_started_under() {
    let weekdays = Document::AcceptanceSla((*shipped::policies().acceptance.policy).clone());
    let (first, second) = (PolicyRef("sla@1#aa".into()), PolicyRef("sla@2#bb".into()));
    let world = in_force(World::new(), weekdays, &first).lead(0, captured()).at(20);
    let world = world.run(&AnyCommand::Lead(LEAD, Command::MarkMql)).unwrap();
    assert_eq!(world.state().running_clock().unwrap().policy, first);
    // On Tuesday, another version is put in force with a date before the clock began to run.
    let world = in_force(world.at(30), mondays_only(), &second);
    let accepted = world.decide(&AnyCommand::Lead(LEAD, Command::AcceptSal)).unwrap();
    let stopped = accepted.events.last().unwrap();
    assert_eq!(stopped.event, AnyEvent::Lead(met(true, 10 * 3_600)));
    assert_eq!(stopped.policies, std::slice::from_ref(&first));
    let inputs = Inputs { streams: &world.streams, matches: &[] };
    let late = Context { now: hour(60), ..world.context.clone() };
    let due = Leadline::settle(&StreamId::Lead(LEAD), &inputs, &late);
    assert_eq!(due.len(), 3);
    assert!(due.iter().all(|step| step.policies == [first.clone()]), "{due:?}");
}

#[test]
fn without_a_service_level_there_is_no_clock() {
    let world = lead_in(Phase::New).under(|policies| {
        let mut sla = (*policies.acceptance.policy).clone();
        sla.active = false;
        policies.acceptance.policy = sla.into();
    });
    let marked = Event::MarkedMql { from: Phase::New, cycle: 1 };
    assert_eq!(world.lead_when(Command::MarkMql), Ok(vec![marked.clone()]));
    let world = world.lead(10, marked).at(60);
    assert_eq!(world.settled(), []);
    assert_eq!(world.lead_when(Command::AcceptSal), Ok(vec![accepted()]));
}

#[test]
fn a_second_hand_over_runs_a_second_clock() {
    let mut world = lead_in(Phase::Mql);
    for command in [Command::RevokeMql { reason: None }, Command::MarkMql] {
        for event in world.lead_when(command).unwrap() {
            world = world.lead(10, event);
        }
    }
    let clock = world.state().running_clock().unwrap();
    assert_eq!((clock.cycle, clock.started_at), (2, hour(10)));
    assert_eq!(world.state().mql_cycle, 2);
    let cancelled = Event::ClockCancelled { milestone: MILESTONE, cycle: 1 };
    let world = world.lead(11, cancelled);
    assert_eq!(world.state().acceptance.as_ref().unwrap().state, ClockState::Running);
}

#[test]
fn settling_by_command_does_nothing_more() {
    assert_eq!(lead_in(Phase::Mql).at(60).settle().lead_when(Command::Settle), Ok(Vec::new()));
}
