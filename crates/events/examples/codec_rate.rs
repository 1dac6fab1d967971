//! Prints how long it takes to write, seal and read a captured lead. Run it with `--release`.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use leadline_domain::actor::{Actor, ActorKind};
use leadline_domain::decision::{Class, Explanation, Mode};
use leadline_domain::id::{CommandId, SubjectId};
use leadline_domain::policy::PolicyRef;
use leadline_domain::sealed::{Field, FieldSet, Sealed};
use leadline_domain::{Event, Timestamp, lead};
use leadline_events::{Meta, PersonalFields, StoredMeta, Trigger, decode, encode, meta, seal};
use leadline_log::vault::Key;
use serde_json::value::RawValue;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

const ROUNDS: u32 = 200_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (key, id) = (Key([7; 32]), Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));
    let mut fields = PersonalFields::default();
    fields.set(Field::Email, "mia.maier@example.org".to_owned());
    fields.set(Field::LastName, "Maier".to_owned());
    fields.set(Field::Company, "Maier Pegelmesstechnik".to_owned());
    let sealed = || -> Result<Vec<u8>, seal::Error> {
        seal::seal(&key, id, id, seal::PERSON, &fields.to_json(), seal::nonce()?)
    };
    let envelope = sealed()?;
    let event = Event::Lead(lead::Event::Captured {
        subject: SubjectId(id),
        source: Some("web".to_owned()),
        campaign: Some("spring".to_owned()),
        person: Some(Sealed { subject: SubjectId(id), envelope: Arc::from(envelope.as_slice()) }),
        fields: fields.fields(),
        reserved: FieldSet::default().with(Field::Email),
        amount: None,
    });
    let actor = Actor { kind: ActorKind::Service, id: "web-form".to_owned(), on_behalf_of: None };
    let policies = [PolicyRef(Arc::from("default-sources@1#0123456789abcdef"))];
    let explanation = Explanation { rule: "capture.new", inputs: Vec::new() };
    let payload = RawValue::from_string(String::from_utf8(encode(&event).data.to_vec())?)?;
    let envelope_of = Meta {
        class: Class::Fact,
        actor: &actor,
        command_id: CommandId(id),
        command: "CaptureLead",
        correlation: id,
        causation: None,
        trace_id: None,
        policies: &policies,
        explanation: &explanation,
        subject: Some(SubjectId(id)),
        trigger: Some(Trigger {
            command: "CaptureLead",
            payload: &payload,
            target: leadline_domain::StreamId::Config,
            actor: ActorKind::Service,
            mode: Mode::Live,
            now: Timestamp::from_millis(1_700_000_000_000),
            occurred_at: Timestamp::from_millis(1_700_000_000_000),
            config_version: 12,
        }),
    };
    let (stored, envelope_json) = (encode(&event), envelope_of.encode());
    println!("{} bytes of data, {} bytes of meta", stored.data.len(), envelope_json.len());
    time("write data", || drop(black_box(encode(black_box(&event)))));
    time("write meta", || drop(black_box(black_box(&envelope_of).encode())));
    time("read data", || drop(black_box(decode("lead.captured", 1, black_box(&stored.data)))));
    time("read meta", || drop(black_box(StoredMeta::decode(black_box(&envelope_json)))));
    time("read actor", || drop(black_box(meta::actor_of(black_box(&envelope_json)))));
    time("seal", || drop(black_box(sealed())));
    time("open", || {
        drop(black_box(seal::open(&key, id, id, seal::PERSON, black_box(&envelope))));
    });
    Ok(())
}

fn time(what: &str, mut work: impl FnMut()) {
    let start = Instant::now();
    for _ in 0..ROUNDS {
        work();
    }
    println!("{what}: {} ns", start.elapsed().as_nanos() / u128::from(ROUNDS));
}
