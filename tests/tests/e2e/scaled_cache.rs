//! What one server remembers is out of date as soon as another one writes. It may cost a second look at the log; it must
//! never show in an answer.

use crate::support::http::Http;
use crate::support::meeting::Meeting;
use crate::support::place::Place;
use crate::support::served::{opened, text, types};
use crate::support::server::Server;
use crate::support::wait_until;
use serde_json::{Value, json};

const ROUNDS: usize = 100;

/// Two servers on one database; `there` changes what `here` remembers.
struct Pair {
    here: Http,
    there: Http,
    servers: [Server; 2],
    // Dropped last: the servers are on it.
    _place: Place,
}

impl Pair {
    fn new() -> Self {
        let place = Place::of_postgres();
        let key = place.key("admin");
        let servers = [place.serve(), place.serve()];
        let (here, there) = (servers[0].http(&key), servers[1].http(&key));
        Self { here, there, servers, _place: place }
    }
}

fn step(client: &mut Http, path: &str, fields: &Value) -> Value {
    client.post(path, fields).done()
}

#[test]
fn a_lead_that_another_server_has_moved_is_judged_as_it_stands() {
    let mut pair = Pair::new();
    for round in 0..ROUNDS {
        let lead = json!({"company": format!("Company {round}")});
        let lead = text(&step(&mut pair.here, "/v1/leads", &lead)["id"]);
        let path = |command: &str| format!("/v1/leads/{lead}/{command}");
        let back = json!({"reason": "No budget"});
        step(&mut pair.there, &path("mark-mql"), &json!({}));
        // Not handed over yet, as far as this server remembers.
        let returned = step(&mut pair.here, &path("reject-sal"), &back);
        assert!(types(&returned).contains(&"lead.rejected_by_sales"), "{returned}");
        step(&mut pair.here, &path("mark-mql"), &json!({}));
        step(&mut pair.there, &path("reject-sal"), &back);
        // Handed over already, as far as it remembers.
        let marked = step(&mut pair.here, &path("mark-mql"), &json!({}));
        assert!(types(&marked).contains(&"lead.marked_mql"), "{marked}");
    }
}

#[test]
fn a_stage_that_another_server_has_left_is_not_taken_for_reached() {
    let mut pair = Pair::new();
    for round in 0..ROUNDS {
        let account = json!({"account": format!("a-{round}"), "stage": "Qualification"});
        let opening = step(&mut pair.here, "/v1/opportunities", &account);
        let opportunity = opened(&opening, "opportunity.opened");
        let path = format!("/v1/opportunities/{opportunity}/advance-stage");
        step(&mut pair.here, &path, &json!({"stage": "Proposal"}));
        step(&mut pair.there, &path, &json!({"stage": "Negotiation"}));
        let back = json!({"stage": "Proposal", "reason": "New terms"});
        let back = step(&mut pair.here, &path, &back);
        assert!(types(&back).contains(&"opportunity.stage_regressed"), "{back}");
    }
}

#[test]
fn an_address_that_another_server_has_freed_or_taken_is_so_at_once() {
    let mut pair = Pair::new();
    for round in 0..ROUNDS {
        let person = json!({"email": format!("person{round}@example.org"), "last_name": "Person"});
        let first = text(&step(&mut pair.here, "/v1/leads", &person)["id"]);
        step(&mut pair.there, &format!("/v1/subjects/{first}/erase"), &json!({}));
        let second = text(&step(&mut pair.here, "/v1/leads", &person)["id"]);
        assert_ne!(first, second, "an erased person is known to nobody");
        step(&mut pair.here, &format!("/v1/subjects/{second}/erase"), &json!({}));
        let third = text(&step(&mut pair.there, "/v1/leads", &person)["id"]);
        assert_eq!(third, text(&step(&mut pair.here, "/v1/leads", &person)["id"]));
    }
}

#[test]
fn a_key_of_a_source_system_leads_to_the_lead_that_has_it_now() {
    let mut pair = Pair::new();
    for round in 0..ROUNDS {
        let path = format!("/v1/leads/key:k-{round}/mark-mql");
        let lead = json!({"external_key": format!("k-{round}"), "last_name": "Person"});
        assert_eq!(pair.here.post(&path, &json!({})).code(), "lead_unknown");
        let first = text(&step(&mut pair.there, "/v1/leads", &lead)["id"]);
        assert_eq!(text(&step(&mut pair.here, &path, &json!({}))["id"]), first);
        step(&mut pair.there, &format!("/v1/subjects/{first}/erase"), &json!({}));
        let second = text(&step(&mut pair.there, "/v1/leads", &lead)["id"]);
        assert_eq!(text(&step(&mut pair.here, &path, &json!({}))["id"]), second);
        let note = format!("/v1/leads/key:k-{round}/add-note");
        let noted = step(&mut pair.here, &note, &json!({"note": "Called"}));
        assert_eq!(text(&noted["id"]), second);
    }
}

/// Captured, qualified and converted into an opportunity.
fn convert(client: &mut Http, key: &str) -> String {
    step(client, "/v1/leads", &json!({"company": "Mills", "external_key": key}));
    move_on(client, key)
}

