//! Conversion.

use crate::given::{
    ACCOUNT, CONTACT, LEAD, OPPORTUNITY, OTHER, SUBJECT, World, euro, fields, hour, sealed, some,
};
use crate::phases::{check, lead_in};
use leadline_domain::id::{AccountId, ContactId, OpportunityId};
use leadline_domain::lead::command::{Convert, CreateOrUse, OpportunityChoice};
use leadline_domain::lead::{self, Event, Milestone, Phase};
use leadline_domain::money::ProbabilityBp;
use leadline_domain::opportunity::{Opened, Origin, Standing};
use leadline_domain::policy::{ConversionPolicy, Unlisted};
use leadline_domain::sealed::Field;
use leadline_domain::{
    Command, Event as AnyEvent, Refusal, StreamId, account, contact, opportunity,
};
use std::collections::BTreeMap;

fn convert(convert: Convert) -> lead::Command {
    lead::Command::Convert(Box::new(convert))
}

fn converted(world: &World, from: Phase, opportunity: Option<OpportunityId>) -> Event {
    Event::Converted {
        from,
        account: AccountId(world.new_id(1)),
        contact: ContactId(world.new_id(2)),
        opportunity,
        no_opportunity_reason: None,
    }
}

#[test]
fn from_each_phase() {
    let convert_from = vec![Phase::Sal, Phase::Qualified];
    let not_yet = |phase| Err(Refusal::NotQualified { phase, convert_from: convert_from.clone() });
    let done = |from| {
        let world = lead_in(from);
        Ok(vec![converted(&world, from, Some(OpportunityId(world.new_id(3))))])
    };
    let (account, contact, opportunity) = (ACCOUNT, CONTACT, Some(OPPORTUNITY));
    check(
        &convert(Convert::default()),
        [
            not_yet(Phase::New),
            not_yet(Phase::Working),
            not_yet(Phase::Nurturing),
            not_yet(Phase::Mql),
            done(Phase::Sal),
            done(Phase::Qualified),
            Err(Refusal::AlreadyConverted { account, contact, opportunity }),
            not_yet(Phase::Unqualified),
        ],
    );
}

#[test]
fn a_lead_becomes_account_contact_and_opportunity_at_once() {
    let changed = Event::DetailsChanged {
        person: Some(sealed(2)),
        fields: fields(&[Field::Company]),
        reserved: fields(&[]),
        amount: None,
    };
    let world = lead_in(Phase::Qualified).lead(4, changed);
    let attributes = BTreeMap::from([("region".to_owned(), "north".to_owned())]);
    let command = Convert { attributes: attributes.clone(), ..Convert::default() };
    let (account, contact) = (AccountId(world.new_id(1)), ContactId(world.new_id(2)));
    let opportunity = OpportunityId(world.new_id(3));
    let opened = Opened {
        origin: Origin::Lead(LEAD),
        account: Some(account),
        contact: Some(contact),
        owner: some("ada"),
        stage: "Prospecting".to_owned(),
        probability: ProbabilityBp::new(1_000),
        amount: Some(euro(100_000)),
        close_date: None,
        product: None,
        campaign: some("spring"),
        source: some("Website"),
        attributes,
        undated: false,
    };
    let account_opened = account::Event::Opened {
        origin: Some(LEAD),
        details: Some(sealed(2)),
        subject: Some(SUBJECT),
        owner: some("ada"),
    };
    let contact_opened = contact::Event::Opened {
        account,
        origin: Some(LEAD),
        person: Some(sealed(1)),
        fields: fields(&[Field::Email, Field::LastName]),
        subject: Some(SUBJECT),
    };
    let contact_changed =
        contact::Event::Changed { person: sealed(2), fields: fields(&[Field::Company]) };
    let lead = converted(&world, Phase::Qualified, Some(opportunity));
    let opened = opportunity::Event::Opened(Box::new(opened));
    assert_eq!(
        world.when(&Command::Lead(LEAD, convert(command))),
        Ok(vec![
            (StreamId::Lead(LEAD), AnyEvent::Lead(lead)),
            (StreamId::Account(account), AnyEvent::Account(account_opened)),
            (StreamId::Contact(contact), AnyEvent::Contact(contact_opened)),
            (StreamId::Contact(contact), AnyEvent::Contact(contact_changed)),
            (StreamId::Opportunity(opportunity), AnyEvent::Opportunity(opened)),
        ])
    );
}

/// An opportunity that was opened directly.
fn direct() -> Opened {
    Opened {
        origin: Origin::Direct,
        account: Some(ACCOUNT),
        contact: None,
        owner: None,
        stage: "Proposal".to_owned(),
        probability: None,
        amount: None,
        close_date: None,
        product: None,
        campaign: None,
        source: None,
        attributes: BTreeMap::new(),
        undated: false,
    }
}

