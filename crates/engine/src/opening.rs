//! Personal data on its way to a caller who may see it: opened for one page, after the role check.

use crate::engine::Engine;
use crate::error::Error;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use leadline_domain::sealed::Field;
use leadline_events::{PersonalFields, seal};
use leadline_log::vault::Key;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// An envelope as documents carry it: `{"subject": …, "sealed": …}`.
fn envelope(value: &Value) -> Option<(Uuid, Vec<u8>)> {
    let object = value.as_object()?;
    let subject = Uuid::parse_str(object.get("subject")?.as_str()?).ok()?;
    // Stored with padding in events and without it in rows: one reader for both.
    let sealed = STANDARD_NO_PAD
        .decode(
            object
                .get("sealed")
                .or_else(|| object.get("envelope"))?
                .as_str()?
                .trim_end_matches('='),
        )
        .ok()?;
    Some((subject, sealed))
}

fn collect(value: &Value, subjects: &mut BTreeMap<Uuid, Option<Key>>) {
    if let Some((subject, _)) = envelope(value) {
        subjects.insert(subject, None);
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, subjects)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, subjects)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

struct Opener {
    log: Uuid,
    keys: BTreeMap<Uuid, Option<Key>>,
    /// Whether the caller may see what is inside.
    may_see: bool,
}

impl Opener {
    /// Replaces every envelope in `value` by what it holds, or by a word on why it is not shown.
    fn open(&self, name: &str, value: &mut Value) {
        if let Some((subject, sealed)) = envelope(value) {
            *value = self.opened(name, subject, &sealed);
            return;
        }
        match value {
            Value::Array(items) => {
                for item in items.iter_mut() {
                    self.open(name, item);
                }
                if let Some(merged) = merge(items) {
                    *value = merged;
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields.iter_mut() {
                    self.open(name, field);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn opened(&self, name: &str, subject: Uuid, sealed: &[u8]) -> Value {
        let Some(Some(key)) = self.keys.get(&subject) else { return json!({"erased": true}) };
        if !self.may_see {
            return json!({"withheld": true});
        }
        let field = if name == "note" { seal::NOTE } else { seal::PERSON };
        match seal::open(key, self.log, subject, field, sealed) {
            Ok(plain) if field == seal::NOTE => String::from_utf8_lossy(&plain).into_owned().into(),
            Ok(plain) => PersonalFields::from_json(&plain)
                .map_or(json!({"unreadable": true}), |fields| object(&fields)),
            Err(_) => json!({"unreadable": true}),
        }
    }
}

fn object(fields: &PersonalFields) -> Value {
    let mut object: Map<String, Value> =
        fields.iter().map(|(field, value)| (field.name().to_owned(), value.into())).collect();
    let custom: Map<String, Value> =
        fields.custom().map(|(name, value)| (name.to_owned(), value.into())).collect();
    if !custom.is_empty() {
        object.insert(Field::Custom.name().to_owned(), custom.into());
    }
    object.into()
}

/// Several openings of one person, oldest first, become one: later fields replace earlier ones.
fn merge(items: &[Value]) -> Option<Value> {
    let personal = |item: &Value| {
        item.as_object().is_some_and(|fields| {
            !fields.is_empty()
                && fields.keys().all(|name| {
                    Field::named(name).is_some()
                        || matches!(name.as_str(), "erased" | "withheld" | "unreadable")
                })
        })
    };
    if items.is_empty() || !items.iter().all(personal) {
        return None;
    }
    let mut merged = Map::new();
    for fields in items.iter().filter_map(Value::as_object) {
        merged.extend(fields.clone());
    }
    Some(Value::Object(merged))
}

impl Engine {
    /// Replaces the envelopes of `document` by what they hold, where the caller `may_see` it.
    ///
    /// # Errors
    /// The vault failed.
    pub(crate) async fn open_envelopes(
        &self,
        document: &mut Value,
        may_see: bool,
    ) -> Result<(), Error> {
        let mut keys = BTreeMap::new();
        collect(document, &mut keys);
        if keys.is_empty() {
            return Ok(());
        }
        let subjects: Vec<Uuid> = keys.keys().copied().collect();
        let found =
            self.vault.keys(&subjects).await.map_err(|error| Error::failed("vault", error))?;
        for (subject, key) in subjects.into_iter().zip(found) {
            keys.insert(subject, key);
        }
        Opener { log: self.log.identity().id, keys, may_see }.open("", document);
        Ok(())
    }
}