fn move_on(client: &mut Http, key: &str) -> String {
    for command in ["mark-mql", "accept-sal", "qualify"] {
        step(client, &format!("/v1/leads/key:{key}/{command}"), &json!({}));
    }
    let path = format!("/v1/leads/key:{key}/convert");
    opened(&step(client, &path, &json!({"amount_cents": 100})), "opportunity.opened")
}

#[test]
fn an_opportunity_is_found_by_its_lead_as_that_stands() {
    let mut pair = Pair::new();
    for round in 0..ROUNDS / 4 {
        let amount = |cents: u32| json!({"amount_cents": cents});
        let key = format!("o-{round}");
        let path = format!("/v1/opportunities/key:{key}/change-amount");
        // Not converted yet, as far as this server remembers.
        step(&mut pair.here, "/v1/leads", &json!({"company": "Mills", "external_key": key}));
        let first = move_on(&mut pair.there, &key);
        assert_eq!(text(&step(&mut pair.here, &path, &amount(200))["id"]), first);
        // The key has gone to somebody else since.
        step(&mut pair.there, &format!("/v1/subjects/key:{key}/erase"), &json!({}));
        let second = convert(&mut pair.there, &key);
        assert_eq!(text(&step(&mut pair.here, &path, &amount(300))["id"]), second);
    }
}

#[test]
fn a_key_of_ones_own_that_another_server_has_freed_may_be_taken() {
    let mut pair = Pair::new();
    let account = text(&step(&mut pair.here, "/v1/accounts", &json!({"name": "Mills"}))["id"]);
    for round in 0..ROUNDS / 4 {
        let open = json!([{"type": "OpenContact", "target": format!("key:c-{round}"),
            "payload": {"account_id": account, "last_name": "Person"}}]);
        let first = step(&mut pair.here, "/v1/commands", &open);
        assert_eq!(first[0]["status"], 201, "{first}");
        let through = json!({"through": "contact"});
        step(&mut pair.there, &format!("/v1/subjects/key:c-{round}/erase"), &through);
        let again = step(&mut pair.here, "/v1/commands", &open);
        assert_eq!(again[0]["status"], 201, "{again}");
    }
}

/// The one that started the clock dies; the other one remembers the lead from before.
#[test]
fn a_clock_that_another_server_started_is_settled_by_whoever_is_left() {
    let Pair { mut here, mut there, servers: [_left, lost], _place } = Pair::new();
    let all_day = json!([["00:00", "24:00"]]);
    let week: serde_json::Map<String, Value> = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        .map(|day| (day.to_owned(), all_day.clone()))
        .into_iter()
        .collect();
    let policy = json!({"kind": "acceptance_sla", "name": "fast", "version": 1,
        "target_seconds": 2, "reminders": [50], "calendar": {"tz": "UTC", "weekly": week}});
    step(&mut here, "/v1/policies", &policy);
    step(&mut here, "/v1/policies/fast@1/activate", &json!({}));
    let lead = text(&step(&mut here, "/v1/leads", &json!({"company": "Mills"}))["id"]);
    step(&mut there, &format!("/v1/leads/{lead}/mark-mql"), &json!({}));
    lost.kill();
    wait_until("the breach is written down", || {
        let events = here.get("/v1/events?limit=500").done();
        events["events"]
            .as_array()
            .unwrap()
            .iter()
            .any(|event| event["type"] == "lead.sla_breached")
    });
}

#[test]
fn a_policy_that_another_server_puts_in_force_judges_the_next_command() {
    let mut pair = Pair::new();
    for version in 1..=ROUNDS {
        let required = version % 2 == 1;
        let policy = json!({"kind": "source_catalogue", "name": "source", "version": version,
            "source_required": required});
        step(&mut pair.there, "/v1/policies", &policy);
        step(&mut pair.there, &format!("/v1/policies/source@{version}/activate"), &json!({}));
        let reply = pair.here.post("/v1/leads", &json!({"company": format!("Company {version}")}));
        assert_eq!(reply.status, if required { 422 } else { 201 }, "{}", reply.text());
    }
}

#[test]
fn a_key_made_at_another_server_is_known_to_all_who_come_with_it_at_once() {
    let mut pair = Pair::new();
    for round in 0..ROUNDS {
        let wanted = json!({"role": "marketing", "label": format!("label {round}")});
        let made = step(&mut pair.there, "/v1/keys", &wanted);
        let key = text(&made["key"]);
        let meeting = Meeting::default();
        let ask = |server: &Server| {
            let mut client = server.http("");
            client.get("/healthz").done();
            let bearer = format!("Bearer {key}");
            meeting.attend(0);
            client.call("GET", "/v1/leads?limit=1", &[("authorization", &bearer)], b"").status
        };
        let here = &pair.servers[0];
        let (one, other) = std::thread::scope(|scope| {
            let other = scope.spawn(|| ask(here));
            (ask(here), other.join().unwrap())
        });
        assert_eq!((one, other), (200, 200), "round {round}");
        step(&mut pair.there, &format!("/v1/keys/{}/revoke", text(&made["id"])), &json!({}));
        let mut client = here.http(&key);
        wait_until("the revocation is heard of", || client.get("/v1/leads?limit=1").status == 401);
    }
}
