//! The one session that appends, and the task that owns it.
//!
//! What the task has taken on it finishes, whether or not anybody still waits for the answer.

use super::batch::{self, Versions};
use super::row::{Unread, columns, recorded};
use super::{LOCK, PLANS, verdicts};
use crate::names::{Names, words};
use crate::postgres::connect::{Database, HOLD_IDLE_MAX, within};
use crate::postgres::{Failed, failed, is_lost, refused, signed};
use leadline_log::Error;
use leadline_log::clock::Clock;
use leadline_log::types::{Append, LogIdentity, Position, Recorded, Verdict};
use sqlx_core::query::query;
use sqlx_core::row::Row;
use sqlx_postgres::PgConnection;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Requests that may wait for the session.
const REQUESTS_MAX: usize = 64;
/// Pauses between attempts to connect again: 12 seconds in all, so that a server may be started anew meanwhile.
const PAUSES: [Duration; 7] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(750),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(4),
];

const HOLD: &str = "SELECT set_config('idle_session_timeout', $1, false), pg_advisory_lock($2)";
const RELEASE: &str =
    "SELECT pg_advisory_unlock($1), set_config('idle_session_timeout', '0', false)";
const EVENTS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM leadline.event AS e WHERE e.position BETWEEN $1 AND $2 ORDER BY e.position"
);

enum Request {
    Append(Arc<[Append]>, oneshot::Sender<Result<Vec<Verdict>, Error>>),
    Hold(oneshot::Sender<Result<(), Error>>),
    Release(oneshot::Sender<Result<(), Error>>),
}

/// The writer of one log.
#[derive(Debug)]
pub(super) struct Writer {
    requests: mpsc::Sender<Request>,
}

impl Writer {
    pub(super) fn start(
        database: &Database,
        names: Arc<Names>,
        clock: Option<Arc<dyn Clock>>,
        identity: LogIdentity,
    ) -> Self {
        let (requests, mut queue) = mpsc::channel(REQUESTS_MAX);
        let mut task = Task {
            database: database.clone(),
            session: None,
            names,
            clock,
            versions: Versions::default(),
            held: false,
            identity,
            last: None,
            receded: None,
        };
        // It ends by itself when nobody is left to send requests.
        drop(tokio::spawn(async move {
            while let Some(request) = queue.recv().await {
                task.serve(request).await;
            }
        }));
        Self { requests }
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(request(reply)).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)
    }

    pub(super) async fn append(&self, batch: Arc<[Append]>) -> Result<Vec<Verdict>, Error> {
        self.ask(|reply| Request::Append(batch, reply)).await?
    }

    pub(super) async fn hold(&self) -> Result<(), Error> {
        self.ask(Request::Hold).await?
    }

    pub(super) async fn release(&self) {
        // A writer that has ended holds nothing.
        drop(self.ask(Request::Release).await);
    }
}

struct Task {
    database: Database,
    session: Option<PgConnection>,
    names: Arc<Names>,
    clock: Option<Arc<dyn Clock>>,
    versions: Versions,
    /// Whether the session has the log's lock.
    held: bool,
    identity: LogIdentity,
    /// The last event that this node has appended.
    last: Option<(Position, Uuid)>,
    /// The log does not have it: where the log ends.
    receded: Option<Position>,
}

impl Task {
    /// Does what is asked. An error of a reply means that nobody waits for it any more.
    async fn serve(&mut self, request: Request) {
        match request {
            Request::Append(batch, reply) => drop(reply.send(self.append(&batch).await)),
            Request::Hold(reply) => drop(reply.send(self.hold().await)),
            Request::Release(reply) => {
                self.release().await;
                drop(reply.send(Ok(())));
            }
        }
    }

    /// The session, made anew where there is none.
    async fn session(&mut self) -> Result<&mut PgConnection, Failed> {
        let mut pauses = PAUSES.iter();
        while self.session.is_none() {
            match (self.database.try_session("leadline log-writer", &PLANS).await, pauses.next()) {
                (Ok(mut session), _) => {
                    self.recognise_log(&mut session).await?;
                    self.session = Some(session);
                }
                (Err(error), Some(pause)) if is_lost(&error) => tokio::time::sleep(*pause).await,
                (Err(error), _) => return Err(error),
            }
        }
        self.session.as_mut().ok_or(Failed::WorkerCrashed)
    }

