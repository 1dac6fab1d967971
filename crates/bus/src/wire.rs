//! The form of an event on NATS: a `CloudEvent` in binary mode, whose body is the event as the log keeps it.

#[cfg(test)]
mod tests;

use crate::error::Error;
use async_nats::HeaderMap;
use async_nats::header::{HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Datelike, SecondsFormat};
use leadline_log::types::{Category, LogIdentity, NewEvent, Position, Recorded, StreamKey};
use leadline_log::{LogBackend, Place};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use uuid::Uuid;

/// Into how many parts the events are divided, by their roots. Subscribers count on it: it never changes.
pub const PARTITIONS: usize = 64;
/// What the subject of every event begins with.
pub const SUBJECT_PREFIX: &str = "leadline.events";

const ID: HeaderName = HeaderName::from_static("ce-id");
const SEQUENCE: HeaderName = HeaderName::from_static("ce-sequence");
const SOURCE: HeaderName = HeaderName::from_static("ce-source");
const SPEC_VERSION: HeaderName = HeaderName::from_static("ce-specversion");
const TIME: HeaderName = HeaderName::from_static("ce-time");
const TYPE: HeaderName = HeaderName::from_static("ce-type");
const CONTENT_TYPE: HeaderName = HeaderName::from_static("content-type");
const MESSAGE_ID: HeaderName = HeaderName::from_static("Nats-Msg-Id");
const EPOCH: HeaderName = HeaderName::from_static("Leadline-Epoch");
const PREVIOUS: HeaderName = HeaderName::from_static("Leadline-Prev");

/// Why a message is no event.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// A header is missing or cannot be read.
    #[error("the header `{name}` is missing or cannot be read")]
    Header {
        /// Which.
        name: String,
    },
    /// The body is not the JSON of an event.
    #[error("the body is not the JSON of an event")]
    Body(#[source] serde_json::Error),
    /// A field of the body breaks a rule of the log.
    #[error("the field `{field}` of the body cannot be read")]
    Field {
        /// Which.
        field: &'static str,
    },
    /// Headers and body name different positions.
    #[error("the headers say position {header}, the body {body}")]
    Position {
        /// Of the header.
        header: Position,
        /// Of the body.
        body: Position,
    },
}

/// The partition of a root: CRC-32 (as in zlib) of its 16 bytes, modulo [`PARTITIONS`].
pub fn partition(root: Uuid) -> usize {
    let sum = root.as_bytes().iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| match sum & 1 {
            0 => sum >> 1,
            _ => (sum >> 1) ^ 0xedb8_8320,
        })
    });
    usize::try_from(!sum).map_or(0, |sum| sum % PARTITIONS)
}

/// A message to publish.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) subject: String,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Bytes,
}

/// Where a message belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) place: Place,
}

impl Stamp {
    /// Whether it is of this log and epoch.
    pub(crate) fn check(&self, log: LogIdentity) -> Result<(), Error> {
        self.place.check_identity(log).map_err(Error::Astray)
    }

    /// Whether it is of this log, and the log has the same event there.
    pub(crate) async fn check_past(&self, log: &dyn LogBackend) -> Result<(), Error> {
        self.place.misfit(log).await?.map_or(Ok(()), |misfit| Err(Error::Astray(misfit)))
    }
}

#[derive(Serialize, Deserialize)]
struct Body<'a> {
    position: u64,
    id: Uuid,
    #[serde(rename = "type", borrow)]
    event_type: Cow<'a, str>,
    schema_version: u16,
    #[serde(borrow)]
    stream: Cow<'a, str>,
    version: u64,
    root: Uuid,
    effective_at_ms: i64,
    recorded_at_ms: i64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    meta: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    meta_base64: Option<String>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data_base64: Option<String>,
}

/// The message of an event; `previous` is the position before it in its partition.
pub(crate) fn encode(
    log: LogIdentity,
    recorded: &Recorded,
    previous: Position,
) -> Result<Message, Malformed> {
    let event = &recorded.event;
    let (meta, meta_base64) = embed(&event.meta);
    let (data, data_base64) = embed(&event.data);
    let body = Body {
        position: recorded.position.0,
        id: event.event_id,
        event_type: Cow::Borrowed(&event.event_type),
        schema_version: event.schema_version,
        stream: Cow::Owned(event.stream.to_string()),
        version: recorded.version,
        root: event.root,
        effective_at_ms: event.effective_at,
        recorded_at_ms: recorded.recorded_at,
        meta,
        meta_base64,
        data,
        data_base64,
    };
    let payload = serde_json::to_vec(&body).map_err(Malformed::Body)?;
    let mut headers = HeaderMap::new();
    headers.insert(SPEC_VERSION, "1.0");
    headers.insert(ID, event.event_id.to_string());
    headers.insert(TYPE, header_text(&event.event_type).as_ref());
    headers.insert(SOURCE, format!("urn:uuid:{}", log.id));
    if let Some(time) = time(event.effective_at) {
        headers.insert(TIME, time);
    }
    headers.insert(CONTENT_TYPE, "application/json");
    headers.insert(SEQUENCE, HeaderValue::from(recorded.position.0));
    headers.insert(MESSAGE_ID, format!("{}:{}", log.id, recorded.position));
    headers.insert(PREVIOUS, HeaderValue::from(previous.0));
    headers.insert(EPOCH, HeaderValue::from(log.epoch));
    let subject = subject(event);
    Ok(Message { subject, headers, payload: payload.into() })
}

