//! The API over HTTP: a lead's whole life, conditions and repetitions, questions about the past, the service.

mod life;
mod stream;

use crate::support::served::{Served, text, types, version};
use serde_json::json;

#[test]
fn a_command_under_one_key_happens_once_and_is_answered_the_same_for_ever() {
    let mut served = Served::new();
    let capture = json!({"email": "ada@example.org", "channel": "web form"});
    let key = [("idempotency-key", "\"form-1\"")];
    let first = served.admin.post_with("/v1/leads", &key, &capture);
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, None));
    let lead = text(&first.json()["id"]);
    served.step(&lead, "mark-mql", &json!({}));
    let head = served.head();
    for _ in 0..3 {
        let again = served.admin.post_with("/v1/leads", &key, &capture);
        assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")));
        assert_eq!(again.header("location"), first.header("location"));
        let (again, first) = (again.json(), first.json());
        for field in ["id", "position", "version", "events", "stream"] {
            assert_eq!(again[field], first[field], "{field}");
        }
        assert_eq!(again["repeated"], true);
    }
    // Another order of fields and a bare key say the same.
    let same = r#"{ "channel":"web form", "email":"ada@example.org" }"#;
    let bare = [("idempotency-key", "form-1"), ("content-type", "application/json")];
    let same = served.admin.call("POST", "/v1/leads", &bare, same.as_bytes());
    assert_eq!(same.header("idempotency-replayed"), Some("true"), "{same:?}");
    let refused = [("idempotency-key", "mql-2")];
    let path = format!("/v1/leads/{lead}/mark-mql");
    assert_eq!(served.head(), head);
    let no = served.admin.post_with(&path, &refused, &json!({}));
    let still_no = served.admin.post_with(&path, &refused, &json!({}));
    assert_eq!((no.status, no.code()), (409, "already_mql".to_owned()));
    for field in ["status", "code", "detail", "position"] {
        assert_eq!(no.json()[field], still_no.json()[field], "{field}");
    }
    let head = served.head();
    let other = served.admin.post_with("/v1/leads", &key, &json!({"email": "bob@example.org"}));
    assert_eq!((other.status, other.code().as_str()), (422, "idempotency_payload_mismatch"));
    assert_eq!(served.head(), head);
    // Also after the server has started anew.
    served = served.restarted();
    let again = served.admin.post_with("/v1/leads", &key, &capture);
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")));
    assert_eq!(again.json()["id"], lead);
}

#[test]
fn a_condition_on_the_version_holds_between_reading_and_writing() {
    let mut served = Served::new();
    let lead = served.lead(&json!({"company": "Engines Ltd"}));
    let path = format!("/v1/leads/{lead}");
    let tag = format!("\"{}\"", version(&served.admin.get(&path)));
    served.step(&lead, "add-note", &json!({"note": "Somebody else was first."}));
    let late =
        served.admin.post_with(&format!("{path}/mark-mql"), &[("if-match", &tag)], &json!({}));
    assert_eq!((late.status, late.code().as_str()), (412, "stale_version"));
    let current = late.json()["current_version"].as_u64().unwrap();
    let read = version(&served.admin.get(&path));
    assert_eq!(read, current);
    let tag = format!("\"{read}\"");
    let now =
        served.admin.post_with(&format!("{path}/mark-mql"), &[("if-match", &tag)], &json!({}));
    assert_eq!(now.status, 200, "{now:?}");
    assert_eq!(now.json()["version"], version(&now));
    assert!(version(&now) > read);
    assert_eq!(version(&served.admin.get(&path)), version(&now));
}

#[test]
fn whoever_waits_for_a_view_finds_the_command_in_it() {
    let mut served = Served::new();
    for view in ["lead", "timeline", "pipeline", "sla", "attribution", "conversion", "funnel"] {
        let capture = json!({"company": view, "channel": "fair"});
        let reply = served.admin.post(&format!("/v1/leads?wait={view}"), &capture).done();
        assert_eq!(reply["waited"], json!({"view": view, "applied": true}), "{reply}");
        let position = reply["position"].as_u64().unwrap();
        let ready = served.admin.get("/readyz").done();
        let views = ready["views"].as_array().unwrap();
        let reached = views.iter().find(|one| one["name"] == view).unwrap();
        assert!(reached["position"].as_u64().unwrap() >= position, "{ready}");
    }
}

#[test]
fn a_question_about_the_past_is_answered_as_things_stood() {
    let mut served = Served::new();
    let at = |day: u8| format!("2026-02-{day:02}T09:00:00Z");
    let lead = served.lead(&json!({"company": "Engines Ltd", "occurred_at": at(1)}));
    let steps = [(3, "log-response", "working"), (5, "mark-mql", "mql"), (8, "accept-sal", "sal")];
    let mut positions = vec![(served.head(), "new")];
    for (day, command, phase) in steps {
        let reply = served.step(&lead, command, &json!({"occurred_at": at(day)}));
        positions.push((reply["position"].as_u64().unwrap(), phase));
    }
    let mut phase = |as_of: &str| {
        let shown = served.admin.get(&format!("/v1/leads/{lead}?as_of={as_of}")).done();
        text(&shown["phase"])
    };
    for (position, expected) in &positions {
        assert_eq!(phase(&position.to_string()), *expected, "position {position}");
    }
    for (day, expected) in [(1, "new"), (2, "new"), (4, "working"), (7, "mql"), (9, "sal")] {
        assert_eq!(phase(&at(day)), expected, "day {day}");
    }
    let count = |document: &serde_json::Value, step: &str| {
        let rows = document["rows"].as_array().unwrap();
        rows.iter().find(|row| row["step"] == step).unwrap()["reached"].as_u64()
    };
    let then = served.admin.get(&format!("/v1/views/funnel?as_of={}", at(4))).done();
    assert_eq!((count(&then, "captured"), count(&then, "mql")), (Some(1), Some(0)));
    let known = served.admin.get(&format!("/v1/views/funnel?as_of={}&axis=known", at(9))).done();
    assert_eq!(count(&known, "captured"), Some(0), "nothing of it was known then");
    let at_capture = served.admin.get(&format!("/v1/views/funnel?as_of={}", positions[0].0)).done();
    assert_eq!((count(&at_capture, "captured"), count(&at_capture, "mql")), (Some(1), Some(0)));
    let before = served.admin.get(&format!("/v1/leads/{lead}?as_of=2026-01-01T00:00:00Z"));
    assert_eq!(before.status, 404, "{before:?}");
}

