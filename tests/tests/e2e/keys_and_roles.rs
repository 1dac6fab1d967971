//! Who may do what: every operation of the API for every role, denied unless it is listed here.

use crate::support::http::Http;
use crate::support::served::Served;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ROLES: [&str; 5] = ["admin", "marketing", "sales", "integration", "auditor"];

const READERS: &[&str] = &["admin", "marketing", "sales", "auditor"];
const FRONT: &[&str] = &["admin", "marketing", "sales"];
const MARKETING: &[&str] = &["admin", "marketing"];
const SALES: &[&str] = &["admin", "sales"];
const ADMIN: &[&str] = &["admin"];
const SENDERS: &[&str] = &["admin", "marketing", "sales", "integration"];

/// The operations that take a key, by name, and the roles that may use them.
const ALLOWED: &[(&[&str], &[&str])] = &[
    (SENDERS, &["CaptureLead", "RecordTouch"]),
    (
        FRONT,
        &[
            "UpdateLeadDetails",
            "SetLeadSource",
            "LinkCampaign",
            "AssignLead",
            "LogContactAttempt",
            "LogResponse",
            "Disqualify",
            "Recycle",
            "ReopenLead",
            "EnqueueWork",
            "ClaimWork",
            "CompleteWork",
            "CancelWork",
            "AddNote",
            "RecordConversion",
        ],
    ),
    (
        MARKETING,
        &["MarkMQL", "RevokeMQL", "PlanCampaign", "StartCampaign", "RecordCost", "CloseCampaign"],
    ),
    (
        SALES,
        &[
            "AcceptSAL",
            "RejectSAL",
            "QualifyLead",
            "ConvertLead",
            "OpenAccount",
            "RenameAccount",
            "OpenContact",
            "UpdateContact",
            "OpenOpportunity",
            "AdvanceStage",
            "ChangeAmount",
            "ChangeCloseDate",
            "CloseWon",
            "CloseLost",
            "ReopenOpportunity",
        ],
    ),
    (
        READERS,
        &[
            "leads",
            "lead",
            "history",
            "view",
            "view_checksum",
            "view_stream",
            "events",
            "event_stream",
            "explain",
        ],
    ),
    (
        ADMIN,
        &[
            "EraseSubject",
            "delete_subject",
            "publish_policy",
            "activate_policy",
            "import",
            "import_report",
            "keys",
            "create_key",
            "revoke_key",
            "revoke_key_by_post",
            "rebuild_view",
        ],
    ),
    // Each command of the batch is judged by itself; `an_item_of_a_batch_is_judged_like_a_request` below.
    (&ROLES, &["commands"]),
];

/// One operation as the API describes it.
#[derive(Debug)]
struct Operation {
    name: String,
    method: String,
    path: String,
    open: bool,
}

fn operations(served: &mut Served) -> Vec<Operation> {
    let description = served.admin.get("/openapi.json").done();
    let mut all = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            all.push(Operation {
                name: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                open: operation["security"].as_array().is_some_and(Vec::is_empty),
            });
        }
    }
    assert!(all.len() > 50, "{all:?}");
    all
}

/// A path that leads somewhere.
fn path(template: &str) -> String {
    let id = if template.starts_with("/v1/campaigns") { "key:none" } else { "key:known" };
    let id = match template {
        "/v1/accounts/{id}/rename" | "/v1/contacts/{id}/update" => "key:none",
        _ => id,
    };
    let pairs = [
        ("{id}", id),
        ("{name}", "funnel"),
        ("{position}", "1"),
        ("{import}", "01890a5d-ac96-774b-bcce-b302099a8057"),
        ("{policy}", "none@1"),
        ("{key}", "none"),
    ];
    pairs.iter().fold(template.to_owned(), |path, (from, to)| path.replace(from, to))
}

/// A body that is understood, so that nothing but the role can be in the way.
fn body(name: &str) -> String {
    let body = match name {
        "CaptureLead" => json!({"company": "Engines Ltd"}),
        "SetLeadSource" | "LinkCampaign" | "RecordTouch" => {
            let field = if name == "LinkCampaign" { "campaign" } else { "source" };
            json!({field: "Web"})
        }
        "AssignLead" => json!({"owner": "sam"}),
        "EnqueueWork" | "ClaimWork" | "CompleteWork" | "CancelWork" => json!({"queue": "calls"}),
        "AddNote" => json!({"note": "x"}),
        "AdvanceStage" => json!({"stage": "Proposal"}),
        "ChangeAmount" | "RecordCost" => json!({"amount_cents": 1}),
        "ChangeCloseDate" => json!({"close_date": "2030-01-01"}),
        "OpenAccount" | "RenameAccount" => json!({"name": "Engines Ltd"}),
        "OpenContact" => json!({"account_id": "01890a5d-ac96-774b-bcce-b302099a8057"}),
        "PlanCampaign" => json!({"key": "spring"}),
        "commands" => json!([]),
        "create_key" => json!({"label": "x", "role": "auditor"}),
        "publish_policy" => json!({"kind": "attribution", "name": "short", "version": 1,
            "half_life_seconds": 86_400}),
        _ => json!({}),
    };
    body.to_string()
}

