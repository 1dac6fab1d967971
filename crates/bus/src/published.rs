//! How far the stream of events has come, for whoever wants to know whether somebody publishes.

use crate::connection::Connection;
use crate::error::Error;
use crate::stream::{EVENTS, is_missing};
use crate::wire;
use leadline_log::types::{LogIdentity, Position};

/// The last position in the stream of events: the start where there is none of this log yet, and nothing where the
/// stream does not tell, because NATS is away, its last event has become too old to be kept, or its last message is no
/// event.
///
/// # Errors
/// NATS is there, and JetStream could not be asked.
pub async fn published(
    connection: &Connection,
    log: LogIdentity,
) -> Result<Option<Position>, Error> {
    if connection.session().is_none() {
        return Ok(None);
    }
    let stream = match connection.jetstream(1).get_stream(EVENTS).await {
        Ok(stream) => stream,
        Err(error) if is_missing(&error.kind()) => return Ok(Some(Position::START)),
        Err(error) => return Err(Error::nats("look the stream of events up")(error)),
    };
    let last = stream.cached_info().state.last_sequence;
    if last == 0 {
        return Ok(Some(Position::START));
    }
    let Ok(last) = stream.get_raw_message(last).await else { return Ok(None) };
    let Ok(stamp) = wire::stamp(&last.headers) else { return Ok(None) };
    let is_ours = stamp.check(log).is_ok();
    Ok(Some(if is_ours { stamp.place.position } else { Position::START }))
}
