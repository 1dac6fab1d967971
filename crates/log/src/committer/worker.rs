//! The committer's one task.

use super::affected::Affected;
use super::cache::Cache;
use super::desk::{Book, Desk, Keys};
use super::flight::{self, Drafted, Entry, Flight, Landed};
use super::hold::Contention;
use super::load::{Loading, loaded};
use super::{
    BATCH_APPENDS_MAX, BATCH_BYTES_MAX, CLAIMS_CACHED_MAX, Draft, Job, Model, Options, Outcome,
    QUEUE_COMMANDS_MAX, STREAMS_CACHED_MAX, Step,
};
use crate::backend::{Error, LogBackend};
use crate::types::{Append, ClaimChange, NewEvent, Position, StreamKey, Verdict};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::task::Poll;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// The worker's ends of the handle's channels.
pub(super) struct Ports<M: Model> {
    pub(super) jobs: mpsc::Receiver<Box<dyn Job<M>>>,
    pub(super) head: Arc<watch::Sender<Position>>,
    pub(super) closing: CancellationToken,
}

impl<M: Model> Ports<M> {
    /// Tells those who follow the log how far it has come.
    pub(super) fn announce(&self, head: Position) {
        announce(&self.head, head);
    }
}

/// Moves a head forward, never back.
pub(super) fn announce(known: &watch::Sender<Position>, head: Position) {
    known.send_if_modified(|known| {
        let moves = head > *known;
        *known = head.max(*known);
        moves
    });
}

pub(super) struct Worker<M: Model> {
    batch_appends: usize,
    pub(super) backend: Arc<dyn LogBackend>,
    pub(super) model: M,
    pub(super) book: Book<M>,
    pub(super) ports: Ports<M>,
    on_fatal: Box<dyn FnOnce(Arc<Error>) + Send>,
    /// Jobs to decide, in order.
    pub(super) waiting: VecDeque<Entry<M>>,
    /// Jobs whose command id is on its way already, until that one is settled.
    pub(super) held: Vec<Entry<M>>,
    /// The batch that is being formed, and its appends.
    pub(super) jobs: Vec<Drafted<M>>,
    pub(super) appends: Vec<Append>,
    pub(super) bytes: usize,
    /// Command ids of the batch that is being formed and of the one in flight.
    pub(super) ids: HashSet<[u8; 16]>,
    /// An append that lets go of claims unnamed is on its way: nothing is decided until it is settled.
    pub(super) barrier: bool,
    pub(super) flight: Option<Flight<M>>,
    pub(super) loading: Option<Loading>,
    pub(super) contention: Contention,
    ended: bool,
}

impl<M: Model> Worker<M> {
    pub(super) fn new(
        backend: Arc<dyn LogBackend>,
        model: M,
        ports: Ports<M>,
        options: Options,
    ) -> Self {
        let head = *ports.head.borrow();
        let book =
            Book { streams: Cache::new(STREAMS_CACHED_MAX), claims: Cache::new(CLAIMS_CACHED_MAX) };
        Self {
            backend,
            model,
            book,
            ports,
            on_fatal: options.on_fatal,
            batch_appends: options.batch_appends.clamp(1, BATCH_APPENDS_MAX),
            waiting: VecDeque::new(),
            held: Vec::new(),
            jobs: Vec::new(),
            appends: Vec::new(),
            bytes: 0,
            ids: HashSet::new(),
            barrier: false,
            flight: None,
            loading: None,
            contention: Contention::begin(head),
            ended: false,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            if !self.contention.holding {
                self.drain();
            }
            self.hold_where_contended().await;
            if self.contention.decides() {
                self.decide();
                self.begin_load();
            }
            self.release_where_idle().await;
            let launches = !self.appends.is_empty() && !self.completes();
            let landed = if self.flight.is_none() && launches {
                self.launch().await
            } else if self.ended && self.flight.is_none() && self.waiting.is_empty() {
                return;
            } else {
                self.wait().await
            };
            if let Some(landed) = landed
                && let Err(error) = self.land(landed).await
            {
                return self.stop(error);
            }
        }
    }

