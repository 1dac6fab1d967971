//! The words of the log: streams, positions, events, appends, claims and verdicts.

use bytes::Bytes;
use std::borrow::Cow;
use std::sync::Arc;
use uuid::Uuid;

/// Longest category name, in bytes.
pub const CATEGORY_BYTES_MAX: usize = 15;
/// Largest `meta` and largest `data` of one event, in bytes: an entry of a tiled log has a 16-bit length.
pub const EVENT_BYTES_MAX: usize = 65_535;
/// Longest name of an event type, in bytes.
pub const TYPE_BYTES_MAX: usize = 64;
/// Most streams that one append expects.
pub const APPEND_STREAMS_MAX: usize = 256;
/// Most events of one append.
pub const APPEND_EVENTS_MAX: usize = 256;

/// A place in the log: 1 is the first event, 0 is before it. Positions are dense and in commit order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// The next position.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The name of a category of streams: 1 to [`CATEGORY_BYTES_MAX`] lower-case ASCII letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Category {
    bytes: [u8; CATEGORY_BYTES_MAX],
    length: u8,
}

impl Category {
    /// Reads a name; `None` where it breaks the rule above.
    pub fn parse(name: &str) -> Option<Self> {
        let source = name.as_bytes();
        if source.is_empty() || !source.iter().all(u8::is_ascii_lowercase) {
            return None;
        }
        let mut bytes = [0; CATEGORY_BYTES_MAX];
        bytes.get_mut(..source.len())?.copy_from_slice(source);
        Some(Self { bytes, length: u8::try_from(source.len()).ok()? })
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.bytes
            .get(..usize::from(self.length))
            .and_then(|name| std::str::from_utf8(name).ok())
            .unwrap_or_default()
    }
}

impl std::fmt::Debug for Category {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey {
    /// What kind of thing.
    pub category: Category,
    /// Which one.
    pub id: Uuid,
}

impl std::fmt::Display for StreamKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}-{}", self.category.as_str(), self.id)
    }
}

/// An event to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// The stream. Must be among the append's `expect`.
    pub stream: StreamKey,
    /// Name of the type, without version, such as `lead.captured`.
    pub event_type: Cow<'static, str>,
    /// Version of the stored form.
    pub schema_version: u16,
    /// Identity.
    pub event_id: Uuid,
    /// Immutable id of the lineage: everything about one lead shares it.
    pub root: Uuid,
    /// Business time, milliseconds of UTC.
    pub effective_at: i64,
    /// Envelope beside the columns; at most [`EVENT_BYTES_MAX`].
    pub meta: Bytes,
    /// Payload; at most [`EVENT_BYTES_MAX`].
    pub data: Bytes,
}

/// An event as the log keeps it.
#[expect(clippy::struct_field_names, reason = "it is the time's name everywhere")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its place in the log.
    pub position: Position,
    /// Its place in its stream; 1 is the first.
    pub version: u64,
    /// Stamped by the append, milliseconds of UTC; never decreases along positions.
    pub recorded_at: i64,
    /// The event.
    pub event: NewEvent,
}

/// A unique entry beside the log: who holds this key in this space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimKey {
    /// The space, such as e-mail addresses.
    pub space: u8,
    /// Keyed hash of the value.
    pub key: [u8; 16],
}

/// Who holds a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimHolder {
    /// The stream that holds it.
    pub holder: StreamKey,
    /// Whose data the key was made of.
    pub subject: Option<Uuid>,
}

/// A change of claims, made with the append or not at all. Several of one append are made in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimChange {
    /// Take a key. The append bounces where anybody holds it, the taker included.
    Take(ClaimKey, ClaimHolder),
    /// Let go of a key; nothing happens where nobody holds it.
    Release(ClaimKey),
    /// Let go of everything that this subject's data made.
    ReleaseSubject(Uuid),
}

/// One command's events with their conditions: all of it happens, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// Identity of the command: the same one is never appended twice.
    pub command_id: [u8; 16],
    /// Keyed hash of what the command said.
    pub payload_hash: [u8; 16],
    /// Every stream read or written, once, with the version it must have; 0 is a stream without events.
    pub expect: Vec<(StreamKey, u64)>,
    /// Claims that change hands.
    pub claims: Vec<ClaimChange>,
    /// The events, at least one and at most [`APPEND_EVENTS_MAX`], in order.
    pub events: Vec<NewEvent>,
    /// Appends of one batch that were decided on each other's outcome share a number: each bounces unless every
    /// earlier one of its group in the batch is committed. Filled by the committer.
    pub group: Option<u32>,
}

