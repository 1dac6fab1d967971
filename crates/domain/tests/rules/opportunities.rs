//! Opportunities: stages, amounts, won and lost.

use crate::given::{
    ACCOUNT, OPPORTUNITY, World, campaign_stream, euro, hour, planned, registered, some,
};
use leadline_domain::config::Catalogue;
use leadline_domain::decision::Mode;
use leadline_domain::money::{Currency, Money, ProbabilityBp};
use leadline_domain::opportunity::{Command, Event, Open, Opened, Origin};
use leadline_domain::policy::{StagePlan, Unlisted};
use leadline_domain::{Command as AnyCommand, Event as AnyEvent, Refusal, StreamId, account};
use std::collections::BTreeMap;

const STREAM: StreamId = StreamId::Opportunity(OPPORTUNITY);

fn odds(basis_points: u16) -> Option<ProbabilityBp> {
    ProbabilityBp::new(basis_points)
}

fn opened(stage: &str) -> Opened {
    Opened {
        origin: Origin::Direct,
        account: Some(ACCOUNT),
        contact: None,
        owner: some("ada"),
        stage: stage.to_owned(),
        probability: odds(2_000),
        amount: Some(euro(1_000)),
        close_date: None,
        product: None,
        campaign: None,
        source: None,
        attributes: BTreeMap::new(),
        undated: false,
    }
}

fn event(event: Event) -> AnyEvent {
    AnyEvent::Opportunity(event)
}

/// An opportunity opened in hour 0, in its second stage; it is hour 10.
fn in_stage(stage: &str) -> World {
    let opened = event(Event::Opened(Box::new(opened(stage))));
    World::new().given(STREAM, 0, &opened).at(10)
}

fn account_opened() -> AnyEvent {
    let (origin, details, subject, owner) = (None, None, None, None);
    AnyEvent::Account(account::Event::Opened { origin, details, subject, owner })
}

fn plan(world: World, change: fn(&mut StagePlan)) -> World {
    world.under(move |policies| {
        let mut plan = (*policies.stages.policy).clone();
        change(&mut plan);
        policies.stages.policy = plan.into();
    })
}

fn open(open: Open) -> AnyCommand {
    AnyCommand::Opportunity(OPPORTUNITY, Command::Open(Box::new(open)))
}

#[test]
fn an_opportunity_is_opened_on_an_account() {
    let world = World::new();
    assert_eq!(world.when(&open(Open::default())), Err(Refusal::AccountRequired));
    let on_account = Open { account: Some(ACCOUNT), ..Open::default() };
    assert_eq!(world.when(&open(on_account.clone())), Err(Refusal::AccountUnknown));
    let world = world.given(StreamId::Account(ACCOUNT), 0, &account_opened());
    let expected = Opened { probability: odds(1_000), amount: None, ..opened("Prospecting") };
    assert_eq!(
        world.when(&open(on_account)),
        Ok(vec![(STREAM, event(Event::Opened(Box::new(expected))))])
    );
}

#[test]
fn history_opens_without_an_account_and_registers_names() {
    let command = Open {
        owner: some("Moses"),
        stage: some("Engaging"),
        amount: Some(euro(500)),
        product: some("gold"),
        source: some("Fair"),
        campaign: some("spring"),
        undated: true,
        ..Open::default()
    };
    let expected = Opened {
        account: None,
        owner: some("Moses"),
        probability: None,
        amount: Some(euro(500)),
        product: some("gold"),
        source: some("Fair"),
        campaign: some("spring"),
        undated: true,
        ..opened("Engaging")
    };
    assert_eq!(
        World::new().import().when(&open(command)),
        Ok(vec![
            registered(Catalogue::Source, "Fair"),
            (campaign_stream("spring"), planned("spring", true)),
            registered(Catalogue::Stage, "Engaging"),
            registered(Catalogue::Product, "gold"),
            registered(Catalogue::Person, "Moses"),
            (STREAM, event(Event::Opened(Box::new(expected)))),
        ])
    );
}

#[test]
fn an_opportunity_is_opened_once_and_not_below_zero() {
    assert_eq!(
        in_stage("Proposal").when(&open(Open::default())),
        Err(Refusal::AlreadyExists { what: "opportunity" })
    );
    let negative = Open { amount: Some(euro(-1)), ..Open::default() };
    assert_eq!(World::new().when(&open(negative)), Err(Refusal::AmountNegative));
}

fn advance(to: &str) -> Command {
    Command::AdvanceStage { to: to.to_owned(), reason: some("talked") }
}

