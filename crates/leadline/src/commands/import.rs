//! `import`: history from a command feed, here or through a server.

use super::{Held, held, open_telling};
use crate::cli::ImportArgs;
use crate::client::Caller;
use crate::database::Database;
use crate::failure::Failure;
use crate::node::{Node, Opening};
use crate::output::say;
use crate::scratch::Scratch;
use crate::settings::Settings;
use axum::body::Body;
use axum::http::{Method, Uri};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use leadline_capture::feed::LineOptions;
use leadline_capture::import::{Options, RefusedLine, Report, Source, run as run_import};
use leadline_domain::money::Currency;
use leadline_engine::Engine;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::io::ReaderStream;

/// `import`.
pub(crate) async fn run(arguments: ImportArgs, settings: &Settings) -> Result<(), Failure> {
    if arguments.file.is_dir() {
        let shown = arguments.file.display();
        return Err(Failure::plain(format!("`{shown}` is a folder; an import takes one file")));
    }
    if let Some(server) = &arguments.server {
        let server = server_address(server).ok_or_else(|| {
            Failure::usage(format!("--server takes http://HOST:PORT, not `{server}`"))
        })?;
        let Some(key) = arguments.key.clone() else {
            return Err(Failure::usage("--server needs a key: --key or LEADLINE_KEY".to_owned()));
        };
        return through(&Caller::remote(&server, key), &arguments).await;
    }
    let source = Source::File(arguments.file.clone());
    let bytes =
        source.bytes().map_err(|error| Failure::of("import", &arguments.file.display(), error))?;
    // Held to the end of the run.
    let (scratch, right) = if arguments.dry_run && settings.database.is_missing() {
        say!(
            "There is no database `{}` yet: the file is checked against a new one, which is not kept.",
            settings.database
        );
        let scratch = Scratch::make(&std::env::temp_dir(), "dry-run")?;
        let right = Database::Sqlite(scratch.path().join("dry-run.db")).hold_alone()?;
        (Some(scratch), right)
    } else {
        match held(settings)? {
            Held::ByServer(server) => {
                return through(&Caller::remote(&server.address, server.bearer), &arguments).await;
            }
            Held::Here(right) => (None, right),
        }
    };
    let node = match &scratch {
        Some(_) => Node::open(right, Opening::plain(true)).await?,
        // It lasts, and brings no view forward: others may.
        None => open_telling(right, Opening { views: Vec::new(), ..Opening::plain(true) }).await?,
    };
    let options = Options { lines: lines(&arguments), dry_run: arguments.dry_run };
    let outcome = import(&node.engine, source, bytes, options).await;
    node.engine.close().await;
    let (report, elapsed) =
        outcome.map_err(|error| Failure::of("import", &arguments.file.display(), error))?;
    print_report(&report, elapsed, arguments.dry_run, peak_memory());
    Ok(())
}

const fn lines(arguments: &ImportArgs) -> LineOptions {
    LineOptions {
        currency: Currency::EUR,
        enforce_policies: arguments.enforce_policies,
        strict: arguments.strict,
    }
}

/// The address of a server, of which nothing but scheme, host and port may be given.
fn server_address(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let authority = uri.authority()?.as_str();
    let whole = uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/");
    // What else is asked for would quietly be left out.
    let nothing_else = uri.query().is_none() && !text.contains(['@', '#']);
    (whole && nothing_else).then(|| format!("http://{authority}"))
}

/// Runs an import with a progress bar; how long it took.
pub(crate) async fn import(
    engine: &Arc<Engine>,
    source: Source,
    bytes: u64,
    options: Options,
) -> Result<(Report, Duration), leadline_capture::import::Error> {
    let bar = ProgressBar::new(bytes).with_style(style());
    let report = run_import(engine, source, options, |progress| {
        bar.set_position(progress.bytes.min(bytes));
        let rate = rate(progress.lines, bar.elapsed());
        bar.set_message(format!(
            "{} lines, {} refused, {rate} lines/s",
            progress.lines, progress.refused
        ));
    })
    .await;
    let elapsed = bar.elapsed();
    bar.finish_and_clear();
    Ok((report?, elapsed))
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}  (ETA {eta})")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Whole lines a second.
fn rate(lines: u64, elapsed: Duration) -> u64 {
    let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    lines.saturating_mul(1_000) / milliseconds
}

/// The most memory that this process has held, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1_024)
}

fn print_report(report: &Report, elapsed: Duration, dry_run: bool, memory: Option<u64>) {
    if report.repeated {
        say!("This file was imported before: nothing changed.");
    }
    for refused in &report.refused_lines {
        say!("line {}: refused ({}): {}", refused.line, refused.code, refused.detail);
    }
    let listed = u64::try_from(report.refused_lines.len()).unwrap_or(u64::MAX);
    if report.refused > listed {
        say!("… and {} more refused lines", report.refused - listed);
    }
    for (catalogue, names) in &report.registered {
        say!("registered {} of catalogue `{catalogue}`: {}", names.len(), few(names));
    }
    for (command, count) in &report.accepted {
        let unchanged = report.unchanged.get(command).copied().unwrap_or(0);
        let note =
            if unchanged > 0 { format!(" ({unchanged} without change)") } else { String::new() };
        say!("{command:22} {count:>9}{note}");
    }
    if report.lines == 0 {
        eprintln!("warning: the file has no lines");
    }
    say!("{}", summary(report, elapsed, dry_run, memory));
    if dry_run {
        say!("Nothing was changed. Rules are not checked: the import itself may refuse more.");
    }
    say!("import {}", report.import);
}

