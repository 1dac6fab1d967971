//! The inbox: what other systems capture, handed over until it is durable.
//!
//! A message stays in the stream until its handler says that it is in the log. It may be handed over more than once;
//! its source and id tell that it is the same.

mod cloud_event;

pub use cloud_event::{ATTRIBUTE_BYTES_MAX, CloudEvent, DATA_BYTES_MAX, Malformed};

use crate::connection::{Connection, REQUEST_TIMEOUT};
use crate::error::{Error, cure};
use crate::publisher::resume::last;
use crate::stream;
use async_nats::jetstream::consumer::AckPolicy;
use async_nats::jetstream::consumer::pull::{Config, Stream as Messages};
use async_nats::jetstream::{AckKind, Context, Message};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use leadline_log::Misfit;
use leadline_log::types::LogIdentity;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The subjects that captures come on.
pub const SUBJECT: &str = "leadline.capture.>";
/// The durable consumer that all processes share.
pub const CONSUMER: &str = "leadline";
/// Most messages handled at once by one process.
pub const HANDLED_MAX: usize = 64;
/// Most messages that are handed out and not yet answered, by all processes.
pub const PENDING_MAX: i64 = 1_000;
/// How often a message may fail in one process before it is given up. Rounds of waiting do not count.
pub const ATTEMPTS_MAX: u32 = 5;
/// Most messages whose failures are counted at once.
const FAILURES_MAX: usize = 1_000;
/// How long a message waits that could not be handled now.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Most requests for messages that wait at once, by all processes.
const WAITING_MAX: i64 = 512;
/// How long the server keeps one request for messages open.
const REQUEST_EXPIRES: Duration = Duration::from_secs(30);
/// Longest silence of the server; after twice as long the messages are asked for anew.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// The first server that takes a reason with what is given up.
const REASONS_SINCE: (i64, i64, i64) = (2, 10, 4);
/// The pause after something went wrong.
const RETRY: Duration = Duration::from_millis(500);

/// How the inbox is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How the server keeps the stream.
    pub stream: stream::Settings,
    /// After how long without an answer a message is handed over again.
    pub answer_wait: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { stream: stream::Settings::capture(), answer_wait: Duration::from_secs(30) }
    }
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handled {
    /// Its outcome is in the log, be it a refusal: it can go.
    Durable,
    /// Not now, through no fault of its own: it waits and comes again, as often as needed.
    Later,
    /// It cannot be handled. It comes again until that was so [`ATTEMPTS_MAX`] times, and is given up with this reason,
    /// which must not be personal.
    Failed(String),
}

/// What keeps captures from being taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What it is.
    pub reason: String,
    /// What only the operator can do about it, where it is a stream of another log.
    pub cure: Option<String>,
}

/// Handles what comes in.
#[async_trait]
pub trait Handler: Send + Sync + std::fmt::Debug {
    /// Handles one message, perhaps not for the first time.
    async fn handle(&self, event: CloudEvent) -> Handled;
}

/// Hands over what comes in.
#[derive(Debug)]
pub struct Inbox {
    connection: Connection,
    log: LogIdentity,
    settings: Settings,
    handler: Arc<dyn Handler>,
    trouble: watch::Sender<Option<Trouble>>,
    /// How often the messages of these sequences have failed here.
    failures: Mutex<BTreeMap<u64, u32>>,
}

impl Inbox {
    /// An inbox of `log`.
    pub fn new(
        connection: Connection,
        log: LogIdentity,
        settings: Settings,
        handler: Arc<dyn Handler>,
    ) -> Self {
        let (trouble, failures) = (watch::Sender::default(), Mutex::default());
        Self { connection, log, settings, handler, trouble, failures }
    }

    /// The same inbox, which tells its trouble here.
    #[must_use]
    pub fn telling(self, trouble: watch::Sender<Option<Trouble>>) -> Self {
        Self { trouble, ..self }
    }

