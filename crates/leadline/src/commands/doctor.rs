//! `doctor`: looks at everything that leadline relies on, and says what is wrong and how to fix it. Changes nothing.

mod database;
mod disk;
mod nats;

use crate::failure::Failure;
use crate::output::say;
use crate::settings::Settings;
use leadline_log::Position;
use leadline_log::clock::{Clock as _, System};
use leadline_store::facts::Facts;
use leadline_views::NAMES;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Ok,
    Warning,
    Problem,
}

/// What was found, one line each.
#[derive(Debug, Default)]
struct Findings(Vec<(Level, String)>);

impl Findings {
    fn ok(&mut self, what: impl Into<String>) {
        self.0.push((Level::Ok, what.into()));
    }

    /// Something to know about; `cure` says what to do.
    fn warning(&mut self, what: &str, cure: &str) {
        self.0.push((Level::Warning, format!("{what}; {cure}")));
    }

    /// Something that must not stay so; `cure` says what to do.
    fn problem(&mut self, what: &str, cure: &str) {
        self.0.push((Level::Problem, format!("{what}; {cure}")));
    }

    fn problems(&self) -> usize {
        self.0.iter().filter(|(level, _)| *level == Level::Problem).count()
    }

    /// A check that could not be made, with the causes.
    fn failed(&mut self, what: &str, error: &dyn std::error::Error, cure: &str) {
        self.problem(&format!("{what}: {}", Failure::told(error).message), cure);
    }
}

/// `doctor`.
pub(crate) async fn run(settings: &Settings) -> Result<(), Failure> {
    let mut found = Findings::default();
    found.ok("the configuration can be read");
    let facts = database::look(settings, &mut found).await;
    if let Some(facts) = &facts {
        views(facts, System.now_millis(), &mut found);
    }
    nats::look(settings, facts.as_ref(), &mut found).await;
    for (level, what) in &found.0 {
        let level = match level {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Problem => "problem",
        };
        say!("{level:<8} {what}");
    }
    match found.problems() {
        0 => Ok(()),
        1 => Err(Failure::plain("there is one problem".to_owned())),
        several => Err(Failure::plain(format!("there are {several} problems"))),
    }
}

/// What to do where something saw another past than the log's.
const ASTRAY: &str =
    "where the log was restored from a backup, stop all processes and run `leadline log new-epoch`";

/// For how long the last event may have been in the log without a view that has it, in milliseconds.
const LAG_MAX_MS: i64 = 60_000;

/// So many events a view may trail a log that goes on.
const LAG_EVENTS_MAX: u64 = 10_000;

/// Whether what the views reflect is the past of the log, and all of it.
fn views(facts: &Facts, now: i64, found: &mut Findings) {
    let log = facts.log;
    found.ok(format!(
        "the log {} is in epoch {} and ends at position {}",
        log.id, log.epoch, facts.head
    ));
    for view in &facts.views {
        if let Some(misfit) = &view.misfit {
            found.problem(
                &format!("the view `{}` does not fit the log: {misfit}", view.name),
                ASTRAY,
            );
        }
    }
    if facts.views.iter().all(|view| view.misfit.is_none()) {
        found.ok(format!("{} views reflect the past of this log", facts.views.len()));
    }
    let position = |name: &str| {
        let view = facts.views.iter().find(|view| view.name == name);
        view.map_or(Position::START, |view| view.place.position)
    };
    let behind = NAMES.iter().filter(|name| position(name) < facts.head).copied();
    let behind: Vec<&str> = behind.collect();
    let rests = facts.last_recorded_at.is_some_and(|last| now.saturating_sub(last) > LAG_MAX_MS);
    let lag = |name: &&str| facts.head.0.saturating_sub(position(name).0);
    let trails = behind.iter().any(|name| lag(name) > LAG_EVENTS_MAX);
    if (rests && !behind.is_empty()) || trails {
        found.warning(
            &format!("the log goes on after what these views reflect: {}", behind.join(", ")),
            "a process with the role `project` brings them forward: start one where none runs",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{Findings, LAG_EVENTS_MAX, LAG_MAX_MS, Level, views};
    use leadline_log::types::LogIdentity;
    use leadline_log::{Place, Position};
    use leadline_store::facts::{Facts, View};
    use uuid::Uuid;

    /// What is found of a log up to `head` and its views, all of them up to `position`.
    fn found(
        (position, head): (u64, u64),
        last_recorded_at: Option<i64>,
        now: i64,
    ) -> Vec<(Level, String)> {
        let log = LogIdentity { id: Uuid::nil(), epoch: 1 };
        let place = Place { log, position: Position(position), event: Uuid::nil() };
        let view = |name: &&str| View { name: (*name).to_owned(), place, misfit: None };
        let built = leadline_views::NAMES.iter().filter(|_| position > 0);
        let views_of = built.map(view).collect();
        let facts = Facts { log, head: Position(head), last_recorded_at, views: views_of };
        let mut findings = Findings::default();
        views(&facts, now, &mut findings);
        findings.0.into_iter().filter(|(level, _)| *level != Level::Ok).collect()
    }

    #[test]
    fn views_that_nobody_brings_forward_are_told_of_once_the_log_rests() {
        let told = found((17, 18), Some(0), LAG_MAX_MS + 1);
        let [(Level::Warning, what)] = told.as_slice() else { panic!("{told:?}") };
        assert!(what.contains("pipeline") && what.contains("the role `project`"), "{what}");
        assert_eq!(found((0, 18), Some(0), LAG_MAX_MS + 1).len(), 1, "never built");
        assert_eq!(found((17, 18), Some(0), LAG_MAX_MS), [], "somebody may be about to");
        assert_eq!(found((18, 18), Some(0), LAG_MAX_MS + 1), []);
        let busy = |behind: u64| found((1, 1 + behind), Some(0), 0).len();
        assert_eq!((busy(LAG_EVENTS_MAX), busy(LAG_EVENTS_MAX + 1)), (0, 1));
    }
}
