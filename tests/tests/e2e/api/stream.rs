//! The log as a stream of events: whole, in order, resumed where the reader left it.

use crate::support::http::Sent;
use crate::support::served::Served;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_stream_that_breaks_off_goes_on_without_gap_or_repeat() {
    const LEADS: usize = 300;
    let mut served = Served::new();
    let done = AtomicBool::new(false);
    let writer_key = served.key("integration", "form").1;
    let reader_key = served.key("admin", "reader").1;
    let mut seen: Vec<Sent> = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = served.server.http(&writer_key);
            for number in 0..LEADS {
                let capture = json!({"company": format!("Company {number}"), "channel": "form"});
                writer.post("/v1/leads", &capture).done();
            }
            done.store(true, Ordering::Release);
        });
        let mut reader = served.server.http(&reader_key);
        // A few events of each stream, as many as there are already; then the connection is cut.
        for length in (1..=13).cycle() {
            let finished = done.load(Ordering::Acquire);
            let last = seen.last().map_or("0", |sent| sent.id.as_str()).to_owned();
            let page = reader.get(&format!("/v1/events?limit=500&after={last}")).done();
            let there = page["events"].as_array().unwrap().len();
            if finished && there == 0 {
                break;
            }
            // `after` says the same as the header.
            let path = format!("/v1/events/stream?after={last}");
            let header = [("last-event-id", last.as_str())];
            let mut stream = if length % 2 == 0 {
                reader.stream(&path, &[])
            } else {
                reader.stream("/v1/events/stream", &header)
            };
            seen.extend((0..length.min(there)).map_while(|_| stream.next()));
        }
    });
    let head = served.head();
    let ids: Vec<u64> = seen.iter().map(|sent| sent.id.parse().unwrap()).collect();
    assert_eq!(ids, (1..=head).collect::<Vec<_>>(), "every position once, in order");
    for (sent, event) in seen.iter().zip(served.log()) {
        assert_eq!(sent.event, event["type"]);
        assert_eq!(serde_json::from_str::<Value>(&sent.data).unwrap(), event);
    }
}

#[test]
fn a_view_tells_of_every_move_until_it_has_caught_up() {
    let mut served = Served::new();
    let mut stream = served.admin.stream("/v1/views/pipeline/stream", &[]);
    served.lead(&json!({"company": "Engines Ltd"}));
    let head = served.head();
    let mut last = 0;
    while last < head {
        let sent = stream.next().unwrap();
        assert_eq!(sent.event, "moved");
        let at = sent.id.parse().unwrap();
        assert!(at > last, "{sent:?} after {last}");
        last = at;
        let told: Value = serde_json::from_str(&sent.data).unwrap();
        assert_eq!(told, json!({"view": "pipeline", "position": at}));
    }
    let resumed = head.to_string();
    let header = [("last-event-id", resumed.as_str())];
    let mut stream = served.admin.stream("/v1/views/pipeline/stream", &header);
    served.lead(&json!({"company": "Looms Inc"}));
    assert!(stream.next().unwrap().id.parse::<u64>().unwrap() > head);
}

#[test]
fn streams_end_when_the_server_does() {
    let mut served = Served::new();
    let mut stream = served.admin.stream("/v1/events/stream", &[]);
    assert_eq!(stream.next().unwrap().id, "1");
    assert_eq!(served.server.terminate(), Some(0));
    while stream.next().is_some() {}
}