fn advanced(from: &str, to: &str, basis_points: u16) -> Event {
    let (from, to) = (from.to_owned(), to.to_owned());
    Event::StageAdvanced { from, to, probability: odds(basis_points) }
}

fn regressed(from: &str, to: &str, basis_points: u16) -> Event {
    let (from, to, reason) = (from.to_owned(), to.to_owned(), some("talked"));
    Event::StageRegressed { from, to, probability: odds(basis_points), reason }
}

#[test]
fn stages_go_forward_and_where_the_plan_allows_it_back() {
    let world = in_stage("Qualification");
    assert_eq!(world.opportunity_when(advance("Qualification")), Ok(Vec::new()));
    assert_eq!(
        world.opportunity_when(advance("Proposal")),
        Ok(vec![advanced("Qualification", "Proposal", 6_000)])
    );
    let back = Ok(vec![regressed("Qualification", "Prospecting", 1_000)]);
    assert_eq!(world.opportunity_when(advance("Prospecting")), back);
    let forward_only = plan(world, |plan| plan.backward = false);
    assert_eq!(
        forward_only.opportunity_when(advance("Prospecting")),
        Err(Refusal::BackwardNotAllowed)
    );
    assert_eq!(forward_only.import().opportunity_when(advance("Prospecting")), back);
}

#[test]
fn stages_are_skipped_only_where_the_plan_allows_it() {
    let world = plan(in_stage("Qualification"), |plan| plan.skip = false);
    let next = "Decision Maker Contacted".to_owned();
    assert_eq!(
        world.opportunity_when(advance("Proposal")),
        Err(Refusal::StageSkipNotAllowed { next })
    );
    assert!(world.opportunity_when(advance("Decision Maker Contacted")).is_ok());
    assert!(world.opportunity_when(advance("Prospecting")).is_ok());
    assert!(world.import().opportunity_when(advance("Proposal")).is_ok());
}

#[test]
fn a_stage_in_no_plan_is_registered_or_refused() {
    let world = in_stage("Qualification");
    let (from, to) = ("Qualification".to_owned(), "Engaging".to_owned());
    let moved = Event::StageAdvanced { from, to, probability: None };
    assert_eq!(
        world.when(&AnyCommand::Opportunity(OPPORTUNITY, advance("Engaging"))),
        Ok(vec![registered(Catalogue::Stage, "Engaging"), (STREAM, event(moved))])
    );
    let refusing = plan(world, |plan| plan.unlisted = Unlisted::Refuse);
    let allowed = ["Prospecting", "Qualification", "Decision Maker Contacted", "Proposal"]
        .into_iter()
        .chain(["Negotiation"])
        .map(str::to_owned)
        .collect();
    assert_eq!(
        refusing.opportunity_when(advance("Engaging")),
        Err(Refusal::StageUnknown { stage: "Engaging".to_owned(), allowed })
    );
    assert!(refusing.clone().import().opportunity_when(advance("Engaging")).is_ok());
    let strict = Mode::Migration { enforce_policies: false, strict: true };
    let name = "Engaging".to_owned();
    assert_eq!(
        refusing.mode(strict).opportunity_when(advance("Engaging")),
        Err(Refusal::NameUnknown { catalogue: "stage", name })
    );
}

#[test]
fn the_amount_changes_in_its_currency() {
    let world = in_stage("Proposal");
    let change = |amount| Command::ChangeAmount { amount };
    let (from, to) = (Some(euro(1_000)), euro(1_500));
    assert_eq!(world.opportunity_when(change(to)), Ok(vec![Event::AmountChanged { from, to }]));
    assert_eq!(world.opportunity_when(change(euro(1_000))), Ok(Vec::new()));
    assert_eq!(world.opportunity_when(change(euro(-1))), Err(Refusal::AmountNegative));
    let dollars = Money { minor: 1, currency: Currency::parse("USD").unwrap() };
    assert_eq!(
        world.opportunity_when(change(dollars)),
        Err(Refusal::CurrencyMismatch { expected: "EUR".to_owned() })
    );
}

#[test]
fn a_later_close_date_is_a_slip() {
    let mut world = in_stage("Proposal");
    let mut slips = Vec::new();
    for date in [100, 200, 150, 150, 300] {
        let command = Command::ChangeCloseDate { to: hour(date) };
        for step in world.opportunity_when(command).unwrap() {
            let Event::CloseDateMoved { slips: count, .. } = &step else { panic!("{step:?}") };
            slips.push(*count);
            world = world.given(STREAM, 10, &event(step));
        }
    }
    assert_eq!(slips, [0, 1, 1, 2]);
}

