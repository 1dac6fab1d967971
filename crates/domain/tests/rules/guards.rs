//! Who may take a step, with what reason, and when.

use crate::given::{World, hour, some};
use crate::phases::lead_in;
use leadline_domain::Refusal;
use leadline_domain::lead::{Command, Event, Owner, Phase};

#[test]
fn sales_answers_only_for_what_it_has() {
    let owned_by = |owner: Owner| {
        lead_in(Phase::Mql).lead(5, Event::Assigned { to: owner, from: None, reason: None })
    };
    let by_bob = owned_by(Owner::Person("bob".to_owned()));
    let in_queue = owned_by(Owner::Queue("north".to_owned()));
    let reject = || Command::RejectSal { reason: some("no phone"), outcome: None };
    for command in [Command::AcceptSal, reject()] {
        assert_eq!(
            by_bob.lead_when(command.clone()),
            Err(Refusal::NotAssignee { owner: "bob".to_owned() })
        );
        assert_eq!(
            in_queue.lead_when(command.clone()),
            Err(Refusal::OwnerIsQueue { queue: "north".to_owned() })
        );
        assert!(by_bob.clone().by("bob").lead_when(command.clone()).is_ok());
        assert!(by_bob.clone().supervising().lead_when(command).is_ok());
    }
    let accepted = |world: World| match world.lead_when(Command::AcceptSal).unwrap().as_slice() {
        [Event::AcceptedBySales { owner, .. }, _] => owner.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(accepted(by_bob.clone().supervising()), some("bob"));
    assert_eq!(accepted(in_queue.supervising()), some("ada"));
    assert_eq!(accepted(by_bob.import()), some("ada"));
}

#[test]
fn leaving_needs_an_accepted_reason_unless_it_is_history() {
    let leave: [fn(Option<String>) -> Command; 2] =
        [|reason| Command::Disqualify { reason }, |reason| Command::Recycle { reason }];
    for leave in leave {
        let world = lead_in(Phase::Working);
        assert_eq!(world.lead_when(leave(None)), Err(Refusal::ReasonRequired));
        assert_eq!(world.lead_when(leave(some(" "))), Err(Refusal::ReasonRequired));
        assert!(world.clone().import().lead_when(leave(None)).is_ok());
        let listed = world.under(|policies| {
            let mut process = (*policies.process.policy).clone();
            process.reasons = vec!["no budget".to_owned()];
            policies.process.policy = process.into();
        });
        let allowed = vec!["no budget".to_owned()];
        assert_eq!(
            listed.lead_when(leave(some("whim"))),
            Err(Refusal::ReasonUnknown { reason: "whim".to_owned(), allowed })
        );
        assert!(listed.lead_when(leave(some("no budget"))).is_ok());
        assert!(listed.import().lead_when(leave(some("whim"))).is_ok());
    }
    let world = lead_in(Phase::Mql);
    let reject = Command::RejectSal { reason: None, outcome: None };
    assert_eq!(world.lead_when(reject), Err(Refusal::ReasonRequired));
}

#[test]
fn without_hand_over_there_is_no_mql() {
    let world = lead_in(Phase::New).under(|policies| {
        let mut process = (*policies.process.policy).clone();
        process.hand_off = false;
        policies.process.policy = process.into();
    });
    assert_eq!(world.lead_when(Command::MarkMql), Err(Refusal::StepDisabled { step: "MarkMQL" }));
    assert_eq!(
        world.lead_when(Command::Qualify),
        Err(Refusal::TransitionNotAllowed {
            phase: Phase::New,
            allowed: vec!["Disqualify", "Recycle"]
        })
    );
}

#[test]
fn decisions_follow_one_another_in_time() {
    let world = lead_in(Phase::Sal);
    let last = hour(2);
    assert_eq!(
        world.clone().told_late(1).lead_when(Command::Qualify),
        Err(Refusal::BackdateNotAllowed { last })
    );
    assert!(world.told_late(2).lead_when(Command::Qualify).is_ok());
}

#[test]
fn nothing_happens_before_the_capture_or_in_the_future() {
    let world = lead_in(Phase::Working);
    let captured_at = hour(0);
    for world in [world.clone(), world.clone().import()] {
        assert_eq!(
            world.told_late(-1).lead_when(Command::Qualify),
            Err(Refusal::OccurredBeforeCapture { captured_at })
        );
    }
    let mut ahead = world;
    ahead.context.occurred_at = ahead.context.now.plus_millis(300_000);
    assert!(ahead.lead_when(Command::Qualify).is_ok());
    ahead.context.occurred_at = ahead.context.now.plus_millis(300_001);
    assert_eq!(ahead.lead_when(Command::Qualify), Err(Refusal::OccurredInFuture));
}

#[test]
fn nothing_happens_to_a_lead_that_nobody_captured() {
    for command in [Command::Qualify, Command::Settle, Command::AddNote { note: None }] {
        assert_eq!(World::new().lead_when(command), Err(Refusal::LeadUnknown));
    }
}
