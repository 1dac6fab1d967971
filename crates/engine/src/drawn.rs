//! The reply to a command, drawn up while it is decided and completed when its events have positions.

use crate::error::Refused;
use crate::submission::{Happened, Reply};
use leadline_domain::{StreamId, Timestamp};
use leadline_log::Position;
use std::borrow::Cow;

/// What the reply will say, once positions are known.
#[derive(Debug)]
pub(crate) struct Drawn {
    pub(crate) target: StreamId,
    pub(crate) version: u64,
    pub(crate) events: Vec<(StreamId, u64, Cow<'static, str>)>,
    pub(crate) refused: Option<Box<Refused>>,
    pub(crate) next_due: Option<Timestamp>,
}

impl Drawn {
    /// The reply, now that the first event's position is known.
    pub(crate) fn reply(self, first: Position) -> Result<Reply, Box<Refused>> {
        let mut position = first;
        let mut events = Vec::with_capacity(self.events.len());
        let mut last = first;
        for (stream, version, event_type) in self.events {
            last = position;
            position = position.next();
            if !matches!(stream, StreamId::Attempt(_)) {
                events.push(Happened {
                    position: last,
                    stream,
                    version,
                    event_type: event_type.into_owned(),
                });
            }
        }
        match self.refused {
            Some(mut refused) => {
                refused.position = Some(last);
                Err(refused)
            }
            None => Ok(Reply {
                position: last,
                target: self.target,
                version: self.version,
                events,
                repeated: false,
                next_due: self.next_due,
            }),
        }
    }
}