    /// Answers a batch, and the next one where that one has landed meanwhile.
    async fn land(&mut self, landed: Result<Vec<Landed>, Arc<Error>>) -> Result<(), Arc<Error>> {
        let mut next = Some(landed);
        while let Some(landed) = next.take() {
            let landed = landed?;
            let Some(flight) = self.flight.take() else { return Ok(()) };
            let all = landed.iter().all(|landed| matches!(landed, Ok(Verdict::Committed { .. })));
            if all && !self.appends.is_empty() && self.contention.decides() {
                // Nothing that was decided meanwhile rests on what did not happen: the database goes on with it while
                // this batch is answered. Whoever hands it to the database may be a task, which is let in first.
                next = self.launch().await;
                tokio::task::yield_now().await;
            }
            self.settle(flight, landed);
        }
        // Those that were just answered may have their next command ready: they share a batch.
        tokio::task::yield_now().await;
        Ok(())
    }

    /// Takes over what is queued, as far as the batch has room.
    pub(super) fn drain(&mut self) {
        while self.room() && self.waiting.len() + self.appends.len() < self.batch_appends {
            match self.ports.jobs.try_recv() {
                Ok(job) => self.take(job),
                Err(mpsc::error::TryRecvError::Empty) => return,
                Err(mpsc::error::TryRecvError::Disconnected) => {
                    self.ended = true;
                    return;
                }
            }
        }
    }

    fn take(&mut self, job: Box<dyn Job<M>>) {
        self.waiting.push_back(Entry {
            job,
            attempts: 0,
            asked: Keys::default(),
            missing: Keys::default(),
        });
    }

    /// Whether the batch may take another append.
    fn room(&self) -> bool {
        self.appends.len() < self.batch_appends && self.bytes < BATCH_BYTES_MAX && !self.barrier
    }

    /// Waits for the flight to land, for what was missing, for a job, or for the end. Only the first gives something
    /// back.
    async fn wait(&mut self) -> Option<Result<Vec<Landed>, Arc<Error>>> {
        let room = self.room()
            && !self.contention.holding
            && self.waiting.len() + self.appends.len() < self.batch_appends;
        let (in_flight, loads) = (self.flight.is_some(), self.loading.is_some());
        tokio::select! {
            biased;
            landed = landing(&mut self.flight), if in_flight => Some(landed),
            found = loaded(&mut self.loading), if loads => {
                self.end_load(found);
                None
            }
            job = self.ports.jobs.recv(), if room && !self.ended => {
                match job {
                    Some(job) => self.take(job),
                    None => self.ended = true,
                }
                None
            }
            () = self.ports.closing.cancelled(), if !self.ports.jobs.is_closed() => {
                self.ports.jobs.close();
                None
            }
            else => None,
        }
    }

    /// Lets every waiting job decide, in order. What a job that must wait asked for is not changed by a later one.
    fn decide(&mut self) {
        let mut parked: VecDeque<Entry<M>> = VecDeque::new();
        let mut awaited = Affected::default();
        let (mut asked, mut missing) = (Keys::default(), Keys::default());
        let (mut order_held, mut decided) = (false, Vec::new());
        while self.room() {
            let Some(mut entry) = self.waiting.pop_front() else { break };
            let in_order = entry.job.in_order();
            // What an append on its way has changed since is known, and the log does not have it yet.
            let claims = &self.book.claims;
            entry.missing.claims.retain(|key| !claims.is_pinned(key));
            if !entry.missing.is_empty() {
                awaited.streams.extend(&entry.asked.streams);
                awaited.claims.extend(&entry.asked.claims);
                order_held |= in_order;
                parked.push_back(entry);
                continue;
            }
            asked.clear();
            missing.clear();
            let step = entry.job.decide(&mut Desk {
                model: &self.model,
                book: &mut self.book,
                asked: &mut asked,
                missing: &mut missing,
                read: &entry.asked.claims,
            });
            match step {
                Step::Done => {
                    decided.extend_from_slice(&asked.claims);
                    entry.job.finish(Outcome::Done);
                }
                Step::Wait if missing.is_empty() => {
                    let reason = "the command waits for nothing".to_owned();
                    entry.job.finish(Outcome::Failed(Arc::new(Error::Unacceptable { reason })));
                }
                Step::Wait => {
                    awaited.streams.extend(&asked.streams);
                    awaited.claims.extend(&asked.claims);
                    entry.asked = std::mem::take(&mut asked);
                    entry.missing = std::mem::take(&mut missing);
                    order_held |= in_order;
                    parked.push_back(entry);
                }
                // It has said by now what it misses, which is loaded along with what the earlier one misses.
                Step::Append(_) if order_held && in_order => parked.push_back(entry),
                Step::Append(draft) if !parked.is_empty() && awaited.changed_by(&draft.append) => {
                    awaited.streams.extend(asked.streams.drain(..));
                    awaited.claims.extend(asked.claims.drain(..));
                    parked.push_back(entry);
                }
                Step::Append(draft) => {
                    decided.extend_from_slice(&asked.claims);
                    self.draft(entry, draft, &mut asked);
                }
            }
        }
        self.book.forget_free(&decided);
        parked.append(&mut self.waiting);
        self.waiting = parked;
    }