    /// Hands messages over until `stop`; what is being handled then is finished. What goes wrong is tried again.
    pub async fn run(&self, stop: CancellationToken) {
        while let Err(error) = self.session(&stop).await {
            let trouble = Trouble { reason: error.whole(), cure: error.misfit().map(cure) };
            if self.trouble.borrow().as_ref() != Some(&trouble) {
                let reason = &trouble.reason;
                tracing::warn!(reason, "Captures are not taken in; trying again");
            }
            self.trouble.send_replace(Some(trouble));
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Hands messages over for as long as the connection lasts or until `stop`.
    async fn session(&self, stop: &CancellationToken) -> Result<(), Error> {
        let mut session = tokio::select! {
            session = self.connection.connected() => session,
            () = stop.cancelled() => return Ok(()),
        };
        let attempt = "receive captures";
        let ended = async {
            tokio::select! {
                () = session.over() => {}
                () = stop.cancelled() => {}
            }
        };
        let messages = tokio::select! {
            opened = self.open() => opened?,
            () = stop.cancelled() => return Ok(()),
        };
        self.trouble.send_replace(None);
        messages
            .take_until(ended)
            .map_err(|error| Error::nats(attempt)(error))
            .try_for_each_concurrent(HANDLED_MAX, |message| async move {
                self.take(message).await;
                Ok(())
            })
            .await?;
        if stop.is_cancelled() {
            return Ok(());
        }
        Err(Error::nats(attempt)("the connection was lost"))
    }

    async fn open(&self) -> Result<Messages, Error> {
        let context = self.connection.jetstream(1);
        self.check_account(&context).await?;
        let wanted = stream::capture(&self.settings.stream, SUBJECT, Some(self.log.id));
        let stream = stream::ensure(&context, wanted).await?;
        let config = Config {
            durable_name: Some(CONSUMER.to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.settings.answer_wait,
            max_deliver: -1,
            max_ack_pending: PENDING_MAX,
            max_waiting: WAITING_MAX,
            ..Config::default()
        };
        let consumer = stream.create_consumer(config).await;
        let consumer = consumer.map_err(Error::nats("make a consumer of captures"))?;
        consumer
            .stream()
            .max_messages_per_batch(HANDLED_MAX)
            .expires(REQUEST_EXPIRES)
            .heartbeat(HEARTBEAT)
            .messages()
            .await
            .map_err(Error::nats("receive captures"))
    }

    /// Whether the events of this account, where there are any, are this log's: a stream of captures that an earlier
    /// version made does not tell whose it is.
    async fn check_account(&self, context: &Context) -> Result<(), Error> {
        let stream = match context.get_stream(stream::EVENTS).await {
            Ok(stream) => stream,
            Err(error) if stream::is_missing(&error.kind()) => return Ok(()),
            Err(error) => return Err(Error::nats("look the stream of events up")(error)),
        };
        let owner = last(&stream).await?.0.map(|(stamp, _)| stamp.place.log.id);
        match owner {
            Some(found) if found != self.log.id => {
                let misfit = Misfit::OtherLog { expected: self.log.id, found };
                Err(Error::OtherLog { stream: stream::EVENTS.to_owned(), misfit })
            }
            _ => Ok(()),
        }
    }

    async fn take(&self, message: Message) {
        let handled = match CloudEvent::read(message.headers.as_ref(), &message.payload) {
            Ok(event) => self.handler.handle(event).await,
            // It will be no better next time.
            Err(malformed) => return self.give_up(&message, &malformed.to_string()).await,
        };
        match handled {
            Handled::Durable => self.answer(&message, AckKind::Ack.into()).await,
            Handled::Failed(reason) if self.fails(&message) >= ATTEMPTS_MAX => {
                self.give_up(&message, &reason).await;
            }
            Handled::Failed(_) | Handled::Later => {
                self.answer(&message, AckKind::Nak(Some(AGAIN_AFTER)).into()).await;
            }
        }
    }

    /// Counts one more failure of a message. Rounds of waiting are none.
    fn fails(&self, message: &Message) -> u32 {
        let Ok(info) = message.info() else { return 1 };
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.remove(&info.stream_sequence).unwrap_or_default().saturating_add(1);
        if count < ATTEMPTS_MAX {
            failures.insert(info.stream_sequence, count);
        }
        // What was given up or taken in by another process is never asked for again: the oldest go.
        while failures.len() > FAILURES_MAX {
            failures.pop_first();
        }
        count
    }

    async fn give_up(&self, message: &Message, reason: &str) {
        let sequence = message.info().map_or(0, |info| info.stream_sequence);
        tracing::error!(sequence, reason, "A capture is given up");
        let (major, minor, patch) = REASONS_SINCE;
        let answer: Bytes = if self.connection.serves(major, minor, patch) {
            format!("+TERM {reason}").into()
        } else {
            AckKind::Term.into()
        };
        self.answer(message, answer).await;
    }

    /// Answers a message, and waits until the server knows. Where it does not learn it, the message comes again.
    async fn answer(&self, message: &Message, answer: Bytes) {
        let Some(reply) = message.reply.clone() else { return };
        // Without a connection the client keeps the answer for later, as long as it has room, and then waits.
        let Some(mut session) = self.connection.session() else { return };
        let answering = self.connection.client().request(reply, answer);
        tokio::select! {
            answered = tokio::time::timeout(REQUEST_TIMEOUT, answering) => match answered {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    tracing::debug!(%error, "The answer to a capture was not confirmed");
                }
                Err(_) => tracing::debug!("The answer to a capture was not confirmed in time"),
            },
            () = session.over() => {}
        }
    }
}