/// Which event of which log a message is, from its headers alone.
pub(crate) fn stamp(headers: &HeaderMap) -> Result<Stamp, Malformed> {
    let missing =
        |name: &HeaderName| Malformed::Header { name: AsRef::<str>::as_ref(name).to_owned() };
    let text = |name: &HeaderName| headers.get(name.clone()).map(HeaderValue::as_str);
    let number = |name: HeaderName| {
        text(&name).and_then(|text| text.parse().ok()).ok_or_else(|| missing(&name))
    };
    let id = text(&SOURCE)
        .and_then(|source| source.strip_prefix("urn:uuid:"))
        .and_then(|id| Uuid::try_parse(id).ok())
        .ok_or_else(|| missing(&SOURCE))?;
    let event = text(&ID).and_then(|id| Uuid::try_parse(id).ok()).ok_or_else(|| missing(&ID))?;
    let log = LogIdentity { id, epoch: number(EPOCH)? };
    Ok(Stamp { place: Place { log, position: Position(number(SEQUENCE)?), event } })
}

/// The event of a message, bit for bit as the log keeps it.
pub(crate) fn decode(position: Position, payload: &Bytes) -> Result<Recorded, Malformed> {
    let body: Body<'_> = serde_json::from_slice(payload).map_err(Malformed::Body)?;
    if body.position != position.0 {
        return Err(Malformed::Position { header: position, body: Position(body.position) });
    }
    let event = NewEvent {
        stream: stream(&body.stream).ok_or(Malformed::Field { field: "stream" })?,
        event_type: Cow::Owned(body.event_type.into_owned()),
        schema_version: body.schema_version,
        event_id: body.id,
        root: body.root,
        effective_at: body.effective_at_ms,
        meta: extract(payload, "meta", body.meta, body.meta_base64)?,
        data: extract(payload, "data", body.data, body.data_base64)?,
    };
    Ok(Recorded { position, version: body.version, recorded_at: body.recorded_at_ms, event })
}

/// A JSON object goes as it is; anything else as base64.
fn embed(bytes: &Bytes) -> (Option<&RawValue>, Option<String>) {
    let object = bytes.starts_with(b"{").then(|| serde_json::from_slice::<&RawValue>(bytes));
    match object {
        // White space around the object would not come back.
        Some(Ok(raw)) if raw.get().len() == bytes.len() => (Some(raw), None),
        _ => (None, Some(STANDARD.encode(bytes))),
    }
}

fn extract(
    payload: &Bytes,
    field: &'static str,
    raw: Option<&RawValue>,
    base64: Option<String>,
) -> Result<Bytes, Malformed> {
    match (raw, base64) {
        (Some(raw), None) => Ok(payload.slice_ref(raw.get().as_bytes())),
        (None, Some(text)) => match STANDARD.decode(text) {
            Ok(bytes) => Ok(bytes.into()),
            Err(_) => Err(Malformed::Field { field }),
        },
        _ => Err(Malformed::Field { field }),
    }
}

/// `leadline.events.<partition>.<category>.<event-type>`: always five tokens, the type's dots are hyphens.
fn subject(event: &NewEvent) -> String {
    let category = event.stream.category.as_str();
    let mut subject = format!("{SUBJECT_PREFIX}.{}.{category}.", partition(event.root));
    subject.extend(event.event_type.chars().map(|letter| match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => letter,
        _ => '-',
    }));
    subject
}

fn stream(text: &str) -> Option<StreamKey> {
    let (category, id) = text.split_once('-')?;
    Some(StreamKey { category: Category::parse(category)?, id: Uuid::try_parse(id).ok()? })
}

/// A text as CloudEvents has it in headers: percent-encoded where it is not printable ASCII.
fn header_text(text: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'%' && byte != b'"';
    if text.bytes().all(plain) {
        return Cow::Borrowed(text);
    }
    let digit =
        |value: u8| char::from_digit(u32::from(value), 16).map(|hex| hex.to_ascii_uppercase());
    let encoded = text.bytes().flat_map(|byte| match byte {
        byte if plain(byte) => [Some(char::from(byte)), None, None],
        byte => [Some('%'), digit(byte >> 4), digit(byte & 0xf)],
    });
    Cow::Owned(encoded.flatten().collect())
}

/// A time as RFC 3339 has it; `None` outside the years that it knows.
fn time(millis: i64) -> Option<String> {
    let time = DateTime::from_timestamp_millis(millis)?;
    let known = (0..=9999).contains(&time.year());
    known.then(|| time.to_rfc3339_opts(SecondsFormat::Millis, true))
}
