//! A lead from its capture to its end, by every command that the API describes.

use crate::support::http::Http;
use crate::support::served::{Served, opened, text, types, version};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A client that notes which operations it has used, and under which condition.
struct Caller {
    http: Http,
    used: BTreeSet<String>,
}

impl Caller {
    /// Sends a command; the reply, which has to tell of these types.
    fn send(&mut self, template: &str, id: &str, fields: &Value, expected: &[&str]) -> Value {
        self.used.insert(format!("POST {template}"));
        let reply = self.http.post(&template.replace("{id}", id), fields);
        assert!((200..300).contains(&reply.status), "{template}: {reply:?}");
        let json = reply.json();
        assert_eq!(json["version"], version(&reply), "{template}");
        let told: Vec<&str> =
            types(&json).into_iter().filter(|name| *name != "config.name_registered").collect();
        assert_eq!(told, expected, "{template}: {json}");
        let last = json["events"].as_array().unwrap().last().unwrap();
        assert_eq!(last["position"], json["position"], "{template}");
        json
    }

    /// Sends a command of a lead under the condition that nothing has happened since.
    fn step(&mut self, lead: &str, command: &str, fields: &Value, expected: &[&str]) -> Value {
        let shown = self.http.get(&format!("/v1/leads/{lead}"));
        let tag = format!("\"{}\"", version(&shown));
        let template = format!("/v1/leads/{{id}}/{command}");
        self.used.insert(format!("POST {template}"));
        let path = template.replace("{id}", lead);
        let reply = self.http.post_with(&path, &[("if-match", &tag)], fields);
        assert_eq!(reply.status, 200, "{command}: {reply:?}");
        let json = reply.json();
        assert!(version(&reply) > version(&shown), "{command}: {reply:?}");
        let told: Vec<&str> =
            types(&json).into_iter().filter(|name| *name != "config.name_registered").collect();
        assert_eq!(told, expected, "{command}: {json}");
        json
    }

    fn phase(&mut self, lead: &str) -> String {
        text(&self.http.get(&format!("/v1/leads/{lead}")).done()["phase"])
    }
}

