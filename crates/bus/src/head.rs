//! Head messages: whoever commits tells how far the log goes, so that readers elsewhere need not ask the database.
//!
//! They are hints on core NATS. One that is lost costs a reader the pause until it looks by itself.

use crate::connection::Connection;
use crate::error::Error;
use futures::StreamExt;
use leadline_log::types::{LogIdentity, Position};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The subject of head messages.
pub const SUBJECT: &str = "leadline.head";
/// Shortest time between two head messages of one process; what is committed meanwhile is in the next.
pub const PAUSE: Duration = Duration::from_millis(2);

#[derive(Serialize, Deserialize)]
struct Message {
    log: Uuid,
    epoch: u64,
    position: u64,
}

/// Tells everybody when `head` moves, until `stop`.
pub async fn announce(
    connection: &Connection,
    log: LogIdentity,
    mut head: watch::Receiver<Position>,
    stop: &CancellationToken,
) {
    loop {
        tokio::select! {
            moved = head.changed() => if moved.is_err() { return },
            () = stop.cancelled() => return,
        }
        let position = head.borrow_and_update().0;
        let message = Message { log: log.id, epoch: log.epoch, position };
        if let Err(error) = send(connection, &message).await {
            tracing::debug!(%error, "A head message was not sent");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn send(connection: &Connection, message: &Message) -> Result<(), Error> {
    let attempt = "send a head message";
    let payload = serde_json::to_vec(message).map_err(Error::nats(attempt))?;
    let sent = connection.client().publish(SUBJECT, payload.into()).await;
    sent.map_err(Error::nats(attempt))
}

/// Moves `head` forward as others tell of it, until `stop`.
///
/// # Errors
/// Messages cannot be subscribed to: the client is closed.
pub async fn listen(
    connection: &Connection,
    log: LogIdentity,
    head: watch::Sender<Position>,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let subscribed = connection.client().subscribe(SUBJECT).await;
    let mut messages = subscribed.map_err(Error::nats("listen to head messages"))?;
    loop {
        let message = tokio::select! {
            message = messages.next() => message,
            () = stop.cancelled() => return Ok(()),
        };
        let Some(message) = message else { return Ok(()) };
        let Ok(told) = serde_json::from_slice::<Message>(&message.payload) else { continue };
        if told.log == log.id && told.epoch == log.epoch {
            let position = Position(told.position);
            head.send_if_modified(|head| {
                let moved = position > *head;
                *head = position.max(*head);
                moved
            });
        }
    }
}
