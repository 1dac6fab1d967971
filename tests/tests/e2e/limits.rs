//! What asks for more than the log takes is refused as a value, and everything else goes on.

use crate::support::place::Place;
use serde_json::{Map, Value, json};

/// Most bytes of a line of a feed.
const LINE_BYTES_MAX: usize = 64 * 1_024;

#[test]
fn an_import_refuses_a_line_that_makes_too_large_an_event_and_goes_on() {
    let place = Place::new();
    let mut long = json!({
        "id": "2", "at": "2026-01-02T09:00:00Z", "cmd": "OpenOpportunity", "lead": "deal",
        "account": "ACME"
    });
    // As long as a line may be, so that nothing is left for the event's own envelope.
    fill(long.as_object_mut().unwrap());
    let capture = |id: &str, at: &str| json!({"id": id, "at": at, "cmd": "CaptureLead", "lead": id, "company": "Engines Ltd"});
    let lines = [capture("1", "2026-01-01T09:00:00Z"), long, capture("3", "2026-01-03T09:00:00Z")];
    let feed = lines.map(|line| line.to_string()).join("\n");
    let file = place.file("feed.jsonl", feed);
    for _ in 0..2 {
        let report = place.import(&file).stdout;
        let refused: Vec<&str> =
            report.lines().filter(|line| line.contains("command_too_large")).collect();
        assert!(matches!(refused.as_slice(), [line] if line.starts_with("line 2:")), "{report}");
        assert!(report.contains("2 of 3 lines imported, 1 refused"), "{report}");
    }
}

fn fill(line: &mut Map<String, Value>) {
    for number in 0..50 {
        let room = LINE_BYTES_MAX - Value::Object(line.clone()).to_string().len();
        // A quote takes two bytes, in the line as in the event; the name and what is around it take the rest.
        let quotes = room.saturating_sub(16).div_euclid(2).min(1_024);
        if quotes == 0 {
            return;
        }
        line.insert(format!("a{number}"), "\"".repeat(quotes).into());
    }
}
