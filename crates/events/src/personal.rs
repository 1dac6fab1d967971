//! Personal data in clear: for as long as it takes to seal or to show it.

use crate::stored::value::{Listed, Name};
use crate::stored::write_json;
use leadline_domain::sealed::{Field, FieldSet};
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

/// Fields of one person or company, in clear. Wiped when dropped, and never printed.
///
/// As JSON they are one object: `{"email": "…", "last_name": "…", "custom": {"department": "…"}}`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PersonalFields {
    values: BTreeMap<Field, String>,
    custom: BTreeMap<String, String>,
}

/// The opened bytes are no personal fields. Says nothing of what they are, as that is personal.
#[derive(Debug, Error)]
#[error("what was sealed is not a set of personal fields")]
pub struct Unreadable;

impl PersonalFields {
    /// Sets a field. `false`, and nothing is set, for [`Field::Custom`], whose parts have names of their own.
    pub fn set(&mut self, field: Field, value: String) -> bool {
        if field == Field::Custom {
            return false;
        }
        if let Some(mut former) = self.values.insert(field, value) {
            former.zeroize();
        }
        true
    }

    /// Sets a field of the company's own.
    pub fn set_custom(&mut self, name: String, value: String) {
        if let Some(mut former) = self.custom.insert(name, value) {
            former.zeroize();
        }
    }

    /// The value of a field; `None` where it is absent, and for [`Field::Custom`].
    pub fn get(&self, field: Field) -> Option<&str> {
        self.values.get(&field).map(String::as_str)
    }

    /// The fields and their values, in the fields' declared order.
    pub fn iter(&self) -> impl Iterator<Item = (Field, &str)> {
        self.values.iter().map(|(field, value)| (*field, value.as_str()))
    }

    /// The company's own fields and their values, by name.
    pub fn custom(&self) -> impl Iterator<Item = (&str, &str)> {
        self.custom.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Which fields are set.
    pub fn fields(&self) -> FieldSet {
        let set: FieldSet = self.values.keys().copied().collect();
        if self.custom.is_empty() { set } else { set.with(Field::Custom) }
    }

    /// Whether no field is set.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.custom.is_empty()
    }

    /// Lays `later` over these fields: what it sets replaces what was.
    pub fn overlay(&mut self, later: &Self) {
        for (field, value) in later.iter() {
            self.set(field, value.to_owned());
        }
        for (name, value) in later.custom() {
            self.set_custom(name.to_owned(), value.to_owned());
        }
    }

    /// Compact JSON, wiped when dropped: what is sealed.
    pub fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let mut json = Zeroizing::new(Vec::with_capacity(self.json_bytes_max()));
        write_json(self, &mut json);
        json
    }

    /// Reads what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// The bytes are something else.
    pub fn from_json(json: &[u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(json).map_err(|_| Unreadable)
    }

    /// At least the length of the JSON, so that its buffer never grows and leaves no copy behind. A character is
    /// escaped to at most six bytes.
    fn json_bytes_max(&self) -> usize {
        const AROUND: usize = 16;
        let text = |text: &str| text.len().saturating_mul(6).saturating_add(AROUND);
        let values =
            self.iter().map(|(field, value)| text(field.name()).saturating_add(text(value)));
        let custom = self.custom().map(|(name, value)| text(name).saturating_add(text(value)));
        values.chain(custom).fold(2 * AROUND, usize::saturating_add)
    }
}

impl Drop for PersonalFields {
    fn drop(&mut self) {
        self.values.values_mut().chain(self.custom.values_mut()).for_each(Zeroize::zeroize);
    }
}

impl fmt::Debug for PersonalFields {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.fields().iter().map(Field::name).collect::<Vec<_>>().join(", ");
        write!(formatter, "PersonalFields({names})")
    }
}

impl Serialize for PersonalFields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (field, value) in &self.values {
            map.serialize_entry(field.name(), value)?;
        }
        if !self.custom.is_empty() {
            map.serialize_entry(Field::Custom.name(), &self.custom)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for PersonalFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

/// Reads fields one by one.
struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = PersonalFields;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("personal fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PersonalFields, A::Error> {
        let mut fields = PersonalFields::default();
        while let Some(Name(field)) = map.next_key::<Name<Field>>()? {
            if field == Field::Custom {
                fields.custom = map.next_value()?;
            } else if fields.values.insert(field, map.next_value()?).is_some() {
                return Err(de::Error::custom(format_args!("{} twice", Field::WHAT)));
            }
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mia() -> PersonalFields {
        let mut fields = PersonalFields::default();
        assert!(fields.set(Field::Email, "mia@example.org".to_owned()));
        assert!(fields.set(Field::LastName, "Maier \"M\" \u{1}".to_owned()));
        fields.set_custom("department".to_owned(), "Öl".to_owned());
        fields
    }

    #[test]
    fn fields_survive_json() {
        let json = mia().to_json();
        assert_eq!(
            std::str::from_utf8(&json).unwrap(),
            "{\"email\":\"mia@example.org\",\"last_name\":\"Maier \\\"M\\\" \\u0001\",\
             \"custom\":{\"department\":\"Öl\"}}"
        );
        assert_eq!(PersonalFields::from_json(&json).unwrap(), mia());
        assert_eq!(*PersonalFields::default().to_json(), b"{}");
        assert!(json.len() <= mia().json_bytes_max());
    }

    #[test]
    fn nothing_personal_is_printed() {
        assert_eq!(format!("{:?}", mia()), "PersonalFields(email, last_name, custom)");
        let error = PersonalFields::from_json(br#"{"email":7,"x":"mia"}"#).unwrap_err();
        assert_eq!(error.to_string(), "what was sealed is not a set of personal fields");
    }

    #[test]
    fn later_fields_replace_earlier_ones() {
        let mut later = PersonalFields::default();
        later.set(Field::Email, "m@example.org".to_owned());
        later.set(Field::City, "Ulm".to_owned());
        let mut fields = mia();
        fields.overlay(&later);
        assert_eq!(fields.get(Field::Email), Some("m@example.org"));
        assert_eq!(fields.get(Field::City), Some("Ulm"));
        assert_eq!(fields.custom().count(), 1);
        assert!(!fields.set(Field::Custom, String::new()));
    }
}
