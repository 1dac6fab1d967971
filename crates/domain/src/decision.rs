//! The contract between the rules and whoever runs them.

use crate::actor::Actor;
use crate::id::{
    AccountId, CampaignId, CommandId, ContactId, LeadId, OpportunityId, SubjectId, derive,
};
use crate::policy::{Policies, PolicyRef};
use crate::sealed::Field;
use crate::{StreamId, Timestamp, account, campaign, config, contact, lead, opportunity, subject};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Something that happened, of any aggregate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// To a lead.
    Lead(lead::Event),
    /// To an account.
    Account(account::Event),
    /// To a contact.
    Contact(contact::Event),
    /// To an opportunity.
    Opportunity(opportunity::Event),
    /// To a campaign.
    Campaign(campaign::Event),
    /// To the configuration.
    Config(config::Event),
    /// To a data subject.
    Subject(subject::Event),
}

/// Where an event comes from, and so what a counterfactual replay does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Came from outside. May be late.
    Fact,
    /// Made by policy or person. Monotone in business time within its stream.
    Decision,
    /// Amends an earlier event by its id.
    Correction,
    /// The outcome of something done to the outside world.
    Effect,
}

impl Class {
    /// The class's name in envelopes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fact => "fact",
            Self::Decision => "decision",
            Self::Correction => "correction",
            Self::Effect => "effect",
        }
    }
}

impl Event {
    /// Where the event comes from.
    pub const fn class(&self) -> Class {
        match self {
            Self::Lead(event) => event.class(),
            Self::Account(event) => event.class(),
            Self::Contact(event) => event.class(),
            Self::Opportunity(event) => event.class(),
            Self::Campaign(event) => event.class(),
            Self::Config(event) => event.class(),
            Self::Subject(event) => event.class(),
        }
    }

    /// The subjects whose keys the event orders destroyed.
    pub fn erases(&self) -> &[SubjectId] {
        match self {
            Self::Lead(lead::Event::SubjectErased { subjects })
            | Self::Contact(contact::Event::SubjectErased { subjects }) => subjects,
            _ => &[],
        }
    }
}

/// A request to change something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A lead.
    Lead(LeadId, lead::Command),
    /// An account.
    Account(AccountId, account::Command),
    /// A contact.
    Contact(ContactId, contact::Command),
    /// An opportunity.
    Opportunity(OpportunityId, opportunity::Command),
    /// A campaign, by its key.
    Campaign(String, campaign::Command),
    /// The configuration.
    Config(config::Command),
    /// A data subject.
    Subject(subject::Command),
}

impl Command {
    /// The command's name, as feeds and the API spell it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Lead(_, command) => command.name(),
            Self::Account(_, command) => command.name(),
            Self::Contact(_, command) => command.name(),
            Self::Opportunity(_, command) => command.name(),
            Self::Campaign(_, command) => command.name(),
            Self::Config(command) => command.name(),
            Self::Subject(_) => "EraseSubject",
        }
    }

    /// The stream that the command is addressed to.
    pub fn target(&self) -> StreamId {
        match self {
            Self::Lead(id, _) => StreamId::Lead(*id),
            Self::Account(id, _) => StreamId::Account(*id),
            Self::Contact(id, _) => StreamId::Contact(*id),
            Self::Opportunity(id, _) => StreamId::Opportunity(*id),
            Self::Campaign(key, _) => StreamId::Campaign(CampaignId::of(key)),
            Self::Config(_) => StreamId::Config,
            Self::Subject(subject::Command::EraseLead(lead)) => StreamId::Lead(*lead),
            Self::Subject(subject::Command::EraseContact(contact)) => StreamId::Contact(*contact),
        }
    }
}

/// The folded state of one stream.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Of a lead.
    Lead(Box<lead::State>),
    /// Of an account.
    Account(account::State),
    /// Of a contact.
    Contact(contact::State),
    /// Of an opportunity.
    Opportunity(Box<opportunity::State>),
    /// Of a campaign.
    Campaign(campaign::State),
    /// Of the configuration.
    Config(Box<config::State>),
    /// Of a data subject.
    Subject(subject::State),
    /// Of a stream that no decision reads.
    Unread,
}

/// A match key of a person: the keyed hash of a normalised e-mail address, telephone number or external key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MatchKey {
    /// What was hashed: [`Field::Email`], [`Field::Phone`] or [`Field::ExternalKey`].
    pub field: Field,
    /// The hash.
    pub hash: [u8; 16],
}

/// A match key that the command carries, and who holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// The key.
    pub key: MatchKey,
    /// The stream that holds it.
    pub holder: Option<StreamId>,
}

