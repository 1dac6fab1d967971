//! A decision in the making: what it may look at, and what it has come to so far.

use crate::decision::{
    ClaimChange, Context, Decision, Event, Explanation, Input, Inputs, Proposed, State,
};
use crate::id::{AccountId, CampaignId, ContactId, LeadId, OpportunityId};
use crate::policy::{Policies, PolicyRef};
use crate::{Refusal, StreamId, Timestamp, account, campaign, config, contact, lead, opportunity};

/// Why an event is proposed.
pub(crate) struct Why {
    rule: &'static str,
    inputs: Vec<(&'static str, Input)>,
    policies: Vec<PolicyRef>,
}

impl Why {
    /// The rule of this name.
    pub(crate) const fn rule(rule: &'static str) -> Self {
        Self { rule, inputs: Vec::new(), policies: Vec::new() }
    }

    /// It looked at `value`.
    pub(crate) fn with(mut self, name: &'static str, value: Input) -> Self {
        self.inputs.push((name, value));
        self
    }

    /// It followed this policy version.
    pub(crate) fn under(mut self, policy: &PolicyRef) -> Self {
        self.policies.push(policy.clone());
        self
    }
}

/// A decision in the making.
pub(crate) struct Draft<'a> {
    pub(crate) inputs: &'a Inputs<'a>,
    pub(crate) context: &'a Context,
    /// Names and campaigns seen for the first time: they come before what refers to them.
    registrations: Vec<Proposed>,
    events: Vec<Proposed>,
    claims: Vec<ClaimChange>,
}

impl<'a> Draft<'a> {
    pub(crate) const fn new(inputs: &'a Inputs<'a>, context: &'a Context) -> Self {
        Self { inputs, context, registrations: Vec::new(), events: Vec::new(), claims: Vec::new() }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(crate) fn finish(self) -> Decision {
        let Self { mut registrations, mut events, claims, .. } = self;
        if registrations.is_empty() || events.is_empty() {
            return Decision { events, claims };
        }
        registrations.append(&mut events);
        Decision { events: registrations, claims }
    }

    /// When what is decided takes effect.
    pub(crate) const fn at(&self) -> Timestamp {
        self.context.occurred_at
    }

    pub(crate) fn policies(&self) -> &'a Policies {
        &self.context.policies
    }

    /// The person who answers for the command.
    pub(crate) fn person(&self) -> Option<String> {
        self.context.actor.person().map(str::to_owned)
    }

    /// Proposes a fact, which needs no explanation.
    pub(crate) fn fact(&mut self, stream: StreamId, event: Event) {
        self.propose(stream, event, Why::rule(""));
    }

    /// Proposes an event and says why.
    pub(crate) fn propose(&mut self, stream: StreamId, event: Event, why: Why) {
        let proposed = self.proposed(stream, event, why);
        self.events.push(proposed);
    }

    /// Proposes an event that comes before all that refers to it; the same one only once.
    pub(crate) fn register(&mut self, stream: StreamId, event: Event) {
        let known = |one: &Proposed| one.stream == stream && one.event == event;
        if !self.registrations.iter().any(known) {
            let proposed = self.proposed(stream, event, Why::rule("name.first_seen"));
            self.registrations.push(proposed);
        }
    }

    /// What the decision registers so far.
    pub(crate) fn registered(&self) -> impl Iterator<Item = &Event> {
        self.registrations.iter().map(|proposed| &proposed.event)
    }

    pub(crate) fn claim(&mut self, change: ClaimChange) {
        self.claims.push(change);
    }

    /// Refuses a decision that would take effect before the stream's last one.
    pub(crate) fn not_before(&self, last: Timestamp) -> Result<(), Refusal> {
        if self.at() < last { Err(Refusal::BackdateNotAllowed { last }) } else { Ok(()) }
    }

    /// The lead, where it has been captured.
    pub(crate) fn lead(&self, id: LeadId) -> Option<&'a lead::State> {
        match self.state(StreamId::Lead(id)) {
            Some(State::Lead(state)) if state.captured_at.is_some() => Some(state),
            _ => None,
        }
    }

    /// The account, where it has been opened.
    pub(crate) fn account(&self, id: AccountId) -> Option<&'a account::State> {
        match self.state(StreamId::Account(id)) {
            Some(State::Account(state)) if state.opened => Some(state),
            _ => None,
        }
    }

    /// The contact, where it has been opened.
    pub(crate) fn contact(&self, id: ContactId) -> Option<&'a contact::State> {
        match self.state(StreamId::Contact(id)) {
            Some(State::Contact(state)) if state.account.is_some() => Some(state),
            _ => None,
        }
    }

    /// The opportunity, where it has been opened.
    pub(crate) fn opportunity(&self, id: OpportunityId) -> Option<&'a opportunity::State> {
        match self.state(StreamId::Opportunity(id)) {
            Some(State::Opportunity(state)) if state.opened_at.is_some() => Some(state),
            _ => None,
        }
    }

    /// Where the campaign stands.
    pub(crate) fn campaign(&self, key: &str) -> campaign::State {
        match self.state(StreamId::Campaign(CampaignId::of(key))) {
            Some(State::Campaign(state)) => state.clone(),
            _ => campaign::State::default(),
        }
    }

    /// The configuration, where there is one.
    pub(crate) fn config(&self) -> Option<&'a config::State> {
        match self.state(StreamId::Config) {
            Some(State::Config(state)) => Some(state),
            _ => None,
        }
    }

    fn state(&self, stream: StreamId) -> Option<&'a State> {
        self.inputs.streams.get(&stream).map(AsRef::as_ref)
    }

    fn proposed(&self, stream: StreamId, event: Event, why: Why) -> Proposed {
        let Why { rule, inputs, policies } = why;
        let explanation = Explanation { rule, inputs };
        Proposed { stream, event, effective_at: self.at(), policies, explanation }
    }
}

/// A text input of an explanation.
pub(crate) fn text(text: impl Into<String>) -> Input {
    Input::Text(text.into())
}

/// What was said, where it is not blank.
pub(crate) fn said(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.trim().is_empty())
}
