//! The group committer: one task that decides commands in order and appends them in batches.
//!
//! While one batch commits, the next one is decided on the state that it will leave behind. A lone command goes
//! straight through; nothing lingers. What was decided on the outcome of an append that then did not happen is
//! decided again, so that a stale cache can delay a command but never mislead one.

mod affected;
mod cache;
mod desk;
mod flight;
mod hold;
mod load;
mod settle;
mod worker;

pub use desk::Desk;

use crate::backend::{Error, LogBackend};
use crate::types::{Append, CommandRecord, Position, Recorded, StreamKey};
use std::sync::{Arc, Weak};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Commands that may wait for the committer. What passes it is told that the log is busy.
pub const QUEUE_COMMANDS_MAX: usize = 4096;
/// Appends drained into one batch. Bounds the latency of the last caller in it and the memory of one commit.
pub const BATCH_APPENDS_MAX: usize = 512;
/// Bytes of events after which a batch takes no further append.
pub const BATCH_BYTES_MAX: usize = 4 << 20;
/// Times that one command may be decided again because others came first.
pub const ATTEMPTS_MAX: u8 = 64;
/// Streams whose state is kept in memory.
pub const STREAMS_CACHED_MAX: usize = 100_000;
/// Claims that are kept in memory, held or not.
pub const CLAIMS_CACHED_MAX: usize = 200_000;

/// What a fold met that it cannot read.
pub type FoldError = Box<dyn std::error::Error + Send + Sync>;

/// How events become the state that is decided on.
pub trait Model: Send + Sync + 'static {
    /// State of one stream.
    type State: Clone + Send + Sync + 'static;

    /// State of a stream without events.
    fn initial(&self, stream: &StreamKey) -> Self::State;

    /// Takes in the next event of the stream.
    ///
    /// # Errors
    /// The event cannot be read; no command on this stream can be decided.
    fn fold(&self, state: &mut Self::State, event: &Recorded) -> Result<(), FoldError>;

    /// Whether claims that the event's stream held may have been let go with it. Claims are let go with an event of
    /// their holder or not at all.
    fn lets_go(&self, event: &Recorded) -> bool;
}

/// One command on its way into the log.
pub trait Job<M: Model>: Send {
    /// Decides on what the desk has. May be called any number of times, each time on fresher state; the last
    /// answer counts. Runs on the committer's task: must neither block nor wait.
    fn decide(&mut self, desk: &mut Desk<'_, M>) -> Step<M>;

    /// Whether the job must not overtake an earlier one that says so too, even while that one waits for something to
    /// be loaded: the lines of an import, the items of a batch.
    fn in_order(&self) -> bool {
        false
    }

    /// Takes the outcome. Called exactly once, on the committer's task: must be cheap and must not block.
    fn finish(self: Box<Self>, outcome: Outcome);
}

/// What a job answers.
pub enum Step<M: Model> {
    /// The desk could not serve something that it was asked for: call again once it is loaded.
    Wait,
    /// Append this.
    Append(Draft<M>),
    /// Done without the log.
    Done,
}

/// An append, and the states that it leaves behind.
pub struct Draft<M: Model> {
    /// The append; `group` is filled by the committer.
    pub append: Append,
    /// The new state of every stream that the append writes.
    pub states: Vec<(StreamKey, Arc<M::State>)>,
}

impl<M: Model> std::fmt::Debug for Step<M> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Wait => "Wait",
            Self::Append(_) => "Append(..)",
            Self::Done => "Done",
        })
    }
}

impl<M: Model> std::fmt::Debug for Draft<M> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Draft").field("append", &self.append).finish_non_exhaustive()
    }
}

/// What became of a job.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Durable.
    Committed {
        /// Its first event.
        first: Position,
        /// Its last event.
        last: Position,
        /// The stamp of its events, milliseconds of UTC.
        recorded_at: i64,
    },
    /// The command was appended before; compare the payload hash.
    Duplicate(CommandRecord),
    /// The job answered [`Step::Done`].
    Done,
    /// Nothing was appended.
    Failed(Arc<Error>),
}

/// What the committer is given beside the log and the model.
pub struct Options {
    /// Most appends of one commit, 1 to [`BATCH_APPENDS_MAX`]; 1 measures what grouping is worth.
    pub batch_appends: usize,
    /// Called when the disk did not confirm a write; the process must end.
    pub on_fatal: Box<dyn FnOnce(Arc<Error>) + Send>,
}

