//! Every command that changes the phase, from every phase.

use crate::given::{ACCOUNT, CONTACT, LEAD, OPPORTUNITY, World, captured, hour, some};
use leadline_domain::lead::{Command, Event, Milestone, Phase, RejectOutcome};
use leadline_domain::policy::shipped;
use leadline_domain::{Refusal, lead};

/// When the clock of a lead that [`lead_in`] put in MQL started.
pub(crate) const HANDED_OVER: i64 = 1;

/// A lead that came to this phase by the shortest way; it is hour 10.
pub(crate) fn lead_in(phase: Phase) -> World {
    let world = World::new().lead(0, captured());
    let marked = || {
        let mut world = world.clone().at(HANDED_OVER);
        for event in world.lead_when(Command::MarkMql).unwrap() {
            world = world.lead(HANDED_OVER, event);
        }
        world
    };
    let accepted = || {
        let mut world = marked().at(2);
        for event in world.lead_when(Command::AcceptSal).unwrap() {
            world = world.lead(2, event);
        }
        world
    };
    let world = match phase {
        Phase::New => world,
        Phase::Working => world.lead(1, first_contact()),
        Phase::Nurturing => {
            world.lead(1, Event::Recycled { from: Phase::New, reason: some("later") })
        }
        Phase::Mql => marked(),
        Phase::Sal => accepted(),
        Phase::Qualified => accepted().lead(3, Event::Qualified { from: Phase::Sal }),
        Phase::Converted => accepted().lead(
            3,
            Event::Converted {
                from: Phase::Sal,
                account: ACCOUNT,
                contact: CONTACT,
                opportunity: Some(OPPORTUNITY),
                no_opportunity_reason: None,
            },
        ),
        Phase::Unqualified => {
            world.lead(1, Event::Disqualified { from: Phase::New, reason: some("no need") })
        }
    };
    assert_eq!(world.state().phase, phase);
    world.at(10)
}

fn first_contact() -> Event {
    let (from, to) = (Phase::New, Phase::Working);
    Event::ContactAttempted { channel: None, outcome: None, from, to }
}

type Verdict = Result<Vec<Event>, Refusal>;

/// Checks one command from each phase, in the order of [`Phase::ALL`].
pub(crate) fn check(command: &Command, expected: [Verdict; 8]) {
    for (phase, expected) in Phase::ALL.into_iter().zip(expected) {
        let actual = lead_in(phase).lead_when(command.clone());
        assert_eq!(actual, expected, "{} from {}", command.name(), phase.name());
    }
}

fn closed(phase: Phase) -> Verdict {
    let allowed: &[&str] = match phase {
        Phase::New => &["MarkMQL", "Disqualify", "Recycle"],
        Phase::Working => &["MarkMQL", "QualifyLead", "Disqualify", "Recycle"],
        Phase::Nurturing => &["MarkMQL", "QualifyLead"],
        Phase::Mql => &["RevokeMQL", "AcceptSAL", "RejectSAL", "Disqualify", "Recycle"],
        Phase::Sal => &["QualifyLead", "Disqualify", "Recycle", "ConvertLead"],
        Phase::Qualified => &["Disqualify", "Recycle", "ConvertLead"],
        Phase::Converted => &[],
        Phase::Unqualified => &["MarkMQL", "ReopenLead"],
    };
    Err(Refusal::TransitionNotAllowed { phase, allowed: allowed.to_vec() })
}

fn not_mql(phase: Phase) -> Verdict {
    Err(Refusal::NotMql { phase })
}

fn accepted_already() -> Verdict {
    Err(Refusal::AlreadyAccepted { owner: some("ada") })
}

/// The clock, stopped at hour 10: nine hours of working time have passed.
fn met() -> Event {
    Event::ClockMet {
        milestone: Milestone::Acceptance,
        cycle: 1,
        in_time: true,
        elapsed_seconds: (10 - HANDED_OVER) * 3_600,
    }
}

