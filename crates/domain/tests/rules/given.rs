//! Given events, when a command, then events or a refusal.

use leadline_domain::actor::{Actor, ActorKind};
use leadline_domain::decision::{ClaimChange, Match, MatchKey, Mode};
use leadline_domain::id::{AccountId, CampaignId, CommandId, ContactId, LeadId, OpportunityId};
use leadline_domain::id::{SubjectId, TouchId, derive};
use leadline_domain::money::{Currency, Money};
use leadline_domain::policy::{Policies, shipped};
use leadline_domain::sealed::{Field, FieldSet};
use leadline_domain::{
    Command, Context, Decider, Decision, Event, Inputs, Leadline, Refusal, Sealed, State, StreamId,
    Timestamp, campaign, config, lead, opportunity,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

pub(crate) const LEAD: LeadId = LeadId(Uuid::from_u128(0x1ead));
pub(crate) const OTHER: LeadId = LeadId(Uuid::from_u128(0x1eae));
pub(crate) const ACCOUNT: AccountId = AccountId(Uuid::from_u128(0xacc));
pub(crate) const CONTACT: ContactId = ContactId(Uuid::from_u128(0xc0));
pub(crate) const OPPORTUNITY: OpportunityId = OpportunityId(Uuid::from_u128(0x0bb));
pub(crate) const SUBJECT: SubjectId = SubjectId(Uuid::from_u128(0x5b));

/// `hours` after Monday 2 March 2026, 00:00 UTC.
pub(crate) fn hour(hours: i64) -> Timestamp {
    Timestamp::parse("2026-03-02T00:00:00Z").unwrap().plus_millis(hours * 3_600_000)
}

pub(crate) fn euro(minor: i64) -> Money {
    Money { minor, currency: Currency::EUR }
}

#[expect(clippy::unnecessary_wraps, reason = "it stands where the vocabulary wants an option")]
pub(crate) fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

pub(crate) fn sealed(content: u8) -> Sealed {
    Sealed { subject: SUBJECT, envelope: Arc::from([content]) }
}

pub(crate) fn fields(fields: &[Field]) -> FieldSet {
    fields.iter().copied().collect()
}

pub(crate) fn matched(field: Field, hash: u8, holder: Option<StreamId>) -> Match {
    Match { key: MatchKey { field, hash: [hash; 16] }, holder }
}

pub(crate) fn person(id: &str) -> Actor {
    Actor { kind: ActorKind::Person, id: id.to_owned(), on_behalf_of: None }
}

/// A history of its own, and the circumstances of the next command.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) streams: BTreeMap<StreamId, Arc<State>>,
    pub(crate) matches: Vec<Match>,
    pub(crate) context: Context,
    policies: Option<Arc<Policies>>,
    commands: u128,
}

impl World {
    /// Nothing has happened; it is Monday morning, and Ada acts.
    pub(crate) fn new() -> Self {
        let context = Context {
            actor: person("ada"),
            now: hour(0),
            occurred_at: hour(0),
            mode: Mode::Live,
            command: CommandId(Uuid::from_u128(1)),
            policies: shipped::policies(),
            supervises: false,
        };
        let (streams, matches) = (BTreeMap::new(), Vec::new());
        let mut world = Self { streams, matches, context, policies: None, commands: 1 };
        let ada = config::Event::NameRegistered {
            catalogue: config::Catalogue::Person,
            name: "ada".to_owned(),
        };
        world.fold(StreamId::Config, &Event::Config(ada), hour(-100));
        world
    }

    /// The present moves on.
    pub(crate) fn at(mut self, hours: i64) -> Self {
        (self.context.now, self.context.occurred_at) = (hour(hours), hour(hours));
        self
    }

    /// It happened then, and is told now.
    pub(crate) fn told_late(mut self, hours: i64) -> Self {
        self.context.occurred_at = hour(hours);
        self
    }

    pub(crate) fn by(mut self, actor: &str) -> Self {
        self.context.actor = person(actor);
        self
    }

    pub(crate) fn mode(mut self, mode: Mode) -> Self {
        self.context.mode = mode;
        self
    }

    /// An import that registers what it does not know and judges nothing.
    pub(crate) fn import(self) -> Self {
        self.mode(Mode::Migration { enforce_policies: false, strict: false })
    }

    pub(crate) fn supervising(mut self) -> Self {
        self.context.supervises = true;
        self
    }

    pub(crate) fn matching(mut self, matches: &[Match]) -> Self {
        self.matches = matches.to_vec();
        self
    }

    pub(crate) fn under(mut self, change: impl FnOnce(&mut Policies)) -> Self {
        let mut policies = Policies::clone(&self.context.policies);
        change(&mut policies);
        self.policies = Some(Arc::new(policies));
        self
    }

    /// Folds one event of the lead.
    pub(crate) fn lead(mut self, hours: i64, event: lead::Event) -> Self {
        self.fold(StreamId::Lead(LEAD), &Event::Lead(event), hour(hours));
        self
    }

