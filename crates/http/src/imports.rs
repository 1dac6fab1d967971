//! Imports of history: the file is taken whole, then run; whoever sent it asks how far it has come.

use crate::api::Api;
use crate::commands::document;
use crate::operation::Answer;
use crate::problem::Problem;
use crate::request::{BODY_TIME_MAX, Call, check_content_type};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use flate2::read::MultiGzDecoder;
use http_body_util::BodyExt as _;
use leadline_capture::feed::LineOptions;
use leadline_capture::import::{self, Options, Progress, Report, Source};
use leadline_domain::id::ImportId;
use leadline_engine::{Error, Role};
use leadline_events::Record;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::TempPath;
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;

/// Largest file, in bytes, as it is sent and once it is unpacked.
pub(crate) const IMPORT_BYTES_MAX: u64 = 1024 * 1024 * 1024;
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
        let file = take_file(&mut call, gzip).await?;
        let source = Source::File(file.to_path_buf());
        let bytes = source.bytes().map_err(|error| Error::failed("import", error))?;
        let import = import::identity(&source).await;
        let import = import.map_err(|error| Error::failed("import", error))?.0;
        // A dry run is no run of the file: its report must not hide that of a real one.
        let import = if options.dry_run { Uuid::new_v5(&import, b"dry run") } else { import };
        if !call.api.imports.begin(import, bytes) {
            return Err(Problem::busy("another import is running; send the file again after it"));
        }
        let api = call.api.clone();
        // Goes on where the caller goes away; `file` is removed when it ends.
        let run = tokio::spawn(run(api, import, source, options, file));
        drop(run);
        let json = json!({"id": import.to_string(), "state": "running"});
        let mut response = document(json.to_string().into_bytes());
        *response.status_mut() = StatusCode::ACCEPTED;
        if let Ok(place) = HeaderValue::try_from(format!("/v1/imports/{import}")) {
            response.headers_mut().insert(header::LOCATION, place);
        }
        Ok(response)
    })
}

async fn run(api: Api, import: Uuid, source: Source, options: Options, file: TempPath) {
    let note = |progress| api.imports.set(import, State::Running(progress));
    let state = match import::run(&api.engine, source, options, note).await {
        Ok(report) => State::Finished(Box::new(report)),
        Err(error) => {
            tracing::error!(%error, "An import could not run to its end");
            State::Failed(format!("{error}; send the same file again to resume"))
        }
    };
    api.imports.set(import, state);
    drop(file);
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

fn too_large() -> Problem {
    let detail = format!("an import has at most {IMPORT_BYTES_MAX} bytes, unpacked");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
}

fn spool_failed(error: io::Error) -> Problem {
    Error::failed("import's file", error).into()
}

/// Writes the body to a file of its own, readable by nobody else.
async fn take_file(call: &mut Call, gzip: bool) -> Result<TempPath, Problem> {
    let suffix = if gzip { ".gz" } else { ".ndjson" };
    let file = tempfile::Builder::new()
        .prefix("leadline-import-")
        .suffix(suffix)
        .tempfile_in(&call.api.spool)
        .map_err(spool_failed)?;
    let (file, path) = file.into_parts();
    let mut file = tokio::fs::File::from_std(file);
    let mut body = call.body_stream();
    let mut bytes = 0_u64;
    loop {
        let frame = match tokio::time::timeout(BODY_TIME_MAX, body.frame()).await {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) | Err(_) => {
                let detail = "the body did not arrive whole";
                return Err(Problem::malformed("body_incomplete", detail));
            }
        };
        let Ok(data) = frame.into_data() else { continue };
        bytes = bytes.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
        if bytes > IMPORT_BYTES_MAX {
            return Err(too_large());
        }
        file.write_all(&data).await.map_err(spool_failed)?;
    }
    file.flush().await.map_err(spool_failed)?;
    if gzip {
        check_unpacked(path.to_path_buf()).await?;
    }
    Ok(path)
}

/// Unpacks once, to see that it can be done and how large it is.
async fn check_unpacked(path: PathBuf) -> Result<(), Problem> {
    let unpacked = tokio::task::spawn_blocking(move || {
        let file = std::fs::File::open(path)?;
        let mut lines = MultiGzDecoder::new(io::BufReader::new(file)).take(IMPORT_BYTES_MAX + 1);
        io::copy(&mut lines, &mut io::sink())
    });
    match unpacked.await {
        Ok(Ok(bytes)) if bytes <= IMPORT_BYTES_MAX => Ok(()),
        Ok(Ok(_)) => Err(too_large()),
        Ok(Err(_)) => Err(Problem::malformed("gzip_invalid", "the file is not sound gzip")),
        Err(error) => Err(Error::failed("import", error).into()),
    }
}
