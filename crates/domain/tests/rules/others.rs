//! Accounts, contacts, campaigns and data subjects.

use crate::given::{
    ACCOUNT, CONTACT, LEAD, SUBJECT, World, campaign_stream, captured, euro, fields, hour, planned,
    registered, sealed, some,
};
use leadline_domain::config::Catalogue;
use leadline_domain::decision::ClaimChange;
use leadline_domain::id::SubjectId;
use leadline_domain::sealed::Field;
use leadline_domain::{
    Command, Event, Refusal, Sealed, State, StreamId, account, campaign, contact, lead, subject,
};
use uuid::Uuid;

const STREAM: StreamId = StreamId::Account(ACCOUNT);
const OF_CONTACT: StreamId = StreamId::Contact(CONTACT);

fn open_account() -> Command {
    let details = Some(sealed(3));
    Command::Account(ACCOUNT, account::Command::Open { details, owner: some("bob") })
}

#[test]
fn accounts_are_opened_once_and_renamed() {
    let world = World::new();
    let opened = account::Event::Opened {
        origin: None,
        details: Some(sealed(3)),
        subject: Some(SUBJECT),
        owner: some("bob"),
    };
    assert_eq!(
        world.when(&open_account()),
        Ok(vec![registered(Catalogue::Person, "bob"), (STREAM, Event::Account(opened))])
    );
    let rename = |details| Command::Account(ACCOUNT, account::Command::Rename { details });
    assert_eq!(world.when(&rename(Some(sealed(4)))), Err(Refusal::AccountUnknown));
    let world = world.run(&open_account()).unwrap();
    assert_eq!(world.when(&open_account()), Err(Refusal::AlreadyExists { what: "account" }));
    let renamed = account::Event::Renamed { details: sealed(4) };
    assert_eq!(world.when(&rename(Some(sealed(4)))), Ok(vec![(STREAM, Event::Account(renamed))]));
    assert_eq!(world.when(&rename(None)), Ok(Vec::new()));
    let world = world.run(&rename(Some(sealed(4)))).unwrap();
    match world.streams.get(&STREAM).map(|state| &**state) {
        Some(State::Account(state)) => assert_eq!(state.details, Some(sealed(4))),
        other => panic!("{other:?}"),
    }
}

#[test]
fn contacts_belong_to_accounts() {
    let world = World::new();
    let (person, known) = (Some(sealed(5)), fields(&[Field::LastName]));
    let open = contact::Command::Open {
        account: ACCOUNT,
        subject: Some(SUBJECT),
        person: person.clone(),
        fields: known,
    };
    let open = Command::Contact(CONTACT, open);
    let update =
        |person| Command::Contact(CONTACT, contact::Command::Update { person, fields: known });
    assert_eq!(world.when(&open), Err(Refusal::AccountUnknown));
    assert_eq!(world.when(&update(Some(sealed(6)))), Err(Refusal::ContactUnknown));
    let world = world.run(&open_account()).unwrap();
    let opened = contact::Event::Opened {
        account: ACCOUNT,
        origin: None,
        person,
        fields: known,
        subject: Some(SUBJECT),
    };
    assert_eq!(world.when(&open), Ok(vec![(OF_CONTACT, Event::Contact(opened))]));
    let world = world.run(&open).unwrap();
    assert_eq!(world.when(&open), Err(Refusal::AlreadyExists { what: "contact" }));
    let changed = contact::Event::Changed { person: sealed(6), fields: known };
    assert_eq!(
        world.when(&update(Some(sealed(6)))),
        Ok(vec![(OF_CONTACT, Event::Contact(changed))])
    );
    assert_eq!(world.when(&update(None)), Ok(Vec::new()));
}

fn campaign(command: campaign::Command) -> Command {
    Command::Campaign("autumn".to_owned(), command)
}

/// A campaign in each stage: unknown, registered, planned, started, closed.
fn campaigns() -> [World; 5] {
    let stream = campaign_stream("autumn");
    let new = World::new().at(10);
    let registered = new.clone().given(stream, 0, &planned("autumn", true));
    let planned = new.clone().given(stream, 0, &planned("autumn", false));
    let started = campaign::Event::Started { at: hour(1) };
    let started = planned.clone().given(stream, 1, &Event::Campaign(started));
    let closed = started.clone().given(stream, 2, &Event::Campaign(campaign::Event::Closed));
    [new, registered, planned, started, closed]
}

fn each_stage(command: campaign::Command, expected: [Result<campaign::Event, Refusal>; 5]) {
    let command = campaign(command);
    for (world, expected) in campaigns().into_iter().zip(expected) {
        let actual = world.when(&command).map(|mut events| events.pop());
        let stream = campaign_stream("autumn");
        assert_eq!(actual, expected.map(|event| Some((stream, Event::Campaign(event)))));
    }
}

#[test]
fn campaigns_are_planned_started_paid_and_closed() {
    let unknown = || Err(Refusal::CampaignUnknown { campaign: "autumn".to_owned() });
    let not_open = |stage| Err(Refusal::CampaignNotOpen { stage });
    let exists = || Err(Refusal::AlreadyExists { what: "campaign" });
    let (title, channel) = (some("Autumn"), some("social"));
    let plan = || campaign::Event::Planned {
        key: "autumn".to_owned(),
        title: title.clone(),
        channel: channel.clone(),
        registered: false,
    };
    each_stage(
        campaign::Command::Plan { title: title.clone(), channel: channel.clone() },
        [Ok(plan()), Ok(plan()), exists(), exists(), exists()],
    );
    let started = || Ok(campaign::Event::Started { at: hour(10) });
    each_stage(
        campaign::Command::Start,
        [unknown(), started(), started(), not_open("started"), not_open("closed")],
    );
    let closed = || Ok(campaign::Event::Closed);
    each_stage(
        campaign::Command::Close,
        [unknown(), closed(), not_open("planned"), closed(), not_open("closed")],
    );
    let cost = || Ok(campaign::Event::CostRecorded { amount: euro(9) });
    each_stage(
        campaign::Command::RecordCost { amount: euro(9) },
        [unknown(), cost(), cost(), cost(), cost()],
    );
    let free = || Err(Refusal::AmountNegative);
    each_stage(
        campaign::Command::RecordCost { amount: euro(0) },
        [unknown(), free(), free(), free(), free()],
    );
}

