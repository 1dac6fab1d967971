//! Files of the database that are gone or damaged: nothing is acknowledged into nothing, and nothing made up in their place.

use crate::support::place::Place;
use crate::support::server::Server;
use crate::support::wait_until;
use serde_json::json;

/// A database with one lead in it.
fn begun() -> Place {
    let place = Place::of_files();
    let key = place.key("admin");
    let server = place.serve();
    server.http(&key).post("/v1/leads", &json!({"company": "Mills", "external_key": "k"})).done();
    server.terminate();
    place
}

fn beside(place: &Place, suffix: &str) -> std::path::PathBuf {
    let mut name = place.database().into_os_string();
    name.push(suffix);
    name.into()
}

/// New keys beside an old log would find nobody again: the same person would be somebody else.
#[test]
fn a_log_without_its_keys_is_not_opened() {
    let place = begun();
    let keys = beside(&place, "-keys");
    let kept = std::fs::read(&keys).unwrap();
    std::fs::remove_file(&keys).unwrap();
    for command in [&["key", "list"][..], &["serve", "--listen", "127.0.0.1:0"]] {
        let ran = place.run(command);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains("restore them from a backup"), "{ran:?}");
        assert!(!keys.exists(), "none are made");
    }
    std::fs::write(&keys, kept).unwrap();
    place.run(&["lead", "show", "key:k"]).done();
}

#[test]
fn keys_that_are_gone_from_postgres_are_not_made_anew() {
    let place = Place::of_postgres();
    place.key("admin");
    place.query("DROP SCHEMA leadline_keys CASCADE");
    let ran = place.run(&["key", "create", "--role", "admin", "--label", "other"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("restore them from a backup"), "{ran:?}");
    let go_on = ["key", "create", "--role", "admin", "--label", "other", "--i-accept-data-loss"];
    place.run(&go_on).done();
}

/// What is written to a file without a name goes with the process.
#[test]
fn a_server_whose_database_is_removed_ends_before_it_acknowledges_for_long() {
    for suffix in ["", "-wal"] {
        let place = Place::of_files();
        let key = place.key("admin");
        let mut server: Server = place.serve();
        let mut client = server.http(&key);
        client.post("/v1/leads", &json!({"company": "Mills"})).done();
        std::fs::remove_file(beside(&place, suffix)).unwrap();
        wait_until("the server ends", || {
            let headers = [("content-type", "application/json")];
            drop(client.try_call("POST", "/v1/leads", &headers, b"{\"company\":\"Mills\"}"));
            server.ended().is_some_and(|status| !status.success())
        });
    }
}

#[test]
fn a_damaged_file_of_views_is_told_with_its_cure() {
    let place = begun();
    let views = beside(&place, "-views");
    std::fs::write(&views, vec![7; 20_000]).unwrap();
    let ran = place.run(&["view", "pipeline"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("views are built again from the log"), "{ran:?}");
    for suffix in ["-views", "-views-wal", "-views-shm"] {
        // Some are not there.
        drop(std::fs::remove_file(beside(&place, suffix)));
    }
    place.run(&["view", "pipeline"]).done();
}
