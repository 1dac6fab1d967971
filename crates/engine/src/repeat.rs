//! The answer to a command that comes again: its first result, read back from the log.

use crate::engine::Engine;
use crate::error::{Error, Refused};
use crate::submission::{Happened, Reply};
use leadline_domain::StreamId;
use leadline_events::{Decoded, Record, StoredMeta, decode, stream_of};
use leadline_log::Position;
use leadline_log::types::{CommandRecord, Direction, Read, Scope};

impl Engine {
    /// The first result of a command that comes again.
    pub(crate) async fn first_result(&self, record: CommandRecord) -> Result<Reply, Error> {
        let unreadable = |error| Error::failed("event log", error);
        let count = record.last.0.saturating_sub(record.first.0).saturating_add(1);
        let read = Read {
            scope: Scope::All,
            after: Position(record.first.0.saturating_sub(1)),
            through: Some(record.last),
            direction: Direction::Forward,
            limit: usize::try_from(count).unwrap_or(usize::MAX),
        };
        let page = self.log.read(read).await.map_err(|error| Error::failed("event log", error))?;
        let (mut events, mut about, mut unchanged) = (Vec::new(), None, None);
        for recorded in page.events {
            let event = &recorded.event;
            let Some(stream) = stream_of(&event.stream) else { continue };
            if recorded.position == record.first {
                about = StoredMeta::decode(&event.meta).map_err(unreadable)?.trigger;
            }
            if let StreamId::Attempt(_) = stream {
                let decoded = decode(&event.event_type, event.schema_version, &event.data)
                    .map_err(unreadable)?;
                match decoded {
                    Decoded::Record(Record::Refused(attempt)) => {
                        let refused = Refused::read_back(attempt, recorded.position);
                        return Err(Error::Refused(Box::new(refused)));
                    }
                    Decoded::Record(Record::NoChange { version, .. }) => unchanged = Some(version),
                    _ => {}
                }
            } else {
                events.push(Happened {
                    position: recorded.position,
                    stream,
                    version: recorded.version,
                    event_type: event.event_type.to_string(),
                });
            }
        }
        let target = about.map_or(StreamId::Config, |trigger| trigger.target);
        let own = events.iter().filter(|event| event.stream == target);
        let version = match unchanged.or_else(|| own.map(|event| event.version).max()) {
            Some(version) => version,
            None => self.stream_version(target).await?,
        };
        Ok(Reply { position: record.last, target, version, events, repeated: true, next_due: None })
    }
}
