//! Imports of history: the file is taken whole, then run; whoever sent it asks how far it has come.

mod upload;

use crate::api::Api;
use crate::commands::document;
use crate::operation::Answer;
use crate::problem::Problem;
use crate::request::{Call, check_content_type};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use leadline_capture::feed::LineOptions;
use leadline_capture::import::{self, Options, Progress, Report, Source};
use leadline_domain::id::ImportId;
use leadline_engine::{Error, Role};
use leadline_events::Record;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use upload::take_file;
use uuid::Uuid;

/// Most runs that are remembered; older ones are read back from the log.
const RUNS_KEPT: usize = 100;
/// Media types of a file.
pub(crate) const FILES: &[&str] =
    &["application/x-ndjson", "application/jsonl", "application/gzip", "application/octet-stream"];

/// How a run is doing.
#[derive(Clone, Debug)]
enum State {
    Running(Progress),
    Finished(Box<Report>),
    Failed(String),
}

/// The runs of this process, the latest last.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    known: Mutex<VecDeque<(Uuid, u64, State)>>,
}

impl Runs {
    fn lock(&self) -> MutexGuard<'_, VecDeque<(Uuid, u64, State)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the beginning of a run; `false` where one is running: imports go one after another.
    fn begin(&self, import: Uuid, bytes: u64) -> bool {
        let mut known = self.lock();
        if known.iter().any(|(_, _, state)| matches!(state, State::Running(_))) {
            return false;
        }
        known.retain(|(id, _, _)| *id != import);
        if known.len() >= RUNS_KEPT {
            known.pop_front();
        }
        known.push_back((import, bytes, State::Running(Progress::default())));
        true
    }

    fn set(&self, import: Uuid, state: State) {
        if let Some(run) = self.lock().iter_mut().find(|(id, _, _)| *id == import) {
            run.2 = state;
        }
    }

    /// Notes that a run that had not come to its end never will.
    fn give_up(&self, import: Uuid) {
        let mut known = self.lock();
        let left = known.iter_mut().find(|(id, _, _)| *id == import);
        if let Some((_, _, state @ State::Running(_))) = left {
            let why = "the import broke off; send the same file again to resume";
            *state = State::Failed(why.to_owned());
        }
    }

    fn get(&self, import: Uuid) -> Option<Value> {
        let known = self.lock();
        let (_, bytes, state) = known.iter().find(|(id, _, _)| *id == import)?;
        let id = import.to_string();
        Some(match state {
            State::Running(progress) => json!({
                "id": id, "state": "running", "bytes": progress.bytes, "bytes_total": bytes,
                "lines": progress.lines, "refused": progress.refused,
            }),
            State::Finished(report) => finished(report),
            State::Failed(why) => json!({"id": id, "state": "failed", "error": why}),
        })
    }
}

/// A report as JSON.
fn finished(report: &Report) -> Value {
    let refused: Vec<Value> = report
        .refused_lines
        .iter()
        .map(|line| json!({"line": line.line, "code": line.code, "detail": line.detail}))
        .collect();
    json!({
        "id": report.import,
        "state": "finished",
        "lines": report.lines,
        "known": report.known,
        "accepted": report.accepted,
        "unchanged": report.unchanged,
        "refused": report.refused,
        "refused_lines": refused,
        "registered": report.registered,
        "last_at": report.last_at.map(|at| at.to_string()),
        "repeated": report.repeated,
    })
}

/// Takes a file and runs it.
pub(crate) fn start(mut call: Call) -> Answer {
    Box::pin(async move {
        may_import(&call)?;
        check_content_type(&call.headers, FILES)?;
        let (options, named_gzip) = wanted(&call)?;
        let gzip = named_gzip || is_gzip(&call.headers)?;
        let source = take_file(&mut call, gzip).await?;
        let bytes = source.bytes().map_err(|error| Error::failed("import", error))?;
        let import = import::identity(&source).await;
        let import = import.map_err(|error| Error::failed("import", error))?.0;
        // A dry run is no run of the file: its report must not hide that of a real one.
        let import = if options.dry_run { Uuid::new_v5(&import, b"dry run") } else { import };
        if !call.api.imports.begin(import, bytes) {
            return Err(Problem::busy("another import is running; send the file again after it"));
        }
        let api = call.api.clone();
        // Goes on where the caller goes away.
        drop(tokio::spawn(run(api, import, source, options)));
        let json = json!({"id": import.to_string(), "state": "running"});
        let mut response = document(json.to_string().into_bytes());
        *response.status_mut() = StatusCode::ACCEPTED;
        if let Ok(place) = HeaderValue::try_from(format!("/v1/imports/{import}")) {
            response.headers_mut().insert(header::LOCATION, place);
        }
        Ok(response)
    })
}

