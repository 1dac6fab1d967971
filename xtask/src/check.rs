//! `cargo xtask test`: every check, cheap ones first.

use crate::metadata::Workspace;
use crate::run::{Error, Runner};
use crate::{root, services, tidy, vectors};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A step: its name and how it is done.
struct Step {
    name: &'static str,
    action: Action,
}

/// How a step is done.
enum Action {
    /// By a program.
    Run(Command),
    /// By a program, with a throw-away Postgres to itself.
    RunWithServices(Command),
    /// Here: `tidy`.
    Tidy,
    /// Here: the acceptance cases in these files.
    Vectors(Vec<PathBuf>),
    /// Not at all, for this reason.
    Skip(String),
}

/// How a step ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    Skipped,
}

/// Runs all steps, or only those named; whether all passed.
///
/// # Errors
/// A step is unknown, a program is missing, or a signal has come.
pub(crate) fn test(only: &[String]) -> Result<bool, Error> {
    let steps = select(steps(&Workspace::load(root())?), only)?;
    let runner = Runner::new()?;
    let mut summary = Vec::with_capacity(steps.len());
    for step in steps {
        println!("\n=== {}", step.name);
        let started = Instant::now();
        let outcome = perform(&runner, step.action)?;
        summary.push((step.name, outcome, started.elapsed()));
    }
    print_summary(&summary);
    Ok(summary.iter().all(|(_, outcome, _)| *outcome != Outcome::Failed))
}

/// The steps named in `only`, in their order; all of them where none is named.
fn select(mut steps: Vec<Step>, only: &[String]) -> Result<Vec<Step>, Error> {
    if let Some(unknown) = only.iter().find(|name| steps.iter().all(|step| step.name != **name)) {
        let names: Vec<&str> = steps.iter().map(|step| step.name).collect();
        let reason = format!("there is no such step; there are {}", names.join(", "));
        return Err(Error::failed(format!("run the step `{unknown}`"), reason));
    }
    steps.retain(|step| only.is_empty() || only.iter().any(|name| name == step.name));
    Ok(steps)
}

/// Builds the release binary and runs its load generator.
///
/// # Errors
/// A program is missing, or a signal has come.
pub(crate) fn bench(arguments: &[String]) -> Result<bool, Error> {
    let binary = release_binary(&Workspace::load(root())?);
    let runner = Runner::new()?;
    Ok(runner.run(&mut build_release())?
        && runner.run(Command::new(binary).arg("bench").args(arguments))?)
}

fn perform(runner: &Runner, action: Action) -> Result<Outcome, Error> {
    let passed = match action {
        Action::Run(mut command) => runner.run(&mut command)?,
        Action::RunWithServices(mut command) => {
            services::install_missing(runner)?;
            let postgres = services::Postgres::start(runner)?;
            command.env("LEADLINE_TEST_POSTGRES", &postgres.url);
            command.env("LEADLINE_TEST_NATS_SERVER", services::nats_server()?);
            runner.run(&mut command)?
        }
        Action::Tidy => tidy::report(root())?,
        Action::Vectors(files) => vectors::report(&files)?,
        Action::Skip(reason) => {
            println!("skipped: {reason}");
            return Ok(Outcome::Skipped);
        }
    };
    Ok(if passed { Outcome::Passed } else { Outcome::Failed })
}

