//! The engine: what every edge calls.

use crate::error::{Error, Refused};
use crate::job::{Answer, CommandJob};
use crate::model::Rules;
use crate::prepare::Prepared;
use crate::subjects::Subjects;
use crate::submission::{Body, Happened, Reply, Submission};
use leadline_domain::decision::Mode;
use leadline_domain::id::SubjectId;
use leadline_domain::{StreamId, Timestamp};
use leadline_events::{Decoded, Record, decode, stream_of};
use leadline_log::Position;
use leadline_log::backend::LogBackend;
use leadline_log::clock::{Clock, IdGen};
use leadline_log::committer::{Committer, Handle, Options};
use leadline_log::types::{CommandRecord, Direction, Read, Scope};
use leadline_log::vault::{Key, Vault};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Weak};
use tokio::sync::{oneshot, watch};

/// What an engine is made of.
#[derive(Debug)]
pub struct Parts {
    /// The event log.
    pub log: Arc<dyn LogBackend>,
    /// The subjects' keys.
    pub vault: Arc<dyn Vault>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of identities.
    pub ids: Arc<dyn IdGen>,
    /// How commands are grouped into commits.
    pub commits: Options,
    /// What callers without a key may do; nothing where absent.
    pub anonymous: Option<crate::role::Role>,
}

/// Runs commands against the log: authorise, seal, settle, decide, append.
#[derive(Debug)]
pub struct Engine {
    pub(crate) log: Arc<dyn LogBackend>,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdGen>,
    pub(crate) committer: Handle<Rules>,
    pub(crate) subjects: Subjects,
    pub(crate) keys: crate::access::Keys,
    pub(crate) anonymous: Option<crate::role::Role>,
    hash_key: Key,
    /// The latest present of any command decided so far, in milliseconds.
    latest: Arc<AtomicI64>,
    me: Weak<Self>,
    pub(crate) due: tokio::sync::mpsc::Sender<(Timestamp, leadline_domain::id::LeadId)>,
}

/// Most deadlines that wait to be noted by the timer; one that finds no room is found again by the next start.
const DEADLINES_QUEUED_MAX: usize = 65_536;

/// Deadlines of running clocks, for the timer.
pub type Deadlines = tokio::sync::mpsc::Receiver<(Timestamp, leadline_domain::id::LeadId)>;

