//! The part of an event's envelope that is stored as JSON beside the log's columns.

use crate::codec::Error;
use crate::stored::value::{Listed, Name};
use crate::stored::{Malformed, Stored, json};
use bytes::Bytes;
use leadline_domain::Timestamp;
use leadline_domain::actor::{Actor, ActorKind};
use leadline_domain::decision::{Class, Explanation, Input, Mode};
use leadline_domain::id::{CommandId, SubjectId};
use leadline_domain::policy::PolicyRef;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use uuid::Uuid;

/// The envelope of an event about to be appended. Holds nothing personal in clear.
#[derive(Clone, Copy, Debug)]
pub struct Meta<'a> {
    /// Where the event comes from.
    pub class: Class,
    /// Who.
    pub actor: &'a Actor,
    /// The command that led to it.
    pub command_id: CommandId,
    /// Name of that command.
    pub command: &'a str,
    /// What belongs together: the id of the first command of a chain. Not written where it is this command.
    pub correlation: Uuid,
    /// The event that caused the command.
    pub causation: Option<Uuid>,
    /// The trace in which it was decided.
    pub trace_id: Option<&'a str>,
    /// The policy versions that shaped it.
    pub policies: &'a [PolicyRef],
    /// Why.
    pub explanation: &'a Explanation,
    /// Whose data the event carries.
    pub subject: Option<SubjectId>,
    /// What was asked: on the first event of each append.
    pub trigger: Option<Trigger<'a>>,
}

/// What was asked, so that it can be decided again under other policies.
#[derive(Clone, Copy, Debug)]
pub struct Trigger<'a> {
    /// Name of the command.
    pub command: &'a str,
    /// The command, its personal parts sealed.
    pub payload: &'a RawValue,
    /// What asked.
    pub actor: ActorKind,
    /// How strictly the rules applied.
    pub mode: Mode,
    /// The present of the decision.
    pub now: Timestamp,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Version of the `config` stream that the decision saw.
    pub config_version: u64,
}

/// The envelope of a stored event.
#[derive(Clone, Debug)]
pub struct StoredMeta {
    /// Where the event comes from.
    pub class: Class,
    /// Who.
    pub actor: Actor,
    /// The command that led to it.
    pub command_id: CommandId,
    /// Name of that command.
    pub command: String,
    /// What belongs together.
    pub correlation: Uuid,
    /// The event that caused the command.
    pub causation: Option<Uuid>,
    /// The trace in which it was decided.
    pub trace_id: Option<String>,
    /// The policy versions that shaped it.
    pub policies: Vec<PolicyRef>,
    /// The rule that applied; empty where none is named.
    pub rule: String,
    /// What the rule looked at, in order.
    pub inputs: Vec<(String, Input)>,
    /// Whose data the event carries.
    pub subject: Option<SubjectId>,
    /// What was asked: on the first event of each append.
    pub trigger: Option<StoredTrigger>,
}

/// What was asked.
#[derive(Clone, Debug)]
pub struct StoredTrigger {
    /// Name of the command.
    pub command: String,
    /// The command, its personal parts sealed.
    pub payload: Box<RawValue>,
    /// What asked.
    pub actor: ActorKind,
    /// How strictly the rules applied.
    pub mode: Mode,
    /// The present of the decision.
    pub now: Timestamp,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Version of the `config` stream that the decision saw.
    pub config_version: u64,
}

/// The envelope as JSON. It has no version: it only ever grows, and a reader passes over what it does not know.
#[derive(Serialize, Deserialize)]
struct Form<'a> {
    class: Name<Class>,
    actor: ActorForm<'a>,
    command_id: Uuid,
    command: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    causation: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    policies: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<ExplanationForm<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trigger: Option<TriggerForm<'a>>,
}

#[derive(Serialize, Deserialize)]
struct ActorForm<'a> {
    kind: Name<ActorKind>,
    id: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
struct ExplanationForm<'a> {
    rule: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Inputs::is_empty")]
    inputs: Inputs<'a>,
}

#[derive(Serialize, Deserialize)]
struct TriggerForm<'a> {
    command: Cow<'a, str>,
    payload: Cow<'a, RawValue>,
    actor: Name<ActorKind>,
    mode: ModeForm,
    now: i64,
    occurred_at: i64,
    config_version: u64,
}

/// `"live"`, or what an import was told.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ModeForm {
    Live,
    Migration { enforce_policies: bool, strict: bool },
}

/// The inputs of an explanation, as an object in the order in which the rule looked at them. A time is
/// `{"at": milliseconds}`, so that it is not taken for a number.
enum Inputs<'a> {
    Written(&'a [(&'static str, Input)]),
    Read(Vec<(String, Input)>),
}