impl Append {
    /// The limit that the append passes, if any: whoever sent the command has to ask for less at once.
    pub fn passes(&self) -> Option<&'static str> {
        let large = |event: &NewEvent| {
            event.meta.len() > EVENT_BYTES_MAX || event.data.len() > EVENT_BYTES_MAX
        };
        if self.events.len() > APPEND_EVENTS_MAX {
            Some("a command leads to at most 256 events")
        } else if self.expect.len() > APPEND_STREAMS_MAX {
            Some("a command concerns at most 256 streams")
        } else if self.events.iter().any(large) {
            Some("an event of a command has at most 65,535 bytes")
        } else {
            None
        }
    }

    /// What the append breaks of the rules above, if anything.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self) -> Result<(), &'static str> {
        if let Some(limit) = self.passes() {
            return Err(limit);
        }
        if self.events.is_empty() {
            return Err("an append has at least one event");
        }
        for (index, (stream, _)) in self.expect.iter().enumerate() {
            if self.expect.iter().skip(index + 1).any(|(other, _)| other == stream) {
                return Err("a stream is expected twice");
            }
        }
        for event in &self.events {
            if event.event_type.is_empty() || event.event_type.len() > TYPE_BYTES_MAX {
                return Err("the name of an event type has 1 to 64 bytes");
            }
            if !self.expect.iter().any(|(stream, _)| *stream == event.stream) {
                return Err("a stream is written without being expected");
            }
        }
        Ok(())
    }

    /// Bytes of all events.
    pub fn bytes(&self) -> usize {
        self.events.iter().map(|event| event.meta.len() + event.data.len()).sum()
    }

    /// Whether it writes to this stream.
    pub fn writes(&self, stream: &StreamKey) -> bool {
        self.events.iter().any(|event| event.stream == *stream)
    }
}

/// Where a command's events are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandRecord {
    /// Keyed hash of what the command said.
    pub payload_hash: [u8; 16],
    /// Its first event.
    pub first: Position,
    /// Its last event.
    pub last: Position,
}

/// What became of one append of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Durable.
    Committed {
        /// Its first event.
        first: Position,
        /// Its last event.
        last: Position,
        /// The stamp of all its events, milliseconds of UTC.
        recorded_at: i64,
    },
    /// The command was appended before, by this batch or earlier: its record, to compare the payload hash with.
    Duplicate(CommandRecord),
    /// A condition does not hold, or an earlier append of its group was not committed. Nothing was appended.
    Bounced(Arc<Bounce>),
}

/// Why an append bounced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounce {
    /// Streams whose version is another, with the version that they have.
    pub streams: Vec<(StreamKey, u64)>,
    /// Claims that somebody holds.
    pub claims: Vec<(ClaimKey, ClaimHolder)>,
    /// An earlier append of its group was not committed.
    pub followed: bool,
}

/// What to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One stream.
    Stream(StreamKey),
    /// Everything about one lineage.
    Root(Uuid),
    /// Everything.
    All,
}

/// In which order to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first.
    Forward,
    /// Newest first.
    Backward,
}

/// A page to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// What.
    pub scope: Scope,
    /// Only positions above this one.
    pub after: Position,
    /// Only positions up to this one, it included; `None` is up to the head.
    pub through: Option<Position>,
    /// In which order.
    pub direction: Direction,
    /// At most so many events; held to [`READ_EVENTS_MAX`].
    pub limit: usize,
}

impl Read {
    /// The first event after a position.
    pub const fn next(scope: Scope, after: Position) -> Self {
        Self { scope, after, through: None, direction: Direction::Forward, limit: 1 }
    }

    /// The last event.
    pub const fn last(scope: Scope) -> Self {
        let (after, direction) = (Position::START, Direction::Backward);
        Self { scope, after, through: None, direction, limit: 1 }
    }

    /// The event at a position.
    pub const fn at(position: Position) -> Self {
        let before = Position(position.0.saturating_sub(1));
        Self { through: Some(position), ..Self::next(Scope::All, before) }
    }
}

/// Most events of one page.
pub const READ_EVENTS_MAX: usize = 10_000;

/// A page of events, and the head of the log in the same snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The events.
    pub events: Vec<Recorded>,
    /// The head.
    pub head: Position,
}

/// Which log this is. A consumer that meets another id or epoch than its checkpoint's must stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogIdentity {
    /// Made once, with the log.
    pub id: Uuid,
    /// Raised when a log is restored or fails over.
    pub epoch: u64,
}