/// A world with an account, a contact of it, and an open opportunity.
fn with_others(phase: Phase) -> World {
    let opened = account::Event::Opened { origin: None, details: None, subject: None, owner: None };
    let contact = contact::Event::Opened {
        account: ACCOUNT,
        origin: None,
        person: None,
        fields: fields(&[]),
        subject: None,
    };
    lead_in(phase)
        .given(StreamId::Account(ACCOUNT), 0, &AnyEvent::Account(opened))
        .given(StreamId::Contact(CONTACT), 0, &AnyEvent::Contact(contact))
        .given(
            StreamId::Opportunity(OPPORTUNITY),
            0,
            &AnyEvent::Opportunity(opportunity::Event::Opened(Box::new(direct()))),
        )
}

fn use_all() -> Convert {
    Convert {
        account: CreateOrUse::Use(ACCOUNT),
        contact: CreateOrUse::Use(CONTACT),
        opportunity: OpportunityChoice::Attach(OPPORTUNITY),
        attributes: BTreeMap::new(),
    }
}

#[test]
fn what_exists_can_be_used() {
    let event = Event::Converted {
        from: Phase::Sal,
        account: ACCOUNT,
        contact: CONTACT,
        opportunity: Some(OPPORTUNITY),
        no_opportunity_reason: None,
    };
    let world = with_others(Phase::Sal);
    // The lead gives what the opportunity does not have.
    let opened = Opened {
        origin: Origin::Lead(LEAD),
        contact: Some(CONTACT),
        campaign: some("spring"),
        source: some("Website"),
        ..direct()
    };
    let stood = Standing { opened_at: hour(0), opened, stages: vec!["Proposal".to_owned()] };
    assert_eq!(
        world.when(&Command::Lead(LEAD, convert(use_all()))),
        Ok(vec![
            (StreamId::Lead(LEAD), AnyEvent::Lead(event)),
            (STREAM, AnyEvent::Opportunity(opportunity::Event::Detached { lead: LEAD })),
            (STREAM, AnyEvent::Opportunity(attached(Some(stood)))),
        ])
    );
}

/// The stream of the opportunity that there is already.
const STREAM: StreamId = StreamId::Opportunity(OPPORTUNITY);

fn attached(standing: Option<Standing>) -> opportunity::Event {
    opportunity::Event::Attached { lead: LEAD, standing: standing.map(Box::new) }
}

#[test]
fn an_opportunity_of_another_lead_stays_in_its_lineage() {
    let theirs = Opened { origin: Origin::Lead(OTHER), ..direct() };
    let theirs = AnyEvent::Opportunity(opportunity::Event::Opened(Box::new(theirs)));
    let world = with_others(Phase::Sal).given(STREAM, 0, &theirs);
    let events = world.when(&Command::Lead(LEAD, convert(use_all()))).unwrap();
    assert_eq!(events.last(), Some(&(STREAM, AnyEvent::Opportunity(attached(None)))));
    assert_eq!(events.len(), 2);
}

#[test]
fn nothing_is_told_of_an_opportunity_from_before_it_was_attached() {
    let moved = opportunity::Event::StageAdvanced {
        from: "Proposal".to_owned(),
        to: "Negotiation".to_owned(),
        probability: None,
    };
    let world = with_others(Phase::Sal).given(STREAM, 9, &AnyEvent::Opportunity(moved));
    let early = world.clone().told_late(8).lead_when(convert(use_all()));
    assert_eq!(early, Err(Refusal::BackdateNotAllowed { last: hour(9) }));
    let world = world.run(&Command::Lead(LEAD, convert(use_all()))).unwrap().at(12).told_late(9);
    let amount = opportunity::Command::ChangeAmount { amount: euro(5) };
    assert_eq!(world.opportunity_when(amount), Err(Refusal::BackdateNotAllowed { last: hour(10) }));
}

#[test]
fn what_is_used_must_exist_and_fit() {
    let empty = lead_in(Phase::Sal);
    let refused = |world: &World, command| world.lead_when(convert(command)).unwrap_err();
    assert_eq!(refused(&empty, use_all()), Refusal::AccountUnknown);
    let contact = Convert { contact: CreateOrUse::Use(CONTACT), ..Convert::default() };
    assert_eq!(refused(&empty, contact.clone()), Refusal::ContactUnknown);
    let attach =
        Convert { opportunity: OpportunityChoice::Attach(OPPORTUNITY), ..Convert::default() };
    assert_eq!(refused(&empty, attach.clone()), Refusal::OpportunityUnknown);
    let world = with_others(Phase::Sal);
    assert_eq!(refused(&world, contact), Refusal::ContactNotInAccount);
    let won = opportunity::Event::Won { amount: None, from: "Proposal".to_owned() };
    let closed = world.given(StreamId::Opportunity(OPPORTUNITY), 1, &AnyEvent::Opportunity(won));
    assert_eq!(refused(&closed, attach), Refusal::AlreadyClosed { outcome: "won" });
}

