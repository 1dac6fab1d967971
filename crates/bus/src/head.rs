//! Head messages: whoever commits tells how far the log goes, so that readers elsewhere need not ask the database.
//!
//! They are hints on core NATS. One that is lost costs a reader the pause until it looks by itself. One that is wrong
//! costs a look at the log: nobody is told of a head that the log does not have.

use crate::connection::Connection;
use crate::error::Error;
use futures::{FutureExt, StreamExt};
use leadline_log::LogBackend;
use leadline_log::types::Position;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The subject of head messages.
pub const SUBJECT: &str = "leadline.head";
/// Shortest time between two head messages of one process; what is committed meanwhile is in the next.
pub const PAUSE: Duration = Duration::from_millis(2);
/// How long no other head is looked into after one that the log does not have, or where the log could not be asked:
/// whoever sends wrong ones makes the database answer no more often than this.
pub const WRONG_PAUSE: Duration = Duration::from_millis(250);

#[derive(Serialize, Deserialize)]
struct Message {
    log: Uuid,
    epoch: u64,
    position: u64,
}

/// The heads that this process tells others and hears of them.
#[derive(Debug)]
pub struct Heads {
    connection: Connection,
    log: Arc<dyn LogBackend>,
    /// How far this process knows the log to go.
    head: watch::Receiver<Position>,
    /// How far others have told that it goes, as far as that is so.
    heard: watch::Sender<Position>,
}

impl Heads {
    /// The heads of `log`, which this process knows to go as far as `head`.
    pub fn new(
        connection: Connection,
        log: Arc<dyn LogBackend>,
        head: watch::Receiver<Position>,
    ) -> Self {
        Self { connection, log, head, heard: watch::Sender::default() }
    }

    /// How far others have told that the log goes, as it moves. No further than the log goes.
    pub fn heard(&self) -> watch::Receiver<Position> {
        self.heard.subscribe()
    }

    /// Tells everybody when the head moves, until `stop`; but not what everybody has heard from somebody else.
    pub async fn announce(&self, stop: &CancellationToken) {
        // Where nothing is read from the client any more, sending waits: for as long as it is not to stop.
        stop.run_until_cancelled(self.announce_moves()).await.unwrap_or_default();
    }

    async fn announce_moves(&self) {
        let mut head = self.head.clone();
        while head.changed().await.is_ok() {
            let position = *head.borrow_and_update();
            // The client keeps what it cannot send and sends it later: heads that are long past are no use to anybody,
            // and for lack of room it would soon take no more.
            if position > *self.heard.borrow()
                && self.connection.session().is_some()
                && let Err(error) = self.send(position).await
            {
                tracing::debug!(%error, "A head message was not sent");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn send(&self, position: Position) -> Result<(), Error> {
        let attempt = "send a head message";
        let log = self.log.identity();
        let message = Message { log: log.id, epoch: log.epoch, position: position.0 };
        let payload = serde_json::to_vec(&message).map_err(Error::nats(attempt))?;
        let sent = self.connection.client().publish(SUBJECT, payload.into()).await;
        sent.map_err(Error::nats(attempt))
    }

    /// Listens to how far others have brought the log, until `stop`.
    ///
    /// # Errors
    /// Messages cannot be subscribed to: the client is closed.
    pub async fn listen(&self, stop: &CancellationToken) -> Result<(), Error> {
        stop.run_until_cancelled(self.hear()).await.unwrap_or(Ok(()))
    }

    async fn hear(&self) -> Result<(), Error> {
        let subscribed = self.connection.client().subscribe(SUBJECT).await;
        let mut messages = subscribed.map_err(Error::nats("listen to head messages"))?;
        while let Some(message) = messages.next().await {
            let mut told = self.position(&message.payload);
            // Whatever else has come meanwhile costs no further look.
            while let Some(Some(message)) = messages.next().now_or_never() {
                told = told.max(self.position(&message.payload));
            }
            let Some(told) = told.filter(|told| told > &*self.heard.borrow()) else { continue };
            let known = *self.head.borrow();
            let head = if told <= known { Ok(known) } else { self.log.head().await };
            let right = match &head {
                Ok(head) => {
                    self.heard.send_modify(|heard| *heard = told.min(*head).max(*heard));
                    told <= *head
                }
                Err(_) => false,
            };
            if !right {
                tracing::debug!(?told, ?head, "A head message tells of what the log does not show");
                tokio::time::sleep(WRONG_PAUSE).await;
            }
        }
        Ok(())
    }

    /// The head that a message tells; nothing where it is none or of another log.
    fn position(&self, payload: &[u8]) -> Option<Position> {
        let log = self.log.identity();
        let told: Message = serde_json::from_slice(payload).ok()?;
        (told.log == log.id && told.epoch == log.epoch).then_some(Position(told.position))
    }
}
