//! Threads that read, each with a connection of its own, in short transactions.

use crate::names::Names;
use crate::sqlite::failed;
use bytes::Bytes;
use leadline_log::Error;
use leadline_log::types::{
    Category, ClaimHolder, ClaimKey, CommandRecord, Direction, NewEvent, Page, Position,
    READ_EVENTS_MAX, Read, Recorded, Scope, StreamKey,
};
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Threads that read.
const READERS: usize = 3;
/// Requests that may wait for a reader.
const REQUESTS_MAX: usize = 1024;

/// Looks a command up.
pub(super) const COMMAND: &str = "SELECT payload_hash, first, last FROM command WHERE id = ?1";
/// Looks a claim up.
pub(super) const CLAIM: &str =
    "SELECT category, holder, subject FROM claim WHERE space = ?1 AND key = ?2";

macro_rules! select {
    ($condition:literal, $order:literal) => {
        concat!(
            "SELECT position, category, id, version, type, schema_version, event_id, root, ",
            "effective_at, recorded_at, meta, data FROM event WHERE ",
            $condition,
            " AND position > :after AND position <= :through ORDER BY position ",
            $order,
            " LIMIT :limit"
        )
    };
}
macro_rules! select_both {
    ($condition:literal) => {
        [select!($condition, "ASC"), select!($condition, "DESC")]
    };
}
const ALL: [&str; 2] = select_both!("TRUE");
const STREAM: [&str; 2] = select_both!("id = :id AND category = :category");
const ROOT: [&str; 2] = select_both!(
    "position IN (SELECT position FROM event WHERE id = :id AND root IS NULL
      UNION ALL SELECT position FROM event WHERE root = :id)"
);

type Request = Box<dyn FnOnce(&Reader) + Send>;

/// The readers of one log.
#[derive(Debug)]
pub(super) struct Readers {
    requests: Option<mpsc::Sender<Request>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(super) fn start(
        connect: impl Fn() -> Result<Connection, Error>,
        names: &Arc<Names>,
    ) -> Result<Self, Error> {
        let (requests, queue) = mpsc::channel::<Request>(REQUESTS_MAX);
        let queue = Arc::new(Mutex::new(queue));
        let mut threads = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            let reader = Reader { connection: connect()?, names: names.clone() };
            let queue = queue.clone();
            let thread = std::thread::Builder::new().name("log-reader".into());
            let thread = thread.spawn(move || reader.serve(&queue));
            threads.push(thread.map_err(|source| Error::Unavailable {
                attempt: "start a reader",
                source: Box::new(source),
            })?);
        }
        Ok(Self { requests: Some(requests), threads })
    }

    /// Runs a request on one of the readers.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        request: impl FnOnce(&Reader) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let requests = self.requests.as_ref().ok_or(Error::Closed)?;
        let request = Box::new(move |reader: &Reader| {
            // An error means that nobody waits for the answer any more.
            drop(reply.send(request(reader)));
        });
        requests.send(request).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.requests = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("A reader of the log had ended early");
            }
        }
    }
}

/// One reading connection.
pub(super) struct Reader {
    connection: Connection,
    names: Arc<Names>,
}

impl Reader {
    /// Serves requests until nobody is left to send them. Whoever has the queue waits for the next request; it is
    /// free while that is served.
    fn serve(&self, queue: &Mutex<mpsc::Receiver<Request>>) {
        loop {
            let request = queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
            let Some(request) = request else { return };
            request(self);
        }
    }

    /// Runs `read` on one snapshot.
    fn snapshot<T>(
        &self,
        attempt: &'static str,
        read: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let transaction = self.connection.unchecked_transaction().map_err(failed(attempt))?;
        read(&transaction)
    }

    pub(super) fn head(&self) -> Result<Position, Error> {
        head(&self.connection)
    }

    pub(super) fn page(&self, read: Read) -> Result<Page, Error> {
        self.snapshot("read a page", |connection| {
            let head = head(connection)?;
            Ok(Page { events: self.events(connection, read)?, head })
        })
    }

    pub(super) fn streams(&self, streams: &[StreamKey]) -> Result<Vec<Vec<Recorded>>, Error> {
        self.snapshot("read streams", |connection| {
            streams.iter().map(|stream| self.stream(connection, *stream)).collect()
        })
    }

    /// A whole stream, page by page.
    fn stream(&self, connection: &Connection, stream: StreamKey) -> Result<Vec<Recorded>, Error> {
        let (scope, direction) = (Scope::Stream(stream), Direction::Forward);
        let (mut events, mut after) = (Vec::new(), Position::START);
        loop {
            let read = Read { scope, after, through: None, direction, limit: READ_EVENTS_MAX };
            let page = self.events(connection, read)?;
            let full = page.len() == READ_EVENTS_MAX;
            after = page.last().map_or(after, |event| event.position);
            events.extend(page);
            if !full {
                return Ok(events);
            }
        }
    }

