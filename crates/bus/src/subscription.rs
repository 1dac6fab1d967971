//! A subscription: events in position order from a position on, for a projector that keeps its own checkpoint.
//!
//! The server remembers nothing of it. The consumer is made anew after every interruption, from the position that the
//! subscriber has, and what comes is judged by position alone: what was seen is passed over, and what is missing is
//! told, to be read from the log.

use crate::connection::{Connection, Session};
use crate::error::Error;
use crate::publisher::resume::last;
use crate::stream::EVENTS;
use crate::wire;
use async_nats::HeaderMap;
use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::pull::{Config, Stream as Messages};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy};
use async_nats::jetstream::stream::Stream;
use async_trait::async_trait;
use futures::{FutureExt, StreamExt};
use leadline_log::LogBackend;
use leadline_log::delivery::{Delivery, Undelivered};
use leadline_log::types::{LogIdentity, Position, Recorded};
use std::sync::Arc;
use std::time::Duration;

/// What is attempted.
const RECEIVE: &str = "receive events";
/// Most messages asked for at once.
pub const BATCH_MESSAGES: usize = 1_000;
/// How long the server keeps one request for messages open.
const REQUEST_EXPIRES: Duration = Duration::from_secs(30);
/// Longest silence of the server; after twice as long the consumer is made anew.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// After how long the server forgets a consumer that nobody asks for messages.
const INACTIVE: Duration = Duration::from_mins(1);
/// Most requests for messages that wait at once.
const WAITING_MAX: i64 = 8;
/// Receives events.
#[derive(Debug)]
pub struct Subscription {
    connection: Connection,
    log: Arc<dyn LogBackend>,
    open: Option<Open>,
    /// What came too early: after a hole.
    held: Option<Recorded>,
    /// Why nothing is received; told once.
    away: Option<String>,
}

/// A consumer and the connection that it was made on.
struct Open {
    session: Session,
    messages: Messages,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Open").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Subscription {
    /// A subscription to the events of `log`.
    pub const fn new(connection: Connection, log: Arc<dyn LogBackend>) -> Self {
        Self { connection, log, open: None, held: None, away: None }
    }

    /// Makes a consumer where there is none, and gives it with the connection that it was made on.
    async fn open(&mut self, after: Position) -> Result<&mut Open, Error> {
        let open = match self.open.take() {
            Some(open) => open,
            None => open(&self.connection, &*self.log, after).await?,
        };
        Ok(self.open.insert(open))
    }

    /// Waits for the next events after `after`.
    async fn receive(&mut self, after: Position, limit: usize) -> Result<Vec<Recorded>, Stopped> {
        let mut page = Page { last: after, events: Vec::new() };
        if let Some(held) = self.held.take() {
            self.held = page.add(held);
        }
        while self.held.is_none() && page.events.len() < limit {
            let log = self.log.identity();
            let open = self.open(after).await?;
            let next = if page.events.is_empty() {
                tokio::select! {
                    next = open.messages.next() => next,
                    () = open.session.over() => None,
                }
            } else if let Some(next) = open.messages.next().now_or_never() {
                next
            } else {
                break;
            };
            let failed = match next {
                Some(Ok(message)) => match read(&message, log, page.last) {
                    Ok(None) => continue,
                    Ok(Some(recorded)) => {
                        self.held = page.add(recorded);
                        continue;
                    }
                    Err(error) => error,
                },
                Some(Err(error)) => Error::nats(RECEIVE)(error),
                None => Error::nats(RECEIVE)("the consumer has ended"),
            };
            if page.events.is_empty() {
                return Err(failed.into());
            }
            // What came before is handed out first. The next call meets the same trouble, if it is still there.
            self.open = None;
            break;
        }
        match &self.held {
            Some(held) if page.events.is_empty() => Err(Stopped::Hole(held.position)),
            _ => Ok(page.events),
        }
    }
}

