//! Captures: new leads, known ones, and match keys.

use crate::given::{
    LEAD, OTHER, SUBJECT, World, campaign_stream, captured, euro, fields, hour, matched, planned,
    registered, sealed, some, take,
};
use leadline_domain::config::Catalogue;
use leadline_domain::decision::{Match, Mode};
use leadline_domain::id::{AccountId, SubjectId};
use leadline_domain::lead::command::Capture;
use leadline_domain::lead::event::Touch;
use leadline_domain::lead::{self, Event};
use leadline_domain::policy::{Policies, Unlisted};
use leadline_domain::sealed::Field;
use leadline_domain::{Command, Event as AnyEvent, Refusal, Sealed, StreamId};
use uuid::Uuid;

const SECOND: SubjectId = SubjectId(Uuid::from_u128(0x5c));

fn second(content: u8) -> Sealed {
    Sealed { subject: SECOND, ..sealed(content) }
}

fn capture() -> Capture {
    Capture {
        subject: Some(SECOND),
        person: Some(second(2)),
        fields: fields(&[Field::Email, Field::Company]),
        ..Capture::default()
    }
}

fn on(lead: leadline_domain::id::LeadId, capture: Capture) -> Command {
    Command::Lead(lead, lead::Command::Capture(Box::new(capture)))
}

fn lead_event(lead: leadline_domain::id::LeadId, event: Event) -> (StreamId, AnyEvent) {
    (StreamId::Lead(lead), AnyEvent::Lead(event))
}

fn opened(change: impl FnOnce(&mut Event)) -> Event {
    let mut event = Event::Captured {
        subject: SECOND,
        source: None,
        campaign: None,
        person: Some(second(2)),
        fields: fields(&[Field::Email, Field::Company]),
        reserved: fields(&[]),
        amount: None,
    };
    change(&mut event);
    event
}

fn email(holder: Option<StreamId>) -> Match {
    matched(Field::Email, 1, holder)
}

fn sources(change: fn(&mut leadline_domain::policy::SourceCatalogue)) -> impl Fn(&mut Policies) {
    move |policies| {
        let mut catalogue = (*policies.sources.policy).clone();
        change(&mut catalogue);
        policies.sources.policy = catalogue.into();
    }
}

#[test]
fn somebody_new_becomes_a_lead_and_takes_the_free_keys() {
    let key = email(None);
    let world = World::new().matching(&[key]);
    let decision = world.decide(&on(LEAD, capture())).unwrap();
    let expected = opened(|event| {
        let Event::Captured { reserved, .. } = event else { return };
        *reserved = fields(&[Field::Email]);
    });
    let events: Vec<_> =
        decision.events.into_iter().map(|step| (step.stream, step.event)).collect();
    assert_eq!(events, [lead_event(LEAD, expected)]);
    assert_eq!(decision.claims, [take(key, LEAD, SECOND)]);
}

#[test]
fn names_come_first_and_a_channel_makes_it_a_touch() {
    let world = World::new();
    let command = Capture {
        source: some("Fair"),
        campaign: some("spring"),
        channel: some("event"),
        amount: Some(euro(500)),
        ..capture()
    };
    let expected = opened(|event| {
        let Event::Captured { source, campaign, amount, .. } = event else { return };
        (*source, *campaign, *amount) = (some("Fair"), some("spring"), Some(euro(500)));
    });
    let touch = Touch {
        id: world.touch_id(),
        channel: some("event"),
        campaign: some("spring"),
        source: some("Fair"),
    };
    assert_eq!(
        world.when(&on(LEAD, command)),
        Ok(vec![
            registered(Catalogue::Source, "Fair"),
            (campaign_stream("spring"), planned("spring", true)),
            registered(Catalogue::Channel, "event"),
            lead_event(LEAD, expected),
            lead_event(LEAD, Event::TouchRecorded(touch)),
        ])
    );
}

#[test]
fn a_source_alone_is_no_touch() {
    let command = Capture { source: some("Website"), ..capture() };
    assert_eq!(World::new().when(&on(LEAD, command)).unwrap().len(), 1);
}

