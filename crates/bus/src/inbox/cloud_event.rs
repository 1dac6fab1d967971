//! Reading a `CloudEvent` of a message, in binary or structured mode.

use async_nats::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Largest data of one event, in bytes.
pub const DATA_BYTES_MAX: usize = 262_144;
/// Longest id, source and type, in bytes.
pub const ATTRIBUTE_BYTES_MAX: usize = 256;
/// The content type of events in structured mode.
const STRUCTURED: &str = "application/cloudevents+json";
/// The version of CloudEvents that is read.
const SPEC_VERSION: &str = "1.0";

/// What happened elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct CloudEvent {
    /// Its identity within its source.
    pub id: String,
    /// Where it happened.
    pub source: String,
    /// What kind of thing happened.
    pub event_type: String,
    /// What it says.
    pub data: Bytes,
}

impl std::fmt::Debug for CloudEvent {
    /// Leaves the data out: it is personal.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("CloudEvent")
            .field("id", &self.id)
            .field("source", &self.source)
            .field("event_type", &self.event_type)
            .finish_non_exhaustive()
    }
}

/// Why a message is no `CloudEvent`. Tells names of attributes, never their values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// An attribute is missing, empty or too long.
    #[error("the CloudEvents attribute `{0}` is missing, empty or longer than 256 bytes")]
    Attribute(&'static str),
    /// Nothing says that it is one.
    #[error(
        "there is no `ce-specversion` header and no `content-type: application/cloudevents+json`"
    )]
    Unmarked,
    /// It is of another version.
    #[error("the CloudEvents attribute `specversion` is not 1.0")]
    Version,
    /// The data is too large.
    #[error("the data is larger than 262,144 bytes")]
    Large,
    /// The body is not JSON of the structured mode.
    #[error("the body is no CloudEvent in JSON")]
    Body,
}

#[derive(Deserialize)]
struct Structured<'a> {
    #[serde(borrow, default)]
    specversion: Cow<'a, str>,
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    source: Cow<'a, str>,
    #[serde(rename = "type", borrow, default)]
    event_type: Cow<'a, str>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data_base64: Option<Cow<'a, str>>,
}

impl CloudEvent {
    /// Reads a message.
    pub(super) fn read(headers: Option<&HeaderMap>, payload: &Bytes) -> Result<Self, Malformed> {
        let header = |name: &str| {
            let value = headers.and_then(|headers| headers.get(name));
            value.map(|value| value.as_str().to_owned()).unwrap_or_default()
        };
        let content_type = ["content-type", "Content-Type"].map(header);
        if !content_type.iter().any(|value| value.starts_with(STRUCTURED)) {
            let version = header("ce-specversion");
            if version.is_empty() {
                return Err(Malformed::Unmarked);
            }
            let event = Self {
                id: header("ce-id"),
                source: header("ce-source"),
                event_type: header("ce-type"),
                data: payload.clone(),
            };
            return event.check(&version);
        }
        let body: Structured<'_> = serde_json::from_slice(payload).map_err(|_| Malformed::Body)?;
        let data = match (body.data, body.data_base64) {
            (Some(data), None) => payload.slice_ref(data.get().as_bytes()),
            (None, Some(text)) => {
                STANDARD.decode(text.as_bytes()).map_err(|_| Malformed::Body)?.into()
            }
            (None, None) => Bytes::new(),
            (Some(_), Some(_)) => return Err(Malformed::Body),
        };
        let event = Self {
            id: body.id.into_owned(),
            source: body.source.into_owned(),
            event_type: body.event_type.into_owned(),
            data,
        };
        event.check(&body.specversion)
    }

    fn check(self, version: &str) -> Result<Self, Malformed> {
        if version != SPEC_VERSION {
            return Err(Malformed::Version);
        }
        let attributes = [("id", &self.id), ("source", &self.source), ("type", &self.event_type)];
        for (name, value) in attributes {
            if value.is_empty() || value.len() > ATTRIBUTE_BYTES_MAX {
                return Err(Malformed::Attribute(name));
            }
        }
        if self.data.len() > DATA_BYTES_MAX {
            return Err(Malformed::Large);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(attributes: &[(&str, &str)]) -> Result<CloudEvent, Malformed> {
        let mut headers = HeaderMap::new();
        for (name, value) in attributes {
            headers.insert(*name, *value);
        }
        CloudEvent::read(Some(&headers), &Bytes::from_static(b"{\"a\":1}"))
    }

    fn structured(body: &'static str) -> Result<CloudEvent, Malformed> {
        let mut headers = HeaderMap::new();
        headers.insert("Content-Type", "application/cloudevents+json; charset=utf-8");
        CloudEvent::read(Some(&headers), &Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn both_modes_say_the_same() {
        let expected = CloudEvent {
            id: "1".to_owned(),
            source: "/forms".to_owned(),
            event_type: "lead".to_owned(),
            data: Bytes::from_static(b"{\"a\":1}"),
        };
        let attributes = [
            ("ce-specversion", "1.0"),
            ("ce-id", "1"),
            ("ce-source", "/forms"),
            ("ce-type", "lead"),
        ];
        assert_eq!(binary(&attributes), Ok(expected.clone()));
        for data in [r#""data":{"a":1}"#, r#""data_base64":"eyJhIjoxfQ==""#] {
            let body = format!(
                r#"{{"specversion":"1.0","id":"1","source":"/forms","type":"lead","other":2,{data}}}"#
            );
            assert_eq!(structured(body.leak()), Ok(expected.clone()));
        }
        assert!(!format!("{expected:?}").contains("data"), "data is personal");
    }

    #[test]
    fn what_is_no_cloud_event_says_why_without_a_word_of_it() {
        assert_eq!(binary(&[]), Err(Malformed::Unmarked));
        assert_eq!(binary(&[("ce-specversion", "0.3")]), Err(Malformed::Version));
        assert_eq!(structured("{}"), Err(Malformed::Version));
        let attributes = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "")];
        assert_eq!(binary(&attributes), Err(Malformed::Attribute("source")));
        assert_eq!(structured("{"), Err(Malformed::Body));
        let both =
            r#"{"specversion":"1.0","id":"1","source":"s","type":"t","data":1,"data_base64":""}"#;
        assert_eq!(structured(both), Err(Malformed::Body));
        let mut large = CloudEvent {
            id: "1".to_owned(),
            source: "s".to_owned(),
            event_type: "t".to_owned(),
            data: vec![0; DATA_BYTES_MAX].into(),
        };
        assert!(large.clone().check("1.0").is_ok());
        large.data = vec![0; DATA_BYTES_MAX + 1].into();
        assert_eq!(large.check("1.0"), Err(Malformed::Large));
    }
}