#[test]
fn lists_are_read_page_by_page_without_gap_or_repeat() {
    let mut served = Served::new();
    let mut expected: Vec<String> = (0..25)
        .map(|number| {
            let source = if number % 2 == 0 { "Web" } else { "Fair" };
            served.lead(&json!({"company": format!("Company {number}"), "source": source}))
        })
        .collect();
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = served.admin.get(&format!("/v1/leads?limit=10{cursor}")).done();
        found.extend(page["rows"].as_array().unwrap().iter().map(|row| text(&row["lead"])));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    expected.sort();
    let mut sorted = found.clone();
    sorted.sort();
    assert_eq!(sorted, expected);
    let fair = served.admin.get("/v1/leads?source=Fair&phase=new").done();
    assert_eq!(fair["rows"].as_array().map(Vec::len), Some(12));
    let log = served.log();
    let positions: Vec<u64> = log.iter().filter_map(|event| event["position"].as_u64()).collect();
    assert_eq!(positions, (1..=served.head()).collect::<Vec<_>>());
    let (mut small, mut after) = (Vec::new(), 0);
    while after < served.head() {
        let page = served.admin.get(&format!("/v1/events?limit=7&after={after}")).done();
        small.extend(page["events"].as_array().unwrap().iter().cloned());
        after = page["next"].as_u64().unwrap();
    }
    assert_eq!(small, log);
    let one = served.admin.get(&format!("/v1/events/{}", log.len())).done();
    assert_eq!(Some(&one), log.last());
}

#[test]
fn a_batch_is_answered_item_by_item_in_order_and_lies_in_the_log_in_order() {
    let mut served = Served::new();
    let mut items = Vec::new();
    for number in 0..100 {
        let key = format!("key:b{number}");
        items.push(json!({"type": "CaptureLead", "target": key, "payload": {"company": key}}));
        items.push(json!({"type": "MarkMQL", "target": key}));
        items.push(json!({"type": "MarkMQL", "target": key}));
        items.push(json!({"type": "AcceptSAL", "target": key, "idempotency_key": key}));
    }
    let reply = served.admin.post("/v1/commands", &json!(items)).done();
    let results = reply.as_array().unwrap();
    assert_eq!(results.len(), items.len());
    let mut last = 0;
    for four in results.chunks(4) {
        let statuses: Vec<u64> = four.iter().filter_map(|one| one["status"].as_u64()).collect();
        assert_eq!(statuses, [201, 200, 409, 200], "{four:?}");
        assert!(types(&four[3]).contains(&"lead.accepted_by_sales"));
        for one in four {
            let position = one["position"].as_u64().unwrap();
            assert!(position > last, "{one}");
            last = position;
        }
    }
    let again = served.admin.post("/v1/commands", &json!([items[3]])).done();
    assert_eq!((&again[0]["status"], &again[0]["repeated"]), (&json!(200), &json!(true)));
}

#[test]
fn the_service_tells_of_itself_without_a_key() {
    let mut served = Served::new();
    served.lead(&json!({"company": "Engines Ltd"}));
    let mut nobody = served.server.http("");
    let kinds = [
        ("/healthz", "application/json"),
        ("/readyz", "application/json"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
        ("/openapi.json", "application/json"),
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/style.css", "text/css; charset=utf-8"),
    ];
    for (path, kind) in kinds {
        let reply = nobody.get(path);
        assert_eq!((reply.status, reply.header("content-type")), (200, Some(kind)), "{path}");
    }
    let ready = nobody.get("/readyz").json();
    assert_eq!((&ready["ready"], &ready["log"]["ready"]), (&json!(true), &json!(true)));
    let views = ready["views"].as_array().unwrap();
    assert!(views.len() == 7 && views.iter().all(|view| view["ready"] == true), "{ready}");
    let metrics = nobody.get("/metrics");
    for line in [
        "leadline_commands_total{command=\"CaptureLead\",outcome=\"accepted\"} 1",
        "leadline_http_requests_total{method=\"POST\",route=\"/v1/leads\",status=\"2xx\"} 1",
    ] {
        assert!(metrics.text().contains(line), "{line}: {}", metrics.text());
    }
    for line in metrics.text().lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().unwrap();
        assert!(metrics.text().contains(&format!("# HELP {name} ")), "{name} says what it is");
    }
    let description = nobody.get("/openapi.json").json();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    for path in description["paths"].as_object().unwrap().keys() {
        assert!(nobody.get("/docs").text().contains(path.as_str()), "/docs explains {path}");
    }
}