#[test]
fn somebody_known_stays_one_lead() {
    let held = email(Some(StreamId::Lead(LEAD)));
    let free = matched(Field::Phone, 2, None);
    let world = World::new().lead(0, captured()).at(5).matching(&[held, free]);
    let command = Capture { channel: some("web"), source: some("Website"), ..capture() };
    let decision = world.decide(&on(OTHER, command)).unwrap();
    let reengaged = Event::Reengaged {
        subject: SECOND,
        person: Some(second(2)),
        fields: fields(&[Field::Email, Field::Company]),
        reserved: fields(&[Field::Phone]),
        matched: fields(&[Field::Email]),
        source: some("Website"),
    };
    let touch = Touch {
        id: world.touch_id(),
        channel: some("web"),
        campaign: None,
        source: some("Website"),
    };
    let events: Vec<_> =
        decision.events.into_iter().map(|step| (step.stream, step.event)).collect();
    assert_eq!(
        events,
        [
            registered(Catalogue::Channel, "web"),
            lead_event(LEAD, reengaged),
            lead_event(LEAD, Event::TouchRecorded(touch)),
        ]
    );
    assert_eq!(decision.claims, [take(free, LEAD, SECOND)]);
}

#[test]
fn somebody_known_is_sealed_under_a_key_that_their_lead_has() {
    let held = email(Some(StreamId::Lead(LEAD)));
    let free = matched(Field::Phone, 2, None);
    let world = World::new().lead(0, captured()).at(5).matching(&[held, free]);
    let command = Capture { again: Some(sealed(3)), ..capture() };
    let decision = world.decide(&on(OTHER, command.clone())).unwrap();
    assert_eq!(decision.claims, [take(free, LEAD, SUBJECT)]);
    let mut world = world;
    for _ in 0..300 {
        world = world.run(&on(OTHER, command.clone())).unwrap();
    }
    assert_eq!(world.state().subjects, [SUBJECT]);
    assert_eq!(world.state().person.len(), 2, "the first capture's last name, and the last one");
    // Believed wrongly: the envelope belongs to somebody else.
    let elsewhere = Sealed { subject: SubjectId(Uuid::from_u128(0x5e)), ..sealed(3) };
    let wrong = Capture { again: Some(elsewhere), ..capture() };
    let world = world.run(&on(OTHER, wrong)).unwrap();
    assert_eq!(world.state().subjects, [SUBJECT, SECOND]);
    // Somebody new has a key of their own in any case.
    let new = World::new().matching(&[email(None)]).run(&on(LEAD, command)).unwrap();
    assert_eq!(new.state().subjects, [SECOND]);
}

#[test]
fn the_external_key_decides_before_mail_and_telephone() {
    let (one, other) = (Some(StreamId::Lead(LEAD)), Some(StreamId::Lead(OTHER)));
    let world = World::new().lead(0, captured()).given(
        StreamId::Lead(OTHER),
        0,
        &AnyEvent::Lead(captured()),
    );
    let new = leadline_domain::id::LeadId(Uuid::from_u128(9));
    let attached_to = |matches: &[Match]| {
        let events = world.clone().matching(matches).when(&on(new, capture())).unwrap();
        events.first().map(|(stream, _)| *stream)
    };
    let (mail, phone) = (Field::Email, Field::Phone);
    assert_eq!(attached_to(&[matched(phone, 1, one), matched(mail, 2, other)]), other);
    assert_eq!(attached_to(&[matched(mail, 1, one), matched(Field::ExternalKey, 2, other)]), other);
    let account = Some(StreamId::Account(AccountId(Uuid::nil())));
    assert_eq!(attached_to(&[matched(mail, 1, account)]), Some(StreamId::Lead(new)));
    assert_eq!(attached_to(&[matched(mail, 1, account), matched(phone, 2, one)]), one);
}

#[test]
fn history_keeps_two_keys_two_leads() {
    let mail = email(Some(StreamId::Lead(LEAD)));
    let key = matched(Field::ExternalKey, 3, None);
    let world = World::new().lead(0, captured()).import().matching(&[mail, key]);
    let decision = world.decide(&on(OTHER, capture())).unwrap();
    assert_eq!(decision.events.first().map(|step| step.stream), Some(StreamId::Lead(OTHER)));
    assert_eq!(decision.claims, [take(key, OTHER, SECOND)]);
    let known = matched(Field::ExternalKey, 3, Some(StreamId::Lead(LEAD)));
    assert_eq!(
        world.matching(&[known]).when(&on(OTHER, capture())),
        Err(Refusal::AlreadyExists { what: "lead" })
    );
}

