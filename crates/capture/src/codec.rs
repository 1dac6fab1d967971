//! The command codec: JSON objects to commands, by one declarative table.
//!
//! The table says of every command which fields it takes; the parsing, the refusal of unknown fields, the API's
//! description and its paths all follow from it.

mod canonical;
mod nearest;
mod object;
mod spec;
mod table;
mod values;

pub use nearest::nearest;
pub use object::OBJECT_FIELDS_MAX;
pub use spec::{Aggregate, CommandSpec, Extras, FieldSpec, Kind, Place};
pub use table::{command_named, command_of_path, commands, name_unknown};

pub(crate) use object::{Object, Value};
pub(crate) use values::{Values, time};

use leadline_domain::Timestamp;
use leadline_domain::money::Currency;
use leadline_engine::submission::Body;
use leadline_events::PersonalFields;
use serde_json::value::RawValue;
use thiserror::Error;

/// Longest text of a field, in bytes.
pub const FIELD_BYTES_MAX: usize = 1_024;
/// Longest note, in bytes.
pub const NOTE_BYTES_MAX: usize = 16 * 1_024;
/// Longest key, in bytes: of idempotency, of a source system, of a campaign.
pub const KEY_BYTES_MAX: usize = leadline_engine::submission::KEY_BYTES_MAX;
/// Most custom fields, and most attributes, of one command.
pub const CUSTOM_FIELDS_MAX: usize = 50;
/// Longest name of a custom field or attribute, in bytes.
pub const CUSTOM_NAME_BYTES_MAX: usize = 64;
/// Largest body of a request, in bytes.
pub const BODY_BYTES_MAX: usize = 1_024 * 1_024;
/// Longest line of a feed, in bytes.
pub const LINE_BYTES_MAX: usize = 64 * 1_024;
/// Most commands of one request.
pub const REQUEST_COMMANDS_MAX: usize = 1_000;

/// Stable codes of what the codec refuses.
pub mod code {
    /// The text is no JSON object.
    pub const MALFORMED_JSON: &str = "malformed_json";
    /// No command has this name.
    pub const COMMAND_UNKNOWN: &str = "command_unknown";
    /// The command has no such field.
    pub const UNKNOWN_FIELD: &str = "unknown_field";
    /// The field takes no such value.
    pub const FIELD_INVALID: &str = "field_invalid";
    /// The field must be given.
    pub const FIELD_MISSING: &str = "field_missing";
    /// The text is longer than the field takes.
    pub const FIELD_TOO_LONG: &str = "field_too_long";
}

/// Why a payload is not a command. Tells names of fields, never their values.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{detail}")]
pub struct ParseError {
    /// One of [`code`].
    pub code: &'static str,
    /// The field at fault.
    pub field: Option<String>,
    /// What is wrong and what to do.
    pub detail: String,
}

impl ParseError {
    pub(crate) fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self { code: code::FIELD_INVALID, field: Some(field.to_owned()), detail: detail.into() }
    }

    pub(crate) fn missing(field: &str) -> Self {
        let detail = format!("`{field}` must be given");
        Self { code: code::FIELD_MISSING, field: Some(field.to_owned()), detail }
    }

    pub(crate) fn too_long(field: &str, limit: usize) -> Self {
        let detail = format!("`{field}` is longer than {limit} bytes");
        Self { code: code::FIELD_TOO_LONG, field: Some(field.to_owned()), detail }
    }
}

/// How a payload is read.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The currency of amounts that name none.
    pub currency: Currency,
    /// Whether fields that the table does not list are kept, as [`CommandSpec::extras`] says.
    pub keep_extras: bool,
}

/// A payload, taken apart: what is personal apart from what is not.
#[derive(Debug)]
pub struct Parsed {
    /// What is asked, with empty slots for envelopes.
    pub body: Body,
    /// Personal data, in clear.
    pub personal: PersonalFields,
    /// Text of a note, in clear.
    pub note: Option<String>,
    /// The key by which the source system knows the account.
    pub account_key: Option<String>,
    /// The key by which the source system knows the target, where the payload gives it.
    pub key: Option<String>,
    /// When it happened, where the payload says.
    pub occurred_at: Option<Timestamp>,
    /// Canonical JSON of what is not personal: sorted, without spaces.
    pub payload: Box<RawValue>,
}

/// Reads the payload of one command.
///
/// # Errors
/// It is no JSON object, or a field is unknown, missing, too long or of the wrong kind.
pub fn parse_command(
    spec: &CommandSpec,
    json: &[u8],
    options: Options,
) -> Result<Parsed, ParseError> {
    assemble(spec, Object::parse(json)?, options)
}

/// Builds the command of `spec` from the fields of `object`.
pub(crate) fn assemble(
    spec: &CommandSpec,
    mut object: Object<'_>,
    options: Options,
) -> Result<Parsed, ParseError> {
    let occurred_at = match object.take("occurred_at") {
        None | Some(Value::Null) => None,
        Some(value) => Some(time("occurred_at", &value)?),
    };
    let mut values = Values::read(spec, object, options)?;
    let payload = values.payload()?;
    let body = (spec.build)(&mut values)?;
    Ok(Parsed {
        body,
        personal: values.personal,
        note: values.note,
        account_key: values.account_key,
        key: values.key,
        occurred_at,
        payload,
    })
}
