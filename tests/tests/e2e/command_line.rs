//! The command line: help, mistakes, exit codes, keys, policies, formats, the demo.

use crate::support::http::Http;
use crate::support::nats::Nats;
use crate::support::place::{Place, Ran};
use crate::support::{PATIENCE, binary};
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::mpsc;

/// Commands that have a help text of their own.
const COMMANDS: [&[&str]; 18] = [
    &["serve"],
    &["demo"],
    &["import"],
    &["lead"],
    &["lead", "show"],
    &["lead", "history"],
    &["lead", "explain"],
    &["view"],
    &["rebuild"],
    &["subject", "erase"],
    &["key"],
    &["key", "create"],
    &["key", "list"],
    &["key", "revoke"],
    &["policy", "check"],
    &["policy", "publish"],
    &["policy", "activate"],
    &["bench"],
];

fn told(ran: &Ran, code: i32, part: &str) {
    assert_eq!(ran.code, Some(code), "{ran:?}");
    assert!(ran.stderr.contains(part) || ran.stdout.contains(part), "{part:?}: {ran:?}");
}

#[test]
fn every_command_says_how_it_is_used() {
    let place = Place::of_files();
    let help = place.run(&["--help"]).done();
    for command in COMMANDS {
        assert!(help.stdout.contains(command[0]), "{}", help.stdout);
        let mut arguments = command.to_vec();
        arguments.push("--help");
        let help = place.run(&arguments).done();
        assert!(help.stdout.contains("Usage: leadline"), "{command:?}: {}", help.stdout);
    }
    assert!(help.stdout.contains("Exit codes: 0 ok, 1 failed, 2 usage, 3 refused by a rule"));
    let version = place.run(&["--version"]).done();
    assert!(version.stdout.starts_with("leadline "), "{version:?}");
    assert_eq!(std::fs::read_dir(place.folder()).unwrap().count(), 0, "help makes nothing");
}