#[test]
fn a_captured_lead_is_not_captured_again() {
    let world = World::new().lead(0, captured());
    assert_eq!(world.when(&on(LEAD, capture())), Err(Refusal::AlreadyExists { what: "lead" }));
}

#[test]
fn a_capture_says_who_it_is() {
    let empty = Capture { fields: fields(&[Field::City]), ..capture() };
    let missing = vec![
        Field::Email,
        Field::Phone,
        Field::FirstName,
        Field::LastName,
        Field::Company,
        Field::ExternalKey,
    ];
    let code = "name_or_company_required";
    assert_eq!(World::new().when(&on(LEAD, empty)), Err(Refusal::FieldsMissing { code, missing }));
    let only_key = Capture { fields: fields(&[Field::ExternalKey]), ..capture() };
    let world = World::new().under(sources(|catalogue| {
        (catalogue.source_required, catalogue.name_required) = (true, true);
    }));
    assert!(world.clone().import().when(&on(LEAD, only_key.clone())).is_ok());
    assert_eq!(world.when(&on(LEAD, only_key.clone())), Err(Refusal::SourceRequired));
    let sourced = Capture { source: some("Website"), ..only_key };
    let missing = vec![Field::FirstName, Field::LastName, Field::Company];
    let lacking = Err(Refusal::FieldsMissing { code, missing });
    assert_eq!(world.when(&on(LEAD, sourced.clone())), lacking);
    let mode = Mode::Migration { enforce_policies: true, strict: false };
    assert_eq!(world.mode(mode).when(&on(LEAD, sourced)), lacking);
}

#[test]
fn an_unlisted_source_is_refused_where_the_catalogue_says_so() {
    let world = World::new().under(sources(|catalogue| catalogue.unlisted = Unlisted::Refuse));
    let from = |source: &str| on(LEAD, Capture { source: some(source), ..capture() });
    assert_eq!(
        world.when(&from("Fair")),
        Err(Refusal::SourceUnknown { source: "Fair".to_owned() })
    );
    assert!(world.when(&from("Webinar")).is_ok());
    assert!(world.clone().import().when(&from("Fair")).is_ok());
    let (stream, event) = registered(Catalogue::Source, "Fair");
    assert!(world.given(stream, 0, &event).when(&from("Fair")).is_ok());
}

#[test]
fn a_strict_import_registers_nothing() {
    let world = World::new().mode(Mode::Migration { enforce_policies: false, strict: true });
    let refused =
        |catalogue, name: &str| Err(Refusal::NameUnknown { catalogue, name: name.to_owned() });
    let command = |change: fn(&mut Capture)| {
        let mut capture = capture();
        change(&mut capture);
        on(LEAD, capture)
    };
    assert_eq!(world.when(&command(|c| c.source = some("Fair"))), refused("source", "Fair"));
    assert_eq!(world.when(&command(|c| c.channel = some("web"))), refused("channel", "web"));
    assert_eq!(world.when(&command(|c| c.campaign = some("x"))), refused("campaign", "x"));
    assert_eq!(world.by("eve").when(&command(|_| {})), refused("person", "eve"));
}

#[test]
fn an_actor_seen_for_the_first_time_is_registered() {
    assert_eq!(
        World::new().by("eve").when(&on(LEAD, capture())),
        Ok(vec![registered(Catalogue::Person, "eve"), lead_event(LEAD, opened(|_| {}))])
    );
}

#[test]
fn known_leads_take_no_capture_once_erased_or_before_their_own() {
    let held = email(Some(StreamId::Lead(LEAD)));
    let world = World::new().lead(0, captured()).at(5).matching(&[held]);
    let erased = Event::SubjectErased { subjects: vec![SUBJECT] };
    let erased = world.clone().lead(1, erased);
    assert_eq!(erased.when(&on(OTHER, capture())), Err(Refusal::Erased));
    assert_eq!(
        world.told_late(-1).when(&on(OTHER, capture())),
        Err(Refusal::OccurredBeforeCapture { captured_at: hour(0) })
    );
}

#[test]
fn an_amount_is_not_negative() {
    let command = Capture { amount: Some(euro(-1)), ..capture() };
    assert_eq!(World::new().when(&on(LEAD, command)), Err(Refusal::AmountNegative));
}
