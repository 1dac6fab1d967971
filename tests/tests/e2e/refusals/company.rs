//! A company in which everything stands that can be refused.

use crate::support::served::{Served, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What happened before: one command a line. The clock of `dated` is overdue at once: the work that is queued after it
/// settles it, so that the timer has nothing to write while the log is looked at.
const BEFORE: &str = r#"
{"type":"PlanCampaign","target":"key:planned"}
{"type":"PlanCampaign","target":"key:ended"}
{"type":"StartCampaign","target":"key:ended"}
{"type":"CloseCampaign","target":"key:ended"}
{"type":"CaptureLead","target":"key:new","payload":{"company":"New"}}
{"type":"CaptureLead","target":"key:taken","payload":{"email":"taken@example.org"}}
{"type":"CaptureLead","target":"key:mql","payload":{"company":"Mql"}}
{"type":"MarkMQL","target":"key:mql"}
{"type":"CaptureLead","target":"key:held","payload":{"company":"Held"}}
{"type":"AssignLead","target":"key:held","payload":{"owner":"somebody"}}
{"type":"MarkMQL","target":"key:held"}
{"type":"CaptureLead","target":"key:queued","payload":{"company":"Queued"}}
{"type":"AssignLead","target":"key:queued","payload":{"queue":"first call"}}
{"type":"MarkMQL","target":"key:queued"}
{"type":"CaptureLead","target":"key:sal","payload":{"company":"Sal"}}
{"type":"MarkMQL","target":"key:sal"}
{"type":"AcceptSAL","target":"key:sal"}
{"type":"CaptureLead","target":"key:qualified","payload":{"company":"Qualified"}}
{"type":"LogContactAttempt","target":"key:qualified"}
{"type":"QualifyLead","target":"key:qualified"}
{"type":"CaptureLead","target":"key:converted","payload":{"company":"Converted"}}
{"type":"LogContactAttempt","target":"key:converted"}
{"type":"QualifyLead","target":"key:converted"}
{"type":"ConvertLead","target":"key:converted"}
{"type":"CaptureLead","target":"key:unqualified","payload":{"company":"Unqualified"}}
{"type":"Disqualify","target":"key:unqualified","payload":{"reason":"no need"}}
{"type":"CaptureLead","target":"key:nurturing","payload":{"company":"Nurturing"}}
{"type":"Recycle","target":"key:nurturing","payload":{"reason":"timing"}}
{"type":"CaptureLead","target":"key:dated","payload":{"company":"Dated"},"occurred_at":"2020-01-01T09:00:00Z"}
{"type":"RevokeMQL","target":"key:mql","payload":{"reason":"mistake"}}
{"type":"MarkMQL","target":"key:mql"}
{"type":"MarkMQL","target":"key:dated","occurred_at":"2020-03-01T09:00:00Z"}
{"type":"EnqueueWork","target":"key:dated","payload":{"queue":"late"}}
{"type":"CaptureLead","target":"key:gone","payload":{"company":"Gone"}}
{"type":"CaptureLead","payload":{"company":"Once"},"idempotency_key":"once"}
"#;

/// A company in which everything stands that can be refused.
#[derive(Debug)]
pub(super) struct Company {
    pub(super) served: Served,
    /// Keys by the names of those who have them.
    pub(super) keys: BTreeMap<&'static str, String>,
    /// What stands for what in paths and bodies.
    names: BTreeMap<&'static str, String>,
}

impl Company {
    pub(super) fn new() -> Self {
        let mut served = Served::new();
        let kind = [("content-type", "application/x-ndjson")];
        let reply = served.admin.call("POST", "/v1/commands", &kind, BEFORE.as_bytes());
        for line in reply.text().lines() {
            let item: Value = serde_json::from_str(line).unwrap();
            assert!(item["status"].as_u64().is_some_and(|status| status < 300), "{item}");
        }
        let mut keys = BTreeMap::new();
        for role in ["admin", "marketing", "sales", "integration", "auditor"] {
            keys.insert(role, served.key(role, role).1);
        }
        let (id, revoked) = served.key("admin", "revoked");
        served.admin.call("DELETE", &format!("/v1/keys/{id}"), &[], b"").done();
        keys.insert("revoked", revoked);
        let names = make(&mut served);
        Self { served, keys, names }
    }

    /// `text` with its stand-ins filled in.
    pub(super) fn fill(&self, text: &str) -> String {
        self.names
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("<{name}>"), value))
    }

    /// Puts policies in force that register nothing and skip nothing.
    pub(super) fn be_strict(&mut self) {
        let policies = [
            json!({"kind": "status_process", "name": "direct", "version": 1, "hand_off": false,
                "labels": labels(), "reasons": ["no need"]}),
            json!({"kind": "stage_plan", "name": "stairs", "version": 1, "backward": false,
                "skip": false, "unlisted": "refuse", "default_stage": "First", "stages": [
                {"name": "First", "probability": 10}, {"name": "Second", "probability": 40},
                {"name": "Third", "probability": 70}]}),
            json!({"kind": "source_catalogue", "name": "listed", "version": 1,
                "sources": ["Web"], "unlisted": "refuse", "source_required": true}),
            json!({"kind": "conversion", "name": "always", "version": 1, "currency": "EUR",
                "convert_from": ["sal", "qualified"], "opportunity_required": true}),
        ];
        for policy in &policies {
            self.served.admin.post("/v1/policies", policy).done();
            let path = format!("/v1/policies/{}@1/activate", policy["name"].as_str().unwrap());
            self.served.admin.post(&path, &json!({})).done();
        }
        let deal = json!({"account_id": self.names["account"], "external_key": "stairs",
            "stage": "Second", "source": "Web"});
        self.served.admin.post("/v1/opportunities", &deal).done();
        let deal = json!({"account_id": self.names["account"], "external_key": "ground"});
        self.served.admin.post("/v1/opportunities", &deal).done();
    }
}

