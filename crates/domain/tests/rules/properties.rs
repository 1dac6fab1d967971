//! What holds of any history.

use crate::given::{CONTACT, LEAD, OPPORTUNITY, World, euro, fields, hour, matched, sealed, some};
use leadline_domain::actor::{Actor, ActorKind};
use leadline_domain::decision::Class;
use leadline_domain::lead::command::{Capture, Convert};
use leadline_domain::lead::{Command, Owner, Phase, RejectOutcome, decide::open_steps};
use leadline_domain::policy::shipped;
use leadline_domain::sealed::Field;
use leadline_domain::{
    Command as AnyCommand, Decider, Leadline, State, StreamId, campaign, config, opportunity,
    subject,
};
use proptest::prelude::*;

fn commands() -> Vec<AnyCommand> {
    let queue = || "calls".to_owned();
    let capture = Capture {
        person: Some(sealed(1)),
        fields: fields(&[Field::Email]),
        channel: some("web"),
        ..Capture::default()
    };
    let leads = [
        Command::Capture(Box::new(capture)),
        Command::UpdateDetails {
            person: Some(sealed(2)),
            fields: fields(&[Field::City]),
            amount: Some(euro(3)),
        },
        Command::SetSource { source: "Fair".to_owned() },
        Command::LinkCampaign { campaign: "spring".to_owned() },
        Command::RecordTouch { channel: some("mail"), campaign: some("spring"), source: None },
        Command::Assign { to: Owner::Person("bob".to_owned()), reason: None },
        Command::Assign { to: Owner::Queue("north".to_owned()), reason: None },
        Command::LogContactAttempt { channel: None, outcome: None },
        Command::LogResponse { channel: None, outcome: None },
        Command::MarkMql,
        Command::RevokeMql { reason: None },
        Command::AcceptSal,
        Command::RejectSal { reason: some("no"), outcome: Some(RejectOutcome::Nurture) },
        Command::Qualify,
        Command::Disqualify { reason: some("no") },
        Command::Reopen { to: None, reason: None },
        Command::Recycle { reason: some("later") },
        Command::Convert(Box::default()),
        Command::EnqueueWork { queue: queue() },
        Command::ClaimWork { queue: queue() },
        Command::CompleteWork { queue: queue() },
        Command::CancelWork { queue: queue() },
        Command::AddNote { note: Some(sealed(4)) },
        Command::RecordConversion { amount: None },
        Command::Settle,
    ];
    let opportunities = [
        opportunity::Command::AdvanceStage { to: "Proposal".to_owned(), reason: None },
        opportunity::Command::AdvanceStage { to: "Odd".to_owned(), reason: None },
        opportunity::Command::ChangeAmount { amount: euro(5) },
        opportunity::Command::ChangeCloseDate { to: hour(700) },
        opportunity::Command::CloseWon { amount: Some(euro(6)) },
        opportunity::Command::CloseLost { reason: some("no"), competitor: None, amount: None },
        opportunity::Command::Reopen,
    ];
    let leads = leads.into_iter().map(|command| AnyCommand::Lead(LEAD, command));
    let opportunities =
        opportunities.into_iter().map(|command| AnyCommand::Opportunity(OPPORTUNITY, command));
    let others = [
        AnyCommand::Campaign("spring".to_owned(), campaign::Command::Start),
        AnyCommand::Config(config::Command::RevokeKey { key: "k".to_owned() }),
        AnyCommand::Subject(subject::Command::EraseLead(LEAD)),
        AnyCommand::Subject(subject::Command::EraseContact(CONTACT)),
    ];
    leads.chain(opportunities).chain(others).collect()
}

/// A world with an open opportunity.
fn with_opportunity() -> World {
    let open = opportunity::Command::Open(Box::default());
    let open = AnyCommand::Opportunity(OPPORTUNITY, open);
    let mut world = World::new().import().run(&open).unwrap();
    world.context.mode = leadline_domain::decision::Mode::Live;
    world
}

/// What a repetition right after must not change any more: registers, phases and keys, but not things counted.
fn settles_at_once(command: &AnyCommand) -> bool {
    match command {
        AnyCommand::Lead(_, command) => !matches!(
            command,
            Command::RecordTouch { .. }
                | Command::LogContactAttempt { .. }
                | Command::LogResponse { .. }
                | Command::EnqueueWork { .. }
                | Command::ClaimWork { .. }
                | Command::CompleteWork { .. }
                | Command::AddNote { .. }
                | Command::UpdateDetails { .. }
                | Command::RecordConversion { .. }
        ),
        AnyCommand::Campaign(_, command) => {
            !matches!(command, campaign::Command::RecordCost { .. })
        }
        _ => true,
    }
}