impl Default for Options {
    fn default() -> Self {
        let on_fatal = Box::new(|error: Arc<Error>| tracing::error!(%error, "The log has stopped"));
        Self { batch_appends: BATCH_APPENDS_MAX, on_fatal }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Options").finish_non_exhaustive()
    }
}

/// Starts committers.
#[derive(Clone, Copy, Debug)]
pub struct Committer;

impl Committer {
    /// Starts a committer on the current runtime. There must be one only for each log and process.
    ///
    /// # Errors
    /// The head of the log could not be read.
    pub async fn start<M: Model>(
        backend: Arc<dyn LogBackend>,
        model: M,
        options: Options,
    ) -> Result<Handle<M>, Error> {
        let head = Arc::new(watch::Sender::new(backend.head().await?));
        let (queue, jobs) = mpsc::channel(QUEUE_COMMANDS_MAX);
        let (closing, closed) = (CancellationToken::new(), CancellationToken::new());
        let handle = Handle {
            queue,
            head: head.subscribe(),
            announcer: Arc::downgrade(&head),
            closing: closing.clone(),
            closed: closed.clone(),
        };
        let worker =
            worker::Worker::new(backend, model, worker::Ports { jobs, head, closing }, options);
        let guard = closed.drop_guard();
        drop(tokio::spawn(async move {
            worker.run().await;
            drop(guard);
        }));
        Ok(handle)
    }
}

/// A committer to hand commands to. Cheap to clone. The committer ends when it is closed or its last handle is gone.
pub struct Handle<M: Model> {
    queue: mpsc::Sender<Box<dyn Job<M>>>,
    head: watch::Receiver<Position>,
    /// Gone with the committer, so that those who follow the log see the end of it.
    announcer: Weak<watch::Sender<Position>>,
    closing: CancellationToken,
    closed: CancellationToken,
}

impl<M: Model> Clone for Handle<M> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            head: self.head.clone(),
            announcer: self.announcer.clone(),
            closing: self.closing.clone(),
            closed: self.closed.clone(),
        }
    }
}

impl<M: Model> std::fmt::Debug for Handle<M> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Handle").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}

impl<M: Model> Handle<M> {
    /// Hands over a job. It runs to its end even where nobody waits for it any more.
    ///
    /// # Errors
    /// [`Error::Busy`] where the queue is full, [`Error::Closed`] after [`Handle::close`]. The job is dropped.
    pub fn submit(&self, job: Box<dyn Job<M>>) -> Result<(), Error> {
        self.queue.try_send(job).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => Error::Busy { waiting: QUEUE_COMMANDS_MAX },
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
        })
    }

    /// Hands over a job as soon as the queue has room. For imports, which must not be refused.
    ///
    /// # Errors
    /// [`Error::Closed`] after [`Handle::close`]. The job is dropped.
    pub async fn submit_wait(&self, job: Box<dyn Job<M>>) -> Result<(), Error> {
        self.queue.send(job).await.map_err(|_| Error::Closed)
    }

    /// The committed head, for those who follow the log.
    pub fn head(&self) -> watch::Receiver<Position> {
        self.head.clone()
    }

    /// Tells those who follow the log that it has come this far, because of somebody else who writes it.
    pub fn announce(&self, head: Position) {
        if let Some(announcer) = self.announcer.upgrade() {
            worker::announce(&announcer, head);
        }
    }

    /// Whether jobs are still taken: it was not closed, and its task has not ended for any other reason.
    pub fn alive(&self) -> bool {
        !self.closing.is_cancelled() && !self.closed.is_cancelled()
    }

    /// Commands in the queue.
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Waits until the log has this position.
    ///
    /// # Errors
    /// [`Error::Closed`] where the committer ends before.
    pub async fn wait_for(&self, position: Position) -> Result<(), Error> {
        let mut head = self.head.clone();
        let reached = head.wait_for(|head| *head >= position).await;
        reached.map(drop).map_err(|_| Error::Closed)
    }

    /// Takes no more jobs, and returns when all that were taken are finished.
    pub async fn close(&self) {
        self.closing.cancel();
        self.closed.cancelled().await;
    }
}