    /// Folds one event of any stream.
    pub(crate) fn given(mut self, stream: StreamId, hours: i64, event: &Event) -> Self {
        self.fold(stream, event, hour(hours));
        self
    }

    fn fold(&mut self, stream: StreamId, event: &Event, at: Timestamp) {
        let state =
            self.streams.entry(stream).or_insert_with(|| Arc::new(Leadline::initial(&stream)));
        Leadline::evolve(Arc::make_mut(state), event, at);
    }

    fn context(&self) -> Context {
        let mut context = self.context.clone();
        context.policies = match (&self.policies, self.streams.get(&StreamId::Config).map(|s| &**s))
        {
            (Some(policies), _) => Arc::clone(policies),
            (None, Some(State::Config(config))) => config.policies_at(context.occurred_at),
            _ => shipped::policies(),
        };
        context
    }

    pub(crate) fn decide(&self, command: &Command) -> Result<Decision, Refusal> {
        let inputs = Inputs { streams: &self.streams, matches: &self.matches };
        let context = self.context();
        let decision = Leadline::decide(&inputs, command, &context);
        assert_eq!(decision, Leadline::decide(&inputs, command, &context), "decided twice");
        decision
    }

    /// What fell due.
    pub(crate) fn settled(&self) -> Vec<(Timestamp, lead::Event)> {
        let inputs = Inputs { streams: &self.streams, matches: &[] };
        let steps = Leadline::settle(&StreamId::Lead(LEAD), &inputs, &self.context());
        steps
            .into_iter()
            .map(|step| match step.event {
                Event::Lead(event) => (step.effective_at, event),
                other => panic!("not a lead's: {other:?}"),
            })
            .collect()
    }

    /// Folds what fell due.
    pub(crate) fn settle(mut self) -> Self {
        for (at, event) in self.settled() {
            self.fold(StreamId::Lead(LEAD), &Event::Lead(event), at);
        }
        self
    }

    /// The events on each stream, in order.
    pub(crate) fn when(&self, command: &Command) -> Result<Vec<(StreamId, Event)>, Refusal> {
        let decision = self.decide(command)?;
        Ok(decision.events.into_iter().map(|step| (step.stream, step.event)).collect())
    }

    /// The events on the lead's own stream; those on others must be registrations.
    pub(crate) fn lead_when(&self, command: lead::Command) -> Result<Vec<lead::Event>, Refusal> {
        let events = self.when(&Command::Lead(LEAD, command))?;
        Ok(events.into_iter().filter_map(lead_event).collect())
    }

    pub(crate) fn opportunity_when(
        &self,
        command: opportunity::Command,
    ) -> Result<Vec<opportunity::Event>, Refusal> {
        let events = self.when(&Command::Opportunity(OPPORTUNITY, command))?;
        let of = |(_, event)| match event {
            Event::Opportunity(event) => Some(event),
            _ => None,
        };
        Ok(events.into_iter().filter_map(of).collect())
    }

    /// Decides, folds, and moves on to the next command.
    pub(crate) fn run(mut self, command: &Command) -> Result<Self, Refusal> {
        let decision = self.decide(command)?;
        for step in &decision.events {
            self.fold(step.stream, &step.event, step.effective_at);
        }
        self.commands += 1;
        self.context.command = CommandId(Uuid::from_u128(self.commands));
        Ok(self)
    }

    pub(crate) fn state(&self) -> &lead::State {
        match self.streams.get(&StreamId::Lead(LEAD)).map(|state| &**state) {
            Some(State::Lead(state)) => state,
            _ => panic!("no lead"),
        }
    }

    pub(crate) fn touch_id(&self) -> TouchId {
        TouchId(self.new_id(0))
    }

    pub(crate) fn new_id(&self, counter: u16) -> Uuid {
        derive(self.context.command, self.context.now, counter)
    }
}

fn lead_event((_, event): (StreamId, Event)) -> Option<lead::Event> {
    match event {
        Event::Lead(event) => Some(event),
        _ => None,
    }
}

pub(crate) fn captured() -> lead::Event {
    lead::Event::Captured {
        subject: SUBJECT,
        source: some("Website"),
        campaign: some("spring"),
        person: Some(sealed(1)),
        fields: fields(&[Field::Email, Field::LastName]),
        reserved: fields(&[Field::Email]),
        amount: Some(euro(100_000)),
    }
}

pub(crate) fn campaign_stream(key: &str) -> StreamId {
    StreamId::Campaign(CampaignId::of(key))
}

pub(crate) fn planned(key: &str, registered: bool) -> Event {
    Event::Campaign(campaign::Event::Planned {
        key: key.to_owned(),
        title: None,
        channel: None,
        registered,
    })
}

pub(crate) fn registered(catalogue: config::Catalogue, name: &str) -> (StreamId, Event) {
    let name = name.to_owned();
    (StreamId::Config, Event::Config(config::Event::NameRegistered { catalogue, name }))
}

pub(crate) fn take(key: Match, holder: LeadId, subject: SubjectId) -> ClaimChange {
    let holder = StreamId::Lead(holder);
    ClaimChange::Take { key: key.key, holder, subject: Some(subject) }
}
