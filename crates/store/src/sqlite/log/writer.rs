//! The one thread that writes, with its own connection, and the one that moves the write-ahead log into the file.
//!
//! The write-ahead log is used again and again from its beginning, because syncing a file that does not grow costs
//! a fraction of syncing one that does. Under a steady stream of commits it would never be free to begin again: so
//! a helper moves most of it while commits go on, and the writer moves the small rest between two commits.

use super::batch::{Batch, Memory, Statements, Undone, is_constraint};
use super::names;
use crate::names::{Names, words};
use crate::sqlite::failed;
use leadline_log::Error;
use leadline_log::clock::Clock;
use leadline_log::types::{Append, StreamKey, Verdict};
use rusqlite::{Connection, ErrorCode};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::mpsc as thread_mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Batches that may wait for the writer.
const BATCHES_MAX: usize = 64;
/// Pages of the write-ahead log from which on it is moved into the database: 64 MiB.
const WAL_PAGES: i32 = 16384;
/// How often the writer looks for the next batch before it sleeps; a few tens of microseconds in all.
const AWAKE_ROUNDS: u32 = 100;
/// A batch of at most so many appends comes from few callers, whose time is the writer's.
const FEW_APPENDS: usize = 4;
/// How often the writer looks whether its files are still where they were.
const LOOK: Duration = Duration::from_millis(100);
/// How long a commit may be kept waiting for readers to let the write-ahead log begin again.
const RESTART_WAIT_MAX: Duration = Duration::from_millis(20);
/// How long to wait for another connection in all other cases.
const BUSY_WAIT_MAX: Duration = Duration::from_secs(5);

struct Request {
    batch: Arc<[Append]>,
    reply: oneshot::Sender<Result<Vec<Verdict>, Error>>,
}

/// The writer of one log.
#[derive(Debug)]
pub(super) struct Writer {
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

/// What the writing thread is started with.
pub(super) struct Parts {
    pub(super) connection: Connection,
    /// For moving the write-ahead log.
    pub(super) helper: Connection,
    pub(super) files: Files,
    pub(super) names: Arc<Names>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Writer {
    pub(super) fn start(parts: Parts) -> Result<Self, Error> {
        let (requests, queue) = mpsc::channel(BATCHES_MAX);
        let mut memory = Memory::load(&parts.connection).map_err(failed("read the head"))?;
        let thread = std::thread::Builder::new().name("log-writer".into());
        let thread = thread.spawn(move || {
            if let Err(error) = write(parts, &mut memory, queue) {
                tracing::error!(%error, "The writer of the log has ended");
            }
        });
        let thread = thread.map_err(|source| Error::Unavailable {
            attempt: "start the writer",
            source: Box::new(source),
        })?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    /// Appends a batch. Once the writer has it, it is appended whether or not anybody waits.
    pub(super) async fn append(&self, batch: Arc<[Append]>) -> Result<Vec<Verdict>, Error> {
        let (reply, answer) = oneshot::channel();
        let requests = self.requests.as_ref().ok_or(Error::Closed)?;
        requests.send(Request { batch, reply }).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.requests = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("The writer of the log had ended early");
        }
    }
}

/// Serves batches until nobody is left to send them, or the disk fails.
fn write(
    parts: Parts,
    memory: &mut Memory,
    mut queue: mpsc::Receiver<Request>,
) -> Result<(), Error> {
    let Parts { mut connection, helper, mut files, names, clock } = parts;
    let pages = Arc::new(AtomicI32::new(0));
    let counter = pages.clone();
    let count = move |_: &mut _, pages| {
        counter.store(pages, Ordering::Relaxed);
        Ok(())
    };
    connection.wal_hook(Some(count)).map_err(failed("watch the write-ahead log"))?;
    let mut checkpoints = Checkpoints::start(helper, pages)?;
    let statements = Statements::prepare(&connection).map_err(failed("prepare statements"))?;
    let mut session = Session { connection: &connection, statements, names: &names, clock, memory };
    let mut few = true;
    while let Some(Request { batch, reply }) = next(&mut queue, few) {
        few = batch.len() <= FEW_APPENDS;
        let result = files.check().and_then(|()| session.append(&batch));
        let fatal = matches!(result, Err(Error::NotDurable { .. }));
        // An error means that nobody waits for the answer any more.
        drop(reply.send(result));
        if fatal {
            return Ok(());
        }
        checkpoints.after_commit(session.connection);
    }
    Ok(())
}

/// The next request. Waking a sleeping thread takes longer than most callers need until their next command, so the
/// writer stays awake for a moment, in which everything else goes first.
/// After a larger batch there is work for every core, and staying awake would take one from those who have it.
fn next(queue: &mut mpsc::Receiver<Request>, few: bool) -> Option<Request> {
    let rounds = if few { AWAKE_ROUNDS } else { 1 };
    for _ in 0..rounds {
        match queue.try_recv() {
            Ok(request) => return Some(request),
            Err(mpsc::error::TryRecvError::Disconnected) => return None,
            Err(mpsc::error::TryRecvError::Empty) => std::thread::yield_now(),
        }
    }
    queue.blocking_recv()
}

struct Session<'c> {
    connection: &'c Connection,
    statements: Statements<'c>,
    names: &'c Names,
    clock: Arc<dyn Clock>,
    memory: &'c mut Memory,
}

impl Session<'_> {
    fn append(&mut self, batch: &[Append]) -> Result<Vec<Verdict>, Error> {
        for append in batch {
            append.check().map_err(|rule| Error::Unacceptable { reason: rule.to_owned() })?;
        }
        names::add(self.names, self.connection, words(batch)).map_err(failed("store names"))?;
        if let Some(verdicts) = self.transact(batch, false)? {
            return Ok(verdicts);
        }
        self.transact(batch, true)?.ok_or_else(|| Error::Unacceptable {
            reason: "the database takes a stream for what it is not".to_owned(),
        })
    }