async fn run(api: Api, import: Uuid, source: Source, options: Options) {
    let running = Running { runs: &api.imports, import };
    let note = |progress| running.set(State::Running(progress));
    let state = match import::run(&api.engine, source, options, note).await {
        Ok(report) => State::Finished(Box::new(report)),
        Err(error) => {
            tracing::error!(%error, "An import could not run to its end");
            State::Failed(format!("{error}; send the same file again to resume"))
        }
    };
    running.set(state);
}

/// A run that is on. However it ends, it runs no more afterwards: the next import must not wait for it.
struct Running<'a> {
    runs: &'a Runs,
    import: Uuid,
}

impl Running<'_> {
    fn set(&self, state: State) {
        self.runs.set(self.import, state);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.runs.give_up(self.import);
    }
}

/// How an import is doing, or what it came to.
pub(crate) fn show(call: Call) -> Answer {
    Box::pin(async move {
        may_import(&call)?;
        let missing = || Error::NotFound { what: "the import".to_owned() };
        let import = Uuid::try_parse(call.path("import")?).map_err(|_| missing())?;
        let json = match call.api.imports.get(import) {
            Some(json) => json,
            None => read_back(&call.api, import).await?.ok_or_else(missing)?,
        };
        Ok(document(json.to_string().into_bytes()))
    })
}

/// What the log tells of an import that this process did not run.
async fn read_back(api: &Api, import: Uuid) -> Result<Option<Value>, Problem> {
    let records = api.engine.import_records(ImportId(import)).await?;
    if records.is_empty() {
        return Ok(None);
    }
    let mut json = json!({"id": import.to_string(), "state": "interrupted"});
    for (_, record) in records {
        if let Record::ImportFinished(end) = record {
            json = json!({
                "id": import.to_string(),
                "state": "finished",
                "lines": end.lines,
                "accepted": end.counts,
                "refused": end.refused,
            });
        }
    }
    Ok(Some(json))
}

fn may_import(call: &Call) -> Result<(), Problem> {
    if call.caller.role == Role::Admin {
        return Ok(());
    }
    let what = "import history".to_owned();
    Err(Error::Forbidden { role: call.caller.role.name(), what }.into())
}

/// What the query asks for, and whether it names a gzip file.
fn wanted(call: &Call) -> Result<(Options, bool), Problem> {
    let mut query = call.query()?;
    let gzip = query.remove("name").is_some_and(|name| name.to_ascii_lowercase().ends_with(".gz"));
    let lines = LineOptions {
        currency: call.api.currency,
        enforce_policies: flag(&mut query, "enforce_policies")?,
        strict: flag(&mut query, "strict")?,
    };
    let dry_run = flag(&mut query, "dry_run")?;
    if !query.is_empty() {
        let detail = "an import takes `name`, `strict`, `enforce_policies` and `dry_run`";
        return Err(Problem::malformed("query_invalid", detail));
    }
    Ok((Options { lines, dry_run }, gzip))
}

fn flag(query: &mut BTreeMap<String, String>, name: &str) -> Result<bool, Problem> {
    match query.remove(name).as_deref() {
        None | Some("false") => Ok(false),
        Some("true" | "") => Ok(true),
        Some(_) => {
            Err(Problem::malformed("query_invalid", format!("`{name}` takes true or false")))
        }
    }
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/gzip");
    match headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(kind),
        Some(b"gzip" | b"x-gzip") => Ok(true),
        Some(_) => {
            let detail = "a file is sent plain or as gzip";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            Err(Problem::new(status, "media_type_unsupported", detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn an_import_that_panics_has_failed_and_the_next_one_may_begin() {
        let runs = Runs::default();
        let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert!(runs.begin(first, 10));
        assert!(!runs.begin(second, 10), "one after another");
        let broken = catch_unwind(AssertUnwindSafe(|| {
            let _running = Running { runs: &runs, import: first };
            panic!("a line that nobody thought of");
        }));
        assert!(broken.is_err());
        assert_eq!(runs.get(first).unwrap()["state"], "failed");
        assert!(runs.begin(second, 10));
    }

    #[test]
    fn an_import_that_came_to_its_end_stays_as_it_ended() {
        let runs = Runs::default();
        let import = Uuid::from_u128(1);
        assert!(runs.begin(import, 10));
        let running = Running { runs: &runs, import };
        running.set(State::Finished(Box::default()));
        drop(running);
        assert_eq!(runs.get(import).unwrap()["state"], "finished");
    }
}
