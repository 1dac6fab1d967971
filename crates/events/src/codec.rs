//! Events to bytes and back.

use crate::record::{self, Record};
use crate::stored::{Malformed, account, campaign, config, contact, lead, opportunity, subject};
use crate::upcast::{self, UPCASTERS};
use bytes::Bytes;
use leadline_domain::Event;
use thiserror::Error;

/// An event as it goes into the log, beside its envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Name of the type, such as `lead.captured`.
    pub event_type: &'static str,
    /// Version of the stored form; 1 is the first.
    pub schema_version: u16,
    /// Compact JSON.
    pub data: Bytes,
}

/// What stored bytes turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// An event of the domain.
    Known(Event),
    /// Something noted beside the domain: an attempt, or the course of an import. Folds of the domain skip it.
    Record(Record),
    /// A type that this software does not know. To be kept and counted.
    Unknown,
}

/// Why stored bytes could not be read. Carries no value of the event.
#[derive(Debug, Error)]
pub enum Error {
    /// They are not of the form that their type and version promise.
    #[error("could not read a `{event_type}` event of schema version {schema_version}")]
    Malformed {
        /// Name of the type.
        event_type: String,
        /// Version that they claim.
        schema_version: u16,
        /// What is wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The type is known, and the version is newer than this software.
    #[error(
        "a `{event_type}` event has schema version {schema_version}, and this software reads up to {current}"
    )]
    Newer {
        /// Name of the type.
        event_type: String,
        /// Version that they claim.
        schema_version: u16,
        /// Newest version that is known.
        current: u16,
    },
    /// An envelope is not of its form.
    #[error("could not read the envelope of an event")]
    Envelope {
        /// What is wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The event in its stored form.
pub fn encode(event: &Event) -> Encoded {
    match event {
        Event::Lead(event) => lead::encode(event),
        Event::Account(event) => account::encode(event),
        Event::Contact(event) => contact::encode(event),
        Event::Opportunity(event) => opportunity::encode(event),
        Event::Campaign(event) => campaign::encode(event),
        Event::Config(event) => config::encode(event),
        Event::Subject(event) => subject::encode(event),
    }
}

/// What `data` holds. Old versions are brought up to date first.
///
/// # Errors
/// The type is known, and the bytes are not of its form or of a version that this software does not know yet.
pub fn decode(event_type: &str, schema_version: u16, data: &[u8]) -> Result<Decoded, Error> {
    let Some(current) = current_version(event_type) else {
        return Ok(Decoded::Unknown);
    };
    if schema_version > current {
        let event_type = event_type.to_owned();
        return Err(Error::Newer { event_type, schema_version, current });
    }
    let malformed =
        |source| Error::Malformed { event_type: event_type.to_owned(), schema_version, source };
    if schema_version == current {
        return read(event_type, data).map_err(|error| malformed(Box::new(error)));
    }
    let data = upcast::apply(UPCASTERS, event_type, schema_version..current, data)
        .map_err(|error| malformed(Box::new(error)))?;
    read(event_type, &data).map_err(|error| malformed(Box::new(error)))
}

/// Every known type with its current version, the domain's events first.
pub fn types() -> impl Iterator<Item = (&'static str, u16)> + Clone {
    tables().into_iter().flatten().copied()
}

/// The current version of this type; `None` for a type that this software does not know.
pub fn current_version(event_type: &str) -> Option<u16> {
    types().find_map(|(name, version)| (name == event_type).then_some(version))
}

fn tables() -> [&'static [(&'static str, u16)]; 8] {
    [
        lead::TYPES,
        opportunity::TYPES,
        account::TYPES,
        contact::TYPES,
        campaign::TYPES,
        config::TYPES,
        subject::TYPES,
        record::TYPES,
    ]
}

/// Reads the current version of a type.
fn read(event_type: &str, data: &[u8]) -> Result<Decoded, Malformed> {
    let category = event_type.split_once('.').map_or(event_type, |(category, _)| category);
    let known = match category {
        "lead" => lead::decode(event_type, data)?.map(Event::Lead),
        "opportunity" => opportunity::decode(event_type, data)?.map(Event::Opportunity),
        "account" => account::decode(event_type, data)?.map(Event::Account),
        "contact" => contact::decode(event_type, data)?.map(Event::Contact),
        "campaign" => campaign::decode(event_type, data)?.map(Event::Campaign),
        "config" => config::decode(event_type, data)?.map(Event::Config),
        "subject" => subject::decode(event_type, data)?.map(Event::Subject),
        _ => {
            let record = Record::decode(event_type, data)?;
            return Ok(record.map_or(Decoded::Unknown, Decoded::Record));
        }
    };
    Ok(known.map_or(Decoded::Unknown, Decoded::Known))
}
