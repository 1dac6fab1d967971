//! The command feed: one JSON object a line, as history comes over from other systems.

use crate::codec::{
    self, Aggregate, KEY_BYTES_MAX, LINE_BYTES_MAX, Object, Options, ParseError, Parsed, Value,
    command_named, name_unknown,
};
use leadline_domain::Timestamp;
use leadline_domain::actor::{Actor, ActorKind};
use leadline_domain::decision::Mode;
use leadline_domain::money::Currency;
use leadline_engine::role::Role;
use leadline_engine::submission::{Caller, Idempotency, Submission, Target};
use std::borrow::Cow;
use thiserror::Error;

/// The business name of the importer.
pub const IMPORTER: &str = "import";

/// How lines are taken.
#[derive(Clone, Copy, Debug)]
pub struct LineOptions {
    /// The currency of amounts that name none.
    pub currency: Currency,
    /// Judge the past by today's policies all the same.
    pub enforce_policies: bool,
    /// Refuse names that no catalogue knows, instead of registering them.
    pub strict: bool,
}

/// A line that is a command.
#[derive(Debug)]
pub struct FeedLine {
    /// The line's idempotency key.
    pub id: String,
    /// When it happened.
    pub at: Timestamp,
    /// The command.
    pub submission: Submission,
}

/// Why a line is no command. Tells names of fields, never their values.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{detail}")]
pub struct LineError {
    /// Stable code: one of [`codec::code`].
    pub code: &'static str,
    /// What is wrong and what to do.
    pub detail: String,
}

impl From<ParseError> for LineError {
    fn from(error: ParseError) -> Self {
        Self { code: error.code, detail: error.detail }
    }
}

/// Reads one line, without its line break.
///
/// # Errors
/// The line is too long or no JSON object, names no known command, or a field of it is unknown, missing, too long
/// or of the wrong kind.
pub fn parse_line(line: &[u8], options: LineOptions) -> Result<FeedLine, LineError> {
    if line.len() > LINE_BYTES_MAX {
        return Err(ParseError::too_long("line", LINE_BYTES_MAX).into());
    }
    let mut object = Object::parse(line)?;
    let command = required(&mut object, "cmd")?;
    let spec = command_named(&command)
        .filter(|spec| matches!(spec.aggregate, Aggregate::Lead | Aggregate::Opportunity))
        .ok_or_else(|| name_unknown(&command))?;
    let id = required(&mut object, "id")?.into_owned();
    let at = object.take("at").ok_or_else(|| ParseError::missing("at"))?;
    let at = codec::time("at", &at)?;
    let lead = required(&mut object, "lead")?.into_owned();
    let actor = optional(&mut object, "actor")?.map(Cow::into_owned);
    let parsed =
        codec::assemble(spec, object, Options { currency: options.currency, keep_extras: true })?;
    if parsed.key.is_some() {
        let detail = "a feed names the key in `lead`";
        return Err(ParseError::invalid("external_key", detail).into());
    }
    let submission = submission(parsed, &id, at, lead, actor, options);
    Ok(FeedLine { id, at, submission })
}

fn submission(
    parsed: Parsed,
    id: &str,
    at: Timestamp,
    lead: String,
    actor: Option<String>,
    options: LineOptions,
) -> Submission {
    let actor = Actor { kind: ActorKind::Migration, id: IMPORTER.to_owned(), on_behalf_of: actor };
    Submission {
        idempotency: Idempotency::Key(id.to_owned()),
        caller: Caller { actor, role: Role::Admin },
        target: Target::Key(lead),
        body: parsed.body,
        personal: parsed.personal,
        note: parsed.note,
        account_key: parsed.account_key,
        payload: parsed.payload,
        occurred_at: Some(at),
        now: None,
        if_version: None,
        mode: Mode::Migration {
            enforce_policies: options.enforce_policies,
            strict: options.strict,
        },
        trace_id: None,
    }
}

/// Takes a key or name out; numbers are taken as their digits.
fn optional<'a>(
    object: &mut Object<'a>,
    name: &'static str,
) -> Result<Option<Cow<'a, str>>, ParseError> {
    let text = match object.take(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Text(text)) => text,
        Some(Value::Number(number)) => Cow::Owned(number.to_string()),
        Some(value) => {
            let detail = format!("`{name}` takes a text, not {}", value.kind());
            return Err(ParseError::invalid(name, detail));
        }
    };
    if text.len() > KEY_BYTES_MAX {
        return Err(ParseError::too_long(name, KEY_BYTES_MAX));
    }
    if text.contains('\0') {
        return Err(ParseError::invalid(name, format!("`{name}` holds a NUL character")));
    }
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

fn required<'a>(object: &mut Object<'a>, name: &'static str) -> Result<Cow<'a, str>, ParseError> {
    optional(object, name)?.ok_or_else(|| ParseError::missing(name))
}

#[cfg(test)]
mod tests;
