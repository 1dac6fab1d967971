//! Policies, read and written.

use super::*;
use leadline_domain::lead::Phase;
use leadline_domain::policy::Unlisted;
use serde_json::json;

fn errors(document: Value) -> Vec<String> {
    parse_value(document).unwrap_err().errors()
}

fn stage_plan() -> Value {
    json!({
        "kind": "stage_plan", "name": "two-step", "version": 1,
        "stages": [{"name": "Offer", "probability": 30}, {"name": "Trial", "probability_bp": 6250}],
        "default_stage": "Offer",
    })
}

fn sla() -> Value {
    json!({
        "kind": "acceptance_sla", "name": "hours", "version": 2, "target_seconds": 28_800,
        "reminders": [50, 75],
        "calendar": {
            "tz": "Europe/Berlin",
            "weekly": {"mon": [["09:00", "12:00"], ["13:00", "17:00"]], "fri": [["00:00", "24:00"]]},
            "holidays": {"2026-12-25": [], "2026-12-24": [["09:00", "12:00"]]},
        },
    })
}

#[test]
fn every_shipped_policy_is_its_own_document() {
    let shipped = shipped();
    assert_eq!(shipped.len(), Kind::ALL.len());
    for policy in shipped {
        assert_eq!(parse(policy.source.as_bytes()).unwrap(), policy);
    }
}

#[test]
fn the_references_of_shipped_policies_are_frozen() {
    let references: Vec<_> =
        shipped().into_iter().map(|policy| policy.reference.to_string()).collect();
    assert_eq!(references, SHIPPED);
}

/// Logs cite these versions: a change of rules is a new version.
const SHIPPED: [&str; 6] = [
    "mql-sal@1#535752e5fda2b98e",
    "default-stages@1#2f8873d7fba17f48",
    "default-sources@1#cae72ca72cf145ca",
    "default-conversion@1#bbb4056e7c1af500",
    "acceptance-24wh@1#8486d8c23b51da4e",
    "default-attribution@1#07b501bdf0080a25",
];

#[test]
fn a_short_document_takes_the_defaults() {
    let policy = parse_value(stage_plan()).unwrap();
    let Document::StagePlan(plan) = &policy.document else { panic!("another kind") };
    let odds: Vec<_> = plan.stages.iter().map(|one| one.probability.basis_points()).collect();
    assert_eq!(odds, [3000, 6250]);
    assert!(plan.skip && !plan.backward && plan.lost_reason_required);
    assert_eq!(plan.unlisted, Unlisted::Register);
    let whole = to_json(&policy.document, "two-step", 1);
    assert_eq!(parse_value(whole).unwrap().document, policy.document);
}

#[test]
fn a_calendar_reads_back_as_it_was_written() {
    let policy = parse_value(sla()).unwrap();
    let Document::AcceptanceSla(rules) = &policy.document else { panic!("another kind") };
    assert_eq!(rules.calendar.tz(), chrono_tz::Europe::Berlin);
    assert_eq!(rules.calendar.weekly()[0].len(), 2);
    assert_eq!(rules.calendar.holidays().len(), 2);
    let written = to_json(&policy.document, "hours", 2);
    assert_eq!(written["calendar"], sla()["calendar"]);
}

#[test]
fn the_reference_is_of_the_canonical_text() {
    let policy = parse(
        br#" { "version" : 1, "name": "c", "kind": "conversion",
        "currency": "EUR", "convert_from": ["qualified", "sal"] } "#,
    )
    .unwrap();
    assert_eq!(
        policy.source,
        r#"{"convert_from":["qualified","sal"],"currency":"EUR","kind":"conversion","name":"c","version":1}"#
    );
    let Document::Conversion(rules) = &policy.document else { panic!("another kind") };
    assert_eq!(rules.convert_from, [Phase::Qualified, Phase::Sal]);
    let hash = blake3::hash(policy.source.as_bytes()).to_hex();
    assert_eq!(*policy.reference.0, *format!("c@1#{}", hash.get(..16).unwrap()));
    assert_eq!(policy.reference.name_and_version(), "c@1");
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let mut plan = stage_plan();
    plan["name"] = json!("a@b");
    plan["version"] = json!(0);
    plan["stages"] = json!([
        {"name": "Offer", "probability": 101},
        {"name": "Offer", "probability": 10, "probability_bp": 1000},
        {"name": " ", "probability_bp": 10_001},
        {"name": "Trial"},
    ]);
    plan["default_stage"] = json!("Close");
    let odds = "either `probability`, 0 to 100 percent, or `probability_bp`, 0 to 10000, is needed";
    assert_eq!(
        errors(plan),
        [
            "name: 1 to 64 ASCII letters, digits, hyphens, underscores and full stops are needed, not `\"a@b\"`",
            "version: an integer from 1 on is needed, not `0`",
            "stages[1]: `Offer` is listed twice",
            "stages[2]: 1 to 200 bytes without surrounding white space are needed, not ` `",
            "default_stage: `Close` is not among the stages",
            &format!("stages[0]: {odds}"),
            &format!("stages[1]: {odds}"),
            &format!("stages[2]: {odds}"),
            &format!("stages[3]: {odds}"),
        ]
    );
}

