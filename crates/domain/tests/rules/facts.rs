//! What comes to be known of a lead is accepted in every phase.

use crate::given::{
    LEAD, OTHER, SUBJECT, World, campaign_stream, captured, euro, fields, hour, matched, planned,
    sealed, some, take,
};
use crate::phases::{check, lead_in};
use leadline_domain::campaign;
use leadline_domain::decision::Mode;
use leadline_domain::lead::event::Touch;
use leadline_domain::lead::{Command, Event, Owner, Phase};
use leadline_domain::sealed::Field;
use leadline_domain::{Command as AnyCommand, Event as AnyEvent, Refusal, StreamId};

/// Accepted from each phase, with the same event.
fn everywhere(command: &Command, event: &Event) {
    check(command, std::array::from_fn(|_| Ok(vec![event.clone()])));
}

#[test]
fn details_change_until_the_lead_converts() {
    let changed = || {
        Ok(vec![Event::DetailsChanged {
            person: Some(sealed(7)),
            fields: fields(&[Field::Title]),
            reserved: fields(&[]),
            amount: Some(euro(5)),
        }])
    };
    let update = Command::UpdateDetails {
        person: Some(sealed(7)),
        fields: fields(&[Field::Title]),
        amount: Some(euro(5)),
    };
    let locked = || Err(Refusal::FieldLockedAfterConversion);
    check(
        &update,
        [changed(), changed(), changed(), changed(), changed(), changed(), locked(), changed()],
    );
}

fn update(amount: Option<i64>) -> Command {
    Command::UpdateDetails { person: None, fields: fields(&[]), amount: amount.map(euro) }
}

#[test]
fn details_that_do_not_differ_change_nothing() {
    let world = lead_in(Phase::New);
    assert_eq!(world.lead_when(update(Some(100_000))), Ok(Vec::new()));
    assert_eq!(world.lead_when(update(None)), Ok(Vec::new()));
    assert_eq!(world.lead_when(update(Some(-1))), Err(Refusal::AmountNegative));
}

#[test]
fn a_new_match_key_is_taken_unless_somebody_holds_it() {
    let command = AnyCommand::Lead(
        LEAD,
        Command::UpdateDetails {
            person: Some(sealed(7)),
            fields: fields(&[Field::Phone]),
            amount: None,
        },
    );
    let changed = |reserved: &[Field]| Event::DetailsChanged {
        person: Some(sealed(7)),
        fields: fields(&[Field::Phone]),
        reserved: fields(reserved),
        amount: None,
    };
    let decided = |world: &World| {
        let decision = world.decide(&command)?;
        let events = decision.events.into_iter().map(|step| step.event).collect::<Vec<_>>();
        Ok((events, decision.claims))
    };
    let world = lead_in(Phase::Working);
    let free = matched(Field::Phone, 4, None);
    let taken = (vec![AnyEvent::Lead(changed(&[Field::Phone]))], vec![take(free, LEAD, SUBJECT)]);
    assert_eq!(decided(&world.clone().matching(&[free])), Ok(taken));
    let own = matched(Field::Phone, 4, Some(StreamId::Lead(LEAD)));
    let kept = (vec![AnyEvent::Lead(changed(&[]))], Vec::new());
    assert_eq!(decided(&world.clone().matching(&[own])), Ok(kept.clone()));
    let others = world.matching(&[matched(Field::Phone, 4, Some(StreamId::Lead(OTHER)))]);
    assert_eq!(decided(&others), Err(Refusal::MatchKeyTaken { field: Field::Phone }));
    assert_eq!(decided(&others.import()), Ok(kept));
}

#[test]
fn source_and_campaign() {
    everywhere(
        &Command::SetSource { source: "Webinar".to_owned() },
        &Event::SourceSet { source: "Webinar".to_owned() },
    );
    everywhere(
        &Command::LinkCampaign { campaign: "autumn".to_owned() },
        &Event::CampaignLinked { campaign: "autumn".to_owned() },
    );
    let world = lead_in(Phase::New);
    for same in [
        Command::SetSource { source: "Website".to_owned() },
        Command::LinkCampaign { campaign: "spring".to_owned() },
    ] {
        assert_eq!(world.lead_when(same), Ok(Vec::new()));
    }
}

#[test]
fn a_late_fact_does_not_overwrite_a_later_one() {
    let world = lead_in(Phase::New)
        .lead(8, Event::SourceSet { source: "Webinar".to_owned() })
        .lead(5, Event::SourceSet { source: "Trade Show".to_owned() });
    assert_eq!(world.state().source.get().map(String::as_str), Some("Webinar"));
    let changed = |content| Event::DetailsChanged {
        person: Some(sealed(content)),
        fields: fields(&[Field::City]),
        reserved: fields(&[]),
        amount: Some(euro(i64::from(content))),
    };
    let world = world.lead(8, changed(8)).lead(5, changed(5));
    let contents: Vec<u8> =
        world.state().person.iter().map(|envelope| envelope.sealed.envelope[0]).collect();
    assert_eq!(contents, [1, 8]);
    assert_eq!(world.state().amount.get(), Some(&euro(8)));
}

fn touch(campaign: Option<&str>) -> Command {
    let campaign = campaign.map(str::to_owned);
    Command::RecordTouch { channel: some("email"), campaign, source: None }
}

