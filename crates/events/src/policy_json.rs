//! Policies as documents: one JSON object with `kind`, `name`, `version` and the rules of that kind.
//!
//! A published version is identified by `name@version#hash`, the hash being of the canonical JSON of the document as
//! it was given: keys sorted, no white space. TOML is the same document once it has been read into a JSON value.

mod calendar;
mod form;

use leadline_domain::policy::{Document, Kind, PolicyRef, shipped as from_domain};
use serde_json::{Map, Value};
use std::sync::Arc;
use thiserror::Error;

/// Longest canonical document, in bytes: with its quotes escaped it still fits one event.
pub const SOURCE_BYTES_MAX: usize = 30_000;
/// Longest name of a policy, in bytes.
pub const NAME_BYTES_MAX: usize = 64;

/// A policy version, as it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The rules.
    pub document: Document,
    /// The document as it was given, in canonical JSON.
    pub source: String,
    /// `name@version#hash`, the hash being the first 16 hexadecimal digits of the BLAKE3 digest of `source`.
    pub reference: PolicyRef,
}

/// Why a document is no policy.
#[derive(Debug, Error)]
pub enum Error {
    /// It is not JSON.
    #[error("the policy is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// It breaks rules; all that were found, each with the place in the document.
    #[error("the policy is not valid: {}", errors.join("; "))]
    Invalid {
        /// What is wrong, one sentence each.
        errors: Vec<String>,
    },
}

impl Error {
    /// What is wrong, one sentence each.
    pub fn errors(&self) -> Vec<String> {
        match self {
            Self::NotJson(source) => vec![format!("the document is not JSON: {source}")],
            Self::Invalid { errors } => errors.clone(),
        }
    }
}

/// Reads a policy document.
///
/// # Errors
/// It is not JSON, is too long, or breaks the rules of its kind.
pub fn parse(json: &[u8]) -> Result<Policy, Error> {
    parse_value(serde_json::from_slice(json).map_err(Error::NotJson)?)
}

/// Reads a policy document that has been parsed already, from JSON or TOML.
///
/// # Errors
/// It is too long, or breaks the rules of its kind.
pub fn parse_value(document: Value) -> Result<Policy, Error> {
    let mut errors = Vec::new();
    let source = canonical(&document);
    if source.len() > SOURCE_BYTES_MAX {
        let length = source.len();
        errors.push(format!(
            "the document has {length} bytes, and at most {SOURCE_BYTES_MAX} are accepted"
        ));
        return Err(Error::Invalid { errors });
    }
    let Value::Object(mut rules) = document else {
        errors.push("the document is not an object".to_owned());
        return Err(Error::Invalid { errors });
    };
    let name = take_name(&mut rules, &mut errors);
    let version = take_version(&mut rules, &mut errors);
    let document = match take_kind(&mut rules, &mut errors) {
        Some(kind) => form::read(kind, rules, &mut errors),
        None => None,
    };
    match document {
        Some(document) if errors.is_empty() => {
            let reference = reference(&name, version, &source);
            Ok(Policy { document, source, reference })
        }
        _ => Err(Error::Invalid { errors }),
    }
}

/// The complete document of a policy, every rule spelt out.
pub fn to_json(document: &Document, name: &str, version: u32) -> Value {
    let mut rules = form::write(document);
    rules.insert("kind".to_owned(), Value::from(document.kind().name()));
    rules.insert("name".to_owned(), Value::from(name));
    rules.insert("version".to_owned(), Value::from(version));
    Value::Object(rules)
}

/// The policies that are in force where nothing else has been published, at version 1.
pub fn shipped() -> Vec<Policy> {
    let policy = |(name, document): (&'static str, Document)| {
        let source = canonical(&to_json(&document, name, 1));
        let reference = reference(name, 1, &source);
        Policy { document, source, reference }
    };
    from_domain::shipped().into_iter().map(policy).collect()
}

/// JSON with sorted keys and no white space: one text for one document.
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            text.push('{');
            for (index, (name, value)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write_canonical(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_canonical(item, text);
            }
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

fn reference(name: &str, version: u32, source: &str) -> PolicyRef {
    let hash = blake3::hash(source.as_bytes()).to_hex();
    let short = hash.get(..16).unwrap_or_default();
    PolicyRef(Arc::from(format!("{name}@{version}#{short}")))
}

/// The beginning of a text, to be repeated in an error.
fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

/// What stands in a document instead of what is needed, to follow a sentence about that.
fn found(value: Option<&Value>) -> String {
    match value {
        None => "; it is missing".to_owned(),
        Some(value) => format!(", not `{}`", short(&value.to_string())),
    }
}

fn take_name(rules: &mut Map<String, Value>, errors: &mut Vec<String>) -> String {
    let given = rules.remove("name");
    let name = given.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
    let accepted = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(accepted) {
        errors.push(format!(
            "name: 1 to {NAME_BYTES_MAX} ASCII letters, digits, hyphens, underscores and full stops are needed{}",
            found(given.as_ref())
        ));
    }
    name
}

fn take_version(rules: &mut Map<String, Value>, errors: &mut Vec<String>) -> u32 {
    let given = rules.remove("version");
    let version = given.as_ref().and_then(Value::as_u64);
    let version = version.and_then(|version| u32::try_from(version).ok()).unwrap_or_default();
    if version == 0 {
        errors.push(format!("version: an integer from 1 on is needed{}", found(given.as_ref())));
    }
    version
}

fn take_kind(rules: &mut Map<String, Value>, errors: &mut Vec<String>) -> Option<Kind> {
    let given = rules.remove("kind");
    let name = given.as_ref().and_then(Value::as_str);
    let kind = Kind::ALL.into_iter().find(|kind| Some(kind.name()) == name);
    if kind.is_none() {
        let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        let (names, found) = (names.join(", "), found(given.as_ref()));
        errors.push(format!("kind: one of {names} is needed{found}"));
    }
    kind
}

#[cfg(test)]
mod tests;