#[test]
fn a_clock_needs_a_target_ascending_reminders_and_an_open_day() {
    let mut wrong = sla();
    wrong["target_seconds"] = json!(0);
    wrong["reminders"] = json!([75, 50, 100]);
    wrong["calendar"] = json!({
        "tz": "Europe/Ulm",
        "weekly": {"mon": [["09:00", "08:00"], ["9", "10:00"]]},
        "holidays": {"2026-2-30": []},
    });
    let errors_found = errors(wrong);
    assert_eq!(
        errors_found[..4],
        [
            "target_seconds: at least 1 is needed",
            "reminders: each must be from 1 to 99 percent, not 100",
            "reminders: they must ascend",
            "calendar.tz: `Europe/Ulm` is no time zone such as Europe/Berlin",
        ]
    );
    assert!(errors_found[4].starts_with("calendar.weekly.mon[0]: "), "{errors_found:?}");
    assert!(errors_found[5].starts_with("calendar.weekly.mon[1]: "), "{errors_found:?}");
    assert_eq!(errors_found[6], "calendar.holidays.2026-2-30: a date such as 2026-12-25 is needed");
    let mut closed = sla();
    closed["calendar"]["weekly"] = json!({});
    assert_eq!(errors(closed), ["calendar.weekly: at least one day must be open"]);
}

#[test]
fn each_kind_has_its_rules() {
    for (document, expected) in [
        (json!([]), "the document is not an object"),
        (
            json!({"kind": "weather", "name": "w", "version": 1}),
            "kind: one of status_process, stage_plan, source_catalogue, conversion, acceptance_sla, attribution is needed, not `\"weather\"`",
        ),
        (
            json!({"kind": "attribution", "name": "a", "version": 1, "half_life_seconds": 0}),
            "half_life_seconds: at least 1 is needed",
        ),
        (
            json!({"kind": "attribution", "name": "a", "version": 1, "half_life_seconds": 1, "window_days": 0}),
            "window_days: at least 1, or null for no limit, is needed",
        ),
        (
            json!({"kind": "conversion", "name": "c", "version": 1, "convert_from": [], "currency": "EUR"}),
            "convert_from: at least one phase is needed",
        ),
        (
            json!({"kind": "conversion", "name": "c", "version": 1, "convert_from": ["unqualified"], "currency": "EUR"}),
            "convert_from: a lead cannot convert from `unqualified`",
        ),
        (
            json!({"kind": "conversion", "name": "c", "version": 1, "convert_from": ["sal"], "currency": "eur"}),
            "currency: three capital letters are needed, not `eur`",
        ),
        (
            json!({"kind": "source_catalogue", "name": "s", "version": 1, "sources": ["web", "web"]}),
            "sources[1]: `web` is listed twice",
        ),
    ] {
        assert_eq!(errors(document), [expected]);
    }
}

#[test]
fn unknown_and_fractional_rules_are_refused() {
    let mut plan = stage_plan();
    plan["colour"] = json!("red");
    assert!(errors(plan)[0].starts_with("colour: unknown field `colour`"));
    let mut plan = stage_plan();
    plan["stages"][0]["probability"] = json!(12.5);
    let found = errors(plan);
    let told = "stages[0].probability: invalid type: floating point `12.5`";
    assert!(found[0].starts_with(told), "{found:?}");
    let unversioned = json!({"kind": "attribution", "name": "a", "half_life_seconds": "7"});
    assert_eq!(
        errors(unversioned),
        [
            "version: an integer from 1 on is needed; it is missing",
            "half_life_seconds: invalid type: string \"7\", expected u32",
        ]
    );
    assert!(matches!(parse(b"kind = 'conversion'"), Err(Error::NotJson(_))));
    let labels =
        json!({"kind": "status_process", "name": "p", "version": 1, "labels": {"asleep": "Z"}});
    let errors = errors(labels);
    assert_eq!(errors.len(), Phase::ALL.len() + 1);
    assert_eq!(errors.last().unwrap(), "labels.asleep: there is no such phase");
}

#[test]
fn a_document_has_a_limit() {
    let sources: Vec<_> = (0..5000).map(|number| format!("source {number}")).collect();
    let long = json!({"kind": "source_catalogue", "name": "s", "version": 1, "sources": sources});
    assert!(errors(long)[0].contains("at most 30000"));
}
