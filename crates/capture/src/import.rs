//! Importing history: a command feed, run in order, resumable, and the same file twice changes nothing.
//!
//! During an import the present is the latest `at` read so far. Clocks that fall due are settled in that order,
//! before the first line that is later, and at the end those due by the last `at`.

mod line;
mod report;
mod source;

use crate::feed::{IMPORTER, LineOptions};
use leadline_domain::actor::{Actor, ActorKind};
use leadline_domain::decision::Mode;
use leadline_domain::id::{ImportId, LeadId};
use leadline_domain::{CLOCK_SKEW_MAX_MILLIS, Timestamp};
use leadline_engine::migration::Known;
use leadline_engine::submission::Caller;
use leadline_engine::{Engine, Error as EngineError, Reply, Role, Submission, timer};
use leadline_events::Record;
use leadline_events::record::{ImportFinished, ImportStarted};
use leadline_log::Position;
use line::Line;
pub use report::{Options, Progress, REFUSED_LISTED_MAX, RefusedLine, Report};
pub use source::{Error as SourceError, Source};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use thiserror::Error;

/// Most lines that are decided together.
pub const CHUNK_LINES_MAX: usize = 512;

/// Why an import could not run to its end. What it has done so far stays, and the same command resumes it.
#[derive(Debug, Error)]
pub enum Error {
    /// The file could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The engine failed.
    #[error("the import stopped at line {line}")]
    Engine {
        /// The first line that is not known to be handled.
        line: u64,
        /// Why.
        #[source]
        source: EngineError,
    },
}

/// An import on its way.
struct Run<'a> {
    engine: &'a Engine,
    import: ImportId,
    options: Options,
    report: Report,
    now: Timestamp,
    due: BinaryHeap<Reverse<(Timestamp, LeadId)>>,
    /// Where the log notes the beginning of this import; `None` before it has.
    started: Option<Position>,
    /// The present after the last chunk.
    handled: Timestamp,
    /// The shortest time in which a clock can fall due, in milliseconds.
    shortest: i64,
}

/// Runs an import to its end. `progress` is called after every chunk.
///
/// # Errors
/// The file could not be read or the engine failed; run it again to resume.
pub async fn run(
    engine: &Arc<Engine>,
    source: Source,
    options: Options,
    mut progress: impl FnMut(Progress),
) -> Result<Report, Error> {
    let hash = source.hash().await?;
    let import = identity_of(&hash);
    let mut run = Run {
        engine,
        import,
        options,
        report: Report { import: import.to_string(), ..Report::default() },
        now: Timestamp::BEGINNING,
        due: BinaryHeap::new(),
        started: None,
        handled: Timestamp::BEGINNING,
        shortest: i64::MAX,
    };
    if !options.dry_run {
        if run.was_finished().await? {
            return Ok(run.report);
        }
        run.start(&hash).await?;
    }
    let latest = engine.now().plus_millis(CLOCK_SKEW_MAX_MILLIS);
    let mut batches = source.lines(options.lines);
    let mut chunk = Vec::with_capacity(CHUNK_LINES_MAX);
    while let Some(batch) = batches.recv().await {
        let batch = batch?;
        for mut line in batch.lines {
            line.refuse_after(latest);
            if run.ends_chunk(&chunk, &line) {
                run.handle(&mut chunk).await?;
            }
            if let Ok(parsed) = &line.parsed {
                run.settle_before(parsed.at).await?;
            }
            chunk.push(line);
        }
        progress(Progress {
            lines: run.report.lines,
            refused: run.report.refused,
            bytes: batch.bytes,
        });
    }
    run.handle(&mut chunk).await?;
    run.finish().await?;
    Ok(run.report)
}

/// The identity of the run that imports `source`: the same for the same content, compressed or not.
///
/// # Errors
/// The file could not be read.
pub async fn identity(source: &Source) -> Result<ImportId, SourceError> {
    Ok(identity_of(&source.hash().await?))
}

fn identity_of(hash: &str) -> ImportId {
    ImportId(uuid::Uuid::new_v5(&uuid::Uuid::nil(), hash.as_bytes()))
}

