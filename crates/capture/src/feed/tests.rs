//! Lines of a feed.

use super::*;
use crate::codec::code;
use leadline_domain::lead;
use leadline_domain::opportunity;
use leadline_domain::sealed::Field;
use leadline_engine::submission::Body;

const OPTIONS: LineOptions =
    LineOptions { currency: Currency::EUR, enforce_policies: false, strict: true };

fn line(json: &str) -> Result<FeedLine, LineError> {
    parse_line(json.as_bytes(), OPTIONS)
}

#[test]
fn a_capture_brings_the_person_and_fields_of_the_companys_own() {
    let line = line(
        r#"{"id":"s:1","at":"2026-01-31T09:00:00Z","cmd":"CaptureLead","lead":"1","actor":"sam",
            "source":null,"campaign":"spring","email":"ada@example.org","employees":12,"size":null}"#,
    )
    .unwrap();
    let submission = line.submission;
    assert_eq!(line.id, "s:1");
    assert_eq!(submission.idempotency, Idempotency::Key("s:1".to_owned()));
    assert_eq!(submission.target, Target::Key("1".to_owned()));
    assert_eq!(submission.occurred_at, Some(line.at));
    assert_eq!(submission.caller.actor.on_behalf_of.as_deref(), Some("sam"));
    assert_eq!(submission.caller.actor.kind, ActorKind::Migration);
    assert_eq!(submission.mode, Mode::Migration { enforce_policies: false, strict: true });
    assert_eq!(submission.payload.get(), r#"{"campaign":"spring"}"#);
    assert_eq!(submission.personal.get(Field::Email), Some("ada@example.org"));
    assert_eq!(submission.personal.custom().collect::<Vec<_>>(), [("employees", "12")]);
    let Body::Lead(lead::Command::Capture(capture)) = submission.body else { panic!("no capture") };
    assert_eq!((capture.source, capture.campaign.as_deref()), (None, Some("spring")));
}

#[test]
fn an_opening_keeps_business_fields_as_attributes() {
    let line = line(
        r#"{"id":"m:1","at":"2016-10-20T00:00:00Z","cmd":"OpenOpportunity","lead":"1C1I7A6R",
            "actor":"Moses","manager":"Dustin","region":"Central","product":"GTX","account":"Cancity",
            "stage":"Prospecting","amount_cents":109600,"undated":true,"segment":null}"#,
    )
    .unwrap();
    assert_eq!(line.submission.account_key.as_deref(), Some("Cancity"));
    let Body::Opportunity(opportunity::Command::Open(open)) = line.submission.body else {
        panic!("no opening")
    };
    assert_eq!(open.attributes.len(), 2);
    assert_eq!(open.attributes["manager"], "Dustin");
    assert_eq!(open.amount.map(|amount| amount.minor), Some(109_600));
    assert!(open.undated);
    assert_eq!(
        line.submission.payload.get(),
        r#"{"amount_cents":109600,"attributes":{"manager":"Dustin","region":"Central"},"currency":"EUR","product":"GTX","stage":"Prospecting","undated":true}"#
    );
}

#[test]
fn an_actor_may_be_missing_and_keys_may_be_numbers() {
    let line = line(
        r#"{"id":7,"at":"2011-10-01T08:44:43.954Z","lead":173718,"actor":null,"cmd":"ClaimWork","queue":"q"}"#,
    )
    .unwrap();
    assert_eq!((line.id.as_str(), line.submission.target), ("7", Target::Key("173718".to_owned())));
    assert_eq!(line.submission.caller.actor.person(), None);
}

#[test]
fn a_broken_line_says_why() {
    let cases = [
        ("", code::MALFORMED_JSON),
        ("{}", code::FIELD_MISSING),
        (r#"{"cmd":"Dance"}"#, code::COMMAND_UNKNOWN),
        (
            r#"{"cmd":"EraseSubject","id":"1","at":"2026-01-31T09:00:00Z","lead":"1"}"#,
            code::COMMAND_UNKNOWN,
        ),
        (r#"{"cmd":"MarkMQL","at":"2026-01-31T09:00:00Z","lead":"1"}"#, code::FIELD_MISSING),
        (r#"{"cmd":"MarkMQL","id":"1","lead":"1"}"#, code::FIELD_MISSING),
        (r#"{"cmd":"MarkMQL","id":"1","at":"2026-01-31T09:00:00Z"}"#, code::FIELD_MISSING),
        (r#"{"cmd":"MarkMQL","id":"1","at":"soon","lead":"1"}"#, code::FIELD_INVALID),
        (r#"{"cmd":"MarkMQL","id":"1","at":5,"lead":"1"}"#, code::FIELD_INVALID),
        (
            r#"{"cmd":"MarkMQL","id":"1","at":"2026-01-31T09:00:00Z","lead":"1","x":1}"#,
            code::UNKNOWN_FIELD,
        ),
        (
            r#"{"cmd":"CaptureLead","id":"1","at":"2026-01-31T09:00:00Z","lead":"1","x":[1]}"#,
            code::FIELD_INVALID,
        ),
        (
            r#"{"cmd":"CaptureLead","id":"1","at":"2026-01-31T09:00:00Z","lead":"1","external_key":"k"}"#,
            code::FIELD_INVALID,
        ),
    ];
    for (json, code) in cases {
        assert_eq!(line(json).map(|line| line.id).unwrap_err().code, code, "{json}");
    }
    let long = format!("{{\"id\":\"{}\"}}", "x".repeat(LINE_BYTES_MAX));
    assert_eq!(line(&long).map(|line| line.id).unwrap_err().code, code::FIELD_TOO_LONG);
}