/// Everything that a decision may look at.
#[derive(Clone, Debug)]
pub struct Inputs<'a> {
    /// The streams that [`Decider::reads`] named, and those of `matches`' holders. Absent means empty.
    pub streams: &'a BTreeMap<StreamId, Arc<State>>,
    /// The match keys of the command and who holds them.
    pub matches: &'a [Match],
}

/// How strictly the rules of the present day apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Something happens now: every rule applies.
    Live,
    /// History comes over from another system: phase rules hold, today's policies do not judge the past, unless
    /// `enforce_policies`.
    Migration {
        /// Judge the past by today's policies all the same.
        enforce_policies: bool,
        /// Refuse names that no catalogue knows, instead of registering them.
        strict: bool,
    },
}

impl Mode {
    /// Whether today's checks on ownership, required fields and gates are to be made.
    pub const fn enforces(self) -> bool {
        matches!(self, Self::Live | Self::Migration { enforce_policies: true, .. })
    }
}

/// The circumstances of a decision.
#[derive(Clone, Debug)]
pub struct Context {
    /// Who asks.
    pub actor: Actor,
    /// The present: wall clock, or the latest instant read so far during an import.
    pub now: Timestamp,
    /// When it happened: at most `now` but for permitted clock skew. Decisions take effect here.
    pub occurred_at: Timestamp,
    /// How strictly the rules apply.
    pub mode: Mode,
    /// The command's identity, from which new ones are derived.
    pub command: CommandId,
    /// The policies in force at `occurred_at`.
    pub policies: Arc<Policies>,
    /// Whether the actor may act for others: skip the ownership checks of `AcceptSAL` and the like.
    pub supervises: bool,
}

impl Context {
    /// The `counter`-th new identity of this command: the same each time it is decided.
    pub fn new_id(&self, counter: u16) -> Uuid {
        derive(self.command, self.now, counter)
    }

    /// Whether today's checks on ownership, required fields and gates are to be made.
    pub const fn enforces(&self) -> bool {
        self.mode.enforces()
    }
}

/// A value that a decision used, for its explanation. Never personal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A name.
    Text(String),
    /// A number.
    Number(i64),
    /// An instant.
    Time(Timestamp),
    /// A yes or no.
    Flag(bool),
}

/// Why an event came about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// The rule that applied, such as `acceptance.clock_started`.
    pub rule: &'static str,
    /// What it looked at.
    pub inputs: Vec<(&'static str, Input)>,
}

/// An event that a decision proposes to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// The stream to append to.
    pub stream: StreamId,
    /// What happened.
    pub event: Event,
    /// When, in business time.
    pub effective_at: Timestamp,
    /// The policy versions that shaped it.
    pub policies: Vec<PolicyRef>,
    /// Why.
    pub explanation: Explanation,
}

/// A change of a match key's holder, made with the append or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimChange {
    /// `holder` takes the key, which nobody holds.
    Take {
        /// The key.
        key: MatchKey,
        /// Who takes it.
        holder: StreamId,
        /// Whose data it is made of.
        subject: Option<SubjectId>,
    },
    /// Everything that this subject's data made is released.
    ReleaseSubject(SubjectId),
}

/// What a command leads to. No events: accepted, and already so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// What to append, in order.
    pub events: Vec<Proposed>,
    /// Which match keys change hands.
    pub claims: Vec<ClaimChange>,
}

/// A set of rules that turn commands into events.
pub trait Decider {
    /// The folded state of one stream.
    type State;
    /// What can be asked.
    type Command;
    /// What can happen.
    type Event;
    /// Why not.
    type Refusal;

    /// The state of a stream without events.
    fn initial(stream: &StreamId) -> Self::State;
    /// The streams that the decision needs; the append is conditioned on all of them.
    fn reads(command: &Self::Command) -> Vec<StreamId>;
    /// What has fallen due on `stream` by `context.now`, each step effective at its due time.
    fn settle(stream: &StreamId, inputs: &Inputs<'_>, context: &Context) -> Vec<Proposed>;
    /// What the command leads to; an empty decision means accepted, and already so.
    ///
    /// # Errors
    /// The refusal, a value with a stable code.
    fn decide(
        inputs: &Inputs<'_>,
        command: &Self::Command,
        context: &Context,
    ) -> Result<Decision, Self::Refusal>;
    /// Folds one event. Total: never fails, never calculates.
    fn evolve(state: &mut Self::State, event: &Self::Event, at: Timestamp);
}

/// leadline's rules.
#[derive(Clone, Copy, Debug)]
pub struct Leadline;
