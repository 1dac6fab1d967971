//! Everything that can fail fails once while a bank's history comes in: two servers, a publisher and three projectors on one
//! Postgres server and one message server. A supervisor starts again what has died. At the end nothing is lost or doubled,
//! and while it lasts readiness and metrics of the others tell of it.

use crate::oracle_bpi;
use crate::support::Ends;
use crate::support::cluster::Cluster;
use crate::support::data::Set;
use crate::support::http::Http;
use crate::support::nats::Nats;
use crate::support::place::Place;
use crate::support::server::Server;
use crate::support::wait_until;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Within what time a fault has to be told.
const TOLD: Duration = Duration::from_secs(2);
/// How long the message server is away.
const AWAY: Duration = Duration::from_secs(30);
const PROJECTORS: usize = 3;
const VIEWS: usize = 7;
const SERVE: [&str; 3] = ["serve", "--role", "api,timer"];

/// The processes and what they share.
struct Site {
    servers: [Server; 2],
    publisher: Server,
    projectors: Vec<Server>,
    /// Where the servers listen now.
    addresses: Arc<[Mutex<String>; 2]>,
    key: String,
    place: Arc<Place>,
    nats: Nats,
    cluster: Cluster,
    // Dropped after those whose files are in it.
    _folder: TempDir,
}

/// What a process tells of itself.
fn told(process: &Server) -> Value {
    process.http("").get("/readyz").json()
}

/// One of its metrics: the value of the line that begins so.
fn metric(process: &Server, line: &str) -> Option<f64> {
    let reply = process.http("").get("/metrics");
    let found = reply.text().lines().find_map(|one| one.strip_prefix(line))?;
    found.trim().parse().ok()
}

