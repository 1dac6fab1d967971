//! What a rule looked at, as JSON.

use crate::stored::Stored;
use leadline_domain::decision::Input;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// The inputs of an explanation, as an object in the order in which the rule looked at them. A time is
/// `{"at": milliseconds}`, so that it is not taken for a number.
pub(super) enum Inputs<'a> {
    /// About to be written.
    Written(&'a [(&'static str, Input)]),
    /// Read back.
    Read(Vec<(String, Input)>),
}

struct InputForm<'a>(Cow<'a, Input>);

impl Inputs<'_> {
    /// Whether the rule looked at nothing.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Written(inputs) => inputs.is_empty(),
            Self::Read(inputs) => inputs.is_empty(),
        }
    }

    /// The inputs, whether written or read.
    pub(super) fn into_owned(self) -> Vec<(String, Input)> {
        match self {
            Self::Written(inputs) => {
                inputs.iter().map(|(name, input)| ((*name).to_owned(), input.clone())).collect()
            }
            Self::Read(inputs) => inputs,
        }
    }
}

impl Default for Inputs<'_> {
    fn default() -> Self {
        Self::Read(Vec::new())
    }
}

impl Serialize for Inputs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = |input| InputForm(Cow::Borrowed(input));
        match self {
            Self::Written(inputs) => {
                serializer.collect_map(inputs.iter().map(|(name, input)| (name, form(input))))
            }
            Self::Read(inputs) => {
                serializer.collect_map(inputs.iter().map(|(name, input)| (name, form(input))))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Inputs<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Named;

        impl<'de> Visitor<'de> for Named {
            type Value = Vec<(String, Input)>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("named inputs")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut inputs = Vec::new();
                while let Some((name, InputForm(input))) = map.next_entry()? {
                    inputs.push((name, input.into_owned()));
                }
                Ok(inputs)
            }
        }

        deserializer.deserialize_map(Named).map(Self::Read)
    }
}

impl Serialize for InputForm<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_ref() {
            Input::Text(text) => serializer.serialize_str(text),
            Input::Number(number) => serializer.serialize_i64(*number),
            Input::Flag(flag) => serializer.serialize_bool(*flag),
            Input::Time(at) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("at", &at.millis())?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for InputForm<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Value;

        impl<'de> Visitor<'de> for Value {
            type Value = Input;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text, an integer, true, false or a time")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Input, E> {
                Ok(Input::Text(text.to_owned()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Input, E> {
                Ok(Input::Number(number))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Input, E> {
                i64::try_from(number).map(Input::Number).map_err(E::custom)
            }

            fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Input, E> {
                Ok(Input::Flag(flag))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Input, A::Error> {
                match (map.next_entry::<String, i64>()?, map.next_key::<String>()?) {
                    (Some((name, at)), None) if name == "at" => {
                        Stored::read(at).map(Input::Time).map_err(de::Error::custom)
                    }
                    _ => Err(de::Error::custom("not a time")),
                }
            }
        }

        deserializer.deserialize_any(Value).map(|input| Self(Cow::Owned(input)))
    }
}