proptest! {
    #[test]
    fn any_sequence_of_commands_leaves_the_lead_in_order(
        steps in proptest::collection::vec((0_usize..35, 0_i64..6, any::<bool>()), 0..60),
    ) {
        let commands = commands();
        let mut now = 0;
        let mut world = with_opportunity();
        for (index, hours, supervising) in steps {
            now += hours * 5;
            world = world.at(now).settle();
            world.context.supervises = supervising;
            let command = &commands[index % commands.len()];
            let Ok(after) = world.clone().run(command) else { continue };
            check_invariants(&world, &after, command);
            if settles_at_once(command) {
                let again = after.when(command).unwrap_or_default();
                prop_assert_eq!(again, Vec::new(), "{} repeated", command.name());
            }
            world = after;
        }
    }

    #[test]
    fn any_event_folds_on_any_state(
        picks in proptest::collection::vec((0_usize..400, 0_i64..50), 0..80),
    ) {
        let pool = event_pool();
        let mut states = [
            StreamId::Lead(LEAD),
            StreamId::Opportunity(OPPORTUNITY),
            StreamId::Config,
            StreamId::Campaign(leadline_domain::id::CampaignId::of("spring")),
        ]
        .map(|stream| Leadline::initial(&stream));
        for (pick, at) in picks {
            let event = &pool[pick % pool.len()];
            for state in &mut states {
                Leadline::evolve(state, event, hour(at));
            }
        }
    }
}

/// The invariants of a lead that hold after every command.
fn check_invariants(before: &World, after: &World, command: &AnyCommand) {
    let Some(State::Lead(state)) = after.streams.get(&StreamId::Lead(LEAD)).map(|state| &**state)
    else {
        return;
    };
    assert_eq!(state.conversion.is_some(), state.phase == Phase::Converted);
    assert_eq!(state.running_clock().is_some(), state.phase == Phase::Mql, "{}", command.name());
    let decision = before.decide(command).unwrap();
    for step in &decision.events {
        let decided = step.event.class() == Class::Decision;
        assert_eq!(step.effective_at, before.context.occurred_at);
        assert!(!decided || !step.explanation.rule.is_empty(), "{:?} has no rule", step.event);
    }
}

/// Every event that the commands lead to from anywhere, and what falls due.
fn event_pool() -> Vec<leadline_domain::Event> {
    let mut pool = Vec::new();
    let commands = commands();
    let mut worlds = vec![with_opportunity().at(1)];
    for index in [0, 9, 11, 17] {
        let world = worlds.last().cloned().unwrap();
        worlds.push(world.run(&commands[index]).unwrap());
    }
    for world in &worlds {
        for command in &commands {
            if let Ok(events) = world.when(command) {
                pool.extend(events.into_iter().map(|(_, event)| event));
            }
        }
        if world.streams.contains_key(&StreamId::Lead(LEAD)) {
            let due = world.clone().at(100).settled();
            pool.extend(due.into_iter().map(|(_, event)| leadline_domain::Event::Lead(event)));
        }
    }
    pool
}

#[test]
fn a_command_reads_its_target_and_the_configuration_once() {
    for command in commands() {
        let reads = Leadline::reads(&command);
        assert!(reads.contains(&command.target()) && reads.contains(&StreamId::Config));
        let distinct: std::collections::BTreeSet<_> = reads.iter().collect();
        assert_eq!(distinct.len(), reads.len(), "{}", command.name());
    }
    let convert = Convert {
        account: leadline_domain::lead::command::CreateOrUse::Use(crate::given::ACCOUNT),
        contact: leadline_domain::lead::command::CreateOrUse::Use(CONTACT),
        opportunity: leadline_domain::lead::command::OpportunityChoice::Attach(OPPORTUNITY),
        ..Convert::default()
    };
    let command = AnyCommand::Lead(LEAD, Command::Convert(Box::new(convert)));
    assert_eq!(Leadline::reads(&command).len(), 5);
}

#[test]
fn the_steps_that_a_refusal_names_are_open() {
    let policies = shipped::policies();
    for phase in Phase::ALL {
        let world = crate::phases::lead_in(phase);
        for command in commands() {
            let AnyCommand::Lead(_, command) = &command else { continue };
            let changes = matches!(
                command,
                Command::MarkMql
                    | Command::RevokeMql { .. }
                    | Command::AcceptSal
                    | Command::RejectSal { .. }
                    | Command::Qualify
                    | Command::Disqualify { .. }
                    | Command::Reopen { .. }
                    | Command::Recycle { .. }
                    | Command::Convert(_)
            );
            if changes {
                let open = open_steps(phase, &policies).contains(&command.name());
                let accepted = world.lead_when(command.clone()).is_ok();
                assert_eq!(open, accepted, "{} from {}", command.name(), phase.name());
            }
        }
    }
}

#[test]
fn an_actor_of_the_system_is_no_person() {
    let mut world = crate::phases::lead_in(Phase::Mql);
    world.context.actor =
        Actor { kind: ActorKind::System, id: "timer".to_owned(), on_behalf_of: None };
    let events = world.lead_when(Command::AcceptSal).unwrap();
    let taken = leadline_domain::lead::Event::AcceptedBySales { owner: None, from: None };
    assert_eq!(events.first(), Some(&taken));
}

#[test]
fn match_keys_that_nobody_holds_are_no_obstacle() {
    let free = matched(Field::Email, 1, None);
    let world = World::new().matching(&[free]);
    assert_eq!(world.decide(&commands()[0]).unwrap().claims.len(), 1);
}
