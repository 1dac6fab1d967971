//! The engine: what every edge calls.

use crate::error::{COMMAND_TOO_LARGE, Error};
use crate::health::Appends;
use crate::job::{Answer, CommandJob};
use crate::model::Rules;
use crate::prepare::Prepared;
use crate::subjects::Subjects;
use crate::submission::{Body, Reply, Submission};
use leadline_domain::Timestamp;
use leadline_log::Position;
use leadline_log::backend::LogBackend;
use leadline_log::clock::{Clock, IdGen};
use leadline_log::committer::{Committer, Handle, Options};
use leadline_log::tailer::{Follower, Tailer};
use leadline_log::types::{Read, Scope};
use leadline_log::vault::{Key, Vault};
use std::sync::atomic::{AtomicI64, Ordering};
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
    /// One reader for everybody in this process who follows the log.
    tailer: Tailer,
    pub(crate) subjects: Subjects,
    pub(crate) keys: crate::access::Keys,
    pub(crate) policies: tokio::sync::Mutex<crate::policies::PolicyHistory>,
    pub(crate) anonymous: Option<crate::role::Role>,
    pub(crate) appends: Appends,
    hash_key: Key,
    /// The latest present of any command decided so far, in milliseconds.
    latest: Arc<AtomicI64>,
    me: Weak<Self>,
}

impl Engine {
    /// Starts an engine on a log. Writes the shipped policies where the log is new, and reads who may call.
    ///
    /// # Errors
    /// The log cannot be read or written.
    pub async fn start(parts: Parts) -> Result<Arc<Self>, Error> {
        let committer = Committer::start(Arc::clone(&parts.log), Rules, parts.commits)
            .await
            .map_err(|error| Error::failed("event log", error))?;
        let tailer = Tailer::new(Arc::clone(&parts.log), committer.head());
        let hash_key = parts.vault.hash_key();
        // The machine's clock may have been set back since the log was last written to.
        let latest = Arc::new(AtomicI64::new(last_recorded(&*parts.log).await?));
        let engine = Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            log: parts.log,
            vault: parts.vault,
            clock: parts.clock,
            ids: parts.ids,
            committer,
            tailer,
            subjects: Subjects::default(),
            keys: crate::access::Keys::default(),
            policies: tokio::sync::Mutex::default(),
            anonymous: parts.anonymous,
            appends: Appends::default(),
            hash_key,
            latest,
        });
        engine.ship_policies().await?;
        // Before anybody else moves the head: what is appended after it, and no more, is not read by what follows.
        let head = *engine.head().borrow();
        engine.load_keys().await?;
        engine.keys.began_at(head);
        Ok(engine)
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
        if matches!(submission.body, Body::EraseSubject(_)) {
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
        let hash = prepared.payload_hash;
        let (reply_to, answer) = oneshot::channel();
        self.committer
            .submit(Box::new(self.job(prepared, reply_to, false)))
            .map_err(|error| Error::of_log(Arc::new(error)))?;
        let result = self.answer(answer, hash).await;
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
                Ok((answer, hash)) => self.answer(answer, hash).await,
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
    ) -> Result<(oneshot::Receiver<Answer>, [u8; 16]), Error> {
        if matches!(submission.body, Body::EraseSubject(_)) {
            return Err(Error::Invalid {
                code: "command_not_in_batch",
                detail: "EraseSubject destroys keys and cannot be part of a batch; send it alone"
                    .to_owned(),
            });
        }
        let prepared = self.prepare(submission).await?;
        let hash = prepared.payload_hash;
        let (reply_to, answer) = oneshot::channel();
        self.committer
            .submit_wait(Box::new(self.job(prepared, reply_to, true)))
            .await
            .map_err(|error| Error::of_log(Arc::new(error)))?;
        Ok((answer, hash))
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
    ) -> Result<Reply, Error> {
        match answer.await {
            Ok(Answer::Handled(Ok(reply))) => Ok(reply),
            Ok(Answer::Handled(Err(refused))) => Err(Error::Refused(refused)),
            Ok(Answer::Repeated(record)) if record.payload_hash == payload_hash => {
                self.first_result(record).await
            }
            Ok(Answer::Repeated(_)) => Err(Error::IdempotencyPayloadMismatch),
            Ok(Answer::TooLarge(detail)) => Err(Error::Invalid { code: COMMAND_TOO_LARGE, detail }),
            Ok(Answer::Failed(error)) => Err(Error::of_log(error)),
            Err(_) => Err(Error::of_log(Arc::new(leadline_log::Error::Closed))),
        }
    }

    async fn destroy_keys(&self, reply: &Reply) -> Result<(), Error> {
        // Also where it was erased before: an older vault may have been restored since.
        let subjects = self.erased_subjects(reply.target).await?;
        self.vault.destroy(&subjects).await.map_err(|error| Error::failed("vault", error))
    }

    /// What follows from an accepted command at once, called by its job as soon as the outcome is known: whoever waits
    /// for the answer may be gone. A key is known or revoked.
    pub(crate) fn follow_up(&self, prepared: &Prepared) {
        if let Some(event) = Self::key_event(&prepared.body) {
            self.keys.fold(&event);
        }
    }

    /// A follower of the log that has seen everything up to `position`.
    pub(crate) fn follow(&self, position: Position) -> Follower {
        self.tailer.follow(position)
    }

    /// The log, for those who follow it.
    pub fn tailer(&self) -> Tailer {
        self.tailer.clone()
    }

    /// The log that the engine writes.
    pub fn log(&self) -> Arc<dyn LogBackend> {
        Arc::clone(&self.log)
    }

    /// Tells those who follow the log that somebody else has brought it this far.
    pub fn announce(&self, head: Position) {
        self.committer.announce(head);
    }

    /// Lets no present lie before this one: some server's clock has been there.
    pub(crate) fn not_before(&self, millis: i64) {
        self.latest.fetch_max(millis, Ordering::Relaxed);
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

    /// Finishes every command that was taken on, then stops.
    pub async fn close(&self) {
        self.committer.close().await;
    }
}

/// When the log was last written to, in milliseconds.
async fn last_recorded(log: &dyn LogBackend) -> Result<i64, Error> {
    let page = log.read(Read::last(Scope::All)).await;
    let page = page.map_err(|error| Error::failed("event log", error))?;
    Ok(page.events.first().map_or(i64::MIN, |last| last.recorded_at))
}

impl Error {
    pub(crate) fn of_log(error: Arc<leadline_log::Error>) -> Self {
        match &*error {
            leadline_log::Error::Busy { .. } => Self::Busy,
            _ => Self::Failed { part: "event log", source: error },
        }
    }
}
