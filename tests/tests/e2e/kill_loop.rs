//! A server killed under load, again and again: what it acknowledged is in the log once, what it did not at most
//! once, and positions are dense.
//!
//! `LEADLINE_KILLS` says how often; 20 where it is absent. Before a release it is 200.

use crate::support::http::Http;
use crate::support::place::Place;
use crate::support::server::Server;
use crate::support::{Seeded, number_from_env, wait_until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

const CLIENTS: usize = 16;
const PAGE: usize = 500;

/// A command as a client sent it.
#[derive(Debug)]
struct Sent {
    lead: String,
    is_mql: bool,
    /// What the server said, where it said anything.
    reply: Option<Value>,
}

impl Sent {
    fn key(&self) -> String {
        format!("{}-{}", self.lead, if self.is_mql { "mql" } else { "capture" })
    }

    fn send(&self, http: &mut Http) -> std::io::Result<Value> {
        let key = self.key();
        let headers = [("idempotency-key", key.as_str()), ("content-type", "application/json")];
        let (path, body) = if self.is_mql {
            (format!("/v1/leads/key:{}/mark-mql", self.lead), json!({}))
        } else {
            ("/v1/leads".to_owned(), json!({"external_key": self.lead, "source": "Website"}))
        };
        let body = body.to_string();
        http.try_call("POST", &path, &headers, body.as_bytes()).map(|response| response.done())
    }
}

/// What the log has been seen to hold, up to a position.
#[derive(Debug, Default)]
struct Log {
    position: u64,
    /// Where each lead was captured: position and stream.
    captured: BTreeMap<String, Vec<(u64, String)>>,
    /// Where each stream was marked.
    marked: BTreeMap<String, Vec<u64>>,
}

impl Log {
    /// Reads on to the head; every position comes after the one before it.
    fn read(&mut self, http: &mut Http) {
        loop {
            let path = format!("/v1/events?after={}&limit={PAGE}", self.position);
            let page = http.get(&path).done();
            let events = page["events"].as_array().unwrap();
            for event in events {
                assert_eq!(event["position"], self.position + 1, "positions are dense");
                self.position += 1;
                self.take(event);
            }
            assert_eq!(page["next"], self.position);
            if events.is_empty() {
                assert_eq!(page["head"], self.position, "the log is readable up to its head");
                return;
            }
        }
    }

    fn take(&mut self, event: &Value) {
        let stream = event["stream"].as_str().unwrap().to_owned();
        match event["type"].as_str().unwrap() {
            "lead.captured" => {
                let lead = event["data"]["person"]["external_key"].as_str().unwrap().to_owned();
                self.captured.entry(lead).or_default().push((self.position, stream));
            }
            "lead.marked_mql" => self.marked.entry(stream).or_default().push(self.position),
            _ => {}
        }
    }

    /// Where the effect of a command lies.
    fn positions(&self, sent: &Sent) -> Vec<u64> {
        let captured = self.captured.get(&sent.lead).map(Vec::as_slice).unwrap_or_default();
        if !sent.is_mql {
            return captured.iter().map(|(position, _)| *position).collect();
        }
        captured
            .iter()
            .flat_map(|(_, stream)| self.marked.get(stream).into_iter().flatten())
            .copied()
            .collect()
    }

    /// The command is in the log once, where the reply says.
    fn assert_once(&self, sent: &Sent, reply: &Value) {
        let positions = self.positions(sent);
        assert_eq!(positions.len(), 1, "{sent:?} lies at {positions:?}");
        let mut told = reply["events"].as_array().unwrap().iter();
        assert!(
            told.any(|event| event["position"] == positions[0]),
            "{sent:?} lies at {positions:?}"
        );
    }
}

/// Sends pairs of commands until the server is gone. The last one may have no reply.
fn client(mut http: Http, name: &str, acknowledged: &AtomicU64) -> Vec<Sent> {
    let mut all = Vec::new();
    for number in 0.. {
        for is_mql in [false, true] {
            let mut sent = Sent { lead: format!("{name}-{number}"), is_mql, reply: None };
            sent.reply = sent.send(&mut http).ok();
            let answered = sent.reply.is_some();
            all.push(sent);
            if !answered {
                return all;
            }
            acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }
    all
}

/// Puts the server under load, and kills it once it has acknowledged `enough` commands.
fn load_and_kill(server: Server, key: &str, round: usize, enough: u64) -> Vec<Sent> {
    let acknowledged = AtomicU64::new(0);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (http, acknowledged) = (server.http(key), &acknowledged);
                scope.spawn(move || client(http, &format!("r{round}-c{number}"), acknowledged))
            })
            .collect();
        wait_until("commands are acknowledged", || {
            acknowledged.load(Ordering::Relaxed) >= enough
                || clients.iter().any(thread::ScopedJoinHandle::is_finished)
        });
        server.kill();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

#[test]
fn a_server_killed_under_load_loses_and_doubles_nothing() {
    let kills = number_from_env("LEADLINE_KILLS", 20);
    let place = Place::new();
    let key = place.key("admin");
    let mut random = Seeded(200);
    let mut log = Log::default();
    let mut server = place.serve();
    // Of the commands without a reply: how many were in the log all the same, and how many were not.
    let (mut landed, mut lost) = (0, 0);
    for round in 0..kills {
        let enough = random.below(400);
        let mut all = load_and_kill(server, &key, round, enough);
        server = place.serve();
        let mut http = server.http(&key);
        log.read(&mut http);
        for sent in &mut all {
            if let Some(reply) = &sent.reply {
                log.assert_once(sent, reply);
                continue;
            }
            let before = log.positions(sent);
            *(if before.is_empty() { &mut lost } else { &mut landed }) += 1;
            assert!(before.len() <= 1, "{sent:?} lies at {before:?}");
            let reply = sent.send(&mut http).unwrap();
            assert_eq!(reply["repeated"], !before.is_empty(), "{sent:?}: {reply}");
            sent.reply = Some(reply);
        }
        log.read(&mut http);
        for sent in &all {
            log.assert_once(sent, sent.reply.as_ref().unwrap());
        }
    }
    // Once more from the beginning: nothing that was seen has changed since.
    let mut whole = Log::default();
    whole.read(&mut server.http(&key));
    assert_eq!((whole.position, &whole.captured), (log.position, &log.captured));
    assert_eq!(whole.marked, log.marked);
    assert!(
        landed > 0 && lost > 0,
        "the load was too light: of the commands cut off, {landed} were in the log and {lost} were not"
    );
    assert_eq!(server.terminate(), Some(0));
}
