//! What is noted beside the domain: commands that were refused or changed nothing, and the course of imports.

use crate::codec::Encoded;
use crate::stored::value::{Listed, Name};
use crate::stored::{Malformed, encoded};
use crate::stream::parse_stream;
use leadline_domain::StreamId;
use leadline_domain::refusal::Category;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The types of records with their current versions.
pub(crate) const TYPES: &[(&str, u16)] = &[
    ("attempt.refused", 1),
    ("attempt.no_change", 1),
    ("import.started", 1),
    ("import.line_refused", 1),
    ("import.finished", 1),
];

/// Something noted beside the domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A command was refused.
    Refused(Attempt),
    /// A command was accepted, and changed nothing.
    NoChange {
        /// Name of the command.
        command: String,
        /// The stream that it was addressed to.
        target: StreamId,
        /// The target's version.
        version: u64,
    },
    /// An import began.
    ImportStarted(ImportStarted),
    /// A line of an import was refused.
    LineRefused {
        /// Which line; 1 is the first.
        line: u64,
        /// Why: a stable code.
        code: String,
        /// Why, for a reader. Never personal.
        detail: String,
    },
    /// An import ended.
    ImportFinished(ImportFinished),
}

/// A refused command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Name of the command.
    pub command: String,
    /// The stream that it was addressed to.
    pub target: StreamId,
    /// Why: the refusal's stable code.
    pub code: String,
    /// How a caller should take it.
    pub category: Category,
    /// Why, for a reader. Never personal.
    pub detail: String,
    /// What would have been accepted instead: commands, phases, stages or reasons.
    pub allowed: Vec<String>,
    /// Names of what was missing.
    pub missing: Vec<String>,
    /// The target's version.
    pub current_version: Option<u64>,
    /// Whether the same command may succeed later.
    pub retryable: bool,
}

/// The beginning of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportStarted {
    /// BLAKE3 hash of the file's content, in hexadecimal.
    pub blake3: String,
    /// How many lines it has, where that is known beforehand.
    pub lines: Option<u64>,
    /// Format of the file.
    pub format: String,
    /// Whether the past is judged by today's policies.
    pub enforce: bool,
    /// Whether names that no catalogue knows are refused.
    pub strict: bool,
}

/// The end of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportFinished {
    /// How many commands of each name were accepted.
    pub counts: BTreeMap<String, u64>,
    /// How many lines were read.
    pub lines: u64,
    /// How many of them were refused.
    pub refused: u64,
    /// The latest business time read, in milliseconds of UTC.
    pub last_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RefusedV1<'a> {
    command: Cow<'a, str>,
    target: Cow<'a, str>,
    code: Cow<'a, str>,
    category: Name<Category>,
    detail: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "list_is_empty")]
    allowed: Cow<'a, [String]>,
    #[serde(default, skip_serializing_if = "list_is_empty")]
    missing: Cow<'a, [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_version: Option<u64>,
    retryable: bool,
}

#[expect(clippy::ptr_arg, reason = "serde hands the field as it is")]
fn list_is_empty(list: &Cow<'_, [String]>) -> bool {
    list.is_empty()
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoChangeV1<'a> {
    command: Cow<'a, str>,
    target: Cow<'a, str>,
    version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StartedV1<'a> {
    blake3: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<u64>,
    format: Cow<'a, str>,
    enforce: bool,
    strict: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineRefusedV1<'a> {
    line: u64,
    code: Cow<'a, str>,
    detail: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FinishedV1<'a> {
    counts: Cow<'a, BTreeMap<String, u64>>,
    lines: u64,
    refused: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_at: Option<i64>,
}

impl Record {
    /// The record in its stored form.
    pub fn encode(&self) -> Encoded {
        match self {
            Self::Refused(attempt) => encoded("attempt.refused", 1, &refused_form(attempt)),
            Self::NoChange { command, target, version } => {
                let (target, version) = (Cow::Owned(target.to_string()), *version);
                let form = NoChangeV1 { command: command.into(), target, version };
                encoded("attempt.no_change", 1, &form)
            }
            Self::ImportStarted(ImportStarted { blake3, lines, format, enforce, strict }) => {
                let form = StartedV1 {
                    blake3: blake3.into(),
                    lines: *lines,
                    format: format.into(),
                    enforce: *enforce,
                    strict: *strict,
                };
                encoded("import.started", 1, &form)
            }
            Self::LineRefused { line, code, detail } => {
                let form = LineRefusedV1 { line: *line, code: code.into(), detail: detail.into() };
                encoded("import.line_refused", 1, &form)
            }
            Self::ImportFinished(ImportFinished { counts, lines, refused, last_at }) => {
                let form = FinishedV1 {
                    counts: Cow::Borrowed(counts),
                    lines: *lines,
                    refused: *refused,
                    last_at: *last_at,
                };
                encoded("import.finished", 1, &form)
            }
        }
    }

    /// The record of this type in its current version; `None` for a type that is no record.
    pub(crate) fn decode(event_type: &str, data: &[u8]) -> Result<Option<Self>, Malformed> {
        Ok(Some(match event_type {
            "attempt.refused" => Self::Refused(refused(serde_json::from_slice(data)?)?),
            "attempt.no_change" => {
                let form: NoChangeV1<'_> = serde_json::from_slice(data)?;
                let target = stream(&form.target)?;
                let (command, version) = (form.command.into_owned(), form.version);
                Self::NoChange { command, target, version }
            }
            "import.started" => {
                let form: StartedV1<'_> = serde_json::from_slice(data)?;
                Self::ImportStarted(ImportStarted {
                    blake3: form.blake3.into_owned(),
                    lines: form.lines,
                    format: form.format.into_owned(),
                    enforce: form.enforce,
                    strict: form.strict,
                })
            }
            "import.line_refused" => {
                let form: LineRefusedV1<'_> = serde_json::from_slice(data)?;
                let (code, detail) = (form.code.into_owned(), form.detail.into_owned());
                Self::LineRefused { line: form.line, code, detail }
            }
            "import.finished" => {
                let form: FinishedV1<'_> = serde_json::from_slice(data)?;
                Self::ImportFinished(ImportFinished {
                    counts: form.counts.into_owned(),
                    lines: form.lines,
                    refused: form.refused,
                    last_at: form.last_at,
                })
            }
            _ => return Ok(None),
        }))
    }
}

fn refused_form(attempt: &Attempt) -> RefusedV1<'_> {
    RefusedV1 {
        command: Cow::Borrowed(&attempt.command),
        target: Cow::Owned(attempt.target.to_string()),
        code: Cow::Borrowed(&attempt.code),
        category: Name(attempt.category),
        detail: Cow::Borrowed(&attempt.detail),
        allowed: Cow::Borrowed(&attempt.allowed),
        missing: Cow::Borrowed(&attempt.missing),
        current_version: attempt.current_version,
        retryable: attempt.retryable,
    }
}

fn refused(form: RefusedV1<'_>) -> Result<Attempt, Malformed> {
    Ok(Attempt {
        command: form.command.into_owned(),
        target: stream(&form.target)?,
        code: form.code.into_owned(),
        category: form.category.0,
        detail: form.detail.into_owned(),
        allowed: form.allowed.into_owned(),
        missing: form.missing.into_owned(),
        current_version: form.current_version,
        retryable: form.retryable,
    })
}

fn stream(text: &str) -> Result<StreamId, Malformed> {
    parse_stream(text).ok_or(Malformed::Value("the target is no stream"))
}

/// The name of a category of refusals, in stored records and replies.
pub fn category_name(category: Category) -> &'static str {
    Listed::name(category)
}