#[test]
fn a_mistake_on_the_command_line_is_exit_code_2_and_names_what_was_probably_meant() {
    let place = Place::of_files();
    told(&place.run(&["view", "pipeline", "--as-off", "1"]), 2, "--as-of");
    told(&place.run(&["serv"]), 2, "serve");
    told(&place.run(&["view", "pipeline", "--format", "jsn"]), 2, "json");
    told(&place.run(&["key", "create", "--role", "sales"]), 2, "--label");
    told(&place.run(&["--listen", "8080", "serve"]), 2, "`8080` is no address and port");
    told(&place.run(&["bench", "--only", "publish"]), 2, "needs --nats");
    told(&place.run(&["bench", "--clients", "0"]), 2, "--clients");
    told(&place.run(&["view", "timeline"]), 2, "--param root=LEAD");
    told(&place.run(&["--database", "postgres://me:secret@host/db", "key", "list"]), 2, "");
    let refused = Command::new(binary())
        .args(["--database", "mysql://me:secret@host/db", "key", "list"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("sqlite:PATH") && !said.contains("secret"), "{said}");
    let folder = format!("sqlite:{}", place.folder().display());
    let on = |database: &str, command: &str| {
        let mut run = Command::new(binary());
        let run = run.args(["--database", database, command]).current_dir(place.folder());
        String::from_utf8(run.output().unwrap().stdout).unwrap()
    };
    assert!(on(&folder, "doctor").contains("is a folder; name a file in it"));
    let mistyped = place.file("mistyped.toml", "databse = \"sqlite:other.db\"\n");
    let mistyped = mistyped.to_str().unwrap();
    told(&place.run(&["--config", mistyped, "key", "list"]), 2, "did you mean `database`?");
    told(&place.run(&["--config", "none.toml", "key", "list"]), 2, "none.toml");
    let elsewhere = place.file("elsewhere.toml", "listen = \"localhost:80\"\n");
    let elsewhere = elsewhere.to_str().unwrap();
    let said = "listen: `localhost:80` is no address and port, such as 127.0.0.1:8080";
    told(&place.run(&["--config", elsewhere, "serve"]), 2, said);
    assert!(!place.database().exists(), "a mistake makes nothing");
}

#[test]
fn settings_come_from_options_then_the_environment_then_the_file() {
    let place = Place::of_files();
    let config = place.file("leadline.toml", "database = \"sqlite:from-file.db\"\n");
    let run = |arguments: &[&str], environment: Option<&str>| {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(place.folder()).env("LEADLINE_CONFIG", &config);
        command.env_remove("LEADLINE_DATABASE");
        if let Some(database) = environment {
            command.env("LEADLINE_DATABASE", database);
        }
        assert!(command.output().unwrap().status.success());
    };
    let exists = |name: &str| place.folder().join(name).exists();
    let make = ["key", "create", "--role", "admin", "--label", "ann"];
    run(&make, None);
    assert!(exists("from-file.db") && !exists("from-environment.db"));
    run(&make, Some("sqlite:from-environment.db"));
    assert!(exists("from-environment.db") && !exists("from-option.db"));
    let option = [&["--database", "sqlite:from-option.db"][..], &make].concat();
    run(&option, Some("sqlite:other.db"));
    assert!(exists("from-option.db") && !exists("other.db"));
}

#[test]
fn what_changes_nothing_makes_no_database() {
    let place = Place::of_files();
    let line = r#"{"id":"1","at":"2026-01-01T09:00:00Z","cmd":"CaptureLead","lead":"a"}"#;
    let feed = place.file("feed.jsonl", line);
    for arguments in [
        &["key", "list"][..],
        &["key", "revoke", "lk000000000000"],
        &["policy", "activate", "none@1"],
        &["view", "pipeline"],
        &["rebuild", "pipeline"],
    ] {
        told(&place.run(arguments), 1, "there is no database");
    }
    let checked = place.run(&["import", feed.to_str().unwrap(), "--dry-run"]).done().stdout;
    assert!(checked.contains("1 of 1 lines well formed, 0 refused"), "{checked}");
    assert!(checked.contains("Rules are not checked"), "{checked}");
    let database = place.database().display().to_string();
    for file in ["", ".lock", "-keys", "-views", "-uploads"] {
        let file = format!("{database}{file}");
        assert!(!std::path::Path::new(&file).exists(), "{file}");
    }
}

#[test]
fn exit_codes_tell_a_failure_from_a_mistake_from_a_refusal() {
    let place = Place::of_files();
    told(&place.run(&["view", "pipeline"]), 1, "there is no database");
    told(&place.run(&["import", "nothing.jsonl"]), 1, "nothing.jsonl");
    told(&place.run(&["import", "."]), 1, "`.` is a folder");
    let empty = place.file("empty.jsonl", "");
    let empty = empty.to_str().unwrap();
    told(&place.run(&["import", "--dry-run", empty]), 0, "warning: the file has no lines");
    let server = ["import", empty, "--key", "lk0.0", "--server"];
    for address in ["127.0.0.1:8080", "https://127.0.0.1:8080", "http://127.0.0.1:8080/v1"] {
        let named = [&server[..], &[address]].concat();
        told(&place.run(&named), 2, "--server takes http://HOST:PORT");
    }
    place.key("admin");
    told(&place.run(&["lead", "show", "key:nobody"]), 2, "not_found");
    told(&place.run(&["view", "pipelin"]), 2, "pipeline");
    told(&place.run(&["view", "pipeline", "--as-of", "soon"]), 2, "as_of");
    told(&place.run(&["policy", "activate", "none@1"]), 2, "policy_unknown");
    told(&place.run(&["subject", "erase", "key:nobody"]), 2, "lead_unknown");
    let changed = json!({"kind": "attribution", "name": "short", "version": 1,
        "half_life_seconds": 86_400, "window_days": 30});
    place.policy(&changed);
    let changed = json!({"kind": "attribution", "name": "short", "version": 1,
        "half_life_seconds": 1, "window_days": 30});
    let changed = place.file("changed.json", changed.to_string());
    let publish = ["policy", "publish", changed.to_str().unwrap()];
    told(&place.run(&publish), 3, "version_immutable");
    let busy = place.serve();
    let address = format!("http://{}", busy.address());
    told(&place.run(&[&server[..], &[&address]].concat()), 3, "unauthenticated");
    told(&place.run(&["serve"]), 1, busy.address());
    let other = Place::of_files();
    told(&other.run(&["--listen", busy.address(), "serve"]), 1, "choose another with --listen");
}

#[test]
fn keys_are_made_listed_and_revoked() {
    let place = Place::of_files();
    told(&place.run(&["key", "create", "--role", "king", "--label", "x"]), 2, "admin, marketing");
    assert!(!place.database().exists(), "a mistake makes nothing");
    let first = place.run(&["key", "create", "--role", "admin", "--label", "ann"]).done();
    let made = format!("made a new database {}", place.database().display());
    assert!(first.stderr.contains(&made) && !first.stdout.contains(&made), "{first:?}");
    let second = place.run(&["key", "create", "--role", "admin", "--label", "ann"]).done();
    assert!(!second.stderr.contains("made a new"), "{second:?}");
    let key = place.key("sales");
    let (id, secret) = key.split_once('.').unwrap();
    let listed = place.run(&["key", "list"]).done();
    assert!(listed.stdout.contains(id) && !listed.stdout.contains(secret), "{listed:?}");
    let server = place.serve();
    assert_eq!(server.http(&key).get("/v1/leads").status, 200);
    place.run(&["key", "revoke", id]).done();
    assert_eq!(server.http(&key).get("/v1/leads").status, 401);
    told(&place.run(&["key", "revoke", "lk0"]), 2, "key_unknown");
    let bytes = std::fs::read(place.database()).unwrap();
    assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
}

#[test]
fn policies_are_checked_published_and_put_in_force_from_json_and_toml() {
    let place = Place::of_files();
    let good = place.file(
        "short.toml",
        "kind = \"attribution\"\nname = \"short\"\nversion = 1\nhalf_life_seconds = 86400\n",
    );
    let good = good.to_str().unwrap();
    told(&place.run(&["policy", "check", good]), 0, "short@1");
    assert!(!place.database().exists(), "checking needs no database");
    let bad = place.file("bad.json", r#"{"kind":"attribution","name":"x","version":1}"#);
    told(&place.run(&["policy", "check", bad.to_str().unwrap()]), 3, "half_life_seconds");
    told(&place.run(&["policy", "publish", good]), 0, "published");
    told(&place.run(&["policy", "publish", good]), 0, "already published");
    told(&place.run(&["policy", "activate", "short@1", "--from", "beginning"]), 0, "in force");
    told(&place.run(&["policy", "activate", "short@1", "--from", "soon"]), 2, "--from");
}

#[test]
fn commands_answer_the_same_through_a_server_as_without_one() {
    let place = Place::of_files();
    let feed = concat!(
        r#"{"id":"1","at":"2026-01-05T09:00:00Z","cmd":"CaptureLead","lead":"a","source":"Web","company":"A"}"#,
        "\n",
        r#"{"id":"2","at":"2026-01-06T09:00:00Z","cmd":"MarkMQL","lead":"a"}"#,
        "\n",
    );
    let feed = place.file("feed.jsonl", feed);
    place.import(&feed);
    let ask = || {
        let questions: [&[&str]; 6] = [
            &["view", "funnel", "--format", "json"],
            &["view", "funnel", "--format", "csv"],
            &["view", "sla", "--as-of", "2026-01-31T00:00:00Z"],
            &["view", "lead", "--checksum"],
            &["lead", "show", "key:a", "--as-of", "2026-01-05T12:00:00Z"],
            &["lead", "history", "key:a", "--format", "json"],
        ];
        questions.map(|question| place.run(question).done().stdout)
    };
    let alone = ask();
    assert!(alone[4].contains("new") && alone[5].contains("lead.captured"), "{alone:?}");
    assert!(alone[1].lines().count() > 1 && alone[1].contains(','), "{}", alone[1]);
    let server = place.serve();
    assert_eq!(ask(), alone);
    let again = place.run(&["import", feed.to_str().unwrap()]).done();
    assert!(again.stdout.contains("nothing changed"), "{again:?}");
    place.run(&["rebuild", "funnel"]).done();
    assert_eq!(ask(), alone);
    assert_eq!(server.terminate(), Some(0));
    assert_eq!(ask(), alone);
}

#[test]
fn a_demo_that_exits_prints_three_tables_and_leaves_nothing() {
    let place = Place::of_files();
    let scratch = place.folder().join("scratch");
    std::fs::create_dir(&scratch).unwrap();
    let mut command = place.command(&["demo", "--exit"]);
    let output = command.env("TMPDIR", &scratch).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    for title in ["\nPipeline", "\nAcceptance SLA", "\nAttribution"] {
        let table = said.split_once(title).unwrap_or_else(|| panic!("{title}: {said}")).1;
        assert!(table.lines().count() > 5, "{title}: {table}");
    }
    assert!(said.contains(" 0 refused"), "{said}");
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0, "the scratch folder is removed");
    assert!(!place.database().exists(), "the demo leaves other databases alone");
}

#[test]
fn a_demo_serves_every_address_that_it_prints() {
    let place = Place::of_files();
    let mut child = crate::support::place::Running {
        child: place
            .command(&["demo", "--listen", "127.0.0.1:0"])
            .env("TMPDIR", place.folder())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    };
    let stdout = BufReader::new(child.child.stdout.take().unwrap());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            drop(tell.send(line));
        }
    });
    let mut addresses = Vec::new();
    let key = loop {
        let line = told.recv_timeout(PATIENCE).expect("the demo goes on to its key");
        if let Some(url) = line.trim().strip_prefix("http://") {
            addresses.push(url.to_owned());
        }
        if let Some((_, key)) = line.split_once("Authorization: Bearer ") {
            break key.to_owned();
        }
    };
    assert!(addresses.len() >= 5, "{addresses:?}");
    for url in &addresses {
        let (address, path) = url.split_once('/').unwrap();
        let reply = Http::new(address, "").get(&format!("/{path}"));
        assert_eq!(reply.status, 200, "{url}: {reply:?}");
    }
    let address = addresses[0].split_once('/').unwrap().0.to_owned();
    let capture = json!({"company": "Engines Ltd"});
    assert_eq!(Http::new(&address, "").post("/v1/leads", &capture).status, 403);
    assert_eq!(Http::new(&address, &key).post("/v1/leads", &capture).status, 201);
}

#[test]
fn a_benchmark_does_not_wait_for_a_nats_account_of_another_log() {
    let place = Place::of_files();
    let nats = Nats::start(place.folder());
    let dir = place.folder().to_str().unwrap().to_owned();
    let publish = || {
        let measured = ["bench", "--only", "publish", "--seconds", "1", "--dir", &dir];
        place.run(&[&measured[..], &["--nats", &nats.url()]].concat())
    };
    assert!(publish().done().stdout.contains("publishing to NATS: "));
    // Its scratch log is gone; its stream is not.
    told(&publish(), 1, "this NATS account belongs to the log");
}
