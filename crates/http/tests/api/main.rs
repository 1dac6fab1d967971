//! The API on an engine of its own, called without a network.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod attached;
mod limits;
mod place;
mod policies;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use leadline_engine::Role;
use place::place;
use serde_json::{Value, json};
use tower::ServiceExt as _;

#[tokio::test]
async fn a_lead_is_captured_handed_over_accepted_and_read() {
    let place = place().await;
    let captured = place
        .post(
            "/v1/leads",
            &json!({"email": "ada@example.org", "source": "Web", "external_key": "c/1"}),
        )
        .await;
    assert_eq!(captured.status, 201, "{captured:?}");
    let reply = captured.json();
    assert!(captured.json().to_string().contains("lead.captured"), "{captured:?}");
    let lead = format!("/v1/leads/{}", reply["id"].as_str().unwrap());
    assert_eq!(captured.headers[header::LOCATION], lead.as_str());
    let marked = place.post(&format!("{lead}/mark-mql?wait=lead"), &json!({})).await;
    assert_eq!((marked.status, marked.json()["waited"]["applied"].as_bool()), (200, Some(true)));
    assert!(marked.json()["next_due"].is_string());
    let tag = marked.headers[header::ETAG].to_str().unwrap().to_owned();
    let again = place.post(&format!("{lead}/mark-mql"), &json!({})).await;
    assert_eq!((again.status, again.code().as_str()), (409, "already_mql"));
    let stale = [("if-match", "\"1\"")];
    let stale = place.call("POST", "/v1/leads/key:c%2F1/accept-sal", "{}", &stale).await;
    assert_eq!((stale.status, stale.code().as_str()), (412, "stale_version"));
    let fresh = [("if-match", tag.as_str())];
    let accepted = place.call("POST", "/v1/leads/key:c%2F1/accept-sal", "", &fresh).await;
    assert_eq!(accepted.status, 200, "{accepted:?}");
    let read = place.get("/v1/leads/key:c%2F1").await;
    assert_eq!((read.status, read.json()["phase"].as_str()), (200, Some("sal")), "{read:?}");
    let then = place.get(&format!("{lead}?as_of={}", reply["position"])).await;
    assert_eq!(then.json()["phase"], "new");
    let history = place.get(&format!("{lead}/history")).await.json();
    let types: Vec<&str> = history["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["type"].as_str())
        .collect();
    assert!(types.contains(&"lead.captured"), "{types:?}");
    let pipeline = place.get("/v1/views/pipeline").await;
    assert_eq!((pipeline.status, pipeline.json()["view"].as_str()), (200, Some("pipeline")));
    let leads = place.get("/v1/leads?phase=sal").await.json();
    assert_eq!(leads["rows"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn the_same_key_happens_once() {
    let place = place().await;
    let key = [("idempotency-key", "\"k-1\"")];
    let body = r#"{"company":"Engines Ltd"}"#;
    let first = place.call("POST", "/v1/leads", body, &key).await;
    let second = place.call("POST", "/v1/leads", body, &key).await;
    assert_eq!((first.status, second.status), (201, 201), "{second:?}");
    assert_eq!(second.headers["idempotency-replayed"], "true");
    assert_eq!(first.json()["id"], second.json()["id"]);
    let other = place.call("POST", "/v1/leads", r#"{"company":"Looms Inc"}"#, &key).await;
    assert_eq!((other.status, other.code().as_str()), (422, "idempotency_payload_mismatch"));
}

#[tokio::test]
async fn what_is_not_well_formed_is_told_why() {
    let place = place().await;
    let cases = [
        ("POST", "/v1/leads", r#"{"emial":"x"}"#, 400, "unknown_field"),
        ("POST", "/v1/leads", "{", 400, "malformed_json"),
        ("POST", "/v1/leads/12/mark-mql", "", 400, "target_invalid"),
        ("POST", "/v1/leads/key:nobody/mark-mql", "", 404, "lead_unknown"),
        ("POST", "/v1/leads/key:nobody/dance", "", 404, "route_unknown"),
        ("POST", "/v1/leads/%FF/mark-mql", "", 400, "path_invalid"),
        ("POST", "/v1/leads?wait=nothing", "{}", 400, "query_invalid"),
        ("POST", "/v1/campaigns", r#"{"title":"Fair"}"#, 400, "field_missing"),
        ("POST", "/v1/policies", r#"{"kind":"dance"}"#, 422, "policy_invalid"),
        ("PUT", "/v1/leads", "", 405, "method_not_allowed"),
        ("GET", "/v1/nothing", "", 404, "route_unknown"),
        ("GET", "/v1/views/nothing", "", 404, "not_found"),
        ("GET", "/v1/views/pipeline?as_of=soon", "", 400, "parameter_invalid"),
        ("GET", "/v1/events?limit=0", "", 400, "query_invalid"),
        ("GET", "/v1/leads?limit=501", "", 400, "parameter_invalid"),
        ("GET", "/v1/leads?limit=0", "", 400, "parameter_invalid"),
        ("GET", "/v1/views/timeline?root=key:a&limit=9999", "", 400, "parameter_invalid"),
        ("GET", "/v1/events/stream?after=x", "", 400, "query_invalid"),
        ("GET", "/v1/leads/key:nobody", "", 404, "not_found"),
        ("GET", "/v1/imports/nothing", "", 404, "not_found"),
        ("POST", "/v1/keys", r#"{"label":"x","role":"king"}"#, 400, "field_invalid"),
    ];
    for (method, path, body, status, code) in cases {
        let reply = place.call(method, path, body, &[]).await;
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{method} {path}");
    }
    let put = place.call("PUT", "/v1/leads", "", &[]).await;
    assert!(put.headers.contains_key(header::ALLOW));
    assert_eq!(put.json()["detail"], "this path takes POST, GET");
    let text = [("content-type", "text/plain")];
    let text = place.call("POST", "/v1/leads", "{}", &text).await;
    assert_eq!((text.status, text.code().as_str()), (415, "media_type_unsupported"));
    let large = format!("{{\"company\":\"{}\"}}", "x".repeat(1_100_000));
    let large = place.call("POST", "/v1/leads", &large, &[]).await;
    assert_eq!((large.status, large.code().as_str()), (413, "body_too_large"));
}

#[tokio::test]
async fn what_may_be_personal_is_repeated_in_no_error() {
    let place = place().await;
    let told = [
        place.post("/v1/leads", &json!({"ada@example.org": 1})).await,
        place.post("/v1/commands", &json!([{"type": "ada@example.org"}])).await,
        place.get("/v1/leads?ada@example.org=1").await,
        place.get("/v1/events?ada@example.org=1").await,
        place.get("/v1/events/stream?ada@example.org=1").await,
    ];
    for reply in told {
        let text = String::from_utf8(reply.body).unwrap();
        assert!(text.contains("\"status\":400") && !text.contains("ada@"), "{text}");
    }
    let long = place.post("/v1/leads", &json!({"x".repeat(500): 1})).await.json();
    assert_eq!(long["field"], "x".repeat(64));
}

#[tokio::test]
async fn a_role_may_do_what_it_may_and_nothing_else() {
    let place = place().await;
    for bearer in ["Bearer nobody.secret", "Basic eDp5", "Bearer "] {
        let reply = place.call("GET", "/v1/leads", "", &[("authorization", bearer)]).await;
        assert_eq!((reply.status, reply.code().as_str()), (401, "unauthenticated"));
        assert!(reply.headers.contains_key(header::WWW_AUTHENTICATE));
    }
    let integration = place.key(Role::Integration).await;
    let integration = [("authorization", integration.as_str())];
    let auditor = place.key(Role::Auditor).await;
    let auditor = [("authorization", auditor.as_str())];
    let body = r#"{"company":"Engines Ltd"}"#;
    assert_eq!(place.call("POST", "/v1/leads", body, &integration).await.status, 201);
    assert_eq!(place.call("POST", "/v1/leads", body, &auditor).await.status, 403);
    for path in
        ["/v1/leads", "/v1/events", "/v1/events/stream", "/v1/views/lead/stream", "/v1/keys"]
    {
        assert_eq!(place.call("GET", path, "", &integration).await.status, 403, "{path}");
    }
    assert_eq!(place.call("GET", "/v1/leads", "", &auditor).await.status, 200);
    for path in ["/v1/views/lead/rebuild", "/v1/imports", "/v1/policies/x@1/activate"] {
        assert_eq!(place.call("POST", path, "", &auditor).await.status, 403, "{path}");
    }
}

#[tokio::test]
async fn keys_are_made_listed_and_revoked() {
    let place = place().await;
    let made = place.post("/v1/keys", &json!({"label": "site", "role": "integration"})).await;
    assert_eq!(made.status, 201, "{made:?}");
    let (id, bearer) = (made.json()["id"].clone(), made.json()["key"].clone());
    let bearer = format!("Bearer {}", bearer.as_str().unwrap());
    let site = [("authorization", bearer.as_str())];
    let body = r#"{"company":"Engines Ltd"}"#;
    assert_eq!(place.call("POST", "/v1/leads", body, &site).await.status, 201);
    let path = format!("/v1/keys/{}", id.as_str().unwrap());
    assert_eq!(place.call("DELETE", &path, "", &[]).await.status, 200);
    assert_eq!(place.call("POST", "/v1/leads", body, &site).await.status, 401);
    let listed = place.get("/v1/keys").await.json();
    let found = listed["keys"].as_array().unwrap().iter().find(|key| key["id"] == id).unwrap();
    assert_eq!(found["revoked"], true);
    assert!(!listed.to_string().contains("secret"));
}

#[tokio::test]
async fn many_commands_answer_one_by_one_in_order() {
    let place = place().await;
    let items = json!([
        {"type": "CaptureLead", "target": "key:a", "payload": {"company": "A"}, "idempotency_key": "1"},
        {"type": "MarkMQL", "target": "key:a"},
        {"type": "MarkMQL", "target": "key:a"},
        {"type": "Dance"},
        {"type": "CaptureLead", "payload": {"nothing": 1}},
        {"type": "AcceptSAL", "target": "key:a", "idempotency_key": "2"},
    ]);
    let reply = place.post("/v1/commands", &items).await;
    let results = reply.json();
    let statuses: Vec<u64> =
        results.as_array().unwrap().iter().filter_map(|one| one["status"].as_u64()).collect();
    assert_eq!(statuses, [201, 200, 409, 400, 400, 200], "{results}");
    assert_eq!(results[2]["code"], "already_mql");
    assert_eq!(results[3]["code"], "command_unknown");
    let lines =
        "{\"type\":\"AddNote\",\"target\":\"key:a\",\"payload\":{\"note\":\"n\"}}\n\nno json\n";
    let reply = place
        .call("POST", "/v1/commands", lines, &[("content-type", "application/x-ndjson")])
        .await;
    let text = String::from_utf8(reply.body).unwrap();
    let statuses: Vec<u64> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [200, 400]);
    let many: Vec<Value> = (0..1_001).map(|_| json!({"type": "Dance"})).collect();
    assert_eq!(place.post("/v1/commands", &Value::from(many)).await.status, 413);
}

#[tokio::test]
async fn a_policy_is_published_and_put_in_force() {
    let place = place().await;
    let policy = json!({"kind": "attribution", "name": "short", "version": 1,
        "window_days": 30, "half_life_seconds": 259_200, "since_last": true});
    let published = place.post("/v1/policies", &policy).await;
    assert!(published.status < 300, "{published:?}");
    let activated = place.post("/v1/policies/short@1/activate", &json!({})).await;
    assert_eq!(activated.status, 200, "{activated:?}");
    let unknown = place.post("/v1/policies/short@2/activate", &json!({})).await;
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "policy_unknown"));
}

#[tokio::test]
async fn the_stream_goes_on_where_the_reader_left_it() {
    let place = place().await;
    place.post("/v1/leads", &json!({"company": "A"})).await;
    let head = place.get("/v1/events?limit=1").await.json()["head"].as_u64().unwrap();
    let request = Request::builder()
        .uri("/v1/events/stream")
        .header(header::AUTHORIZATION, format!("Bearer {}", place.admin))
        .header("last-event-id", (head - 1).to_string())
        .body(Body::empty())
        .unwrap();
    let response = place.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    let text = String::from_utf8(first.to_vec()).unwrap();
    assert!(text.starts_with(&format!("id: {head}\nevent: ")), "{text}");
    assert_eq!(text.matches("id: ").count(), 1);
    place.post("/v1/leads", &json!({"company": "B"})).await;
    let second = body.frame().await.unwrap().unwrap().into_data().unwrap();
    let text = String::from_utf8(second.to_vec()).unwrap();
    assert!(text.starts_with(&format!("id: {}\n", head + 1)), "{text}");
    place.stop.cancel();
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn a_view_tells_when_it_has_moved() {
    let place = place().await;
    let request = Request::builder()
        .uri("/v1/views/lead/stream")
        .header(header::AUTHORIZATION, format!("Bearer {}", place.admin))
        .body(Body::empty())
        .unwrap();
    let mut body = place.router.clone().oneshot(request).await.unwrap().into_body();
    let captured = place.post("/v1/leads", &json!({"company": "A"})).await.json();
    let wanted = format!("\"position\":{}", captured["position"]);
    loop {
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let text = String::from_utf8(frame.to_vec()).unwrap();
        assert!(text.contains("event: moved"), "{text}");
        if text.contains(&wanted) {
            break;
        }
    }
}

#[tokio::test]
async fn history_is_imported_and_reported() {
    let place = place().await;
    let lines = concat!(
        r#"{"id":"1","at":"2026-01-01T09:00:00Z","cmd":"CaptureLead","lead":"a","source":"Web"}"#,
        "\n",
        r#"{"id":"2","at":"2026-01-02T09:00:00Z","cmd":"MarkMQL","lead":"a"}"#,
        "\nno json\n"
    );
    let ndjson = [("content-type", "application/x-ndjson")];
    let begun = place.call("POST", "/v1/imports", lines, &ndjson).await;
    assert_eq!(begun.status, 202, "{begun:?}");
    for file in std::fs::read_dir(place.folder.path()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let kept = ["test.db", "keys", "views"].iter().any(|known| name.starts_with(known));
        assert!(kept, "what was sent has no name that a killed process could leave: {name}");
    }
    let path = begun.headers[header::LOCATION].to_str().unwrap().to_owned();
    let report = loop {
        let report = place.get(&path).await.json();
        if report["state"] != "running" {
            break report;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(report["state"], "finished", "{report}");
    assert_eq!((report["lines"].as_u64(), report["refused"].as_u64()), (Some(3), Some(1)));
    assert_eq!(report["refused_lines"][0]["code"], "malformed_json");
    let lead = place.get("/v1/leads/key:a").await;
    assert_eq!(lead.json()["phase"], "mql", "{lead:?}");
    let broken = [("content-encoding", "gzip")];
    let broken = place.call("POST", "/v1/imports", "no gzip", &broken).await;
    assert_eq!((broken.status, broken.code().as_str()), (400, "gzip_invalid"));
}

#[tokio::test]
async fn the_service_tells_of_itself() {
    let place = place().await;
    let nobody = [("authorization", "")];
    for (path, kind) in [
        ("/healthz", "application/json"),
        ("/readyz", "application/json"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
        ("/openapi.json", "application/json"),
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/style.css", "text/css; charset=utf-8"),
    ] {
        let reply = place.call("GET", path, "", &nobody).await;
        assert_eq!(
            (reply.status, reply.headers[header::CONTENT_TYPE].to_str().unwrap()),
            (200, kind)
        );
    }
    assert!(place.get("/docs").await.headers.contains_key(header::CONTENT_SECURITY_POLICY));
}

#[tokio::test]
async fn a_server_whose_committer_has_ended_is_not_ready() {
    let place = place().await;
    let ready = place.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["log"]["committer"]), (200, &json!("running")));
    assert_eq!(ready.json()["log"]["last_append"]["outcome"], "committed", "{ready:?}");
    place.engine.close().await;
    let ready = place.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["log"]["committer"]), (503, &json!("ended")));
}

#[tokio::test]
async fn a_lead_that_never_was_has_no_history_though_somebody_tried() {
    let place = place().await;
    let path = "/v1/leads/01890a5d-ac96-774b-bcce-b302099a8057";
    let tried = place.post(&format!("{path}/mark-mql"), &json!({})).await;
    assert_eq!((tried.status, tried.code().as_str()), (404, "lead_unknown"));
    assert!(tried.json()["position"].is_u64(), "the attempt is in the log: {tried:?}");
    let history = place.get(&format!("{path}/history")).await;
    assert_eq!((history.status, history.code().as_str()), (404, "not_found"), "{history:?}");
    // Attempts on a lead that is are part of its history.
    let lead = place.post("/v1/leads", &json!({"company": "A"})).await.json();
    let path = format!("/v1/leads/{}", lead["id"].as_str().unwrap());
    assert_eq!(place.post(&format!("{path}/accept-sal"), &json!({})).await.status, 409);
    let history = place.get(&format!("{path}/history")).await;
    assert_eq!(history.status, 200);
    assert!(history.json().to_string().contains("attempt.refused"), "{history:?}");
}

#[tokio::test]
async fn an_erased_person_is_gone_and_the_figures_stay() {
    let place = place().await;
    place.post("/v1/leads", &json!({"email": "ada@example.org", "external_key": "a"})).await;
    let lead = place.get("/v1/leads/key:a").await;
    assert!(lead.json().to_string().contains("ada@example.org"), "{lead:?}");
    let id = lead.json()["lead"].as_str().unwrap().to_owned();
    let erased = place.call("DELETE", &format!("/v1/subjects/{id}"), "", &[]).await;
    assert_eq!(erased.status, 200, "{erased:?}");
    let after = place.get(&format!("/v1/leads/{id}")).await;
    assert!(!after.json().to_string().contains("ada@example.org"), "{after:?}");
    let update = place.post(&format!("/v1/leads/{id}/add-note"), &json!({"note": "x"})).await;
    assert_eq!(update.status, 410, "{update:?}");
}