#[test]
fn mark_mql() {
    use lead::event::ClockStep;
    let marked = |from, cycle| {
        let steps = [(50, 22), (75, 28), (100, 34)];
        let steps = steps.map(|(percent, at)| ClockStep { percent, at: hour(at) }).to_vec();
        let clock = Event::ClockStarted {
            milestone: Milestone::Acceptance,
            cycle,
            policy: shipped::policies().acceptance.reference.clone(),
            target_seconds: 86_400,
            due_at: hour(34),
            steps,
        };
        Ok(vec![Event::MarkedMql { from, cycle }, clock])
    };
    check(
        &Command::MarkMql,
        [
            marked(Phase::New, 1),
            marked(Phase::Working, 1),
            marked(Phase::Nurturing, 1),
            Err(Refusal::AlreadyMql),
            closed(Phase::Sal),
            closed(Phase::Qualified),
            closed(Phase::Converted),
            marked(Phase::Unqualified, 1),
        ],
    );
}

#[test]
fn revoke_mql() {
    let reason = some("too early");
    let cancelled = Event::ClockCancelled { milestone: Milestone::Acceptance, cycle: 1 };
    check(
        &Command::RevokeMql { reason: reason.clone() },
        [
            not_mql(Phase::New),
            not_mql(Phase::Working),
            not_mql(Phase::Nurturing),
            Ok(vec![Event::MqlRevoked { reason }, cancelled]),
            accepted_already(),
            not_mql(Phase::Qualified),
            not_mql(Phase::Converted),
            not_mql(Phase::Unqualified),
        ],
    );
}

#[test]
fn accept_sal() {
    check(
        &Command::AcceptSal,
        [
            not_mql(Phase::New),
            not_mql(Phase::Working),
            not_mql(Phase::Nurturing),
            Ok(vec![Event::AcceptedBySales { owner: some("ada"), from: None }, met()]),
            accepted_already(),
            not_mql(Phase::Qualified),
            not_mql(Phase::Converted),
            not_mql(Phase::Unqualified),
        ],
    );
}

#[test]
fn reject_sal() {
    for (given, outcome) in [
        (None, RejectOutcome::Return),
        (Some(RejectOutcome::Nurture), RejectOutcome::Nurture),
        (Some(RejectOutcome::Disqualify), RejectOutcome::Disqualify),
    ] {
        let reason = "no phone".to_owned();
        check(
            &Command::RejectSal { reason: some("no phone"), outcome: given },
            [
                not_mql(Phase::New),
                not_mql(Phase::Working),
                not_mql(Phase::Nurturing),
                Ok(vec![Event::RejectedBySales { reason, outcome }, met()]),
                accepted_already(),
                not_mql(Phase::Qualified),
                not_mql(Phase::Converted),
                not_mql(Phase::Unqualified),
            ],
        );
    }
}

#[test]
fn qualify() {
    let qualified = |from| Ok(vec![Event::Qualified { from }]);
    check(
        &Command::Qualify,
        [
            closed(Phase::New),
            qualified(Phase::Working),
            qualified(Phase::Nurturing),
            closed(Phase::Mql),
            qualified(Phase::Sal),
            Err(Refusal::AlreadyQualified),
            closed(Phase::Converted),
            closed(Phase::Unqualified),
        ],
    );
}

#[test]
fn disqualify() {
    let disqualified = |from| Event::Disqualified { from, reason: some("no budget") };
    let left = |from| Ok(vec![disqualified(from)]);
    check(
        &Command::Disqualify { reason: some("no budget") },
        [
            left(Phase::New),
            left(Phase::Working),
            closed(Phase::Nurturing),
            Ok(vec![disqualified(Phase::Mql), met()]),
            left(Phase::Sal),
            left(Phase::Qualified),
            closed(Phase::Converted),
            Err(Refusal::AlreadyUnqualified),
        ],
    );
}

#[test]
fn recycle() {
    let recycled = |from| Event::Recycled { from, reason: some("timing") };
    let left = |from| Ok(vec![recycled(from)]);
    check(
        &Command::Recycle { reason: some("timing") },
        [
            left(Phase::New),
            left(Phase::Working),
            Err(Refusal::AlreadyNurturing),
            Ok(vec![recycled(Phase::Mql), met()]),
            left(Phase::Sal),
            left(Phase::Qualified),
            closed(Phase::Converted),
            closed(Phase::Unqualified),
        ],
    );
}

