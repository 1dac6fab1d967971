//! Personal data: sealed at rest, shown to those who may see it, gone for ever after an erasure; figures stay.

mod canary;
mod people;

use crate::support::http::Http;
use crate::support::served::{Served, opened, text};
use canary::{Canaries, NOTE, PERSON, canaries};
use serde_json::{Map, Value, json};

/// Views whose figures an erasure leaves alone.
const FIGURES: [&str; 5] = ["pipeline", "sla", "attribution", "conversion", "funnel"];

#[test]
fn an_erased_person_is_nowhere_and_every_figure_stays() {
    let canaries = canaries();
    let mut served = Served::logging("debug");
    let (lead, contact) = whole_life(&mut served);
    stumble(&mut served, &lead, &canaries);
    let mut auditor = served.client("auditor");

    seen_by_the_admin_alone(&mut served, &mut auditor, &lead, &canaries);
    stands_nowhere(&mut served, &canaries);
    let before: Vec<Value> = FIGURES.iter().map(|view| figures(&mut served, view)).collect();

    let erased = served.place.run(&["subject", "erase", &lead]).done();
    assert!(erased.stdout.starts_with("Erased"), "{erased:?}");
    let named = erased.stdout.contains(&format!("lead {lead}\n"));
    assert!(named && erased.stdout.contains("\nsubject "), "{erased:?}");
    let again = served.place.run(&["subject", "erase", &lead]).done();
    assert!(again.stdout.starts_with("Already erased"), "{again:?}");
    let by_key = served.place.run(&["subject", "erase", "key:canary-1"]);
    assert!(by_key.code == Some(2) && by_key.stderr.contains("erased before"), "{by_key:?}");

    told_by_nothing(&mut served, &lead, &canaries);
    let after: Vec<Value> = FIGURES.iter().map(|view| figures(&mut served, view)).collect();
    assert_eq!(before, after);
    assert_eq!(served.admin.get("/v1/leads/key:canary-1").status, 404, "its key is released");
    let path = format!("/v1/contacts/{contact}/update");
    let late = served.admin.post(&path, &json!({"city": "Zanzibar"}));
    assert_eq!((late.status, late.code().as_str()), (410, "erased"));

    served = served.restarted();
    told_by_nothing(&mut served, &lead, &canaries);
    stands_nowhere(&mut served, &canaries);
    a_new_lead_for_the_same_address(&mut served, &lead);
    stands_nowhere(&mut served, &canaries);
}

fn person() -> Map<String, Value> {
    PERSON.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
}

/// Capture, work, conversion and win of the person, beside somebody else who stays; lead and contact.
fn whole_life(served: &mut Served) -> (String, String) {
    served.lead(&json!({"email": "stays@example.org", "channel": "fair", "source": "Web"}));
    let mut capture = person();
    for (name, value) in [("channel", "web form"), ("campaign", "spring"), ("source", "Web")] {
        capture.insert(name.to_owned(), value.into());
    }
    capture.insert("external_key".to_owned(), "canary-1".into());
    capture.insert("custom".to_owned(), json!({"nickname": PERSON[2].1}));
    let lead = served.lead(&Value::Object(capture));
    // Under another name, and so under another key.
    let again = json!({"email": PERSON[0].1, "last_name": PERSON[3].1, "channel": "telephone"});
    assert_eq!(served.lead(&again), lead);
    served.step(&lead, "update-details", &json!({"street": PERSON[5].1, "phone": PERSON[1].1}));
    served.step(&lead, "add-note", &json!({"note": NOTE}));
    served.step(&lead, "record-touch", &json!({"channel": "telephone"}));
    served.step(&lead, "assign", &json!({"owner": "sam"}));
    served.step(&lead, "log-response", &json!({"channel": "telephone"}));
    served.step(&lead, "mark-mql", &json!({}));
    served.step(&lead, "accept-sal", &json!({}));
    let converted = served.step(&lead, "convert", &json!({"amount_cents": 480_000}));
    let contact = opened(&converted, "contact.opened");
    let update = json!({"email": PERSON[0].1, "last_name": PERSON[3].1});
    served.admin.post(&format!("/v1/contacts/{contact}/update"), &update).done();
    let opportunity = opened(&converted, "opportunity.opened");
    served.admin.post(&format!("/v1/opportunities/{opportunity}/close-won"), &json!({})).done();
    (lead, contact)
}