#[test]
fn campaign_decisions_follow_one_another_in_time() {
    let [.., started, _] = campaigns();
    assert_eq!(
        started.clone().told_late(0).when(&campaign(campaign::Command::Close)),
        Err(Refusal::BackdateNotAllowed { last: hour(1) })
    );
    let cost = campaign(campaign::Command::RecordCost { amount: euro(9) });
    assert!(started.told_late(0).when(&cost).is_ok());
}

#[test]
fn erasure_reaches_every_subject_of_the_lead_once() {
    let second = SubjectId(Uuid::from_u128(0x5d));
    let again = lead::Event::Reengaged {
        subject: second,
        person: None,
        fields: fields(&[]),
        reserved: fields(&[Field::Phone]),
        matched: fields(&[Field::Email]),
        source: None,
    };
    let erase = Command::Subject(subject::Command::EraseLead(LEAD));
    assert_eq!(World::new().when(&erase), Err(Refusal::PersonUnknown { contact: false }));
    let world = World::new().lead(0, captured()).lead(1, again).at(5);
    let decision = world.decide(&erase).unwrap();
    let events: Vec<_> =
        decision.events.into_iter().map(|step| (step.stream, step.event)).collect();
    let erased = subject::Event::Erased { lead: Some(LEAD), contact: None, claims_released: 2 };
    let subjects = vec![SUBJECT, second];
    assert_eq!(
        events,
        [
            (StreamId::Lead(LEAD), Event::Lead(lead::Event::SubjectErased { subjects })),
            (StreamId::Subject(SUBJECT), Event::Subject(erased)),
        ]
    );
    let released = [SUBJECT, second].map(ClaimChange::ReleaseSubject);
    assert_eq!(decision.claims, released);
    let world = world.run(&erase).unwrap();
    assert_eq!(world.when(&erase), Ok(Vec::new()));
    match world.streams.get(&StreamId::Subject(SUBJECT)).map(|state| &**state) {
        Some(State::Subject(state)) => assert!(state.erased),
        other => panic!("{other:?}"),
    }
}

/// As many subjects as no append has events for.
#[test]
fn erasure_succeeds_however_many_subjects_there_are() {
    let mut world = World::new().lead(0, captured());
    let all: Vec<SubjectId> =
        (0x1000..0x1000 + 2_500).map(|one| SubjectId(Uuid::from_u128(one))).collect();
    for subject in &all {
        let note = Sealed { subject: *subject, ..sealed(1) };
        world = world.lead(1, lead::Event::NoteAdded { note });
    }
    let decision =
        world.at(5).decide(&Command::Subject(subject::Command::EraseLead(LEAD))).unwrap();
    let erased: Vec<SubjectId> =
        decision.events.iter().flat_map(|step| step.event.erases().to_vec()).collect();
    assert_eq!(erased.first(), Some(&SUBJECT));
    assert_eq!(erased.get(1..), Some(all.as_slice()));
    assert_eq!(decision.events.len(), 4);
    assert_eq!(decision.claims.len(), 2_501);
}

#[test]
fn a_contact_of_its_own_is_erased() {
    let second = SubjectId(Uuid::from_u128(0x5d));
    let erase = Command::Subject(subject::Command::EraseContact(CONTACT));
    assert_eq!(World::new().when(&erase), Err(Refusal::PersonUnknown { contact: true }));
    let open = contact::Command::Open {
        account: ACCOUNT,
        subject: Some(SUBJECT),
        person: Some(sealed(1)),
        fields: fields(&[Field::LastName]),
    };
    let update = |subject| {
        let person = Some(Sealed { subject, ..sealed(2) });
        let fields = fields(&[Field::City]);
        Command::Contact(CONTACT, contact::Command::Update { person, fields })
    };
    let world = World::new().run(&open_account()).unwrap();
    let world = world.run(&Command::Contact(CONTACT, open)).unwrap();
    let world = world.run(&update(SUBJECT)).unwrap().run(&update(second)).unwrap();
    let decision = world.decide(&erase).unwrap();
    let events: Vec<_> =
        decision.events.into_iter().map(|step| (step.stream, step.event)).collect();
    let listed = contact::Event::SubjectErased { subjects: vec![SUBJECT, second] };
    let erased = subject::Event::Erased { lead: None, contact: Some(CONTACT), claims_released: 0 };
    assert_eq!(
        events,
        [
            (OF_CONTACT, Event::Contact(listed)),
            (StreamId::Subject(SUBJECT), Event::Subject(erased)),
        ]
    );
    assert_eq!(decision.claims, [SUBJECT, second].map(ClaimChange::ReleaseSubject));
    let world = world.run(&erase).unwrap();
    assert_eq!(world.when(&erase), Ok(Vec::new()));
    assert_eq!(world.when(&update(SUBJECT)), Err(Refusal::Erased));
}
