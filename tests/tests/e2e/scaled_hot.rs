//! One lead that eight processes write at once, and a process that dies or stands still while it holds the log.

use crate::support::Ends;
use crate::support::http::Http;
use crate::support::place::Place;
use crate::support::served::text;
use crate::support::server::Server;
use crate::support::wait_until;
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const WRITERS: usize = 8;
const COMMANDS: usize = 10_000;
/// For how long one that holds the log and does not go on may delay the others.
const DELAY_MAX: Duration = Duration::from_secs(5);

/// Attempts to reach the lead that the log has.
fn attempts(client: &mut Http, lead: &str) -> usize {
    let (mut after, mut count) = (0, 0);
    loop {
        let page = client.get(&format!("/v1/events?after={after}&limit=500")).done();
        let events = page["events"].as_array().unwrap();
        if events.is_empty() {
            return count;
        }
        let stream = format!("lead-{lead}");
        let of_lead = |event: &&serde_json::Value| {
            event["stream"] == *stream && event["command"] == "LogContactAttempt"
        };
        count += events.iter().filter(of_lead).count();
        after = page["next"].as_u64().unwrap();
    }
}

#[test]
fn a_lead_that_eight_processes_write_at_once_takes_every_command_once() {
    let place = Place::of_postgres();
    let key = place.key("admin");
    let servers: Vec<Server> =
        (0..WRITERS).map(|_| Server::start(&place, &["--role", "api"])).collect();
    let mut admin = servers[0].http(&key);
    let lead = text(&admin.post("/v1/leads", &json!({"company": "Hot"})).done()["id"]);
    let path = format!("/v1/leads/{lead}/log-contact-attempt");
    thread::scope(|scope| {
        for server in &servers {
            let mut client = server.http(&key);
            let path = &path;
            scope.spawn(move || {
                for _ in 0..COMMANDS / WRITERS {
                    client.post(path, &json!({"channel": "telephone"})).done();
                }
            });
        }
    });
    assert_eq!(attempts(&mut servers[0].http(&key), &lead), COMMANDS);
}

/// Who has the lock of the log, as the database counts its sessions.
const HOLDER: &str = "SELECT l.pid FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
    WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.granted
      AND l.classid = x'6c656164'::bigint::oid AND l.objid = x'6c696e65'::bigint::oid";

/// Stops a server while it holds the log: stops it again and again until its session keeps the lock.
fn stopped_with_the_lock(place: &Place, server: &Server) -> Instant {
    for _ in 0..1_000 {
        server.signal("STOP");
        let since = Instant::now();
        let mut holders = (0..4).map(|_| place.query(HOLDER));
        let first = holders.next().unwrap();
        if !first.is_empty() && holders.all(|holder| holder == first) {
            return since;
        }
        server.signal("CONT");
        thread::park_timeout(Duration::from_millis(3));
    }
    panic!("the server was never met with the lock");
}

/// Writes to a lead until told to end. What fails is sent again under its key.
fn write(mut client: Http, path: &str, name: &str, done: &AtomicBool, count: &AtomicUsize) {
    while !done.load(Ordering::Relaxed) {
        let key = format!("{name}-{}", count.load(Ordering::Relaxed));
        let headers = [("idempotency-key", &*key), ("content-type", "application/json")];
        match client.try_call("POST", path, &headers, b"{}") {
            Ok(reply) if reply.status < 500 => {
                reply.done();
                count.fetch_add(1, Ordering::Relaxed);
            }
            _ => thread::park_timeout(Duration::from_millis(20)),
        }
    }
}

#[test]
fn who_dies_or_stands_still_with_the_log_in_hand_delays_others_by_seconds_at_most() {
    let place = Place::of_postgres();
    let key = place.key("admin");
    let [stuck, other] = [(); 2].map(|()| Server::start(&place, &["--role", "api"]));
    let mut admin = other.http(&key);
    let lead = text(&admin.post("/v1/leads", &json!({"company": "Hot"})).done()["id"]);
    let path = &*format!("/v1/leads/{lead}/log-contact-attempt");
    let done = &AtomicBool::new(false);
    let counts = &[AtomicUsize::new(0), AtomicUsize::new(0)];
    thread::scope(|scope| {
        let _ends = Ends(done);
        for (server, (name, count)) in [&stuck, &other].iter().zip(["s", "o"].iter().zip(counts)) {
            let client = server.http(&key);
            scope.spawn(move || write(client, path, name, done, count));
        }
        let goes_on = |count: &AtomicUsize, since: Instant| {
            let before = count.load(Ordering::Relaxed);
            // The reply that was on its way when the other one stopped may count as one.
            wait_until("commands go on", || count.load(Ordering::Relaxed) > before + 1);
            assert!(since.elapsed() < DELAY_MAX, "delayed by {:?}", since.elapsed());
        };
        for _ in 0..2 {
            let since = stopped_with_the_lock(&place, &stuck);
            goes_on(&counts[1], since);
            stuck.signal("CONT");
            goes_on(&counts[0], Instant::now());
        }
        let since = stopped_with_the_lock(&place, &stuck);
        stuck.kill();
        goes_on(&counts[1], since);
    });
    let [of_stuck, of_other] = counts.each_ref().map(|count| count.load(Ordering::Relaxed));
    let found = attempts(&mut admin, &lead);
    // The last command of the one that died has no reply.
    assert!((of_stuck + of_other..=of_stuck + of_other + 1).contains(&found), "{found}");
}
