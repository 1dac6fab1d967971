//! An import that is killed again and again, and resumed, comes to the same as one that was left alone.

use crate::support::data::Set;
use crate::support::place::Place;
use crate::support::{PATIENCE, Seeded, feed::feed};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

const KILLS: usize = 10;
const VIEWS: [&str; 5] = ["conversion", "funnel", "pipeline", "sla", "attribution"];

#[test]
fn a_companys_import_killed_ten_times_gives_the_same_figures_and_events() {
    let place = Place::new();
    let lines = feed(20_260_105, 1_500);
    let file = place.file("feed.jsonl", lines.join("\n"));
    assert_resumes(&file, 1);
}

#[test]
fn a_real_import_killed_ten_times_gives_the_same_figures_and_events() {
    let Some(set) = Set::named("olist-funnel") else { return };
    assert_resumes(&set.feed(), 2);
}

/// Every figure of every view, and the position that they reflect. Ids of leads are not among them: they are
/// minted anew with each database.
fn figures(place: &Place) -> Vec<Value> {
    let mut documents: Vec<Value> = VIEWS.iter().map(|view| place.view(view, &[])).collect();
    for document in &mut documents {
        let Some(clocks) = document.get_mut("at_risk").and_then(Value::as_array_mut) else {
            continue;
        };
        for clock in clocks.iter_mut() {
            clock.as_object_mut().unwrap().remove("lead");
        }
        clocks.sort_by_cached_key(Value::to_string);
    }
    documents
}

/// The lines of a report that tell what was refused.
fn refused(report: &str) -> Vec<&str> {
    report.lines().filter(|line| line.contains(": refused (")).collect()
}

fn assert_resumes(file: &Path, seed: u64) {
    let undisturbed = Place::new();
    let begun = Instant::now();
    let expected_report = undisturbed.import(file).stdout;
    let whole = begun.elapsed();
    let expected = figures(&undisturbed);

    let mut random = Seeded(seed);
    let mut kills = 0;
    // A run may end before it is killed; then the next one begins anew.
    while kills < KILLS {
        let place = Place::new();
        while kills < KILLS && killed(&place, file, whole, &mut random) {
            kills += 1;
        }
        let report = place.import(file).stdout;
        for (found, expected) in figures(&place).iter().zip(&expected) {
            assert_same(found, expected, &format!("after {kills} kills:\n{report}"));
        }
        let again = place.import(file).stdout;
        assert!(again.contains("nothing changed"), "{again}");
        assert_eq!(refused(&again), refused(&expected_report));
    }
}

/// Says which part of a document differs, not the whole of it.
fn assert_same(found: &Value, expected: &Value, what: &str) {
    for (name, part) in expected.as_object().unwrap() {
        assert_eq!(&found[name], part, "{name} of {}, {what}", expected["view"]);
    }
}

/// Runs the import and kills it after a random part of the time that a whole one takes; whether it was still
/// running.
fn killed(place: &Place, file: &Path, whole: Duration, random: &mut Seeded) -> bool {
    let per_mille = u32::try_from(30 + random.below(100)).unwrap();
    let deadline = Instant::now() + (whole * per_mille / 1_000).min(PATIENCE);
    let mut run = place.start(&["import".as_ref(), file.as_os_str()]);
    while let Some(left) = deadline.checked_duration_since(Instant::now()) {
        if let Some(status) = run.ended() {
            assert!(status.success(), "an import failed by itself: {status}");
            return false;
        }
        std::thread::park_timeout(left.min(Duration::from_millis(5)));
    }
    let ended = run.ended();
    run.kill();
    ended.is_none()
}

/// A year that was mistyped: everything that happens to the lead from then on would be dated before it.
#[test]
fn a_line_of_the_future_is_refused_and_moves_no_present() {
    let place = Place::new();
    let line = |id: &str, at: &str, cmd: &str| {
        format!(r#"{{"id":"{id}","at":"{at}","cmd":"{cmd}","lead":"l"}}"#)
    };
    let capture = r#"{"id":"1","at":"2026-03-02T09:00:00Z","cmd":"CaptureLead","lead":"l","company":"Mills"}"#;
    let feed = [
        capture.to_owned(),
        line("2", "2062-03-02T10:00:00Z", "MarkMQL"),
        line("3", "2026-03-02T11:00:00Z", "MarkMQL"),
        line("4", "2026-03-02T12:00:00Z", "AcceptSAL"),
    ];
    let file = place.file("feed.jsonl", feed.join("\n"));
    for mode in [&["--dry-run"][..], &[]] {
        let ran = place.run(&[&["import", file.to_str().unwrap()], mode].concat()).done();
        assert_eq!(refused(&ran.stdout).len(), 1, "{ran:?}");
        assert!(ran.stdout.contains("line 2: refused (occurred_in_future)"), "{ran:?}");
    }
    let history = place.run(&["lead", "history", "key:l"]).done().stdout;
    assert!(history.contains("lead.accepted_by_sales"), "{history}");
    assert!(!history.contains("lead.sla_breached"), "{history}");
}
