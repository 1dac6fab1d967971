//! A database restored from an older backup: whoever saw more of it stops and says so, and one command lets all begin
//! anew.

use crate::support::database::sql;
use crate::support::feed::feed;
use crate::support::http::Http;
use crate::support::place::{Place, Running};
use crate::support::wait_until;
use serde_json::Value;
use std::net::TcpListener;
use std::path::Path;

/// What `--database` takes, where that is a server.
fn server_url(place: &Place) -> Option<String> {
    let command = place.command::<&str>(&[]);
    let url = command.get_args().nth(1).unwrap().to_str().unwrap().to_owned();
    url.starts_with("postgres").then_some(url)
}

/// A copy of the database, as an operator makes one of a system that stands still.
fn back_up(place: &Place) {
    if let Some(url) = server_url(place) {
        let name = url.rsplit_once('/').unwrap().1;
        sql(&format!("DROP DATABASE IF EXISTS {name}_copy"));
        sql(&format!("CREATE DATABASE {name}_copy TEMPLATE {name}"));
        return;
    }
    for name in ["leadline.db", "leadline.db-keys"] {
        let path = place.folder().join(name);
        std::fs::copy(&path, path.with_extension(format!("{name}.copy"))).unwrap();
    }
}

/// Puts the copy in place of the database. Views are in files of their own, which are left as they are.
fn restore(place: &Place) {
    if let Some(url) = server_url(place) {
        let name = url.rsplit_once('/').unwrap().1;
        sql(&format!("DROP DATABASE {name} WITH (FORCE)"));
        sql(&format!("CREATE DATABASE {name} TEMPLATE {name}_copy"));
        return;
    }
    for name in ["leadline.db", "leadline.db-keys"] {
        let path = place.folder().join(name);
        std::fs::copy(path.with_extension(format!("{name}.copy")), &path).unwrap();
    }
}

/// Throws the copy away.
fn forget(place: &Place) {
    if let Some(url) = server_url(place) {
        let name = url.rsplit_once('/').unwrap().1;
        sql(&format!("DROP DATABASE {name}_copy"));
    }
}

/// A server at work, ready or not.
struct Server {
    process: Running,
    http: Http,
}

impl Server {
    fn start(place: &Place) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let process = place.start(&["serve", "--listen", &address]);
        Self { process, http: Http::new(&address, "") }
    }

    /// Waits until readiness says what is wanted.
    fn until(&mut self, what: &str, wanted: impl Fn(u16, &Value) -> bool) -> Value {
        let mut last = Value::Null;
        wait_until(what, || {
            let Ok(reply) = self.http.try_call("GET", "/readyz", &[], b"") else { return false };
            last = reply.json();
            wanted(reply.status, &last)
        });
        last
    }

    /// Waits until everything that follows the log has come to its head.
    fn until_followed(&mut self) {
        self.until("everything follows the log", |status, report| {
            let head = &report["log"]["head"];
            let published = &report["delivery"]["publisher"]["position"];
            let views = report["views"].as_array().unwrap();
            status == 200
                && views.iter().all(|view| view["position"] == *head)
                && (report["delivery"].is_null() || published == head)
        });
    }

    fn stop(mut self) {
        let pid = self.process.child.id().to_string();
        assert!(std::process::Command::new("kill").arg(pid).status().unwrap().success());
        wait_until("the server ends", || self.process.ended().is_some());
    }
}

/// Brings in a history of `leads` leads under keys of its own, and lets everything follow.
fn bring(place: &Place, name: &str, leads: usize) {
    let lines = feed(7, leads).join("\n");
    let own =
        lines.replace("lead-0", &format!("{name}-0")).replace("company:", &format!("{name}:"));
    let file = place.file(&format!("{name}.jsonl"), own);
    place.import(&file);
    let mut server = Server::start(place);
    server.until_followed();
    server.stop();
}

fn figures(place: &Place) -> Value {
    place.view("funnel", &[])["rows"].clone()
}

/// Goal: after a restore nothing feeds on, not even once the log has grown beyond what was lost, and one command makes
/// everything right.
/// Method: back up, go on, restore; look at readiness; let the log grow; look again; begin a new epoch.
#[test]
fn a_restored_log_stops_whoever_saw_more_until_a_new_epoch() {
    let place = Place::new();
    bring(&place, "kept", 30);
    back_up(&place);
    bring(&place, "lost", 20);
    restore(&place);
    let stopped = |causes: &'static str| {
        move |status: u16, report: &Value| {
            let report = report.to_string();
            status == 503 && report.contains(causes) && report.contains("leadline log new-epoch")
        }
    };
    let mut server = Server::start(&place);
    server.until("it says where the log ends", stopped(", and the log ends at "));
    server.stop();
    let file = place.file("later.jsonl", feed(9, 60).join("\n"));
    place.import(&file);
    let mut server = Server::start(&place);
    server.until("it says that the past is another", stopped("is not the log's"));
    let refused = place.run(&["log", "new-epoch"]);
    assert_ne!(refused.code, Some(0), "not while a server is at work: {refused:?}");
    server.stop();
    let mut done = place.run(&["log", "new-epoch"]);
    if server_url(&place).is_some() {
        // The server's sessions may take a moment to end.
        wait_until("nobody uses the database", || {
            done.code == Some(0) || {
                done = place.run(&["log", "new-epoch"]);
                done.code == Some(0)
            }
        });
    }
    assert!(done.done().stdout.contains("is in epoch 2 from now on"));
    let mut server = Server::start(&place);
    server.until_followed();
    server.stop();
    let other = Place::new();
    bring(&other, "kept", 30);
    other.import(Path::new(&file));
    assert_eq!(figures(&place), figures(&other));
    forget(&place);
}

/// A server on a database that is restored under it remembers what is lost. It ends, and says why.
#[test]
fn a_server_on_a_database_that_is_restored_under_it_ends() {
    let place = Place::new();
    if server_url(&place).is_none() {
        // Nobody can replace a file under the server that holds its lock and not have damaged it.
        return;
    }
    bring(&place, "kept", 10);
    back_up(&place);
    bring(&place, "lost", 10);
    let mut server = Server::start(&place);
    server.until_followed();
    restore(&place);
    wait_until("the server ends", || {
        server.process.ended().is_some_and(|status| !status.success())
    });
    let said = std::fs::read_to_string(place.folder().join("started.log")).unwrap();
    assert!(said.contains("it was restored from an older backup"), "{said}");
    forget(&place);
}

/// The same where the log has grown again before anybody looked: as long as it was, with another past.
#[test]
fn a_server_under_which_the_past_becomes_another_ends() {
    let place = Place::new();
    if server_url(&place).is_none() {
        return;
    }
    bring(&place, "kept", 10);
    let mut server = Server::start(&place);
    server.until_followed();
    place.query(
        "ALTER TABLE leadline.event DISABLE TRIGGER event_is_never_changed;
         UPDATE leadline.event SET event_id = gen_random_uuid()
             WHERE position = (SELECT max(position) FROM leadline.event)",
    );
    wait_until("the server ends", || {
        server.process.ended().is_some_and(|status| !status.success())
    });
    let said = std::fs::read_to_string(place.folder().join("started.log")).unwrap();
    assert!(said.contains("than was read there before"), "{said}");
}