#[test]
fn touches() {
    let id = lead_in(Phase::New).touch_id();
    let recorded = Touch { id, channel: some("email"), campaign: some("autumn"), source: None };
    everywhere(&touch(Some("autumn")), &Event::TouchRecorded(recorded));
    let empty = Command::RecordTouch { channel: None, campaign: some(""), source: None };
    assert_eq!(lead_in(Phase::New).lead_when(empty), Err(Refusal::TouchEmpty));
    // A touch may lie before the capture.
    assert!(lead_in(Phase::New).told_late(-50).lead_when(touch(None)).is_ok());
}

#[test]
fn a_campaign_takes_touches_while_it_runs() {
    let campaign = "autumn".to_owned();
    let stream = campaign_stream("autumn");
    let world = lead_in(Phase::New).given(stream, 0, &planned("autumn", false));
    assert_eq!(
        world.lead_when(touch(Some("autumn"))),
        Err(Refusal::CampaignNotStarted { campaign: campaign.clone() })
    );
    assert!(world.clone().import().lead_when(touch(Some("autumn"))).is_ok());
    let started = AnyEvent::Campaign(campaign::Event::Started { at: hour(1) });
    let world = world.given(stream, 1, &started);
    assert!(world.lead_when(touch(Some("autumn"))).is_ok());
    let world = world.given(stream, 2, &AnyEvent::Campaign(campaign::Event::Closed));
    assert_eq!(world.lead_when(touch(Some("autumn"))), Err(Refusal::CampaignEnded { campaign }));
    assert!(world.import().lead_when(touch(Some("autumn"))).is_ok());
}

#[test]
fn notes_and_conversions() {
    everywhere(&Command::AddNote { note: Some(sealed(9)) }, &Event::NoteAdded { note: sealed(9) });
    everywhere(
        &Command::RecordConversion { amount: Some(euro(1_000)) },
        &Event::ConversionRecorded { amount: Some(euro(1_000)) },
    );
    let world = lead_in(Phase::New);
    assert_eq!(world.lead_when(Command::AddNote { note: None }), Err(Refusal::NoteRequired));
    assert_eq!(
        world.lead_when(Command::RecordConversion { amount: Some(euro(-1)) }),
        Err(Refusal::AmountNegative)
    );
}

#[test]
fn ownership() {
    let assign = |to: Owner| Command::Assign { to, reason: some("near") };
    let bob = || Owner::Person("bob".to_owned());
    let assigned = |from| Ok(vec![Event::Assigned { to: bob(), from, reason: some("near") }]);
    let ada = || assigned(Some(Owner::Person("ada".to_owned())));
    check(
        &assign(bob()),
        [
            assigned(None),
            assigned(None),
            assigned(None),
            assigned(None),
            ada(),
            ada(),
            ada(),
            assigned(None),
        ],
    );
    let ada = Owner::Person("ada".to_owned());
    assert_eq!(lead_in(Phase::Sal).lead_when(assign(ada)), Err(Refusal::SameOwner));
    let queue = Owner::Queue("north".to_owned());
    assert_eq!(
        lead_in(Phase::Sal).told_late(1).lead_when(assign(queue)),
        Err(Refusal::BackdateNotAllowed { last: hour(2) })
    );
}

#[test]
fn tasks_outlive_the_lead() {
    let queue = || "calls".to_owned();
    let by = some("ada");
    everywhere(&Command::EnqueueWork { queue: queue() }, &Event::TaskEnqueued { queue: queue() });
    everywhere(
        &Command::ClaimWork { queue: queue() },
        &Event::TaskClaimed { queue: queue(), by: by.clone() },
    );
    everywhere(
        &Command::CompleteWork { queue: queue() },
        &Event::TaskCompleted { queue: queue(), by },
    );
    let cancel = Command::CancelWork { queue: queue() };
    check(&cancel, std::array::from_fn(|_| Err(Refusal::TaskUnknown { queue: queue() })));
    for phase in Phase::ALL {
        let world = lead_in(phase).lead(9, Event::TaskEnqueued { queue: queue() });
        let cancelled = Event::TaskCancelled { queue: queue() };
        assert_eq!(world.lead_when(cancel.clone()), Ok(vec![cancelled.clone()]));
        let claimed = world.lead(9, Event::TaskClaimed { queue: queue(), by: None });
        assert!(claimed.state().tasks.iter().all(|task| task.claimed));
        assert!(claimed.lead_when(cancel.clone()).is_ok());
        assert!(claimed.lead(9, cancelled).lead_when(cancel.clone()).is_err());
    }
}

#[test]
fn an_erased_lead_takes_no_personal_data_and_goes_on() {
    let erased = Event::SubjectErased { subjects: vec![SUBJECT] };
    let world = lead_in(Phase::Mql).lead(9, erased);
    let personal = [
        Command::UpdateDetails { person: Some(sealed(1)), fields: fields(&[]), amount: None },
        Command::AddNote { note: Some(sealed(1)) },
    ];
    for command in personal {
        assert_eq!(world.lead_when(command), Err(Refusal::Erased));
    }
    assert!(world.lead_when(Command::AcceptSal).is_ok());
    assert!(world.lead_when(touch(None)).is_ok());
}

#[test]
fn a_strict_import_knows_its_queues() {
    let world = World::new()
        .lead(0, captured())
        .mode(Mode::Migration { enforce_policies: false, strict: true });
    let (catalogue, name) = ("queue", "calls".to_owned());
    assert_eq!(
        world.lead_when(Command::EnqueueWork { queue: name.clone() }),
        Err(Refusal::NameUnknown { catalogue, name })
    );
}
