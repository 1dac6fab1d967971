//! The inbox: what other systems capture, handed over until it is durable.
//!
//! A message stays in the stream until its handler says that it is in the log. It may be handed over more than once;
//! its source and id tell that it is the same.

mod cloud_event;

pub use cloud_event::{ATTRIBUTE_BYTES_MAX, CloudEvent, DATA_BYTES_MAX, Malformed};

use crate::connection::{Connection, REQUEST_TIMEOUT};
use crate::error::Error;
use crate::stream;
use async_nats::jetstream::consumer::AckPolicy;
use async_nats::jetstream::consumer::pull::{Config, Stream as Messages};
use async_nats::jetstream::{AckKind, Message};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The subjects that captures come on.
pub const SUBJECT: &str = "leadline.capture.>";
/// The durable consumer that all processes share.
pub const CONSUMER: &str = "leadline";
/// Most messages handled at once by one process.
pub const HANDLED_MAX: usize = 64;
/// Most messages that are handed out and not yet answered, by all processes.
pub const PENDING_MAX: i64 = 1_000;
/// How often a message that fails is handed over before it is given up.
pub const ATTEMPTS_MAX: i64 = 5;
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
    /// How the server keeps the stream. Since 0.1.0.
    pub stream: stream::Settings,
    /// After how long without an answer a message is handed over again. Since 0.1.0.
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
    /// It cannot be handled. It comes again, at most [`ATTEMPTS_MAX`] times in all, and is given up with this reason,
    /// which must not be personal.
    Failed(String),
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
    settings: Settings,
    handler: Arc<dyn Handler>,
}

impl Inbox {
    /// An inbox.
    pub fn new(connection: Connection, settings: Settings, handler: Arc<dyn Handler>) -> Self {
        Self { connection, settings, handler }
    }

    /// Hands messages over until `stop`; what is being handled then is finished. What goes wrong is tried again.
    pub async fn run(&self, stop: CancellationToken) {
        let mut told = String::new();
        while let Err(error) = self.session(&stop).await {
            let reason = error.whole();
            if reason != told {
                tracing::warn!(reason, "Captures are not taken in; trying again");
                told = reason;
            }
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
        self.open()
            .await?
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
        let wanted = stream::capture(&self.settings.stream, SUBJECT);
        let stream = stream::ensure(&self.connection, &context, wanted).await?;
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

    async fn take(&self, message: Message) {
        let attempts = message.info().map_or(1, |info| info.delivered);
        let handled = match CloudEvent::read(message.headers.as_ref(), &message.payload) {
            Ok(event) => self.handler.handle(event).await,
            // It will be no better next time.
            Err(malformed) => return self.give_up(&message, &malformed.to_string()).await,
        };
        match handled {
            Handled::Durable => self.answer(&message, AckKind::Ack.into()).await,
            Handled::Failed(reason) if attempts >= ATTEMPTS_MAX => {
                self.give_up(&message, &reason).await;
            }
            Handled::Failed(_) | Handled::Later => {
                self.answer(&message, AckKind::Nak(Some(AGAIN_AFTER)).into()).await;
            }
        }
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