#[test]
fn won_brings_its_amount_or_another() {
    let world = in_stage("Proposal");
    let won = |amount| Event::Won { amount: Some(euro(amount)), from: "Proposal".to_owned() };
    let close = |amount: Option<i64>| Command::CloseWon { amount: amount.map(euro) };
    assert_eq!(world.opportunity_when(close(None)), Ok(vec![won(1_000)]));
    assert_eq!(world.opportunity_when(close(Some(1_000))), Ok(vec![won(1_000)]));
    let changed = Event::AmountChanged { from: Some(euro(1_000)), to: euro(900) };
    assert_eq!(world.opportunity_when(close(Some(900))), Ok(vec![changed, won(900)]));
    assert_eq!(world.opportunity_when(close(Some(-1))), Err(Refusal::AmountNegative));
}

fn lose(reason: Option<&str>, amount: Option<i64>) -> Command {
    let (reason, amount) = (reason.map(str::to_owned), amount.map(euro));
    Command::CloseLost { reason, competitor: some("acme"), amount }
}

#[test]
fn lost_has_a_reason_and_what_it_might_have_brought() {
    let world = in_stage("Proposal");
    let lost = |reason: Option<&str>| Event::Lost {
        reason: reason.map(str::to_owned),
        competitor: some("acme"),
        amount: Some(euro(1_000)),
        from: "Proposal".to_owned(),
    };
    assert_eq!(world.opportunity_when(lose(None, None)), Err(Refusal::LostReasonRequired));
    assert_eq!(world.opportunity_when(lose(Some("price"), None)), Ok(vec![lost(Some("price"))]));
    let changed = Event::AmountChanged { from: Some(euro(1_000)), to: euro(0) };
    assert_eq!(world.import().opportunity_when(lose(None, Some(0))), Ok(vec![changed, lost(None)]));
}

#[test]
fn what_is_closed_stays_closed_until_it_is_reopened() {
    let ends: [(&str, Event); 2] = [
        ("won", Event::Won { amount: None, from: "Proposal".to_owned() }),
        (
            "lost",
            Event::Lost {
                reason: None,
                competitor: None,
                amount: None,
                from: "Proposal".to_owned(),
            },
        ),
    ];
    for (outcome, end) in ends {
        let world = in_stage("Proposal").given(STREAM, 5, &event(end));
        for command in [
            advance("Negotiation"),
            Command::ChangeAmount { amount: euro(1) },
            Command::ChangeCloseDate { to: hour(1) },
            Command::CloseWon { amount: None },
            lose(Some("price"), None),
        ] {
            assert_eq!(world.opportunity_when(command), Err(Refusal::AlreadyClosed { outcome }));
        }
        let (stage, probability) = ("Proposal".to_owned(), odds(6_000));
        let reopened = Event::Reopened { stage, probability };
        assert_eq!(world.opportunity_when(Command::Reopen), Ok(vec![reopened.clone()]));
        assert_eq!(
            world.clone().told_late(4).opportunity_when(Command::Reopen),
            Err(Refusal::BackdateNotAllowed { last: hour(5) })
        );
        let world = world.given(STREAM, 10, &event(reopened));
        assert_eq!(world.opportunity_when(Command::Reopen), Err(Refusal::NotClosed));
        assert!(world.opportunity_when(Command::CloseWon { amount: None }).is_ok());
    }
}

#[test]
fn nothing_happens_to_an_opportunity_before_it_is_opened() {
    let commands = || [advance("Proposal"), Command::CloseWon { amount: None }, Command::Reopen];
    for command in commands() {
        assert_eq!(World::new().opportunity_when(command), Err(Refusal::OpportunityUnknown));
    }
    let world = in_stage("Qualification").told_late(-1);
    for command in commands() {
        let captured_at = hour(0);
        assert_eq!(
            world.opportunity_when(command),
            Err(Refusal::OccurredBeforeCapture { captured_at })
        );
    }
}

#[test]
fn stages_follow_one_another_in_time() {
    let world = in_stage("Qualification")
        .given(STREAM, 6, &event(advanced("Qualification", "Proposal", 6_000)))
        .told_late(5);
    let backdated = Err(Refusal::BackdateNotAllowed { last: hour(6) });
    assert_eq!(world.opportunity_when(advance("Negotiation")), backdated);
    assert_eq!(world.opportunity_when(Command::CloseWon { amount: None }), backdated);
    assert_eq!(world.opportunity_when(lose(Some("price"), None)), backdated);
    // Amounts are facts, and may be late.
    assert!(world.opportunity_when(Command::ChangeAmount { amount: euro(1) }).is_ok());
}
