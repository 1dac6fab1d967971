//! `doctor`: says what is wrong, and leaves everything as it is.

use crate::support::cluster::Cluster;
use crate::support::feed::feed;
use crate::support::nats::Nats;
use crate::support::place::{Place, Ran};
use crate::support::wait_until;
use std::path::Path;
use std::process::Command;

/// Each file of a folder with its content, but for the lock and what tests add.
fn files(place: &Place) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = std::fs::read_dir(place.folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect();
    found.sort();
    found
}

fn said(ran: &Ran, code: i32, lines: &[&str]) {
    assert_eq!(ran.code, Some(code), "{}{}", ran.stdout, ran.stderr);
    for line in lines {
        assert!(ran.stdout.contains(line), "{line}:\n{}", ran.stdout);
    }
}

#[test]
fn a_database_in_files_is_looked_at_and_left_alone() {
    let place = Place::of_files();
    said(&place.run(&["doctor"]), 0, &["warning  there is no database"]);
    assert_eq!(files(&place), []);
    place.import(&place.file("feed.jsonl", feed(7, 20).join("\n")));
    place.checksum("funnel");
    let before = files(&place);
    let well = [
        "ok       commits are synced",
        "ok       triggers keep events from being changed",
        "views reflect the past of this log",
        "ok       NATS is not used",
    ];
    said(&place.run(&["doctor"]), 0, &well);
    assert_eq!(files(&place), before);
    let server = place.serve();
    said(&place.run(&["doctor"]), 0, &well);
    drop(server);
    let (database, copy) = (place.database(), place.folder().join("copy"));
    place.run(&["key", "list"]).done();
    std::fs::copy(&database, &copy).unwrap();
    place.import(&place.file("more.jsonl", feed(7, 30).join("\n")));
    place.checksum("funnel");
    std::fs::rename(&copy, &database).unwrap();
    std::fs::remove_file(place.folder().join("leadline.db-keys")).unwrap();
    let bad = [
        "problem  the view `funnel` does not fit the log: it is at position",
        "problem  the keys beside the database are not there",
    ];
    said(&place.run(&["doctor"]), 1, &bad);
}

/// Runs a statement; a server that is starting is waited for.
fn psql(url: &str, statement: &str) {
    wait_until(statement, || {
        let mut run = Command::new("psql");
        run.args(["--no-psqlrc", "--quiet", url, "-c", statement]);
        run.output().unwrap().status.success()
    });
}

#[test]
fn bad_settings_of_servers_are_told_with_their_cure() {
    let mut cluster = Cluster::start();
    let folder = tempfile::tempdir().unwrap();
    let nats = Nats::start(Path::new(folder.path()));
    let place = Place::given(cluster.url(), nats.url());
    psql(&cluster.url(), "SELECT 1");
    said(&place.run(&["doctor"]), 0, &["warning  there is no log in"]);
    place.key("admin");
    let well = [
        "keeps what it confirms: fsync and full_page_writes are on",
        "ok       nodes run without the right to change or delete an event",
        "ok       there is no stream LEADLINE_EVENTS yet",
        "ms apart",
    ];
    said(&place.run(&["doctor"]), 0, &well);
    psql(&cluster.url(), "ALTER TABLE leadline.event DISABLE TRIGGER event_is_never_changed");
    psql(&cluster.url(), "GRANT UPDATE ON leadline.event TO leadline_app");
    psql(&cluster.url(), "ALTER SYSTEM SET fsync = off");
    cluster.down();
    cluster.up();
    psql(&cluster.url(), "SELECT 1");
    let bad = [
        "`fsync` is off: a crash may lose what it has confirmed; change that on the server",
        "problem  the triggers that keep events from being changed are not all in force",
        "warning  nodes run with the right to change events",
    ];
    said(&place.run(&["doctor"]), 1, &bad);
    drop(nats);
    said(&place.run(&["doctor"]), 1, &["problem  NATS does not answer"]);
}