    fn events(&self, connection: &Connection, read: Read) -> Result<Vec<Recorded>, Error> {
        let limit = i64::try_from(read.limit.min(READ_EVENTS_MAX)).unwrap_or(i64::MAX);
        let through = read.through.map_or(i64::MAX, bound);
        let after = bound(read.after);
        let backward = usize::from(read.direction == Direction::Backward);
        let page = || -> rusqlite::Result<Vec<Recorded>> {
            let sql = |both: [&'static str; 2]| both.get(backward).copied().unwrap_or_default();
            let mut statement;
            let mut rows = match read.scope {
                Scope::All => {
                    statement = connection.prepare_cached(sql(ALL))?;
                    statement.query(named_params! {
                        ":after": after, ":through": through, ":limit": limit
                    })?
                }
                Scope::Stream(stream) => {
                    let Some(category) = self.names.code(stream.category.as_str()) else {
                        return Ok(Vec::new());
                    };
                    statement = connection.prepare_cached(sql(STREAM))?;
                    statement.query(named_params! {
                        ":id": stream.id.as_bytes(), ":category": category,
                        ":after": after, ":through": through, ":limit": limit
                    })?
                }
                Scope::Root(root) => {
                    statement = connection.prepare_cached(sql(ROOT))?;
                    statement.query(named_params! {
                        ":id": root.as_bytes(),
                        ":after": after, ":through": through, ":limit": limit
                    })?
                }
            };
            let mut events = Vec::new();
            while let Some(row) = rows.next()? {
                events.push(recorded(row, &self.names)?);
            }
            Ok(events)
        };
        page().map_err(failed("read events"))
    }

    pub(super) fn claims(&self, keys: &[ClaimKey]) -> Result<Vec<Option<ClaimHolder>>, Error> {
        self.snapshot("look claims up", |connection| {
            let mut statement = connection.prepare_cached(CLAIM).map_err(failed("read claims"))?;
            let mut claim = |key: &ClaimKey| {
                statement
                    .query_row((key.space, key.key), |row| holder(row, &self.names))
                    .optional()
                    .map_err(failed("read claims"))
            };
            keys.iter().map(&mut claim).collect()
        })
    }

    pub(super) fn commands(&self, ids: &[[u8; 16]]) -> Result<Vec<Option<CommandRecord>>, Error> {
        self.snapshot("look commands up", |connection| {
            let mut statement =
                connection.prepare_cached(COMMAND).map_err(failed("read commands"))?;
            let mut record = |id: &[u8; 16]| {
                statement.query_row([id], command).optional().map_err(failed("read commands"))
            };
            ids.iter().map(&mut record).collect()
        })
    }
}

fn head(connection: &Connection) -> Result<Position, Error> {
    let head = connection
        .prepare_cached("SELECT coalesce(max(position), 0) FROM event")
        .and_then(|mut statement| statement.query_row((), |row| row.get::<_, i64>(0)));
    Ok(Position(head.map_err(failed("read the head"))?.cast_unsigned()))
}

/// A position as the database counts.
fn bound(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}

/// Reads a row of [`COMMAND`].
pub(super) fn command(row: &Row<'_>) -> rusqlite::Result<CommandRecord> {
    Ok(CommandRecord {
        payload_hash: row.get(0)?,
        first: Position(row.get::<_, i64>(1)?.cast_unsigned()),
        last: Position(row.get::<_, i64>(2)?.cast_unsigned()),
    })
}

/// Reads a row of [`CLAIM`].
pub(super) fn holder(row: &Row<'_>, names: &Names) -> rusqlite::Result<ClaimHolder> {
    let id = Uuid::from_bytes(row.get(1)?);
    let subject = row.get::<_, Option<[u8; 16]>>(2)?.map(Uuid::from_bytes);
    Ok(ClaimHolder { holder: StreamKey { category: category(row, 0, names)?, id }, subject })
}

fn category(row: &Row<'_>, column: usize, names: &Names) -> rusqlite::Result<Category> {
    let code = row.get(column)?;
    names.category(code).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, code))
}

fn recorded(row: &Row<'_>, names: &Names) -> rusqlite::Result<Recorded> {
    let id = Uuid::from_bytes(row.get(2)?);
    let code = row.get(4)?;
    let name = names.name(code).ok_or(rusqlite::Error::IntegralValueOutOfRange(4, code))?;
    let bytes = |column| -> rusqlite::Result<Bytes> {
        Ok(Bytes::copy_from_slice(row.get_ref(column)?.as_blob()?))
    };
    Ok(Recorded {
        position: Position(row.get::<_, i64>(0)?.cast_unsigned()),
        version: row.get::<_, i64>(3)?.cast_unsigned(),
        recorded_at: row.get(9)?,
        event: NewEvent {
            stream: StreamKey { category: category(row, 1, names)?, id },
            event_type: Cow::Owned(name),
            schema_version: row.get(5)?,
            event_id: Uuid::from_bytes(row.get(6)?),
            root: row.get::<_, Option<[u8; 16]>>(7)?.map_or(id, Uuid::from_bytes),
            effective_at: row.get(8)?,
            meta: bytes(10)?,
            data: bytes(11)?,
        },
    })
}
