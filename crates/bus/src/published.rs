//! How far the stream of events has come, for whoever wants to know whether somebody publishes.

use crate::connection::Connection;
use crate::stream::EVENTS;
use crate::wire;
use leadline_log::types::{LogIdentity, Position};

/// The last position in the stream of events; nothing where the stream cannot be asked, is empty or is of another log.
pub async fn published(connection: &Connection, log: LogIdentity) -> Option<Position> {
    connection.session()?;
    let stream = connection.jetstream(1).get_stream(EVENTS).await.ok()?;
    let last = stream.get_raw_message(stream.cached_info().state.last_sequence).await.ok()?;
    let stamp = wire::stamp(&last.headers).ok()?;
    stamp.check(log).ok()?;
    Some(stamp.place.position)
}
