//! Two clients at the same instant.

use crate::support::http::Http;
use crate::support::meeting::Meeting;
use crate::support::served::{Served, text};
use serde_json::json;

/// E-mail addresses that are captured twice at once.
const PEOPLE: usize = 1_000;

#[test]
fn an_address_captured_by_two_clients_at_once_becomes_one_lead_with_two_touches() {
    let mut served = Served::new();
    let [form, desk] = ["form", "desk"].map(|label| served.key("integration", label).1);
    let clients = [served.server.http(&form), served.server.http(&desk)];
    each_address_becomes_one_lead_with_two_touches(clients, &mut served.admin);
}

/// Two clients capture each address at the same instant.
pub(crate) fn each_address_becomes_one_lead_with_two_touches(
    [mut form, mut desk]: [Http; 2],
    admin: &mut Http,
) {
    let meeting = Meeting::default();
    let capture = |client: &mut Http, channel: &str| -> Vec<String> {
        let one = |person: usize| {
            let email = format!("person{person}@example.org");
            meeting.attend(person);
            let reply = client.post("/v1/leads", &json!({"email": email, "channel": channel}));
            text(&reply.done()["id"])
        };
        (0..PEOPLE).map(one).collect()
    };
    let (by_form, by_desk) = std::thread::scope(|scope| {
        let desk = scope.spawn(|| capture(&mut desk, "telephone"));
        (capture(&mut form, "web form"), desk.join().unwrap())
    });
    assert_eq!(by_form, by_desk, "both are told of the same lead");
    let funnel = admin.get("/v1/views/funnel").done();
    assert_eq!(funnel["totals"]["captured"], PEOPLE);
    let attribution = admin.get("/v1/views/attribution").done();
    assert_eq!(attribution["totals"]["leads_with_touches"], PEOPLE);
    assert_eq!(attribution["totals"]["touches"], 2 * PEOPLE);
    for channel in attribution["rows"].as_array().unwrap() {
        assert_eq!(channel["touches"], PEOPLE, "{channel}");
    }
    for lead in &by_form {
        assert_eq!(admin.get(&format!("/v1/leads/{lead}")).done()["touches"], 2);
    }
}

#[test]
fn of_two_answers_to_one_hand_over_only_the_first_counts() {
    const LEADS: usize = 50;
    let mut served = Served::new();
    let leads: Vec<String> = (0..LEADS)
        .map(|number| {
            let lead = served.lead(&json!({"company": format!("Company {number}")}));
            served.step(&lead, "mark-mql", &json!({}));
            lead
        })
        .collect();
    let keys = ["ann", "bob"].map(|label| served.key("sales", label).1);
    let meeting = Meeting::default();
    let accept = |key: &str| -> Vec<(u16, String)> {
        let mut client = served.server.http(key);
        let one = |(round, lead): (usize, &String)| {
            meeting.attend(round);
            let reply = client.post(&format!("/v1/leads/{lead}/accept-sal"), &json!({}));
            (reply.status, reply.code())
        };
        leads.iter().enumerate().map(one).collect()
    };
    let (by_ann, by_bob) = std::thread::scope(|scope| {
        let bob = scope.spawn(|| accept(&keys[1]));
        (accept(&keys[0]), bob.join().unwrap())
    });
    for (lead, (ann, bob)) in leads.iter().zip(by_ann.iter().zip(&by_bob)) {
        let (winner, lost) = if ann.0 == 200 { ("ann", bob) } else { ("bob", ann) };
        assert_eq!((lost.0, lost.1.as_str()), (409, "already_accepted"), "{ann:?} {bob:?}");
        assert_eq!(served.admin.get(&format!("/v1/leads/{lead}")).done()["owner"], winner);
    }
}

#[test]
fn the_same_idempotency_key_at_once_happens_once() {
    const KEYS: usize = 100;
    let mut served = Served::new();
    let head = served.head();
    let meeting = Meeting::default();
    let bearer = served.key("integration", "form").1;
    let send = || -> Vec<(String, bool)> {
        let mut client = served.server.http(&bearer);
        let one = |number: usize| {
            let key = format!("form-{number}");
            meeting.attend(number);
            let body = json!({"company": format!("Company {number}")});
            let reply = client.post_with("/v1/leads", &[("idempotency-key", &key)], &body).done();
            (text(&reply["id"]), reply["repeated"] == true)
        };
        (0..KEYS).map(one).collect()
    };
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(send);
        (send(), other.join().unwrap())
    });
    for ((one, one_repeats), (other, other_repeats)) in first.iter().zip(&second) {
        assert_eq!(one, other);
        assert_ne!(one_repeats, other_repeats, "one of the two is the repetition");
    }
    let after = served.log().split_off(usize::try_from(head).unwrap());
    let of_type = |name: &str| after.iter().filter(|event| event["type"] == name).count();
    assert_eq!((of_type("lead.captured"), of_type("config.key_created")), (KEYS, 1));
    assert_eq!((of_type("config.name_registered"), after.len()), (1, KEYS + 2), "the form's name");
}