fn policy(change: fn(&mut ConversionPolicy)) -> World {
    lead_in(Phase::Mql).under(move |policies| {
        let mut conversion = (*policies.conversion.policy).clone();
        conversion.convert_from.push(Phase::Mql);
        change(&mut conversion);
        policies.conversion.policy = conversion.into();
    })
}

#[test]
fn converting_an_mql_stops_its_clock() {
    let world = policy(|_| {});
    let met = Event::ClockMet {
        milestone: Milestone::Acceptance,
        cycle: 1,
        in_time: true,
        elapsed_seconds: 9 * 3_600,
    };
    let opportunity = Some(OpportunityId(world.new_id(3)));
    assert_eq!(
        world.lead_when(convert(Convert::default())),
        Ok(vec![converted(&world, Phase::Mql, opportunity), met])
    );
}

#[test]
fn without_an_opportunity_there_is_a_reason() {
    let none = |reason: Option<&str>| {
        let reason = reason.map(str::to_owned);
        convert(Convert { opportunity: OpportunityChoice::None { reason }, ..Convert::default() })
    };
    let world = lead_in(Phase::Sal);
    assert_eq!(world.lead_when(none(None)), Err(Refusal::NoOpportunityReasonRequired));
    assert!(world.clone().import().lead_when(none(None)).is_ok());
    let event = Event::Converted {
        from: Phase::Sal,
        account: AccountId(world.new_id(1)),
        contact: ContactId(world.new_id(2)),
        opportunity: None,
        no_opportunity_reason: some("network"),
    };
    assert_eq!(world.lead_when(none(Some("network"))), Ok(vec![event]));
    let demanding = policy(|conversion| conversion.opportunity_required = true);
    assert_eq!(demanding.lead_when(none(Some("network"))), Err(Refusal::OpportunityRequired));
}

#[test]
fn the_opportunity_may_say_its_own() {
    let create = |amount: i64, stage: &str| {
        let (amount, stage) = (Some(euro(amount)), some(stage));
        let (close_date, product) = (Some(hour(500)), some("gold"));
        let opportunity = OpportunityChoice::Create { amount, close_date, stage, product };
        convert(Convert { opportunity, ..Convert::default() })
    };
    let world = lead_in(Phase::Sal);
    assert_eq!(world.lead_when(create(-1, "Proposal")), Err(Refusal::AmountNegative));
    let events = world.when(&Command::Lead(LEAD, create(7, "Proposal"))).unwrap();
    match events.last() {
        Some((_, AnyEvent::Opportunity(opportunity::Event::Opened(opened)))) => {
            assert_eq!(opened.amount, Some(euro(7)));
            assert_eq!((opened.stage.as_str(), opened.close_date), ("Proposal", Some(hour(500))));
            assert_eq!(opened.probability, ProbabilityBp::new(6_000));
        }
        other => panic!("{other:?}"),
    }
    let strict = world.under(|policies| {
        let mut plan = (*policies.stages.policy).clone();
        plan.unlisted = Unlisted::Refuse;
        policies.stages.policy = plan.into();
    });
    let refusal = strict.lead_when(create(7, "Odd")).unwrap_err();
    assert_eq!(refusal.code(), "stage_unknown");
    assert_eq!(refusal.allowed().len(), 5);
}

#[test]
fn a_lead_of_which_nothing_is_known_converts_all_the_same() {
    let mut world = World::new().import();
    for (hours, event) in [
        (
            0,
            Event::Captured {
                subject: SUBJECT,
                source: None,
                campaign: None,
                person: None,
                fields: fields(&[]),
                reserved: fields(&[]),
                amount: None,
            },
        ),
        (1, Event::MarkedMql { from: Phase::New, cycle: 1 }),
        (2, Event::AcceptedBySales { owner: None, from: None }),
    ] {
        world = world.lead(hours, event);
    }
    let events = world.at(3).when(&Command::Lead(LEAD, convert(Convert::default()))).unwrap();
    assert_eq!(events.len(), 4);
    let details = events.iter().find_map(|(_, event)| match event {
        AnyEvent::Account(account::Event::Opened { details, owner, .. }) => {
            Some((details.clone(), owner.clone()))
        }
        _ => None,
    });
    assert_eq!(details, Some((None, some("ada"))));
}
