//! Every command of the table, by its example and by what it must refuse.

use super::*;
use crate::codec::{
    CUSTOM_FIELDS_MAX, NOTE_BYTES_MAX, Object, Options, Parsed, Values, parse_command,
};
use leadline_domain::lead::command::{Command as Lead, OpportunityChoice};
use leadline_domain::money::{Currency, Money};
use leadline_domain::{Timestamp, opportunity};
use leadline_engine::submission::Body;
use std::collections::BTreeSet;

const OPTIONS: Options = Options { currency: Currency::EUR, keep_extras: false };

fn parse(name: &str, json: &str) -> Result<Parsed, ParseError> {
    parse_command(command_named(name).unwrap(), json.as_bytes(), OPTIONS)
}

fn refused(name: &str, json: &str) -> (&'static str, String) {
    let error = parse(name, json).map(|parsed| parsed.body).unwrap_err();
    (error.code, error.detail)
}

#[test]
fn names_and_paths_are_unique_and_every_collection_opens_by_at_most_one_command() {
    let mut names = BTreeSet::new();
    let mut paths = BTreeSet::new();
    let mut opened = BTreeSet::new();
    for spec in commands() {
        assert!(names.insert(spec.name), "{}", spec.name);
        assert!(paths.insert((spec.aggregate, spec.path)), "{}", spec.path);
        assert!(!spec.opens || opened.insert(spec.aggregate), "{}", spec.name);
        assert!(spec.path.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
        assert_eq!(command_of_path(spec.aggregate, spec.path).unwrap().name, spec.name);
    }
}

#[test]
fn every_example_becomes_the_command_of_its_name_and_leaves_nothing_over() {
    for spec in commands() {
        let parsed =
            parse(spec.name, spec.example).unwrap_or_else(|error| panic!("{}: {error}", spec.name));
        assert_eq!(parsed.body.name(), spec.name);
        let object = Object::parse(spec.example.as_bytes()).unwrap();
        let mut values = Values::read(spec, object, OPTIONS).unwrap();
        (spec.build)(&mut values).unwrap();
        assert_eq!(values.left(), Vec::<&str>::new(), "{}", spec.name);
    }
}

#[test]
fn the_builder_takes_every_field_of_the_table() {
    for spec in commands() {
        for field in spec.fields().filter(|field| !field.personal()) {
            let value = match field.kind {
                Kind::Text(_) => "\"x\"".to_owned(),
                Kind::Currency => "\"EUR\",\"amount_cents\":1".to_owned(),
                Kind::Amount => "1".to_owned(),
                Kind::Time => "\"2026-01-31T09:00:00Z\"".to_owned(),
                Kind::Flag => "true".to_owned(),
                Kind::Id => "\"01890a5d-ac96-774b-bcce-b302099a8057\"".to_owned(),
                Kind::OneOf(names) => format!("\"{}\"", names[0]),
                Kind::Map => "{\"a\":\"b\"}".to_owned(),
            };
            let json = format!("{{\"{}\":{value}}}", field.name);
            let object = Object::parse(json.as_bytes()).unwrap();
            let Ok(mut values) = Values::read(spec, object, OPTIONS) else { continue };
            // A refusal is an answer too: the field was looked at.
            if (spec.build)(&mut values).is_ok() {
                assert!(!values.left().contains(&field.name), "{}.{}", spec.name, field.name);
            }
        }
    }
}

#[test]
fn every_command_refuses_what_its_table_does_not_list() {
    for spec in commands() {
        let (code, detail) = refused(spec.name, r#"{"nonsense":1}"#);
        assert_eq!(code, code::UNKNOWN_FIELD, "{detail}");
        let (code, _) = refused(spec.name, "[]");
        assert_eq!(code, code::MALFORMED_JSON);
        for field in spec.fields() {
            let (code, _) = refused(spec.name, &format!("{{\"{}\":[]}}", field.name));
            assert_eq!(code, code::FIELD_INVALID, "{}.{}", spec.name, field.name);
            if let Kind::Text(limit) = field.kind {
                let long = "x".repeat(limit + 1);
                let (code, _) = refused(spec.name, &format!("{{\"{}\":\"{long}\"}}", field.name));
                assert_eq!(code, code::FIELD_TOO_LONG, "{}.{}", spec.name, field.name);
            }
            if field.required {
                let (code, detail) = refused(spec.name, &format!("{{\"{}\":null}}", field.name));
                assert_eq!(code, code::FIELD_MISSING, "{detail}");
            }
        }
    }
}

#[test]
fn a_near_miss_is_named() {
    let (_, detail) = refused("CaptureLead", r#"{"emial":"x"}"#);
    assert!(detail.ends_with("did you mean `email`?"), "{detail}");
    let unknown = name_unknown("CaptureLeed");
    assert!(unknown.detail.ends_with("did you mean `CaptureLead`?"), "{unknown}");
    assert!(!name_unknown("drop table").detail.contains("drop table"));
}

#[test]
fn what_is_personal_is_kept_apart_from_the_payload() {
    let parsed = parse(
        "CaptureLead",
        r#"{"source":"Web","email":"ada@example.org","custom":{"size":"12"},"amount_cents":5,
            "external_key":"crm-1","occurred_at":"2026-01-31T09:00:00+01:00"}"#,
    )
    .unwrap();
    let payload = r#"{"amount_cents":5,"currency":"EUR","source":"Web"}"#;
    assert_eq!(parsed.payload.get(), payload);
    assert_eq!(parsed.personal.get(Field::Email), Some("ada@example.org"));
    assert_eq!(parsed.personal.custom().collect::<Vec<_>>(), [("size", "12")]);
    assert_eq!(parsed.key.as_deref(), Some("crm-1"));
    assert_eq!(parsed.occurred_at, Timestamp::parse("2026-01-31T08:00:00Z").ok());

    let parsed = parse("AddNote", r#"{"note":"private"}"#).unwrap();
    assert_eq!((parsed.payload.get(), parsed.note.as_deref()), ("{}", Some("private")));
    let parsed = parse("OpenAccount", r#"{"name":"Engines Ltd"}"#).unwrap();
    assert_eq!(parsed.payload.get(), "{}");
    assert_eq!(parsed.personal.get(Field::Company), Some("Engines Ltd"));
    let parsed = parse("ConvertLead", r#"{"account":"Engines Ltd"}"#).unwrap();
    assert_eq!((parsed.payload.get(), parsed.account_key.as_deref()), ("{}", Some("Engines Ltd")));
}

#[test]
fn the_payload_is_the_same_however_it_is_written() {
    let one = parse("RecordTouch", r#"{"channel":"a\"\\\n\u0001é","source":"s"}"#).unwrap();
    let two = parse(
        "RecordTouch",
        "{ \"source\" : \"s\", \"campaign\": null, \"channel\":\"a\\u0022\\\\\\n\\u0001\\u00e9\" }",
    )
    .unwrap();
    assert_eq!(one.payload.get(), two.payload.get());
    let back: serde_json::Value = serde_json::from_str(one.payload.get()).unwrap();
    assert_eq!(back["channel"], "a\"\\\n\u{1}é");
}

#[test]
fn amounts_have_a_currency() {
    let amount = |json| match parse("CloseWon", json).unwrap().body {
        Body::Opportunity(opportunity::Command::CloseWon { amount }) => amount,
        other => panic!("{other:?}"),
    };
    let money = |minor, code| Some(Money { minor, currency: Currency::parse(code).unwrap() });
    assert_eq!(amount(r#"{"amount_cents":0}"#), money(0, "EUR"));
    assert_eq!(amount(r#"{"currency":"USD","amount_cents":7}"#), money(7, "USD"));
    assert_eq!(amount("{}"), None);
    for json in [
        r#"{"amount_cents":1.5}"#,
        r#"{"amount_cents":"1"}"#,
        r#"{"amount_cents":9223372036854775808}"#,
        r#"{"currency":"USD"}"#,
        r#"{"currency":"usd","amount_cents":1}"#,
    ] {
        assert_eq!(refused("CloseWon", json).0, code::FIELD_INVALID, "{json}");
    }
    assert_eq!(refused("RecordCost", "{}").0, code::FIELD_MISSING);
}

#[test]
fn blank_texts_say_nothing() {
    let parsed = parse("CaptureLead", r#"{"source":" ","email":"","campaign":null}"#).unwrap();
    assert_eq!(parsed.payload.get(), "{}");
    assert_eq!(parsed.personal.get(Field::Email), None);
    assert_eq!(refused("EnqueueWork", r#"{"queue":"  "}"#).0, code::FIELD_MISSING);
}

#[test]
fn limits_hold_on_both_sides() {
    let note = |length: usize| format!("{{\"note\":\"{}\"}}", "x".repeat(length));
    assert!(parse("AddNote", &note(NOTE_BYTES_MAX)).is_ok());
    assert_eq!(refused("AddNote", &note(NOTE_BYTES_MAX + 1)).0, code::FIELD_TOO_LONG);
    let custom = |count: usize| {
        let entries: Vec<String> = (0..count).map(|number| format!("\"f{number}\":1")).collect();
        format!("{{\"custom\":{{{}}}}}", entries.join(","))
    };
    assert!(parse("CaptureLead", &custom(CUSTOM_FIELDS_MAX)).is_ok());
    let (code, _) = refused("CaptureLead", &custom(CUSTOM_FIELDS_MAX + 1));
    assert_eq!(code, code::FIELD_INVALID);
    let (code, _) = refused("CaptureLead", r#"{"source":"a\u0000b"}"#);
    assert_eq!(code, code::FIELD_INVALID);
}

#[test]
fn a_conversion_is_read_in_its_three_forms() {
    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
    let choice = |json: &str| match parse("ConvertLead", json).unwrap().body {
        Body::Lead(Lead::Convert(convert)) => convert.opportunity,
        other => panic!("{other:?}"),
    };
    assert_eq!(choice("{}"), OpportunityChoice::default());
    assert!(matches!(
        choice(&format!("{{\"opportunity_id\":\"{ID}\"}}")),
        OpportunityChoice::Attach(_)
    ));
    assert_eq!(
        choice(r#"{"no_opportunity_reason":"early"}"#),
        OpportunityChoice::None { reason: Some("early".to_owned()) }
    );
    for json in [
        format!("{{\"opportunity_id\":\"{ID}\",\"no_opportunity\":true}}"),
        format!("{{\"opportunity_id\":\"{ID}\",\"stage\":\"Proposal\"}}"),
        format!("{{\"account_id\":\"{ID}\",\"account\":\"a\"}}"),
        r#"{"no_opportunity":true,"amount_cents":1}"#.to_owned(),
    ] {
        assert_eq!(refused("ConvertLead", &json).0, code::FIELD_INVALID, "{json}");
    }
    assert_eq!(refused("AssignLead", r#"{"owner":"a","queue":"b"}"#).0, code::FIELD_INVALID);
    assert_eq!(refused("AssignLead", "{}").0, code::FIELD_MISSING);
}
