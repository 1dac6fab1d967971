//! Envelopes, written and read back.

use super::*;
use serde_json::json;
use std::sync::Arc;

const COMMAND: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
const OTHER: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002);
const AT: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn mia() -> Actor {
    Actor {
        kind: ActorKind::Service,
        id: "web-form".to_owned(),
        on_behalf_of: Some("mia".to_owned()),
    }
}

fn minimal<'a>(actor: &'a Actor, explanation: &'a Explanation) -> Meta<'a> {
    Meta {
        class: Class::Fact,
        actor,
        command_id: CommandId(COMMAND),
        command: "CaptureLead",
        correlation: COMMAND,
        causation: None,
        trace_id: None,
        policies: &[],
        explanation,
        subject: None,
        trigger: None,
    }
}

fn explained() -> Explanation {
    Explanation {
        rule: "acceptance.clock_started",
        inputs: vec![
            ("target_seconds", Input::Number(86_400)),
            ("due_at", Input::Time(AT)),
            ("active", Input::Flag(true)),
            ("before", Input::Number(-1)),
            ("queue", Input::Text("in \"bound\"".to_owned())),
        ],
    }
}

#[test]
fn a_full_envelope_reads_back_as_it_was_written() {
    let (actor, explanation) = (mia(), explained());
    let payload = RawValue::from_string(r#"{"command":"MarkMQL","source":"web"}"#.into()).unwrap();
    let policies = [PolicyRef(Arc::from("acceptance-24wh@1#0123456789abcdef"))];
    let meta = Meta {
        class: Class::Decision,
        correlation: OTHER,
        causation: Some(OTHER),
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736"),
        policies: &policies,
        subject: Some(SubjectId(OTHER)),
        trigger: Some(Trigger {
            command: "MarkMQL",
            payload: &payload,
            target: StreamId::Config,
            actor: ActorKind::Migration,
            mode: Mode::Migration { enforce_policies: true, strict: false },
            now: AT,
            occurred_at: AT.plus_millis(-1),
            config_version: 7,
        }),
        ..minimal(&actor, &explanation)
    };
    let bytes = meta.encode();
    let stored = StoredMeta::decode(&bytes).unwrap();
    assert_eq!(stored.class, Class::Decision);
    assert_eq!(stored.actor, actor);
    assert_eq!(actor_of(&bytes).unwrap(), actor);
    assert_eq!((stored.command_id, stored.command.as_str()), (CommandId(COMMAND), "CaptureLead"));
    assert_eq!((stored.correlation, stored.causation), (OTHER, Some(OTHER)));
    assert_eq!(stored.trace_id.as_deref(), meta.trace_id);
    assert_eq!(stored.policies, policies);
    assert_eq!(stored.rule, explanation.rule);
    let inputs: Vec<_> = explanation
        .inputs
        .iter()
        .map(|(name, input)| ((*name).to_owned(), input.clone()))
        .collect();
    assert_eq!(stored.inputs, inputs);
    assert_eq!(stored.subject, Some(SubjectId(OTHER)));
    let trigger = stored.trigger.unwrap();
    assert_eq!(trigger.command, "MarkMQL");
    assert_eq!(trigger.payload.get(), payload.get());
    assert_eq!(trigger.target, StreamId::Config);
    assert_eq!(trigger.actor, ActorKind::Migration);
    assert_eq!(trigger.mode, Mode::Migration { enforce_policies: true, strict: false });
    assert_eq!((trigger.now, trigger.occurred_at), (AT, AT.plus_millis(-1)));
    assert_eq!(trigger.config_version, 7);
}

/// Envelopes of this form lie in logs: what is written must stay readable, and what is left out must stay so.
#[test]
fn the_form_of_an_envelope_is_frozen() {
    let (actor, explanation) = (mia(), explained());
    let bytes = minimal(&actor, &explanation).encode();
    assert_eq!(
        std::str::from_utf8(&bytes).unwrap(),
        r#"{"class":"fact","actor":{"kind":"service","id":"web-form","on_behalf_of":"mia"},"command_id":"01900000-0000-7000-8000-000000000001","command":"CaptureLead","explanation":{"rule":"acceptance.clock_started","inputs":{"target_seconds":86400,"due_at":{"at":1700000000000},"active":true,"before":-1,"queue":"in \"bound\""}}}"#
    );
    let actor = Actor { kind: ActorKind::System, id: "leadline".to_owned(), on_behalf_of: None };
    let bytes = minimal(&actor, &Explanation::default()).encode();
    assert_eq!(
        std::str::from_utf8(&bytes).unwrap(),
        r#"{"class":"fact","actor":{"kind":"system","id":"leadline"},"command_id":"01900000-0000-7000-8000-000000000001","command":"CaptureLead"}"#
    );
}

#[test]
fn what_is_left_out_has_its_default() {
    let (actor, explanation) = (mia(), Explanation::default());
    let stored = StoredMeta::decode(&minimal(&actor, &explanation).encode()).unwrap();
    assert_eq!(stored.correlation, COMMAND);
    assert_eq!((stored.rule.as_str(), stored.inputs.len()), ("", 0));
    assert!(stored.policies.is_empty() && stored.trigger.is_none() && stored.subject.is_none());
}

#[test]
fn a_reader_passes_over_what_it_does_not_know_and_refuses_what_is_no_envelope() {
    let (actor, explanation) = (mia(), explained());
    let bytes = minimal(&actor, &explanation).encode();
    let mut envelope: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    envelope["novelty"] = json!({"of": "later"});
    assert!(StoredMeta::decode(envelope.to_string().as_bytes()).is_ok());
    for (field, value) in [
        ("class", json!("rumour")),
        ("command_id", json!("7")),
        ("actor", json!({"kind": "ghost", "id": "x"})),
        ("explanation", json!({"rule": "x", "inputs": {"due_at": {"on": 1}}})),
        ("explanation", json!({"rule": "x", "inputs": {"rate": 0.5}})),
    ] {
        let mut envelope = envelope.clone();
        envelope[field] = value;
        let error = StoredMeta::decode(envelope.to_string().as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "could not read the envelope of an event", "{field}");
    }
}