    /// Takes a decision into the batch.
    fn draft(&mut self, entry: Entry<M>, draft: Draft<M>, asked: &mut Keys) {
        let Draft { mut append, states } = draft;
        for stream in asked.streams.drain(..) {
            if append.expect.iter().all(|(expected, _)| *expected != stream) {
                let version = self.book.streams.get(&stream).map_or(0, |(version, _)| *version);
                append.expect.push((stream, version));
            }
        }
        if let Err(rule) = check(&append, &states) {
            let error = Arc::new(Error::Unacceptable { reason: rule.to_owned() });
            return entry.job.finish(Outcome::Failed(error));
        }
        if !self.ids.insert(append.command_id) {
            return self.held.push(entry);
        }
        let mut written = Vec::with_capacity(states.len());
        for (stream, state) in states {
            let before = append.expect.iter().find(|(expected, _)| *expected == stream);
            let events = append.events.iter().filter(|event| event.stream == stream).count();
            let version = before.map_or(0, |(_, version)| *version) + events as u64;
            self.book.streams.pin(stream, (version, state));
            written.push(stream);
        }
        for change in &append.claims {
            match change {
                ClaimChange::Take(key, holder) => self.book.claims.pin(*key, Some(*holder)),
                ClaimChange::Release(key) => self.book.claims.pin(*key, None),
                ClaimChange::ReleaseSubject(_) => self.barrier = true,
            }
        }
        self.note_changed(&append);
        self.bytes += append.bytes();
        self.appends.push(append);
        self.jobs.push(Drafted { entry, claims: std::mem::take(&mut asked.claims), written });
    }

    /// Hands the batch to the backend, and has it begin at once.
    async fn launch(&mut self) -> Option<Result<Vec<Landed>, Arc<Error>>> {
        let jobs = std::mem::take(&mut self.jobs);
        let mut appends = std::mem::take(&mut self.appends);
        flight::group(&jobs, &mut appends);
        let appends: Arc<[Append]> = appends.into();
        let mut landing: flight::Landing =
            Box::pin(flight::land(self.backend.clone(), appends.clone()));
        let begun = std::future::poll_fn(|context| Poll::Ready(landing.as_mut().poll(context)));
        let landed = match begun.await {
            Poll::Ready(landed) => Some(landed),
            Poll::Pending => None,
        };
        self.bytes = 0;
        // The append lets other writers in again.
        self.contention.holding = false;
        self.flight = Some(Flight { jobs, appends, landing });
        landed
    }

    /// Fails everything that was accepted and ends: the disk can no longer be trusted.
    fn stop(mut self, error: Arc<Error>) {
        self.ports.jobs.close();
        let flown = self.flight.take().into_iter().flat_map(|flight| flight.jobs);
        let drafted = flown.chain(self.jobs).map(|job| job.entry);
        for entry in drafted.chain(self.held).chain(self.waiting) {
            entry.job.finish(Outcome::Failed(error.clone()));
        }
        for _ in 0..QUEUE_COMMANDS_MAX {
            let Ok(job) = self.ports.jobs.try_recv() else { break };
            job.finish(Outcome::Failed(error.clone()));
        }
        (self.on_fatal)(error);
    }
}

/// What an append breaks of the rules for appends and their states.
fn check<S>(append: &Append, states: &[(StreamKey, S)]) -> Result<(), &'static str> {
    append.check()?;
    let given_once =
        |event: &NewEvent| states.iter().filter(|(stream, _)| *stream == event.stream).count() == 1;
    if !append.events.iter().all(given_once) {
        return Err("a stream is written and its new state is not given once");
    }
    if !states.iter().all(|(stream, _)| append.writes(stream)) {
        return Err("a state is given of a stream that is not written");
    }
    Ok(())
}

/// Polls the flight; never ready where there is none.
async fn landing<M: Model>(flight: &mut Option<Flight<M>>) -> Result<Vec<Landed>, Arc<Error>> {
    match flight {
        Some(flight) => flight.landing.as_mut().await,
        None => std::future::pending().await,
    }
}