#[async_trait]
impl Delivery for Subscription {
    async fn next(&mut self, after: Position, limit: usize) -> Result<Vec<Recorded>, Undelivered> {
        let error = match self.receive(after, limit.max(1)).await {
            Ok(events) => {
                if self.away.take().is_some() {
                    tracing::info!("Events are delivered again");
                }
                return Ok(events);
            }
            Err(Stopped::Hole(found)) => return Err(Undelivered::Hole { found }),
            Err(Stopped::Away(error)) => error,
        };
        self.open = None;
        let reason = error.whole();
        if self.away.as_ref() != Some(&reason) {
            tracing::warn!(reason, "Events are not delivered; the log is read instead");
            self.away = Some(reason.clone());
        }
        Err(Undelivered::Away { reason })
    }

    fn is_open(&self) -> bool {
        self.open.is_some()
    }
}

/// Why nothing was received.
enum Stopped {
    Hole(Position),
    Away(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Away(error)
    }
}

/// Events without a hole.
struct Page {
    last: Position,
    events: Vec<Recorded>,
}

impl Page {
    /// Adds an event that is the next one, and leaves out one that was seen. One that is too early comes back.
    fn add(&mut self, recorded: Recorded) -> Option<Recorded> {
        if recorded.position > self.last.next() {
            return Some(recorded);
        }
        if recorded.position > self.last {
            self.last = recorded.position;
            self.events.push(recorded);
        }
        None
    }
}

/// The event of a message; none where it was seen, or where it is unreadable: then the next one shows a hole.
fn read(message: &Message, log: LogIdentity, seen: Position) -> Result<Option<Recorded>, Error> {
    let none = HeaderMap::new();
    let decoded = wire::stamp(message.headers.as_ref().unwrap_or(&none)).and_then(|stamp| {
        let place = stamp.place;
        let unseen = place.log != log || place.position > seen;
        let recorded = unseen.then(|| wire::decode(place.position, &message.payload));
        Ok((stamp, recorded.transpose()?))
    });
    match decoded {
        Ok((stamp, recorded)) => stamp.check(log).map(|()| recorded),
        Err(error) => {
            tracing::warn!(%error, "The stream of events has a message that is none");
            Ok(None)
        }
    }
}

/// A consumer that begins at the event after `position`, or earlier.
async fn open(
    connection: &Connection,
    log: &dyn LogBackend,
    position: Position,
) -> Result<Open, Error> {
    let connected = connection.session();
    let session = connected.ok_or_else(|| Error::nats(RECEIVE)("there is no connection"))?;
    let context = connection.jetstream(1);
    let stream = context.get_stream(EVENTS).await;
    let stream = stream.map_err(Error::nats("look the stream of events up"))?;
    let start_sequence = start(&stream, log, position).await?;
    let config = Config {
        description: Some("leadline".to_owned()),
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence },
        // The subscriber's own checkpoint says what it has.
        ack_policy: AckPolicy::None,
        max_waiting: WAITING_MAX,
        inactive_threshold: INACTIVE,
        memory_storage: true,
        num_replicas: 1,
        ..Config::default()
    };
    let consumer = stream.create_consumer(config).await;
    let consumer = consumer.map_err(Error::nats("make a consumer of events"))?;
    let messages = consumer
        .stream()
        .max_messages_per_batch(BATCH_MESSAGES)
        .expires(REQUEST_EXPIRES)
        .heartbeat(HEARTBEAT)
        .messages()
        .await
        .map_err(Error::nats(RECEIVE))?;
    Ok(Open { session, messages })
}

/// The sequence of the event after `position`, or an earlier one: positions rise with sequences, so there are at most
/// as many events after it as there are positions. Messages that are none may make it a later one. Then the first event
/// that comes shows a hole, and what was passed over is read from the log.
///
/// A stream that has events which the log does not have is none of its copies: the log was restored from an older backup.
async fn start(stream: &Stream, log: &dyn LogBackend, position: Position) -> Result<u64, Error> {
    let first = stream.cached_info().state.first_sequence.max(1);
    let (last, end) = last(stream).await?;
    let Some((stamp, last)) = last else { return Ok(first.max(end.saturating_add(1))) };
    stamp.check_past(log).await?;
    let behind = stamp.place.position.0.saturating_sub(position.0);
    Ok(last.saturating_add(1).saturating_sub(behind).max(first))
}
