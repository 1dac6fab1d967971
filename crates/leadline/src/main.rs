//! `leadline`: the life of a lead as an append-only log, in one binary.
#![expect(clippy::print_stderr, reason = "a command line tells its errors on stderr")]

mod captures;
mod cli;
mod client;
mod commands;
mod database;
mod delivery;
mod demo;
mod failure;
mod node;
mod output;
mod recorder;
mod scratch;
mod serving;
mod settings;
mod stores;

use clap::Parser as _;
use cli::{Cli, LogFormat};
use failure::{Failure, USAGE};
use settings::Settings;
use std::io::IsTerminal as _;
use std::process::ExitCode;

/// Events are made on one thread and let go on another, over and over: the system's allocator takes a lock for each.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let settings = match Settings::load(&cli.global) {
        Ok(settings) => settings,
        Err(error) => {
            return fail(&Failure { code: USAGE, ..Failure::told(&error) });
        }
    };
    // `doctor` says itself what it finds of NATS.
    let nats = if matches!(cli.command, cli::Command::Doctor) { "off" } else { "warn" };
    log_to_stderr(settings.log_format, nats);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Failure::of("start", &"the runtime", error)),
    };
    match runtime.block_on(commands::run(cli.command, settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure),
    }
}

fn fail(failure: &Failure) -> ExitCode {
    eprintln!("error: {}", failure.message);
    ExitCode::from(failure.code)
}

/// Log lines go to stderr, so that stdout is the command's answer alone. `RUST_LOG` chooses what is logged. Without it,
/// the client of NATS is heard from the level `nats` on: it tells each attempt to connect, twice a second.
fn log_to_stderr(format: LogFormat, nats: &str) {
    use tracing_subscriber::filter::EnvFilter;
    let is_chosen = std::env::var_os(EnvFilter::DEFAULT_ENV).is_some_and(|it| !it.is_empty());
    let filter = if is_chosen {
        EnvFilter::builder().from_env_lossy()
    } else {
        EnvFilter::new(format!("info,async_nats={nats}"))
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
}
