//! Whom an erasure reaches: somebody captured hundreds of times, and a contact whether or not a lead led to it.

use crate::support::served::{Served, opened, text};
use serde_json::{Value, json};

#[test]
fn somebody_captured_hundreds_of_times_is_converted_and_erased() {
    let mut served = Served::new();
    let post = json!({"email": "often@example.org", "last_name": "Often", "channel": "form"});
    let lead = served.lead(&post);
    for _ in 0..200 {
        assert_eq!(served.lead(&post), lead);
    }
    // What is remembered of who has which key is forgotten.
    served = served.restarted();
    let item = json!({"type": "CaptureLead", "payload": post});
    served.admin.post("/v1/commands", &Value::Array(vec![item; 100])).done();
    served.step(&lead, "mark-mql", &json!({}));
    served.step(&lead, "accept-sal", &json!({}));
    let converted = served.step(&lead, "convert", &json!({}));
    let contact = opened(&converted, "contact.opened");
    let erased = served.admin.post(&format!("/v1/subjects/{lead}/erase"), &json!({})).done();
    assert_eq!(gone(&mut served, &erased), 2, "one key of its own, and one since the restart");
    let shown = served.admin.get(&format!("/v1/leads/{lead}")).done();
    assert_eq!(shown["person"], json!({"erased": true}), "{shown}");
    let late = served.admin.post(&format!("/v1/contacts/{contact}/update"), &json!({"city": "X"}));
    assert_eq!((late.status, late.code().as_str()), (410, "erased"));
    assert!(!told(&mut served).contains("often@example.org"));
    assert_ne!(served.lead(&post), lead, "the address is free again");
}

#[test]
fn a_contact_is_erased_whether_or_not_a_lead_led_to_it() {
    let mut served = Served::new();
    let account = text(&served.admin.post("/v1/accounts", &json!({"name": "Looms"})).done()["id"]);
    let open = json!([{"type": "OpenContact", "target": "key:c-1",
        "payload": {"account_id": account, "last_name": "Lonely"}}]);
    let contact = text(&served.admin.post("/v1/commands", &open).done()[0]["id"]);
    let city = json!({"city": "Lonelytown"});
    served.admin.post("/v1/contacts/key:c-1/update", &city).done();
    assert!(told(&mut served).contains("Lonelytown"));
    let erased = served.place.run(&["subject", "erase", "key:c-1", "--contact"]).done();
    assert!(erased.stdout.starts_with("Erased"), "{erased:?}");
    let again = served.place.run(&["subject", "erase", &contact, "--contact"]).done();
    assert!(again.stdout.starts_with("Already erased"), "{again:?}");
    assert!(!told(&mut served).contains("Lonely"));
    let late = served.admin.post(&format!("/v1/contacts/{contact}/update"), &city);
    assert_eq!((late.status, late.code().as_str()), (410, "erased"));
    assert_eq!(served.admin.post("/v1/contacts/key:c-1/update", &city).status, 404);
    let anew = served.admin.post("/v1/commands", &open).done();
    assert_eq!(anew[0]["status"], 201, "its key is free again: {anew}");

    let lead = served.lead(&json!({"last_name": "Led", "external_key": "led"}));
    served.step(&lead, "mark-mql", &json!({}));
    served.step(&lead, "accept-sal", &json!({}));
    let contact = opened(&served.step(&lead, "convert", &json!({})), "contact.opened");
    let path = format!("/v1/subjects/{contact}/erase");
    let erased = served.admin.post(&path, &json!({"through": "contact"})).done();
    assert_eq!((&erased["id"], gone(&mut served, &erased)), (&json!(lead), 1), "{erased}");
    assert_eq!(served.admin.get("/v1/leads/key:led").status, 404, "the lead's key is released");
    assert!(!told(&mut served).contains("\"Led\""));
}

/// How many keys the erasure of this reply destroyed.
fn gone(served: &mut Served, erased: &Value) -> usize {
    let events = erased["events"].as_array().unwrap();
    let listed = events.iter().find(|event| event["type"] == "lead.subject_erased").unwrap();
    let event = served.admin.get(&format!("/v1/events/{}", listed["position"])).done();
    event["data"]["subjects"].as_array().unwrap().len()
}

/// Everything in the log, as an admin is told.
fn told(served: &mut Served) -> String {
    Value::Array(served.log()).to_string()
}
