//! `doctor`: looks at everything that leadline relies on, and says what is wrong and how to fix it. Changes nothing.

mod database;
mod disk;
mod nats;

use crate::failure::Failure;
use crate::output::say;
use crate::settings::Settings;
use leadline_store::facts::Facts;

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
        views(facts, &mut found);
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

/// Whether what the views reflect is the past of the log.
fn views(facts: &Facts, found: &mut Findings) {
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
}
