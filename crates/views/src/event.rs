//! Events as views read them: decoded, with personal parts still sealed.

use leadline_domain::{Event, StreamId, Timestamp};
use leadline_log::Position;
use std::borrow::Cow;
use uuid::Uuid;

/// A decoded event. Rows may depend on nothing else, so there is no stamp of its recording here.
#[derive(Clone, Debug)]
pub struct ViewEvent {
    /// Its place in the log.
    pub position: Position,
    /// When it happened.
    pub effective_at: Timestamp,
    /// Its stream.
    pub stream: StreamId,
    /// Its place in its stream; 1 is the first.
    pub version: u64,
    /// Its lineage: everything about one lead.
    pub root: Uuid,
    /// The person who answers for it; `None` where that is leadline itself or an import that names nobody.
    pub actor: Option<String>,
    /// Name of its type, as stored.
    pub event_type: Cow<'static, str>,
    /// What happened.
    pub event: Event,
}

impl ViewEvent {
    /// When it happened, in milliseconds of UTC.
    pub const fn at(&self) -> i64 {
        self.effective_at.millis()
    }
}

/// All events that views know between two positions. Events of unknown types are left out, their positions are
/// not: whoever makes a page vouches that nothing else is missing between `after` and `through`.
#[derive(Clone, Debug)]
pub struct Page {
    /// The page begins after this position.
    pub after: Position,
    /// The page ends with this position.
    pub through: Position,
    /// The id of the event there, whether views know it or not.
    pub last: Uuid,
    /// The events, by position.
    pub events: Vec<ViewEvent>,
}