/// The fault that happened at `since` is told in time.
#[track_caller]
fn assert_told(what: &str, since: Instant, mut tells: impl FnMut() -> bool) {
    while !tells() {
        assert!(since.elapsed() < TOLD, "not told within {TOLD:?}: {what}");
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// A command of a clerk that was acknowledged.
#[derive(Debug)]
struct Acknowledged {
    stream: String,
    position: u64,
}

impl Site {
    fn open() -> Self {
        let cluster = Cluster::start();
        let folder = tempfile::tempdir().unwrap();
        let nats = Nats::start(folder.path());
        let place = Arc::new(Place::given(cluster.url(), nats.url()));
        let key = place.key("admin");
        let begin = |arguments: &[&str]| Server::begin(&place, arguments, "warn");
        let servers = [begin(&SERVE), begin(&SERVE)];
        let publisher = begin(&["publish"]);
        let projectors = (0..PROJECTORS).map(|_| begin(&["project"])).collect();
        let addresses = servers.each_ref().map(|server| Mutex::new(server.address().to_owned()));
        let addresses = Arc::new(addresses);
        Self {
            servers,
            publisher,
            projectors,
            addresses,
            key,
            place,
            nats,
            cluster,
            _folder: folder,
        }
    }

    fn processes(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().chain([&self.publisher]).chain(&self.projectors)
    }

    fn head(&self) -> u64 {
        told(&self.servers[1])["log"]["head"].as_u64().unwrap_or(0)
    }

    /// Waits until so many more events have come in.
    fn go_on(&self, events: u64) {
        let goal = self.head() + events;
        wait_until("the import goes on", || self.head() >= goal);
    }

    fn begin(&self, arguments: &[&str]) -> Server {
        Server::begin(&self.place, arguments, "warn")
    }

    /// Which views each projector brings forward, by what it tells and by its metrics.
    fn kept(&self) -> Vec<BTreeSet<String>> {
        let keeps = |process: &Server| {
            let views = told(process)["views"].as_array().cloned().unwrap_or_default();
            let names = views.iter().filter(|view| view["here"] == true);
            let names: BTreeSet<String> =
                names.map(|view| view["name"].as_str().unwrap().to_owned()).collect();
            let line = |name: &String| format!("leadline_view_here{{view=\"{name}\"}}");
            names.into_iter().filter(|name| metric(process, &line(name)) == Some(1.0)).collect()
        };
        self.projectors.iter().map(keeps).collect()
    }

    /// Whether each view is brought forward by some projector.
    fn all_kept(&self) -> bool {
        self.kept().iter().flatten().collect::<BTreeSet<_>>().len() == VIEWS
    }

    fn projector_dies(&mut self) {
        wait_until("projectors keep all views", || self.all_kept());
        let keeper = self.kept().iter().position(|kept| !kept.is_empty()).unwrap();
        self.projectors.remove(keeper).kill();
        assert_told("others take over", Instant::now(), || self.all_kept());
        self.projectors.push(self.begin(&["project"]));
    }

    fn publisher_dies(&mut self) {
        let stalled = |process: &Server, stalled: bool| {
            told(process)["delivery"]["stalled"] == stalled
                && metric(process, "leadline_publishing_stalled")
                    == Some(f64::from(u8::from(stalled)))
        };
        wait_until("events are published", || stalled(&self.servers[1], false));
        self.publisher.signal("KILL");
        assert_told("nobody publishes", Instant::now(), || {
            self.servers.iter().chain(&self.projectors).all(|process| stalled(process, true))
        });
        self.publisher = self.begin(&["publish"]);
        wait_until("events are published again", || stalled(&self.servers[1], false));
    }

    fn server_dies(&mut self) {
        self.servers[0].signal("KILL");
        let since = Instant::now();
        let mut gone = self.servers[0].http("");
        assert_told("the server does not answer", since, || {
            gone.try_call("GET", "/readyz", &[], b"").is_err()
        });
        self.servers[0] = self.begin(&SERVE);
        self.servers[0].address().clone_into(&mut self.addresses[0].lock().unwrap());
    }

    fn stream_is_deleted(&self) {
        let publisher = &self.publisher;
        let count = || told(publisher)["delivery"]["publisher"]["interruptions"].as_u64();
        wait_until("the publisher is at work", || {
            told(publisher)["delivery"]["publisher"]["position"].as_u64() > Some(0)
        });
        let before = count();
        self.nats.delete_stream("LEADLINE_EVENTS");
        assert_told("the publisher was interrupted", Instant::now(), || {
            count() > before
                && metric(publisher, "leadline_publisher_interruptions_total") > Some(0.0)
        });
    }

    /// While the message server is away, the database is started anew.
    fn both_servers_go_away(&mut self) {
        self.nats.down();
        let away = Instant::now();
        assert_told("nobody is connected", away, || {
            self.processes().all(|process| {
                told(process)["delivery"]["connected"] == false
                    && metric(process, "leadline_nats_connected") == Some(0.0)
            })
        });
        self.go_on(2_000);
        self.cluster.down();
        let since = Instant::now();
        assert_told("nobody has a log", since, || {
            self.processes().all(|process| {
                told(process)["log"]["ready"] == false
                    && metric(process, "leadline_log_ready") == Some(0.0)
            })
        });
        self.cluster.up();
        wait_until("everybody has a log again", || {
            self.processes().all(|process| told(process)["log"]["head"].is_u64())
        });
        while away.elapsed() < AWAY {
            thread::park_timeout(Duration::from_millis(100));
        }
        self.nats.up();
        wait_until("everybody is connected", || {
            self.processes().all(|process| told(process)["delivery"]["connected"] == true)
        });
    }
}

/// The feed in two files; each lead is in one of them.
fn halves(set: &Set, place: &Place) -> [std::path::PathBuf; 2] {
    let unpacked = Command::new("gzip").arg("-dc").arg(set.feed()).stdin(Stdio::null()).output();
    let text = String::from_utf8(unpacked.unwrap().stdout).unwrap();
    let mut halves = [Vec::new(), Vec::new()];
    for line in text.lines() {
        let command: Value = serde_json::from_str(line).unwrap();
        let odd = command["lead"].as_str().unwrap().bytes().map(usize::from).sum::<usize>() % 2;
        writeln!(halves[odd], "{line}").unwrap();
    }
    let [even, odd] = halves;
    [place.file("even.jsonl", even), place.file("odd.jsonl", odd)]
}

/// Imports a file through the server that is at `address` now, again and again until it succeeds or all is `done`; its
/// report.
fn import(
    place: &Place,
    file: &std::path::Path,
    (address, key): (&Mutex<String>, &str),
    done: &AtomicBool,
) -> String {
    let deadline = Instant::now() + Duration::from_mins(10);
    loop {
        let url = format!("http://{}", address.lock().unwrap());
        let name = file.to_str().unwrap();
        let ran = place.run(&["import", name, "--server", &url, "--key", key]);
        if ran.code == Some(0) || done.load(Ordering::Relaxed) {
            return ran.stdout;
        }
        assert!(Instant::now() < deadline, "the import does not come to an end: {ran:?}");
        thread::park_timeout(Duration::from_millis(200));
    }
}

/// Opens one account after another, each until it is acknowledged.
fn clerk(name: &str, address: &Mutex<String>, key: &str, done: &AtomicBool) -> Vec<Acknowledged> {
    let mut all = Vec::new();
    let mut client = Http::new("", key);
    let mut at = String::new();
    loop {
        let now = address.lock().unwrap().clone();
        if now != at {
            client = Http::new(&now, key);
            at = now;
        }
        let command = format!("{name}-{}", all.len());
        let headers = [("idempotency-key", &*command), ("content-type", "application/json")];
        let body = json!({"name": command}).to_string();
        match client.try_call("POST", "/v1/accounts", &headers, body.as_bytes()) {
            Ok(reply) if reply.status < 300 => {
                let reply = reply.json();
                let stream = reply["stream"].as_str().unwrap().to_owned();
                all.push(Acknowledged { stream, position: reply["position"].as_u64().unwrap() });
                if done.load(Ordering::Relaxed) {
                    return all;
                }
            }
            Ok(reply) => assert!(reply.status >= 500, "{}", reply.text()),
            Err(_) => {}
        }
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// Each account of the clerks is in the log once, where they were told; positions are dense.
fn assert_once(client: &mut Http, acknowledged: &[Acknowledged]) {
    let (mut position, mut opened) = (0, BTreeMap::<String, Vec<u64>>::new());
    loop {
        let page = client.get(&format!("/v1/events?after={position}&limit=500")).done();
        let events = page["events"].as_array().unwrap();
        if events.is_empty() {
            break;
        }
        for event in events {
            position += 1;
            assert_eq!(event["position"], position, "positions are dense");
            if event["type"] == "account.opened" && event["actor"]["id"] == "test" {
                let stream = event["stream"].as_str().unwrap().to_owned();
                opened.entry(stream).or_default().push(position);
            }
        }
    }
    assert_eq!(opened.len(), acknowledged.len(), "what was never acknowledged is not there");
    for one in acknowledged {
        assert_eq!(opened.get(&one.stream), Some(&vec![one.position]), "{one:?}");
    }
}

#[test]
fn what_dies_comes_back_and_nothing_is_lost_doubled_or_hidden() {
    let Some(set) = Set::named("bpi2012") else { return };
    let mut site = Site::open();
    let files = halves(&set, &site.place);
    let done = AtomicBool::new(false);
    // The servers' addresses change while others use them; the place and the key do not.
    let (place, key, addresses) =
        (Arc::clone(&site.place), site.key.clone(), Arc::clone(&site.addresses));
    let acknowledged = thread::scope(|scope| {
        let (place, key, done) = (&*place, &*key, &done);
        let runs: Vec<_> = files
            .iter()
            .zip(&*addresses)
            .map(|(file, address)| scope.spawn(move || import(place, file, (address, key), done)))
            .collect();
        let clerks: Vec<_> = ["ann", "bob"]
            .into_iter()
            .zip(&*addresses)
            .map(|(name, address)| scope.spawn(move || clerk(name, address, key, done)))
            .collect();
        let ends = Ends(done);
        site.go_on(2_000);
        site.projector_dies();
        site.publisher_dies();
        site.server_dies();
        site.stream_is_deleted();
        site.both_servers_go_away();
        for run in runs {
            let report = run.join().unwrap();
            assert!(report.contains(" 0 refused"), "{report}");
        }
        drop(ends);
        clerks.into_iter().flat_map(|clerk| clerk.join().unwrap()).collect::<Vec<Acknowledged>>()
    });
    for (file, address) in files.iter().zip(&*addresses) {
        let again = import(&site.place, file, (address, &site.key), &done);
        assert!(again.contains("nothing changed"), "{again}");
    }
    for process in site.processes() {
        process.await_ready();
    }
    assert_once(&mut site.servers[1].http(&site.key), &acknowledged);
    oracle_bpi::figures(&site.place, &set.oracle());
}