    /// Whether a new session is with the log that this node knows: it may be with another server, or the database may have
    /// been restored meanwhile.
    async fn recognise_log(&mut self, session: &mut PgConnection) -> Result<(), Failed> {
        let (position, event) = self.last.unwrap_or_default();
        let known = query(
            "SELECT log_id = $1 AND epoch = $2 AND ($3 = 0 OR EXISTS (
                 SELECT FROM leadline.event WHERE position = $3 AND event_id = $4)),
                 (SELECT coalesce(max(position), 0) FROM leadline.event) FROM leadline.meta",
        );
        let known = known.bind(self.identity.id).bind(signed(self.identity.epoch));
        let known = known.bind(signed(position.0)).bind(event).fetch_one(session);
        let row = within(known).await?;
        if row.try_get::<bool, _>(0)? {
            return Ok(());
        }
        self.receded = Some(Position(row.try_get::<i64, _>(1)?.cast_unsigned()));
        Err(Failed::Configuration("the log is not the one that this process has written".into()))
    }

    /// Closes the session, and with it everything that it holds. The next one may be on another server.
    fn close(&mut self) {
        self.session = None;
        self.held = false;
        self.versions.clear();
    }

    async fn append(&mut self, batch: &[Append]) -> Result<Vec<Verdict>, Error> {
        for append in batch {
            append.check().map_err(|rule| Error::Unacceptable { reason: rule.to_owned() })?;
        }
        let mut appended = self.try_append(batch).await;
        if let Err(Unread::Failed(error)) = &appended
            && is_lost(error)
        {
            // Nobody knows whether the batch is in the log. Under the lock its command ids tell; and as the function
            // looks for them anyway, it can as well append those that are not there.
            tracing::warn!(%error, "The session that appends was lost; trying once more");
            self.close();
            appended = self.try_append(batch).await;
            if let Ok(verdicts) = appended {
                appended = self.recognise(batch, verdicts).await;
            }
        }
        if appended.is_err() {
            // Whatever was held, or is half-way, goes with the session.
            self.close();
        }
        if let Some(head) = self.receded {
            let position = self.last.map_or(Position::START, |(position, _)| position);
            return Err(Error::Receded { position, head });
        }
        let verdicts = appended.map_err(|error| match error {
            Unread::Name => refused("append", "a claim's holder is not in the dictionary"),
            Unread::Failed(error) if is_constraint(&error) => {
                Error::Unacceptable { reason: "the database refuses a value".to_owned() }
            }
            Unread::Failed(error) => failed("append")(error),
        })?;
        for (append, verdict) in batch.iter().zip(&verdicts) {
            match verdict {
                Verdict::Committed { last, .. } => {
                    self.versions.committed(append);
                    self.last = append.events.last().map(|event| (*last, event.event_id));
                }
                Verdict::Bounced(bounce) => {
                    for (stream, version) in &bounce.streams {
                        self.versions.learn(*stream, *version);
                    }
                }
                Verdict::Duplicate(_) => {}
            }
        }
        Ok(verdicts)
    }

    async fn try_append(&mut self, batch: &[Append]) -> Result<Vec<Verdict>, Unread> {
        self.name(batch).await?;
        let clock = self.clock.as_ref().map(|clock| clock.now_millis());
        let statement = batch::statement(batch, &self.names, &self.versions, self.held, clock);
        let rows = within(statement.fetch_all(self.session().await?)).await?;
        self.held = false;
        match verdicts::read(batch, &rows, &self.names) {
            Err(Unread::Name) => {
                // Another node has brought the name of a claim's holder.
                self.learn().await?;
                verdicts::read(batch, &rows, &self.names)
            }
            other => other,
        }
    }

    /// Stores the names that the dictionary does not have yet, in a transaction of their own.
    async fn name(&mut self, batch: &[Append]) -> Result<(), Failed> {
        let categories = batch.iter().flat_map(|append| append.expect.iter());
        let categories = categories.map(|(stream, _)| stream.category.as_str());
        let unknown: Vec<String> = self
            .names
            .unknown(words(batch).chain(categories))
            .into_iter()
            .map(str::to_owned)
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let add = query(
            "INSERT INTO leadline.name (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING",
        );
        within(add.bind(unknown).execute(self.session().await?)).await?;
        self.learn().await
    }

    async fn learn(&mut self) -> Result<(), Failed> {
        let known = query("SELECT code, name FROM leadline.name");
        for row in within(known.fetch_all(self.session().await?)).await? {
            self.names.learn(i64::from(row.try_get::<i32, _>(0)?), row.try_get(1)?);
        }
        Ok(())
    }

    /// Finds those of a batch that were committed by an attempt whose answer was lost: what is in the log under their
    /// command is what they say, byte for byte and at the versions that they expect.
    async fn recognise(
        &mut self,
        batch: &[Append],
        mut verdicts: Vec<Verdict>,
    ) -> Result<Vec<Verdict>, Unread> {
        let mut seen = HashSet::new();
        for (append, verdict) in batch.iter().zip(&mut verdicts) {
            if let (true, Verdict::Duplicate(known)) = (seen.insert(append.command_id), &*verdict) {
                let events = query(EVENTS).bind(signed(known.first.0)).bind(signed(known.last.0));
                let rows = within(events.fetch_all(self.session().await?)).await?;
                let stored = rows.iter().map(|row| recorded(row, 0, &self.names));
                let stored = stored.collect::<Result<Vec<Recorded>, Unread>>()?;
                let wanted = append.events.iter().zip(batch::event_versions(append));
                let found = stored.iter().map(|event| (&event.event, signed(event.version)));
                let same = found.eq(wanted);
                if let (true, Some(event)) = (same, stored.first()) {
                    let (first, last, recorded_at) = (known.first, known.last, event.recorded_at);
                    *verdict = Verdict::Committed { first, last, recorded_at };
                }
            }
        }
        Ok(verdicts)
    }

    async fn hold(&mut self) -> Result<(), Error> {
        if self.held {
            return Ok(());
        }
        let mut held = self.try_hold().await;
        if held.as_ref().is_err_and(is_lost) {
            self.close();
            held = self.try_hold().await;
        }
        if held.is_err() {
            self.close();
        }
        self.held = held.is_ok();
        held.map_err(failed("keep other writers out"))
    }

    async fn try_hold(&mut self) -> Result<(), Failed> {
        let hold = query(HOLD).bind(HOLD_IDLE_MAX.as_millis().to_string()).bind(LOCK);
        within(hold.execute(self.session().await?)).await.map(drop)
    }

    async fn release(&mut self) {
        if !self.held {
            return;
        }
        self.held = false;
        if let Some(session) = &mut self.session
            && within(query(RELEASE).bind(LOCK).execute(session)).await.is_err()
        {
            self.close();
        }
    }
}

/// Whether a value was refused: such an append fails whenever it is tried.
fn is_constraint(error: &Failed) -> bool {
    let code = error.as_database_error().and_then(sqlx_core::error::DatabaseError::code);
    code.is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
}