/// Sends the operation; status and code. A stream is not waited for.
fn send(client: &mut Http, operation: &Operation) -> (u16, String) {
    let (path, body) = (path(&operation.path), body(&operation.name));
    let kind = if operation.name == "import" { "application/jsonl" } else { "application/json" };
    let body = if operation.method == "POST" { body.as_bytes() } else { b"" };
    let reply = client.call(&operation.method, &path, &[("content-type", kind)], body);
    let code = serde_json::from_slice::<Value>(&reply.body).unwrap_or_default();
    (reply.status, code["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn every_operation_is_denied_to_every_role_that_is_not_named_for_it() {
    let mut served = Served::new();
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED
        .iter()
        .flat_map(|(roles, names)| names.iter().map(|name| (*name, *roles)))
        .collect();
    let operations = operations(&mut served);
    served.lead(&json!({"company": "Known", "external_key": "known"}));
    let mut cells = 0;
    for role in ROLES {
        let mut client = served.client(role);
        for operation in operations.iter().filter(|operation| !operation.open) {
            let roles = allowed.get(operation.name.as_str()).copied();
            let roles = roles.unwrap_or_else(|| panic!("who may {operation:?}? Say it here."));
            let may = roles.contains(&role);
            if may && (operation.path.ends_with("/stream") || operation.name.contains("rase")) {
                // Streams do not end, and erasing would take away what the others need: both have tests of their own.
                continue;
            }
            let before = served.head();
            let (status, code) = send(&mut client, operation);
            let forbidden = (status, code.as_str()) == (403, "forbidden");
            assert_eq!(forbidden, !may, "{role} {operation:?}: {status} {code}");
            assert!(status < 500, "{role} {operation:?}: {status} {code}");
            if forbidden {
                assert_eq!(served.head(), before, "{role} {operation:?}");
            }
            cells += 1;
        }
    }
    assert!(cells > 250, "{cells}");
}

#[test]
fn every_operation_but_the_service_s_own_needs_a_key() {
    let mut served = Served::new();
    let operations = operations(&mut served);
    let (id, revoked) = served.key("admin", "leaver");
    served.admin.call("POST", &format!("/v1/keys/{id}/revoke"), &[], b"{}").done();
    let head = served.head();
    let (valid, _) = served.place.key("admin").split_once('.').map_or_else(
        || panic!("a key is an id and a secret"),
        |(id, secret)| (id.to_owned(), secret.to_owned()),
    );
    let created = 1;
    let wrong_secret = format!("{valid}.{}", "0".repeat(64));
    for key in ["", "nonsense", "lk000000000000.0", revoked.as_str(), wrong_secret.as_str()] {
        let mut client = served.server.http(key);
        for operation in &operations {
            let (status, code) = send(&mut client, operation);
            if operation.open {
                assert_eq!(status, 200, "{operation:?}");
            } else {
                assert_eq!((status, code.as_str()), (401, "unauthenticated"), "{operation:?}");
            }
        }
    }
    assert_eq!(served.head(), head + created, "nothing of it is in the log");
}

#[test]
fn an_item_of_a_batch_is_judged_like_a_request() {
    let mut served = Served::new();
    served.lead(&json!({"company": "Known", "external_key": "known"}));
    let items = json!([
        {"type": "CaptureLead", "payload": {"company": "Other"}},
        {"type": "AddNote", "target": "key:known", "payload": {"note": "x"}},
        {"type": "MarkMQL", "target": "key:known"},
        {"type": "AcceptSAL", "target": "key:known"},
    ]);
    let expected = [
        ("integration", [201, 403, 403, 403]),
        ("auditor", [403, 403, 403, 403]),
        ("marketing", [201, 200, 200, 403]),
        ("sales", [201, 200, 403, 200]),
    ];
    for (role, statuses) in expected {
        let reply = served.client(role).post("/v1/commands", &items).done();
        let got: Vec<u64> =
            reply.as_array().unwrap().iter().filter_map(|item| item["status"].as_u64()).collect();
        assert_eq!(got, statuses, "{role}: {reply}");
    }
}

#[test]
fn names_are_shown_to_those_who_work_with_them_and_withheld_from_auditors() {
    let mut served = Served::new();
    let lead = served.lead(&json!({"email": "ada@example.org"}));
    for role in ["admin", "marketing", "sales"] {
        let shown = served.client(role).get(&format!("/v1/leads/{lead}")).done();
        assert_eq!(shown["person"]["email"], "ada@example.org", "{role}");
    }
    let mut auditor = served.client("auditor");
    let shown = auditor.get(&format!("/v1/leads/{lead}")).done();
    assert_eq!(shown["person"], json!({"withheld": true}));
    for path in [format!("/v1/leads/{lead}/history"), "/v1/events".to_owned()] {
        assert!(!auditor.get(&path).done().to_string().contains("ada@example.org"), "{path}");
    }
}

#[test]
fn a_revoked_key_reads_no_further_even_on_an_open_stream() {
    let mut served = Served::new();
    let (id, key) = served.key("auditor", "leaver");
    let head = served.head();
    let path = format!("/v1/events/stream?after={}", head - 1);
    let mut stream = served.server.http(&key).stream(&path, &[]);
    assert_eq!(stream.next().unwrap().id, head.to_string());
    served.admin.call("DELETE", &format!("/v1/keys/{id}"), &[], b"").done();
    let hidden = served.lead(&json!({"company": "Engines Ltd"}));
    // That it was revoked may be the last thing that its holder reads.
    let mut last = stream.next().unwrap();
    if last.event == "config.key_revoked" {
        last = stream.next().unwrap();
    }
    assert_eq!(last.event, "problem", "{last:?}");
    assert!(last.data.contains("unauthenticated") && !last.data.contains(&hidden), "{last:?}");
    assert_eq!(stream.next(), None);
    assert_eq!(served.server.http(&key).get("/v1/leads").status, 401);
}