#[test]
fn reopen() {
    for (given, to) in [
        (None, Phase::Working),
        (Some(Phase::New), Phase::New),
        (Some(Phase::Working), Phase::Working),
        (Some(Phase::Nurturing), Phase::Nurturing),
    ] {
        let reopened = Event::Reopened { to, cycle: 2, reason: some("new budget") };
        check(
            &Command::Reopen { to: given, reason: some("new budget") },
            [
                closed(Phase::New),
                closed(Phase::Working),
                closed(Phase::Nurturing),
                closed(Phase::Mql),
                closed(Phase::Sal),
                closed(Phase::Qualified),
                closed(Phase::Converted),
                Ok(vec![reopened]),
            ],
        );
    }
    let command = Command::Reopen { to: Some(Phase::Qualified), reason: None };
    assert_eq!(lead_in(Phase::Unqualified).lead_when(command), closed(Phase::Unqualified));
}

#[test]
fn the_first_contact_takes_new_to_working() {
    let (channel, outcome) = (some("phone"), some("no answer"));
    let attempted = |from, to| {
        let (channel, outcome) = (channel.clone(), outcome.clone());
        Ok(vec![Event::ContactAttempted { channel, outcome, from, to }])
    };
    let same = |phase| attempted(phase, phase);
    let responded = |from, to| {
        let (channel, outcome) = (channel.clone(), outcome.clone());
        Ok(vec![Event::ResponseLogged { channel, outcome, first: true, from, to }])
    };
    check(
        &Command::LogContactAttempt { channel: channel.clone(), outcome: outcome.clone() },
        [
            attempted(Phase::New, Phase::Working),
            same(Phase::Working),
            same(Phase::Nurturing),
            same(Phase::Mql),
            same(Phase::Sal),
            same(Phase::Qualified),
            same(Phase::Converted),
            same(Phase::Unqualified),
        ],
    );
    check(
        &Command::LogResponse { channel: channel.clone(), outcome: outcome.clone() },
        [
            responded(Phase::New, Phase::Working),
            responded(Phase::Working, Phase::Working),
            responded(Phase::Nurturing, Phase::Nurturing),
            responded(Phase::Mql, Phase::Mql),
            responded(Phase::Sal, Phase::Sal),
            responded(Phase::Qualified, Phase::Qualified),
            responded(Phase::Converted, Phase::Converted),
            responded(Phase::Unqualified, Phase::Unqualified),
        ],
    );
}

#[test]
fn only_the_first_response_since_the_hand_over_is_first() {
    let respond =
        leadline_domain::Command::Lead(LEAD, Command::LogResponse { channel: None, outcome: None });
    let first = |world: &World| match world.when(&respond).unwrap().as_slice() {
        [(_, leadline_domain::Event::Lead(Event::ResponseLogged { first, .. }))] => *first,
        other => panic!("{other:?}"),
    };
    let world = lead_in(Phase::New);
    assert!(first(&world));
    let world = world.run(&respond).unwrap();
    assert!(!first(&world));
    let world = world.run(&leadline_domain::Command::Lead(LEAD, Command::MarkMql)).unwrap();
    assert!(first(&world));
}

#[test]
fn a_contact_told_after_a_later_decision_does_not_move_the_phase() {
    let world = lead_in(Phase::Unqualified)
        .at(20)
        .lead(20, Event::Reopened { to: Phase::New, cycle: 2, reason: None });
    let attempt = Command::LogContactAttempt { channel: None, outcome: None };
    let (from, to) = (Phase::New, Phase::New);
    assert_eq!(
        world.clone().told_late(15).lead_when(attempt.clone()),
        Ok(vec![Event::ContactAttempted { channel: None, outcome: None, from, to }])
    );
    let to = Phase::Working;
    assert_eq!(
        world.lead_when(attempt),
        Ok(vec![Event::ContactAttempted { channel: None, outcome: None, from, to }])
    );
}