#[test]
fn a_lead_lives_its_whole_life_over_http_by_every_command_there_is() {
    let mut served = Served::new();
    let http = served.client("admin");
    let mut caller = Caller { http, used: BTreeSet::new() };
    campaign(&mut caller);
    let lead = qualified(&mut caller);
    let opportunity = converted(&mut caller, &lead);
    closed(&mut caller, &opportunity);
    turned_away(&mut caller);
    directly(&mut caller);
    caller.send("/v1/campaigns/{id}/close", "key:spring", &json!({}), &["campaign.closed"]);
    let shown = caller.http.get("/v1/leads/key:crm-1").done();
    assert_eq!((&shown["phase"], &shown["outcome"]), (&json!("converted"), &json!("lost")));
    let history = caller.http.get(&format!("/v1/leads/{lead}/history")).done();
    let told = types(&history);
    for expected in ["lead.captured", "lead.converted", "opportunity.won", "opportunity.lost"] {
        assert!(told.contains(&expected), "{expected}: {told:?}");
    }
    caller.http.post("/v1/subjects/key:crm-1/erase", &json!({})).done();
    caller.used.insert("POST /v1/subjects/{id}/erase".to_owned());
    let description = served.admin.get("/openapi.json").done();
    let commands: BTreeSet<String> = description["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().iter().map(move |one| (path, one)))
        .filter(|(_, (_, operation))| {
            operation["operationId"].as_str().unwrap().starts_with(char::is_uppercase)
        })
        .map(|(path, (method, _))| format!("{} {path}", method.to_uppercase()))
        .collect();
    let unused: Vec<&String> = commands.difference(&caller.used).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

fn campaign(caller: &mut Caller) {
    let plan = json!({"key": "spring", "title": "Spring fair", "channel": "event"});
    caller.send("/v1/campaigns", "", &plan, &["campaign.planned"]);
    caller.send("/v1/campaigns/{id}/start", "key:spring", &json!({}), &["campaign.started"]);
    let cost = json!({"amount_cents": 120_000});
    caller.send("/v1/campaigns/{id}/record-cost", "key:spring", &cost, &["campaign.cost_recorded"]);
}

/// Captured, worked, handed over, accepted; the lead.
fn qualified(caller: &mut Caller) -> String {
    let capture = json!({"email": "ada@example.org", "external_key": "crm-1", "channel": "event",
        "campaign": "spring", "source": "Trade Show", "amount_cents": 250_000});
    caller.used.insert("POST /v1/leads".to_owned());
    let reply = caller.http.post("/v1/leads", &capture);
    assert_eq!(reply.status, 201, "{reply:?}");
    let lead = text(&reply.json()["id"]);
    assert_eq!(reply.header("location"), Some(format!("/v1/leads/{lead}").as_str()));
    assert_eq!(reply.json()["stream"], format!("lead-{lead}"));
    assert_eq!(reply.json()["version"], version(&reply));
    let steps: [(&str, Value, &[&str]); 12] = [
        ("update-details", json!({"phone": "+49 30 1"}), &["lead.details_changed"]),
        ("set-source", json!({"source": "Webinar"}), &["lead.source_set"]),
        (
            "link-campaign",
            json!({"campaign": "autumn"}),
            &["campaign.planned", "lead.campaign_linked"],
        ),
        ("record-touch", json!({"channel": "email"}), &["lead.touch_recorded"]),
        ("assign", json!({"owner": "sam"}), &["lead.assigned"]),
        ("enqueue-work", json!({"queue": "calls"}), &["lead.task_enqueued"]),
        ("claim-work", json!({"queue": "calls"}), &["lead.task_claimed"]),
        ("complete-work", json!({"queue": "calls"}), &["lead.task_completed"]),
        ("log-contact-attempt", json!({"channel": "phone"}), &["lead.contact_attempted"]),
        ("log-response", json!({"channel": "phone"}), &["lead.response_logged"]),
        ("add-note", json!({"note": "Asked for prices."}), &["lead.note_added"]),
        ("mark-mql", json!({}), &["lead.marked_mql", "lead.sla_clock_started"]),
    ];
    for (command, fields, expected) in steps {
        caller.step(&lead, command, &fields, expected);
    }
    assert_eq!(caller.phase(&lead), "mql");
    let accepted = ["lead.accepted_by_sales", "lead.sla_clock_met"];
    caller.step(&lead, "accept-sal", &json!({}), &accepted);
    caller.step(&lead, "qualify", &json!({}), &["lead.qualified"]);
    assert_eq!(caller.phase(&lead), "qualified");
    lead
}

/// The opportunity that the lead becomes.
fn converted(caller: &mut Caller, lead: &str) -> String {
    let convert = json!({"amount_cents": 480_000, "close_date": "2030-06-30", "stage": "Proposal",
        "product": "Mill", "attributes": {"segment": "industry"}});
    let expected = [
        "lead.converted",
        "account.opened",
        "contact.opened",
        "contact.changed",
        "opportunity.opened",
    ];
    let reply = caller.step(lead, "convert", &convert, &expected);
    let contact = opened(&reply, "contact.opened");
    let city = json!({"city": "Berlin"});
    caller.send("/v1/contacts/{id}/update", &contact, &city, &["contact.changed"]);
    let account = opened(&reply, "account.opened");
    let name = json!({"name": "Engines and Sons Ltd"});
    caller.send("/v1/accounts/{id}/rename", &account, &name, &["account.renamed"]);
    opened(&reply, "opportunity.opened")
}

fn closed(caller: &mut Caller, opportunity: &str) {
    let steps: [(&str, Value, &[&str]); 7] = [
        ("advance-stage", json!({"stage": "Negotiation"}), &["opportunity.stage_advanced"]),
        ("advance-stage", json!({"stage": "Proposal"}), &["opportunity.stage_regressed"]),
        ("change-amount", json!({"amount_cents": 500_000}), &["opportunity.amount_changed"]),
        (
            "change-close-date",
            json!({"close_date": "2030-07-31"}),
            &["opportunity.close_date_moved"],
        ),
        ("close-won", json!({}), &["opportunity.won"]),
        ("reopen", json!({}), &["opportunity.reopened"]),
        ("close-lost", json!({"reason": "price", "competitor": "Looms"}), &["opportunity.lost"]),
    ];
    for (command, fields, expected) in steps {
        let template = format!("/v1/opportunities/{{id}}/{command}");
        caller.send(&template, opportunity, &fields, expected);
    }
}

/// A lead that sales does not want.
fn turned_away(caller: &mut Caller) {
    let captured = caller.send("/v1/leads", "", &json!({"company": "Looms"}), &["lead.captured"]);
    let lead = text(&captured["id"]);
    let marked: &[&str] = &["lead.marked_mql", "lead.sla_clock_started"];
    let reason = || json!({"reason": "no budget"});
    let steps: [(&str, Value, &[&str], &str); 10] = [
        ("mark-mql", json!({}), marked, "mql"),
        ("revoke-mql", reason(), &["lead.mql_revoked", "lead.sla_clock_cancelled"], "working"),
        ("mark-mql", json!({}), marked, "mql"),
        ("reject-sal", reason(), &["lead.rejected_by_sales", "lead.sla_clock_met"], "new"),
        ("recycle", reason(), &["lead.recycled"], "nurturing"),
        ("mark-mql", json!({}), marked, "mql"),
        ("disqualify", reason(), &["lead.disqualified", "lead.sla_clock_met"], "unqualified"),
        ("reopen", json!({"to": "working"}), &["lead.reopened"], "working"),
        ("enqueue-work", json!({"queue": "calls"}), &["lead.task_enqueued"], "working"),
        ("cancel-work", json!({"queue": "calls"}), &["lead.task_cancelled"], "working"),
    ];
    for (command, fields, expected, phase) in steps {
        caller.step(&lead, command, &fields, expected);
        assert_eq!(caller.phase(&lead), phase, "{command}");
    }
    let bought = json!({"amount_cents": 4_900});
    caller.step(&lead, "record-conversion", &bought, &["lead.conversion_recorded"]);
}

/// What is opened without a lead.
fn directly(caller: &mut Caller) {
    let account = caller.send("/v1/accounts", "", &json!({"name": "Mills"}), &["account.opened"]);
    let contact = json!({"account_id": account["id"], "first_name": "Bob"});
    caller.send("/v1/contacts", "", &contact, &["contact.opened"]);
    let deal = json!({"account_id": account["id"], "external_key": "deal-1", "amount_cents": 900});
    caller.send("/v1/opportunities", "", &deal, &["opportunity.opened"]);
    let won = caller.send(
        "/v1/opportunities/{id}/close-won",
        "key:deal-1",
        &json!({}),
        &["opportunity.won"],
    );
    assert_eq!(won["stream"], format!("opportunity-{}", text(&won["id"])));
}
