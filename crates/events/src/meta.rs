//! The part of an event's envelope that is stored as JSON beside the log's columns.

mod inputs;

use crate::codec::Error;
use crate::stored::value::{Listed, Name};
use crate::stored::{Malformed, Stored, json};
use crate::stream::parse_stream;
use bytes::Bytes;
use inputs::Inputs;
use leadline_domain::actor::{Actor, ActorKind};
use leadline_domain::decision::{Class, Explanation, Input, Mode};
use leadline_domain::id::{CommandId, SubjectId};
use leadline_domain::policy::PolicyRef;
use leadline_domain::{StreamId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
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
    /// The stream that the command turned out to be about.
    pub target: StreamId,
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
    /// The stream that the command turned out to be about.
    pub target: StreamId,
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
    target: Cow<'a, str>,
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
            target: Cow::Owned(self.target.to_string()),
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
            actor: form.actor.read(),
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

/// Reads the actor out of an envelope, and passes over everything else: what a fold needs of each of many events.
///
/// # Errors
/// The bytes are no envelope.
pub fn actor_of(meta: &[u8]) -> Result<Actor, Error> {
    #[derive(Deserialize)]
    struct Acted<'a> {
        actor: ActorForm<'a>,
    }

    let read: Result<Acted<'_>, _> = serde_json::from_slice(meta);
    let Acted { actor } = read.map_err(|error| Error::Envelope { source: Box::new(error) })?;
    Ok(actor.read())
}

impl ActorForm<'_> {
    fn read(self) -> Actor {
        Actor {
            kind: self.kind.0,
            id: self.id.into_owned(),
            on_behalf_of: self.on_behalf_of.map(Cow::into_owned),
        }
    }
}

impl StoredTrigger {
    fn read(form: TriggerForm<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            command: form.command.into_owned(),
            payload: form.payload.into_owned(),
            target: parse_stream(&form.target)
                .ok_or(Malformed::Value("the target is no stream"))?,
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