impl Engine {
    /// Starts an engine on a log. Writes the shipped policies where the log is new, and reads who may call.
    ///
    /// # Errors
    /// The log cannot be read or written.
    pub async fn start(parts: Parts) -> Result<(Arc<Self>, Deadlines), Error> {
        let committer = Committer::start(Arc::clone(&parts.log), Rules, parts.commits)
            .await
            .map_err(|error| Error::failed("event log", error))?;
        let hash_key = parts.vault.hash_key();
        let (due, deadlines) = tokio::sync::mpsc::channel(DEADLINES_QUEUED_MAX);
        let engine = Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            log: parts.log,
            vault: parts.vault,
            clock: parts.clock,
            ids: parts.ids,
            committer,
            subjects: Subjects::default(),
            keys: crate::access::Keys::default(),
            anonymous: parts.anonymous,
            hash_key,
            latest: Arc::default(),
            due,
        });
        engine.ship_policies().await?;
        engine.load_keys().await?;
        Ok((engine, deadlines))
    }

    /// The engine itself, for a task that may outlive its caller.
    pub(crate) fn owned(&self) -> Option<Arc<Self>> {
        self.me.upgrade()
    }

    /// The present, by the engine's clock.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.now_millis())
    }

    /// The key of all keyed hashes of this log.
    pub(crate) const fn hash_key(&self) -> &Key {
        &self.hash_key
    }

    /// The committed head, as it moves.
    pub fn head(&self) -> watch::Receiver<Position> {
        self.committer.head()
    }

    /// Commands that wait to be decided.
    pub fn waiting(&self) -> usize {
        self.committer.waiting()
    }

    /// Runs one command. When this returns a reply, the events are durable. A caller that goes away meanwhile
    /// changes nothing: the command, and what follows from it, is done to the end.
    ///
    /// # Errors
    /// The command is refused, not allowed, not well formed, or the machine failed.
    pub async fn execute(&self, submission: Submission) -> Result<Reply, Error> {
        if matches!(submission.body, Body::EraseSubject) {
            return self.erase(submission).await;
        }
        self.execute_here(submission).await
    }

    /// Erases in a task of its own: once the erasure is in the log, the keys are destroyed, whoever waits for it.
    async fn erase(&self, submission: Submission) -> Result<Reply, Error> {
        let closed = || Error::of_log(Arc::new(leadline_log::Error::Closed));
        let engine = self.me.upgrade().ok_or_else(closed)?;
        let erasing = tokio::spawn(async move {
            let reply = engine.execute_here(submission).await?;
            engine.destroy_keys(&reply).await?;
            Ok(reply)
        });
        erasing.await.map_err(|error| Error::failed("erasure", error))?
    }

    async fn execute_here(&self, submission: Submission) -> Result<Reply, Error> {
        let name = submission.body.name();
        let prepared = self.prepare(submission).await?;
        let (hash, about) = (prepared.payload_hash, category(&prepared.body));
        let (reply_to, answer) = oneshot::channel();
        self.committer
            .submit(Box::new(self.job(prepared, reply_to, false)))
            .map_err(|error| Error::of_log(Arc::new(error)))?;
        let result = self.answer(answer, hash, about).await;
        Self::count(name, &result);
        result
    }

    /// Runs commands whose events are to lie in the log in the given order. One result each, in order.
    pub async fn execute_in_order(
        &self,
        submissions: Vec<Submission>,
    ) -> Vec<Result<Reply, Error>> {
        let mut waiting = Vec::with_capacity(submissions.len());
        for submission in submissions {
            let name = submission.body.name();
            waiting.push((name, self.submit(submission).await));
        }
        let mut results = Vec::with_capacity(waiting.len());
        for (name, submitted) in waiting {
            let result = match submitted {
                Ok((answer, hash, about)) => self.answer(answer, hash, about).await,
                Err(error) => Err(error),
            };
            Self::count(name, &result);
            results.push(result);
        }
        results
    }

    async fn submit(
        &self,
        submission: Submission,
    ) -> Result<(oneshot::Receiver<Answer>, [u8; 16], &'static str), Error> {
        if matches!(submission.body, Body::EraseSubject) {
            return Err(Error::Invalid {
                code: "command_not_in_batch",
                detail: "EraseSubject destroys keys and cannot be part of a batch; send it alone"
                    .to_owned(),
            });
        }
        let prepared = self.prepare(submission).await?;
        let (hash, about) = (prepared.payload_hash, category(&prepared.body));
        let (reply_to, answer) = oneshot::channel();
        self.committer
            .submit_wait(Box::new(self.job(prepared, reply_to, true)))
            .await
            .map_err(|error| Error::of_log(Arc::new(error)))?;
        Ok((answer, hash, about))
    }

    fn job(
        &self,
        prepared: Prepared,
        reply_to: oneshot::Sender<Answer>,
        in_order: bool,
    ) -> CommandJob {
        CommandJob::new(
            prepared,
            reply_to,
            in_order,
            Arc::clone(&self.latest),
            Weak::clone(&self.me),
        )
    }

    async fn answer(
        &self,
        answer: oneshot::Receiver<Answer>,
        payload_hash: [u8; 16],
        about: &'static str,
    ) -> Result<Reply, Error> {
        match answer.await {
            Ok(Answer::Handled(Ok(reply))) => Ok(reply),
            Ok(Answer::Handled(Err(refused))) => Err(Error::Refused(refused)),
            Ok(Answer::Repeated(record)) if record.payload_hash == payload_hash => {
                self.first_result(record, about).await
            }
            Ok(Answer::Repeated(_)) => Err(Error::IdempotencyPayloadMismatch),
            Ok(Answer::Failed(error)) => Err(Error::of_log(error)),
            Err(_) => Err(Error::of_log(Arc::new(leadline_log::Error::Closed))),
        }
    }

    /// The first result of a command that comes again, read back from its events.
    async fn first_result(&self, record: CommandRecord, about: &str) -> Result<Reply, Error> {
        let count = record.last.0.saturating_sub(record.first.0).saturating_add(1);
        let page = self
            .log
            .read(Read {
                scope: Scope::All,
                after: Position(record.first.0.saturating_sub(1)),
                through: Some(record.last),
                direction: Direction::Forward,
                limit: usize::try_from(count).unwrap_or(usize::MAX),
            })
            .await
            .map_err(|error| Error::failed("event log", error))?;
        let mut events = Vec::new();
        let mut attempted = None;
        for recorded in page.events {
            let event = &recorded.event;
            let Some(stream) = stream_of(&event.stream) else { continue };
            if let StreamId::Attempt(_) = stream {
                let decoded = decode(&event.event_type, event.schema_version, &event.data)
                    .map_err(|error| Error::failed("event log", error))?;
                match decoded {
                    Decoded::Record(Record::Refused(attempt)) => {
                        let refused = Refused::read_back(attempt, recorded.position);
                        return Err(Error::Refused(Box::new(refused)));
                    }
                    Decoded::Record(Record::NoChange { target, .. }) => attempted = Some(target),
                    _ => {}
                }
            } else {
                events.push(Happened {
                    position: recorded.position,
                    stream,
                    version: recorded.version,
                    event_type: event.event_type.to_string(),
                });
            }
        }
        // What the command was addressed to is of its own kind; other streams came along.
        let addressed = events.iter().find(|event| event.stream.category() == about);
        let target = attempted
            .or_else(|| addressed.or_else(|| events.first()).map(|event| event.stream))
            .unwrap_or(StreamId::Config);
        let version =
            events.iter().filter(|event| event.stream == target).map(|event| event.version).max();
        let version = match version {
            Some(version) => version,
            None => self.stream_version(target).await?,
        };
        Ok(Reply { position: record.last, target, version, events, repeated: true, next_due: None })
    }

    async fn destroy_keys(&self, reply: &Reply) -> Result<(), Error> {
        let mut subjects: Vec<uuid::Uuid> = reply
            .events
            .iter()
            .filter_map(|event| match event.stream {
                StreamId::Subject(SubjectId(id)) => Some(id),
                _ => None,
            })
            .collect();
        if let (true, StreamId::Lead(lead)) = (subjects.is_empty(), reply.target) {
            // Erased before: destroyed again, should an older vault have been restored since.
            subjects = self.erased_subjects(lead).await?;
        }
        self.vault.destroy(&subjects).await.map_err(|error| Error::failed("vault", error))
    }

    /// What follows from a command at once, called by its job as soon as the outcome is known: whoever waits for the
    /// answer may be gone. The timer learns the target's next deadline (an import settles its own: the present is
    /// another one there), and a key is known or revoked.
    pub(crate) fn follow_up(
        &self,
        prepared: &Prepared,
        target: StreamId,
        due: Option<Timestamp>,
        accepted: bool,
    ) {
        if let (Mode::Live, StreamId::Lead(lead), Some(due)) = (prepared.mode, target, due)
            && self.due.try_send((due, lead)).is_err()
        {
            metrics::counter!("leadline_deadlines_dropped_total").increment(1);
        }
        if let (true, Some(event)) = (accepted, Self::key_event(&prepared.body)) {
            self.keys.fold(&event);
        }
    }

    fn count(name: &'static str, result: &Result<Reply, Error>) {
        let outcome = match result {
            Ok(reply) if reply.repeated => "repeated",
            Ok(reply) if reply.events.is_empty() => "unchanged",
            Ok(_) => "accepted",
            Err(Error::Refused(_)) => "refused",
            Err(_) => "failed",
        };
        metrics::counter!("leadline_commands_total", "command" => name, "outcome" => outcome)
            .increment(1);
    }

    /// Whether the log answers and every view is within `lag_events_max` of its head, and which is not.
    pub async fn ready(
        &self,
        projections: &crate::projection::Projections,
        lag_events_max: u64,
    ) -> (bool, serde_json::Value) {
        let head = self.log.head().await;
        let log = match &head {
            Ok(head) => {
                serde_json::json!({"ready": true, "head": head.0, "waiting": self.waiting()})
            }
            Err(error) => serde_json::json!({"ready": false, "error": error.to_string()}),
        };
        let (views_ready, mut report) =
            projections.report(head.as_ref().copied().unwrap_or_default(), lag_events_max);
        let ready = head.is_ok() && views_ready;
        if let Some(report) = report.as_object_mut() {
            report.insert("ready".to_owned(), ready.into());
            report.insert("log".to_owned(), log);
        }
        (ready, report)
    }

    /// Finishes every command that was taken on, then stops.
    pub async fn close(&self) {
        self.committer.close().await;
    }
}

/// The category of the streams that commands of this content are addressed to.
const fn category(body: &Body) -> &'static str {
    match body {
        Body::Lead(_) | Body::EraseSubject => "lead",
        Body::Account(_) => "account",
        Body::Contact(_) => "contact",
        Body::Opportunity(_) => "opportunity",
        Body::Campaign(_) => "campaign",
        Body::Config(_) => "config",
    }
}

impl Error {
    pub(crate) fn of_log(error: Arc<leadline_log::Error>) -> Self {
        match &*error {
            leadline_log::Error::Busy { .. } => Self::Busy,
            _ => Self::Failed { part: "event log", source: error },
        }
    }
}