fn labels() -> Value {
    let phases =
        ["new", "working", "nurturing", "mql", "sal", "qualified", "converted", "unqualified"];
    phases.into_iter().map(|phase| (phase.to_owned(), Value::from(phase))).collect()
}

/// What has ids that only the server knows.
fn make(served: &mut Served) -> BTreeMap<&'static str, String> {
    let mut open = |path: &str, fields: Value| -> String {
        text(&served.admin.post(path, &fields).done()["id"])
    };
    let account = open("/v1/accounts", json!({"name": "Engines Ltd"}));
    let other = open("/v1/accounts", json!({"name": "Looms Inc"}));
    let contact = open("/v1/contacts", json!({"account_id": other, "first_name": "Ada"}));
    let deal = json!({"account_id": account, "external_key": "deal", "amount_cents": 100});
    open("/v1/opportunities", deal);
    let won = json!({"account_id": account, "external_key": "won"});
    open("/v1/opportunities", won);
    served.admin.post("/v1/opportunities/key:won/close-won", &json!({})).done();
    let policy = json!({"kind": "attribution", "name": "short", "version": 1,
        "half_life_seconds": 86_400});
    served.admin.post("/v1/policies", &policy).done();
    let lead = text(&served.admin.get("/v1/leads/key:gone").done()["lead"]);
    served.admin.post("/v1/subjects/key:gone/erase", &json!({})).done();
    let refused = [("idempotency-key", "refused once")];
    let path = "/v1/leads/key:new/qualify";
    assert_eq!(served.admin.post_with(path, &refused, &json!({})).status, 409);
    let nobody = "01890a5d-ac96-774b-bcce-b302099a8057".to_owned();
    BTreeMap::from([
        ("account", account),
        ("contact", contact),
        ("gone", lead),
        ("nobody", nobody),
        ("nowhere", "01890a5d-ac96-774b-bcce-b302099a8058".to_owned()),
    ])
}
