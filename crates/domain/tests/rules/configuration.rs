//! Policies, catalogues and keys.

use crate::given::{LEAD, World, hour, registered, some};
use crate::phases::lead_in;
use leadline_domain::config::{Catalogue, Command, Event, NAMES_PER_CATALOGUE_MAX, State};
use leadline_domain::lead::{self, Phase};
use leadline_domain::policy::{Document, Kind, PolicyRef, shipped};
use leadline_domain::{Command as AnyCommand, Event as AnyEvent, Refusal, StreamId, Timestamp};

fn reference(name: &str) -> PolicyRef {
    PolicyRef(name.into())
}

fn stages(default_stage: &str) -> Document {
    let mut plan = (*shipped::policies().stages.policy).clone();
    default_stage.clone_into(&mut plan.default_stage);
    Document::StagePlan(plan)
}

fn publish(name: &str, document: Document) -> Command {
    let source = format!("{{\"name\":\"{name}\"}}");
    Command::Publish { document: Box::new(document), source, reference: reference(name) }
}

fn activate(policy: &str, from: Option<Timestamp>) -> Command {
    Command::Activate { policy: policy.to_owned(), effective_from: from }
}

fn when(world: &World, command: &Command) -> Result<Vec<Event>, Refusal> {
    let events = world.when(&AnyCommand::Config(command.clone()))?;
    let own = |(stream, event)| match (stream, event) {
        (StreamId::Config, AnyEvent::Config(event)) => event,
        other => panic!("{other:?}"),
    };
    Ok(events.into_iter().map(own).collect())
}

fn run(world: World, command: &Command) -> World {
    world.run(&AnyCommand::Config(command.clone())).unwrap()
}

fn config(world: &World) -> &State {
    match world.streams.get(&StreamId::Config).map(|state| &**state) {
        Some(leadline_domain::State::Config(state)) => state,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_published_version_never_changes() {
    let world = World::new();
    let first = publish("two-step@1#aa", stages("Proposal"));
    let Command::Publish { document, source, reference } = first.clone() else { panic!() };
    assert_eq!(
        when(&world, &first),
        Ok(vec![Event::PolicyPublished { reference, document, source }])
    );
    let world = run(world, &first);
    assert_eq!(when(&world, &first), Ok(Vec::new()));
    let policy = "two-step@1".to_owned();
    assert_eq!(
        when(&world, &publish("two-step@1#bb", stages("Negotiation"))),
        Err(Refusal::VersionImmutable { policy })
    );
    assert!(when(&world, &publish("two-step@2#bb", stages("Negotiation"))).is_ok());
}

#[test]
fn a_policy_is_in_force_from_its_instant_on() {
    let world = World::new();
    let policy = "one@1".to_owned();
    assert_eq!(when(&world, &activate("one@1", None)), Err(Refusal::PolicyUnknown { policy }));
    let world = run(world, &publish("one@1#aa", stages("Qualification")));
    let world = run(world, &publish("two@1#bb", stages("Proposal")));
    let activated = |name: &str, from| Event::PolicyActivated {
        reference: reference(name),
        effective_from: from,
    };
    let world = world.at(3);
    assert_eq!(when(&world, &activate("one@1", None)), Ok(vec![activated("one@1#aa", hour(3))]));
    let world = run(world, &activate("one@1", None));
    assert_eq!(when(&world, &activate("one@1", Some(hour(3)))), Ok(Vec::new()));
    let world = run(world, &activate("two@1", Some(hour(8))));
    let default_at =
        |hours| config(&world).policies_at(hour(hours)).stages.policy.default_stage.clone();
    assert_eq!(
        [2, 3, 7, 8, 900].map(default_at),
        ["Prospecting", "Qualification", "Qualification", "Proposal", "Proposal"]
    );
    assert_eq!(config(&world).policies_at(hour(4)).stages.reference, reference("one@1#aa"));
    // Of two from the same instant, the last one made counts; other kinds stay as they are.
    let world = run(world, &activate("one@1", Some(hour(8))));
    let in_force = config(&world).policies_at(hour(9));
    assert_eq!(in_force.stages.reference, reference("one@1#aa"));
    assert_eq!(in_force.process, shipped::policies().process);
    assert_eq!(config(&world).activations().len(), 3);
}

#[test]
fn every_kind_comes_into_force() {
    let mut world = World::new();
    for (name, document) in shipped::shipped() {
        let name = format!("{name}@1#ff");
        world = run(world, &publish(&name, document));
        let policy = reference(&name).name_and_version().to_owned();
        world = run(world, &activate(&policy, Some(Timestamp::BEGINNING)));
    }
    let policies = config(&world).policies_at(Timestamp::BEGINNING);
    let references = [
        &policies.process.reference,
        &policies.stages.reference,
        &policies.sources.reference,
        &policies.conversion.reference,
        &policies.acceptance.reference,
        &policies.attribution.reference,
    ];
    assert!(references.iter().all(|reference| reference.0.ends_with("@1#ff")));
    assert_eq!(config(&world).all_published().count(), Kind::ALL.len());
    assert_eq!(policies.stages.policy, shipped::policies().stages.policy);
}

#[test]
fn keys_are_created_once_and_revoked() {
    let world = World::new();
    let create = Command::CreateKey {
        key: "k1".to_owned(),
        label: "web form".to_owned(),
        role: "capture".to_owned(),
        digest: "00ff".to_owned(),
    };
    let revoke = Command::RevokeKey { key: "k1".to_owned() };
    assert_eq!(when(&world, &revoke), Err(Refusal::KeyUnknown { key: "k1".to_owned() }));
    let world = run(world, &create);
    assert_eq!(when(&world, &create), Err(Refusal::AlreadyExists { what: "API key" }));
    assert!(config(&world).key("k1").is_some_and(|key| !key.revoked && key.role == "capture"));
    let revoked = Event::KeyRevoked { key: "k1".to_owned() };
    assert_eq!(when(&world, &revoke), Ok(vec![revoked]));
    let world = run(world, &revoke);
    assert!(config(&world).key("k1").is_some_and(|key| key.revoked));
    assert_eq!(when(&world, &revoke), Ok(Vec::new()));
    assert_eq!(config(&world).keys().count(), 1);
}

#[test]
fn names_are_known_once_registered() {
    let name = "calls".to_owned();
    let registered = AnyEvent::Config(Event::NameRegistered { catalogue: Catalogue::Queue, name });
    let world = World::new().given(StreamId::Config, 0, &registered);
    assert!(config(&world).knows(Catalogue::Queue, "calls"));
    assert!(!config(&world).knows(Catalogue::Stage, "calls"));
    assert_eq!(config(&world).names(Catalogue::Queue).collect::<Vec<_>>(), ["calls"]);
    assert_eq!(some("ada").as_deref(), config(&world).names(Catalogue::Person).next());
}

#[test]
fn a_catalogue_has_its_limit() {
    let mut world = lead_in(Phase::Working);
    let name = |number: usize| format!("queue {number}");
    for number in 0..NAMES_PER_CATALOGUE_MAX {
        let (stream, event) = registered(Catalogue::Queue, &name(number));
        world = world.given(stream, 0, &event);
    }
    let into = |queue: &str| {
        AnyCommand::Lead(LEAD, lead::Command::EnqueueWork { queue: queue.to_owned() })
    };
    let full = Err(Refusal::CatalogueFull { catalogue: "queue" });
    assert_eq!(world.when(&into("one more")), full);
    assert!(world.when(&into(&name(7))).is_ok());
    assert!(world.by("eve").when(&into(&name(7))).is_ok(), "other catalogues have room");
}