/// The line that says what an import came to.
fn summary(report: &Report, elapsed: Duration, dry_run: bool, memory: Option<u64>) -> String {
    let taken: u64 = report.accepted.values().sum();
    let verb = if dry_run { "well formed" } else { "imported" };
    let memory =
        memory.map_or_else(String::new, |bytes| format!(", peak memory {}", HumanBytes(bytes)));
    format!(
        "{taken} of {} lines {verb}, {} refused, {} known before, in {:.2} s: {} lines/s{memory}",
        taken.saturating_add(report.refused),
        report.refused,
        report.known,
        elapsed.as_secs_f64(),
        rate(report.lines, elapsed),
    )
}

/// The first few names of a list.
fn few(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = names.get(..names.len().min(SHOWN)).unwrap_or_default().join(", ");
    if names.len() > SHOWN { format!("{shown}, …") } else { shown }
}

/// A server's report. What it does not tell is left empty.
fn report_of(state: &Value) -> Report {
    fn read<T: serde::de::DeserializeOwned + Default>(state: &Value, name: &str) -> T {
        state
            .get(name)
            .cloned()
            .and_then(|value| serde_json::from_value(value).ok())
            .unwrap_or_default()
    }
    let refused: Vec<(u64, String, String)> = state
        .get("refused_lines")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|line| (read(line, "line"), read(line, "code"), read(line, "detail")))
        .collect();
    Report {
        import: read(state, "id"),
        lines: read(state, "lines"),
        known: read(state, "known"),
        accepted: read(state, "accepted"),
        unchanged: read(state, "unchanged"),
        refused: read(state, "refused"),
        refused_lines: refused
            .into_iter()
            .map(|(line, code, detail)| RefusedLine { line, code, detail })
            .collect(),
        registered: read(state, "registered"),
        last_at: None,
        repeated: read(state, "repeated"),
    }
}

/// Hands the file to a server, and waits until it has run it.
async fn through(caller: &Caller, arguments: &ImportArgs) -> Result<(), Failure> {
    let shown = arguments.file.display().to_string();
    let file = tokio::fs::File::open(&arguments.file)
        .await
        .map_err(|error| Failure::of("read", &shown, error))?;
    let body = Body::from_stream(ReaderStream::new(file));
    let gzip = Path::new(&arguments.file)
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    let encoding: &[(&str, &str)] = if gzip {
        &[("content-type", "application/x-ndjson"), ("content-encoding", "gzip")]
    } else {
        &[("content-type", "application/x-ndjson")]
    };
    let path = format!(
        "/v1/imports?dry_run={}&strict={}&enforce_policies={}",
        arguments.dry_run, arguments.strict, arguments.enforce_policies
    );
    let begun = caller.call(Method::POST, &path, body, encoding).await?;
    let id = begun.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let bar = super::spinner("importing through the server");
    loop {
        let state = caller.get(&format!("/v1/imports/{id}")).await?;
        let number = |name: &str| state.get(name).and_then(Value::as_u64).unwrap_or(0);
        bar.set_message(format!(
            "importing through the server: {} lines, {} refused",
            number("lines"),
            number("refused")
        ));
        match state.get("state").and_then(Value::as_str) {
            Some("running") => tokio::time::sleep(Duration::from_millis(200)).await,
            Some("failed") => {
                bar.finish_and_clear();
                let why = state.get("error").map(crate::output::cell).unwrap_or_default();
                return Err(Failure::plain(format!(
                    "could not import `{shown}` through the server: {why}; run it again to resume"
                )));
            }
            _ => {
                bar.finish_and_clear();
                print_report(&report_of(&state), bar.elapsed(), arguments.dry_run, None);
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_scheme_host_and_port_alone() {
        let whole = Some("http://127.0.0.1:8080".to_owned());
        assert_eq!(server_address("http://127.0.0.1:8080"), whole);
        assert_eq!(server_address("http://127.0.0.1:8080/"), whole);
        assert_eq!(server_address("http://[::1]:80").as_deref(), Some("http://[::1]:80"));
        for text in [
            "",
            "127.0.0.1:8080",
            "https://127.0.0.1:8080",
            "http://127.0.0.1:8080/v1",
            "http://127.0.0.1:8080?x",
            "http://me:secret@127.0.0.1:8080",
            "http://127.0.0.1:8080#x",
            "http:// nonsense",
        ] {
            assert_eq!(server_address(text), None, "{text}");
        }
    }

    #[test]
    fn the_summary_says_how_many_lines_of_how_many_were_taken() {
        let report = Report {
            lines: 7,
            refused: 1,
            accepted: [("CaptureLead".to_owned(), 4), ("MarkMQL".to_owned(), 2)].into(),
            ..Report::default()
        };
        let told = |dry_run| summary(&report, Duration::from_secs(2), dry_run, Some(1 << 20));
        assert_eq!(
            told(false),
            "6 of 7 lines imported, 1 refused, 0 known before, in 2.00 s: 3 lines/s, peak memory 1.00 MiB"
        );
        assert!(told(true).starts_with("6 of 7 lines well formed, 1 refused"), "{}", told(true));
    }
}
