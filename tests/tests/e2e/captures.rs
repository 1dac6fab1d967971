//! Captures that come by way of NATS: each is in the log once, whatever comes of it.

use crate::support::nats::Nats;
use crate::support::place::Place;
use crate::support::server::Server;
use crate::support::{PATIENCE, wait_until};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

/// Sends a message on NATS and gives the answer.
fn ask(nats: &Nats, subject: &str, headers: &str, payload: &str) -> String {
    let address = nats.url();
    let mut connection = TcpStream::connect(address.trim_start_matches("nats://")).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("NATS/1.0\r\n{headers}\r\n");
    let (length, all) = (head.len(), head.len() + payload.len());
    let greeting =
        "CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\nSUB reply 1\r\n";
    let message = format!("HPUB {subject} reply {length} {all}\r\n{head}{payload}\r\n");
    connection.write_all(format!("{greeting}{message}").as_bytes()).unwrap();
    let mut lines = BufReader::new(connection).lines().map_while(Result::ok);
    lines.find(|line| line.starts_with('{') || line.starts_with("NATS/1.0 503")).unwrap()
}

/// Sends a capture, and waits until NATS has stored it.
fn send(nats: &Nats, id: &str, data: &Value) {
    let headers = format!(
        "ce-specversion: 1.0\r\nce-type: form\r\nce-source: /forms/contact\r\nce-id: {id}\r\n"
    );
    wait_until("NATS stores the capture", || {
        ask(nats, "leadline.capture.web", &headers, &data.to_string()).contains("\"seq\":")
    });
}

/// How many captures wait.
fn waiting(nats: &Nats) -> u64 {
    let info = ask(nats, "$JS.API.STREAM.INFO.LEADLINE_CAPTURE", "", "");
    let info: Value = serde_json::from_str(&info).unwrap();
    info["state"]["messages"].as_u64().unwrap()
}

/// Goal: what comes by NATS ends as what comes by HTTP does, once, and nothing bad stands in the way of what is good.
/// Method: send a capture twice, one that is refused, one that is malformed, and more of them after a restart.
#[test]
fn a_capture_by_way_of_nats_is_in_the_log_once() {
    let place = Place::of_files();
    let nats = Nats::start(place.folder());
    let key = place.key("admin");
    let url = nats.url();
    let server = Server::start(&place, &["--role", "api,project", "--nats", &url]);
    let ada = json!({"external_key": "web-1", "email": "ada@example.org", "source": "Web"});
    send(&nats, "1", &json!({"e_mail": "eve@example.org"}));
    send(&nats, "2", &ada);
    send(&nats, "2", &ada);
    send(&nats, "3", &json!({"external_key": "web-3", "occurred_at": "2099-01-01T00:00:00Z"}));
    wait_until("all captures are answered", || waiting(&nats) == 0);
    let mut admin = server.http(&key);
    let lead = admin.get("/v1/leads/key:web-1").done();
    assert_eq!(lead["person"]["email"], "ada@example.org", "{lead}");
    let history = admin.get("/v1/leads/key:web-1/history").done();
    let events = history["events"].as_array().unwrap();
    let captured = events.iter().filter(|event| event["type"] == "lead.captured").count();
    assert_eq!(captured, 1, "{history}");
    assert_eq!(events[0]["actor"]["kind"], "service", "{history}");
    assert_eq!(events[0]["actor"]["id"], "/forms/contact", "{history}");
    assert_eq!(admin.get("/v1/leads/key:web-3").status, 404);
    assert!(!server.log().contains("example.org"), "{}", server.log());
    // What comes while nobody is there is taken in afterwards.
    assert_eq!(server.terminate(), Some(0));
    send(&nats, "4", &json!({"external_key": "web-4", "company": "Looms"}));
    assert_eq!(waiting(&nats), 1);
    let server = Server::start(&place, &["--role", "api,project", "--nats", &url]);
    wait_until("what waited is answered", || waiting(&nats) == 0);
    assert_eq!(server.http(&key).get("/v1/leads/key:web-4").status, 200);
}