    /// One transaction; `None` where it must be repeated with care.
    fn transact(&mut self, batch: &[Append], careful: bool) -> Result<Option<Vec<Verdict>>, Error> {
        self.statements.begin.execute(()).map_err(failed("begin"))?;
        let mut running = Batch {
            statements: &mut self.statements,
            names: self.names,
            head: self.memory.head,
            recorded_at: self.memory.recorded_at.max(self.clock.now_millis()),
            memory: self.memory,
            careful,
            touched: Vec::new(),
        };
        let judged = running.run(batch);
        let Batch { head, recorded_at, touched, .. } = running;
        let error = match judged {
            Ok(verdicts) if head == self.memory.head => {
                self.undo(&touched)?;
                return Ok(Some(verdicts));
            }
            Ok(verdicts) => match self.statements.commit.execute(()) {
                Ok(_) => {
                    self.memory.head = head;
                    self.memory.recorded_at = recorded_at;
                    return Ok(Some(verdicts));
                }
                Err(error) if is_lost(&error) => {
                    return Err(Error::NotDurable { source: Box::new(error) });
                }
                Err(error) => failed("commit")(error),
            },
            Err(Undone::Surprise) => {
                self.undo(&touched)?;
                return Ok(None);
            }
            Err(Undone::Failed(error)) if is_constraint(&error) => {
                Error::Unacceptable { reason: "the database refuses a value".to_owned() }
            }
            Err(Undone::Failed(error)) => failed("append")(error),
        };
        self.undo(&touched)?;
        Err(error)
    }

    fn undo(&mut self, touched: &[StreamKey]) -> Result<(), Error> {
        self.memory.forget(touched);
        if self.connection.is_autocommit() {
            // The database has undone it by itself.
            return Ok(());
        }
        self.statements.rollback.execute(()).map(drop).map_err(failed("roll back"))
    }
}