struct InputForm<'a>(Cow<'a, Input>);

impl Meta<'_> {
    /// The envelope as compact JSON.
    pub fn encode(&self) -> Bytes {
        let Self { class, actor, command_id, command, correlation, causation, .. } = *self;
        let Explanation { rule, inputs } = self.explanation;
        let explained = !rule.is_empty() || !inputs.is_empty();
        Bytes::from(json(&Form {
            class: Name(class),
            actor: ActorForm {
                kind: Name(actor.kind),
                id: Cow::Borrowed(&actor.id),
                on_behalf_of: actor.on_behalf_of.as_deref().map(Cow::Borrowed),
            },
            command_id: command_id.0,
            command: Cow::Borrowed(command),
            correlation: (correlation != command_id.0).then_some(correlation),
            causation,
            trace_id: self.trace_id.map(Cow::Borrowed),
            policies: self.policies.iter().map(Stored::form).collect(),
            explanation: explained.then_some(ExplanationForm {
                rule: Cow::Borrowed(rule),
                inputs: Inputs::Written(inputs),
            }),
            subject: self.subject.map(|subject| subject.0),
            trigger: self.trigger.map(Trigger::form),
        }))
    }
}

impl<'a> Trigger<'a> {
    fn form(self) -> TriggerForm<'a> {
        TriggerForm {
            command: Cow::Borrowed(self.command),
            payload: Cow::Borrowed(self.payload),
            actor: Name(self.actor),
            mode: match self.mode {
                Mode::Live => ModeForm::Live,
                Mode::Migration { enforce_policies, strict } => {
                    ModeForm::Migration { enforce_policies, strict }
                }
            },
            now: self.now.millis(),
            occurred_at: self.occurred_at.millis(),
            config_version: self.config_version,
        }
    }
}

impl StoredMeta {
    /// Reads an envelope that [`Meta::encode`] wrote, or one with fields that this software does not know.
    ///
    /// # Errors
    /// The bytes are no envelope.
    pub fn decode(meta: &[u8]) -> Result<Self, Error> {
        Self::read(meta).map_err(|error| Error::Envelope { source: Box::new(error) })
    }

    fn read(meta: &[u8]) -> Result<Self, Malformed> {
        let form: Form<'_> = serde_json::from_slice(meta)?;
        let (rule, inputs) = match form.explanation {
            Some(ExplanationForm { rule, inputs }) => (rule.into_owned(), inputs.into_owned()),
            None => (String::new(), Vec::new()),
        };
        Ok(Self {
            class: form.class.0,
            actor: Actor {
                kind: form.actor.kind.0,
                id: form.actor.id.into_owned(),
                on_behalf_of: form.actor.on_behalf_of.map(Cow::into_owned),
            },
            command_id: CommandId(form.command_id),
            command: form.command.into_owned(),
            correlation: form.correlation.unwrap_or(form.command_id),
            causation: form.causation,
            trace_id: form.trace_id.map(Cow::into_owned),
            policies: form.policies.into_iter().map(Stored::read).collect::<Result<_, _>>()?,
            rule,
            inputs,
            subject: form.subject.map(SubjectId),
            trigger: form.trigger.map(StoredTrigger::read).transpose()?,
        })
    }
}

impl StoredTrigger {
    fn read(form: TriggerForm<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            command: form.command.into_owned(),
            payload: form.payload.into_owned(),
            actor: form.actor.0,
            mode: match form.mode {
                ModeForm::Live => Mode::Live,
                ModeForm::Migration { enforce_policies, strict } => {
                    Mode::Migration { enforce_policies, strict }
                }
            },
            now: Stored::read(form.now)?,
            occurred_at: Stored::read(form.occurred_at)?,
            config_version: form.config_version,
        })
    }
}

impl Inputs<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Self::Written(inputs) => inputs.is_empty(),
            Self::Read(inputs) => inputs.is_empty(),
        }
    }

    fn into_owned(self) -> Vec<(String, Input)> {
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

impl Listed for Class {
    const WHAT: &'static str = "a class of events";

    fn name(self) -> &'static str {
        Self::name(self)
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Fact, Self::Decision, Self::Correction, Self::Effect]
            .into_iter()
            .find(|class| class.name() == name)
    }
}

impl Listed for ActorKind {
    const WHAT: &'static str = "a kind of actor";

    fn name(self) -> &'static str {
        Self::name(self)
    }

    fn named(name: &str) -> Option<Self> {
        Self::named(name)
    }
}

#[cfg(test)]
mod tests;