fn steps(workspace: &Workspace) -> Vec<Step> {
    let binary = release_binary(workspace);
    let mut tests = if has_nextest() {
        cargo(&["nextest", "run", "--workspace", "--locked", "--profile", "ci"])
    } else {
        let targets = ["--lib", "--bins", "--examples", "--tests"];
        let mut tests = cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
        tests.args(targets);
        tests
    };
    tests.env("LEADLINE_BIN", &binary);
    // Those of several processes are on Postgres whatever is chosen, and ran in the step before.
    let mut on_postgres = if has_nextest() {
        // Of the whole workspace, so that nothing is built again with fewer features.
        let mut tests = cargo(&["nextest", "run", "--workspace", "--locked", "--profile", "ci"]);
        tests.args(["--filterset", "package(leadline-tests) and not test(/^scaled/)"]);
        tests
    } else {
        let mut tests = cargo(&["test", "--package", "leadline-tests", "--locked"]);
        tests.args(["--no-fail-fast", "--", "--skip", "scaled"]);
        tests
    };
    on_postgres.env("LEADLINE_BIN", &binary).env("LEADLINE_TEST_DATABASE", "postgres");
    let mut documents = cargo(&["doc", "--workspace", "--locked", "--no-deps"]);
    documents.env("RUSTDOCFLAGS", "-D warnings");
    let lints =
        cargo(&["clippy", "--workspace", "--locked", "--all-targets", "--", "-D", "warnings"]);
    let run = |name, command| Step { name, action: Action::Run(command) };
    vec![
        run("fmt", cargo(&["fmt", "--all", "--check"])),
        Step { name: "tidy", action: Action::Tidy },
        run("clippy", lints),
        run("build", build_release()),
        Step { name: "tests", action: Action::RunWithServices(tests) },
        Step { name: "tests-on-postgres", action: Action::RunWithServices(on_postgres) },
        run("doc-tests", cargo(&["test", "--workspace", "--locked", "--doc", "--quiet"])),
        run("doc", documents),
        Step { name: "deny", action: deny() },
        Step { name: "vectors", action: acceptance_cases(&root().join("../shared/vectors")) },
    ]
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root());
    command
}

/// The binary that end-to-end tests drive: optimised, as they import a lot and restart it often.
fn build_release() -> Command {
    cargo(&["build", "--release", "--locked", "--package", "leadline"])
}

fn release_binary(workspace: &Workspace) -> PathBuf {
    workspace.target.join("release").join("leadline")
}

fn has_nextest() -> bool {
    answers(&["nextest", "--version"])
}

/// Whether cargo has this subcommand.
fn answers(arguments: &[&str]) -> bool {
    cargo(arguments).output().is_ok_and(|output| output.status.success())
}

/// Licences, bans and sources; advisories need a network and are left to `cargo deny check`.
fn deny() -> Action {
    if answers(&["deny", "--version"]) {
        Action::Run(cargo(&["deny", "--offline", "check", "licenses", "bans", "sources"]))
    } else {
        Action::Skip("cargo-deny is not installed (`cargo install cargo-deny`)".to_owned())
    }
}

/// The files of acceptance cases beside the repository, where there are any.
fn acceptance_cases(folder: &Path) -> Action {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    if files.is_empty() {
        return Action::Skip("no acceptance cases in ../shared/vectors".to_owned());
    }
    Action::Vectors(files)
}

fn print_summary(summary: &[(&str, Outcome, Duration)]) {
    println!("\n=== summary");
    for (name, outcome, time) in summary {
        let (word, advice) = match outcome {
            Outcome::Passed => ("passed", String::new()),
            Outcome::Failed => ("FAILED", format!("   repeat: cargo xtask test {name}")),
            Outcome::Skipped => ("skipped", String::new()),
        };
        println!(
            "{name:<10} {word:<8} {:>6}.{} s{advice}",
            time.as_secs(),
            time.subsec_millis() / 100
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acceptance_cases_are_the_json_files_of_a_folder_that_may_be_missing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(acceptance_cases(&folder.path().join("none")), Action::Skip(_)));
        assert!(matches!(acceptance_cases(folder.path()), Action::Skip(_)));
        for name in ["b.json", "a.json", "README.md"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let Action::Vectors(files) = acceptance_cases(folder.path()) else { panic!("skipped") };
        let names: Vec<_> = files.iter().filter_map(|file| file.file_name()).collect();
        assert_eq!(names, ["a.json", "b.json"]);
    }

    #[test]
    fn steps_are_chosen_by_name_in_their_order() {
        let steps =
            || ["fmt", "tidy", "doc"].map(|name| Step { name, action: Action::Tidy }).into();
        let names = |only: &[&str]| -> Result<Vec<&str>, String> {
            let only: Vec<String> = only.iter().map(ToString::to_string).collect();
            let chosen = select(steps(), &only).map_err(|error| error.to_string())?;
            Ok(chosen.iter().map(|step| step.name).collect())
        };
        assert_eq!(names(&[]), Ok(vec!["fmt", "tidy", "doc"]));
        assert_eq!(names(&["doc", "fmt"]), Ok(vec!["fmt", "doc"]));
        let error = "could not run the step `all`: there is no such step; there are fmt, tidy, doc";
        assert_eq!(names(&["doc", "all"]), Err(error.to_owned()));
    }
}