/// Whether a commit failed in a way that leaves unknown what is on the disk.
fn is_lost(error: &rusqlite::Error) -> bool {
    !matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// The files of the log. One that was removed, or put in the place of another, takes whatever is written to it away with
/// it, and the database does not notice.
#[derive(Debug)]
pub(super) struct Files {
    /// Each with its device and inode.
    known: Vec<(PathBuf, (u64, u64))>,
    looked: Instant,
}

impl Files {
    /// The database, and the write-ahead log beside it.
    pub(super) fn of(database: &Path) -> std::io::Result<Self> {
        let mut wal = database.as_os_str().to_owned();
        wal.push("-wal");
        let paths = [database.to_owned(), PathBuf::from(wal)];
        let known = paths.map(|path| identity(&path).map(|identity| (path, identity)));
        Ok(Self { known: known.into_iter().collect::<Result<_, _>>()?, looked: Instant::now() })
    }

    fn check(&mut self) -> Result<(), Error> {
        if self.looked.elapsed() < LOOK {
            return Ok(());
        }
        self.looked = Instant::now();
        for (path, known) in &self.known {
            if identity(path).ok() != Some(*known) {
                let reason = format!("{} was removed or replaced", path.display());
                return Err(Error::NotDurable { source: reason.into() });
            }
        }
        Ok(())
    }
}

fn identity(path: &Path) -> std::io::Result<(u64, u64)> {
    std::fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Moves the write-ahead log into the database now and then.
struct Checkpoints {
    due: Option<thread_mpsc::SyncSender<()>>,
    /// Set by the helper when it has moved what there was.
    moved: Arc<AtomicBool>,
    /// Pages of the write-ahead log after the last commit.
    pages: Arc<AtomicI32>,
    asked: bool,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    fn start(helper: Connection, pages: Arc<AtomicI32>) -> Result<Self, Error> {
        let (due, asked) = thread_mpsc::sync_channel(1);
        let moved = Arc::new(AtomicBool::new(false));
        let done = moved.clone();
        let thread = std::thread::Builder::new().name("log-checkpoint".into());
        let thread = thread.spawn(move || {
            while asked.recv().is_ok() {
                if let Err(error) = checkpoint(&helper, "PRAGMA wal_checkpoint(PASSIVE)") {
                    tracing::error!(%error, "The write-ahead log could not be moved");
                }
                done.store(true, Ordering::Release);
            }
        });
        let thread = thread.map_err(|source| Error::Unavailable {
            attempt: "start the checkpoints",
            source: Box::new(source),
        })?;
        Ok(Self { due: Some(due), moved, pages, asked: false, thread: Some(thread) })
    }

    /// Between two commits: has the helper begin, or moves the rest of what it has moved.
    fn after_commit(&mut self, connection: &Connection) {
        if self.moved.swap(false, Ordering::Acquire) {
            self.asked = false;
            match restart(connection) {
                Ok(true) => self.pages.store(0, Ordering::Relaxed),
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "The write-ahead log could not begin again"),
            }
        }
        if !self.asked && self.pages.load(Ordering::Relaxed) >= WAL_PAGES {
            self.asked = self.due.as_ref().is_some_and(|due| due.try_send(()).is_ok());
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.due = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("The checkpoints of the log had ended early");
        }
    }
}

/// Moves the rest and has the next commit write from the beginning; false where readers did not let go in time.
fn restart(connection: &Connection) -> rusqlite::Result<bool> {
    connection.busy_timeout(RESTART_WAIT_MAX)?;
    let restarted = checkpoint(connection, "PRAGMA wal_checkpoint(RESTART)");
    connection.busy_timeout(BUSY_WAIT_MAX)?;
    restarted
}

/// Whether the checkpoint went through.
fn checkpoint(connection: &Connection, pragma: &str) -> rusqlite::Result<bool> {
    connection.query_row(pragma, (), |row| Ok(row.get::<_, i64>(0)? == 0))
}