/// Requests that fail with personal data in them: none of it may end in an error, a log line or a metric.
fn stumble(served: &mut Served, lead: &str, canaries: &Canaries) {
    let [(_, email), (_, phone), (_, first), (_, last), ..] = PERSON;
    let person = Value::Object(person());
    let bodies = [
        json!({"email": email, "first_name": [first]}).to_string(),
        json!({"emial": email, "phone": phone}).to_string(),
        json!({"email": {"is": email}}).to_string(),
        json!({"email": email, "occurred_at": last}).to_string(),
        json!({"email": email, "occurred_at": "2999-01-01T00:00:00Z"}).to_string(),
        format!("{{\"email\":\"{email}\",\"last_name\":\"{last}\""),
    ];
    for body in &bodies {
        let kind = [("content-type", "application/json"), ("idempotency-key", email)];
        let reply = served.admin.call("POST", "/v1/leads", &kind, body.as_bytes());
        assert!((400..500).contains(&reply.status), "{reply:?}");
        canaries.are_not_in(&reply.body, "an error");
    }
    let other = served.lead(&json!({"company": "Looms Inc"}));
    let taken = served.admin.post(&format!("/v1/leads/{other}/update-details"), &person);
    assert_eq!((taken.status, taken.code().as_str()), (409, "match_key_taken"));
    let locked = served.admin.post(&format!("/v1/leads/{lead}/update-details"), &person);
    assert_eq!((locked.status, locked.code().as_str()), (409, "field_locked_after_conversion"));
    let item = json!([{"type": "CaptureLead", "payload": {"emial": email}}, {"type": "MarkMQL", "target": last}]);
    served.admin.post("/v1/commands", &item).done();
    let missing = served.admin.get(&format!("/v1/leads/key:{email}"));
    assert_eq!(missing.status, 404);
    let lines = format!(
        "{{\"id\":\"1\",\"email\":\"{email}\",\"cmd\":\"CaptureLead\",\"at\":\"{last}\"}}\n{email}\n"
    );
    let kind = [("content-type", "application/jsonl")];
    served.admin.call("POST", "/v1/imports?dry_run=true", &kind, lines.as_bytes()).done();
}

/// What may be asked about a lead.
fn questions(lead: &str) -> Vec<String> {
    let mut paths = vec![
        "/v1/leads?limit=500".to_owned(),
        format!("/v1/leads/{lead}"),
        format!("/v1/leads/{lead}/history"),
        format!("/v1/views/lead?root={lead}"),
        format!("/v1/views/timeline?root={lead}"),
        "/v1/events?limit=500".to_owned(),
    ];
    paths.extend(FIGURES.iter().map(|view| format!("/v1/views/{view}")));
    paths
}

fn seen_by_the_admin_alone(
    served: &mut Served,
    auditor: &mut Http,
    lead: &str,
    canaries: &Canaries,
) {
    for path in [format!("/v1/leads/{lead}"), format!("/v1/leads/{lead}/history")] {
        let told = served.admin.get(&path).done().to_string();
        for (name, value) in PERSON {
            assert!(told.contains(value), "an admin reads the {name} at {path}: {told}");
        }
    }
    let history = served.admin.get(&format!("/v1/leads/{lead}/history")).done();
    assert!(history.to_string().contains(NOTE), "an admin reads the note: {history}");
    for path in questions(lead) {
        let told = auditor.get(&path);
        assert_eq!(told.status, 200, "{path}");
        canaries.are_not_in(&told.body, &format!("what an auditor reads at {path}"));
    }
}

/// No file of the folder, log of the server, or metric has any of it.
fn stands_nowhere(served: &mut Served, canaries: &Canaries) {
    let parts = served.place.files_of_database();
    let names: Vec<String> = std::fs::read_dir(served.place.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    for part in parts {
        assert!(names.iter().any(|name| name == part), "{part} is scanned: {names:?}");
    }
    assert!(served.server.log().contains(" request "), "requests are logged");
    assert!(canaries.are_not_in_files(served.place.folder()) > parts.len());
    let metrics = served.admin.get("/metrics");
    assert!(metrics.text().contains("leadline_http_requests_total"));
    canaries.are_not_in(&metrics.body, "the metrics");
}

/// No path of the API and no command has any of it, now or as of then.
fn told_by_nothing(served: &mut Served, lead: &str, canaries: &Canaries) {
    let head = served.head();
    let mut paths = questions(lead);
    for position in 1..=head {
        paths.push(format!("/v1/events/{position}"));
        paths.push(format!("/v1/leads?as_of={position}"));
        paths.push(format!("/v1/views/timeline?root={lead}&as_of={position}"));
    }
    for path in &paths {
        let told = served.admin.get(path);
        assert_eq!(told.status, 200, "{path}");
        canaries.are_not_in(&told.body, path);
    }
    let mut stream = served.admin.stream("/v1/events/stream", &[]);
    loop {
        let sent = stream.next().unwrap();
        canaries.are_not_in(sent.data.as_bytes(), "the stream");
        if sent.id == head.to_string() {
            break;
        }
    }
    for arguments in [vec!["lead", "show", lead], vec!["lead", "history", lead, "--format", "json"]]
    {
        let told = served.place.run(&arguments).done();
        canaries.are_not_in(told.stdout.as_bytes(), "a command");
    }
    let shown = served.admin.get(&format!("/v1/leads/{lead}")).done();
    assert_eq!(shown["person"], json!({"erased": true}), "{shown}");
}

/// A view's document without its place in the log, which the erasure itself moves.
fn figures(served: &mut Served, view: &str) -> Value {
    let mut document = served.admin.get(&format!("/v1/views/{view}")).done();
    document.as_object_mut().unwrap().remove("position").unwrap();
    document
}

fn a_new_lead_for_the_same_address(served: &mut Served, erased: &str) {
    let capture = json!({"email": PERSON[0].1, "channel": "web form", "external_key": "canary-1"});
    let reply = served.admin.post("/v1/leads", &capture);
    assert_eq!(reply.status, 201, "{reply:?}");
    let lead = text(&reply.json()["id"]);
    assert_ne!(lead, erased);
    let shown = served.admin.get(&format!("/v1/leads/{lead}")).done();
    assert_eq!(shown["person"]["email"], PERSON[0].1);
    let late = served.admin.post(&format!("/v1/leads/{erased}/add-note"), &json!({"note": NOTE}));
    assert_eq!((late.status, late.code().as_str()), (410, "erased"));
}
