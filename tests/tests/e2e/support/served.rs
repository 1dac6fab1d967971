//! A server on a database of its own, with clients of every role.

use super::http::{Http, Response};
use super::place::Place;
use super::server::Server;
use serde_json::{Value, json};

/// A server on a database of its own, and an administrator's client.
#[derive(Debug)]
pub(crate) struct Served {
    /// The server. Dropped before its folder.
    pub(crate) server: Server,
    /// The folder.
    pub(crate) place: Place,
    /// An administrator's client.
    pub(crate) admin: Http,
}

impl Served {
    /// Serves a new database.
    pub(crate) fn new() -> Self {
        Self::logging("warn")
    }

    /// The same, logging what `level` lets through.
    pub(crate) fn logging(level: &str) -> Self {
        let place = Place::new();
        let key = place.key("admin");
        let server = Server::logging(&place, &[], level);
        let admin = server.http(&key);
        Self { server, place, admin }
    }

    /// The same database after an orderly end, served anew.
    pub(crate) fn restarted(self) -> Self {
        let Self { server, place, .. } = self;
        let bearer = place.key("admin");
        assert_eq!(server.terminate(), Some(0));
        let server = place.serve();
        let admin = server.http(&bearer);
        Self { server, place, admin }
    }

    /// A new key of this role and label: its public id and what to send.
    pub(crate) fn key(&mut self, role: &str, label: &str) -> (String, String) {
        let made = self.admin.post("/v1/keys", &json!({"role": role, "label": label})).done();
        (text(&made["id"]), text(&made["key"]))
    }

    /// A client with a new key of this role, which is its label too.
    pub(crate) fn client(&mut self, role: &str) -> Http {
        let (_, key) = self.key(role, role);
        self.server.http(&key)
    }

    /// The last position of the log.
    pub(crate) fn head(&mut self) -> u64 {
        let page = self.admin.get("/v1/events?limit=1").done();
        page["head"].as_u64().unwrap()
    }

    /// Everything in the log, by the pages of the API.
    pub(crate) fn log(&mut self) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let page = self.admin.get(&format!("/v1/events?after={after}")).done();
            let events = page["events"].as_array().unwrap();
            if events.is_empty() {
                return all;
            }
            all.extend(events.iter().cloned());
            after = page["next"].as_u64().unwrap();
        }
    }

    /// Captures a lead; its id.
    pub(crate) fn lead(&mut self, fields: &Value) -> String {
        text(&self.admin.post("/v1/leads", fields).done()["id"])
    }

    /// Sends a command of a lead that has to be accepted.
    pub(crate) fn step(&mut self, lead: &str, command: &str, fields: &Value) -> Value {
        self.admin.post(&format!("/v1/leads/{lead}/{command}"), fields).done()
    }
}

/// A JSON text.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// The types of the events of a reply.
pub(crate) fn types(reply: &Value) -> Vec<&str> {
    let events = reply["events"].as_array().unwrap_or_else(|| panic!("no events: {reply}"));
    events.iter().filter_map(|event| event["type"].as_str()).collect()
}

/// The id of what a reply's event of this type is about.
pub(crate) fn opened(reply: &Value, event_type: &str) -> String {
    let events = reply["events"].as_array().unwrap();
    let event = events.iter().find(|event| event["type"] == event_type);
    let event = event.unwrap_or_else(|| panic!("no {event_type}: {reply}"));
    text(&event["stream"]).split_once('-').unwrap().1.to_owned()
}

/// The version of an `ETag`.
pub(crate) fn version(response: &Response) -> u64 {
    let tag = response.header("etag").unwrap_or_else(|| panic!("no ETag: {response:?}"));
    tag.trim_matches('"').parse().unwrap()
}
