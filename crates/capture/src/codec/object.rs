//! A flat JSON object, read once, with its texts borrowed from the input where they hold no escapes.

use super::{ParseError, code};
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// Most fields of one object: what looks for a field looks at them all.
pub const OBJECT_FIELDS_MAX: usize = 128;

/// The value of one field.
#[derive(Clone, PartialEq)]
pub(crate) enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(Cow<'a, str>),
    /// An object of texts; numbers and flags in it are written out, nulls are left out.
    Map(Vec<(Cow<'a, str>, Cow<'a, str>)>),
    /// Something that no field takes, by what it is.
    Other(&'static str),
}

impl Value<'_> {
    /// What the value is, for people.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Flag(_) => "a flag",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::Map(_) => "an object",
            Self::Other(kind) => kind,
        }
    }
}

/// Names and values in the order of the input, each name once.
pub(crate) struct Object<'a> {
    pub(crate) fields: Vec<(Cow<'a, str>, Value<'a>)>,
}

impl<'a> Object<'a> {
    /// Reads `json`, of which nothing may be left over.
    pub(crate) fn parse(json: &'a [u8]) -> Result<Self, ParseError> {
        serde_json::from_slice(json).map_err(|error| malformed(&error))
    }

    /// Takes the field `name` out.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value<'a>> {
        let place = self.fields.iter().position(|(one, _)| one == name)?;
        Some(self.fields.swap_remove(place).1)
    }
}

/// Says where the text is no JSON, without a word of the text itself, which may be personal.
fn malformed(error: &serde_json::Error) -> ParseError {
    let detail = if error.is_data() {
        format!("not a JSON object of at most {OBJECT_FIELDS_MAX} different fields")
    } else {
        format!("not well-formed JSON at line {} column {}", error.line(), error.column())
    };
    ParseError { code: code::MALFORMED_JSON, field: None, detail }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields: Vec<(Cow<'de, str>, Value<'de>)> = Vec::with_capacity(12);
        while let Some(name) = map.next_key_seed(Seed(PhantomData::<Cow<'de, str>>))? {
            if fields.len() >= OBJECT_FIELDS_MAX || fields.iter().any(|(one, _)| *one == name) {
                return Err(A::Error::custom("too many fields, or one twice"));
            }
            let value = map.next_value_seed(Seed(PhantomData::<Value<'de>>))?;
            fields.push((name, value));
        }
        Ok(Object { fields })
    }
}

/// Reads a `T` of this module, borrowing where it can.
struct Seed<T>(PhantomData<T>);

impl<'de> DeserializeSeed<'de> for Seed<Cow<'de, str>> {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Seed<Cow<'de, str>> {
    type Value = Cow<'de, str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

impl<'de> DeserializeSeed<'de> for Seed<Value<'de>> {
    type Value = Value<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<Value<'de>> {
    type Value = Value<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Value::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(number).map_or(Value::Other("a number too large"), Value::Number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Value::Other("a number with a fraction"))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries: Vec<(Cow<'de, str>, Cow<'de, str>)> = Vec::new();
        let mut sound = true;
        while let Some(name) = map.next_key_seed(Seed(PhantomData::<Cow<'de, str>>))? {
            // Values inside a value may be anything: read them without recursion of our own.
            match map.next_value_seed(Seed(PhantomData::<Scalar<'de>>))? {
                Scalar::Text(text) => {
                    sound &= entries.len() < OBJECT_FIELDS_MAX
                        && !entries.iter().any(|(one, _)| *one == name);
                    if sound {
                        entries.push((name, text));
                    }
                }
                Scalar::Null => {}
                Scalar::Other => sound = false,
            }
        }
        Ok(if sound { Value::Map(entries) } else { Value::Other("an object of more than texts") })
    }
}

/// A value inside an object inside the object.
enum Scalar<'a> {
    Null,
    Text(Cow<'a, str>),
    Other,
}

impl<'de> DeserializeSeed<'de> for Seed<Scalar<'de>> {
    type Value = Scalar<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<Scalar<'de>> {
    type Value = Scalar<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(if flag { "true" } else { "false" })))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(number.to_string())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(number.to_string())))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_they_are() {
        let json = br#"{"a":"x","b":"\u00e9","c":1,"d":-2,"e":1.5,"f":null,"g":true,"h":[1,[2]],
            "i":{"k":"v","n":3,"gone":null},"j":{"deep":{"er":1}},"k":18446744073709551615}"#;
        let object = Object::parse(json).unwrap_or_else(|error| panic!("{error}"));
        let kinds: Vec<&str> = object.fields.iter().map(|(_, value)| value.kind()).collect();
        assert_eq!(
            kinds,
            [
                "a text",
                "a text",
                "a number",
                "a number",
                "a number with a fraction",
                "null",
                "a flag",
                "a list",
                "an object",
                "an object of more than texts",
                "a number too large"
            ]
        );
        assert!(matches!(&object.fields[0].1, Value::Text(Cow::Borrowed("x"))));
        assert!(matches!(&object.fields[1].1, Value::Text(Cow::Owned(text)) if text == "é"));
        let Value::Map(entries) = &object.fields[8].1 else { panic!("no map") };
        assert_eq!(entries, &[("k".into(), "v".into()), ("n".into(), "3".into())]);
    }

    #[test]
    fn what_is_no_flat_object_is_refused_without_a_word_of_it() {
        let many: String = (0..=OBJECT_FIELDS_MAX)
            .map(|number| format!("\"f{number}\":1"))
            .collect::<Vec<_>>()
            .join(",");
        for json in
            ["", "{", "[]", "\"secret\"", "{\"a\":1}x", "{\"a\":1,\"a\":2}", &format!("{{{many}}}")]
        {
            let Err(error) = Object::parse(json.as_bytes()) else { panic!("{json}") };
            assert_eq!(error.code, code::MALFORMED_JSON);
            assert!(!error.detail.contains("secret"));
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let deep = Object::parse(deep.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(deep.fields[0].1.kind(), "a list");
    }
}
