//! Developer commands: `cargo xtask help`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks to its user")]

mod check;
mod metadata;
mod run;
mod services;
mod tidy;
mod vectors;

use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Developer commands of leadline.
#[derive(Parser)]
#[command(name = "cargo xtask", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

/// What to do.
#[derive(Subcommand)]
enum Task {
    /// Run every check of the project, the cheap ones first; stop everything that was started.
    Test {
        /// Only the steps of these names, as the summary prints them.
        steps: Vec<String>,
    },
    /// Check what no compiler checks: arrows between crates, tables that must match the code, words, sizes.
    Tidy,
    /// Start a throw-away Postgres and nats-server for tests, print where they are, stop them at Ctrl-C.
    Services,
    /// Build the release binary and run its load generator.
    Bench {
        /// Passed on to `leadline bench`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run files of acceptance cases against the rules; the last line reads `N passed, M failed`.
    Vectors {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

fn main() -> ExitCode {
    let task = Cli::parse().command;
    let done = match task {
        Task::Test { steps } => check::test(&steps),
        Task::Tidy => tidy::report(root()),
        Task::Services => services::serve(),
        Task::Bench { arguments } => check::bench(&arguments),
        Task::Vectors { files } => vectors::report(&files),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(if matches!(error, run::Error::Stopped) { 130 } else { 1 })
        }
    }
}

/// The folder of the workspace.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}
