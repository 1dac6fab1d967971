//! How far the stream of events has come, for whoever wants to know whether somebody publishes.

use crate::connection::Connection;
use crate::stream::{EVENTS, is_missing};
use crate::wire;
use leadline_log::types::{LogIdentity, Position};

/// The last position in the stream of events: the start where there is none of this log yet, and nothing where the
/// stream does not tell: it cannot be asked, its last event has become too old to be kept, or its last message is no event.
pub async fn published(connection: &Connection, log: LogIdentity) -> Option<Position> {
    connection.session()?;
    let stream = match connection.jetstream(1).get_stream(EVENTS).await {
        Ok(stream) => stream,
        Err(error) => return is_missing(&error.kind()).then_some(Position::START),
    };
    let last = stream.cached_info().state.last_sequence;
    if last == 0 {
        return Some(Position::START);
    }
    let last = stream.get_raw_message(last).await.ok()?;
    let stamp = wire::stamp(&last.headers).ok()?;
    Some(if stamp.check(log).is_ok() { stamp.place.position } else { Position::START })
}