impl Run<'_> {
    fn failed(&self, source: EngineError) -> Error {
        Error::Engine { line: self.report.lines.saturating_add(1), source }
    }

    fn caller() -> Caller {
        let actor =
            Actor { kind: ActorKind::Migration, id: IMPORTER.to_owned(), on_behalf_of: None };
        Caller { actor, role: Role::Admin }
    }

    const fn mode(&self) -> Mode {
        let LineOptions { enforce_policies, strict, .. } = self.options.lines;
        Mode::Migration { enforce_policies, strict }
    }

    /// Whether this very file was imported to its end before; its report is then read back.
    async fn was_finished(&mut self) -> Result<bool, Error> {
        let records =
            self.engine.import_records(self.import).await.map_err(|error| self.failed(error))?;
        let mut listed = Vec::new();
        for (position, record) in records {
            match record {
                Record::LineRefused { line, code, detail } => {
                    listed.push(RefusedLine { line, code, detail });
                }
                Record::ImportFinished(ImportFinished { counts, lines, refused, last_at }) => {
                    self.report.lines = lines;
                    self.report.known = lines;
                    self.report.accepted = counts;
                    self.report.refused = refused;
                    self.report.last_at = last_at.map(Timestamp::from_millis);
                    self.report.repeated = true;
                }
                Record::ImportStarted(_) => self.started = Some(position),
                Record::Refused(_) | Record::NoChange { .. } => {}
            }
        }
        listed.sort_by_key(|refused| refused.line);
        self.report.refused_lines = listed;
        if !self.report.repeated {
            self.report.refused_lines.clear();
        }
        Ok(self.report.repeated)
    }

    async fn start(&mut self, hash: &str) -> Result<(), Error> {
        let LineOptions { enforce_policies, strict, .. } = self.options.lines;
        let started = ImportStarted {
            blake3: hash.to_owned(),
            lines: None,
            format: "ndjson".to_owned(),
            enforce: enforce_policies,
            strict,
        };
        let resumed = self.started.is_some();
        self.note("started", &Record::ImportStarted(started)).await?;
        self.was_finished().await?;
        let since = self.started.unwrap_or_default();
        self.shortest =
            self.engine.shortest_clock_millis().await.map_err(|error| self.failed(error))?;
        if resumed {
            // The run before was cut short: the clocks that it started still run.
            let clocks =
                self.engine.clocks_after(since).await.map_err(|error| self.failed(error))?;
            self.due.extend(clocks.breaches().map(Reverse));
        }
        Ok(())
    }

    async fn note(&self, name: &str, record: &Record) -> Result<(), Error> {
        self.engine
            .note_import(&Self::caller(), self.import, name, record)
            .await
            .map_err(|error| self.failed(error))
    }

    /// Whether the chunk must be decided before `next` can join it: it is full, or a clock that it started may fall
    /// due before `next`.
    fn ends_chunk(&self, chunk: &[Line], next: &Line) -> bool {
        if chunk.len() >= CHUNK_LINES_MAX {
            return true;
        }
        let Ok(next) = &next.parsed else { return false };
        let due = self.due.peek().is_some_and(|Reverse((due, _))| *due < next.at);
        due || (!chunk.is_empty() && next.at.millis_since(self.chunk_start(chunk)) >= self.shortest)
    }

    /// Settles every clock that falls due before `at`, in the order of their deadlines.
    async fn settle_before(&mut self, at: Timestamp) -> Result<(), Error> {
        self.now = self.now.max(at);
        if self.options.dry_run {
            return Ok(());
        }
        while self.due.peek().is_some_and(|Reverse((due, _))| *due < self.now) {
            let mut settles = Vec::new();
            while let Some(Reverse((due, lead))) = self.due.peek().copied() {
                if due >= self.now || settles.len() >= CHUNK_LINES_MAX {
                    break;
                }
                self.due.pop();
                settles.push(self.settle(lead)?);
            }
            for result in self.engine.execute_in_order(settles).await {
                let reply = result.map_err(|error| self.failed(error))?;
                self.remember_due(&reply);
            }
        }
        Ok(())
    }

    fn settle(&self, lead: LeadId) -> Result<Submission, Error> {
        timer::settle(lead, Some(self.now), self.mode())
            .map_err(|error| self.failed(EngineError::failed("codec", error)))
    }

    fn remember_due(&mut self, reply: &Reply) {
        if let (Some(due), leadline_domain::StreamId::Lead(lead)) = (reply.next_due, reply.target) {
            self.due.push(Reverse((due, lead)));
        }
    }

    /// Decides a chunk, in order, and notes what became of each line.
    async fn handle(&mut self, chunk: &mut Vec<Line>) -> Result<(), Error> {
        if self.options.dry_run {
            for line in chunk.drain(..) {
                self.report.lines = line.number;
                match line.parsed {
                    Ok(parsed) => self.report.accept(parsed.submission.body.name(), true),
                    Err(error) => self.report.refuse(line.number, error.code, error.detail),
                }
            }
            return Ok(());
        }
        let mut known = self.known(chunk).await?.into_iter();
        let mut waiting = Vec::with_capacity(chunk.len());
        let mut submissions = Vec::with_capacity(chunk.len());
        let mut now = self.chunk_start(chunk);
        for line in chunk.drain(..) {
            self.report.lines = line.number;
            match line.parsed {
                Ok(mut parsed) => {
                    now = now.max(parsed.at);
                    parsed.submission.now = Some(now);
                    let name = parsed.submission.body.name();
                    match known.next().unwrap_or(Known::New) {
                        Known::New => {
                            waiting.push((line.number, name));
                            submissions.push(parsed.submission);
                        }
                        seen => self.take_known(line.number, name, seen).await?,
                    }
                }
                Err(error) => {
                    self.refuse_noted(line.number, error.code.to_owned(), error.detail).await?;
                }
            }
        }
        self.handled = self.handled.max(now);
        let results = self.engine.execute_in_order(submissions).await;
        for ((number, name), result) in waiting.into_iter().zip(results) {
            self.take(number, name, result).await?;
        }
        Ok(())
    }

    /// The present before the chunk's first line.
    fn chunk_start(&self, chunk: &[Line]) -> Timestamp {
        let first = chunk.iter().find_map(|line| line.parsed.as_ref().ok());
        first.map_or(self.now, |first| first.at.max(self.handled))
    }

    async fn known(&self, chunk: &[Line]) -> Result<Vec<Known>, Error> {
        let submissions: Vec<&Submission> = chunk
            .iter()
            .filter_map(|line| line.parsed.as_ref().ok().map(|parsed| &parsed.submission))
            .collect();
        self.engine.known(&submissions).await.map_err(|error| self.failed(error))
    }

    /// Counts a line that an earlier run has handled.
    async fn take_known(&mut self, number: u64, name: &str, known: Known) -> Result<(), Error> {
        self.report.known = self.report.known.saturating_add(1);
        match known {
            Known::New => {}
            Known::Accepted { changed } => {
                self.report.accept(name, changed);
            }
            Known::Refused { code, detail } => self.refuse_noted(number, code, detail).await?,
            Known::Mismatch => {
                let mismatch = EngineError::IdempotencyPayloadMismatch;
                self.take(number, name, Err(mismatch)).await?;
            }
        }
        Ok(())
    }

    async fn take(
        &mut self,
        number: u64,
        name: &str,
        result: Result<Reply, EngineError>,
    ) -> Result<(), Error> {
        match result {
            Ok(reply) => {
                self.remember_due(&reply);
                self.report.accept(name, !reply.events.is_empty());
                Ok(())
            }
            Err(EngineError::Refused(refused)) => {
                let (code, detail) = (refused.code.clone(), refused.detail.clone());
                self.refuse_noted(number, code, detail).await
            }
            Err(error @ EngineError::IdempotencyPayloadMismatch) => {
                self.refuse_noted(
                    number,
                    "idempotency_payload_mismatch".to_owned(),
                    error.to_string(),
                )
                .await
            }
            Err(EngineError::Invalid { code, detail }) => {
                self.refuse_noted(number, code.to_owned(), detail).await
            }
            Err(error) => Err(Error::Engine { line: number, source: error }),
        }
    }

    async fn refuse_noted(
        &mut self,
        number: u64,
        code: String,
        detail: String,
    ) -> Result<(), Error> {
        let record =
            Record::LineRefused { line: number, code: code.clone(), detail: detail.clone() };
        self.note(&format!("line {number}"), &record).await?;
        self.report.refuse(number, &code, detail);
        Ok(())
    }

    /// Settles what is due at the last `at`, and notes the end.
    async fn finish(&mut self) -> Result<(), Error> {
        self.report.last_at = (self.now > Timestamp::BEGINNING).then_some(self.now);
        if self.options.dry_run {
            return Ok(());
        }
        if self.now > Timestamp::BEGINNING {
            self.settle_before(self.now).await?;
        }
        self.report.registered = self
            .engine
            .registered_after(self.started.unwrap_or_default())
            .await
            .map_err(|error| self.failed(error))?;
        let finished = ImportFinished {
            counts: self.report.accepted.clone(),
            lines: self.report.lines,
            refused: self.report.refused,
            last_at: self.report.last_at.map(Timestamp::millis),
        };
        self.note("finished", &Record::ImportFinished(finished)).await
    }
}
